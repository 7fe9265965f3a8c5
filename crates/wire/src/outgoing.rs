//! The messages of one connection that wait to be written: bounded by number and by bytes. Pure.
//!
//! Full means: it takes no more and the driver waits. Nothing in it is ever dropped for room; when the
//! connection ends, what is left is counted.

use std::collections::VecDeque;

use crate::session::Message;

#[derive(Debug)]
pub(crate) struct Outgoing {
    messages: VecDeque<Message>,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl Outgoing {
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, max_messages: max_messages.max(1), max_bytes }
    }

    /// Whether this message fits. One of any size fits an empty queue.
    pub(crate) fn has_room(&self, message: &Message) -> bool {
        self.is_empty()
            || self.messages.len() < self.max_messages && self.bytes + size(message) <= self.max_bytes
    }

    pub(crate) fn push(&mut self, message: Message) {
        self.bytes += size(&message);
        self.messages.push_back(message);
    }

    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= size(&message);
        Some(message)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }
}

/// A message's payload, in bytes.
pub(crate) fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Message {
        Message::Binary(vec![0; count].into())
    }

    #[test]
    fn it_is_full_by_number_and_by_bytes() {
        let mut queue = Outgoing::new(2, 10);
        queue.push(bytes(4));
        assert!(queue.has_room(&bytes(6)));
        assert!(!queue.has_room(&bytes(7)));
        queue.push(bytes(0));
        assert!(!queue.has_room(&bytes(0)));
    }

    #[test]
    fn a_message_over_the_bound_goes_alone() {
        let mut queue = Outgoing::new(0, 10);
        assert!(queue.has_room(&bytes(1000)));
        queue.push(bytes(1000));
        assert!(!queue.has_room(&bytes(0)));
        assert_eq!(queue.pop(), Some(bytes(1000)));
        assert!(queue.has_room(&bytes(0)) && queue.is_empty());
    }
}
