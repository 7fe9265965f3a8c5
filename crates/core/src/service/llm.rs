//! Language models: what a provider implements.
//!
//! A model is asked once per answer and streams it. The stage runs `respond` as a job of the answer: an
//! interruption drops its future, and with it the connection's use, so a provider needs no cancel message.
//!
//! A provider writes the wire format and its own retries; [`LlmStage`] does the rest: order, deadlines,
//! metrics, interruption, settings, tools.

use std::time::Duration;

use async_trait::async_trait;

use super::{LlmStage, ServiceName, Tools};
use crate::{
    error::ServiceError,
    frame::{Change, Extension, LlmRequest, SettingsAnswer, ToolCall, UpdateId},
};

/// What a model streams.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LlmEvent {
    /// A piece of the answer, with its own spaces.
    Text(String),
    /// A tool call, whole: sent only when the provider has said that its arguments are complete.
    Call(ToolCall),
    /// The model works, but there is nothing to show yet: it thinks, or writes a call's arguments. Keeps
    /// the deadlines from running out.
    Progress,
    /// What the answer cost, as the provider counts.
    Usage {
        /// Tokens of the request.
        prompt: u64,
        /// Tokens of the answer.
        completion: u64,
    },
}

impl std::fmt::Debug for LlmEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Call(call) => write!(f, "Call({call:?})"),
            Self::Progress => f.write_str("Progress"),
            Self::Usage { prompt, completion } => write!(f, "Usage({prompt} + {completion} tokens)"),
        }
    }
}

/// Changes to a language model.
#[derive(Clone, Debug, Default)]
pub struct LlmDelta {
    /// The model.
    pub model: Change<String>,
    /// How freely it chooses words, 0 to 2.
    pub temperature: Change<f32>,
    /// The most tokens of an answer.
    pub max_tokens: Change<u32>,
    /// The tools of the stage, all of them; it applies this itself. Cleared: none.
    pub tools: Change<Tools>,
    /// What only one provider knows.
    pub extension: Option<Extension>,
}

/// What the stage must know of a model. A `Duration::MAX` switches a deadline off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LlmProfile {
    /// How long the first piece of an answer may take before the answer is given up. Counted from the
    /// request, retries included.
    pub first_token_deadline: Duration,
    /// How long the stream may pause before the answer is given up. A pause of the pipeline, which takes
    /// no more for the moment, does not count.
    pub stall_deadline: Duration,
}

/// A language model.
#[async_trait]
pub trait LlmService: Send + Sync + 'static {
    /// Its name in metrics, errors and answers.
    fn name(&self) -> ServiceName;

    /// What the stage must know of it.
    fn profile(&self) -> LlmProfile;

    /// Whether it can be used as it is configured. Asked once, when the session starts; no network.
    ///
    /// # Errors
    /// An error ends the start of the whole session.
    fn check(&self) -> Result<(), ServiceError> {
        Ok(())
    }

    /// Streams the answer to `request` into `output`, in order, and returns when it is complete. Answers may
    /// be asked for concurrently: the stage does not, but a summary may be written beside an answer.
    ///
    /// # Errors
    /// When the answer is not complete: nothing more comes of it, and its tool calls are not begun.
    async fn respond(&self, request: LlmRequest, output: LlmOutput) -> Result<(), ServiceError>;

    /// Changes settings; they hold from the next answer on.
    fn update(&self, update: UpdateId, delta: &LlmDelta) -> SettingsAnswer;

    /// The stage around this model that also runs `tools`.
    fn with_tools(self, tools: Tools) -> LlmStage<Self>
    where
        Self: Sized,
    {
        LlmStage::new(self).with_tools(tools)
    }
}

/// Where a model's stream goes.
#[derive(Clone, Debug)]
pub struct LlmOutput {
    pub(crate) events: tokio::sync::mpsc::Sender<LlmEvent>,
}

impl LlmOutput {
    /// An output and what receives it, for tests and for stages of one's own.
    #[must_use]
    pub fn channel(bound: usize) -> (Self, tokio::sync::mpsc::Receiver<LlmEvent>) {
        let (events, receiver) = tokio::sync::mpsc::channel(bound.max(1));
        (Self { events }, receiver)
    }

    /// Sends the next piece; waits while the pipeline does not keep up. Once the answer is no longer
    /// wanted it does nothing.
    pub async fn send(&self, event: LlmEvent) {
        // Nobody listens any more: the job is about to be dropped.
        let _ = self.events.send(event).await;
    }
}
