//! Backchannels: short acknowledgements that mean "go on".
//!
//! Heard while the bot has the floor they do not interrupt. A text is one when nothing but acknowledgements is in
//! it, in whatever order and however often ("okay, yeah, okay"). While words are still coming, the beginning
//! of one counts as a maybe, so that an interim "m" of "mm-hm" decides nothing yet.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use crate::words::plain_words;

/// What the default set holds: English, Hindi and other Indic forms, and sounds common to many languages.
const DEFAULT: [&str; 50] = [
    "mm",
    "mmm",
    "mm-hm",
    "mhm",
    "hm",
    "hmm",
    "uh-huh",
    "uh huh",
    "aha",
    "ah",
    "oh",
    "ok",
    "okay",
    "yeah",
    "yep",
    "yup",
    "yes",
    "right",
    "sure",
    "i see",
    "got it",
    "alright",
    "all right",
    "cool",
    "fine",
    "great",
    "haan",
    "han",
    "haan ji",
    "ji",
    "ji haan",
    "achha",
    "accha",
    "acha",
    "theek hai",
    "thik hai",
    "theek",
    "sahi",
    "हाँ",
    "हां",
    "जी",
    "अच्छा",
    "ठीक है",
    "ठीक",
    "हम्म",
    "seri",
    "aama",
    "ஆமா",
    "சரி",
    "হ্যাঁ",
];

/// A set of acknowledgements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backchannels {
    /// Each as its plain words. Shared: every session has a set, nearly all the same, of 10 KiB.
    phrases: Arc<BTreeSet<Vec<String>>>,
}

/// Whether words are an acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledges {
    /// They say something, or nothing has been said.
    #[default]
    No,
    /// They may become one, if they go on so.
    Maybe,
    /// Nothing else.
    Yes,
}

impl Default for Backchannels {
    fn default() -> Self {
        static SET: LazyLock<Backchannels> = LazyLock::new(|| Backchannels::of(DEFAULT));
        SET.clone()
    }
}

impl Backchannels {
    /// No acknowledgement: whatever is said means something.
    #[must_use]
    pub fn none() -> Self {
        Self { phrases: Arc::default() }
    }

    /// These acknowledgements. Case and punctuation do not matter.
    pub fn of<T: AsRef<str>>(phrases: impl IntoIterator<Item = T>) -> Self {
        phrases.into_iter().fold(Self::none(), |set, phrase| set.with(phrase.as_ref()))
    }

    /// The same set with one more.
    #[must_use]
    pub fn with(mut self, phrase: &str) -> Self {
        let words = plain_words(phrase);
        if !words.is_empty() {
            Arc::make_mut(&mut self.phrases).insert(words);
        }
        self
    }

    /// Whether `text` is an acknowledgement.
    #[must_use]
    pub fn judge(&self, text: &str) -> Acknowledges {
        let words = plain_words(text);
        if words.is_empty() {
            return Acknowledges::No;
        }
        // reached[n]: the first n words are acknowledgements.
        let mut reached = vec![false; words.len() + 1];
        reached[0] = true;
        let mut maybe = false;
        for start in 0..words.len() {
            if !reached[start] {
                continue;
            }
            let rest = &words[start..];
            for phrase in self.phrases.iter() {
                if rest.starts_with(phrase) {
                    reached[start + phrase.len()] = true;
                }
                maybe |= begins(phrase, rest);
            }
        }
        match (reached[words.len()], maybe) {
            (true, _) => Acknowledges::Yes,
            (false, true) => Acknowledges::Maybe,
            _ => Acknowledges::No,
        }
    }
}

/// Whether `phrase` begins with all of `words`, the last of them perhaps unfinished.
fn begins(phrase: &[String], words: &[String]) -> bool {
    let Some((last, whole)) = words.split_last() else { return false };
    phrase.starts_with(whole) && phrase.get(whole.len()).is_some_and(|word| word.starts_with(last.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_acknowledgements_acknowledge() {
        let set = Backchannels::default();
        for (text, expected) in [
            ("Mm-hm.", Acknowledges::Yes),
            ("okay, okay. Yeah!", Acknowledges::Yes),
            ("uh huh", Acknowledges::Yes),
            ("theek hai", Acknowledges::Yes),
            ("हाँ ठीक है", Acknowledges::Yes),
            ("m", Acknowledges::Maybe),
            ("okay go", Acknowledges::Maybe),
            ("okay stop", Acknowledges::No),
            ("no", Acknowledges::No),
            ("", Acknowledges::No),
            ("...", Acknowledges::No),
        ] {
            assert_eq!(set.judge(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_empty_set_lets_everything_count() {
        assert_eq!(Backchannels::none().judge("okay"), Acknowledges::No);
    }
}
