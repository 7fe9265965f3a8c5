//! When the user takes the floor.
//!
//! Strategies are asked in their order, each about every cue while no turn is open. The first that says
//! [`Start::Begin`] begins the turn, and interrupts the bot if it has the floor.

mod min_words;
mod transcript;
mod voice;
mod wake_phrase;

use std::{fmt, time::Instant};

pub use min_words::MinWords;
pub use transcript::Transcript;
pub use voice::Voice;
pub use wake_phrase::WakePhrase;

use crate::floor::{Cue, Scene};

/// What a strategy says to a cue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing: the next is asked.
    Pass,
    /// Perhaps: the bot is held if it has the floor, until somebody says `Begin` or the words turn out to mean nothing.
    /// A turn begins if the bot has not the floor.
    Doubt,
    /// The user takes the floor.
    Begin,
    /// The user does not, whatever others say; the words do not count.
    Deny,
}

/// Decides when the user takes the floor. Pure: keep what you need in the struct, take time from the arguments.
pub trait StartTurn: fmt::Debug + Send + Sync + 'static {
    /// Called for every cue, also while a turn is open; only answers while none is open count.
    fn handle(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Start;

    /// When to call [`handle_timeout`](Self::handle_timeout).
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Called when that time has come.
    fn handle_timeout(&mut self, now: Instant, scene: &Scene<'_>) -> Start {
        let _ = (now, scene);
        Start::Pass
    }

    /// The same strategy once more, for updates in mid-call.
    fn boxed(&self) -> Box<dyn StartTurn>;
}

impl Clone for Box<dyn StartTurn> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}
