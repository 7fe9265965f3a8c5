//! What tells speech from everything else, a frame at a time.
//!
//! In: frames of exactly [`Detector::frame_len`] samples, mono, at [`Detector::rate`]. Out: how likely each
//! of them is speech. A detector knows no windows, no levels and no clock: [`Edges`](crate::Edges) makes
//! edges of its probabilities, [`Framer`](crate::Framer) makes frames of any audio.
//!
//! Detectors here: [`EarshotVad`](crate::EarshotVad) (the default), `WebRtcVad` (feature `webrtc`),
//! [`EnergyVad`](crate::EnergyVad) (for tests and simulated voices). Bring your own by this trait.

use std::time::Duration;

use voxline_audio::SampleRate;

use crate::VadError;

/// Judges frames of one stream. Keep one detector a stream: most remember what came before.
pub trait Detector: Send {
    /// Its name, for errors and logs.
    fn name(&self) -> &'static str;

    /// The rate it listens at.
    fn rate(&self) -> SampleRate;

    /// How many samples each frame has. Never zero, and the same for as long as the detector lives.
    fn frame_len(&self) -> usize;

    /// How likely `frame` is speech, 0 to 1. A frame takes well under a millisecond: it runs where media runs.
    ///
    /// # Errors
    /// [`VadError::FrameLength`] when `frame` is not [`frame_len`](Self::frame_len) samples long, and whatever
    /// else keeps it from a judgement. The next frame is judged as if this one had not been.
    fn detect(&mut self, frame: &[i16]) -> Result<f32, VadError>;

    /// Forgets what came before: the next frame begins another stream.
    fn reset(&mut self);

    /// How long it typically goes on hearing speech after the last of it. Edges are moved back by this, and
    /// it is not waited for twice.
    fn hangover(&self) -> Duration {
        Duration::ZERO
    }

    /// How many of the frames before it must have been heard for a frame to be judged well; `None` for all of them.
    ///
    /// A detector that needs only some is spared what is too quiet to be speech, and hears the last of that
    /// when it gets louder.
    fn memory(&self) -> Option<usize> {
        None
    }
}

impl<D: Detector + ?Sized> Detector for Box<D> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn rate(&self) -> SampleRate {
        (**self).rate()
    }

    fn frame_len(&self) -> usize {
        (**self).frame_len()
    }

    fn detect(&mut self, frame: &[i16]) -> Result<f32, VadError> {
        (**self).detect(frame)
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn hangover(&self) -> Duration {
        (**self).hangover()
    }

    fn memory(&self) -> Option<usize> {
        (**self).memory()
    }
}

/// The check that every detector begins with.
pub(crate) fn check_len(detector: &impl Detector, frame: &[i16]) -> Result<(), VadError> {
    let (detector, expected, got) = (detector.name(), detector.frame_len(), frame.len());
    if got == expected { Ok(()) } else { Err(VadError::FrameLength { detector, expected, got }) }
}

/// Keeps what is not a probability from being taken for one.
pub(crate) fn probability(detector: &'static str, got: f32) -> Result<f32, VadError> {
    // Also false for NaN.
    if (0.0..=1.0).contains(&got) { Ok(got) } else { Err(VadError::NotAProbability { detector, got }) }
}
