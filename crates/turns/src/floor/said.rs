//! The words of a turn: finals in order, and the last guess.
//!
//! Pure. Utterances are numbered as speech-to-text numbers them: one for each beginning of speech that the
//! detector found. Words of utterances that have been answered already are late; they never end the next turn.

use voxline_core::frame::{Transcription, UtteranceId};

use crate::words::join;

#[derive(Debug, Default)]
pub(super) struct Said {
    finals: String,
    /// The words of the newest utterance, the last guess among them.
    utterance: String,
    utterance_finals: String,
    of: UtteranceId,
    /// The newest utterance that has begun.
    newest: UtteranceId,
    /// The newest utterance that has been answered or given up.
    answered: UtteranceId,
    settled: bool,
}

impl Said {
    /// The detector found the beginning of an utterance.
    pub(super) fn begin_utterance(&mut self, by_detector: bool) {
        if by_detector {
            self.newest.0 += 1;
        }
        self.settled = false;
        self.begin(self.newest);
    }

    /// Takes a guess. Says whether it counts: not if it is late.
    pub(super) fn guess(&mut self, guess: &Transcription) -> bool {
        if self.is_late(guess) {
            return false;
        }
        if guess.utterance != UtteranceId(0) && guess.utterance < self.newest {
            return true;
        }
        self.bind(guess.utterance);
        self.settled = false;
        self.utterance.clone_from(&self.utterance_finals);
        join(&mut self.utterance, guess.text.trim());
        true
    }

    /// Takes a final. Says whether it counts: not if it is late.
    pub(super) fn add(&mut self, heard: &Transcription) -> bool {
        if self.is_late(heard) {
            return false;
        }
        let text = heard.text.trim();
        join(&mut self.finals, text);
        let unbound = heard.utterance == UtteranceId(0);
        if unbound || heard.utterance >= self.newest {
            self.bind(heard.utterance);
            join(&mut self.utterance_finals, text);
            self.utterance.clone_from(&self.utterance_finals);
            self.settled = unbound || heard.confirmed || heard.fallback;
        }
        true
    }

    /// The words of the turn, the last guess not among them.
    pub(super) fn text(&self) -> &str {
        &self.finals
    }

    pub(super) fn utterance(&self) -> &str {
        &self.utterance
    }

    /// The last guess, as far as no final holds it.
    pub(super) fn rest(&self) -> &str {
        self.utterance.strip_prefix(self.utterance_finals.as_str()).unwrap_or_default().trim()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The turn is over: gives its words, with the last guess if `guess`.
    pub(super) fn take(&mut self, guess: bool) -> String {
        if guess {
            let rest = self.rest().to_owned();
            join(&mut self.finals, &rest);
        }
        self.answered = self.newest;
        self.settled = false;
        self.begin(self.newest);
        std::mem::take(&mut self.finals).trim().to_owned()
    }

    fn is_late(&self, heard: &Transcription) -> bool {
        heard.utterance != UtteranceId(0) && heard.utterance <= self.answered
    }

    fn bind(&mut self, utterance: UtteranceId) {
        self.newest = self.newest.max(utterance);
        if utterance != self.of {
            self.begin(utterance);
        }
    }

    fn begin(&mut self, utterance: UtteranceId) {
        self.of = utterance;
        self.utterance.clear();
        self.utterance_finals.clear();
    }
}
