//! How the model writes: everything that can change in mid-call.
//!
//! In: [`OpenAiSettings`], or a delta to them. Out: the settings afterwards, what changed and what was refused.
//! A refused field leaves the field as it was; the rest of the delta holds. Ranges are those of OpenAI's
//! reference; an endpoint may be narrower and says so in its refusal.

use serde_json::{Map, Value};
use voxline_core::{
    frame::{Change, Changed, Extension, Rejected},
    service::LlmDelta,
};

/// Stop sequences an endpoint takes at most (OpenAI's and Electron's bound).
const MOST_STOPS: usize = 4;

/// How the model writes. Fields that are `None` are not sent: the endpoint's own default holds.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAiSettings {
    /// The model.
    pub model: String,
    /// How freely it chooses words, 0 to 2.
    pub temperature: Option<f64>,
    /// The most tokens of an answer, from 1.
    pub max_tokens: Option<u32>,
    /// The share of likely words it chooses from, over 0 to 1.
    pub top_p: Option<f64>,
    /// For answers that can be repeated, as far as the endpoint can.
    pub seed: Option<i64>,
    /// Texts the answer ends before, 4 at most.
    pub stop: Vec<String>,
    /// Against repeated words, -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// For new subjects, -2 to 2.
    pub presence_penalty: Option<f64>,
    /// Whether it may call several tools in one answer.
    pub parallel_tool_calls: Option<bool>,
    /// Whether it may, must or must not call tools. Sent only with tools.
    pub tool_choice: Option<ToolChoice>,
    /// Whatever else the endpoint knows, as fields of the request's body. They replace those above.
    pub extra: Map<String, Value>,
}

/// Whether a model may call tools.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Not at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

impl OpenAiSettings {
    /// This model, and the endpoint's defaults.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            temperature: None,
            max_tokens: None,
            top_p: None,
            seed: None,
            stop: Vec::new(),
            frequency_penalty: None,
            presence_penalty: None,
            parallel_tool_calls: None,
            tool_choice: None,
            extra: Map::new(),
        }
    }

    /// Changes that keep everything, to begin with.
    #[must_use]
    pub fn delta() -> OpenAiDelta {
        OpenAiDelta::default()
    }

    /// What cannot be used, and why.
    #[must_use]
    pub fn refusals(&self) -> Vec<Rejected> {
        let mut refused = Vec::new();
        let mut refuse = |field, reason: &str| refused.push(Rejected { field, reason: reason.into() });
        let outside =
            |value: Option<f64>, least: f64, most: f64| value.is_some_and(|v| !(least..=most).contains(&v));
        if self.model.trim().is_empty() {
            refuse("model", "it names no model");
        }
        if outside(self.temperature, 0.0, 2.0) {
            refuse("temperature", "it must be 0 to 2");
        }
        if self.max_tokens == Some(0) {
            refuse("max_tokens", "it must be 1 or more");
        }
        if outside(self.top_p, f64::MIN_POSITIVE, 1.0) {
            refuse("top_p", "it must be over 0 and at most 1");
        }
        if self.stop.len() > MOST_STOPS || self.stop.iter().any(String::is_empty) {
            refuse("stop", "there must be at most 4, and none empty");
        }
        if outside(self.frequency_penalty, -2.0, 2.0) {
            refuse("frequency_penalty", "it must be -2 to 2");
        }
        if outside(self.presence_penalty, -2.0, 2.0) {
            refuse("presence_penalty", "it must be -2 to 2");
        }
        refused
    }
}

/// Changes to [`OpenAiSettings`]: each field stays, is set, or goes back to its default; for the model that
/// is the one the service began with, for the others the endpoint's.
///
/// ```
/// use voxline_core::frame::{Change, Frame};
/// use voxline_llm::OpenAiSettings;
///
/// let colder = OpenAiSettings::delta().temperature(0.2).max_tokens(200).seed(Change::Clear);
/// let frame = Frame::llm_settings(colder);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenAiDelta {
    model: Change<String>,
    temperature: Change<f64>,
    max_tokens: Change<u32>,
    top_p: Change<f64>,
    seed: Change<i64>,
    stop: Change<Vec<String>>,
    frequency_penalty: Change<f64>,
    presence_penalty: Change<f64>,
    parallel_tool_calls: Change<bool>,
    tool_choice: Change<ToolChoice>,
    extra: Change<Map<String, Value>>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        impl OpenAiDelta {
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
    /// Changes how freely it chooses words.
    temperature: f64,
    /// Changes the most tokens of an answer.
    max_tokens: u32,
    /// Changes the share of likely words it chooses from.
    top_p: f64,
    /// Changes the seed.
    seed: i64,
    /// Changes the texts the answer ends before.
    stop: Vec<String>,
    /// Changes the weight against repeated words.
    frequency_penalty: f64,
    /// Changes the weight for new subjects.
    presence_penalty: f64,
    /// Changes whether it may call several tools in one answer.
    parallel_tool_calls: bool,
    /// Changes whether it may call tools.
    tool_choice: ToolChoice,
    /// Replaces what else is sent.
    extra: Map<String, Value>,
}

impl OpenAiDelta {
    /// Changes the model.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Change::Set(model.into());
        self
    }
}

impl From<OpenAiDelta> for LlmDelta {
    fn from(delta: OpenAiDelta) -> Self {
        Self { extension: Some(Extension::new(delta)), ..Self::default() }
    }
}

/// What a delta does.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Applied {
    pub(super) settings: OpenAiSettings,
    pub(super) changed: Vec<Changed>,
    pub(super) rejected: Vec<Rejected>,
}

/// Applies a delta to settings. `model` is the one the service began with.
pub(super) fn apply(current: &OpenAiSettings, delta: &LlmDelta, model: &str) -> Applied {
    let mut rejected = Vec::new();
    let own = match &delta.extension {
        None => OpenAiDelta::default(),
        Some(extension) => extension.downcast::<OpenAiDelta>().cloned().unwrap_or_else(|| {
            let reason = "it belongs to another provider; give an OpenAiDelta".into();
            rejected.push(Rejected { field: "extension", reason });
            OpenAiDelta::default()
        }),
    };
    let mut settings = changed_by(current, merge(delta, own), model);
    for refusal in settings.refusals() {
        settings.take_back(current, refusal.field);
        rejected.push(refusal);
    }
    Applied { changed: settings.changes_since(current), settings, rejected }
}

/// The common fields, then the provider's own, which are the later word.
fn merge(common: &LlmDelta, own: OpenAiDelta) -> OpenAiDelta {
    let temperature = match common.temperature {
        Change::Keep => Change::Keep,
        Change::Clear => Change::Clear,
        // By its decimal digits: 0.7 stays 0.7.
        Change::Set(value) => Change::Set(value.to_string().parse().unwrap_or_else(|_| f64::from(value))),
    };
    OpenAiDelta {
        model: common.model.clone().then(own.model),
        temperature: temperature.then(own.temperature),
        max_tokens: common.max_tokens.then(own.max_tokens),
        ..own
    }
}

fn changed_by(current: &OpenAiSettings, delta: OpenAiDelta, model: &str) -> OpenAiSettings {
    let old = current.clone();
    OpenAiSettings {
        model: delta.model.apply(old.model, || model.to_owned()),
        temperature: optional(delta.temperature, old.temperature),
        max_tokens: optional(delta.max_tokens, old.max_tokens),
        top_p: optional(delta.top_p, old.top_p),
        seed: optional(delta.seed, old.seed),
        stop: delta.stop.apply(old.stop, Vec::new),
        frequency_penalty: optional(delta.frequency_penalty, old.frequency_penalty),
        presence_penalty: optional(delta.presence_penalty, old.presence_penalty),
        parallel_tool_calls: optional(delta.parallel_tool_calls, old.parallel_tool_calls),
        tool_choice: optional(delta.tool_choice, old.tool_choice),
        extra: delta.extra.apply(old.extra, Map::new),
    }
}

/// Sets an optional field: cleared means not sent.
fn optional<T>(change: Change<T>, current: Option<T>) -> Option<T> {
    match change {
        Change::Keep => current,
        Change::Set(value) => Some(value),
        Change::Clear => None,
    }
}

macro_rules! fields {
    ($($field:ident => $show:expr,)*) => {
        impl OpenAiSettings {
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
    model => |s| Some(s.model.clone()),
    temperature => |s| s.temperature.map(|v| v.to_string()),
    max_tokens => |s| s.max_tokens.map(|v| v.to_string()),
    top_p => |s| s.top_p.map(|v| v.to_string()),
    seed => |s| s.seed.map(|v| v.to_string()),
    stop => |s| (!s.stop.is_empty()).then(|| format!("{:?}", s.stop)),
    frequency_penalty => |s| s.frequency_penalty.map(|v| v.to_string()),
    presence_penalty => |s| s.presence_penalty.map(|v| v.to_string()),
    parallel_tool_calls => |s| s.parallel_tool_calls.map(|v| v.to_string()),
    tool_choice => |s| s.tool_choice.as_ref().map(|v| format!("{v:?}")),
    // The names only: what the fields hold is the application's.
    extra => |s| (!s.extra.is_empty()).then(|| format!("{:?}", s.extra.keys().collect::<Vec<_>>())),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_changes_what_it_names_and_says_so() {
        let current = OpenAiSettings { seed: Some(7), ..OpenAiSettings::new("small") };
        let delta = LlmDelta {
            temperature: Change::Set(0.7),
            ..OpenAiSettings::delta().model("large").seed(Change::Clear).into()
        };
        let applied = apply(&current, &delta, "small");
        let expected = OpenAiSettings { temperature: Some(0.7), ..OpenAiSettings::new("large") };
        assert_eq!(applied.settings, expected);
        let fields: Vec<_> = applied.changed.iter().map(|change| change.field).collect();
        assert_eq!(fields, ["model", "temperature", "seed"]);
        assert_eq!((applied.changed[2].old.as_deref(), applied.changed[2].new.as_deref()), (Some("7"), None));
        assert_eq!(applied.rejected, []);
    }

    #[test]
    fn a_refused_field_stays_as_it_was_and_the_rest_holds() {
        let current = OpenAiSettings::new("small");
        let delta = OpenAiSettings::delta().temperature(f64::NAN).top_p(0.0).max_tokens(9).model(" ");
        let applied = apply(&current, &delta.into(), "small");
        assert_eq!(applied.settings, OpenAiSettings { max_tokens: Some(9), ..current });
        let fields: Vec<_> = applied.rejected.iter().map(|refused| refused.field).collect();
        assert_eq!(fields, ["model", "temperature", "top_p"]);
    }

    #[test]
    fn clearing_the_model_gives_back_the_first_one() {
        let delta = LlmDelta { model: Change::Clear, ..LlmDelta::default() };
        assert_eq!(apply(&OpenAiSettings::new("other"), &delta, "first").settings.model, "first");
    }

    #[test]
    fn the_part_of_another_provider_is_refused() {
        let delta = LlmDelta { extension: Some(Extension::new("foreign")), ..LlmDelta::default() };
        let applied = apply(&OpenAiSettings::new("small"), &delta, "small");
        assert_eq!(applied.rejected[0].field, "extension");
        assert_eq!(applied.changed, []);
    }
}
