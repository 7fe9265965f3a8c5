//! The wire: OpenAI's chat completions, as others speak them too.
//!
//! What is sent is exact. What comes is read tolerantly: unknown fields and values are ignored, missing ones
//! are none, and a field of the wrong type counts as missing, except where text would be lost with it.
//! Source: OpenAI's API reference, "Chat" and "Chat streaming"; Electron: protocol section 6.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use voxline_core::frame::{ChatMessage, LlmRequest, ToolCall, ToolSpec};

use super::{LlmError, MaxTokensField, OpenAiSettings, ToolChoice};

/// The body of a request.
pub(super) fn body(
    settings: &OpenAiSettings,
    request: &LlmRequest,
    limit: MaxTokensField,
    usage: bool,
) -> Result<Vec<u8>, LlmError> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put("model", Some(json!(settings.model)));
    put("messages", Some(request.messages.iter().filter_map(message).collect()));
    put("stream", Some(json!(true)));
    put("stream_options", usage.then(|| json!({"include_usage": true})));
    put("temperature", settings.temperature.map(Value::from));
    let limit = match limit {
        MaxTokensField::MaxTokens => "max_tokens",
        MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
    };
    put(limit, settings.max_tokens.map(Value::from));
    put("top_p", settings.top_p.map(Value::from));
    put("seed", settings.seed.map(Value::from));
    put("stop", (!settings.stop.is_empty()).then(|| json!(settings.stop)));
    put("frequency_penalty", settings.frequency_penalty.map(Value::from));
    put("presence_penalty", settings.presence_penalty.map(Value::from));
    if !request.tools.is_empty() {
        put("tools", Some(request.tools.iter().map(tool).collect::<Result<_, _>>()?));
        put("tool_choice", settings.tool_choice.as_ref().map(choice));
        put("parallel_tool_calls", settings.parallel_tool_calls.map(Value::from));
    }
    body.extend(settings.extra.clone());
    // Maps of JSON values with text keys always become text.
    Ok(Value::Object(body).to_string().into_bytes())
}

fn message(message: &ChatMessage) -> Option<Value> {
    Some(match message {
        ChatMessage::System { text } => json!({"role": "system", "content": text}),
        ChatMessage::User { text } => json!({"role": "user", "content": text}),
        ChatMessage::Assistant { text, calls } if calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        ChatMessage::Assistant { text, calls } => {
            let content = if text.is_empty() { Value::Null } else { json!(text) };
            let calls: Vec<_> = calls.iter().map(call).collect();
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
        ChatMessage::Tool { call, text } => json!({"role": "tool", "tool_call_id": call, "content": text}),
        // A kind of message this version does not know.
        _ => return None,
    })
}

fn call(call: &ToolCall) -> Value {
    // Some servers parse the arguments of earlier calls, and fail on an empty text.
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn tool(spec: &ToolSpec) -> Result<Value, LlmError> {
    let parameters: Value =
        serde_json::from_str(&spec.parameters).map_err(|_| LlmError::Schema { tool: spec.name.clone() })?;
    let function = json!({"name": &*spec.name, "description": &*spec.description, "parameters": parameters});
    Ok(json!({"type": "function", "function": function}))
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

/// One piece of a stream; or, from servers that do not stream, all of it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) usage: Option<Tokens>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) index: Option<u32>,
    #[serde(default)]
    pub(super) delta: Option<Delta>,
    /// The whole answer, from servers that do not stream.
    #[serde(default)]
    pub(super) message: Option<Delta>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    #[serde(default)]
    pub(super) content: Option<Content>,
    /// What the model says instead of an answer it will not give.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) refusal: Option<String>,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<CallDelta>>,
    /// What the model thinks, under its two names. Never spoken.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) reasoning: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) reasoning_content: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Part {
    #[serde(default, deserialize_with = "lenient")]
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct CallDelta {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) index: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) function: Option<FunctionDelta>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FunctionDelta {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: Option<String>,
    /// A piece of the text; some servers give the object itself.
    #[serde(default)]
    pub(super) arguments: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Tokens {
    #[serde(default)]
    pub(super) prompt_tokens: u64,
    #[serde(default)]
    pub(super) completion_tokens: u64,
}

impl Content {
    /// The text, whatever its shape.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
            Self::Other(_) => String::new(),
        }
    }
}

/// What an error object says, in any of the shapes servers use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) message: String,
    /// `type` or `code`, whichever is there.
    pub(super) kinds: Vec<String>,
    /// An HTTP status given as `code` or `status`.
    pub(super) status: Option<u16>,
}

impl Problem {
    /// Of the body of a refusal.
    pub(super) fn of_body(body: &str) -> Self {
        match serde_json::from_str::<Value>(body) {
            Ok(Value::Object(mut body)) => match body.remove("error") {
                Some(error) => Self::of(&error),
                None => Self::of(&Value::Object(body)),
            },
            _ => Self { message: body.trim().to_owned(), ..Self::default() },
        }
    }

    /// Of an error object, or of a bare text.
    pub(super) fn of(error: &Value) -> Self {
        if let Value::String(message) = error {
            return Self { message: message.clone(), ..Self::default() };
        }
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| error.get(name).and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
        Self {
            message: text("message").or_else(|| text("detail")).unwrap_or_default(),
            kinds: ["code", "type"].into_iter().filter_map(text).collect(),
            status: number("code").or_else(|| number("status")).filter(|status| (400..600).contains(status)),
        }
    }
}

/// A field whose value is not what it should be counts as missing.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_with_tools_becomes_the_documented_body() {
        let call = ToolCall { id: "c1".into(), name: "time_in".into(), arguments: String::new() };
        let request = LlmRequest {
            messages: vec![
                ChatMessage::system("Be brief."),
                ChatMessage::user("दिल्ली में क्या समय है?"),
                ChatMessage::Assistant { text: String::new(), calls: vec![call] },
                ChatMessage::Tool { call: "c1".into(), text: "noon".into() },
            ]
            .into(),
            tools: vec![ToolSpec {
                name: "time_in".into(),
                description: "The time.".into(),
                parameters: r#"{"type":"object"}"#.into(),
            }]
            .into(),
        };
        let settings = OpenAiSettings {
            temperature: Some(0.7),
            max_tokens: Some(64),
            stop: vec!["\n".into()],
            tool_choice: Some(ToolChoice::Auto),
            extra: json!({"temperature": 0.1, "user": "x"}).as_object().unwrap().clone(),
            ..OpenAiSettings::new("electron")
        };
        let body = body(&settings, &request, MaxTokensField::MaxTokens, true).unwrap();
        let expected = json!({
            "model": "electron", "stream": true, "stream_options": {"include_usage": true},
            "temperature": 0.1, "max_tokens": 64, "stop": ["\n"], "user": "x", "tool_choice": "auto",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "दिल्ली में क्या समय है?"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "time_in", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "noon"}],
            "tools": [{"type": "function", "function":
                {"name": "time_in", "description": "The time.", "parameters": {"type": "object"}}}],
        });
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn without_tools_nothing_of_tools_is_sent() {
        let settings = OpenAiSettings { tool_choice: Some(ToolChoice::Required), ..OpenAiSettings::new("m") };
        let request = LlmRequest::new(vec![ChatMessage::user("hi")]);
        let body = body(&settings, &request, MaxTokensField::MaxCompletionTokens, false).unwrap();
        let expected = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn errors_of_every_shape_are_read() {
        let openai = r#"{"error":{"message":"slow down","type":"tokens","code":"rate_limit_exceeded"}}"#;
        let problem = Problem::of_body(openai);
        assert_eq!(problem.message, "slow down");
        assert_eq!(problem.kinds, ["rate_limit_exceeded", "tokens"]);
        assert_eq!(Problem::of_body(r#"{"error":"model not found"}"#).message, "model not found");
        let vllm =
            Problem::of_body(r#"{"object":"error","message":"no","type":"BadRequestError","code":400}"#);
        assert_eq!((vllm.message.as_str(), vllm.status), ("no", Some(400)));
        assert_eq!(Problem::of_body(r#"{"detail":"gone"}"#).message, "gone");
        assert_eq!(Problem::of_body("<html>502</html>\n").message, "<html>502</html>");
    }
}
