//! Who speaks: edges of speech, and the ids that tie answers, requests and utterances together.

use std::{fmt, time::Duration};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id! {
    /// One answer of the bot: everything said between a `ResponseStarted` and its end, or one `Speak`.
    ContextId, "ctx-"
}
id! {
    /// One request to a synthesizer. A context has one or more.
    RequestId, "req-"
}
id! {
    /// One utterance of the user, from the edge of speech to its final transcription.
    UtteranceId, "utt-"
}

/// Who found an edge of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EdgeSource {
    /// The detector in the pipeline.
    Vad,
    /// The recogniser's server.
    Service,
}

/// An edge of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeechEdge {
    /// Where speech began or ended, on the clock of the input audio.
    pub at: Duration,
    /// How much later it was known: the detector's window.
    pub confirmed_after: Duration,
    /// Who found it.
    pub source: EdgeSource,
}

/// The bot's speech of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BotSpeech {
    /// The answer.
    pub context: ContextId,
    /// How much of it has been played so far.
    pub played: Duration,
    /// How much audio of it has come, played or not, in nanoseconds (a `Duration` would not fit into a frame).
    pub received: u64,
    /// Whether all of its audio has come, so that `received` is its length.
    pub complete: bool,
    /// Whether it was cut by an interruption.
    pub interrupted: bool,
}

impl BotSpeech {
    /// An answer of which nothing has been played yet.
    #[must_use]
    pub fn new(context: ContextId) -> Self {
        Self { context, played: Duration::ZERO, received: 0, complete: false, interrupted: false }
    }

    /// How much audio of it has come.
    #[must_use]
    pub fn received(&self) -> Duration {
        Duration::from_nanos(self.received)
    }
}
