//! Where captured samples stand on the session's clock.
//!
//! A sound card has a crystal of its own and delivers in blocks that come early or late, never before they were
//! recorded. So: position = samples so far ÷ rate + offset, where the offset is the smallest delay seen. It is
//! looked at anew every [`WINDOW`] and followed when it has moved by more than [`TOLERANCE`]: a card that is wrong by
//! 100 ppm is set right by 20 ms about every three minutes, and a machine that slept at once.
//!
//! Pure. In: how many samples have come by when. Out: the place of the next sample.

use std::time::Duration;

use voxline_audio::SampleRate;

const WINDOW: Duration = Duration::from_secs(10);
const TOLERANCE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct CaptureClock {
    rate: SampleRate,
    samples: u64,
    /// What to add to the time that samples tell, in nanoseconds: less than nothing for a card that is fast.
    offset: Option<i128>,
    smallest: i128,
    window_ends: Duration,
}

impl CaptureClock {
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self { rate, samples: 0, offset: None, smallest: i128::MAX, window_ends: Duration::ZERO }
    }

    /// So many samples have come by `now`; where the first of them stands.
    pub(crate) fn handle_samples(&mut self, now: Duration, samples: u64) -> Duration {
        let begins = nanos(self.rate.duration_of(self.samples));
        self.samples += samples;
        let delay = nanos(now) - nanos(self.rate.duration_of(self.samples));
        self.smallest = self.smallest.min(delay);
        let offset = match self.offset {
            None => {
                self.window_ends = now + WINDOW;
                delay
            }
            Some(offset) if now >= self.window_ends => {
                let seen = std::mem::replace(&mut self.smallest, i128::MAX);
                self.window_ends = now + WINDOW;
                if (seen - offset).abs() > nanos(TOLERANCE) { seen } else { offset }
            }
            // Earlier than could be: the offset was of a block that came late.
            Some(offset) => offset.min(delay),
        };
        self.offset = Some(offset);
        Duration::from_nanos(u64::try_from((begins + offset).max(0)).unwrap_or(u64::MAX))
    }

    /// So many samples were lost before they could be read.
    pub(crate) fn handle_lost(&mut self, samples: u64) {
        self.samples += samples;
    }
}

fn nanos(time: Duration) -> i128 {
    // A duration has fewer than 2^94 nanoseconds.
    time.as_nanos() as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn blocks_that_come_late_do_not_move_the_clock() {
        let mut clock = CaptureClock::new(SampleRate::HZ_16000);
        let places: Vec<_> = [520, 540, 595, 596, 600].map(|now| clock.handle_samples(ms(now), 320)).into();
        assert_eq!(places, [500, 520, 540, 560, 580].map(ms));
    }

    #[test]
    fn a_first_block_that_was_late_is_set_right_by_the_next() {
        let mut clock = CaptureClock::new(SampleRate::HZ_16000);
        assert_eq!(clock.handle_samples(ms(700), 320), ms(680));
        assert_eq!(clock.handle_samples(ms(700), 320), ms(680));
        assert_eq!(clock.handle_samples(ms(705), 320), ms(685));
    }

    #[test]
    fn lost_samples_leave_a_gap() {
        let mut clock = CaptureClock::new(SampleRate::HZ_16000);
        clock.handle_samples(ms(20), 320);
        clock.handle_lost(1_600);
        assert_eq!(clock.handle_samples(ms(140), 320), ms(120));
    }

    #[test]
    fn a_card_that_drifts_is_followed_for_hours() {
        for ppm in [-300_i64, 300] {
            let seed = 7;
            let mut random = fastrand::Rng::with_seed(seed);
            let mut clock = CaptureClock::new(SampleRate::HZ_16000);
            for block in 0..720_000_u64 {
                // What the card takes for 20 ms is a little more or less.
                let micros = |block: u64| Duration::from_nanos((20_000_000 + 20 * ppm) as u64 * block);
                let (recorded, until) = (micros(block), micros(block + 1));
                let place = clock.handle_samples(until + ms(random.u64(..5)), 320);
                let off = place.abs_diff(recorded);
                assert!(off < ms(30), "{ppm} ppm, seed {seed}: {off:?} after {recorded:?}");
            }
        }
    }
}
