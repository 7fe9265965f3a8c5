//! How loud audio is: root mean square and peak, in full scales and in decibels below full scale.
//!
//! Decibels are relative to a full-scale square wave: that is 0 dBFS, a full-scale sine is −3.01 dBFS.
//! 1. Nothing here is ever NaN or infinite: decibels end at [`FLOOR_DBFS`].
//! 2. No samples is silence.
//! 3. Channels are measured together; mix down first where that matters.
//!
//! [`Level`] sums a chunk in whole numbers, so that its length costs no precision; `dasp`'s window keeps
//! a ring of squares, which is what [`LevelMeter`] needs to look back over chunk seams.

use std::{fmt, time::Duration};

use dasp::{Sample, peak, ring_buffer, rms::Rms};

use crate::{Pcm, SampleRate};

/// What silence measures: below the −98 dBFS of 16-bit rounding noise.
pub const FLOOR_DBFS: f32 = -120.0;

/// How loud one chunk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Level {
    /// Root mean square, 0.0 to 1.0 of full scale.
    pub rms: f32,
    /// The largest absolute sample, 0.0 to 1.0 of full scale.
    pub peak: f32,
}

impl Level {
    /// The level of `samples`.
    #[must_use]
    pub fn of(samples: &[i16]) -> Self {
        if samples.is_empty() {
            return Self::default();
        }
        let squares: u128 = samples.iter().map(|&s| u128::from(i32::from(s).pow(2).unsigned_abs())).sum();
        let mean = squares as f64 / samples.len() as f64;
        // In floats, as the absolute value of the lowest 16-bit sample is not a 16-bit sample.
        let rectified = samples.iter().map(|s| peak::full_wave(s.to_sample::<f32>()));
        Self { rms: (mean.sqrt() / 32_768.0) as f32, peak: rectified.fold(0.0, f32::max) }
    }

    /// Root mean square in dBFS, at least [`FLOOR_DBFS`]: the loudness a minimum volume is compared with.
    #[must_use]
    pub fn rms_dbfs(self) -> f32 {
        dbfs(self.rms)
    }

    /// Peak in dBFS, at least [`FLOOR_DBFS`].
    #[must_use]
    pub fn peak_dbfs(self) -> f32 {
        dbfs(self.peak)
    }
}

impl From<&Pcm> for Level {
    fn from(pcm: &Pcm) -> Self {
        Self::of(pcm.samples())
    }
}

/// The loudness of a stream over its last moments, whatever its chunks.
#[derive(Clone)]
pub struct LevelMeter {
    // Squares of 16-bit samples are multiples of 2^-30, and sums of them are exact in an f64: adding and
    // taking away never drifts.
    window: Rms<f64, Vec<f64>>,
}

impl LevelMeter {
    /// Looks back over `window` of one channel: at least a sample, at most a minute of 192 kHz.
    #[must_use]
    pub fn new(rate: SampleRate, window: Duration) -> Self {
        let samples = rate.samples_in(window).clamp(1, 60 * 192_000);
        Self { window: Rms::new(ring_buffer::Fixed::from(vec![0.0; samples as usize])) }
    }

    /// Takes the next samples of the stream; only as many as the window is long count.
    pub fn push(&mut self, samples: &[i16]) {
        let seen = samples.len().saturating_sub(self.window.window_frames());
        for sample in &samples[seen..] {
            self.window.next_squared(sample.to_sample::<f64>());
        }
    }

    /// Root mean square of the window in dBFS, at least [`FLOOR_DBFS`]. What has not come yet is silence.
    #[must_use]
    pub fn rms_dbfs(&self) -> f32 {
        dbfs(self.window.current() as f32)
    }

    /// Forgets what was pushed.
    pub fn clear(&mut self) {
        self.window.reset();
    }
}

impl fmt::Debug for LevelMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LevelMeter({} samples, {:.1} dBFS)", self.window.window_frames(), self.rms_dbfs())
    }
}

/// A share of full scale (0.0 to 1.0) in dBFS, at least [`FLOOR_DBFS`]; NaN counts as silence.
#[must_use]
pub fn dbfs(amplitude: f32) -> f32 {
    // `max` prefers the number where the other side is NaN.
    (20.0 * amplitude.log10()).clamp(FLOOR_DBFS, f32::MAX).max(FLOOR_DBFS)
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    fn sine(amplitude: f32) -> Vec<i16> {
        (0..1_600).map(|n| (amplitude * (TAU * n as f32 / 16.0).sin()).round() as i16).collect()
    }

    #[test]
    fn nothing_and_zeros_are_silence() {
        for samples in [&[][..], &[0; 320]] {
            let level = Level::of(samples);
            assert_eq!((level.rms, level.peak), (0.0, 0.0));
            assert_eq!((level.rms_dbfs(), level.peak_dbfs()), (FLOOR_DBFS, FLOOR_DBFS));
        }
    }

    #[test]
    fn a_full_scale_square_is_zero_decibels_and_a_sine_three_less() {
        assert_eq!(Level::of(&[i16::MIN, i16::MIN]).rms_dbfs(), 0.0);
        assert_eq!(Level::of(&[i16::MIN, 0]).peak_dbfs(), 0.0);
        assert!((Level::of(&sine(32_767.0)).rms_dbfs() + 3.01).abs() < 0.01);
        assert!((Level::of(&sine(3_276.7)).rms_dbfs() + 23.01).abs() < 0.01);
    }

    #[test]
    fn odd_amplitudes_have_a_finite_number_of_decibels() {
        for amplitude in [f32::NAN, -1.0, 0.0, f32::MIN_POSITIVE, f32::INFINITY] {
            assert!(dbfs(amplitude).is_finite() && dbfs(amplitude) >= FLOOR_DBFS, "{amplitude}");
        }
    }

    #[test]
    fn a_meter_looks_back_over_seams_and_forgets_what_is_older() {
        let mut meter = LevelMeter::new(SampleRate::HZ_16000, Duration::from_millis(20));
        for piece in sine(16_384.0).chunks(7) {
            meter.push(piece);
        }
        assert!((meter.rms_dbfs() + 9.03).abs() < 0.01, "{meter:?}");
        meter.push(&[0; 320]);
        assert_eq!(meter.rms_dbfs(), FLOOR_DBFS);
        meter.push(&[i16::MIN; 1_000]);
        assert_eq!(meter.rms_dbfs(), 0.0);
        meter.clear();
        assert_eq!(meter.rms_dbfs(), FLOOR_DBFS);
    }

    proptest! {
        #[test]
        fn no_samples_measure_outside_the_scale(samples in prop::collection::vec(any::<i16>(), 0..500)) {
            let level = Level::of(&samples);
            prop_assert!((0.0..=1.0).contains(&level.rms) && level.rms <= level.peak && level.peak <= 1.0);
            prop_assert!((FLOOR_DBFS..=0.0).contains(&level.rms_dbfs()));
        }

        #[test]
        fn a_window_as_long_as_the_chunk_measures_what_the_chunk_does(
            samples in prop::collection::vec(any::<i16>(), 160),
        ) {
            let mut meter = LevelMeter::new(SampleRate::HZ_8000, Duration::from_millis(20));
            meter.push(&samples);
            prop_assert!((meter.rms_dbfs() - Level::of(&samples).rms_dbfs()).abs() < 1e-4);
        }
    }
}
