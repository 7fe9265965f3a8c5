//! What can go wrong, by what the caller can do.
//!
//! [`ConfigError`] stops a service from being built or started. [`TtsError`] is the source inside each
//! [`ServiceError`] the service reports. Texts are fragments for people and hold neither the key nor the
//! text that was to be spoken; what a server said is cut at 300 characters.

use std::{sync::Arc, time::Duration};

use voxline_audio::{ResampleError, SampleRate};
use voxline_core::{ErrorCategory, ServiceError, frame::Rejected};
use voxline_wire::{CloseReason, ConnectError, GaveUp};

use crate::message::Failure;

/// The service's name in events, metrics and answers.
pub const SERVICE: &str = "smallest-tts";

/// Why a service cannot be used as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no key.
    #[error("no API key: give one or set {variable}")]
    NoKey {
        /// The environment variable that can hold it.
        variable: &'static str,
    },
    /// The key cannot be sent in a header.
    #[error("the API key holds characters no key has (a line break, a space, or not ASCII)")]
    UnusableKey,
    /// The base address cannot be used.
    #[error("the base URL cannot be used: {reason}")]
    BaseUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The key would travel unencrypted to another machine.
    #[error("the base URL leads to {host} without encryption; use wss, or allow clear text")]
    ClearText {
        /// The other machine.
        host: String,
    },
    /// The service does not speak at this rate.
    #[error("the service has no sample rate of {asked}: use 8000, 16000, 24000 or 44100")]
    SampleRate {
        /// What was asked for.
        asked: SampleRate,
    },
    /// The session's name cannot be sent.
    #[error("the session id must be 1 to 128 of the characters A-Z a-z 0-9 _ - .")]
    SessionId,
    /// The source header cannot be sent.
    #[error("the source header must be printable ASCII")]
    Source,
    /// Audio cannot be brought to the pipeline's rate.
    #[error(transparent)]
    Resample(#[from] ResampleError),
    /// A setting is out of range.
    #[error("the setting {} cannot be used: {}", .0.field, .0.reason)]
    Setting(Rejected),
}

/// A failure of the running service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TtsError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A connection could not be opened.
    #[error("cannot connect{}", setting_at_fault(.0))]
    Connect(#[source] ConnectError),
    /// The endpoint or the model is gone (HTTP 404, 410).
    #[error("{setting} is no longer served (HTTP {status}){}", recommend(.recommended))]
    Retired {
        /// The setting to change: `model`, `endpoint` or `base_url`, with its value.
        setting: String,
        /// The HTTP status.
        status: u16,
        /// What the service says to use instead.
        recommended: Option<String>,
        /// The refusal.
        #[source]
        source: ConnectError,
    },
    /// An open connection failed.
    #[error("the connection was lost")]
    Lost(#[source] CloseReason),
    /// The service closed the connection because it does not allow this.
    #[error("the service forbids this use: {reason}")]
    Forbidden {
        /// What it said.
        reason: String,
    },
    /// The service closed the connection because of a limit.
    #[error("over the service's limit: {reason}")]
    Overloaded {
        /// What it said.
        reason: String,
    },
    /// No further connection is worth it.
    #[error("no connection after repeated attempts")]
    GaveUp(#[source] GaveUp),
    /// The service answered with an error.
    #[error("the service reports: {0}")]
    Remote(Failure),
    /// Text was sent and no audio came.
    #[error("no audio of {request} within {after:?}{}", if *.resent { ", text sent again" } else { "" })]
    Silent {
        /// The request, as the service knows it.
        request: String,
        /// The deadline.
        after: Duration,
        /// Whether it is tried once more.
        resent: bool,
    },
    /// Audio stopped before the text was spoken.
    #[error("the audio of {request} stopped before its text was spoken; nothing more within {after:?}")]
    Stalled {
        /// The request, as the service knows it.
        request: String,
        /// The deadline.
        after: Duration,
    },
    /// The connection ended before the text was spoken.
    #[error("the connection ended before the text was spoken")]
    CutShort(#[source] CloseReason),
    /// A chunk of audio could not be decoded.
    #[error("a chunk of audio is not valid base64")]
    BadAudio,
    /// There was no connection to speak over.
    #[error("no connection within {after:?}")]
    NoConnection {
        /// The deadline.
        after: Duration,
    },
    /// More text waits to be spoken than may.
    #[error("more than {limit} bytes of text wait to be spoken")]
    TooMuchText {
        /// The bound.
        limit: usize,
    },
    /// More audio waits for the pipeline than may.
    #[error("more than {limit:?} of audio wait for the pipeline")]
    TooMuchAudio {
        /// The bound.
        limit: Duration,
    },
    /// The service was told to end, and the rest did not come.
    #[error("nothing more came within {after:?} of the end")]
    EndDeadline {
        /// The deadline.
        after: Duration,
    },
}

impl TtsError {
    /// What can be done about it.
    #[must_use]
    pub fn category(&self) -> ErrorCategory {
        match self {
            Self::Config(_) | Self::TooMuchText { .. } => ErrorCategory::BadInput,
            Self::Connect(error) => connect_category(error),
            Self::Retired { .. } => ErrorCategory::Refused,
            Self::Lost(reason) | Self::CutShort(reason) => close_category(reason),
            Self::Forbidden { .. } => ErrorCategory::Forbidden,
            Self::Overloaded { .. } | Self::TooMuchAudio { .. } => ErrorCategory::Overloaded,
            Self::GaveUp(GaveUp::Permanent(error) | GaveUp::Exhausted { last: Some(error), .. }) => {
                connect_category(error)
            }
            Self::GaveUp(_) | Self::NoConnection { .. } | Self::EndDeadline { .. } => {
                ErrorCategory::Unreachable
            }
            Self::Remote(failure) => failure.category(),
            Self::Silent { .. } | Self::Stalled { .. } => ErrorCategory::Server,
            Self::BadAudio => ErrorCategory::Protocol,
        }
    }

    /// As the pipeline reports it; the service goes on.
    #[must_use]
    pub fn passing(self) -> ServiceError {
        self.service_error(false)
    }

    /// As the pipeline reports it; the service has given up.
    #[must_use]
    pub fn fatal(self) -> ServiceError {
        self.service_error(true)
    }

    fn service_error(self, fatal: bool) -> ServiceError {
        let category = self.category();
        ServiceError { service: Arc::from(SERVICE), category, fatal, source: Arc::new(self) }
    }
}

fn connect_category(error: &ConnectError) -> ErrorCategory {
    match error {
        ConnectError::Refused { status: 401, .. } => ErrorCategory::Unauthorized,
        ConnectError::Refused { status: 403, .. } => ErrorCategory::Forbidden,
        ConnectError::Refused { status: 408 | 425 | 429, .. } => ErrorCategory::Overloaded,
        ConnectError::Refused { status: 500..=599, .. } => ErrorCategory::Server,
        ConnectError::Refused { .. } => ErrorCategory::Refused,
        ConnectError::BadAddress { .. } => ErrorCategory::BadInput,
        ConnectError::NotWebSocket { .. } => ErrorCategory::Protocol,
        _ => ErrorCategory::Unreachable,
    }
}

fn close_category(reason: &CloseReason) -> ErrorCategory {
    match reason {
        CloseReason::Protocol { .. } | CloseReason::TooLarge { .. } => ErrorCategory::Protocol,
        CloseReason::Peer { code: 1011..=1014, .. } => ErrorCategory::Server,
        // The reason is the discriminator (protocol section 2.4).
        CloseReason::Peer { code: 1008, reason } if reason == "forbidden" => ErrorCategory::Forbidden,
        CloseReason::Peer { code: 1008, .. } => ErrorCategory::Overloaded,
        _ => ErrorCategory::Unreachable,
    }
}

fn setting_at_fault(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Refused { status: 401, .. } => ": the API key was not accepted",
        ConnectError::Refused { status: 403, .. } => ": the API key may not use this",
        ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. } => {
            ": nobody answers at the base URL"
        }
        _ => "",
    }
}

fn recommend(recommended: &Option<String>) -> String {
    recommended.as_ref().map(|name| format!("; the service recommends {name}")).unwrap_or_default()
}
