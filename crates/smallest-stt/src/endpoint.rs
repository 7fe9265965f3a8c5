//! Where speech-to-text is served: the three endpoints and the regions behind the hosts.
//!
//! An [`Endpoint`] decides which settings can be sent and what `finalize` means; a `Region` which languages are
//! served. Both together are a `Place`, which is all that settings must know of a connection.
//!
//! Read next: `language.rs`, which languages are served where.

use url::Url;

/// The three places speech-to-text is served at. Each has its own rules for `model`, `finalize`, `numerals`,
/// defaults and the text's field name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `stt/live`: the current one. `finalize` ends a turn, `close_stream` the session.
    #[default]
    Live,
    /// `pulse/get_text`: the one before, still served.
    Pulse,
    /// `lightning/get_text`: the oldest. `finalize` ends the session, so turns end by the service's own detection.
    Lightning,
}

impl Endpoint {
    /// Its path below the base URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Live => "/waves/v1/stt/live",
            Self::Pulse => "/waves/v1/pulse/get_text",
            Self::Lightning => "/waves/v1/lightning/get_text",
        }
    }

    /// Whether `finalize` ends a turn and leaves the session open.
    #[must_use]
    pub const fn finalize_keeps_open(self) -> bool {
        !matches!(self, Self::Lightning)
    }
}

/// Where a connection leads, as far as languages are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// The vendor's default host: India or the United States, whichever is nearer.
    Nearest,
    /// The vendor's host in the United States.
    UnitedStates,
    /// Any other host: a proxy, an own installation, a test.
    Custom,
}

impl Region {
    pub(crate) fn of(base: &Url) -> Self {
        match base.host_str() {
            Some("api.smallest.ai") => Self::Nearest,
            Some("api.us.smallest.ai") => Self::UnitedStates,
            _ => Self::Custom,
        }
    }
}

/// Where a connection leads, as far as settings are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) region: Region,
}
