//! What is recognised and how: everything that can change in mid-call.
//!
//! [`SttSettings`] has public fields with the defaults of the service's own page (S-STT), except that
//! `finalize_on_words` is off: an agent wants one final for a turn. A change is an [`SttSettingsDelta`]:
//! each field is kept, set, or cleared, which gives it back to its default here. Model and language travel as
//! the fields every provider knows, the rest as this provider's own part.
//! 1. Values are checked where they come in; one that cannot work is rejected with a reason and the rest applied.
//! 2. What is accepted but has no effect on the endpoint in use gives a warning.
//!
//! Read next: `query.rs`, how they are sent.

use voxline_core::frame::{Change, Changed, Extension, Language, Rejected, SttDelta};

use crate::{
    endpoint::{Endpoint, Place, Region},
    error::SttError,
    keywords::Keywords,
    language,
};

/// Whether spoken numbers are written as digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Numerals {
    /// By context.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a value is shown in a settings answer; `None` for one that is not set.
trait Shown {
    fn shown(&self) -> Option<String>;
}

impl Shown for bool {
    fn shown(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Shown for String {
    fn shown(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl Shown for Language {
    fn shown(&self) -> Option<String> {
        Some(self.code().to_owned())
    }
}

impl Shown for Numerals {
    fn shown(&self) -> Option<String> {
        Some(format!("{self:?}").to_ascii_lowercase())
    }
}

impl Shown for Keywords {
    fn shown(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.to_string())
    }
}

impl<T: ToString> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        self.as_ref().map(ToString::to_string)
    }
}

/// Settings, their defaults, their delta, and what a delta does, from one list.
macro_rules! settings {
    (
        common { $( $(#[$cdoc:meta])* $common:ident: $ctype:ty = $cdefault:expr, $ccheck:path; )* }
        own { $( $(#[$doc:meta])* $field:ident: $type:ty as $arg:ty = $default:expr, $check:path; )* }
    ) => { settings! { @
        common { $( $(#[$cdoc])* $common: $ctype = $cdefault, $ccheck; )* }
        own { $( $(#[$doc])* $field: $type as $arg = $default, $check; )* }
    } };
    (@
        common { $( $(#[$cdoc:meta])* $common:ident: $ctype:ty = $cdefault:expr, $ccheck:path; )* }
        own { $( $(#[$doc:meta])* $field:ident: $type:ty as $arg:ty = $default:expr, $check:path; )* }
    ) => {
        /// What is recognised and how. Unset fields of a literal come from `..Default::default()`.
        #[derive(Clone, Debug, PartialEq)]
        pub struct SttSettings {
            $( $(#[$cdoc])* pub $common: $ctype, )*
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl Default for SttSettings {
            fn default() -> Self {
                Self { $( $common: $cdefault, )* $( $field: $default, )* }
            }
        }

        /// A change of [`SttSettings`]. What is not named stays as it is. Becomes an [`SttDelta`].
        #[derive(Clone, Debug, Default)]
        pub struct SttSettingsDelta {
            $( $common: Change<$ctype>, )*
            own: Own,
        }

        /// The part of a delta that other providers do not know.
        #[derive(Clone, Debug, Default, PartialEq)]
        struct Own {
            $( $field: Change<$type>, )*
        }

        impl SttSettingsDelta {
            $(
                #[doc = concat!("Sets [`", stringify!($common), "`](SttSettings::", stringify!($common), ").")]
                #[must_use]
                pub fn $common(mut self, value: impl Into<$ctype>) -> Self {
                    self.$common = Change::Set(value.into());
                    self
                }
            )*
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](SttSettings::", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, value: $arg) -> Self {
                    self.own.$field = Change::Set(value.into());
                    self
                }
            )*

            /// Gives a field back to its default. An unknown name changes nothing.
            #[must_use]
            pub fn clear(mut self, field: &str) -> Self {
                match field {
                    $( stringify!($common) => self.$common = Change::Clear, )*
                    $( stringify!($field) => self.own.$field = Change::Clear, )*
                    _ => {}
                }
                self
            }
        }

        impl SttSettings {
            /// Checks every value.
            ///
            /// # Errors
            /// [`SttError::Invalid`] names the first field that cannot be used.
            pub fn validate(&self) -> Result<(), SttError> {
                $( checked(stringify!($common), $ccheck(&self.$common))?; )*
                $( checked(stringify!($field), $check(&self.$field))?; )*
                Ok(())
            }

            /// Applies a delta: rejected fields stay as they are.
            pub(crate) fn apply(&mut self, delta: &SttDelta, place: Place) -> Applied {
                let mut applied = Applied::default();
                let default = Self::default();
                $( change(
                    stringify!($common), &mut self.$common, &delta.$common, default.$common, $ccheck, &mut applied,
                ); )*
                if let Some(extension) = &delta.extension {
                    match extension.downcast::<Own>() {
                        Some(own) => { $( change(
                            stringify!($field), &mut self.$field, &own.$field, default.$field, $check, &mut applied,
                        ); )* }
                        None => applied.rejected.push(Rejected {
                            field: "extension",
                            reason: "these settings belong to another provider".to_owned(),
                        }),
                    }
                }
                self.hold_to_region(place, &mut applied);
                applied.warnings = self.warnings(place);
                applied
            }
        }
    };
}

settings! {
    common {
        /// The model. `pulse`.
        model: String = "pulse".to_owned(), check_model;
        /// The language spoken; also an [`Aggregator`](crate::Aggregator), and any other code by name. English.
        language: Language = Language::En, check_language;
    }
    own {
        /// Whether finals carry their words with times. `false`.
        word_timestamps: bool as bool = false, any;
        /// Whether finals carry everything said so far, over all connections of the session. `false`.
        full_transcript: bool as bool = false, any;
        /// Whether finals carry their sentences with times. `false`.
        sentence_timestamps: bool as bool = false, any;
        /// Whether names, addresses and the like are replaced in finals (English and Hindi). `false`.
        redact_pii: bool as bool = false, any;
        /// Whether card numbers and the like are replaced in finals (English and Hindi). `false`.
        redact_pci: bool as bool = false, any;
        /// Whether spoken numbers are written as digits; `itn_normalize` is the newer way. By context.
        numerals: Numerals as Numerals = Numerals::Auto, any;
        /// Whether speakers are told apart. `false`.
        diarize: bool as bool = false, any;
        /// Whether numbers, dates, amounts are written as such in finals. `false`. Not on lightning.
        itn_normalize: bool as bool = false, any;
        /// The master switch of formatting: `false` forces `punctuate`, `capitalize` and normalization off. `true`.
        format: bool as bool = true, any;
        /// Whether sentences get punctuation. `true`. Not on lightning.
        punctuate: bool as bool = true, any;
        /// Whether sentences get capitals. `true`. Not on lightning.
        capitalize: bool as bool = true, any;
        /// Whether the service ends an utterance by itself, at trailing silence. `true`. Not on lightning.
        endpointing: bool as bool = true, any;
        /// How much silence ends an utterance, 100 to 10000 ms; unset: the service's 800.
        eou_timeout_ms: Option<u32> as u32 = None, check_timeout;
        /// Whether the service cuts a final every few words. `false`: a turn is one final. Not on lightning.
        finalize_on_words: bool as bool = false, any;
        /// The most words of a final; unset: no limit. Not on lightning.
        max_words: Option<u32> as u32 = None, check_max_words;
        /// Words to expect. None. Not on lightning.
        keywords: Keywords as Keywords = Keywords::new(), any;
        /// Whether the service tells where it hears speech begin and end. `false`. Not on lightning.
        vad_events: bool as bool = false, any;
        /// A name for the session in the vendor's analytics: letters, digits, `_ - .`, at most 128. None. Not on lightning.
        external_session_id: Option<String> as String = None, check_external_id;
    }
}

/// What a delta did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) changed: Vec<Changed>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) warnings: Vec<Rejected>,
}

impl SttSettings {
    /// A delta that changes nothing yet.
    #[must_use]
    pub fn delta() -> SttSettingsDelta {
        SttSettingsDelta::default()
    }

    /// Whether finals are redacted.
    pub(crate) fn redacts(&self) -> bool {
        self.redact_pii || self.redact_pci
    }

    /// What is accepted and will have no effect, or not the one hoped for, on this line.
    pub(crate) fn warnings(&self, place: Place) -> Vec<Rejected> {
        let mut warnings = Vec::new();
        let mut warn = |field, reason: String| warnings.push(Rejected { field, reason });
        if !language::is_documented(place.endpoint, &self.language) {
            warn("language", format!("{} is not documented for this endpoint", self.language));
        }
        if let (Region::Custom, Some(reason)) = (place.region, self.region_note()) {
            warn("language", reason.to_owned());
        }
        if self.model == "pulse-2" && self.language != Language::En {
            warn("language", "pulse-2 serves English only, and closes without a word".to_owned());
        }
        if self.redacts() && !matches!(self.language, Language::En | Language::Hi) {
            warn("redact_pii", "the service redacts English and Hindi only".to_owned());
        }
        if let Some(reason) = self.keywords.warning() {
            warn("keywords", reason);
        }
        if self.itn_normalize && !self.format {
            warn("itn_normalize", "format=false switches it off".to_owned());
        }
        for field in self.without_effect(place.endpoint) {
            warn(field, "this endpoint does not know it: it is not sent".to_owned());
        }
        warnings
    }

    /// Why this host will not serve the language; only ever for the vendor's own hosts.
    pub(crate) fn refused_at(&self, place: Place) -> Option<SttError> {
        if place.region == Region::Custom {
            return None;
        }
        let reason = language::not_served(place.region, &self.language)?;
        Some(SttError::Region { language: self.language.code().to_owned(), reason: reason.to_owned() })
    }

    /// East Asian languages on a host of one's own: it may lead to where they are not served.
    fn region_note(&self) -> Option<&'static str> {
        language::is_east_asian(&self.language).then_some(language::EAST_ASIAN_HINT)
    }

    /// Fields that are set and that the endpoint does not know.
    fn without_effect(&self, endpoint: Endpoint) -> Vec<&'static str> {
        let default = Self::default();
        let mut fields = Vec::new();
        if endpoint != Endpoint::Live && self.model != default.model {
            fields.push("model");
        }
        if endpoint == Endpoint::Lightning {
            let set = [
                ("itn_normalize", self.itn_normalize),
                ("punctuate", !self.punctuate),
                ("capitalize", !self.capitalize),
                ("endpointing", !self.endpointing),
                ("finalize_on_words", self.finalize_on_words),
                ("max_words", self.max_words.is_some()),
                ("keywords", !self.keywords.is_empty()),
                ("vad_events", self.vad_events),
                ("external_session_id", self.external_session_id.is_some()),
            ];
            fields.extend(set.into_iter().filter(|&(_, set)| set).map(|(field, _)| field));
        }
        fields
    }

    /// Takes a new language back when the host is known not to serve it.
    fn hold_to_region(&mut self, place: Place, applied: &mut Applied) {
        let Some(error) = self.refused_at(place) else { return };
        let Some(index) = applied.changed.iter().position(|change| change.field == "language") else {
            return;
        };
        let change = applied.changed.remove(index);
        self.language = Language::from_code(change.old.as_deref().unwrap_or_default());
        applied.rejected.push(Rejected { field: "language", reason: error.to_string() });
    }
}

impl From<SttSettingsDelta> for SttDelta {
    fn from(delta: SttSettingsDelta) -> Self {
        let extension = (delta.own != Own::default()).then(|| Extension::new(delta.own));
        Self { model: delta.model, language: delta.language, extension }
    }
}

fn change<T: Clone + PartialEq + Shown>(
    field: &'static str,
    current: &mut T,
    change: &Change<T>,
    default: T,
    check: fn(&T) -> Result<(), String>,
    applied: &mut Applied,
) {
    let new = change.clone().apply(current.clone(), || default);
    if new == *current {
        return;
    }
    if let Err(reason) = check(&new) {
        return applied.rejected.push(Rejected { field, reason });
    }
    applied.changed.push(Changed { field, old: current.shown(), new: new.shown() });
    *current = new;
}

fn checked(field: &'static str, result: Result<(), String>) -> Result<(), SttError> {
    result.map_err(|reason| SttError::Invalid { field, reason })
}

fn any<T>(_: &T) -> Result<(), String> {
    Ok(())
}

#[expect(clippy::ptr_arg, reason = "a check takes a reference to the field's own type")]
fn check_model(model: &String) -> Result<(), String> {
    match model.as_str() {
        "" => Err("a model is needed: pulse".to_owned()),
        "pulse-pro" => Err("pulse-pro does not stream: use pulse".to_owned()),
        _ => Ok(()),
    }
}

fn check_language(language: &Language) -> Result<(), String> {
    let code = language.code();
    let sound =
        !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if sound { Ok(()) } else { Err("a code is made of letters, digits, - and _, as in `en`".to_owned()) }
}

fn check_timeout(milliseconds: &Option<u32>) -> Result<(), String> {
    match milliseconds {
        Some(value) if !(100..=10_000).contains(value) => {
            Err(format!("{value} is not within 100 to 10000 ms"))
        }
        _ => Ok(()),
    }
}

fn check_max_words(words: &Option<u32>) -> Result<(), String> {
    if *words == Some(0) { Err("at least one word".to_owned()) } else { Ok(()) }
}

fn check_external_id(id: &Option<String>) -> Result<(), String> {
    let Some(id) = id else { return Ok(()) };
    let sound = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if sound && (1..=128).contains(&id.len()) {
        Ok(())
    } else {
        Err("1 to 128 letters, digits, `_`, `-`, `.`".to_owned())
    }
}
