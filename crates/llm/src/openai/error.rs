//! What can go wrong, by what the caller can do.
//!
//! Texts of the endpoint are kept to their beginning and never hold the key: it is cut out, because some
//! servers repeat it.

use std::{sync::Arc, time::Duration};

use voxline_core::{ErrorCategory, ServiceError};

/// The configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no key, and the endpoint is one that wants it.
    #[error("no API key: set {variable}, or give one")]
    NoKey {
        /// The environment variable that was read.
        variable: &'static str,
    },
    /// The key holds what no header can carry.
    #[error("the API key holds characters that no key has")]
    UnusableKey,
    /// The base URL is none.
    #[error("the base URL cannot be used: {reason}")]
    BaseUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// Text and key would cross the network in the clear.
    #[error("http:// to {host} would send the conversation in clear text: use https://, or allow it")]
    ClearText {
        /// The host.
        host: String,
    },
    /// A further header cannot be sent.
    #[error("the header {name} cannot be sent")]
    Header {
        /// Its name.
        name: String,
    },
    /// A setting is out of its range.
    #[error("{field}: {reason}")]
    Setting {
        /// The field of the settings.
        field: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {reason}")]
    Pool {
        /// What it said.
        reason: String,
    },
}

/// Why there is no complete answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlmError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The request cannot be written: a tool's schema is not JSON.
    #[error("the schema of the tool {tool} is not JSON")]
    Schema {
        /// The tool.
        tool: Arc<str>,
    },
    /// The key is missing or wrong (HTTP 401).
    #[error("the API key was not accepted{}", told(.message))]
    Unauthorized {
        /// What the endpoint said.
        message: String,
    },
    /// The key may not do this: plan, quota, moderation (HTTP 402, 403, or a quota that is used up).
    #[error("the endpoint forbids this{}", told(.message))]
    Forbidden {
        /// What the endpoint said.
        message: String,
    },
    /// The request is wrong: a setting, a model, an address (other HTTP 3xx and 4xx).
    #[error("refused{}{}", with_status(.status), told(.message))]
    Refused {
        /// The HTTP status; none when it came within the stream.
        status: Option<u16>,
        /// What the endpoint said.
        message: String,
    },
    /// Too many requests (HTTP 408, 425, 429).
    #[error("over the endpoint's limit{}", told(.message))]
    Overloaded {
        /// How long the endpoint asks to wait.
        retry_after: Option<Duration>,
        /// What it said.
        message: String,
    },
    /// The endpoint failed inside (HTTP 5xx, or an error object in the stream).
    #[error("the endpoint failed{}{}", with_status(.status), told(.message))]
    Server {
        /// The HTTP status; none when it came within the stream.
        status: Option<u16>,
        /// How long the endpoint asks to wait.
        retry_after: Option<Duration>,
        /// What it said.
        message: String,
    },
    /// Nobody answers at the base URL.
    #[error("nobody answers at the base URL")]
    Unreachable(#[source] Arc<reqwest::Error>),
    /// Nothing came in time, retries included.
    #[error("no word of the answer within {after:?}")]
    Silent {
        /// The deadline.
        after: Duration,
    },
    /// The answer stopped in the middle.
    #[error("nothing more of the answer within {after:?}")]
    Stalled {
        /// The deadline.
        after: Duration,
    },
    /// The connection was lost within the answer.
    #[error("the connection was lost within the answer")]
    CutShort(#[source] Option<Arc<reqwest::Error>>),
    /// The answer was ended by a limit while it wrote a tool call.
    #[error("the answer ended ({finish}) within a tool call")]
    Truncated {
        /// What the endpoint gave as the reason.
        finish: String,
    },
    /// What came is not what the protocol says.
    #[error("expected {expected}, got {got}")]
    Protocol {
        /// What was expected.
        expected: &'static str,
        /// What came, without its content.
        got: String,
    },
    /// The answer is longer than an answer may be.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: usize,
    },
}

impl LlmError {
    /// What a status and an error object come to.
    pub(super) fn refusal(
        status: Option<u16>,
        message: String,
        kinds: &[String],
        retry_after: Option<Duration>,
    ) -> Self {
        let is = |kind: &str| kinds.iter().any(|found| found == kind);
        if is("insufficient_quota") {
            return Self::Forbidden { message };
        }
        match status {
            Some(401) => Self::Unauthorized { message },
            Some(402 | 403) => Self::Forbidden { message },
            Some(408 | 425 | 429) => Self::Overloaded { retry_after, message },
            Some(500..) => Self::Server { status, retry_after, message },
            Some(_) => Self::Refused { status, message },
            None if is("rate_limit_exceeded") || is("rate_limit_error") => {
                Self::Overloaded { retry_after, message }
            }
            None if is("invalid_api_key") || is("authentication_error") => Self::Unauthorized { message },
            None if is("invalid_request_error") => Self::Refused { status, message },
            None => Self::Server { status, retry_after, message },
        }
    }

    /// What can be done about it.
    #[must_use]
    pub fn category(&self) -> ErrorCategory {
        match self {
            Self::Config(_) | Self::Schema { .. } => ErrorCategory::BadInput,
            Self::Unauthorized { .. } => ErrorCategory::Unauthorized,
            Self::Forbidden { .. } => ErrorCategory::Forbidden,
            Self::Refused { .. } | Self::Truncated { .. } => ErrorCategory::Refused,
            Self::Overloaded { .. } => ErrorCategory::Overloaded,
            Self::Server { .. } | Self::Silent { .. } | Self::Stalled { .. } => ErrorCategory::Server,
            Self::Unreachable(_) | Self::CutShort(_) => ErrorCategory::Unreachable,
            Self::Protocol { .. } | Self::TooLong { .. } => ErrorCategory::Protocol,
        }
    }

    /// As the pipeline reports it. Only a key that is not accepted ends the session: no later answer would
    /// fare better.
    #[must_use]
    pub fn for_service(self, service: Arc<str>) -> ServiceError {
        let fatal = matches!(self, Self::Unauthorized { .. });
        ServiceError { service, category: self.category(), fatal, source: Arc::new(self) }
    }

    /// Whether the same request may fare better a moment later.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Overloaded { .. } | Self::Server { .. } | Self::Unreachable(_) | Self::CutShort(_)
        )
    }

    /// How long the endpoint asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } | Self::Server { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn told(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn with_status(status: &Option<u16>) -> String {
    status.map(|status| format!(" with HTTP status {status}")).unwrap_or_default()
}
