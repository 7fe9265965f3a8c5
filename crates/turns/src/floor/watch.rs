//! The watch over the floor: which state holds, since when, and until when at most.
//!
//! Pure. A state that goes on keeps its deadline; a sign of life of whoever owes the move begins it anew. Doubt
//! only covers what it doubts: when it passes, the state below goes on with its own times.

use std::time::{Duration, Instant};

use super::Floor;

/// What became due while it was doubted is due then.
const SOONEST: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Watch {
    floor: Floor,
    since: Instant,
    due: Instant,
    /// The state that was doubted, with its own times: doubt does not prolong what the bot owes.
    doubted: Option<(Floor, Instant, Instant)>,
}

impl Watch {
    /// An open floor, for so long.
    pub(super) fn new(now: Instant, lasts: Duration) -> Self {
        Self { floor: Floor::Open, since: now, due: now + lasts, doubted: None }
    }

    pub(super) fn floor(&self) -> Floor {
        self.floor
    }

    /// When the state has lasted as long as it may.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn lasted(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// The state now. It begins anew if it is another one, or if `anew`; `lasts` says how long it may last.
    pub(super) fn see(&mut self, now: Instant, floor: Floor, anew: bool, lasts: impl FnOnce() -> Duration) {
        if floor == self.floor && !anew {
            return;
        }
        let before = std::mem::replace(&mut self.floor, floor);
        match self.doubted.take() {
            Some((doubted, since, due)) if before == Floor::Doubt && doubted == floor => {
                (self.since, self.due) = (since, due.max(now + SOONEST));
                return;
            }
            // Doubt that goes on.
            Some(doubted) if floor == Floor::Doubt => self.doubted = Some(doubted),
            _ if floor == Floor::Doubt => self.doubted = Some((before, self.since, self.due)),
            _ => {}
        }
        self.since = now;
        self.due = now + lasts();
    }
}
