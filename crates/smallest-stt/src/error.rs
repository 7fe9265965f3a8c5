//! What can go wrong with the service, by what the caller can do about it.
//!
//! 1. No text of an error holds the API key: bodies and close reasons are scrubbed before they get here.
//! 2. No text holds a transcript.
//! 3. [`SttError::into_service`] gives the form every Voxline service reports in.

use std::{sync::Arc, time::Duration};

use voxline_core::error::{ErrorCategory, ServiceError};
use voxline_wire::{CloseReason, ConnectError};

/// The service's name in metrics, errors and settings answers.
pub const SERVICE_NAME: &str = "smallest-stt";

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SttError {
    /// There is no key: set `SMALLEST_API_KEY`, or pass one.
    #[error("no API key: set SMALLEST_API_KEY")]
    MissingKey,
    /// The service does not know the key.
    #[error("the API key was refused with status {status}: {body}")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// What the service said.
        body: String,
    },
    /// The key may not do this: plan, workspace, entitlement.
    #[error("not allowed: {reason}")]
    Forbidden {
        /// What the service said.
        reason: String,
    },
    /// The service does not accept the request: most likely a setting.
    #[error("the service refused the request with status {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the service said.
        body: String,
    },
    /// The address is gone: change `base_url` or `endpoint`.
    #[error("nothing is served at {path} (status {status}): check `base_url` and `endpoint`: {body}")]
    Gone {
        /// The HTTP status: 404 or 410.
        status: u16,
        /// The path asked for.
        path: String,
        /// What the service said.
        body: String,
    },
    /// The language is not served where the connection goes.
    #[error("language {language} is not served here: {reason}")]
    Region {
        /// The language's code.
        language: String,
        /// Who says so, and what would work.
        reason: String,
    },
    /// A value cannot be used.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field of the configuration or of the settings.
        field: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Nobody answers.
    #[error("unreachable after {attempts} attempts in a row")]
    Unreachable {
        /// How many connects failed in a row.
        attempts: u32,
        /// How the last one failed.
        #[source]
        last: ConnectError,
    },
    /// Too many requests or connections for the account.
    #[error("over the limit of the account: {reason}")]
    Overloaded {
        /// What the service said.
        reason: String,
    },
    /// The connection was lost.
    #[error("connection lost: {reason}")]
    Lost {
        /// How it ended.
        reason: CloseReason,
        /// What may be behind it.
        hint: Option<&'static str>,
    },
    /// Connections open and end at once, again and again.
    #[error("{connections} connections in a row ended at once{}", .hint.map(|hint| format!(" ({hint})")).unwrap_or_default())]
    EndsAtOnce {
        /// How many.
        connections: u32,
        /// What may be behind it.
        hint: Option<&'static str>,
        /// How the last one ended.
        #[source]
        last: CloseReason,
    },
    /// The service reported an error of its own.
    #[error("the service reports{}: {message}", .code.as_ref().map(|code| format!(" {code}")).unwrap_or_default())]
    Reported {
        /// Its code, if it gave one.
        code: Option<String>,
        /// What it said.
        message: String,
    },
    /// The service failed inside.
    #[error("the service failed with status {status}: {body}")]
    Server {
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// The audio cannot be sent as it is.
    #[error("the audio cannot be sent: {reason}")]
    Input {
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// The session ended before the service had answered everything.
    #[error("{what} did not come within {after:?}")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
}

impl SttError {
    /// What the caller can do.
    #[must_use]
    pub fn category(&self) -> ErrorCategory {
        match self {
            Self::MissingKey | Self::Unauthorized { .. } => ErrorCategory::Unauthorized,
            Self::Forbidden { .. } | Self::Region { .. } => ErrorCategory::Forbidden,
            Self::Refused { .. } | Self::Gone { .. } | Self::Invalid { .. } => ErrorCategory::Refused,
            Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::EndsAtOnce { .. }
            | Self::TimedOut { .. } => ErrorCategory::Unreachable,
            Self::Overloaded { .. } => ErrorCategory::Overloaded,
            Self::Reported { .. } | Self::Server { .. } => ErrorCategory::Server,
            Self::Input { .. } => ErrorCategory::BadInput,
        }
    }

    /// The form every service reports in.
    #[must_use]
    pub fn into_service(self, fatal: bool) -> ServiceError {
        ServiceError {
            service: Arc::from(SERVICE_NAME),
            category: self.category(),
            fatal,
            source: Arc::new(self),
        }
    }
}
