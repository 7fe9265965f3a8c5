//! A question for a model of the ends of turns: everything it needs, as a value.
//!
//! A strategy gives it out by [`poll_question`](super::StopTurn::poll_question); whoever drives the machine of turns
//! has it answered beside the line and comes back with the likelihood, or with none if there is no answer.

use std::{fmt, sync::Arc, time::Duration};

use super::{EndOfTurn, Heard};

/// A question that is to be answered beside the line.
#[derive(Clone)]
pub struct Question {
    /// Whom it is for.
    pub model: Arc<dyn EndOfTurn>,
    /// The newest audio of the turn.
    pub samples: Box<[i16]>,
    /// Samples a second.
    pub rate: u32,
    /// The words so far, a last guess among them.
    pub text: String,
    /// How long the answer may take.
    pub within: Duration,
}

impl Question {
    /// Asks the model, on this thread.
    #[must_use]
    pub fn answer(&self) -> f32 {
        self.model.judge(&Heard { samples: &self.samples, rate: self.rate, text: &self.text })
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({} samples, {} bytes)", self.samples.len(), self.text.len())
    }
}

/// Which strategy asks, and the how manyeth question of all it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuestionId {
    pub(crate) strategy: usize,
    pub(crate) number: u64,
}
