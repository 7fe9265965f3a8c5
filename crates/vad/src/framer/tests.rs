//! Every sample in one frame, at its own position, however the audio was cut.

use proptest::prelude::*;

use super::*;

const KHZ_16: SampleRate = SampleRate::HZ_16000;

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

fn count(from: i16, len: i16) -> Vec<i16> {
    (from..from + len).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn push(framer: &mut Framer, pcm: &Pcm, at: Option<Duration>) -> Vec<DetectorFrame> {
    let mut frames = Vec::new();
    framer.push(pcm, at, &mut frames).unwrap();
    frames
}

fn finish(framer: &mut Framer) -> Vec<DetectorFrame> {
    let mut frames = Vec::new();
    framer.finish(&mut frames);
    frames
}

fn noise(len: usize, seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| random.i16(-8_000..8_000)).collect()
}

#[test]
fn samples_at_the_right_rate_pass_untouched_and_the_rest_is_filled_up() {
    let mut framer = Framer::new(KHZ_16, 160);
    let frames = push(&mut framer, &Pcm::mono(count(0, 400), KHZ_16), None);
    assert_eq!(frames.len(), 2);
    assert_eq!((&frames[0].samples[..], frames[0].start, frames[0].end), (&count(0, 160)[..], ms(0), ms(10)));
    assert_eq!(
        (&frames[1].samples[..], frames[1].start, frames[1].end),
        (&count(160, 160)[..], ms(10), ms(20))
    );
    assert_eq!(framer.position(), ms(25));

    let rest = finish(&mut framer);
    assert_eq!(rest.len(), 1);
    assert_eq!((&rest[0].samples[..80], &rest[0].samples[80..]), (&count(320, 80)[..], &[0; 80][..]));
    assert_eq!((rest[0].start, rest[0].end), (ms(20), ms(25)));
    assert_eq!(finish(&mut framer), []);
}

#[test]
fn channels_are_averaged() {
    let mut framer = Framer::new(KHZ_16, 2);
    let stereo = Pcm::interleaved([100_i16, 300, -7, -9], KHZ_16, 2).unwrap();
    assert_eq!(&push(&mut framer, &stereo, None)[0].samples[..], [200, -8]);
}

#[test]
fn a_clock_that_starts_late_or_jumps_is_followed_and_jitter_is_not() {
    let mut framer = Framer::new(KHZ_16, 160);
    let chunk = Pcm::mono(count(0, 240), KHZ_16);
    let starts = |frames: Vec<DetectorFrame>| frames.iter().map(|f| f.start.as_millis()).collect::<Vec<_>>();
    assert_eq!(starts(push(&mut framer, &chunk, Some(ms(5_000)))), [5_000]);
    assert_eq!(starts(push(&mut framer, &chunk, Some(ms(5_060)))), [5_010, 5_020]);
    // 5 ms of the old stretch end within a frame of the new one, and nothing is lost.
    assert_eq!(starts(push(&mut framer, &chunk, None)), [5_030]);
    assert_eq!(starts(push(&mut framer, &chunk, Some(ms(9_000)))), [8_995, 9_005]);
    assert_eq!(starts(push(&mut framer, &chunk, Some(ms(100)))), [100]);
}

#[test]
fn a_change_of_rate_finishes_what_came_before() {
    let mut framer = Framer::new(KHZ_16, 160);
    let mut frames = push(&mut framer, &Pcm::mono(noise(800, 1), rate(8_000)), None);
    frames.extend(push(&mut framer, &Pcm::mono(noise(4_800, 2), rate(48_000)), None));
    frames.extend(push(&mut framer, &Pcm::mono(noise(1_600, 3), KHZ_16), None));
    frames.extend(finish(&mut framer));
    let ends: Vec<_> = frames.iter().map(|frame| frame.end).collect();
    assert_eq!(ends, (1..=30).map(|n| ms(n * 10)).collect::<Vec<_>>());
}

#[test]
fn a_rate_out_of_reach_is_an_error_and_its_time_is_counted() {
    let mut framer = Framer::new(KHZ_16, 160);
    let mut frames = Vec::new();
    for _ in 0..2 {
        let refused = framer.push(&Pcm::mono(vec![0; 100], rate(1_000)), None, &mut frames);
        assert!(matches!(refused, Err(VadError::Rate(_))), "{refused:?}");
    }
    assert_eq!(framer.position(), ms(200));
    frames.extend(push(&mut framer, &Pcm::mono(vec![0; 160], KHZ_16), None));
    assert_eq!((frames.len(), frames[0].start), (1, ms(200)));
}

#[test]
fn nothing_is_not_audio() {
    let mut framer = Framer::new(KHZ_16, 0);
    assert_eq!(push(&mut framer, &Pcm::mono([], rate(1)), Some(ms(70_000))), []);
    assert_eq!(finish(&mut framer), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn r_45_frames_do_not_depend_on_the_chunks(
        cuts in prop::collection::vec(1..1_500_usize, 1..60),
        hz in prop::sample::select(vec![8_000, 11_025, 16_000, 22_050, 44_100, 48_000]),
        seed in any::<u64>(),
    ) {
        let samples = noise(cuts.iter().sum(), seed);
        let mut whole = Framer::new(KHZ_16, 256);
        let mut expected = push(&mut whole, &Pcm::mono(samples.clone(), rate(hz)), None);
        expected.extend(finish(&mut whole));

        let mut pieces = Framer::new(KHZ_16, 256);
        let mut frames = Vec::new();
        let mut rest = &samples[..];
        for cut in cuts {
            let (piece, later) = rest.split_at(cut);
            frames.extend(push(&mut pieces, &Pcm::mono(piece, rate(hz)), None));
            rest = later;
        }
        frames.extend(finish(&mut pieces));
        prop_assert_eq!(frames, expected);
    }

    #[test]
    fn r_45_every_sample_is_in_exactly_one_frame(
        chunks in prop::collection::vec((0..700_usize, prop::option::of(0..100_000_u64)), 1..40),
        len in 1..400_usize,
    ) {
        let mut framer = Framer::new(KHZ_16, len);
        let (mut given, mut taken) = (Vec::new(), Vec::new());
        for (seed, (size, at)) in (0..).zip(chunks) {
            let samples = noise(size, seed);
            for frame in push(&mut framer, &Pcm::mono(samples.clone(), KHZ_16), at.map(ms)) {
                taken.extend_from_slice(&frame.samples);
            }
            given.extend(samples);
        }
        for frame in finish(&mut framer) {
            taken.extend_from_slice(&frame.samples);
        }
        let filled_up = taken.split_off(given.len());
        prop_assert_eq!(taken, given);
        prop_assert!(filled_up.len() < len && filled_up.iter().all(|&sample| sample == 0));
    }
}
