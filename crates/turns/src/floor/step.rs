//! What the machine of turns takes and gives.

use std::time::Duration;

use super::{Cue, Floor};
use crate::{BotProgress, IdleAction};

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Something strategies hear of: of the user.
    User(Cue<'a>),
    /// The first sample of an answer was played.
    BotStarted,
    /// The last sample was, or it was cut.
    BotStopped,
    /// The bot's move goes on.
    Progress(BotProgress),
    /// Somebody else interrupted the bot.
    Interrupted,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hold the bot.
    Hold,
    /// Let it go on.
    Resume,
    /// Interrupt it.
    Interrupt,
    /// The user has taken the floor.
    TurnStarted,
    /// Answer this.
    Answer(String),
    /// The user has given the floor away.
    TurnStopped {
        /// Whether anything was said.
        spoke: bool,
    },
    /// Whether the user is listened to has changed.
    Muted(bool),
    /// Nobody has said anything for a time.
    Idle {
        /// How many times in a row.
        times: u32,
        /// The silence.
        silent_for: Duration,
        /// What is done.
        action: IdleAction,
    },
    /// Whoever owed the next move did not make it.
    Overdue {
        /// What was waited for.
        floor: Floor,
        /// How long.
        after: Duration,
    },
    /// Words came after their turn was answered; they are dropped.
    Late,
}
