//! The models, and their two spellings.
//!
//! The service writes hyphens where the model is in the address and in its catalogue (`lightning-v3.1`),
//! and underscores in the `model` field (`lightning_v3.1`). Either is understood here.

use std::{convert::Infallible, fmt, str::FromStr, sync::Arc};

/// A model of the synthesizer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Model {
    /// Lightning v3.1, the default.
    #[default]
    LightningV31,
    /// Lightning v3.1 pro.
    LightningV31Pro,
    /// Lightning v2, retired by the vendor in May 2026; on a socket of its own.
    LightningV2,
    /// Any other, as written.
    Other(Arc<str>),
}

impl Model {
    /// The model of this name, in either spelling.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name.trim().replace('-', "_").to_ascii_lowercase().as_str() {
            "lightning_v3.1" => Self::LightningV31,
            "lightning_v3.1_pro" => Self::LightningV31Pro,
            "lightning_v2" => Self::LightningV2,
            _ => Self::Other(name.trim().into()),
        }
    }

    /// Its name as people write it; [`from_name`](Self::from_name) gives the model back.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::LightningV31 => "lightning_v3.1",
            Self::LightningV31Pro => "lightning_v3.1_pro",
            Self::LightningV2 => "lightning_v2",
            Self::Other(name) => name,
        }
    }

    /// Its name in the `model` field: underscores.
    #[must_use]
    pub fn field_name(&self) -> String {
        self.name().replace('-', "_")
    }

    /// Its name in an address: hyphens.
    #[must_use]
    pub fn url_name(&self) -> String {
        self.name().replace('_', "-")
    }
}

impl From<&str> for Model {
    fn from(name: &str) -> Self {
        Self::from_name(name)
    }
}

impl FromStr for Model {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Self::from_name(name))
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
