//! Everything the service can say, and the three things it is told besides audio.
//!
//! The documents, the endpoints and the servers seen in the field differ in what they send, so reading is
//! tolerant: a missing or null field is absent, a missing boolean is false, a field of another type than
//! documented is taken as absent, unknown fields and unknown kinds are ignored.
//! 1. [`ServerMessage::parse`] never panics and fails only on what is no JSON object.
//! 2. The text is `transcript`, else `transcription`, else empty.
//! 3. Times stay the service's: seconds from the first audio of the connection.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Times beyond this are taken as garbage: no connection lives for a year.
const LATEST: f64 = 365.0 * 24.0 * 3600.0;

/// What the service says.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage {
    /// What was heard.
    Transcript(Box<Transcript>),
    /// Its detector heard speech begin, seconds from the first audio.
    SpeechStarted(Option<f64>),
    /// Its detector heard speech end, seconds from the first audio.
    SpeechEnded(Option<f64>),
    /// The answer to a keepalive message.
    Pong,
    /// Something went wrong.
    Error(ServerError),
    /// A kind of message no document has.
    Unknown,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object")]
pub struct Malformed;

/// An error the service reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// Its code, such as `LANGUAGE_NOT_ENABLED_IN_REGION`.
    pub code: Option<String>,
    /// What it says.
    pub message: String,
}

/// What was heard.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transcript {
    /// The connection's name at the service.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The text.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// The same text under its other name.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub transcription: Option<String>,
    /// Whether the segment is closed.
    #[serde(deserialize_with = "truth")]
    pub is_final: bool,
    /// Whether nothing comes after it on this connection.
    #[serde(deserialize_with = "truth")]
    pub is_last: bool,
    /// Whether it answers a `finalize`. A hint: not every server sends it.
    #[serde(deserialize_with = "truth")]
    pub from_finalize: bool,
    /// Whether it is final because the speaker paused.
    #[serde(deserialize_with = "truth")]
    pub speech_final: bool,
    /// Everything said so far on this connection, when asked for.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub full_transcript: Option<String>,
    /// The language heard.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// All languages heard.
    #[serde(deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// The words, when asked for.
    #[serde(deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<SpokenWord>,
    /// The sentences, when asked for.
    #[serde(deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    pub utterances: Vec<SpokenSentence>,
    /// Placeholders for what was redacted, such as `[FIRSTNAME_1]`.
    #[serde(deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    pub redacted_entities: Vec<String>,
}

/// A word and when it was said.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpokenWord {
    /// The word.
    #[serde(deserialize_with = "lenient_or_default")]
    pub word: String,
    /// Where it begins, seconds from the first audio.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// Where it ends.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// How sure the service is, 0 to 1.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Who said it: a number in some documents, a name in others; kept as text.
    #[serde(deserialize_with = "name_or_number", skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// How sure the service is of the speaker, 0 to 1.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub speaker_confidence: Option<f32>,
}

/// A sentence and when it was said.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpokenSentence {
    /// The sentence. One page calls it `transcript`.
    #[serde(alias = "transcript", deserialize_with = "lenient_or_default")]
    pub text: String,
    /// Where it begins, seconds from the first audio.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// Where it ends.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// Who said it.
    #[serde(deserialize_with = "name_or_number", skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
}

impl ServerMessage {
    /// Reads a text message.
    ///
    /// # Errors
    /// [`Malformed`] when it is no JSON object.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else { return Err(Malformed) };
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let failed = object.get("error").is_some_and(|error| !error.is_null())
            || object.get("status").and_then(Value::as_str) == Some("error");
        Ok(match kind {
            "speech_started" => Self::SpeechStarted(timestamp(&object)),
            "speech_ended" => Self::SpeechEnded(timestamp(&object)),
            "pong" => Self::Pong,
            "error" => Self::Error(ServerError::read(&object)),
            _ if failed => Self::Error(ServerError::read(&object)),
            "" | "transcription" if says_something(&object) => Self::Transcript(Box::new(
                serde_json::from_value(Value::Object(object)).map_err(|_| Malformed)?,
            )),
            _ => Self::Unknown,
        })
    }
}

/// A message without any of these is no transcription, whatever it calls itself.
fn says_something(object: &Map<String, Value>) -> bool {
    ["transcript", "transcription", "is_final", "is_last"].iter().any(|name| object.contains_key(*name))
}

fn timestamp(object: &Map<String, Value>) -> Option<f64> {
    object.get("timestamp").and_then(Value::as_f64)
}

impl ServerError {
    /// The message stands in `message`, in `error`, or in `error.message`.
    fn read(object: &Map<String, Value>) -> Self {
        let error = object.get("error");
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let inner = |name| error.and_then(|error| text(error.get(name)));
        let message = text(object.get("message"))
            .or_else(|| text(error))
            .or_else(|| inner("message"))
            .or_else(|| error.filter(|error| !error.is_null()).map(Value::to_string))
            .unwrap_or_else(|| "no message".to_owned());
        let code =
            text(object.get("error_code")).or_else(|| text(object.get("code"))).or_else(|| inner("code"));
        Self { code, message }
    }
}

impl Transcript {
    /// The text, trimmed.
    #[must_use]
    pub fn text(&self) -> &str {
        self.transcript.as_deref().or(self.transcription.as_deref()).unwrap_or_default().trim()
    }
}

/// A time of the service as a duration; `None` for what cannot be one.
#[must_use]
pub fn seconds(value: Option<f64>) -> Option<Duration> {
    let value = value.filter(|value| (0.0..LATEST).contains(value))?;
    // Milliseconds are what the service means; more digits are noise of its arithmetic.
    Some(Duration::from_millis((value * 1000.0).round() as u64))
}

fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok().flatten())
}

fn lenient_or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(lenient(deserializer)?.unwrap_or_default())
}

fn lenient_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let Value::Array(items) = Value::deserialize(deserializer)? else { return Ok(Vec::new()) };
    Ok(items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect())
}

fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_bool().unwrap_or(value.as_str() == Some("true")))
}

fn name_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(name) => Some(name),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// What the service is told besides audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientMessage {
    /// Transcribe what you have. Ends the turn; on lightning it ends the session.
    Finalize,
    /// No more audio: transcribe what you have, then close.
    CloseStream,
    /// Stay open.
    Keepalive,
}

impl ClientMessage {
    /// The message as it is sent.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Finalize => r#"{"type":"finalize"}"#,
            Self::CloseStream => r#"{"type":"close_stream"}"#,
            Self::Keepalive => r#"{"type":"keepalive"}"#,
        }
    }
}

impl std::fmt::Debug for ServerMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Transcript(transcript) => transcript.fmt(f),
            Self::SpeechStarted(at) => write!(f, "SpeechStarted({at:?})"),
            Self::SpeechEnded(at) => write!(f, "SpeechEnded({at:?})"),
            Self::Pong => f.write_str("Pong"),
            Self::Error(error) => error.fmt(f),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

macro_rules! shows_no_text {
    ($($type:ident . $text:ident;)*) => { $(
        impl std::fmt::Debug for $type {
            /// Shows the length of what was said, not the words.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($type), "({} bytes)"), self.$text.len())
            }
        }
    )* };
}

shows_no_text! {
    SpokenWord.word;
    SpokenSentence.text;
}

impl std::fmt::Debug for Transcript {
    /// Shows the length of what was said, not the words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { is_final, is_last, from_finalize, .. } = self;
        write!(
            f,
            "Transcript({} bytes, final {is_final}, last {is_last}, from finalize {from_finalize})",
            self.text().len()
        )
    }
}
