//! The default detector: a small neural model in pure Rust, by the `earshot` crate.
//!
//! In: frames of 256 samples at 16 kHz, and nothing else: on other lengths the crate panics in debug builds
//! and answers −1 in release builds, so they are refused here. Out: the model's score.
//! 1. Only whole numbers go in, so the NaN that the crate would score as speech cannot.
//! 2. Its 8 KB of state live on the heap.
//!
//! Takes 6.2 µs a frame (release build, 2-core server), so 0.04 % of a core a call; resampled from 8 kHz,
//! 9.8 µs for 20 ms. Threshold and hysteresis were chosen on it: see [`VadParams`](crate::VadParams).

use std::{fmt, time::Duration};

use earshot::Detector as Model;
use voxline_audio::SampleRate;

use crate::{
    Detector, VadError,
    detector::{check_len, probability},
};

/// Samples the model takes at a time: 16 ms.
const FRAME_LEN: usize = 256;

/// Median on clean synthetic speech whose level does not give the end away, at a threshold of 0.5.
const HANGOVER: Duration = Duration::from_millis(85);

/// Its features are made of five frames; a little more for its recurrent state.
const MEMORY: usize = 8;

/// A neural detector that needs no model file and no C.
pub struct EarshotVad {
    model: Box<Model>,
}

impl EarshotVad {
    /// A detector that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { model: Model::default_boxed() }
    }
}

impl Default for EarshotVad {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EarshotVad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EarshotVad")
    }
}

impl Detector for EarshotVad {
    fn name(&self) -> &'static str {
        "earshot"
    }

    fn rate(&self) -> SampleRate {
        SampleRate::HZ_16000
    }

    fn frame_len(&self) -> usize {
        FRAME_LEN
    }

    fn detect(&mut self, frame: &[i16]) -> Result<f32, VadError> {
        check_len(self, frame)?;
        probability(self.name(), self.model.predict_i16(frame))
    }

    fn reset(&mut self) {
        self.model.reset();
    }

    fn hangover(&self) -> Duration {
        HANGOVER
    }

    fn memory(&self) -> Option<usize> {
        Some(MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_of_another_length_are_refused_instead_of_panicking() {
        let mut vad = EarshotVad::new();
        for got in [0, 1, 160, 255, 257, 320] {
            let refused = Err(VadError::FrameLength { detector: "earshot", expected: 256, got });
            assert_eq!(vad.detect(&vec![0; got]), refused);
        }
    }

    #[test]
    fn silence_is_not_speech() {
        let mut vad = EarshotVad::new();
        for _ in 0..100 {
            assert!(vad.detect(&[0; FRAME_LEN]).unwrap() < 0.35);
        }
    }

    #[test]
    fn a_reset_detector_answers_like_a_new_one() {
        let frames: Vec<[i16; FRAME_LEN]> = {
            let mut random = fastrand::Rng::with_seed(1);
            (0..20).map(|_| std::array::from_fn(|_| random.i16(..))).collect()
        };
        let mut used = EarshotVad::new();
        let hear = |vad: &mut EarshotVad| -> Vec<f32> {
            frames.iter().map(|frame| vad.detect(frame).unwrap()).collect()
        };
        let first = hear(&mut used);
        used.reset();
        assert_eq!(hear(&mut used), first);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_frame_has_a_probability(frame in prop::collection::vec(any::<i16>(), FRAME_LEN)) {
            let mut vad = EarshotVad::new();
            for _ in 0..4 {
                prop_assert!((0.0..=1.0).contains(&vad.detect(&frame).unwrap()));
            }
        }
    }
}
