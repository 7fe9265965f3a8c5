//! Text-to-speech services: commands, events, and the trait a provider implements.

use std::time::Duration;

use async_trait::async_trait;
use voxline_audio::{Pcm, SampleRate};

use super::{ConnectionEvent, ConnectionEvents, ServiceIo, ServiceName, ServiceResult};
use crate::{
    error::ServiceError,
    frame::{ContextId, RequestId, SettingsAnswer, TtsDelta, UpdateId},
};

/// What the pipeline asks of a synthesizer.
#[derive(Clone)]
pub enum TtsCommand {
    /// Text of an answer, to be spoken after what came before. Never blank.
    Speak {
        /// The answer.
        context: ContextId,
        /// The text.
        text: String,
    },
    /// All text of the answer has been given.
    Finish {
        /// The answer.
        context: ContextId,
    },
    /// Forget every answer up to and including `through`: nothing of them may be delivered any more.
    Interrupt {
        /// The last answer that is over.
        through: ContextId,
    },
    /// Change settings.
    Update {
        /// To be repeated in the answer.
        update: UpdateId,
        /// What changes.
        delta: TtsDelta,
    },
    /// No more text: deliver what is outstanding and return.
    End,
}

impl std::fmt::Debug for TtsCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Speak { context, text } => write!(f, "Speak({context}, {} bytes)", text.len()),
            Self::Finish { context } => write!(f, "Finish({context})"),
            Self::Interrupt { through } => write!(f, "Interrupt(through {through})"),
            Self::Update { update, .. } => write!(f, "Update({})", update.0),
            Self::End => f.write_str("End"),
        }
    }
}

/// What a synthesizer tells the pipeline.
#[derive(Clone)]
pub enum TtsEvent {
    /// The connection changed.
    Connection(ConnectionEvent),
    /// Audio of an answer, in order.
    Audio {
        /// The answer.
        context: ContextId,
        /// The request it came from; requests of an answer are counted up.
        request: RequestId,
        /// The samples, at the rate of the setup.
        pcm: Pcm,
    },
    /// A word of an answer.
    Word {
        /// The answer.
        context: ContextId,
        /// The request it came from.
        request: RequestId,
        /// The word.
        text: String,
        /// Its beginning, from the first sample of the answer.
        start: Duration,
        /// Its end.
        end: Duration,
    },
    /// All audio of an answer has been delivered. Exactly one of this and `Failed` ends an answer that
    /// was not interrupted.
    Finished {
        /// The answer.
        context: ContextId,
    },
    /// Something failed. Where it names an answer, that answer is over, with so much audio delivered.
    Failed {
        /// The answer, if it was one answer that failed.
        context: Option<ContextId>,
        /// How much of the answer's audio was delivered before.
        delivered: Duration,
        /// What went wrong.
        error: ServiceError,
    },
    /// An update was applied or refused.
    Answered(Box<SettingsAnswer>),
    /// A request was sent, for the metrics.
    Requested {
        /// The answer.
        context: ContextId,
        /// The request.
        request: RequestId,
        /// Unicode characters of its text.
        characters: u64,
    },
    /// Audio came that belongs to no known answer; it was dropped.
    Unmatched,
}

impl std::fmt::Debug for TtsEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connection(event) => write!(f, "Connection({event:?})"),
            Self::Audio { context, request, pcm } => write!(f, "Audio({context}, {request}, {pcm:?})"),
            Self::Word { context, request, text, start, end } => {
                write!(f, "Word({context}, {request}, {} bytes, {start:?}..{end:?})", text.len())
            }
            Self::Finished { context } => write!(f, "Finished({context})"),
            Self::Failed { context, delivered, error } => {
                write!(f, "Failed({context:?}, after {delivered:?}: {error})")
            }
            Self::Answered(answer) => write!(f, "Answered({answer:?})"),
            Self::Requested { context, request, characters } => {
                write!(f, "Requested({context}, {request}, {characters} characters)")
            }
            Self::Unmatched => f.write_str("Unmatched"),
        }
    }
}

/// A synthesizer's two ends.
pub type TtsIo = ServiceIo<TtsCommand, TtsEvent>;

/// What a synthesizer learns before it runs.
#[derive(Clone, Copy, Debug)]
pub struct TtsSetup {
    /// The rate its audio must have.
    pub sample_rate: SampleRate,
}

/// What the stage must know of a synthesizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TtsProfile {
    /// Whether text is passed on as the model writes it. Otherwise whole sentences are.
    pub streams_text: bool,
    /// How long after the first text of an answer its first audio may take before an error is reported.
    pub first_audio_deadline: Duration,
}

/// A text-to-speech provider.
#[async_trait]
pub trait TtsService: Send + 'static {
    /// Its name in metrics, errors and answers.
    fn name(&self) -> ServiceName;

    /// What the stage must know of it.
    fn profile(&self) -> TtsProfile;

    /// Its event handlers. Keep one and give out clones.
    fn connection_events(&self) -> ConnectionEvents;

    /// Works until [`TtsCommand::End`] is done. See the contract in [the module](super).
    ///
    /// # Errors
    /// Only when the service has given up for good.
    async fn run(self: Box<Self>, setup: TtsSetup, io: TtsIo) -> ServiceResult;
}
