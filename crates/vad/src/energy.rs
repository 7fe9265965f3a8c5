//! A detector that only measures how loud it is.
//!
//! For tests and for demonstrations with simulated voices: tones are not speech to the other detectors, and
//! should not be. On a telephone it takes every noise for speech.
//!
//! In: frames of 10 ms at the rate it was made for. Out: 0 up to 5 dB below its threshold, 0.5 at it, 1 from
//! 5 dB above it. It remembers nothing.

use std::time::Duration;

use voxline_audio::{Level, SampleRate};

use crate::{Detector, VadError, detector::check_len};

/// How far from the threshold doubt ends, in dB.
const DOUBT_DB: f32 = 5.0;

/// Takes what is louder than a threshold for speech.
#[derive(Clone, Debug)]
pub struct EnergyVad {
    rate: SampleRate,
    threshold_dbfs: f32,
}

impl EnergyVad {
    /// Hears speech from `threshold_dbfs` on (0 is full scale; a threshold that is no number hears nothing),
    /// at 16 kHz.
    #[must_use]
    pub fn new(threshold_dbfs: f32) -> Self {
        Self { rate: SampleRate::HZ_16000, threshold_dbfs }
    }

    /// Listens at another rate, which saves resampling.
    #[must_use]
    pub fn with_rate(mut self, rate: SampleRate) -> Self {
        self.rate = rate;
        self
    }
}

impl Default for EnergyVad {
    /// Hears speech from −40 dBFS on.
    fn default() -> Self {
        Self::new(-40.0)
    }
}

impl Detector for EnergyVad {
    fn name(&self) -> &'static str {
        "energy"
    }

    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn frame_len(&self) -> usize {
        // At most 42,949,672, and at least one sample at the slowest of rates.
        self.rate.samples_in(Duration::from_millis(10)).max(1) as usize
    }

    fn detect(&mut self, frame: &[i16]) -> Result<f32, VadError> {
        check_len(self, frame)?;
        let above = Level::of(frame).rms_dbfs() - self.threshold_dbfs;
        let likely = (0.5 + above / (2.0 * DOUBT_DB)).clamp(0.0, 1.0);
        // `max` prefers the number where the other side is NaN.
        Ok(likely.max(0.0))
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn louder_is_likelier_and_silence_is_not_speech() {
        let mut vad = EnergyVad::default();
        let mut at = |amplitude: i16| vad.detect(&[amplitude; 160]).unwrap();
        assert_eq!((at(0), at(100), at(i16::MIN)), (0.0, 0.0, 1.0));
        assert!((at(328) - 0.5).abs() < 0.01, "−40 dBFS is 328 of 32768");
        assert!(at(300) < at(340));
    }

    #[test]
    fn a_threshold_that_is_no_number_hears_nothing() {
        assert_eq!(EnergyVad::new(f32::NAN).detect(&[i16::MAX; 160]), Ok(0.0));
    }

    #[test]
    fn frames_of_another_length_are_refused() {
        let mut vad = EnergyVad::default().with_rate(SampleRate::HZ_8000);
        assert_eq!(vad.frame_len(), 80);
        for got in [0, 79, 81] {
            let refused = Err(VadError::FrameLength { detector: "energy", expected: 80, got });
            assert_eq!(vad.detect(&vec![0; got]), refused);
        }
    }
}
