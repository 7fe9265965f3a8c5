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
    /// The tools it may call, beside those its stage knows.
    pub tools: Arc<[ToolSpec]>,
}

/// How a tool call was settled. Each call is settled exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolOutcome {
    /// It gave a result, as text for the model.
    Done(Arc<str>),
    /// It failed; the model is told a fixed phrase.
    Failed,
    /// It was cancelled by an interruption.
    Cancelled,
    /// It took longer than its deadline.
    TimedOut,
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

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}, {} bytes)", self.name, self.id, self.arguments.len())
    }
}
