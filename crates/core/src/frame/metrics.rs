//! Measurements as frames.

use std::{sync::Arc, time::Duration};

use super::{ContextId, UtteranceId};

/// What a service used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Audio sent to or received from the service.
    pub audio: Duration,
    /// Unicode characters sent to a synthesizer.
    pub characters: u64,
    /// Requests made.
    pub requests: u64,
}

/// How long one exchange took, in its parts: from the end of the user's speech to the first sound of the answer.
///
/// All times but [`tools`](Self::tools) count from the end of speech itself, not from when the detector reported it.
/// A part is `None` where it did not happen, or had happened before the user was silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The answer.
    pub context: ContextId,
    /// To the last final transcription before the model was asked.
    pub transcript: Option<Duration>,
    /// To the end of the turn. Without turns, as with a parrot, none.
    pub turn_end: Option<Duration>,
    /// To the first request to the model.
    pub request: Option<Duration>,
    /// To the first word or tool call of the model.
    pub first_token: Option<Duration>,
    /// How long tools ran before anything was heard: their own time, in sum. Tools that run at the same time count once.
    pub tools: Option<Duration>,
    /// To the first text that was given to the synthesizer: a clause or a sentence, mostly.
    pub first_text: Option<Duration>,
    /// To the first audio of the synthesizer.
    pub first_audio: Option<Duration>,
    /// To the first audio that was played: voice to voice.
    pub played: Duration,
}

/// One measurement. Times are monotonic and never negative.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Metric {
    /// From a request to its first result.
    TimeToFirstByte {
        /// The stage.
        stage: Arc<str>,
        /// How long.
        value: Duration,
    },
    /// From the end of speech to the final transcription.
    SpeechEndToFinal {
        /// The stage.
        stage: Arc<str>,
        /// The utterance.
        utterance: UtteranceId,
        /// From the end of speech on the audio clock, the detector's window included.
        value: Duration,
        /// From the moment the detector reported it: what the service took.
        service: Duration,
        /// Whether the service confirmed the final.
        confirmed: bool,
    },
    /// From the end of the user's speech to the first audio of the answer.
    VoiceToVoice {
        /// The answer.
        context: ContextId,
        /// How long.
        value: Duration,
    },
    /// The same in its parts, once an exchange that was answered aloud.
    Exchange(Exchange),
    /// What a service used since its last report.
    Usage {
        /// The stage.
        stage: Arc<str>,
        /// How much.
        usage: Usage,
    },
    /// What an answer of a language model cost, as its provider counts.
    Tokens {
        /// The stage.
        stage: Arc<str>,
        /// Tokens of the request.
        prompt: u64,
        /// Tokens of the answer.
        completion: u64,
    },
    /// Frames a stage or a link dropped since the last report, by what its policy says.
    Dropped {
        /// The stage.
        stage: Arc<str>,
        /// How many.
        frames: u64,
    },
    /// Audio of a service that belonged to no known answer.
    Unmatched {
        /// The stage.
        stage: Arc<str>,
        /// How many chunks in all.
        chunks: u64,
    },
    /// Connections a service has opened anew so far.
    Reconnects {
        /// The stage.
        stage: Arc<str>,
        /// How many in all.
        count: u64,
    },
}
