//! Text payloads: what was heard, what is to be said, what is being said.
//!
//! `Debug` shows lengths, not words: frames are safe to log.

use std::{fmt, sync::Arc, time::Duration};

use super::{ContextId, Language, RequestId, UtteranceId};

/// A word a recogniser heard.
#[derive(Clone, PartialEq)]
pub struct Word {
    /// The word, as the service wrote it.
    pub text: String,
    /// Where it begins, on the clock of the input audio.
    pub start: Duration,
    /// Where it ends.
    pub end: Duration,
    /// How sure the service is, 0 to 1.
    pub confidence: Option<f32>,
    /// Who said it, where speakers are told apart.
    pub speaker: Option<String>,
    /// How sure the service is of the speaker, 0 to 1.
    pub speaker_confidence: Option<f32>,
}

/// A sentence a recogniser heard.
#[derive(Clone, PartialEq)]
pub struct Utterance {
    /// The sentence.
    pub text: String,
    /// Where it begins, on the clock of the input audio.
    pub start: Duration,
    /// Where it ends.
    pub end: Duration,
    /// Who said it, where speakers are told apart.
    pub speaker: Option<String>,
}

/// What was heard.
#[derive(Clone, Default, PartialEq)]
pub struct Transcription {
    /// The words, trimmed. Not empty, except when an empty final confirms that nothing was said.
    pub text: String,
    /// The utterance it belongs to.
    pub utterance: UtteranceId,
    /// Where it begins on the clock of the input audio, if known.
    pub start: Option<Duration>,
    /// Where it ends, if known.
    pub end: Option<Duration>,
    /// The language the service heard or was told.
    pub language: Option<Language>,
    /// All languages the service heard.
    pub languages: Vec<Language>,
    /// The words one by one, when asked for.
    pub words: Vec<Word>,
    /// The sentences one by one, when asked for.
    pub sentences: Vec<Utterance>,
    /// Placeholders that stand for redacted words, when asked for.
    pub redacted_entities: Vec<String>,
    /// Everything transcribed so far, when asked for.
    pub full_transcript: Option<String>,
    /// The message as it came, when asked for.
    pub raw: Option<Arc<str>>,
    /// Whether the service confirmed that the utterance is complete: nothing more will come for it.
    pub confirmed: bool,
    /// Whether this is the last interim offered as final, because no final came in time.
    pub fallback: bool,
}

/// A piece of an answer's text.
#[derive(Clone, PartialEq, Eq)]
pub struct TextChunk {
    /// The text, with its own spaces.
    pub text: Arc<str>,
}

impl TextChunk {
    /// A piece of text.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into() }
    }
}

/// A text to say, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Speak {
    /// The text.
    pub text: Arc<str>,
}

/// A word of an answer and when it is spoken.
#[derive(Clone, PartialEq)]
pub struct SpokenWord {
    /// The answer.
    pub context: ContextId,
    /// The request to the synthesizer.
    pub request: RequestId,
    /// The word.
    pub text: String,
    /// Its beginning, from the first sample of the answer.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Word({} bytes, {:?}..{:?})", self.text.len(), self.start, self.end)
    }
}

impl fmt::Debug for Utterance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Utterance({} bytes, {:?}..{:?})", self.text.len(), self.start, self.end)
    }
}

impl fmt::Debug for Transcription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transcription({}, {} bytes, {} words", self.utterance, self.text.len(), self.words.len())?;
        if self.confirmed {
            f.write_str(", confirmed")?;
        }
        if self.fallback {
            f.write_str(", fallback")?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for TextChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.text.len())
    }
}

impl fmt::Debug for Speak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Speak({} bytes)", self.text.len())
    }
}

impl fmt::Debug for SpokenWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpokenWord({}, {} bytes, {:?}..{:?})", self.context, self.text.len(), self.start, self.end)
    }
}
