//! Changes to the settings: a builder, and what a change does.
//!
//! In: a core [`TtsDelta`], whose extension may be a [`TtsSettingsDelta`]. Out: the settings afterwards, and
//! what changed, what was refused and what has no effect. A refused field leaves the field as it was; the
//! rest of the delta holds. Where both name a field, the extension is the later word.

use std::time::Duration;

use voxline_core::frame::{Change, Changed, Extension, Language, Rejected, TtsDelta};

use super::{Model, TtsSettings};
use crate::endpoint::{Endpoint, TextMode};

/// Changes to [`TtsSettings`]: each field stays, is set, or goes back to its default.
///
/// ```
/// use smallest_tts::TtsSettings;
/// use voxline_core::frame::{Change, Language, TtsDelta};
///
/// let delta = TtsSettings::delta().language(Language::Fr).speed(1.2).enhancement(Change::Clear);
/// let delta: TtsDelta = delta.into();
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TtsSettingsDelta {
    model: Change<Model>,
    voice: Change<String>,
    language: Change<Language>,
    speed: Change<f64>,
    consistency: Change<f64>,
    similarity: Change<f64>,
    enhancement: Change<u8>,
    number_pronunciation_language: Change<Language>,
    math_notation: Change<bool>,
    word_timestamps: Change<bool>,
    max_buffer_flush_ms: Change<u32>,
    complete_backoff_ms: Change<u32>,
    idle_timeout: Change<Duration>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        impl TtsSettingsDelta {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $field(mut self, change: impl Into<Change<$type>>) -> Self {
                    self.$field = change.into();
                    self
                }
            )*
        }
    };
}

setters! {
    /// Changes the model.
    model: Model,
    /// Changes the language.
    language: Language,
    /// Changes the speed.
    speed: f64,
    /// Changes the consistency (lightning-v2).
    consistency: f64,
    /// Changes the similarity (lightning-v2).
    similarity: f64,
    /// Changes the enhancement (lightning-v2).
    enhancement: u8,
    /// Changes the language numbers are read in.
    number_pronunciation_language: Language,
    /// Changes whether formulas are read aloud.
    math_notation: bool,
    /// Changes whether the times of words are asked for.
    word_timestamps: bool,
    /// Changes the forced release of held text.
    max_buffer_flush_ms: u32,
    /// Changes how long the service waits before it says `complete`.
    complete_backoff_ms: u32,
    /// Changes the idle timeout. Takes a new connection.
    idle_timeout: Duration,
}

impl TtsSettingsDelta {
    /// Changes the voice.
    #[must_use]
    pub fn voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = Change::Set(voice.into());
        self
    }

    /// Gives the voice back to the default.
    #[must_use]
    pub fn clear_voice(mut self) -> Self {
        self.voice = Change::Clear;
        self
    }
}

impl From<TtsSettingsDelta> for TtsDelta {
    fn from(mut delta: TtsSettingsDelta) -> Self {
        let model = match std::mem::take(&mut delta.model) {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(model) => Change::Set(model.name().to_owned()),
        };
        Self {
            model,
            voice: std::mem::take(&mut delta.voice),
            language: std::mem::take(&mut delta.language),
            extension: Some(Extension::new(delta)),
        }
    }
}

/// What a delta does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Applied {
    /// The settings afterwards.
    pub(crate) settings: TtsSettings,
    /// What differs.
    pub(crate) changed: Vec<Changed>,
    /// What was refused.
    pub(crate) rejected: Vec<Rejected>,
    /// What is accepted without effect, among what the delta named.
    pub(crate) warnings: Vec<Rejected>,
}

/// Applies a delta to settings, where `endpoint_for` says which socket a model is on. Pure.
pub(crate) fn apply(
    current: &TtsSettings,
    delta: &TtsDelta,
    endpoint_for: impl Fn(&Model) -> Endpoint,
    text: TextMode,
) -> Applied {
    let mut rejected = Vec::new();
    let own = match &delta.extension {
        None => TtsSettingsDelta::default(),
        Some(extension) => extension.downcast::<TtsSettingsDelta>().cloned().unwrap_or_else(|| {
            rejected.push(Rejected {
                field: "extension",
                reason: "it belongs to another provider; give a TtsSettingsDelta".into(),
            });
            TtsSettingsDelta::default()
        }),
    };
    let merged = merge(delta, own);
    let named = named(&merged);
    let mut wanted = changed_by(current.clone(), merged);
    // A refused field is taken back until the rest holds. Each round takes back at least one field, so it
    // ends; where a field nobody named is at fault, the change of model made it so, and goes back.
    for _ in 0..=FIELDS.len() {
        let refusals = wanted.refusals(endpoint_for(&wanted.model), text);
        let Some(refusal) = refusals.into_iter().next() else { break };
        let field = if wanted.differs(current, refusal.field) { refusal.field } else { "model" };
        wanted.take_back(current, field);
        rejected.push(Rejected { field, reason: refusal.reason });
    }
    let endpoint = endpoint_for(&wanted.model);
    let mut warnings = wanted.warnings(endpoint);
    let model_changed = wanted.model != current.model;
    warnings.retain(|warning| named.contains(&warning.field) || model_changed);
    Applied { changed: wanted.changes_since(current), settings: wanted, rejected, warnings }
}

fn merge(common: &TtsDelta, own: TtsSettingsDelta) -> TtsSettingsDelta {
    let model = match &common.model {
        Change::Keep => Change::Keep,
        Change::Clear => Change::Clear,
        Change::Set(name) => Change::Set(Model::from_name(name)),
    };
    TtsSettingsDelta {
        model: model.then(own.model.clone()),
        voice: common.voice.clone().then(own.voice.clone()),
        language: common.language.clone().then(own.language.clone()),
        ..own
    }
}

/// Sets an optional field: cleared means not sent.
fn optional<T: Clone>(change: Change<T>, current: Option<T>) -> Option<T> {
    match change {
        Change::Keep => current,
        Change::Set(value) => Some(value),
        Change::Clear => None,
    }
}

fn changed_by(old: TtsSettings, delta: TtsSettingsDelta) -> TtsSettings {
    let default = TtsSettings::default;
    TtsSettings {
        model: delta.model.apply(old.model, || default().model),
        voice: delta.voice.apply(old.voice, || default().voice),
        language: delta.language.apply(old.language, || default().language),
        speed: optional(delta.speed, old.speed),
        consistency: optional(delta.consistency, old.consistency),
        similarity: optional(delta.similarity, old.similarity),
        enhancement: optional(delta.enhancement, old.enhancement),
        number_pronunciation_language: optional(
            delta.number_pronunciation_language,
            old.number_pronunciation_language,
        ),
        math_notation: optional(delta.math_notation, old.math_notation),
        word_timestamps: delta.word_timestamps.apply(old.word_timestamps, || default().word_timestamps),
        max_buffer_flush_ms: optional(delta.max_buffer_flush_ms, old.max_buffer_flush_ms),
        complete_backoff_ms: delta
            .complete_backoff_ms
            .apply(old.complete_backoff_ms, || default().complete_backoff_ms),
        idle_timeout: delta.idle_timeout.apply(old.idle_timeout, || default().idle_timeout),
    }
}

macro_rules! fields {
    ($($field:ident => $show:expr,)*) => {
        const FIELDS: &[&str] = &[$(stringify!($field)),*];

        /// The names of the fields a delta does not keep.
        fn named(delta: &TtsSettingsDelta) -> Vec<&'static str> {
            let mut names = Vec::new();
            $(if !delta.$field.is_keep() { names.push(stringify!($field)); })*
            names
        }

        impl TtsSettings {
            fn differs(&self, old: &Self, field: &str) -> bool {
                match field {
                    $(stringify!($field) => self.$field != old.$field,)*
                    _ => false,
                }
            }

            fn take_back(&mut self, old: &Self, field: &str) {
                match field {
                    $(stringify!($field) => self.$field.clone_from(&old.$field),)*
                    _ => {}
                }
            }

            fn changes_since(&self, old: &Self) -> Vec<Changed> {
                let mut changes = Vec::new();
                $(if self.$field != old.$field {
                    let show: fn(&Self) -> Option<String> = $show;
                    changes.push(Changed { field: stringify!($field), old: show(old), new: show(self) });
                })*
                changes
            }
        }
    };
}

fields! {
    model => |s| Some(s.model.to_string()),
    voice => |s| Some(s.voice.clone()),
    language => |s| Some(s.language.to_string()),
    speed => |s| s.speed.map(|v| v.to_string()),
    consistency => |s| s.consistency.map(|v| v.to_string()),
    similarity => |s| s.similarity.map(|v| v.to_string()),
    enhancement => |s| s.enhancement.map(|v| v.to_string()),
    number_pronunciation_language => |s| s.number_pronunciation_language.as_ref().map(ToString::to_string),
    math_notation => |s| s.math_notation.map(|v| v.to_string()),
    word_timestamps => |s| Some(s.word_timestamps.to_string()),
    max_buffer_flush_ms => |s| s.max_buffer_flush_ms.map(|v| v.to_string()),
    complete_backoff_ms => |s| Some(s.complete_backoff_ms.to_string()),
    idle_timeout => |s| Some(format!("{} s", s.idle_timeout.as_secs_f64())),
}
