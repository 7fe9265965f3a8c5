//! Who has the floor: the decisions, without a pipeline.
//!
//! [`Turns`] takes what happened and says what is to be done: `(now, input) → steps`. It asks the strategies of the
//! [`TurnConfig`](crate::TurnConfig), joins transcripts into turns, and keeps "someone owes the next move" as an
//! explicit state, [`Floor`], which is never without a timer.
//!
//! - `cue`: what strategies hear of, and what they see.
//! - `said`: the words of a turn.
//! - `facts`: what is known of both sides. `strategies`: those in use, and how they are asked.
//! - `turns`: the machine. `step`: what it takes and gives. `watch`: how long a state has lasted.

mod cue;
mod facts;
mod said;
mod step;
mod strategies;
#[cfg(test)]
mod tests;
mod turns;
mod watch;

use std::time::Duration;

pub use cue::{Bot, Cue, Scene};
pub use step::{Input, Step};
pub use turns::Turns;

/// Who owes the next move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Floor {
    /// The user may speak; nobody does.
    Open,
    /// Somebody spoke over the bot; whether it is meant is not known yet. The bot is held.
    Doubt,
    /// The user has the floor and speaks.
    User,
    /// The user has the floor and is silent: words, or the end of the turn, are awaited.
    Pause,
    /// The turn is over; what was heard of the bot before it is awaited.
    Settling,
    /// The bot owes an answer.
    Bot,
    /// Tools are running.
    Tools,
    /// The bot speaks.
    BotSpeaks,
}

/// How long each state may last. There is none without a limit; an open floor has that of its idle step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Doubt: then it is an interruption if somebody still speaks, else it is none. Default 4 s.
    pub doubt: Duration,
    /// The user speaks, and no word and no edge comes: then the user counts as silent. Default 60 s.
    pub user: Duration,
    /// The user is silent, and no strategy ends the turn: then it ends with what there is. Default 5 s.
    pub pause: Duration,
    /// The bot was cut, and the output does not say how much was heard. Default 250 ms.
    pub settling: Duration,
    /// The bot owes an answer: then that is reported, and the floor is open. Default 30 s.
    pub answer: Duration,
    /// Tools are running: as for an answer. Default 120 s.
    pub tools: Duration,
    /// The bot speaks one answer: as for an answer. Default 15 minutes.
    pub speech: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            doubt: Duration::from_secs(4),
            user: Duration::from_secs(60),
            pause: Duration::from_secs(5),
            settling: Duration::from_millis(250),
            answer: Duration::from_secs(30),
            tools: Duration::from_secs(120),
            speech: Duration::from_secs(15 * 60),
        }
    }
}

impl Deadlines {
    /// How long a state may last; an open floor has none here.
    #[must_use]
    pub fn of(&self, floor: Floor) -> Option<Duration> {
        Some(match floor {
            Floor::Open => return None,
            Floor::Doubt => self.doubt,
            Floor::User => self.user,
            Floor::Pause => self.pause,
            Floor::Settling => self.settling,
            Floor::Bot => self.answer,
            Floor::Tools => self.tools,
            Floor::BotSpeaks => self.speech,
        })
    }
}
