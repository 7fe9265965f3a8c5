//! The resampler on tones: level, position, purity, length, and the same samples however the input is cut.
#![cfg(feature = "resample")]

use std::{f64::consts::TAU, time::Duration};

use proptest::prelude::*;
use voxline_audio::{Level, Pcm, ResampleError, Resampler, SampleRate, StreamResampler};

const RATES: [u32; 8] = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const AMPLITUDE: f64 = 26_000.0;

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    RATES.into_iter().flat_map(|from| RATES.into_iter().map(move |to| (from, to))).filter(|(a, b)| a != b)
}

fn resampler(from: u32, to: u32) -> StreamResampler {
    let rate = |hz| SampleRate::new(hz).expect("a rate of the test");
    StreamResampler::new(rate(from), rate(to)).expect("rates in range")
}

fn resample(from: u32, to: u32, samples: &[i16]) -> Vec<i16> {
    let (mut stream, mut out) = (resampler(from, to), Vec::new());
    stream.push(samples, &mut out);
    stream.flush(&mut out);
    out
}

/// Half a second.
fn tone(hz: f64, rate: u32) -> Vec<i16> {
    (0..rate / 2)
        .map(|n| (AMPLITUDE * (TAU * hz * f64::from(n) / f64::from(rate)).sin()).round() as i16)
        .collect()
}

fn middle(samples: &[i16]) -> std::ops::Range<usize> {
    samples.len() / 4..samples.len() * 3 / 4
}

/// The tone of `hz` found in the middle half of the samples.
struct Found {
    gain_db: f64,
    /// How many samples too early.
    shift: f64,
    /// The largest difference from a pure tone, in steps of 16 bits.
    residual: f64,
}

fn find(hz: f64, rate: u32, samples: &[i16]) -> Found {
    let at = |n: usize| (TAU * hz * n as f64 / f64::from(rate)).sin_cos();
    let (mut ss, mut sc, mut cc, mut xs, mut xc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for n in middle(samples) {
        let ((sin, cos), x) = (at(n), f64::from(samples[n]));
        (ss, sc, cc) = (ss + sin * sin, sc + sin * cos, cc + cos * cos);
        (xs, xc) = (xs + x * sin, xc + x * cos);
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = ((xs * cc - xc * sc) / determinant, (xc * ss - xs * sc) / determinant);
    let off = |n: usize| (f64::from(samples[n]) - a * at(n).0 - b * at(n).1).abs();
    Found {
        gain_db: 20.0 * (a.hypot(b) / AMPLITUDE).log10(),
        shift: b.atan2(a) / TAU / hz * f64::from(rate),
        residual: middle(samples).map(off).fold(0.0, f64::max),
    }
}

#[test]
fn a_tone_keeps_its_level_and_its_position_and_stays_pure_between_all_rates() {
    for (from, to) in pairs() {
        let found = find(1_000.0, to, &resample(from, to, &tone(1_000.0, from)));
        assert!(found.gain_db.abs() < 0.01, "{from} to {to}: {} dB", found.gain_db);
        assert!(found.shift.abs() < 0.51, "{from} to {to}: {} samples off", found.shift);
        // A step at a seam would be a residual far above the rounding of two times half a step.
        assert!(found.residual < 2.0, "{from} to {to}: {} steps", found.residual);
    }
}

#[test]
fn speech_up_to_nine_tenths_of_the_lower_nyquist_passes() {
    for (from, to) in pairs() {
        let hz = 0.45 * f64::from(from.min(to));
        let found = find(hz, to, &resample(from, to, &tone(hz, from)));
        assert!(found.gain_db.abs() < 0.1, "{from} to {to}: {} dB at {hz} Hz", found.gain_db);
    }
}

#[test]
fn tones_above_the_new_nyquist_do_not_fold_back() {
    for (from, to) in pairs().filter(|(from, to)| to < from) {
        for above in [1.0, 1.03, 1.1, 1.5, 2.2, 3.7] {
            let hz = above * f64::from(to) / 2.0;
            if hz > 0.49 * f64::from(from) {
                continue;
            }
            let out = resample(from, to, &tone(hz, from));
            let level = f64::from(Level::of(&out[middle(&out)]).rms) * 32_768.0;
            let db = 20.0 * (level / (AMPLITUDE / 2_f64.sqrt())).max(1e-9).log10();
            assert!(db < -85.0, "{from} to {to}: {hz} Hz came back at {db:.1} dB");
        }
    }
}

#[test]
fn a_constant_stays_constant_over_every_seam() {
    for (from, to) in pairs() {
        let out = resample(from, to, &vec![10_000; from as usize / 2]);
        for n in middle(&out) {
            assert!((out[n] - 10_000).abs() <= 1, "{from} to {to}: {} at {n}", out[n]);
        }
    }
}

#[test]
fn a_loud_square_wave_saturates_instead_of_wrapping_around() {
    let square: Vec<i16> = (0..8_000).map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let out = resample(8_000, 16_000, &square);
    for (n, sample) in out.iter().enumerate().skip(4).take(15_000) {
        // Away from the edges (80 samples apart here) the sign must be that of the input.
        if (8..72).contains(&(n % 80)) {
            assert_eq!(sample.signum(), square[n / 2].signum(), "at {n}");
        }
    }
}

#[test]
fn an_impulse_comes_out_where_it_went_in() {
    let mut input = vec![0; 4_000];
    input[1_234] = 30_000;
    for to in [16_000, 24_000, 48_000] {
        let out = resample(8_000, to, &input);
        let peak = (0..out.len()).max_by_key(|&n| out[n]).unwrap();
        assert_eq!(peak, 1_234 * to as usize / 8_000, "to {to}");
    }
}

#[test]
fn identical_rates_pass_samples_untouched_and_at_once() {
    let mut stream = resampler(16_000, 16_000);
    let mut out = Vec::new();
    stream.push(&[1, -2, 3], &mut out);
    assert_eq!((out.as_slice(), stream.delay()), ([1, -2, 3].as_slice(), Duration::ZERO));
    stream.flush(&mut out);
    assert_eq!(out, [1, -2, 3]);
    assert!(StreamResampler::new(SampleRate::new(1).unwrap(), SampleRate::new(1).unwrap()).is_ok());
}

#[test]
fn no_more_than_the_stated_delay_is_held_back() {
    for (from, to) in pairs() {
        let mut stream = resampler(from, to);
        let (mut out, mut pushed) = (Vec::new(), 0_u32);
        for _ in 0..40 {
            stream.push(&[5; 77], &mut out);
            pushed += 77;
            let seconds = f64::from(pushed) / f64::from(from) - out.len() as f64 / f64::from(to);
            let sample = 1.0 / f64::from(to);
            assert!(seconds >= 0.0, "{from} to {to}: more came out than went in");
            assert!(
                seconds <= stream.delay().as_secs_f64() + sample,
                "{from} to {to}: {seconds} s held back"
            );
        }
    }
}

#[test]
fn rates_out_of_range_are_refused_by_name() {
    let (slow, fine) = (SampleRate::new(3_999).unwrap(), SampleRate::HZ_8000);
    let fast = SampleRate::new(u32::MAX).unwrap();
    assert_eq!(StreamResampler::new(slow, fine).err(), Some(ResampleError::RateOutOfRange(slow)));
    assert_eq!(StreamResampler::new(fine, fast).err(), Some(ResampleError::RateOutOfRange(fast)));
}

#[test]
fn rates_with_no_common_divisor_work_too() {
    for (from, to) in [(12_345, 16_000), (16_000, 12_345), (5_512, 16_000), (22_051, 8_000)] {
        let out = resample(from, to, &tone(1_000.0, from));
        let found = find(1_000.0, to, &out);
        assert!(found.gain_db.abs() < 0.01 && found.residual < 2.0, "{from} to {to}");
        assert!(found.shift.abs() < 0.51, "{from} to {to}: {} samples off", found.shift);
    }
}

#[test]
fn a_resampler_can_move_to_another_thread_and_shows_no_samples() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let mut stream = sendable(resampler(8_000, 16_000));
    stream.push(&[12_345; 10], &mut Vec::new());
    assert_eq!(format!("{stream:?}"), "StreamResampler(8000 Hz to 16000 Hz, 10 samples in, 0 out)");
    assert_eq!((stream.input_rate().hz(), stream.output_rate().hz()), (8_000, 16_000));
    assert_eq!(Pcm::mono([0; 10], stream.input_rate()).frames(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_chunking_gives_the_identical_samples(
        samples in prop::collection::vec(any::<i16>(), 0..3_000),
        cuts in prop::collection::vec(0_usize..900, 1..10),
        (from, to) in prop::sample::select(pairs().collect::<Vec<_>>()),
    ) {
        let at_once = resample(from, to, &samples);
        let (mut stream, mut out) = (resampler(from, to), Vec::new());
        let mut rest = samples.as_slice();
        for cut in cuts {
            let (piece, later) = rest.split_at(cut.min(rest.len()));
            stream.push(piece, &mut out);
            rest = later;
        }
        stream.push(rest, &mut out);
        stream.flush(&mut out);
        prop_assert_eq!(out, at_once);
    }

    #[test]
    fn the_length_is_exact_and_the_next_stream_begins_clean(
        length in 0_usize..5_000,
        (from, to) in prop::sample::select(pairs().collect::<Vec<_>>()),
    ) {
        let exact = (length as f64 * f64::from(to) / f64::from(from)).round() as usize;
        let mut stream = resampler(from, to);
        let samples = tone(700.0, from);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        stream.push(&samples[..length.min(samples.len())], &mut first);
        stream.push(&vec![0; length.saturating_sub(samples.len())], &mut first);
        stream.flush(&mut first);
        prop_assert_eq!(first.len(), exact);

        stream.push(&samples, &mut second);
        stream.flush(&mut second);
        prop_assert_eq!(second, resample(from, to, &samples));
    }
}
