//! Settings in mid-call: typed deltas, whom they aim at, and what they did.
//!
//! A field of a delta is kept, set, or cleared; clearing gives it back to the service's default.
//! The fields here are common to all services of a kind, so an update that uses only them works for
//! any provider. What only one provider knows travels as an [`Extension`]: that provider's own delta
//! type, which it finds again by downcasting. A provider that meets a foreign extension rejects it in
//! its answer. Every update is answered by exactly one [`SettingsAnswer`] from each service it aims at.

use std::{any::Any, fmt, sync::Arc};

use super::Language;

/// What happens to one setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes this.
    Set(T),
    /// It becomes the service's default.
    Clear,
}

impl<T> Change<T> {
    /// Whether it stays as it is.
    #[must_use]
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The later of two changes: `later`, unless it keeps.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        if later.is_keep() { self } else { later }
    }

    /// The value after the change, where the default is `default`.
    #[must_use]
    pub fn apply(self, current: T, default: impl FnOnce() -> T) -> T {
        match self {
            Self::Keep => current,
            Self::Set(value) => value,
            Self::Clear => default(),
        }
    }
}

impl<T> From<T> for Change<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

/// A provider's own part of a delta, found again by downcasting.
#[derive(Clone)]
pub struct Extension(Arc<dyn Any + Send + Sync>);

impl Extension {
    /// Wraps a provider's delta.
    #[must_use]
    pub fn new<T: Any + Send + Sync>(delta: T) -> Self {
        Self(Arc::new(delta))
    }

    /// The delta, if it is of this type.
    #[must_use]
    pub fn downcast<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extension")
    }
}

/// Changes to a speech-to-text service.
#[derive(Clone, Debug, Default)]
pub struct SttDelta {
    /// The model.
    pub model: Change<String>,
    /// The language spoken.
    pub language: Change<Language>,
    /// What only one provider knows.
    pub extension: Option<Extension>,
}

/// Changes to a text-to-speech service.
#[derive(Clone, Debug, Default)]
pub struct TtsDelta {
    /// The model.
    pub model: Change<String>,
    /// The voice.
    pub voice: Change<String>,
    /// The language to speak.
    pub language: Change<Language>,
    /// What only one provider knows.
    pub extension: Option<Extension>,
}

/// Whom an update aims at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServiceTarget {
    /// Every service of its kind.
    #[default]
    All,
    /// The service of this name.
    Named(Arc<str>),
}

/// Names an update, so that its answer can be told from others. Equal to the id of the update's frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpdateId(pub u64);

/// A change of settings and whom it aims at.
#[derive(Clone, Debug)]
pub struct SettingsUpdate<D> {
    /// Whom it aims at.
    pub target: ServiceTarget,
    /// What changes.
    pub delta: D,
}

impl<D> SettingsUpdate<D> {
    /// An update for every service of its kind.
    #[must_use]
    pub fn new(delta: D) -> Self {
        Self { target: ServiceTarget::All, delta }
    }
}

/// A setting that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its name, as in the provider's settings type.
    pub field: &'static str,
    /// What it was; `None` for the service's default.
    pub old: Option<String>,
    /// What it is; `None` for the service's default.
    pub new: Option<String>,
}

/// A setting that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its name, as in the provider's settings type.
    pub field: &'static str,
    /// Why, and what would be accepted.
    pub reason: String,
}

/// What an update did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsAnswer {
    /// The update.
    pub update: UpdateId,
    /// The service that answers.
    pub service: Arc<str>,
    /// What changed. Empty when everything was already so.
    pub changed: Vec<Changed>,
    /// What was refused.
    pub rejected: Vec<Rejected>,
    /// Accepted, but without effect as things stand, and why.
    pub warnings: Vec<Rejected>,
    /// Whether it needed a new connection.
    pub reconnected: bool,
}
