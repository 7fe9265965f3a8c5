//! What of an answer was heard.
//!
//! Pure. An [`Answer`] collects the text given to the synthesizer and, where there are any, its words and when
//! they are spoken. When playback is over it says which words were heard: 1. all, if it was played to its end;
//! 2. by word times, those that had ended; 3. without word times, the share of the text that was played, in
//! whole words. While not all audio has come, that share is guessed from the pace of the answers before.

use std::time::Duration;

use voxline_core::frame::{BotSpeech, ContextId, SpokenWord};

use crate::words::{is_unspaced, word_ends};

/// Words kept of one answer. More come of none in practice; then the share of the text decides.
const WORDS: usize = 8192;
/// A piece of text this long is one of several sentences even where no terminator ends it.
const LONG: usize = 300;
/// How far behind a word the next is looked for, in bytes.
const NEAR: usize = 64;

/// An answer that is being spoken.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) context: ContextId,
    pub(crate) text: String,
    last_piece: usize,
    words: Vec<SpokenWord>,
    /// It was interrupted before its playback began, as far as is known.
    pub(crate) doomed: bool,
    pub(crate) started: bool,
}

/// How fast answers are spoken, in letters a second: learnt from those that were spoken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace(f64);

impl Default for Pace {
    /// English read aloud: 150 words a minute at six letters.
    fn default() -> Self {
        Self(15.0)
    }
}

impl Answer {
    pub(crate) fn new(context: ContextId) -> Self {
        Self { context, text: String::new(), last_piece: 0, words: Vec::new(), doomed: false, started: false }
    }

    /// Takes a piece of its text. Pieces bring their own spaces, except between whole sentences.
    pub(crate) fn push_text(&mut self, piece: &str) {
        if lacks_space(&self.text, self.last_piece, piece) {
            self.text.push(' ');
        }
        self.text.push_str(piece);
        self.last_piece = piece.len();
    }

    /// Takes a word and when it is spoken.
    pub(crate) fn push_word(&mut self, word: &SpokenWord) {
        if self.words.len() < WORDS {
            self.words.push(word.clone());
        }
    }

    /// The text that was heard, and whether something is missing.
    pub(crate) fn heard(&self, speech: &BotSpeech, pace: Pace) -> (&str, bool) {
        let whole = self.text.trim();
        if !speech.interrupted {
            return (whole, false);
        }
        let end = match self.words.is_empty() {
            false => self.end_by_words(speech.played),
            true => self.end_by_share(speech, pace),
        };
        let heard = self.text[..end].trim();
        (heard, heard != whole)
    }

    /// The pace this answer was spoken at, if all of its length is known.
    pub(crate) fn pace(&self, speech: &BotSpeech, before: Pace) -> Pace {
        let length = speech.received().max(speech.played).as_secs_f64();
        if !speech.complete || length < 0.5 {
            return before;
        }
        Pace((before.0 + letters(&self.text) / length) / 2.0)
    }

    fn end_by_words(&self, played: Duration) -> usize {
        let mut end = 0;
        for word in self.words.iter().filter(|word| word.end <= played) {
            let text = word.text.trim();
            let rest = &self.text[end..];
            let near = rest.char_indices().map(|(index, _)| index).find(|&index| index > text.len() + NEAR);
            if let Some(at) = rest[..near.unwrap_or(rest.len())].find(text)
                && !text.is_empty()
            {
                end += at + text.len();
            }
        }
        if end == 0 {
            return 0;
        }
        // The punctuation after the last word belongs to it.
        let rest = self.text[end..].char_indices();
        let tail = rest.take_while(|&(_, c)| !c.is_whitespace() && !c.is_alphanumeric());
        end + tail.last().map_or(0, |(index, c)| index + c.len_utf8())
    }

    fn end_by_share(&self, speech: &BotSpeech, pace: Pace) -> usize {
        let (played, received) = (speech.played.as_secs_f64(), speech.received().as_secs_f64());
        let all = letters(&self.text);
        if played <= 0.0 || all <= 0.0 {
            return 0;
        }
        let heard = if speech.complete && received > 0.0 {
            all * played / received
        } else {
            // What has come of the audio is no more than all of the text.
            played * pace.0.min(if received > 0.0 { all / received } else { f64::MAX })
        };
        let ends = word_ends(&self.text).into_iter();
        ends.take_while(|&end| letters(&self.text[..end]) <= heard + 0.5).last().unwrap_or(0)
    }
}

/// The length of a text as it is spoken. A letter of a script without spaces takes as long as three of others.
fn letters(text: &str) -> f64 {
    text.chars().map(|c| if is_unspaced(c) { 3.0 } else { 1.0 }).sum()
}

/// Whether a piece follows a whole sentence without the space between them.
fn lacks_space(text: &str, last_piece: usize, piece: &str) -> bool {
    let Some(first) = piece.chars().next() else { return false };
    let mut before = text.chars().rev().skip_while(|c| matches!(c, '"' | '\'' | ')' | '”' | '’'));
    let (Some(terminator), previous) = (before.next(), before.next()) else { return false };
    if text.ends_with(char::is_whitespace) || !first.is_alphanumeric() || is_unspaced(first) {
        return false;
    }
    let number = first.is_ascii_digit() && previous.is_some_and(|c| c.is_ascii_digit());
    match terminator {
        '.' => !first.is_lowercase() && !number,
        '!' | '?' | '…' | '।' | '॥' | '؟' | '۔' => true,
        _ => last_piece > LONG,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use voxline_core::frame::RequestId;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn answer(text: &str, times: bool, per_letter: u64) -> (Answer, Duration) {
        let mut answer = Answer::new(ContextId(1));
        answer.push_text(text);
        let mut at = 0;
        for word in text.split(' ') {
            let end = at + word.chars().count() as u64 * per_letter;
            if times {
                let (start, end) = (ms(at), ms(end));
                let text = word.trim_matches(|c: char| c.is_ascii_punctuation()).to_owned();
                answer.push_word(&SpokenWord {
                    context: ContextId(1),
                    request: RequestId(1),
                    text,
                    start,
                    end,
                });
            }
            at = end + per_letter;
        }
        (answer, ms(at - per_letter))
    }

    fn cut(played: Duration, length: Duration, complete: bool) -> BotSpeech {
        let received = length.as_nanos() as u64;
        BotSpeech { played, received, complete, interrupted: true, ..BotSpeech::new(ContextId(1)) }
    }

    #[test]
    fn r_35_by_word_times_the_words_that_had_ended_were_heard() {
        let (answer, length) = answer("Well, it is noon in Delhi.", true, 50);
        for (played, heard) in
            [(0, ""), (200, ""), (250, "Well,"), (460, "Well, it"), (2000, "Well, it is noon in Delhi.")]
        {
            let speech = cut(ms(played), length, true);
            assert_eq!(answer.heard(&speech, Pace::default()).0, heard, "after {played} ms");
        }
    }

    #[test]
    fn an_answer_played_to_its_end_was_heard_whole_whatever_its_words_say() {
        let (answer, length) = answer("It is noon.", true, 50);
        let speech = BotSpeech { interrupted: false, ..cut(length / 2, length, true) };
        assert_eq!(answer.heard(&speech, Pace::default()), ("It is noon.", false));
    }

    #[test]
    fn b_122_sentences_join_with_a_space_and_pieces_of_words_without() {
        for (pieces, text) in [
            (vec!["Hello there.", "How are you?", "Fine."], "Hello there. How are you? Fine."),
            (vec!["Hel", "lo", " there", "."], "Hello there."),
            (vec!["It costs 3.", "5", " or so."], "It costs 3.5 or so."),
            (vec!["example.", "com"], "example.com"),
            (vec!["नमस्ते।", "कैसे हैं?"], "नमस्ते। कैसे हैं?"),
            (vec!["你好。", "你好吗？"], "你好。你好吗？"),
        ] {
            let mut answer = Answer::new(ContextId(1));
            pieces.iter().for_each(|piece| answer.push_text(piece));
            assert_eq!(answer.text, text);
        }
    }

    proptest! {
        #[test]
        fn r_35_what_was_heard_is_within_one_word_with_and_without_word_times(
            words in proptest::collection::vec("[a-z]{1,9}", 1..40),
            at in 0.0..1.0_f64,
            times: bool,
            complete: bool,
        ) {
            let text = words.join(" ");
            let per_letter = 60;
            let (answer, length) = answer(&text, times, per_letter);
            let speech = cut(length.mul_f64(at), length, complete);
            let (heard, missing) = answer.heard(&speech, Pace(1000.0 / per_letter as f64));
            let ended = |end: usize| ms(text[..end].chars().count() as u64 * per_letter) <= speech.played;
            let expected = word_ends(&text).into_iter().filter(|&end| ended(end)).count();
            let got = heard.split_whitespace().count();
            prop_assert!(text.starts_with(heard));
            prop_assert!(got.abs_diff(expected) <= 1, "{got} of {expected} words of {text:?}");
            prop_assert_eq!(missing, got < words.len());
        }

        #[test]
        fn no_text_and_no_position_breaks_it(text: String, word: String, played in 0..5000_u64, received in 0..5000_u64) {
            let mut answer = Answer::new(ContextId(1));
            answer.push_text(&text);
            let speech = cut(ms(played), ms(received), received % 2 == 0);
            prop_assert!(text.contains(answer.heard(&speech, Pace::default()).0));
            let (context, request) = (ContextId(1), RequestId(1));
            answer.push_word(&SpokenWord { context, request, text: word, start: ms(0), end: ms(10) });
            prop_assert!(text.contains(answer.heard(&speech, Pace::default()).0));
        }
    }
}
