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
