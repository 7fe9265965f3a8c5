//! Muted from the beginning until the bot has spoken once.

use std::time::Instant;

use super::MuteUser;
use crate::floor::{Cue, Scene};

/// Muted until the bot has spoken once, or its answer came to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UntilFirstBotTurn;

impl MuteUser for UntilFirstBotTurn {
    fn is_muted(&mut self, _: Instant, _: Option<&Cue<'_>>, scene: &Scene<'_>) -> bool {
        scene.bot_turns == 0
    }

    fn boxed(&self) -> Box<dyn MuteUser> {
        Box::new(self.clone())
    }
}
