//! One connection: how far it is, what it has been given, and what was heard from it.
//!
//! Everything that dies with a connection lives here, so that replacing a connection replaces all of it.

use std::time::{Duration, Instant};

use voxline_wire::ConnectionId;

use super::{clock::Clock, ring::Measure};
use crate::settings::SttSettings;

/// How often an idle connection is looked at.
pub(super) const CHECK: Duration = Duration::from_secs(5);

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It will be asked for at the next poll, with the settings of that moment.
    Wanted,
    /// Asked for.
    Connecting,
    /// Audio goes to it.
    Open,
    /// Asked to close, or dropped: its end is waited for.
    Closing,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: ConnectionId,
    pub(super) state: State,
    /// What it was opened with.
    pub(super) settings: SttSettings,
    /// Where its audio begins and how far it has been sent.
    pub(super) start: u64,
    pub(super) cursor: u64,
    /// Where its audio ends, when another connection has taken over, and until when its last words are waited for.
    pub(super) until: Option<(u64, Instant)>,
    pub(super) headers_sent: usize,
    pub(super) clock: Clock,
    /// Whether it has been told that no more audio comes.
    pub(super) bye: bool,
    /// Whether it has said that nothing more comes.
    pub(super) last: bool,
    /// Whether it has said anything at all.
    pub(super) spoke: bool,
    /// Whether handlers were told that it is connected, and not yet that it is not.
    pub(super) announced: bool,
    /// Words of the last final that its first may repeat.
    pub(super) overlap: Option<String>,
    pub(super) last_audio: Instant,
    pub(super) next_check: Instant,
}

impl Link {
    pub(super) fn new(id: ConnectionId, now: Instant, settings: SttSettings, measure: Measure) -> Self {
        Self {
            id,
            state: State::Wanted,
            settings,
            start: 0,
            cursor: 0,
            until: None,
            headers_sent: 0,
            clock: Clock::new(measure),
            bye: false,
            last: false,
            spoke: false,
            announced: false,
            overlap: None,
            last_audio: now,
            next_check: now,
        }
    }

    /// The connection is open; its audio begins at `start`.
    pub(super) fn open(&mut self, now: Instant, start: u64) {
        self.state = State::Open;
        (self.start, self.cursor) = (start, start);
        self.announced = true;
        self.last_audio = now;
        self.next_check = now + CHECK;
    }

    /// Whether another connection has taken over.
    pub(super) fn is_leaving(&self) -> bool {
        self.until.is_some()
    }

    /// Whether it still has something to say that others must wait for.
    pub(super) fn owes_words(&self) -> bool {
        self.is_leaving() && self.state == State::Open && !self.last
    }
}
