//! What of an answer was heard.
//!
//! By the times of its words where there are any, else by the share of its audio, in whole words. The context of
//! a conversation knows more (see `voxline-turns`); this is for people who read along.

use std::time::Duration;

use voxline_core::frame::{BotSpeech, ContextId, SpokenText, SpokenWord};

/// Words kept of one answer; with more the share decides.
const WORDS: usize = 4096;

/// An answer whose playback is not over.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) context: ContextId,
    pub(crate) began: Option<Duration>,
    text: String,
    /// When each word ends.
    words: Vec<(String, Duration)>,
}

impl Answer {
    pub(crate) fn new(context: ContextId) -> Self {
        Self { context, began: None, text: String::new(), words: Vec::new() }
    }

    pub(crate) fn push_text(&mut self, piece: &SpokenText) {
        // Sentences come without the space between them.
        let joined = self.text.is_empty()
            || self.text.ends_with(char::is_whitespace)
            || piece.text.starts_with(char::is_whitespace);
        if !joined && self.text.ends_with(['.', '!', '?', '।', '…']) {
            self.text.push(' ');
        }
        self.text.push_str(&piece.text);
    }

    pub(crate) fn push_word(&mut self, word: &SpokenWord) {
        if self.words.len() < WORDS {
            self.words.push((word.text.trim().to_owned(), word.end));
        }
    }

    /// What was heard, and what was not.
    pub(crate) fn split(&self, speech: &BotSpeech) -> (&str, &str) {
        let whole = self.text.trim();
        if !speech.interrupted {
            return (whole, "");
        }
        let (heard, rest) = whole.split_at(self.heard_to(whole, speech));
        (heard.trim_end(), rest.trim_start())
    }

    fn heard_to(&self, whole: &str, speech: &BotSpeech) -> usize {
        if !self.words.is_empty() && self.words.len() < WORDS {
            let heard = self.words.iter().filter(|(_, end)| *end <= speech.played);
            return heard.fold(0, |at, (word, _)| match whole[at..].find(word.as_str()) {
                Some(found) => word_end(whole, at + found + word.len()),
                None => at,
            });
        }
        let all = speech.received().max(speech.played).as_secs_f64();
        let share = if all > 0.0 { speech.played.as_secs_f64() / all } else { 0.0 };
        let letters = (whole.chars().count() as f64 * share) as usize;
        let at = whole.char_indices().nth(letters).map_or(whole.len(), |(index, _)| index);
        if at == whole.len() { at } else { whole[..at].rfind(char::is_whitespace).unwrap_or(0) }
    }
}

/// The place after the punctuation that belongs to a word.
fn word_end(text: &str, at: usize) -> usize {
    let tail = text[at..].char_indices();
    let own = tail.take_while(|(_, c)| !c.is_whitespace() && !c.is_alphanumeric());
    at + own.last().map_or(0, |(index, c)| index + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use voxline_core::frame::RequestId;

    use super::*;

    fn answer(text: &str, words: &[(&str, u64)]) -> Answer {
        let context = ContextId(1);
        let mut answer = Answer::new(context);
        answer.push_text(&SpokenText { context, text: text.into() });
        for &(word, end) in words {
            let (start, end) = (Duration::ZERO, Duration::from_millis(end));
            answer.push_word(&SpokenWord { context, request: RequestId(1), text: word.into(), start, end });
        }
        answer
    }

    fn cut(played: u64, received: u64) -> BotSpeech {
        let (played, received) = (Duration::from_millis(played), received * 1_000_000);
        BotSpeech { played, received, interrupted: true, ..BotSpeech::new(ContextId(1)) }
    }

    #[test]
    fn times_of_words_decide_where_there_are_any() {
        let words = [("no", 200), ("no", 500), ("not", 900), ("now", 1_300)];
        let answer = answer("No? no, no, not now!", &words);
        assert_eq!(answer.split(&cut(950, 5_000)), ("No? no, no, not", "now!"));
        assert_eq!(answer.split(&cut(100, 5_000)), ("", "No? no, no, not now!"));
    }

    #[test]
    fn without_them_the_share_of_the_audio_decides_in_whole_words() {
        let answer = answer("यह एक लंबा वाक्य है।", &[]);
        assert_eq!(answer.split(&cut(500, 1_000)), ("यह एक", "लंबा वाक्य है।"));
        assert_eq!(answer.split(&cut(1_000, 1_000)), ("यह एक लंबा वाक्य है।", ""));
        assert_eq!(answer.split(&cut(0, 0)), ("", "यह एक लंबा वाक्य है।"));
    }

    #[test]
    fn sentences_are_joined_with_a_space() {
        let mut answer = answer("One.", &[]);
        let more = |text: &str| SpokenText { context: ContextId(1), text: text.into() };
        answer.push_text(&more("Two, "));
        answer.push_text(&more("three"));
        answer.push_text(&more("fold."));
        assert_eq!(answer.split(&BotSpeech::new(ContextId(1))), ("One. Two, threefold.", ""));
    }
}
