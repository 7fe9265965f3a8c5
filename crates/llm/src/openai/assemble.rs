//! From the events of a stream to the events of an answer. Pure.
//!
//! In: each server-sent event, then how the stream ended. Out: [`LlmEvent`]s.
//! 1. Text goes on piece by piece; thoughts only as a sign of life.
//! 2. Tool calls are joined by index and given out whole, and only when the endpoint has said that the
//!    answer is complete: by a `finish_reason` or by `[DONE]`. What is cut before that yields no call.
//! 3. Events of other names, comments and unknown fields are ignored; an `error` object is an error wherever it
//!    stands; text that cannot be read is an error, because ignoring it would lose words.
//! 4. A stream may end without `[DONE]`, without a `finish_reason`, or with the last line unfinished.

use serde_json::Value;
use voxline_core::{frame::ToolCall, service::LlmEvent};

use super::{
    LlmError,
    message::{CallDelta, Chunk, Delta, Problem, Tokens},
};

/// Calls an answer may hold.
const MOST_CALLS: usize = 256;

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    calls: Vec<Partial>,
    finish: Option<String>,
    done: bool,
    tokens: Option<Tokens>,
    /// Something has come that belongs to an answer.
    begun: bool,
}

/// A tool call as far as it has come.
#[derive(Debug, Default)]
struct Partial {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Partial {
    /// Whether its arguments are complete JSON.
    fn is_whole(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.arguments).is_ok()
    }
}

impl Assembler {
    /// Takes an event of the stream.
    ///
    /// # Errors
    /// When the endpoint reports an error, or the event cannot be read. Nothing comes after it.
    pub(super) fn handle_event(&mut self, name: &str, data: &str) -> Result<Vec<LlmEvent>, LlmError> {
        let data = data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(Vec::new());
        }
        let is_own = matches!(name, "" | "message");
        let value: Value = match serde_json::from_str(data) {
            Ok(value) => value,
            Err(_) if name == "error" => return Err(reported(&Value::String(data.to_owned()))),
            Err(_) if !is_own => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&error)),
        };
        if name == "error" {
            return Err(reported(value.get("error").filter(|error| !error.is_null()).unwrap_or(&value)));
        }
        // Only an object can hold text of the answer.
        if !is_own && value.get("choices").is_none() || !value.is_object() {
            return Ok(Vec::new());
        }
        let chunk: Chunk = serde_json::from_value(value).map_err(|error| unreadable(&error))?;
        self.take(chunk)
    }

    /// Whether the endpoint has said that nothing more comes.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether the answer is complete, though the count of tokens may follow.
    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// The stream has ended well: what is left to tell.
    ///
    /// # Errors
    /// When it ended within a tool call, or held nothing of an answer: a page for people, say.
    pub(super) fn finish(self) -> Result<Vec<LlmEvent>, LlmError> {
        if !self.begun && !self.done {
            return Err(LlmError::Protocol { expected: "an answer", got: "a body without one".into() });
        }
        let mut events = Vec::new();
        if let Some(tokens) = self.tokens {
            let Tokens { prompt_tokens: prompt, completion_tokens: completion } = tokens;
            events.push(LlmEvent::Usage { prompt, completion });
        }
        if self.calls.is_empty() {
            return Ok(events);
        }
        match self.finish.as_deref() {
            Some(cut @ ("length" | "content_filter")) => {
                return Err(LlmError::Truncated { finish: cut.into() });
            }
            None if !self.done => return Err(LlmError::CutShort(None)),
            _ => {}
        }
        for Partial { id, name, arguments, .. } in self.calls {
            if name.is_empty() {
                let got = "a tool call without one".into();
                return Err(LlmError::Protocol { expected: "the name of a tool", got });
            }
            events.push(LlmEvent::Call(ToolCall { id, name, arguments }));
        }
        Ok(events)
    }

    fn take(&mut self, chunk: Chunk) -> Result<Vec<LlmEvent>, LlmError> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(reported(&error));
        }
        self.tokens = chunk.usage.or(self.tokens);
        let mut events = Vec::new();
        self.begun |= chunk.choices.is_some();
        let choices = chunk.choices.unwrap_or_default();
        // Nobody asks for more than one choice; a server that gives more means the first.
        let Some(choice) = choices.into_iter().find(|choice| choice.index.unwrap_or(0) == 0) else {
            return Ok(events);
        };
        if let Some(delta) = choice.delta.or(choice.message) {
            self.add(delta, &mut events)?;
        }
        self.finish = choice.finish_reason.filter(|reason| !reason.is_empty()).or(self.finish.take());
        Ok(events)
    }

    fn add(&mut self, delta: Delta, events: &mut Vec<LlmEvent>) -> Result<(), LlmError> {
        let thinks = [delta.reasoning, delta.reasoning_content].into_iter().flatten().any(|t| !t.is_empty());
        let mut text = delta.content.map(super::message::Content::into_text).unwrap_or_default();
        text.push_str(delta.refusal.as_deref().unwrap_or_default());
        let calls = delta.tool_calls.unwrap_or_default();
        if text.is_empty() && (thinks || !calls.is_empty()) {
            events.push(LlmEvent::Progress);
        }
        if !text.is_empty() {
            events.push(LlmEvent::Text(text));
        }
        for call in calls {
            self.join(call)?;
        }
        Ok(())
    }

    /// Adds a piece to the call it belongs to.
    fn join(&mut self, delta: CallDelta) -> Result<(), LlmError> {
        let function = delta.function.unwrap_or_default();
        let id = delta.id.filter(|id| !id.is_empty());
        let name = function.name.filter(|name| !name.is_empty());
        let known = match delta.index {
            Some(index) => self.calls.iter().rposition(|call| call.index == Some(index)),
            // Without an index, an id tells, and else it goes on with the last.
            None => match &id {
                Some(id) => self.calls.iter().rposition(|call| call.id == *id),
                None => self.calls.len().checked_sub(1),
            },
        };
        // Some servers give every call the index 0: another id with a name is another call. So is, where there are no
        // ids, a name with arguments after a call that has both and is whole.
        let brings_arguments = match &function.arguments {
            Some(Value::String(piece)) => !piece.is_empty(),
            Some(whole) => whole.is_object(),
            None => false,
        };
        let is_other = |call: &Partial| {
            name.is_some()
                && match &id {
                    Some(id) => !call.id.is_empty() && *id != call.id,
                    None => brings_arguments && !call.name.is_empty() && call.is_whole(),
                }
        };
        let known = known.filter(|&known| !is_other(&self.calls[known]));
        let at = match known {
            Some(at) => at,
            None if self.calls.len() >= MOST_CALLS => {
                let got = "more".into();
                return Err(LlmError::Protocol { expected: "at most 256 tool calls", got });
            }
            None => {
                self.calls.push(Partial { index: delta.index, ..Partial::default() });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at];
        if let Some(id) = id {
            call.id = id;
        }
        if let Some(name) = name {
            call.name = name;
        }
        match function.arguments {
            Some(Value::String(piece)) => call.arguments.push_str(&piece),
            Some(whole @ Value::Object(_)) => call.arguments = whole.to_string(),
            _ => {}
        }
        Ok(())
    }
}

fn unreadable(error: &serde_json::Error) -> LlmError {
    // The error's own text may quote the answer.
    LlmError::Protocol { expected: "a chunk of an answer", got: format!("{:?} error", error.classify()) }
}

/// An error object within a stream.
fn reported(error: &Value) -> LlmError {
    let Problem { message, kinds, status } = Problem::of(error);
    LlmError::refusal(status, message, &kinds, None)
}

#[cfg(test)]
mod tests;
