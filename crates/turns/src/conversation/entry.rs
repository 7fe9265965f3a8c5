//! One step of a conversation, and how a model and a record read it.
//!
//! Pure. What was said is one message; calls of tools are one step with their results, settled or not; an answer that
//! is being spoken is a step without a message, except for the model, which reads it as said.

use voxline_core::frame::{ChatMessage, ToolCall};

use super::answer::Answer;

/// What a model is told of a call that has not been settled.
pub(super) const RUNNING: &str = "The call is still running.";
/// One step of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) kind: Kind,
    /// Something other than instructions stood before it when it came: a system message like that is news, no
    /// instruction.
    pub(super) late: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Said(ChatMessage),
    /// Calls of one answer. `worth`: one of them was settled otherwise than by being cancelled.
    Calls {
        text: String,
        calls: Vec<ToolCall>,
        results: Vec<Option<String>>,
        worth: bool,
    },
    Speaking(Box<Answer>),
}

impl Entry {
    pub(super) fn render(&self, speaking: bool, messages: &mut Vec<ChatMessage>) {
        match &self.kind {
            Kind::Said(message) => messages.push(message.clone()),
            Kind::Calls { text, calls, results, .. } => {
                messages.push(ChatMessage::Assistant { text: text.clone(), calls: calls.clone() });
                messages.extend(calls.iter().zip(results).map(|(call, result)| ChatMessage::Tool {
                    call: call.id.clone(),
                    text: result.clone().unwrap_or_else(|| RUNNING.into()),
                }));
            }
            Kind::Speaking(answer) => {
                let text = answer.text.trim();
                if speaking && !answer.doomed && !text.is_empty() {
                    messages.push(ChatMessage::Assistant { text: text.into(), calls: Vec::new() });
                }
            }
        }
    }

    /// Whether it is complete, so that it may be cut away or summarised.
    pub(super) fn is_settled(&self) -> bool {
        match &self.kind {
            Kind::Said(_) => true,
            Kind::Calls { results, .. } => results.iter().all(Option::is_some),
            Kind::Speaking(_) => false,
        }
    }

    /// Whether it is an answer that nobody will have heard.
    pub(super) fn is_doomed(&self) -> bool {
        matches!(&self.kind, Kind::Speaking(answer) if answer.doomed)
    }

    /// Whether it is one of the instructions at the beginning.
    pub(super) fn instructs(&self) -> bool {
        !self.late && matches!(&self.kind, Kind::Said(ChatMessage::System { .. }))
    }

    /// How many messages and letters it is.
    pub(super) fn size(&self) -> (usize, usize) {
        let mut messages = Vec::new();
        self.render(true, &mut messages);
        let letters = messages.iter().map(|message| match message {
            ChatMessage::Assistant { text, calls } => {
                let arguments = calls.iter().map(|call| call.name.len() + call.arguments.chars().count());
                text.chars().count() + arguments.sum::<usize>()
            }
            ChatMessage::System { text } | ChatMessage::User { text } | ChatMessage::Tool { text, .. } => {
                text.chars().count()
            }
            _ => 0,
        });
        (messages.len(), letters.sum())
    }

    /// The ids of its calls that are not settled.
    pub(super) fn running(&self) -> impl Iterator<Item = &str> {
        let calls = match &self.kind {
            Kind::Calls { calls, results, .. } => Some(calls.iter().zip(results)),
            _ => None,
        };
        calls.into_iter().flatten().filter(|(_, result)| result.is_none()).map(|(call, _)| call.id.as_str())
    }

    /// Whether it holds this call.
    pub(super) fn has_call(&self, id: &str) -> bool {
        matches!(&self.kind, Kind::Calls { calls, .. } if calls.iter().any(|call| call.id == id))
    }
}
