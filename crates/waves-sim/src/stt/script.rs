//! What is said in the audio, when it is not the simulator's own voice.
//!
//! A script is a list of utterances; each run of speech in the audio takes the next one.
//! Written as JSON:
//!
//! ```json
//! {"utterances": [
//!   {"text": "My card is 4242 4242 4242 4242.", "language": "en", "speaker": 0},
//!   {"words": [{"word": "Hans", "entity": "FIRSTNAME", "start": 0.1, "end": 0.4}, {"word": "speaking"}]}
//! ]}
//! ```
//! or as plain text, an utterance a line. `start` and `end` are seconds from the beginning of the
//! utterance's speech; an utterance where every word has an `end` is released by those times, any other
//! at an even pace. `entity` names what redaction makes of the word, e.g. `[FIRSTNAME_1]`.

use std::path::Path;

use serde::Deserialize;

/// The most utterances of a script.
const MAX_UTTERANCES: usize = 100_000;

/// Utterances in the order they are spoken.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The utterances.
    pub utterances: Vec<Utterance>,
}

/// What one run of speech says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Utterance {
    /// Its text; may be left out where `words` are given.
    pub text: String,
    /// The language finals report; the connection's when left out.
    pub language: Option<String>,
    /// Its words; the text's, split at white space, when left out.
    pub words: Vec<Word>,
    /// Who speaks. Default 0.
    pub speaker: u32,
}

/// One word of an utterance.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Word {
    /// The word with its punctuation.
    pub word: String,
    /// Seconds from the beginning of the utterance's speech.
    pub start: Option<f64>,
    /// Likewise.
    pub end: Option<f64>,
    /// 0 to 1; 0.98 when left out.
    pub confidence: Option<f64>,
    /// Who speaks; the utterance's speaker when left out.
    pub speaker: Option<u32>,
    /// What redaction takes it for, e.g. `CREDITCARD`, `ZIPCODE` or `FIRSTNAME`.
    pub entity: Option<String>,
}

/// How far a script has been read: utterances whose text is in finals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptPosition(pub usize);

/// A script that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The file could not be read.
    #[error("the script cannot be read")]
    Io(#[from] std::io::Error),
    /// It begins like JSON and is not the JSON of a script.
    #[error("the script is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// It has too many utterances.
    #[error("the script has more than {MAX_UTTERANCES} utterances")]
    TooLong,
    /// A word's time is not a number of seconds, or ends before it starts.
    #[error("utterance {utterance}: a word's times must be seconds, and its end not before its start")]
    BadTimes {
        /// Counted from 1.
        utterance: usize,
    },
}

impl Script {
    /// One utterance for each text.
    pub fn of(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let utterance = |text: String| Utterance { text, ..Utterance::default() };
        Self { utterances: texts.into_iter().map(Into::into).map(utterance).collect() }
    }

    /// Reads a script: JSON when it begins with `{`, else plain text with an utterance a line.
    ///
    /// # Errors
    /// What begins with `{` and is not a valid script.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let text = text.trim_start_matches('\u{FEFF}');
        let script = if text.trim_start().starts_with('{') {
            serde_json::from_str(text)?
        } else {
            Self::of(text.lines().map(str::trim).filter(|line| !line.is_empty()))
        };
        script.check()
    }

    /// Reads a script from a file; blocking.
    ///
    /// # Errors
    /// As [`Script::parse`], and a file that cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ScriptError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    fn check(self) -> Result<Self, ScriptError> {
        if self.utterances.len() > MAX_UTTERANCES {
            return Err(ScriptError::TooLong);
        }
        let is_second = |time: &Option<f64>| time.is_none_or(|time| (0.0..=86_400.0).contains(&time));
        let is_sound = |word: &Word| {
            let backwards = matches!((word.start, word.end), (Some(start), Some(end)) if end < start);
            is_second(&word.start) && is_second(&word.end) && !backwards
        };
        match self.utterances.iter().position(|utterance| !utterance.words.iter().all(is_sound)) {
            Some(index) => Err(ScriptError::BadTimes { utterance: index + 1 }),
            None => Ok(self),
        }
    }
}

impl Utterance {
    /// Its words: those given, else those of the text.
    pub(super) fn words(&self) -> Vec<Word> {
        if !self.words.is_empty() {
            return self.words.clone();
        }
        let word = |word: &str| Word { word: word.to_owned(), ..Word::default() };
        self.text.split_whitespace().map(word).collect()
    }
}

/// The text of a script is private data: only its size is shown.
impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Script({} utterances)", self.utterances.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_an_utterance_a_line() {
        assert_eq!(
            Script::parse("Hello there.\n\n  How are you? \n").unwrap(),
            Script::of(["Hello there.", "How are you?"])
        );
    }

    #[test]
    fn json_carries_words_speakers_and_languages() {
        let json = r#"{"utterances":[{"text":"a b","language":"hi","speaker":2},
            {"words":[{"word":"Hans","entity":"FIRSTNAME","start":0.1,"end":0.4},{"word":"here"}]}]}"#;
        let script = Script::parse(json).unwrap();
        assert_eq!(script.utterances[0].words().len(), 2);
        assert_eq!((script.utterances[0].speaker, script.utterances[0].language.as_deref()), (2, Some("hi")));
        assert_eq!(script.utterances[1].words[0].entity.as_deref(), Some("FIRSTNAME"));
    }

    #[test]
    fn what_is_no_script_is_refused() {
        assert!(matches!(Script::parse("{\"utterances\": 3}"), Err(ScriptError::Json(_))));
        assert!(matches!(Script::parse("{\"utterance\": []}"), Err(ScriptError::Json(_))));
        let backwards = r#"{"utterances":[{"words":[{"word":"a","start":2.0,"end":1.0}]}]}"#;
        assert!(matches!(Script::parse(backwards), Err(ScriptError::BadTimes { utterance: 1 })));
    }
}
