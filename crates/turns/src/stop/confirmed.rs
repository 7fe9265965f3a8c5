//! Confirmed: the turn is over when the user is silent and the words are complete.
//!
//! They are complete when the service confirms the last utterance, or when it was given up. No fixed wait: the turn
//! ends in the same call that brings the confirmation.

use std::time::Instant;

use super::{Stop, StopTurn};
use crate::floor::{Cue, Scene};

/// The turn is over when the user is silent and the words are complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmed;

impl StopTurn for Confirmed {
    fn handle(&mut self, _: Instant, _: &Cue<'_>, scene: &Scene<'_>) -> Stop {
        if scene.settled && !scene.user_speaks && !scene.said.is_empty() { Stop::Release } else { Stop::Pass }
    }

    fn boxed(&self) -> Box<dyn StopTurn> {
        Box::new(self.clone())
    }
}
