//! Edges of speech from judged frames.
//!
//! In: what was found out about each frame, in order ([`Judged`]); that audio has ceased. Out: [`Edge`]s, with
//! their positions on the clock of the input audio.
//! 1. `Started` and `Stopped` alternate, and each stop is at or after its start.
//! 2. Edges depend on the frames alone: not on when, or in which chunks, their audio came.
//! 3. Parameters may change between any two frames; what has been counted stays counted.
//!
//! ```text
//!             speech                   for start_window
//!   Quiet ────────────▶ Starting ──────────────────────▶ Speaking ◀──── speech ────┐
//!     ▲ ◀─ more than a ────┘                                │  no speech            │
//!     │    quarter missed                                   └───────────▶ Stopping ─┘
//!     └─────────── for stop_window, or audio ceased for forced_stop ─────────┘
//! ```
//! A frame is speech when it is loud enough and its probability reaches `start_confidence`; in `Speaking` and
//! `Stopping`, `keep_confidence` is enough.

use std::time::Duration;

use crate::VadParams;

/// What was found out about one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Where it begins, on the clock of the input audio.
    pub start: Duration,
    /// Where it ends.
    pub end: Duration,
    /// How likely it is speech, 0 to 1.
    pub probability: f32,
    /// How loud it is: root mean square in dBFS.
    pub level_dbfs: f32,
}

/// An edge of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Speech began.
    Started {
        /// Where: the beginning of the first frame of it.
        at: Duration,
        /// How much further the audio was when it was believed.
        confirmed_after: Duration,
    },
    /// Speech ended.
    Stopped {
        /// Where: the end of the last frame of it; where the level did not fall, less the detector's hangover.
        at: Duration,
        /// How much further the audio was when it was believed; where audio had ceased, how long that was
        /// waited for is counted in.
        confirmed_after: Duration,
    },
}

/// Where the stream stands. `heard`, `missed` and `quiet` are sums of frames, so a jump of the clock cannot
/// pass for speech or for silence.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Quiet,
    Starting {
        at: Duration,
        heard: Duration,
        missed: Duration,
    },
    Speaking {
        began: Duration,
        last: Duration,
    },
    /// `end`: the end of speech, if this is it.
    Stopping {
        began: Duration,
        end: Duration,
        quiet: Duration,
    },
}

/// Who speaks at this moment of one stream, and the edges of it.
#[derive(Clone, Debug)]
pub struct Edges {
    params: VadParams,
    hangover: Duration,
    state: State,
}

impl Edges {
    /// Nobody has spoken yet. `hangover` is the detector's.
    #[must_use]
    pub fn new(params: VadParams, hangover: Duration) -> Self {
        Self { params, hangover, state: State::Quiet }
    }

    /// Takes the next frame.
    pub fn handle_frame(&mut self, frame: Judged) -> Option<Edge> {
        match (self.state, self.is_speech(&frame)) {
            (State::Quiet, false) => None,
            (State::Quiet, true) => self.handle_onset(frame, frame.start, Duration::ZERO, Duration::ZERO),
            (State::Starting { at, heard, missed }, true) => self.handle_onset(frame, at, heard, missed),
            (State::Starting { at, heard, missed }, false) => self.handle_miss(frame, at, heard, missed),
            (State::Speaking { began, .. } | State::Stopping { began, .. }, true) => {
                self.state = State::Speaking { began, last: frame.end };
                None
            }
            (State::Speaking { began, last }, false) => {
                let end = last.saturating_sub(self.heard_too_long(&frame)).max(began);
                self.handle_pause(frame, began, end, last.saturating_sub(end))
            }
            (State::Stopping { began, end, quiet }, false) => self.handle_pause(frame, began, end, quiet),
        }
    }

    /// Audio has not come for `waited`, on whatever clock that was measured: speech is over, and the next
    /// frame begins anew.
    pub fn handle_ceased(&mut self, waited: Duration) -> Option<Edge> {
        match std::mem::replace(&mut self.state, State::Quiet) {
            State::Quiet | State::Starting { .. } => None,
            // Speech was heard to the very end: there is no hangover in it.
            State::Speaking { last, .. } => Some(Edge::Stopped { at: last, confirmed_after: waited }),
            State::Stopping { end, quiet, .. } => {
                Some(Edge::Stopped { at: end, confirmed_after: quiet + waited })
            }
        }
    }

    /// Goes on by other parameters, which must have been [checked](VadParams::check).
    pub fn set_params(&mut self, params: VadParams) {
        self.params = params;
    }

    /// By what it goes.
    #[must_use]
    pub fn params(&self) -> &VadParams {
        &self.params
    }

    /// Whether speech has started and not stopped.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking { .. } | State::Stopping { .. })
    }

    /// Whether there is neither speech nor the beginning of it.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.state == State::Quiet
    }

    fn is_speech(&self, frame: &Judged) -> bool {
        let VadParams { start_confidence, keep_confidence, min_level_dbfs, .. } = self.params;
        let enough = if self.is_speaking() { keep_confidence } else { start_confidence };
        frame.probability >= enough && frame.level_dbfs >= min_level_dbfs
    }

    fn handle_onset(
        &mut self,
        frame: Judged,
        at: Duration,
        heard: Duration,
        missed: Duration,
    ) -> Option<Edge> {
        let heard = heard + frame.lasted();
        if heard + missed < self.params.start_window {
            self.state = State::Starting { at, heard, missed };
            return None;
        }
        self.state = State::Speaking { began: at, last: frame.end };
        Some(Edge::Started { at, confirmed_after: frame.end.saturating_sub(at) })
    }

    fn handle_miss(
        &mut self,
        frame: Judged,
        at: Duration,
        heard: Duration,
        missed: Duration,
    ) -> Option<Edge> {
        let missed = missed + frame.lasted();
        let too_much = missed * 4 > self.params.start_window;
        self.state = if too_much { State::Quiet } else { State::Starting { at, heard, missed } };
        None
    }

    fn handle_pause(
        &mut self,
        frame: Judged,
        began: Duration,
        end: Duration,
        quiet: Duration,
    ) -> Option<Edge> {
        let quiet = quiet + frame.lasted();
        if quiet < self.params.stop_window {
            self.state = State::Stopping { began, end, quiet };
            return None;
        }
        self.state = State::Quiet;
        Some(Edge::Stopped { at: end, confirmed_after: quiet })
    }

    /// How long before the first frame that is not speech the speech was over already: a detector that falls
    /// silent by itself has gone on for its hangover, but where the level fell first, that says it exactly.
    fn heard_too_long(&self, frame: &Judged) -> Duration {
        if frame.level_dbfs < self.params.min_level_dbfs { Duration::ZERO } else { self.hangover }
    }
}

impl Judged {
    fn lasted(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

#[cfg(test)]
mod tests;
