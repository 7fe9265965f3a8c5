//! Faults on demand: what goes wrong, on which connections.
//!
//! A [`Fault`] is written in Rust or as text (`Fault::from_str`), for flags and scripts:
//!
//! ```text
//! FAULT   = KIND [ "=" VALUE ] { "," OPTION "=" VALUE }
//! OPTION  = endpoint = any | stt | tts | stt_live | pulse | lightning | tts_live | v31 | v2
//!         | nth      = N        only the Nth connection to such endpoints (from 1)
//!         | count    = N        only the first N connections it meets; without it: every one
//!         | at       = N|every  which of the messages it can apply to (default 1)
//!         | retry_after = S     with an HTTP status: the Retry-After header in seconds
//! WHEN    = received:BYTES | sent:BYTES | ms:MILLISECONDS | now
//! ```
//!
//! | KIND | VALUE | what happens |
//! | --- | --- | --- |
//! | `refuse` | | TCP is closed instead of an answer to the upgrade |
//! | `hang` | | the upgrade is never answered |
//! | `status`, or the bare number | 400 to 599 | that HTTP status instead of the upgrade |
//! | `close`, or the bare number | `CODE:REASON` | upgrade, then that close (`1008` alone: `concurrency_limit_reached`) |
//! | `accept-then-close` | | upgrade, then TCP is closed without any frame |
//! | `drop` | WHEN | TCP is closed in the middle, without a close frame |
//! | `reset` | WHEN | the same by a TCP reset |
//! | `half-open` | WHEN | reads and writes nothing any more, TCP stays up |
//! | `stall` | WHEN | reads, answers pings, sends nothing else any more |
//! | `slow` | milliseconds | every message leaves that much later, in order |
//! | `malformed` | | broken JSON before the message |
//! | `binary-for-text` | | the message as a binary one |
//! | `giant` | bytes (`k`, `m` allowed) | a message of that size before the message |
//! | `garbage` | | bytes that are no WebSocket frame before the message |
//! | `error` | 1 to 4 | an error frame of that shape before the message |
//! | `duplicate-final` | | a final twice |
//! | `missing-final` | | no final |
//! | `missing-last` | | a last message without `is_last`, and no close after it |
//! | `missing-complete` | | no `complete`, and no close after it |
//! | `bad-base64` | | an audio chunk that is not base64 |
//!
//! `refuse`, `hang`, `status`, `close` and `accept-then-close` decide how a connection begins; the first
//! that applies wins. All others of a connection work together. A TCP refusal by the kernel cannot be
//! simulated by who listens: stop the simulator for that. Read next: `filter.rs`, which applies them.

mod filter;
mod plan;
mod spec;

use std::time::Duration;

pub(crate) use filter::{Condition, FaultFilter, Wire};
pub(crate) use plan::FaultPlan;
pub use spec::FaultSpecError;

use crate::{Direction, Endpoint, ErrorShape};

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// On which endpoints.
    pub target: Target,
    /// Only on the nth connection to such endpoints, counted from 1.
    pub nth: Option<u64>,
    /// Only on the first so many connections it meets.
    pub count: Option<u64>,
}

/// Which endpoints a fault is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// All.
    #[default]
    Any,
    /// All of one direction.
    Direction(Direction),
    /// One.
    Endpoint(Endpoint),
}

/// What goes wrong. The table in the module's documentation says it in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// TCP is closed instead of an answer.
    Refuse,
    /// The upgrade is never answered.
    Hang,
    /// An HTTP status instead of the upgrade.
    Status {
        /// 400 to 599.
        status: u16,
        /// Seconds for the `Retry-After` header.
        retry_after: Option<u64>,
    },
    /// Upgrade, then a close.
    Close {
        /// The close code.
        code: u16,
        /// The close reason, at most 123 bytes.
        reason: String,
    },
    /// Upgrade, then TCP is closed without any frame.
    AcceptThenClose,
    /// TCP is closed in the middle.
    Drop(When),
    /// TCP is reset in the middle.
    Reset(When),
    /// Reads and writes nothing any more.
    HalfOpen(When),
    /// Reads, but sends no message any more.
    Stall(When),
    /// Every message is that late.
    Slow(Duration),
    /// Broken JSON before the message.
    Malformed(At),
    /// The message as a binary one.
    BinaryForText(At),
    /// A message of that many bytes before the message.
    Giant {
        /// Its size.
        bytes: usize,
        /// Before which message.
        at: At,
    },
    /// Bytes that are no WebSocket frame, before the message.
    Garbage(At),
    /// An error frame before the message.
    Error {
        /// Its shape.
        shape: ErrorShape,
        /// Before which message.
        at: At,
    },
    /// A final twice.
    DuplicateFinal(At),
    /// No final.
    MissingFinal(At),
    /// No `is_last`, and no close after it.
    MissingLast,
    /// No `complete`, and no close after it.
    MissingComplete(At),
    /// A chunk that is not base64.
    BadBase64(At),
}

/// When in a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When so many payload bytes of messages have been received.
    Received(u64),
    /// When so many payload bytes of messages have been sent.
    Sent(u64),
    /// So long after the upgrade.
    After(Duration),
}

/// Which of the messages a fault can apply to, counted per connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The nth, from 1.
    Nth(u64),
    /// All of them.
    Every,
}

impl Fault {
    /// On every connection.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, target: Target::Any, nth: None, count: None }
    }

    /// Only on one endpoint.
    #[must_use]
    pub fn on(mut self, endpoint: Endpoint) -> Self {
        self.target = Target::Endpoint(endpoint);
        self
    }

    /// Only on the first `count` connections it meets.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Only on the nth connection to such endpoints, from 1, counted since the simulator started.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }
}

impl Target {
    /// Whether `endpoint` is meant.
    #[must_use]
    pub fn includes(self, endpoint: Endpoint) -> bool {
        match self {
            Self::Any => true,
            Self::Direction(direction) => endpoint.direction() == direction,
            Self::Endpoint(one) => endpoint == one,
        }
    }
}

impl FaultKind {
    /// Whether it replaces the beginning of a connection, so that no session starts.
    pub(crate) fn is_beginning(&self) -> bool {
        matches!(
            self,
            Self::Refuse | Self::Hang | Self::Status { .. } | Self::Close { .. } | Self::AcceptThenClose
        )
    }
}
