//! The traps of `webrtc-vad`, each held shut.

use proptest::prelude::*;
use webrtc_vad::{SampleRate as Rate, VadMode};

use super::{instance::Instance, *};

const RATES: [WebRtcRate; 4] =
    [WebRtcRate::Hz8000, WebRtcRate::Hz16000, WebRtcRate::Hz32000, WebRtcRate::Hz48000];
const FRAMES: [WebRtcFrame; 3] = [WebRtcFrame::Ms10, WebRtcFrame::Ms20, WebRtcFrame::Ms30];

fn noise(len: usize, seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| random.i16(-9_000..9_000)).collect()
}

#[test]
fn r_45_every_rate_and_frame_length_is_accepted_and_no_other() {
    for rate in RATES {
        for frame in FRAMES {
            let mut vad = WebRtcVad::default().with_rate(rate).with_frame(frame);
            let expected = vad.frame_len();
            assert_eq!(vad.detect(&vec![0; expected]), Ok(0.0), "{rate:?} {frame:?}");
            for got in [0, 1, expected - 1, expected + 1, expected * 2] {
                let refused = Err(VadError::FrameLength { detector: "webrtc", expected, got });
                assert_eq!(vad.detect(&vec![0; got]), refused, "{rate:?} {frame:?}");
            }
        }
    }
}

#[test]
fn the_library_itself_is_never_asked_about_nothing() {
    let mut instance = Instance::new();
    assert_eq!(instance.is_voice(&[]), None);
    assert_eq!(instance.is_voice(&[0; 7]), None);
}

#[test]
fn a_reset_keeps_rate_and_mode() {
    let frames: Vec<_> = (0..200).map(|seed| noise(320, seed)).collect();
    let hear = |vad: &mut WebRtcVad| -> Vec<f32> { frames.iter().map(|f| vad.detect(f).unwrap()).collect() };
    let mut vad = WebRtcVad::new(WebRtcMode::VeryAggressive);
    let first = hear(&mut vad);
    vad.reset();
    assert_eq!(hear(&mut vad), first);

    // What a bare reset would have made of it.
    let mut bare = Instance::new();
    bare.reset(Rate::Rate8kHz, VadMode::Quality);
    assert_eq!(bare.is_voice(&frames[0]), None, "320 samples are no frame at 8 kHz");
}

#[test]
fn a_detector_moved_between_threads_goes_on_where_it_was() {
    let frames: Vec<_> = (0..100).map(|seed| noise(320, seed)).collect();
    let mut stayed = WebRtcVad::default();
    let expected: Vec<_> = frames.iter().map(|f| stayed.detect(f).unwrap()).collect();

    let mut moved = WebRtcVad::default();
    let mut heard = Vec::new();
    for frame in frames {
        let (vad, answer) = std::thread::spawn(move || {
            let answer = moved.detect(&frame).unwrap();
            (moved, answer)
        })
        .join()
        .unwrap();
        moved = vad;
        heard.push(answer);
    }
    assert_eq!(heard, expected);
}

proptest! {
    #[test]
    fn no_samples_make_it_panic(frame in prop::collection::vec(any::<i16>(), 0..700)) {
        for rate in RATES {
            let mut vad = WebRtcVad::default().with_rate(rate);
            let answer = vad.detect(&frame);
            prop_assert_eq!(answer.is_ok(), frame.len() == vad.frame_len());
        }
    }
}
