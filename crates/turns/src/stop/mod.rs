//! When the user's turn is over.
//!
//! Strategies are asked in their order about every cue while a turn is open. The first that says
//! [`Stop::Release`] ends it. Nobody can end a turn while the user speaks. Whatever they say, a turn ends when its
//! words are known to be none, and at the deadline for pauses.

mod confirmed;
mod model;
mod question;
mod silence;

use std::{fmt, time::Instant};

pub use confirmed::Confirmed;
pub use model::{EndOfTurn, Heard, Model};
pub use question::{Question, QuestionId};
pub use silence::Silence;

use crate::floor::{Cue, Scene};

/// What a strategy says to a cue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing: the next is asked.
    Pass,
    /// The turn is over.
    Release,
}

/// Decides when the user's turn is over. Pure: keep what you need in the struct, take time from the arguments.
pub trait StopTurn: fmt::Debug + Send + Sync + 'static {
    /// Called for every cue, also while no turn is open; only answers while one is open count.
    fn handle(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Stop;

    /// When to call [`handle_timeout`](Self::handle_timeout).
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Called when that time has come.
    fn handle_timeout(&mut self, now: Instant, scene: &Scene<'_>) -> Stop {
        let _ = (now, scene);
        Stop::Pass
    }

    /// What is to be asked of a model beside the line. Polled after every other call; a new question takes the place
    /// of the one before, whose answer is then not given any more.
    fn poll_question(&mut self) -> Option<Question> {
        None
    }

    /// Called once with the answer to the newest question: a likelihood, or `None` if there is no answer.
    fn handle_verdict(&mut self, now: Instant, likelihood: Option<f32>, scene: &Scene<'_>) -> Stop {
        let _ = (now, likelihood, scene);
        Stop::Pass
    }

    /// Whether it wants [`Cue::Audio`]. Asked once.
    fn wants_audio(&self) -> bool {
        false
    }

    /// The same strategy once more, for updates in mid-call.
    fn boxed(&self) -> Box<dyn StopTurn>;
}

impl Clone for Box<dyn StopTurn> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}
