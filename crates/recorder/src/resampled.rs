//! Brings audio with positions to the rate of the recording, keeping the positions.
//!
//! In: chunks of any rate and their place in time. Out: samples at the recording's rate and the frame they
//! belong to. Chunks that follow one another are one stretch, resampled without seams. A chunk that is more than
//! [`TOLERANCE`] off its place begins another stretch there, so counting samples never errs by more, however
//! long the call and whatever the caller's crystal.

use std::time::Duration;

use voxline_audio::{Pcm, Resampler as _, SampleRate, StreamResampler, mix};

use crate::timeline::Placed;

/// How far the place of a chunk may be off the end of the one before it. Less is jitter of its stamp.
pub(crate) const TOLERANCE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Resampled {
    rate: SampleRate,
    stretch: Option<Stretch>,
}

#[derive(Debug)]
struct Stretch {
    resampler: StreamResampler,
    rate: SampleRate,
    origin: Duration,
    /// Samples at its own rate.
    came: u64,
    /// Samples at the recording's rate.
    left: u64,
}

impl Resampled {
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self { rate, stretch: None }
    }

    /// Takes audio that begins at `at`. Audio of a rate that cannot be resampled becomes silence.
    pub(crate) fn push(&mut self, at: Duration, pcm: &Pcm, placed: &mut Vec<Placed>) {
        if pcm.is_empty() {
            return;
        }
        let goes_on = self.stretch.as_ref().is_some_and(|stretch| {
            stretch.rate == pcm.rate() && stretch.position().abs_diff(at) <= TOLERANCE
        });
        if !goes_on {
            self.finish(placed);
            self.stretch = Stretch::new(at, pcm.rate(), self.rate);
        }
        let Some(stretch) = &mut self.stretch else { return };
        stretch.came += pcm.frames() as u64;
        let mut samples = Vec::new();
        stretch.resampler.push(mix::to_mono(pcm).samples(), &mut samples);
        placed.extend(stretch.placed(samples, self.rate));
    }

    /// Ends the stretch: gives what waited in the resampler.
    pub(crate) fn finish(&mut self, placed: &mut Vec<Placed>) {
        if let Some(mut stretch) = self.stretch.take() {
            let mut samples = Vec::new();
            stretch.resampler.flush(&mut samples);
            placed.extend(stretch.placed(samples, self.rate));
        }
    }

    /// Up to where samples have been given, while a stretch goes on.
    pub(crate) fn given_to(&self) -> Option<u64> {
        self.stretch.as_ref().map(|stretch| self.rate.samples_in(stretch.origin) + stretch.left)
    }
}

impl Stretch {
    fn new(origin: Duration, from: SampleRate, to: SampleRate) -> Option<Self> {
        let resampler = StreamResampler::new(from, to).ok()?;
        Some(Self { resampler, rate: from, origin, came: 0, left: 0 })
    }

    fn position(&self) -> Duration {
        self.origin + self.rate.duration_of(self.came)
    }

    fn placed(&mut self, samples: Vec<i16>, rate: SampleRate) -> Option<Placed> {
        let at = rate.samples_in(self.origin) + self.left;
        self.left += samples.len() as u64;
        (!samples.is_empty()).then_some(Placed { at, samples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn chunk(milliseconds: u64, value: i16) -> Pcm {
        let rate = SampleRate::HZ_8000;
        Pcm::mono(vec![value; rate.samples_in(ms(milliseconds)) as usize], rate)
    }

    #[test]
    fn small_jitter_is_counted_over_and_a_jump_is_followed() {
        let mut resampled = Resampled::new(SampleRate::HZ_8000);
        let mut placed = Vec::new();
        for at in [1_000, 1_025, 1_036, 1_100] {
            resampled.push(ms(at), &chunk(20, 1), &mut placed);
        }
        let at: Vec<u64> = placed.iter().map(|placed| placed.at / 8).collect();
        assert_eq!(at, [1_000, 1_020, 1_040, 1_100]);
    }

    #[test]
    fn a_clock_that_drifts_is_never_off_by_more_than_the_tolerance() {
        let mut resampled = Resampled::new(SampleRate::HZ_8000);
        let mut placed = Vec::new();
        // Stamps of 20.004 ms for chunks of 20 ms: 200 ppm, 720 ms in an hour.
        for n in 0..180_000_u64 {
            let at = Duration::from_micros(20_004 * n);
            resampled.push(at, &chunk(20, 1), &mut placed);
            let off = SampleRate::HZ_8000.duration_of(placed[0].at).abs_diff(at);
            assert!(off <= TOLERANCE + ms(1), "{off:?} after {at:?}");
            placed.clear();
        }
    }

    #[test]
    fn nothing_is_lost_between_rates() {
        let mut resampled = Resampled::new(SampleRate::HZ_24000);
        let mut placed = Vec::new();
        for n in 0..50 {
            resampled.push(ms(500 + 20 * n), &chunk(20, 9_000), &mut placed);
        }
        resampled.finish(&mut placed);
        assert_eq!(placed[0].at, 12_000);
        assert!(placed.windows(2).all(|two| two[0].at + two[0].samples.len() as u64 == two[1].at));
        assert_eq!(placed.iter().map(|placed| placed.samples.len()).sum::<usize>(), 24_000);
    }
}
