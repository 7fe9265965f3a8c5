//! Errors, by what the caller can do about them.

use std::{error::Error as StdError, sync::Arc, time::Duration};

/// What went wrong in a pipeline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pipeline cannot be built as described.
    #[error("the pipeline cannot be built: {reason}")]
    Build {
        /// What is wrong with it.
        reason: String,
    },
    /// A stage failed to start.
    #[error("{stage} failed to start")]
    Start {
        /// The stage.
        stage: Arc<str>,
        /// Why.
        #[source]
        source: Arc<Error>,
    },
    /// Something took longer than its deadline.
    #[error("{what} did not finish within {after:?}{}", named(.stages))]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// The deadline.
        after: Duration,
        /// The stages that had not finished.
        stages: Vec<Arc<str>>,
    },
    /// A stage panicked.
    #[error("{stage} panicked: {message}")]
    Panicked {
        /// The stage.
        stage: Arc<str>,
        /// The panic's message.
        message: String,
    },
    /// A queue that must not fill up has: the stage does not keep up with its signals.
    #[error("the {lane} lane of {stage} is full ({bound} frames)")]
    Overflow {
        /// The stage that does not keep up.
        stage: Arc<str>,
        /// The lane.
        lane: &'static str,
        /// Its bound.
        bound: usize,
    },
    /// The session is over.
    #[error("the session has ended")]
    Ended,
    /// A service failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A stage cannot use what it was given.
    #[error("{what}")]
    Unusable {
        /// What was wrong, and what would be right.
        what: String,
    },
    /// The same error, given to several who asked.
    #[error(transparent)]
    Shared(#[from] Arc<Error>),
    /// An error of a stage of the application's own.
    #[error(transparent)]
    Other(Arc<dyn StdError + Send + Sync>),
}

impl Error {
    /// An error of the application's own.
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(Arc::from(error.into()))
    }

    /// Whether it ends the session when a stage reports it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Panicked { .. } | Self::Start { .. } | Self::Overflow { .. } => true,
            Self::Service(error) => error.fatal,
            Self::Shared(error) => error.is_fatal(),
            _ => false,
        }
    }
}

fn named(stages: &[Arc<str>]) -> String {
    if stages.is_empty() { String::new() } else { format!(": {}", stages.join(", ")) }
}

/// What the caller can do about a failed service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCategory {
    /// The key is missing or wrong.
    Unauthorized,
    /// The key is right but may not do this: plan, workspace, region.
    Forbidden,
    /// The request is wrong: a setting, a model, an address that is gone.
    Refused,
    /// Nobody answers; trying again later may help.
    Unreachable,
    /// Too many requests or connections; trying again later helps.
    Overloaded,
    /// The service did not keep to its protocol.
    Protocol,
    /// The service failed inside.
    Server,
    /// The input cannot be used.
    BadInput,
}

/// A failure of a service.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{service}: {source}")]
pub struct ServiceError {
    /// The service.
    pub service: Arc<str>,
    /// What can be done.
    pub category: ErrorCategory,
    /// Whether the service has given up: it does nothing more in this session.
    pub fatal: bool,
    /// What went wrong.
    #[source]
    pub source: Arc<dyn StdError + Send + Sync>,
}
