//! Speech-to-text services: commands, events, and the trait a provider implements.

use std::time::Duration;

use async_trait::async_trait;
use voxline_audio::{Pcm, SampleRate};

use super::{ConnectionEvent, ConnectionEvents, ServiceIo, ServiceName, ServiceResult, ServiceTurn};
use crate::{
    error::ServiceError,
    frame::{EncodedAudio, SettingsAnswer, SpeechEdge, SttDelta, Transcription, UpdateId, UtteranceId},
};

/// Audio for a recogniser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SttAudio {
    /// Samples.
    Pcm(Pcm),
    /// Bytes to be passed through untouched.
    Encoded(EncodedAudio),
}

/// What the pipeline asks of a recogniser.
#[derive(Clone, Debug)]
pub enum SttCommand {
    /// Audio, in order. `at` is where its first sample stands on the clock of the input audio.
    Audio {
        /// The audio.
        audio: SttAudio,
        /// Where it begins.
        at: Duration,
    },
    /// The user began to speak; audio from here on belongs to `utterance`.
    SpeechStarted {
        /// The utterance that begins.
        utterance: UtteranceId,
    },
    /// The user stopped: all audio of `utterance` has been given. Ask for its final transcription now.
    Finalize {
        /// The utterance that is complete.
        utterance: UtteranceId,
    },
    /// Change settings.
    Update {
        /// To be repeated in the answer.
        update: UpdateId,
        /// What changes.
        delta: SttDelta,
    },
    /// No more audio: deliver what is outstanding and return.
    End,
}

/// A transcription and what it settles.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The words. Its `utterance`, `confirmed` and `fallback` are filled in by the stage.
    pub transcription: Transcription,
    /// Whether the words are final; an interim replaces the interim before it.
    pub is_final: bool,
    /// The utterance whose `Finalize` this final answers; nothing more will come for it.
    /// The text may be empty then.
    pub confirms: Option<UtteranceId>,
}

/// What a recogniser tells the pipeline.
#[derive(Clone, Debug)]
pub enum SttEvent {
    /// The connection changed.
    Connection(ConnectionEvent),
    /// Words were heard.
    Heard(Box<Heard>),
    /// The service's own detector heard an edge of speech.
    SpeechStarted(SpeechEdge),
    /// The service's own detector heard an edge of speech.
    SpeechStopped(SpeechEdge),
    /// The service's own judgement of the user's turns.
    Turn(ServiceTurn),
    /// An update was applied or refused.
    Answered(Box<SettingsAnswer>),
    /// Something failed; the service goes on unless the error is fatal.
    Failed(ServiceError),
    /// Audio that could neither be sent nor kept, by the service's stated bound.
    Dropped {
        /// How much.
        audio: Duration,
    },
}

/// A recogniser's two ends.
pub type SttIo = ServiceIo<SttCommand, SttEvent>;

/// What a recogniser learns before it runs.
#[derive(Clone, Copy, Debug)]
pub struct SttSetup {
    /// The rate of the pipeline's input audio.
    pub sample_rate: SampleRate,
}

/// What the stage must know of a recogniser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SttProfile {
    /// How long the final usually takes after the end of speech, at the 99th percentile.
    pub p99_latency: Duration,
    /// How long to wait for the final after `Finalize` before the last interim is offered instead.
    pub final_deadline: Duration,
    /// Whether the stage turns the end of speech into `Finalize`.
    pub finalize_on_speech_end: bool,
    /// Whether `Finalize` is answered by a final whose `confirms` names the utterance.
    pub confirms_finalize: bool,
}

/// A speech-to-text provider.
#[async_trait]
pub trait SttService: Send + 'static {
    /// Its name in metrics, errors and answers.
    fn name(&self) -> ServiceName;

    /// What the stage must know of it.
    fn profile(&self) -> SttProfile;

    /// Whether its server decides when the user's turns begin and end: then turns follow what it tells, unless the
    /// application has strategies of its own. By default it does not.
    fn decides_turns(&self) -> bool {
        false
    }

    /// Its event handlers. Keep one and give out clones.
    fn connection_events(&self) -> ConnectionEvents;

    /// Works until [`SttCommand::End`] is done. See the contract in [the module](super).
    ///
    /// # Errors
    /// Only when the service has given up for good.
    async fn run(self: Box<Self>, setup: SttSetup, io: SttIo) -> ServiceResult;
}
