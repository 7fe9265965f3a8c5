//! A model that follows a script: for tests and demos, without key or network.
//!
//! It is no language model, and says so: by its name, in the log when it is first asked, and in what it answers
//! where the script has no line. Rules are tried in the order they were added; the first that fits answers.
//! It streams word by word, each after a delay of its own on tokio's clock, which tests can pause.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::sleep;
use voxline_core::{
    ServiceError,
    frame::{ChatMessage, LlmRequest, Rejected, SettingsAnswer, ToolCall, UpdateId},
    service::{LlmDelta, LlmEvent, LlmOutput, LlmProfile, LlmService, ServiceName},
};

/// Stands in a reply for the result of the tool that was called.
const RESULT: &str = "{result}";

/// A model that follows a script.
///
/// ```
/// use std::time::Duration;
/// use voxline_llm::{Reply, ScriptedLlm};
///
/// let llm = ScriptedLlm::new()
///     .opening("Hello, how can I help?")
///     .when("time", Reply::call("time_in", serde_json::json!({"city": "Delhi"})))
///     .after("time_in", "It is {result} in Delhi.")
///     .otherwise("I did not get that.")
///     .with_word_delay(Duration::from_millis(40));
/// ```
#[derive(Debug)]
#[must_use]
pub struct ScriptedLlm {
    rules: Vec<(Cue, Reply)>,
    otherwise: Reply,
    first_delay: Duration,
    word_delay: Duration,
    calls: AtomicU64,
    announced: AtomicBool,
}

/// When a rule fits.
#[derive(Debug)]
enum Cue {
    /// Nobody has said anything yet.
    Opening,
    /// The user's last words hold this, in lower case.
    Heard(String),
    /// The tool of this name has given its result.
    Result(String),
}

/// What the script answers: a text, tool calls, or both.
#[derive(Clone, Default)]
#[must_use]
pub struct Reply {
    text: String,
    calls: Vec<(String, String)>,
}

impl Reply {
    /// A text. `{result}` stands for what the tool that was called last gave.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), calls: Vec::new() }
    }

    /// A call of a tool with these arguments.
    pub fn call(name: impl Into<String>, arguments: impl Into<Value>) -> Self {
        Self::default().and_call(name, arguments)
    }

    /// One more call of a tool.
    pub fn and_call(mut self, name: impl Into<String>, arguments: impl Into<Value>) -> Self {
        self.calls.push((name.into(), arguments.into().to_string()));
        self
    }
}

impl<T: Into<String>> From<T> for Reply {
    fn from(text: T) -> Self {
        Self::text(text)
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({} bytes, {} calls)", self.text.len(), self.calls.len())
    }
}

impl Default for ScriptedLlm {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedLlm {
    /// What a program may tell its user when it runs on a script.
    pub const NOTICE: &str = "answers come from a script, not from a language model";

    /// An empty script, without delays.
    pub fn new() -> Self {
        Self {
            rules: Vec::new(),
            otherwise: Reply::text("I only follow a script, and it has no answer to that."),
            first_delay: Duration::ZERO,
            word_delay: Duration::ZERO,
            calls: AtomicU64::new(1),
            announced: AtomicBool::new(false),
        }
    }

    /// What it says when nobody has said anything.
    pub fn opening(self, reply: impl Into<Reply>) -> Self {
        self.rule(Cue::Opening, reply.into())
    }

    /// What it answers when the user's last words hold `words`, whatever their case.
    pub fn when(self, words: &str, reply: impl Into<Reply>) -> Self {
        self.rule(Cue::Heard(words.to_lowercase()), reply.into())
    }

    /// What it answers when the tool of this name has settled.
    pub fn after(self, tool: impl Into<String>, reply: impl Into<Reply>) -> Self {
        self.rule(Cue::Result(tool.into()), reply.into())
    }

    /// What it answers when no rule fits.
    pub fn otherwise(mut self, reply: impl Into<Reply>) -> Self {
        self.otherwise = reply.into();
        self
    }

    /// With this delay before the first word.
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// With this delay before each further word.
    pub fn with_word_delay(mut self, delay: Duration) -> Self {
        self.word_delay = delay;
        self
    }

    fn rule(mut self, cue: Cue, reply: Reply) -> Self {
        self.rules.push((cue, reply));
        self
    }

    fn reply(&self, messages: &[ChatMessage]) -> Reply {
        let last = messages
            .iter()
            .rposition(|message| matches!(message, ChatMessage::User { .. } | ChatMessage::Tool { .. }));
        let (tool, result) = match last.map(|at| &messages[at]) {
            Some(ChatMessage::Tool { call, text }) => (tool_of(messages, call), text.as_str()),
            _ => (None, ""),
        };
        let heard = match last.map(|at| &messages[at]) {
            Some(ChatMessage::User { text }) => Some(text.to_lowercase()),
            _ => None,
        };
        let fits = |cue: &Cue| match cue {
            Cue::Opening => last.is_none(),
            Cue::Heard(words) => heard.as_ref().is_some_and(|heard| heard.contains(words.as_str())),
            Cue::Result(name) => tool == Some(name.as_str()),
        };
        let found = self.rules.iter().find(|(cue, _)| fits(cue)).map(|(_, reply)| reply);
        let mut reply = found.unwrap_or(&self.otherwise).clone();
        reply.text = reply.text.replace(RESULT, result);
        reply
    }
}

/// The tool that a call named.
fn tool_of<'a>(messages: &'a [ChatMessage], id: &str) -> Option<&'a str> {
    let calls = messages.iter().rev().filter_map(|message| match message {
        ChatMessage::Assistant { calls, .. } => Some(calls),
        _ => None,
    });
    calls.flatten().find(|call| call.id == id).map(|call| call.name.as_str())
}

#[async_trait]
impl LlmService for ScriptedLlm {
    fn name(&self) -> ServiceName {
        "scripted-llm".into()
    }

    fn profile(&self) -> LlmProfile {
        // A script cannot be late, however slowly it is told to speak.
        LlmProfile { first_token_deadline: Duration::MAX, stall_deadline: Duration::MAX }
    }

    async fn respond(&self, request: LlmRequest, output: LlmOutput) -> Result<(), ServiceError> {
        if !self.announced.swap(true, Ordering::Relaxed) {
            tracing::info!("{}", Self::NOTICE);
        }
        let reply = self.reply(&request.messages);
        sleep(self.first_delay).await;
        for (index, word) in reply.text.split_inclusive(char::is_whitespace).enumerate() {
            if index > 0 {
                sleep(self.word_delay).await;
            }
            output.send(LlmEvent::Text(word.to_owned())).await;
        }
        for (name, arguments) in reply.calls {
            let id = format!("scripted_{}", self.calls.fetch_add(1, Ordering::Relaxed));
            output.send(LlmEvent::Call(ToolCall { id, name, arguments })).await;
        }
        Ok(())
    }

    fn update(&self, update: UpdateId, delta: &LlmDelta) -> SettingsAnswer {
        let named = [
            ("model", !delta.model.is_keep()),
            ("temperature", !delta.temperature.is_keep()),
            ("max_tokens", !delta.max_tokens.is_keep()),
            ("extension", delta.extension.is_some()),
        ];
        let refused = named.into_iter().filter(|&(_, named)| named);
        let reason = || "a script has no settings".to_owned();
        SettingsAnswer {
            update,
            service: Arc::clone(&self.name()),
            changed: Vec::new(),
            rejected: refused.map(|(field, _)| Rejected { field, reason: reason() }).collect(),
            warnings: Vec::new(),
            reconnected: false,
        }
    }
}
