//! Joining the finals of one utterance.
//!
//! A service may give several finals for one utterance. It is complete when one of them is confirmed, or
//! when the wait for it has been given up (`fallback`). Finals that belong to no utterance (no VAD in the
//! pipeline) are complete by themselves. Pure: a transcription in, what was said out.

use voxline_core::frame::{Transcription, UtteranceId};

/// Joins finals until an utterance is complete.
#[derive(Debug, Default)]
pub struct Utterances {
    pending: String,
    of: UtteranceId,
}

impl Utterances {
    /// Takes a final; gives the whole text when the utterance is complete and not empty.
    pub fn handle_final(&mut self, transcription: &Transcription) -> Option<String> {
        if transcription.utterance != self.of {
            self.pending.clear();
            self.of = transcription.utterance;
        }
        let text = transcription.text.trim();
        if !text.is_empty() {
            if !self.pending.is_empty() {
                self.pending.push(' ');
            }
            self.pending.push_str(text);
        }
        let unbound = transcription.utterance == UtteranceId(0);
        let complete = transcription.confirmed || transcription.fallback || unbound;
        (complete && !self.pending.is_empty()).then(|| std::mem::take(&mut self.pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(utterance: u32, text: &str, confirmed: bool) -> Transcription {
        let utterance = UtteranceId(utterance);
        Transcription { text: text.into(), utterance, confirmed, ..Default::default() }
    }

    #[test]
    fn several_finals_make_one_utterance() {
        let mut utterances = Utterances::default();
        assert_eq!(utterances.handle_final(&said(1, "one two", false)), None);
        assert_eq!(utterances.handle_final(&said(1, " three ", false)), None);
        assert_eq!(utterances.handle_final(&said(1, "", true)).as_deref(), Some("one two three"));
        assert_eq!(utterances.handle_final(&said(1, "", true)), None);
    }

    #[test]
    fn a_fallback_completes_and_the_next_utterance_begins_empty() {
        let mut utterances = Utterances::default();
        assert_eq!(utterances.handle_final(&said(1, "lost", false)), None);
        let fallback = Transcription { fallback: true, ..said(2, "kept", false) };
        assert_eq!(utterances.handle_final(&fallback).as_deref(), Some("kept"));
    }

    #[test]
    fn without_a_detector_every_final_is_complete() {
        let mut utterances = Utterances::default();
        assert_eq!(utterances.handle_final(&said(0, "hello", false)).as_deref(), Some("hello"));
    }
}
