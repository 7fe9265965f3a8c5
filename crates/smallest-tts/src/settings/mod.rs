//! How the service speaks: everything that can change in mid-call.
//!
//! In: [`TtsSettings`], or a delta to them. Out: what goes into each message, what is refused and why, and
//! what has no effect as things stand. Ranges are those of protocol sections 4.1 and 4.2; what no document
//! lists is passed on with a warning, because the service's lists change faster than this crate.
//! Read next: `delta.rs`.

mod delta;
mod model;

use std::{ops::RangeInclusive, time::Duration};

use voxline_core::frame::{Language, Rejected};

pub use delta::TtsSettingsDelta;
pub(crate) use delta::apply;
pub use model::Model;

use crate::{
    endpoint::{Endpoint, TextMode},
    message::Request,
};

/// What `max_buffer_flush_ms` is in [`TextMode::Stream`] unless set: without it the service would hold the
/// text until the end of the answer.
pub const STREAM_FLUSH_MS: u32 = 300;

/// Voices whose words can be timed; with others the service sends no word and no error.
const TIMED_VOICES: [&str; 6] = ["meher", "devansh", "kartik", "maithili", "liam", "avery"];

const LIVE_LANGUAGES: &str =
    " auto en hi mr kn ta bn gu te ml pa or es de fr it nl sv pt ru el fi no pl ar zh id ja ko ms tr vi ";
const V31_LANGUAGES: &str = " en hi mr kn ta bn gu te ml pa or es ";
const V2_LANGUAGES: &str = " en hi mr kn ta bn gu de fr es it pl nl ru ar he ";

/// The idle timeouts the old sockets take, in seconds.
const OLD_IDLE_SECONDS: RangeInclusive<u64> = 20..=60;

/// How the service speaks. Fields that are `None` are not sent: the service's own default holds.
#[derive(Clone, Debug, PartialEq)]
pub struct TtsSettings {
    /// The model. A change between sockets (v2 and the others) takes a new connection.
    pub model: Model,
    /// The voice, of the model's catalogue. The service does not refuse a mismatch; it sounds wrong.
    pub voice: String,
    /// The language to speak.
    pub language: Language,
    /// Speed, 0.5 to 2; on lightning-v2 0.1 to 5.
    pub speed: Option<f64>,
    /// Against repeated and skipped words, 0 to 1; lightning-v2 only.
    pub consistency: Option<f64>,
    /// To the reference of the voice, 0 to 1; lightning-v2 only.
    pub similarity: Option<f64>,
    /// Of the sound, 0 to 2; lightning-v2 only.
    pub enhancement: Option<u8>,
    /// The language numbers are read in.
    pub number_pronunciation_language: Option<Language>,
    /// Whether formulas are read aloud.
    pub math_notation: Option<bool>,
    /// Whether the times of words are asked for.
    pub word_timestamps: bool,
    /// After how long the service speaks text it holds for more, 0 to 1000 ms.
    pub max_buffer_flush_ms: Option<u32>,
    /// How long after the last chunk the service says `complete`, 0 to 10000 ms. 200 here: the service's
    /// own 4000 would be heard as a pause before whatever waits for the end of speech; 200 still bridges
    /// the service's own gap between two sentences, so that an answer is not completed twice.
    pub complete_backoff_ms: u32,
    /// After how long without a message the service closes; sent as `?timeout=`, in whole seconds. A
    /// keepalive goes out after half of it, or 30 s.
    pub idle_timeout: Duration,
}

impl Default for TtsSettings {
    fn default() -> Self {
        Self {
            model: Model::LightningV31,
            voice: "sophia".into(),
            language: Language::En,
            speed: None,
            consistency: None,
            similarity: None,
            enhancement: None,
            number_pronunciation_language: None,
            math_notation: None,
            word_timestamps: false,
            max_buffer_flush_ms: None,
            complete_backoff_ms: 200,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

impl TtsSettings {
    /// A delta that changes nothing yet.
    #[must_use]
    pub fn delta() -> TtsSettingsDelta {
        TtsSettingsDelta::default()
    }

    /// What cannot be sent to this socket, and why.
    #[must_use]
    pub fn refusals(&self, endpoint: Endpoint, text: TextMode) -> Vec<Rejected> {
        let mut refused = Vec::new();
        let mut refuse = |field, reason: String| refused.push(Rejected { field, reason });
        if let Some(reason) = self.model_refusal(endpoint, text) {
            refuse("model", reason);
        }
        if self.voice.trim().is_empty() || self.voice.chars().any(char::is_control) {
            refuse("voice", "a voice's id is not blank and holds no control character".into());
        }
        if !is_code(self.language.code()) {
            refuse("language", "a language's code is letters, digits, - and _".into());
        }
        if self.number_pronunciation_language.as_ref().is_some_and(|language| !is_code(language.code())) {
            refuse("number_pronunciation_language", "a language's code is letters, digits, - and _".into());
        }
        let speeds = if endpoint == Endpoint::V2 { 0.1..=5.0 } else { 0.5..=2.0 };
        check("speed", self.speed, &speeds, &mut refuse);
        check("consistency", self.consistency, &(0.0..=1.0), &mut refuse);
        check("similarity", self.similarity, &(0.0..=1.0), &mut refuse);
        check("enhancement", self.enhancement.map(f64::from), &(0.0..=2.0), &mut refuse);
        check("max_buffer_flush_ms", self.max_buffer_flush_ms.map(f64::from), &(0.0..=1000.0), &mut refuse);
        check(
            "complete_backoff_ms",
            Some(f64::from(self.complete_backoff_ms)),
            &(0.0..=10_000.0),
            &mut refuse,
        );
        if self.idle_timeout < Duration::from_secs(1) || self.idle_timeout > Duration::from_secs(86_400) {
            refuse("idle_timeout", "it must be 1 s to 1 day".into());
        }
        refused
    }

    /// What is accepted but has no effect on this socket, and why.
    #[must_use]
    pub fn warnings(&self, endpoint: Endpoint) -> Vec<Rejected> {
        let mut warned = Vec::new();
        let mut warn = |field, reason: &str| warned.push(Rejected { field, reason: reason.into() });
        if endpoint == Endpoint::V2 {
            for (field, set) in [
                ("word_timestamps", self.word_timestamps),
                ("number_pronunciation_language", self.number_pronunciation_language.is_some()),
                ("math_notation", self.math_notation.is_some()),
            ] {
                if set {
                    warn(field, "not sent: lightning-v2 does not have it");
                }
            }
        } else {
            for (field, set) in [
                ("consistency", self.consistency.is_some()),
                ("similarity", self.similarity.is_some()),
                ("enhancement", self.enhancement.is_some()),
            ] {
                if set {
                    warn(field, "not sent: only lightning-v2 has it");
                }
            }
            let timed = TIMED_VOICES.contains(&self.voice.as_str());
            if self.word_timestamps && !(timed && matches!(self.language, Language::En | Language::Hi)) {
                warn(
                    "word_timestamps",
                    "the service times words only for the voices meher, devansh, kartik, maithili, liam and avery, in English and Hindi",
                );
            }
        }
        if !languages(endpoint).contains(&format!(" {} ", self.language.code())) {
            warn("language", "sent, but not in the service's list for this model");
        }
        if let Model::Other(_) = self.model {
            warn("model", "sent as written: this version does not know it");
        }
        if self.idle_timeout_on(endpoint) != self.idle_timeout {
            warn("idle_timeout", "sent as whole seconds, and within 20 to 60 on the old sockets");
        }
        warned
    }

    /// The idle timeout as this socket can take it.
    pub(crate) fn idle_timeout_on(&self, endpoint: Endpoint) -> Duration {
        let seconds = self.idle_timeout.as_secs().max(1);
        Duration::from_secs(match endpoint {
            Endpoint::Live => seconds,
            Endpoint::V31 | Endpoint::V2 => seconds.clamp(*OLD_IDLE_SECONDS.start(), *OLD_IDLE_SECONDS.end()),
        })
    }

    /// A message without text, with everything these settings put into it. `model` is its field name.
    pub(crate) fn message<'a>(&'a self, endpoint: Endpoint, model: &'a str, sample_rate: u32) -> Request<'a> {
        let v2 = endpoint == Endpoint::V2;
        Request {
            voice_id: &self.voice,
            model: (endpoint == Endpoint::Live).then_some(model),
            language: Some(self.language.code()),
            sample_rate: Some(sample_rate),
            output_format: (!v2).then_some("pcm"),
            speed: self.speed,
            consistency: self.consistency.filter(|_| v2),
            similarity: self.similarity.filter(|_| v2),
            enhancement: self.enhancement.filter(|_| v2),
            number_pronunciation_language: self
                .number_pronunciation_language
                .as_ref()
                .filter(|_| !v2)
                .map(Language::code),
            math_notation: self.math_notation.filter(|_| !v2),
            word_timestamps: (!v2).then_some(self.word_timestamps),
            max_buffer_flush_ms: self.max_buffer_flush_ms,
            complete_backoff_ms: Some(self.complete_backoff_ms),
            ..Request::default()
        }
    }

    /// The keepalive of this socket: a blank text, in the form the shipping clients send (protocol section
    /// 1). It cannot speak, and unlike a bare flush every socket takes it.
    pub(crate) fn keepalive<'a>(&'a self, endpoint: Endpoint, model: &'a str) -> Request<'a> {
        Request {
            voice_id: &self.voice,
            text: Some(" "),
            model: (endpoint == Endpoint::Live).then_some(model),
            language: Some(self.language.code()),
            ..Request::default()
        }
    }

    fn model_refusal(&self, endpoint: Endpoint, text: TextMode) -> Option<String> {
        let name = self.model.name();
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        {
            return Some("a model's name is letters, digits, . - and _".into());
        }
        match (endpoint, &self.model) {
            (Endpoint::Live | Endpoint::V31, Model::LightningV2) => {
                Some("lightning-v2 has a socket of its own, and another is forced".into())
            }
            (Endpoint::V31, Model::LightningV31Pro) => Some("lightning-v3.1-pro is on tts/live only".into()),
            (Endpoint::V2, Model::LightningV31 | Model::LightningV31Pro) => {
                Some("the forced socket speaks lightning-v2 only".into())
            }
            (Endpoint::V31 | Endpoint::V2, _) if text == TextMode::Contexts => {
                Some("contexts are on tts/live only".into())
            }
            _ => None,
        }
    }
}

fn check(
    field: &'static str,
    value: Option<f64>,
    range: &RangeInclusive<f64>,
    refuse: &mut impl FnMut(&'static str, String),
) {
    if value.is_some_and(|value| !range.contains(&value)) {
        refuse(field, format!("it must be {} to {}", range.start(), range.end()));
    }
}

fn is_code(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn languages(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Live => LIVE_LANGUAGES,
        Endpoint::V31 => V31_LANGUAGES,
        Endpoint::V2 => V2_LANGUAGES,
    }
}
