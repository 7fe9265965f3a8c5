//! Muted while the bot speaks: always, or only the first time.

use std::time::Instant;

use super::MuteUser;
use crate::floor::{Bot, Cue, Scene};

/// Muted while the bot speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhileBotSpeaks {
    /// Only for its first answer.
    pub first_only: bool,
}

impl MuteUser for WhileBotSpeaks {
    fn is_muted(&mut self, _: Instant, _: Option<&Cue<'_>>, scene: &Scene<'_>) -> bool {
        matches!(scene.bot, Bot::Speaks { .. }) && !(self.first_only && scene.bot_turns > 0)
    }

    fn boxed(&self) -> Box<dyn MuteUser> {
        Box::new(self.clone())
    }
}
