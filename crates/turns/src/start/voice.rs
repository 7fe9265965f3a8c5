//! Voice: a turn begins when somebody begins to speak.
//!
//! Over the bot a voice alone may be a cough or a "mm-hm". So it casts doubt first (the bot is held), and counts
//! once it has lasted for `confirm_after`, or sooner when another strategy finds words.

use std::time::{Duration, Instant};

use super::{Start, StartTurn};
use crate::{
    Acknowledges,
    floor::{Cue, Scene},
};

/// A turn begins when somebody begins to speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// How long a voice over the bot must last to count by itself. Zero: at once. Default 1.5 s.
    pub confirm_after: Duration,
    /// A voice so soon after the bot has begun to speak does not count: echo that has not been learnt. Default 0.
    pub grace: Duration,
    due: Option<Instant>,
}

impl Default for Voice {
    fn default() -> Self {
        Self { confirm_after: Duration::from_millis(1500), grace: Duration::ZERO, due: None }
    }
}

impl Voice {
    /// A voice over the bot counts at once, whatever it says.
    #[must_use]
    pub fn at_once() -> Self {
        Self { confirm_after: Duration::ZERO, ..Self::default() }
    }

    /// With another time a voice over the bot must last.
    #[must_use]
    pub fn confirm_after(mut self, lasts: Duration) -> Self {
        self.confirm_after = lasts;
        self
    }

    /// With a time after the bot's beginning in which a voice does not count.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

impl StartTurn for Voice {
    fn handle(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Start {
        match cue {
            Cue::SpeechStarted(_) if !scene.bot_has_floor() => Start::Begin,
            Cue::SpeechStarted(_) if scene.bot_speaks_for(now).is_some_and(|time| time < self.grace) => {
                Start::Pass
            }
            Cue::SpeechStarted(edge) => {
                // Part of it has passed before it was known.
                let left = self.confirm_after.saturating_sub(edge.confirmed_after);
                if left.is_zero() {
                    return Start::Begin;
                }
                self.due = Some(now + left);
                Start::Doubt
            }
            Cue::SpeechStopped(_) | Cue::TurnStarted => {
                self.due = None;
                Start::Pass
            }
            _ => Start::Pass,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn handle_timeout(&mut self, now: Instant, scene: &Scene<'_>) -> Start {
        match self.due.take_if(|due| *due <= now) {
            // Whoever says "okay, okay" at length still listens; the deadline of doubts has the last word.
            Some(_) if scene.user_speaks && scene.acknowledges != Acknowledges::Yes => Start::Begin,
            _ => Start::Pass,
        }
    }

    fn boxed(&self) -> Box<dyn StartTurn> {
        Box::new(self.clone())
    }
}
