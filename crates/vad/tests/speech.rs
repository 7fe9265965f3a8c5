//! The detectors on speech. The fixture is 16 kHz µ-law: two sentences and two words in two voices of espeak-ng,
//! 0.8 s apart, over a noise floor of −75 dBFS; its truth is where the clean voice was above −55 dBFS.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and its helpers with it")]

use std::time::Duration;

use proptest::prelude::*;
use voxline_audio::{Encoding, Pcm, Resampler as _, SampleRate, StreamResampler, convert, g711};
use voxline_vad::{Analyser, Detector, EarshotVad, Edge, Finding, VadParams};

/// Beginning and end of the three utterances, in ms.
const TRUTH: [(u64, u64); 3] = [(600, 2_715), (3_515, 5_351), (6_151, 6_889)];

fn recording() -> Pcm {
    let bytes = include_bytes!("fixtures/three-utterances-16k.ulaw");
    convert::decode(bytes, Encoding::MuLaw, SampleRate::HZ_16000).unwrap()
}

fn over_the_telephone() -> Pcm {
    let mut narrow = StreamResampler::new(SampleRate::HZ_16000, SampleRate::HZ_8000).unwrap();
    let mut samples = Vec::new();
    narrow.push(recording().samples(), &mut samples);
    narrow.flush(&mut samples);
    let coded = samples.into_iter().map(|sample| g711::decode_mulaw(g711::encode_mulaw(sample)));
    Pcm::mono(coded.collect::<Vec<_>>(), SampleRate::HZ_8000)
}

fn in_stereo(mono: &Pcm) -> Pcm {
    let samples: Vec<_> = mono.samples().iter().flat_map(|&sample| [sample, sample]).collect();
    Pcm::interleaved(samples, mono.rate(), 2).unwrap()
}

fn edges(detector: impl Detector + 'static, chunks: impl IntoIterator<Item = Pcm>) -> Vec<Edge> {
    let mut analyser = Analyser::new(detector);
    let mut findings = Vec::new();
    for chunk in chunks {
        analyser.handle_audio(&chunk, None, &mut findings);
    }
    analyser.handle_ceased(Duration::ZERO, &mut findings);
    let edge = |finding| match finding {
        Finding::Edge(edge) => edge,
        Finding::Failed(error) => panic!("{error}"),
    };
    findings.into_iter().map(edge).collect()
}

fn cut(pcm: &Pcm, len: usize) -> Vec<Pcm> {
    let whole = len * usize::from(pcm.channels());
    let chunks = pcm.samples().chunks(whole);
    chunks.map(|chunk| Pcm::interleaved(chunk, pcm.rate(), pcm.channels()).unwrap()).collect()
}

#[track_caller]
fn assert_finds_the_utterances(detector: impl Detector + 'static, pcm: &Pcm) {
    let edges = edges(detector, cut(pcm, pcm.rate().hz() as usize / 50));
    let expected = TRUTH.iter().flat_map(|&(began, ended)| [(true, began), (false, ended)]);
    assert_eq!(edges.len(), 2 * TRUTH.len(), "{edges:?}");
    for (edge, (starts, truth)) in edges.iter().zip(expected) {
        let (is_start, at) = match *edge {
            Edge::Started { at, .. } => (true, at),
            Edge::Stopped { at, .. } => (false, at),
        };
        assert_eq!(is_start, starts, "{edges:?}");
        assert!(at.abs_diff(Duration::from_millis(truth)) < Duration::from_millis(120), "{truth}: {edges:?}");
    }
}

#[test]
fn the_default_detector_finds_each_utterance_whole() {
    assert_finds_the_utterances(EarshotVad::new(), &recording());
}

#[test]
fn it_does_so_over_the_telephone_and_in_stereo() {
    assert_finds_the_utterances(EarshotVad::new(), &over_the_telephone());
    assert_finds_the_utterances(EarshotVad::new(), &in_stereo(&recording()));
}

#[cfg(feature = "webrtc")]
#[test]
fn the_webrtc_detector_finds_each_utterance_whole() {
    use voxline_vad::{WebRtcRate, WebRtcVad};

    assert_finds_the_utterances(WebRtcVad::default(), &recording());
    assert_finds_the_utterances(WebRtcVad::default(), &over_the_telephone());
    assert_finds_the_utterances(WebRtcVad::default().with_rate(WebRtcRate::Hz8000), &over_the_telephone());
    assert_finds_the_utterances(WebRtcVad::default().with_rate(WebRtcRate::Hz48000), &recording());
}

#[test]
fn stops_are_confirmed_one_stop_window_after_the_end() {
    let window = VadParams::default().stop_window;
    for edge in edges(EarshotVad::new(), [recording()]) {
        if let Edge::Stopped { confirmed_after, .. } = edge {
            // To within one frame of the detector.
            assert!((window..window + Duration::from_millis(16)).contains(&confirmed_after), "{edge:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn edges_do_not_depend_on_the_chunks(len in 1..5_000_usize, telephone in any::<bool>()) {
        let pcm = if telephone { over_the_telephone() } else { recording() };
        let whole = edges(EarshotVad::new(), [pcm.clone()]);
        prop_assert_eq!(edges(EarshotVad::new(), cut(&pcm, len)), whole);
    }
}
