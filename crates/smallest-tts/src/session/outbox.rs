//! The events the pipeline has not taken yet.
//!
//! The driver takes them as fast as the pipeline does. How much audio waits is known, so that the session
//! can hold to its bound; an interruption takes back what has not been taken.

use std::{collections::VecDeque, time::Duration};

use voxline_core::{frame::ContextId, service::TtsEvent};

#[derive(Debug, Default)]
pub(super) struct Events {
    queue: VecDeque<TtsEvent>,
    held: Duration,
}

impl Events {
    pub(super) fn push(&mut self, event: TtsEvent) {
        self.held += audio(&event);
        self.queue.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<TtsEvent> {
        let event = self.queue.pop_front()?;
        self.held = self.held.saturating_sub(audio(&event));
        Some(event)
    }

    /// Tells of audio nobody owns. A run of it that was not taken is told once; it is counted elsewhere.
    pub(super) fn push_unmatched(&mut self) {
        if !matches!(self.queue.back(), Some(TtsEvent::Unmatched)) {
            self.queue.push_back(TtsEvent::Unmatched);
        }
    }

    /// Takes back everything of the answers up to this one.
    pub(super) fn forget(&mut self, through: ContextId) {
        self.queue.retain(|event| context(event).is_none_or(|context| context > through));
        self.held = self.queue.iter().map(audio).sum();
    }

    /// How much audio waits.
    pub(super) fn held(&self) -> Duration {
        self.held
    }
}

fn audio(event: &TtsEvent) -> Duration {
    match event {
        TtsEvent::Audio { pcm, .. } => pcm.duration(),
        _ => Duration::ZERO,
    }
}

/// The answer whose end or content an event tells. `Requested` stays: it was sent, and is counted.
fn context(event: &TtsEvent) -> Option<ContextId> {
    match event {
        TtsEvent::Audio { context, .. } | TtsEvent::Word { context, .. } | TtsEvent::Finished { context } => {
            Some(*context)
        }
        TtsEvent::Failed { context, .. } => *context,
        _ => None,
    }
}
