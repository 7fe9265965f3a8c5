//! Sounds that are not speech, at 16 kHz: noise, hum, tones, music, clicks.
//!
//! Levels are root mean square in dBFS. What is a pattern of sound and silence (ringing, keys, clicks) has its
//! level where it sounds.

use std::f64::consts::TAU;

use voxline_audio::{Level, SampleRate};

/// The rate of everything that is measured, before it is made narrower.
pub(crate) const RATE: SampleRate = SampleRate::HZ_16000;
/// Samples of a second.
pub(crate) const SECOND: usize = RATE.hz() as usize;

/// Noise of equal power at all frequencies.
pub(crate) fn white(len: usize, dbfs: f32, random: &mut fastrand::Rng) -> Vec<i16> {
    at_level(dbfs, (0..len).map(|_| random.f64() + random.f64() + random.f64() - 1.5))
}

/// Noise that loses 3 dB an octave: of streets and fans. Paul Kellet's filter of white noise.
pub(crate) fn pink(len: usize, dbfs: f32, random: &mut fastrand::Rng) -> Vec<i16> {
    let (mut a, mut b, mut c) = (0.0, 0.0, 0.0);
    let samples = (0..len).map(|_| {
        let white = random.f64() - 0.5;
        a = 0.99765 * a + white * 0.0990460;
        b = 0.96300 * b + white * 0.2965164;
        c = 0.57000 * c + white * 1.0526913;
        a + b + c + white * 0.1848
    });
    at_level(dbfs, samples)
}

/// Low-frequency hum: mains with its harmonics, and the rumble of an engine or an air conditioner.
pub(crate) fn hum(len: usize, dbfs: f32, random: &mut fastrand::Rng) -> Vec<i16> {
    let mut rumble = 0.0;
    let samples = (0..len).map(|n| {
        rumble = 0.98 * rumble + 0.02 * (random.f64() - 0.5);
        let mains = sine(50.0, n) + 0.5 * sine(100.0, n) + 0.3 * sine(150.0, n) + 0.1 * sine(250.0, n);
        mains + 12.0 * rumble
    });
    at_level(dbfs, samples)
}

/// A steady sine.
pub(crate) fn tone(len: usize, hz: f64, dbfs: f32) -> Vec<i16> {
    at_level(dbfs, (0..len).map(|n| sine(hz, n)))
}

/// The ringing one hears in Europe: 425 Hz, a second on, four off.
pub(crate) fn ringing(len: usize, dbfs: f32) -> Vec<i16> {
    gated(tone(len, 425.0, dbfs), |n| n % (5 * SECOND) < SECOND)
}

/// Keys of a telephone: two tones each, 100 ms on, 100 ms off, in runs of eight.
pub(crate) fn keys(len: usize, dbfs: f32, random: &mut fastrand::Rng) -> Vec<i16> {
    const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const HIGH: [f64; 3] = [1209.0, 1336.0, 1477.0];
    let pressed: Vec<(f64, f64)> =
        (0..len / (SECOND / 5) + 1).map(|_| (LOW[random.usize(..4)], HIGH[random.usize(..3)])).collect();
    let samples = (0..len).map(|n| {
        let (low, high) = pressed[n / (SECOND / 5)];
        sine(low, n) + sine(high, n)
    });
    let sounds = |n: usize| n % (SECOND / 5) < SECOND / 10 && n % (4 * SECOND) < 8 * SECOND / 5;
    gated(at_level(dbfs, samples), sounds)
}

/// Typing on a keyboard: a few milliseconds of decaying noise, three to eight times a second.
pub(crate) fn clicks(len: usize, random: &mut fastrand::Rng) -> Vec<i16> {
    let mut samples = vec![0; len];
    let mut at = 0;
    while at < len {
        let loudness = f64::from(random.u16(3_000..12_000));
        for (n, sample) in samples[at..].iter_mut().take(160).enumerate() {
            *sample = (loudness * (-(n as f64) / 30.0).exp() * (2.0 * random.f64() - 1.0)) as i16;
        }
        at += random.usize(SECOND / 8..SECOND / 3);
    }
    samples
}

/// Plucked strings (Karplus and Strong), a melody of four notes a second.
pub(crate) fn plucked(len: usize, dbfs: f32, random: &mut fastrand::Rng) -> Vec<i16> {
    const NOTES: [f64; 6] = [196.0, 220.0, 261.6, 293.7, 329.6, 392.0];
    let mut samples = vec![0.0; len];
    for begin in (0..len).step_by(SECOND / 4) {
        let period = (f64::from(RATE.hz()) / NOTES[random.usize(..NOTES.len())]) as usize;
        let mut string: Vec<f64> = (0..period).map(|_| random.f64() - 0.5).collect();
        for (n, sample) in samples[begin..].iter_mut().take(SECOND).enumerate() {
            let (here, next) = (n % period, (n + 1) % period);
            *sample += string[here];
            string[here] = 0.498 * (string[here] + string[next]);
        }
    }
    at_level(dbfs, samples)
}

/// Held chords of three notes with overtones, a new one each second: an organ, music on hold.
pub(crate) fn chords(len: usize, dbfs: f32, random: &mut fastrand::Rng) -> Vec<i16> {
    let roots: Vec<f64> =
        (0..=len / SECOND).map(|_| 130.8 * 2_f64.powf(f64::from(random.u8(..12)) / 12.0)).collect();
    let samples = (0..len).map(|n| {
        let root = roots[n / SECOND];
        let note = |hz: f64| (1..=4).map(|k| sine(hz * f64::from(k), n) / f64::from(k)).sum::<f64>();
        note(root) + note(root * 1.26) + note(root * 1.498)
    });
    at_level(dbfs, samples)
}

/// Both at once.
pub(crate) fn added(one: &[i16], other: &[i16]) -> Vec<i16> {
    one.iter().zip(other).map(|(&a, &b)| a.saturating_add(b)).collect()
}

/// The samples, so many dB louder.
pub(crate) fn amplified(samples: &[i16], db: f32) -> Vec<i16> {
    let factor = 10_f32.powf(db / 20.0);
    samples.iter().map(|&sample| (f32::from(sample) * factor).round() as i16).collect()
}

fn sine(hz: f64, n: usize) -> f64 {
    (TAU * hz * n as f64 / f64::from(RATE.hz())).sin()
}

fn gated(samples: Vec<i16>, sounds: impl Fn(usize) -> bool) -> Vec<i16> {
    samples.into_iter().enumerate().map(|(n, sample)| if sounds(n) { sample } else { 0 }).collect()
}

fn at_level(dbfs: f32, samples: impl IntoIterator<Item = f64>) -> Vec<i16> {
    let samples: Vec<f64> = samples.into_iter().collect();
    let peak = samples.iter().fold(f64::MIN_POSITIVE, |peak, sample| peak.max(sample.abs()));
    // Measured large, so that rounding does not count.
    let large: Vec<i16> = samples.iter().map(|sample| (sample / peak * 30_000.0) as i16).collect();
    let factor = f64::from(10_f32.powf((dbfs - Level::of(&large).rms_dbfs()) / 20.0));
    samples.iter().map(|sample| (sample / peak * 30_000.0 * factor).round() as i16).collect()
}
