//! Voice activity detection: samples in, speech edges out.
//!
//! ```text
//!  audio ─▶ Framer ─ frames ─▶ Detector ─ probability ─▶ Edges ─▶ Started / Stopped
//!  any chunks, rate, channels   EarshotVad, WebRtcVad,    windows, hysteresis,
//!                               EnergyVad, or your own    minimum level
//! ```
//! [`Analyser`] is these three in a row; [`Vad`] is an analyser in a pipeline. Everything but the processor is
//! pure: no clock, no task, no frame of the pipeline.
//!
//! Positions are on the clock of the input audio: the presentation time of the audio where it has one, else
//! the samples counted since the first.
//!
//! Features: `webrtc` (on by default) builds the WebRTC project's detector, which is C. It exports symbols that
//! clash with a complete WebRTC library in the same program: switch it off there.
//!
//! Read next: [`Edges`], then [`Detector`].

mod analyser;
mod detector;
mod earshot;
mod edges;
mod energy;
mod error;
mod framer;
mod gate;
mod params;
mod processor;
mod update;
#[cfg(feature = "webrtc")]
mod webrtc;

#[cfg(feature = "webrtc")]
pub use self::webrtc::{WebRtcFrame, WebRtcMode, WebRtcRate, WebRtcVad};
pub use self::{
    analyser::{Analyser, Finding},
    detector::Detector,
    earshot::EarshotVad,
    edges::{Edge, Edges, Judged},
    energy::EnergyVad,
    error::{ParamsError, VadError},
    framer::{DetectorFrame, Framer, JUMP},
    params::{VadParams, VadParamsDelta},
    processor::{NotJudged, Vad},
    update::VadUpdateParams,
};
