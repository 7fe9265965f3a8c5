//! One request, read from JSON and checked as documented.
//!
//! In: a text message. Out: a [`Request`], or a [`RequestError`] that becomes an error frame.
//! Ranges and defaults are section 4.1 and 4.2 of the protocol's description; unknown fields are ignored.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::{Map, Value};

use crate::Endpoint;
use crate::config::TtsOptions;

/// What a message asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    Ping,
    Speak(Box<Speak>),
}

/// A synthesis request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Speak {
    pub(super) voice: Option<String>,
    pub(super) text: Option<String>,
    pub(super) sample_rate: u32,
    pub(super) speed: f64,
    pub(super) format: Format,
    pub(super) language: Option<String>,
    pub(super) word_timestamps: bool,
    pub(super) continues: bool,
    pub(super) flush: bool,
    pub(super) max_buffer_flush: Duration,
    pub(super) complete_backoff: Duration,
    pub(super) external_session_id: Option<String>,
    pub(super) external_request_id: Option<String>,
    pub(super) context: Option<Context>,
    pub(super) filters: bool,
}

/// The fields of a continuation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) id: String,
    pub(super) max_delay: Duration,
    pub(super) closes: bool,
    pub(super) cancels: bool,
}

/// What the audio of a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Pcm,
    Wav,
    MuLaw,
    ALaw,
}

/// A request the service refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct RequestError {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl RequestError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new("INVALID_REQUEST", message)
    }
}

const V31_LANGUAGES: [&str; 12] = ["en", "hi", "mr", "kn", "ta", "bn", "gu", "te", "ml", "pa", "or", "es"];
const V2_LANGUAGES: [&str; 16] =
    ["en", "hi", "mr", "kn", "ta", "bn", "gu", "de", "fr", "es", "it", "pl", "nl", "ru", "ar", "he"];
const LIVE_LANGUAGES: [&str; 32] = [
    "auto", "en", "hi", "mr", "kn", "ta", "bn", "gu", "te", "ml", "pa", "or", "es", "de", "fr", "it", "nl",
    "sv", "pt", "ru", "el", "fi", "no", "pl", "ar", "zh", "id", "ja", "ko", "ms", "tr", "vi",
];

impl Request {
    pub(super) fn parse(endpoint: Endpoint, options: &TtsOptions, text: &str) -> Result<Self, RequestError> {
        let json: Value = serde_json::from_str(text).map_err(|_| RequestError::invalid("Invalid JSON"))?;
        let Value::Object(object) = json else { return Err(RequestError::invalid("Expected a JSON object")) };
        if object.get("type").and_then(Value::as_str) == Some("ping") {
            return Ok(Self::Ping);
        }
        let fields = Fields { object: &object };
        let speak = speak(endpoint, options, fields)?;
        check_model(endpoint, fields)?;
        check_v2_only(endpoint, fields)?;
        check_language(endpoint, options, &speak)?;
        match (&speak.voice, &options.voices) {
            (Some(voice), Some(known)) if !known.contains(voice) => {
                Err(RequestError::invalid("Invalid Voice ID"))
            }
            _ => Ok(Self::Speak(Box::new(speak))),
        }
    }
}

fn speak(endpoint: Endpoint, options: &TtsOptions, fields: Fields<'_>) -> Result<Speak, RequestError> {
    let v2 = endpoint == Endpoint::LightningV2;
    let live = endpoint == Endpoint::TtsLive;
    let speed = if v2 { 0.1..=5.0 } else { 0.5..=2.0 };
    let voice = fields.text("voice_id")?.filter(|voice| !voice.is_empty());
    let speak = Speak {
        voice,
        text: fields.text("text")?,
        sample_rate: sample_rate(fields, if v2 { 24_000 } else { 44_100 })?,
        speed: fields.number("speed", speed)?.unwrap_or(1.0),
        format: format(options, fields)?,
        language: fields.text("language")?,
        word_timestamps: !v2 && fields.flag("word_timestamps")?,
        continues: fields.flag("continue")?,
        flush: fields.flag("flush")?,
        max_buffer_flush: fields.milliseconds("max_buffer_flush_ms", 1_000)?.unwrap_or_default(),
        complete_backoff: fields
            .milliseconds("complete_backoff_ms", 10_000)?
            .unwrap_or(options.complete_backoff),
        external_session_id: if v2 { None } else { fields.id("session_id")? },
        external_request_id: if v2 { None } else { fields.id("request_id")? },
        context: if live { context(fields)? } else { None },
        filters: live && rejects(fields)?,
    };
    fields.flag("math_notation")?;
    fields.text("number_pronunciation_language")?;
    if speak.flush && speak.context.is_some() {
        return Err(RequestError::invalid("flush cannot be combined with context_id"));
    }
    Ok(speak)
}

fn context(fields: Fields<'_>) -> Result<Option<Context>, RequestError> {
    let Some(id) = fields.text("context_id")? else {
        return match fields.flag("cancel_request")? || fields.flag("context_close")? {
            true => Err(RequestError::invalid("context_id is required")),
            false => Ok(None),
        };
    };
    if id.is_empty() || id.len() > 128 {
        return Err(RequestError::invalid("context_id must have 1 to 128 characters"));
    }
    // Without `continue` there is nothing more to come: the context closes.
    let closes = fields.flag("context_close")? || !fields.flag("continue")?;
    let max_delay = fields.milliseconds("max_buffer_delay_ms", 5_000)?;
    Ok(Some(Context {
        id,
        max_delay: max_delay.unwrap_or(Duration::from_secs(3)),
        closes,
        cancels: fields.flag("cancel_request")?,
    }))
}

fn sample_rate(fields: Fields<'_>, default: u32) -> Result<u32, RequestError> {
    match fields.object.get("sample_rate") {
        None | Some(Value::Null) => Ok(default),
        Some(value) => match value.as_u64() {
            Some(rate @ (8_000 | 16_000 | 24_000 | 44_100)) => Ok(rate as u32),
            _ => Err(RequestError::invalid("sample_rate must be one of 8000, 16000, 24000, 44100")),
        },
    }
}

fn format(options: &TtsOptions, fields: Fields<'_>) -> Result<Format, RequestError> {
    let name = fields.text("output_format")?;
    let format = match name.as_deref().unwrap_or("pcm") {
        "pcm" => Format::Pcm,
        "wav" => Format::Wav,
        "ulaw" => Format::MuLaw,
        "alaw" => Format::ALaw,
        "mp3" if options.always_pcm => Format::Pcm,
        "mp3" => return Err(RequestError::new("SIMULATOR", "the simulator has no mp3 encoder")),
        _ => return Err(RequestError::invalid("output_format must be one of pcm, mp3, wav, ulaw, alaw")),
    };
    Ok(if options.always_pcm { Format::Pcm } else { format })
}

fn check_model(endpoint: Endpoint, fields: Fields<'_>) -> Result<(), RequestError> {
    match fields.text("model")?.as_deref() {
        None | Some("lightning_v3.1") => Ok(()),
        Some("lightning_v3.1_pro") if endpoint == Endpoint::TtsLive => Ok(()),
        // Elsewhere the model is in the URL and the field means nothing.
        Some(_) if endpoint != Endpoint::TtsLive => Ok(()),
        Some(_) => Err(RequestError::invalid("model must be one of lightning_v3.1, lightning_v3.1_pro")),
    }
}

fn check_v2_only(endpoint: Endpoint, fields: Fields<'_>) -> Result<(), RequestError> {
    if endpoint == Endpoint::LightningV2 {
        fields.number("consistency", 0.0..=1.0)?;
        fields.number("similarity", 0.0..=1.0)?;
        if fields.number("enhancement", 0.0..=2.0)?.is_some_and(|value| value.fract() != 0.0) {
            return Err(RequestError::invalid("enhancement must be 0, 1 or 2"));
        }
    }
    Ok(())
}

fn check_language(endpoint: Endpoint, options: &TtsOptions, speak: &Speak) -> Result<(), RequestError> {
    let known: &[&str] = match endpoint {
        Endpoint::LightningV2 => &V2_LANGUAGES,
        Endpoint::LightningV31 => &V31_LANGUAGES,
        _ => &LIVE_LANGUAGES,
    };
    match &speak.language {
        Some(code) if options.strict_language && !known.contains(&code.as_str()) => {
            Err(RequestError::invalid("Unsupported language"))
        }
        _ => Ok(()),
    }
}

fn rejects(fields: Fields<'_>) -> Result<bool, RequestError> {
    match fields.object.get("content_filter") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Object(filter)) => {
            let action = filter.get("action").and_then(Value::as_str).unwrap_or("reject");
            Ok(filter.get("enabled") == Some(&Value::Bool(true)) && action == "reject")
        }
        Some(_) => Err(RequestError::invalid("content_filter must be an object")),
    }
}

/// Typed access; null counts as missing.
#[derive(Clone, Copy)]
struct Fields<'a> {
    object: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn text(self, name: &str) -> Result<Option<String>, RequestError> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(RequestError::invalid(format!("{name} must be a string"))),
        }
    }

    fn flag(self, name: &str) -> Result<bool, RequestError> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(RequestError::invalid(format!("{name} must be a boolean"))),
        }
    }

    fn number(self, name: &str, range: RangeInclusive<f64>) -> Result<Option<f64>, RequestError> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64().filter(|number| range.contains(number)) {
                Some(number) => Ok(Some(number)),
                None => {
                    let (low, high) = (range.start(), range.end());
                    Err(RequestError::invalid(format!("{name} must be a number from {low} to {high}")))
                }
            },
        }
    }

    fn milliseconds(self, name: &str, most: u32) -> Result<Option<Duration>, RequestError> {
        let number = self.number(name, 0.0..=f64::from(most))?;
        Ok(number.map(|ms| Duration::from_secs_f64(ms / 1_000.0)))
    }

    fn id(self, name: &str) -> Result<Option<String>, RequestError> {
        match self.text(name)? {
            Some(id) if !crate::is_external_id(&id) => Err(RequestError::invalid(format!(
                "{name} must match ^[a-zA-Z0-9_\\-.]+$ and have at most 128 characters"
            ))),
            id => Ok(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(endpoint: Endpoint, text: &str) -> Result<Request, RequestError> {
        Request::parse(endpoint, &TtsOptions::default(), text)
    }

    fn spoken(endpoint: Endpoint, text: &str) -> Speak {
        match parse(endpoint, text) {
            Ok(Request::Speak(speak)) => *speak,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_those_of_each_endpoint() {
        let text = r#"{"voice_id":"sophia","text":"hi","unknown":1,"speed":null}"#;
        let live = spoken(Endpoint::TtsLive, text);
        assert_eq!((live.sample_rate, live.speed, live.format), (44_100, 1.0, Format::Pcm));
        assert_eq!(live.complete_backoff, Duration::from_secs(4));
        assert_eq!(spoken(Endpoint::LightningV2, text).sample_rate, 24_000);
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        for (endpoint, fields, name) in [
            (Endpoint::TtsLive, r#""sample_rate":48000"#, "sample_rate"),
            (Endpoint::TtsLive, r#""speed":2.5"#, "speed"),
            (Endpoint::LightningV2, r#""speed":5.1"#, "speed"),
            (Endpoint::TtsLive, r#""speed":"fast""#, "speed"),
            (Endpoint::TtsLive, r#""output_format":"mulaw""#, "output_format"),
            (Endpoint::TtsLive, r#""model":"lightning-v3.1""#, "model"),
            (Endpoint::TtsLive, r#""max_buffer_flush_ms":1001"#, "max_buffer_flush_ms"),
            (Endpoint::TtsLive, r#""complete_backoff_ms":-1"#, "complete_backoff_ms"),
            (Endpoint::TtsLive, r#""request_id":"a b""#, "request_id"),
            (Endpoint::TtsLive, r#""session_id":"""#, "session_id"),
            (Endpoint::TtsLive, r#""context_id":"c","flush":true"#, "flush"),
            (Endpoint::TtsLive, r#""cancel_request":true"#, "context_id"),
            (Endpoint::LightningV2, r#""consistency":1.5"#, "consistency"),
            (Endpoint::LightningV2, r#""enhancement":0.5"#, "enhancement"),
            (Endpoint::TtsLive, r#""continue":"true""#, "continue"),
            (Endpoint::TtsLive, r#""math_notation":1"#, "math_notation"),
        ] {
            let text = format!(r#"{{"voice_id":"v","text":"t",{fields}}}"#);
            let error = parse(endpoint, &text).unwrap_err();
            assert!(error.message.contains(name), "{fields}: {}", error.message);
        }
    }

    #[test]
    fn parameters_of_v2_are_ignored_elsewhere() {
        let text = r#"{"voice_id":"v","text":"t","consistency":9,"similarity":"x","enhancement":7}"#;
        assert!(parse(Endpoint::LightningV31, text).is_ok());
        assert!(parse(Endpoint::LightningV2, text).is_err());
    }

    #[test]
    fn a_ping_needs_nothing_else_and_nonsense_is_an_error() {
        assert_eq!(parse(Endpoint::TtsLive, r#"{"type":"ping"}"#), Ok(Request::Ping));
        for text in ["", "[]", "3", "{", "{\"text\":\"\\ud800\"}"] {
            assert!(parse(Endpoint::TtsLive, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_context_closes_with_its_last_fragment() {
        let more =
            spoken(Endpoint::TtsLive, r#"{"voice_id":"v","text":"t","context_id":"c","continue":true}"#);
        assert!(!more.context.unwrap().closes);
        let last = spoken(Endpoint::TtsLive, r#"{"context_id":"c","continue":false}"#);
        assert!(last.context.unwrap().closes);
        let ignored = spoken(Endpoint::LightningV31, r#"{"voice_id":"v","text":"t","context_id":"c"}"#);
        assert_eq!(ignored.context, None);
    }
}
