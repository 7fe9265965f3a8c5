//! Who is measured: each detector, and the settings that could have become the default.

use voxline_vad::{Detector, EarshotVad, EnergyVad, VadParams};

/// A detector and its settings.
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) detector_name: &'static str,
    pub(crate) make: fn() -> Box<dyn Detector>,
    pub(crate) params: VadParams,
    pub(crate) is_first_of_its_kind: bool,
}

pub(crate) fn all() -> Vec<Candidate> {
    let mut all = vec![
        candidate("earshot .5/.35", "earshot", earshot, confident(0.5, 0.35)),
        candidate("earshot .6/.35", "earshot", earshot, confident(0.6, 0.35)),
        candidate("**earshot .6/.5**", "earshot", earshot, confident(0.6, 0.5)),
        candidate("earshot .7/.5", "earshot", earshot, confident(0.7, 0.5)),
    ];
    all.extend(webrtc());
    all.push(candidate("energy −40 dBFS", "energy", || Box::new(EnergyVad::new(-40.0)), confident(0.6, 0.5)));
    for index in 0..all.len() {
        all[index].is_first_of_its_kind =
            all[..index].iter().all(|before| before.detector_name != all[index].detector_name);
    }
    all
}

fn earshot() -> Box<dyn Detector> {
    Box::new(EarshotVad::new())
}

#[cfg(feature = "webrtc")]
fn webrtc() -> Vec<Candidate> {
    use voxline_vad::{WebRtcMode, WebRtcVad};

    let mode = |number: u8, make| candidate(&format!("webrtc {number}"), "webrtc", make, confident(0.6, 0.5));
    vec![
        mode(0, || Box::new(WebRtcVad::new(WebRtcMode::Quality))),
        mode(1, || Box::new(WebRtcVad::new(WebRtcMode::LowBitrate))),
        mode(2, || Box::new(WebRtcVad::new(WebRtcMode::Aggressive))),
        mode(3, || Box::new(WebRtcVad::new(WebRtcMode::VeryAggressive))),
    ]
}

#[cfg(not(feature = "webrtc"))]
fn webrtc() -> Vec<Candidate> {
    Vec::new()
}

fn candidate(
    name: &str,
    detector_name: &'static str,
    make: fn() -> Box<dyn Detector>,
    params: VadParams,
) -> Candidate {
    Candidate { name: name.to_owned(), detector_name, make, params, is_first_of_its_kind: false }
}

fn confident(start_confidence: f32, keep_confidence: f32) -> VadParams {
    VadParams { start_confidence, keep_confidence, ..VadParams::default() }
}
