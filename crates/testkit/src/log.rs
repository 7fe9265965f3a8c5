//! What happened in a session under test, in order.
//!
//! As text it is one line an event, without frame ids or real times, so that it is the same in every run: fit
//! for `assert_eq!` and for snapshots.

use std::{fmt, time::Duration};

use voxline_core::{
    SessionEvent,
    frame::{Direction, Frame, FrameKind, Payload},
};

use crate::render::{render, render_event};

/// One event and when it happened, in virtual time since the start.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) event: SessionEvent,
}

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: Vec<Entry>,
}

impl Log {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// The events.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &SessionEvent> {
        self.entries.iter().map(|entry| &entry.event)
    }

    /// The frames that left, either way.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = &Frame> {
        self.events().filter_map(|event| left(event).map(|(_, frame)| frame))
    }

    /// The frames that left at the output end, without the end itself.
    #[must_use]
    pub fn down(&self) -> Vec<&Frame> {
        let data = |frame: &&Frame| frame.direction() == Direction::Down && frame.kind() != FrameKind::End;
        self.frames().filter(data).collect()
    }

    /// The frames that left at the input end.
    #[must_use]
    pub fn up(&self) -> Vec<&Frame> {
        self.frames().filter(|frame| frame.direction() == Direction::Up).collect()
    }

    /// How many frames of a kind left.
    #[must_use]
    pub fn count(&self, kind: FrameKind) -> usize {
        self.frames().filter(|frame| frame.kind() == kind).count()
    }

    /// The texts of `Text` frames that left, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let texts = self.frames().filter_map(|frame| match &frame.payload {
            Payload::Text(chunk) => Some(chunk.text.to_string()),
            _ => None,
        });
        texts.collect()
    }

    /// The frames that left, as [`render`] shows them.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.frames().map(render).collect()
    }

    /// When the first frame of a kind left, in virtual time since the start.
    #[must_use]
    pub fn time_of(&self, kind: FrameKind) -> Option<Duration> {
        let of_kind = |entry: &&Entry| left(&entry.event).is_some_and(|(_, frame)| frame.kind() == kind);
        self.entries.iter().find(of_kind).map(|entry| entry.at)
    }

    /// The lines with the virtual time of each in front.
    #[must_use]
    pub fn timed(&self) -> String {
        let lines = self.entries.iter().filter_map(|entry| {
            render_event(&entry.event).map(|line| format!("{:>8} {line}", format!("{:?}", entry.at)))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.events().filter_map(render_event).collect::<Vec<_>>().join("\n"))
    }
}

/// Frames that left, of any number of events.
pub(crate) fn left(event: &SessionEvent) -> Option<(voxline_core::session::Edge, &Frame)> {
    match event {
        SessionEvent::Reached(edge, frame) => Some((*edge, frame)),
        _ => None,
    }
}
