//! The detector's stage is held to the law of processors.

use voxline_core::frame::FrameKind;
use voxline_testkit::conformance;
use voxline_vad::{EnergyVad, Vad};

conformance!(with_the_default_detector, Vad::default);
conformance!(interrupting, || Vad::new(EnergyVad::default()).interrupts(true));
conformance!(
    gated,
    || Vad::new(EnergyVad::default()).gate(true),
    consumes: [FrameKind::InputAudio, FrameKind::InputEncoded],
);
