//! What can go wrong while listening for speech.

use voxline_audio::ResampleError;

/// Why a stretch of audio could not be judged. Later audio can: none of these ends the detector.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VadError {
    /// The detector was handed a frame of another length than it asked for: a fault of the caller.
    #[error("{detector} takes frames of {expected} samples, got {got}")]
    FrameLength {
        /// Its name.
        detector: &'static str,
        /// What it takes.
        expected: usize,
        /// What it was given.
        got: usize,
    },
    /// The detector refused a frame of the right length, without saying why.
    #[error("{detector} refused a frame")]
    Refused {
        /// Its name.
        detector: &'static str,
    },
    /// The detector answered with something that is not a probability: a fault of the detector.
    #[error("{detector} answered {got}, which is not a probability")]
    NotAProbability {
        /// Its name.
        detector: &'static str,
        /// What it answered.
        got: f32,
    },
    /// The audio's rate cannot be brought to what the detector needs.
    #[error(transparent)]
    Rate(#[from] ResampleError),
}

/// Parameters that cannot be used: change the field and try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {accepted}")]
pub struct ParamsError {
    /// The field, as in [`VadParams`](crate::VadParams).
    pub field: &'static str,
    /// What would be accepted.
    pub accepted: &'static str,
}
