//! Withholds silence, and lets the audio just before speech through when speech begins.
//!
//! In: frames of audio and where they end. Out: the frames to pass on when speech has begun.
//! 1. Order is kept, and no frame comes out twice.
//! 2. Held: never more than `pre_roll`, the start window and [`SLACK`], plus one frame. The oldest go first.

use std::{collections::VecDeque, time::Duration};

use voxline_core::frame::Frame;

use crate::VadParams;

/// How far detection may be behind the audio: a block of resampling and a frame of the detector.
const SLACK: Duration = Duration::from_millis(100);

/// Audio that may turn out to be the beginning of speech.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    held: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    frame: Frame,
    end: Duration,
}

impl Gate {
    /// Holds `frame`, which ends at `end`, and drops what is too old to become part of speech.
    pub(crate) fn hold(&mut self, frame: Frame, end: Duration, params: &VadParams) {
        self.held.push_back(Held { frame, end });
        let oldest = end.saturating_sub(params.pre_roll + params.start_window + SLACK);
        // A clock that jumps back makes what is held look late: that is old, too.
        while self.held.front().is_some_and(|held| held.end <= oldest || held.end > end) {
            self.held.pop_front();
        }
    }

    /// Speech began at `at`: gives what belongs to it.
    pub(crate) fn release(&mut self, at: Duration, params: &VadParams) -> impl Iterator<Item = Frame> {
        let from = at.saturating_sub(params.pre_roll);
        self.held.drain(..).filter(move |held| held.end > from).map(|held| held.frame)
    }
}
