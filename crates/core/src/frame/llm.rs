//! The vocabulary between a conversation and a language model.
//!
//! `Debug` shows lengths, not words: frames are safe to log. The types serialise, so that a conversation can
//! be saved and loaded.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// One message of a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChatMessage {
    /// Instructions to the model.
    System {
        /// The text.
        text: String,
    },
    /// What the user said.
    User {
        /// The text.
        text: String,
    },
    /// What the assistant said, or asked of tools.
    Assistant {
        /// The text; empty where only tools were called.
        text: String,
        /// The tools called.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
    },
    /// What a tool gave.
    Tool {
        /// The call it answers.
        call: String,
        /// The result, as text for the model.
        text: String,
    },
}

/// A call of a tool, as the model wrote it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The model's name for this call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments: a JSON object, as text.
    pub arguments: String,
}

/// A tool the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSpec {
    /// Its name.
    pub name: Arc<str>,
    /// What it does, for the model.
    pub description: Arc<str>,
    /// The JSON schema of its arguments, as text.
    pub parameters: Arc<str>,
}

/// What a model is asked: a snapshot of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LlmRequest {
    /// The conversation so far.
    pub messages: Arc<[ChatMessage]>,
    /// The tools it may call, beside those its stage runs. A call of one that the stage does not run is
    /// settled as [`ToolOutcome::Unknown`].
    pub tools: Arc<[ToolSpec]>,
}

impl LlmRequest {
    /// A request without further tools.
    #[must_use]
    pub fn new(messages: impl Into<Arc<[ChatMessage]>>) -> Self {
        Self { messages: messages.into(), tools: Arc::default() }
    }
}

/// How a tool call was settled. Each call is settled exactly once.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolOutcome {
    /// It gave a result, as text for the model.
    Done(Arc<str>),
    /// It failed. Why is reported upstream, and kept from the model.
    Failed,
    /// Its arguments are not what the tool takes.
    BadArguments,
    /// There is no tool of this name.
    Unknown,
    /// It was cancelled, by an interruption or by the end of the session.
    Cancelled,
    /// It took longer than its deadline.
    TimedOut,
}

impl ToolOutcome {
    /// What the model is told: the result, or a fixed phrase.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Done(text) => text,
            Self::Failed => "The tool failed.",
            Self::BadArguments => "The arguments do not fit the tool's schema.",
            Self::Unknown => "There is no such tool.",
            Self::Cancelled => "The call was cancelled.",
            Self::TimedOut => "The tool did not answer in time.",
        }
    }
}

/// A settled tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The call.
    pub call: ToolCall,
    /// How it was settled.
    pub outcome: ToolOutcome,
}

/// Text of an answer that has been given to the synthesizer. Travels ahead of its audio.
#[derive(Clone, PartialEq, Eq)]
pub struct SpokenText {
    /// The answer.
    pub context: super::ContextId,
    /// The text, with its own spaces.
    pub text: Arc<str>,
}

impl fmt::Debug for SpokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpokenText({}, {} bytes)", self.context, self.text.len())
    }
}

impl ChatMessage {
    /// Instructions to the model.
    #[must_use]
    pub fn system(text: impl Into<String>) -> Self {
        Self::System { text: text.into() }
    }

    /// What the user said.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self::User { text: text.into() }
    }

    /// What the assistant said.
    #[must_use]
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::Assistant { text: text.into(), calls: Vec::new() }
    }

    /// What a tool gave.
    #[must_use]
    pub fn tool(result: &ToolResult) -> Self {
        Self::Tool { call: result.call.id.clone(), text: result.outcome.text().to_owned() }
    }
}

impl fmt::Debug for ChatMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { text } => write!(f, "System({} bytes)", text.len()),
            Self::User { text } => write!(f, "User({} bytes)", text.len()),
            Self::Assistant { text, calls } => write!(f, "Assistant({} bytes, {calls:?})", text.len()),
            Self::Tool { call, text } => write!(f, "Tool({call}, {} bytes)", text.len()),
        }
    }
}

impl fmt::Debug for ToolOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(text) => write!(f, "Done({} bytes)", text.len()),
            Self::Failed => f.write_str("Failed"),
            Self::BadArguments => f.write_str("BadArguments"),
            Self::Unknown => f.write_str("Unknown"),
            Self::Cancelled => f.write_str("Cancelled"),
            Self::TimedOut => f.write_str("TimedOut"),
        }
    }
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}, {} bytes)", self.name, self.id, self.arguments.len())
    }
}
