//! The part of a call that is not on disk yet: two tracks on one clock.
//!
//! In: samples and their place. Out: interleaved frames in order, left the user, right the bot.
//! 1. What is placed where something was placed before replaces it; where nothing was placed is silence.
//! 2. What has been taken is not changed any more: later samples for it are counted and left out.
//! 3. Held: what is not taken, and [`HISTORY`] before it, for clips whose beginning is known late.
//!
//! Positions are frames since the session began. Who places bounds how far ahead.

use std::time::Duration;

use voxline_audio::SampleRate;

/// How much is held of what has been taken. A start of speech is known within the start window of a detector
/// and has a pre-roll; that it is a turn may be known after its end.
pub(crate) const HISTORY: Duration = Duration::from_millis(1_500);

/// Whose samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    User,
    Bot,
}

/// Samples and where they belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) at: u64,
    pub(crate) samples: Vec<i16>,
}

#[derive(Debug)]
pub(crate) struct Timeline {
    history: u64,
    /// Where `frames` begins.
    base: u64,
    /// Up to where frames have been taken.
    taken: u64,
    frames: Vec<[i16; 2]>,
    /// Samples that came too late.
    late: u64,
}

impl Timeline {
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self { history: rate.samples_in(HISTORY), base: 0, taken: 0, frames: Vec::new(), late: 0 }
    }

    pub(crate) fn place(&mut self, side: Side, placed: &Placed) {
        let too_late = self.taken.saturating_sub(placed.at).min(placed.samples.len() as u64);
        self.late += too_late;
        let samples = &placed.samples[too_late as usize..];
        if samples.is_empty() {
            return;
        }
        let from = (placed.at + too_late - self.base) as usize;
        let to = from + samples.len();
        if self.frames.len() < to {
            self.frames.resize(to, [0; 2]);
        }
        for (frame, &sample) in self.frames[from..to].iter_mut().zip(samples) {
            frame[side as usize] = sample;
        }
    }

    /// Silences what was placed from `from` on.
    pub(crate) fn cut(&mut self, side: Side, from: u64) {
        let from = (from.max(self.taken) - self.base) as usize;
        for frame in self.frames.iter_mut().skip(from) {
            frame[side as usize] = 0;
        }
    }

    /// The frames up to `until` that have not been taken yet, with silence where nothing is.
    pub(crate) fn take(&mut self, until: u64) -> Vec<[i16; 2]> {
        if until <= self.taken {
            return Vec::new();
        }
        let (from, to) = ((self.taken - self.base) as usize, (until - self.base) as usize);
        if self.frames.len() < to {
            self.frames.resize(to, [0; 2]);
        }
        let taken = self.frames[from..to].to_vec();
        self.taken = until;
        // In steps, so that not each block moves the rest.
        if self.taken - self.base > 2 * self.history {
            let base = self.taken - self.history;
            self.frames.drain(..(base - self.base) as usize);
            self.base = base;
        }
        taken
    }

    /// One side of what has been taken, as far back as it is held.
    pub(crate) fn taken_of(&self, side: Side, from: u64, to: u64) -> Vec<i16> {
        let (from, to) = (from.max(self.base), to.min(self.taken));
        if from >= to {
            return Vec::new();
        }
        let (from, to) = ((from - self.base) as usize, (to - self.base) as usize);
        self.frames[from..to].iter().map(|frame| frame[side as usize]).collect()
    }

    /// Up to where frames have been taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Where the last frame ends that anything was placed in.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.frames.len() as u64
    }

    /// The oldest frame held.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Samples that came too late.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(at: u64, samples: &[i16]) -> Placed {
        Placed { at, samples: samples.to_vec() }
    }

    #[test]
    fn each_side_is_placed_by_itself_and_gaps_are_silence() {
        let mut timeline = Timeline::new(SampleRate::HZ_8000);
        timeline.place(Side::User, &placed(1, &[1, 2]));
        timeline.place(Side::Bot, &placed(2, &[7, 8]));
        assert_eq!(timeline.take(5), [[0, 0], [1, 0], [2, 7], [0, 8], [0, 0]]);
        assert_eq!(timeline.take(5), Vec::<[i16; 2]>::new());
    }

    #[test]
    fn what_comes_too_late_is_counted_and_the_rest_of_it_is_placed() {
        let mut timeline = Timeline::new(SampleRate::HZ_8000);
        timeline.take(3);
        timeline.place(Side::User, &placed(1, &[1, 2, 3]));
        assert_eq!((timeline.take(4), timeline.late()), (vec![[3, 0]], 2));
        timeline.place(Side::User, &placed(0, &[9]));
        assert_eq!(timeline.late(), 3);
    }

    #[test]
    fn a_cut_silences_one_side_from_there_on() {
        let mut timeline = Timeline::new(SampleRate::HZ_8000);
        timeline.place(Side::User, &placed(0, &[1, 1, 1]));
        timeline.place(Side::Bot, &placed(0, &[2, 2, 2]));
        timeline.take(1);
        timeline.cut(Side::Bot, 0);
        assert_eq!(timeline.take(3), [[1, 0], [1, 0]]);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_what_was_placed_last_whatever_the_blocks(
            steps in prop::collection::vec((0..2_000_u64, 1..40_usize, 0..200_u64), 1..60),
        ) {
            let mut timeline = Timeline::new(SampleRate::HZ_8000);
            let mut model = vec![[0_i16; 2]; 30_000];
            let (mut taken, mut value) = (Vec::new(), 0);
            for (ahead, len, more) in steps {
                value += 1;
                let at = (timeline.taken() + ahead).saturating_sub(100);
                let side = if len % 2 == 0 { Side::User } else { Side::Bot };
                for n in at.max(timeline.taken())..at + len as u64 {
                    model[n as usize][side as usize] = value;
                }
                timeline.place(side, &Placed { at, samples: vec![value; len] });
                taken.extend(timeline.take(timeline.taken() + more));
            }
            prop_assert_eq!(&taken[..], &model[..taken.len()]);
        }
    }
}
