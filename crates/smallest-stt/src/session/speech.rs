//! Whether someone is speaking, as far as a change of settings must know.

use voxline_core::frame::UtteranceId;

/// What is known of the user's speech.
#[derive(Debug, Default)]
pub(super) struct Speech {
    /// The utterance that has begun and of which the last word has not been heard.
    open: Option<UtteranceId>,
    /// Whether all its audio has been given.
    ended: bool,
    /// Whether words are being guessed at.
    guessing: bool,
}

impl Speech {
    pub(super) fn started(&mut self, utterance: UtteranceId) {
        (self.open, self.ended) = (Some(utterance), false);
    }

    pub(super) fn ended(&mut self, utterance: UtteranceId) {
        (self.open, self.ended) = (Some(utterance), true);
    }

    pub(super) fn interim(&mut self) {
        self.guessing = true;
    }

    pub(super) fn heard_final(&mut self) {
        self.guessing = false;
        if self.ended {
            self.open = None;
        }
    }

    pub(super) fn confirmed(&mut self, utterance: UtteranceId) {
        if self.open == Some(utterance) && self.ended {
            self.open = None;
        }
    }

    /// The connection is lost, and what it was guessing at.
    pub(super) fn lost(&mut self) {
        self.guessing = false;
    }

    /// Whether words have been guessed at since the last final.
    pub(super) fn is_guessing(&self) -> bool {
        self.guessing
    }

    /// Whether a change would cut into speech.
    pub(super) fn is_going_on(&self) -> bool {
        self.open.is_some() || self.guessing
    }

    /// Whether the edges of the speech that goes on are known.
    pub(super) fn has_edges(&self) -> bool {
        self.open.is_some()
    }
}
