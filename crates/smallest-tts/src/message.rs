//! The messages of the socket, as they stand in protocol sections 4.1 to 4.3.
//!
//! Out: [`Request`], one JSON object; what is `None` is not sent. In: [`Incoming::parse`], which takes
//! every shape the documents and the shipping clients know, ignores what it does not know, and fails only
//! on what is not a JSON object. Nothing here knows time, order or settings.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Serialize;
use serde_json::{Map, Value};
use voxline_core::ErrorCategory;

/// Standard base64, with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How much of a server's own words is kept, in characters.
const KEPT_WORDS: usize = 300;

/// A message to the service.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct Request<'a> {
    /// The voice; the service requires it in every message.
    pub voice_id: &'a str,
    /// The text; empty only to flush or to close a context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// The model, where it is not in the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    /// The language's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
    /// Samples per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// `pcm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<&'a str>,
    /// Speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Lightning v2 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<f64>,
    /// Lightning v2 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f64>,
    /// Lightning v2 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enhancement: Option<u8>,
    /// The language numbers are read in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_pronunciation_language: Option<&'a str>,
    /// Whether formulas are read aloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub math_notation: Option<bool>,
    /// Whether the times of words are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word_timestamps: Option<bool>,
    /// More text follows.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    /// Speak what is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush: Option<bool>,
    /// The forced release of held text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_buffer_flush_ms: Option<u32>,
    /// How long the service waits after the last chunk before it says `complete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete_backoff_ms: Option<u32>,
    /// Our name of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<&'a str>,
    /// Our name of the request; comes back as `external_request_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// Our name of the context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_id: Option<&'a str>,
    /// Drop what the context has not released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_request: Option<bool>,
}

impl Request<'_> {
    /// As it goes on the wire.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and flags with string keys: nothing here can fail to serialize. A number that
        // is not finite would become null; settings refuse those.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} bytes of text, {:?})", self.text.map_or(0, str::len), self.request_id)
    }
}

/// The names a message carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// The service's own name of the synthesis; new for each.
    pub server: Option<String>,
    /// Our `request_id`, where the service repeats it.
    pub ours: Option<String>,
}

/// A message from the service.
#[derive(Clone, PartialEq)]
pub enum Incoming {
    /// Audio: 16-bit little-endian mono PCM, cut anywhere.
    Chunk {
        /// Whose.
        ids: Ids,
        /// The bytes, or that they were not base64.
        audio: Result<Vec<u8>, BadBase64>,
    },
    /// When a word is spoken.
    Word {
        /// Whose.
        ids: Ids,
        /// The word, as it stood in the text.
        text: String,
        /// Seconds from the first sample of the synthesis.
        start: f64,
        /// Seconds from the first sample of the synthesis.
        end: f64,
    },
    /// All audio was sent, of whatever the service means by all.
    Complete {
        /// Whose.
        ids: Ids,
    },
    /// Something failed.
    Error {
        /// Whose.
        ids: Ids,
        /// What.
        failure: Failure,
    },
    /// The answer to a heartbeat.
    Pong,
    /// Something this crate does not know.
    Unknown,
}

/// Audio that is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBase64;

/// A message that is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What the service says went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Its words, cut at 300 characters.
    pub message: String,
    /// Its code, where there is one.
    pub code: Option<String>,
}

impl Incoming {
    /// Takes a text message apart.
    ///
    /// # Errors
    /// [`Malformed`] when it is not a JSON object.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let Ok(Value::Object(mut message)) = serde_json::from_str(text) else { return Err(Malformed) };
        let ids = Ids { server: name(&message, "request_id"), ours: name(&message, "external_request_id") };
        let status = message.get("status").and_then(Value::as_str).unwrap_or_default();
        let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
        Ok(match (status, kind) {
            ("chunk", _) => chunk(ids, &mut message),
            ("word_timestamp", _) => word(ids, &mut message).unwrap_or(Self::Unknown),
            ("complete", _) => Self::Complete { ids },
            ("error", _) | (_, "error") => Self::Error { ids, failure: failure(&message) },
            (_, "pong") => Self::Pong,
            ("", "") if message.get("error").is_some_and(|error| !error.is_null()) => {
                Self::Error { ids, failure: failure(&message) }
            }
            _ => Self::Unknown,
        })
    }
}

impl Failure {
    /// What can be done, by the code; the words are for people.
    #[must_use]
    pub fn category(&self) -> ErrorCategory {
        match self.code.as_deref() {
            Some("401" | "UNAUTHORIZED") => ErrorCategory::Unauthorized,
            Some("403" | "FORBIDDEN") => ErrorCategory::Forbidden,
            Some("429" | "RATE_LIMIT_EXCEEDED" | "CONCURRENCY_LIMIT_REACHED") => ErrorCategory::Overloaded,
            Some("rate_limit_exceeded" | "concurrency_limit_reached") => ErrorCategory::Overloaded,
            Some(
                "400" | "404" | "410" | "422" | "MODEL_DEPRECATED" | "CONTENT_FILTER_BLOCKED" | "custom",
            ) => ErrorCategory::Refused,
            _ => ErrorCategory::Server,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

/// Whether the service takes it as a `request_id` or `session_id`: `^[a-zA-Z0-9_\-.]+$`, at most 128.
#[must_use]
pub fn is_token(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn chunk(ids: Ids, message: &mut Map<String, Value>) -> Incoming {
    let audio = match message.get_mut("data").and_then(|data| data.get_mut("audio")) {
        Some(Value::String(text)) => BASE64.decode(text.as_bytes()).map_err(|_| BadBase64),
        Some(Value::Null) | None => Ok(Vec::new()),
        Some(_) => Err(BadBase64),
    };
    Incoming::Chunk { ids, audio }
}

fn word(ids: Ids, message: &mut Map<String, Value>) -> Option<Incoming> {
    let data = message.get("data")?;
    let text = data.get("word")?.as_str()?.to_owned();
    let start = data.get("start")?.as_f64()?;
    let end = data.get("end").and_then(Value::as_f64).unwrap_or(start);
    Some(Incoming::Word { ids, text, start, end })
}

/// Reads all four shapes: the words at the top, an object, a list, or a bare string.
fn failure(message: &Map<String, Value>) -> Failure {
    let inner = message.get("error");
    let listed = message.get("errors").or(inner).and_then(Value::as_array).and_then(|list| list.first());
    let places = [inner, listed];
    let words = places
        .into_iter()
        .flatten()
        .find_map(|place| place.as_str().or_else(|| place.get("message").and_then(Value::as_str)))
        .or_else(|| message.get("message").and_then(Value::as_str));
    let code = [Some(message), inner.and_then(Value::as_object), listed.and_then(Value::as_object)]
        .into_iter()
        .flatten()
        .find_map(|place| name(place, "error_code").or_else(|| name(place, "code")));
    Failure {
        message: words.unwrap_or("no reason given").chars().take(KEPT_WORDS).collect(),
        code: code.map(|code| code.chars().take(KEPT_WORDS).collect()),
    }
}

/// A name that may be a string or a number.
fn name(message: &Map<String, Value>, key: &str) -> Option<String> {
    match message.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunk { ids, audio: Ok(bytes) } => write!(f, "Chunk({} bytes, {ids:?})", bytes.len()),
            Self::Chunk { ids, audio: Err(BadBase64) } => write!(f, "Chunk(bad base64, {ids:?})"),
            Self::Word { ids, start, end, .. } => write!(f, "Word({start}..{end}, {ids:?})"),
            Self::Complete { ids } => write!(f, "Complete({ids:?})"),
            Self::Error { ids, failure } => write!(f, "Error({failure}, {ids:?})"),
            Self::Pong => f.write_str("Pong"),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}
