//! Whether the peer is still there. Pure: the connection tells it what moved, it tells what is due.
//!
//! 1. Nothing heard for `ping_after`: a ping is due. Any byte from the peer counts, so a long message
//!    that arrives slowly needs no pong.
//! 2. Nothing heard for `pong_within` after the ping: the peer is [`Due::Unresponsive`]. With the
//!    defaults a half-open connection is noticed 9 s after its last byte.
//! 3. Bytes waiting to be written, and none taken for `write_within`: [`Due::Stalled`], whatever is heard.
//!
//! A process that was held up for a minute does not condemn its peer: the ping goes out first, and its
//! time runs from there.

use std::time::{Duration, Instant};

use crate::time::later;

/// The shortest `ping_after` in force: a smaller one would send nothing but pings.
const SHORTEST_PING: Duration = Duration::from_millis(10);

/// How long silence and standstill are borne. `Duration::MAX` switches a check off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivenessPolicy {
    /// Silence of the peer after which it is pinged; under 10 ms counts as 10 ms.
    pub ping_after: Duration,
    /// Silence after a ping that ends the connection.
    pub pong_within: Duration,
    /// Standstill of a write that ends the connection.
    pub write_within: Duration,
}

impl Default for LivenessPolicy {
    fn default() -> Self {
        Self {
            ping_after: Duration::from_secs(5),
            pong_within: Duration::from_secs(4),
            write_within: Duration::from_secs(2),
        }
    }
}

/// What is due at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// Send a ping, then call [`Liveness::pinged`].
    Ping,
    /// The peer does not answer: end the connection.
    Unresponsive,
    /// The peer does not read: end the connection.
    Stalled,
}

/// The signs of life of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Liveness {
    policy: LivenessPolicy,
    heard_at: Instant,
    pinged_at: Option<Instant>,
    /// Since when bytes wait and none moved.
    stuck_since: Option<Instant>,
}

impl Liveness {
    /// For a connection that opened now.
    #[must_use]
    pub fn new(policy: LivenessPolicy, now: Instant) -> Self {
        let policy = LivenessPolicy { ping_after: policy.ping_after.max(SHORTEST_PING), ..policy };
        Self { policy, heard_at: now, pinged_at: None, stuck_since: None }
    }

    /// Bytes came from the peer.
    pub fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.pinged_at = None;
    }

    /// A ping was handed to the socket.
    pub fn pinged(&mut self, now: Instant) {
        self.pinged_at = Some(now);
    }

    /// After a try to write: whether it `moved` any byte, and whether some still `wait`.
    pub fn wrote(&mut self, now: Instant, moved: bool, wait: bool) {
        self.stuck_since = match self.stuck_since {
            _ if !wait => None,
            Some(since) if !moved => Some(since),
            _ => Some(now),
        };
    }

    /// What is due now.
    #[must_use]
    pub fn due(&self, now: Instant) -> Due {
        if self.stalls_at().is_some_and(|at| now >= at) {
            return Due::Stalled;
        }
        match self.pinged_at {
            Some(at) if now >= later(at, self.policy.pong_within) => Due::Unresponsive,
            None if now >= later(self.heard_at, self.policy.ping_after) => Due::Ping,
            _ => Due::Nothing,
        }
    }

    /// The earliest moment at which something other than nothing can be due.
    #[must_use]
    pub fn next(&self) -> Instant {
        let silence = match self.pinged_at {
            Some(at) => later(at, self.policy.pong_within),
            None => later(self.heard_at, self.policy.ping_after),
        };
        self.stalls_at().map_or(silence, |at| at.min(silence))
    }

    fn stalls_at(&self) -> Option<Instant> {
        self.stuck_since.map(|since| later(since, self.policy.write_within))
    }
}
