//! What of an answer was heard.
//!
//! By the times of its words where there are any, else by the share of its audio, in whole words. While not all audio
//! has come that share is guessed from the pace of the answers before. The context of a conversation decides in the
//! same way (see `voxline-turns`); this is for people who read along.

use std::time::Duration;

use voxline_core::frame::{BotSpeech, ContextId, SpokenText, SpokenWord};

use super::words::{letters, word_ends};

/// Words kept of one answer; with more the share decides.
const WORDS: usize = 4096;
/// How far behind a word the next is looked for, in bytes: a word that the text spells otherwise costs no more.
const NEAR: usize = 64;

/// An answer whose playback is not over.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) context: ContextId,
    pub(crate) began: Option<Duration>,
    text: String,
    /// When each word ends.
    words: Vec<(String, Duration)>,
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
    pub(crate) fn split(&self, speech: &BotSpeech, pace: Pace) -> (&str, &str) {
        let whole = self.text.trim();
        if !speech.interrupted {
            return (whole, "");
        }
        let to = match self.words.len() {
            1..WORDS => self.heard_by_words(whole, speech.played),
            _ => heard_by_share(whole, speech, pace),
        };
        let (heard, rest) = whole.split_at(to);
        (heard.trim_end(), rest.trim_start())
    }

    /// The pace this answer was spoken at, if all of its length is known; else the pace before.
    pub(crate) fn pace(&self, speech: &BotSpeech, before: Pace) -> Pace {
        let length = speech.received().max(speech.played).as_secs_f64();
        if !speech.complete || length < 0.5 {
            return before;
        }
        Pace((before.0 + letters(self.text.trim()) / length) / 2.0)
    }

    fn heard_by_words(&self, whole: &str, played: Duration) -> usize {
        let heard = self.words.iter().filter(|(word, end)| *end <= played && !word.is_empty());
        heard.fold(0, |at, (word, _)| match near(&whole[at..], word).find(word.as_str()) {
            Some(found) => word_end(whole, at + found + word.len()),
            None => at,
        })
    }
}

fn heard_by_share(whole: &str, speech: &BotSpeech, pace: Pace) -> usize {
    let (played, received) = (speech.played.as_secs_f64(), speech.received().as_secs_f64());
    let all = letters(whole);
    if played <= 0.0 || all <= 0.0 {
        return 0;
    }
    let heard = if speech.complete && received > 0.0 {
        all * played / received
    } else {
        // What has come of the audio is no more than all of the text.
        played * pace.0.min(if received > 0.0 { all / received } else { f64::MAX })
    };
    let (mut from, mut spoken) = (0, 0.0);
    let was_heard = |end: &usize| {
        spoken += letters(&whole[from..*end]);
        from = *end;
        spoken <= heard + 0.5
    };
    word_ends(whole).take_while(was_heard).last().unwrap_or(0)
}

/// The part of a text that a word is looked for in.
fn near<'a>(text: &'a str, word: &str) -> &'a str {
    let end = text.char_indices().map(|(index, _)| index).find(|&index| index > word.len() + NEAR);
    &text[..end.unwrap_or(text.len())]
}

/// The place after the punctuation that belongs to a word.
fn word_end(text: &str, at: usize) -> usize {
    let tail = text[at..].char_indices();
    let own = tail.take_while(|(_, c)| !c.is_whitespace() && !c.is_alphanumeric());
    at + own.last().map_or(0, |(index, c)| index + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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

    /// Cut after so many of so many milliseconds, which are all of it.
    fn cut(played: u64, received: u64) -> BotSpeech {
        let (played, received) = (Duration::from_millis(played), received * 1_000_000);
        BotSpeech { played, received, complete: true, interrupted: true, ..BotSpeech::new(ContextId(1)) }
    }

    fn split<'a>(answer: &'a Answer, speech: &BotSpeech) -> (&'a str, &'a str) {
        answer.split(speech, Pace::default())
    }

    #[test]
    fn times_of_words_decide_where_there_are_any() {
        let words = [("no", 200), ("no", 500), ("not", 900), ("now", 1_300)];
        let answer = answer("No? no, no, not now!", &words);
        assert_eq!(split(&answer, &cut(950, 5_000)), ("No? no, no, not", "now!"));
        assert_eq!(split(&answer, &cut(100, 5_000)), ("", "No? no, no, not now!"));
    }

    #[test]
    fn a_word_that_the_text_spells_otherwise_is_not_found_far_behind() {
        let far = "and so on and on, as it was said again and again by all of us, ten times.";
        let text = format!("At 10 we meet, {far}");
        let answer = answer(&text, &[("At", 100), ("ten", 300), ("we", 500), ("", 600)]);
        assert_eq!(split(&answer, &cut(700, 9_000)), ("At 10 we", &*format!("meet, {far}")));
    }

    #[test]
    fn without_them_the_share_of_the_audio_decides_in_whole_words() {
        let answer = answer("यह एक लंबा वाक्य है।", &[]);
        assert_eq!(split(&answer, &cut(450, 1_000)), ("यह एक", "लंबा वाक्य है।"));
        assert_eq!(split(&answer, &cut(1_000, 1_000)), ("यह एक लंबा वाक्य है।", ""));
        assert_eq!(split(&answer, &cut(0, 0)), ("", "यह एक लंबा वाक्य है।"));
    }

    #[test]
    fn while_not_all_audio_has_come_the_pace_decides() {
        // Fifty letters, of which one second has come and been heard: 15 of them at the usual pace.
        let answer = answer("It is half past three in Delhi, and noon in Berlin", &[]);
        let early = BotSpeech { complete: false, ..cut(1_000, 1_000) };
        assert_eq!(split(&answer, &early).0, "It is half past");
        // All of the text is no more than what has come.
        let slow = BotSpeech { complete: false, ..cut(1_000, 10_000) };
        assert_eq!(split(&answer, &slow).0, "It is");
        assert_eq!(split(&answer, &BotSpeech { received: 0, ..early }).0, "It is half past");
    }

    #[test]
    fn the_pace_is_learnt_from_answers_of_known_length() {
        let answer = answer(&"a".repeat(50), &[]);
        let whole = BotSpeech { interrupted: false, ..cut(2_000, 2_000) };
        assert_eq!(answer.pace(&whole, Pace::default()), Pace(20.0));
        assert_eq!(answer.pace(&cut(500, 2_000), Pace::default()), Pace(20.0), "its length is known, too");
        for unknown in [BotSpeech { complete: false, ..whole }, cut(400, 400)] {
            assert_eq!(answer.pace(&unknown, Pace::default()), Pace::default());
        }
    }

    #[test]
    fn scripts_without_spaces_are_cut_at_their_letters() {
        for (text, heard) in [
            ("现在是三点半。", "现在是"),
            ("いまさんじはんです", "いまさん"),
            ("ตอนนี้บ่ายสาม", "ตอนนี้"),
            ("现在是 three thirty.", "现在是"),
        ] {
            let answer = answer(text, &[]);
            assert_eq!(split(&answer, &cut(500, 1_000)).0, heard, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_position_breaks_it(text: String, word: String, played in 0..5_000_u64, received in 0..5_000_u64) {
            let mut answer = answer(&text, &[]);
            let speech = BotSpeech { complete: received % 2 == 0, ..cut(played, received) };
            let (heard, rest) = answer.split(&speech, Pace::default());
            prop_assert!(text.contains(heard) && text.contains(rest));
            let (context, request) = (ContextId(1), RequestId(1));
            answer.push_word(&SpokenWord { context, request, text: word, start: Duration::ZERO, end: Duration::ZERO });
            let (heard, rest) = answer.split(&speech, Pace::default());
            prop_assert!(text.contains(heard) && text.contains(rest));
        }
    }

    #[test]
    fn sentences_are_joined_with_a_space() {
        let mut answer = answer("One.", &[]);
        let more = |text: &str| SpokenText { context: ContextId(1), text: text.into() };
        answer.push_text(&more("Two, "));
        answer.push_text(&more("three"));
        answer.push_text(&more("fold."));
        assert_eq!(split(&answer, &BotSpeech::new(ContextId(1))), ("One. Two, threefold.", ""));
    }
}
