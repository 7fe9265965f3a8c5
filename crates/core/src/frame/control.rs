//! Signals: interruption and errors.

use std::sync::Arc;

use super::Generation;
use crate::error::Error;

/// Why an answer was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InterruptCause {
    /// The application asked for it.
    Application,
    /// The user spoke over the bot.
    UserSpoke,
}

/// An interruption: frames of generations before [`generation`](Self::generation) are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// The generation that begins.
    pub generation: Generation,
    /// Why.
    pub cause: InterruptCause,
}

/// An error of a stage.
#[derive(Clone, Debug)]
pub struct ErrorReport {
    /// The stage it came from.
    pub stage: Arc<str>,
    /// What went wrong.
    pub error: Arc<Error>,
    /// Whether it ends the session.
    pub fatal: bool,
}
