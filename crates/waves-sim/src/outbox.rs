//! Messages on their way out, in order, each with the time it may leave.
//!
//! Bounded by the caller: while [`Outbox::is_full`] it asks the session for nothing more.

use std::{collections::VecDeque, time::Duration};

use crate::fault::Wire;

/// Bytes from which no more is asked for. A single message may be larger.
const FULL_BYTES: usize = 4 << 20;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    messages: VecDeque<(Duration, Wire)>,
    bytes: usize,
    last_due: Duration,
}

impl Outbox {
    /// Adds a message that may leave at `due`, but not before those added earlier.
    pub(crate) fn push(&mut self, due: Duration, wire: Wire) {
        self.last_due = self.last_due.max(due);
        self.bytes += length(&wire);
        self.messages.push_back((self.last_due, wire));
    }

    /// The first message, when it may leave by `now`.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<Wire> {
        if self.messages.front()?.0 > now {
            return None;
        }
        let (_, wire) = self.messages.pop_front()?;
        self.bytes -= length(&wire);
        Some(wire)
    }

    /// Whether a message may leave by `now`.
    pub(crate) fn has_due(&self, now: Duration) -> bool {
        self.next_due().is_some_and(|due| due <= now)
    }

    /// When the first message may leave.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.messages.front().map(|(due, _)| *due)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }
}

fn length(wire: &Wire) -> usize {
    match wire {
        Wire::Text(text) => text.len(),
        Wire::Binary(bytes) | Wire::Raw(bytes) => bytes.len(),
        Wire::Ping | Wire::Close { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_leave_in_order_and_not_before_their_time() {
        let mut outbox = Outbox::default();
        let at = Duration::from_millis;
        outbox.push(at(20), Wire::Text("first".to_owned()));
        outbox.push(at(10), Wire::Ping);
        assert_eq!(outbox.pop_due(at(19)), None);
        assert_eq!(outbox.pop_due(at(20)), Some(Wire::Text("first".to_owned())));
        assert!(outbox.has_due(at(20)));
        assert_eq!(outbox.pop_due(at(20)), Some(Wire::Ping));
        assert_eq!(outbox.next_due(), None);
    }

    #[test]
    fn it_is_full_by_bytes_and_empties_again() {
        let mut outbox = Outbox::default();
        outbox.push(Duration::ZERO, Wire::Binary(vec![0; FULL_BYTES]));
        assert!(outbox.is_full());
        outbox.pop_due(Duration::ZERO);
        assert!(!outbox.is_full());
    }
}
