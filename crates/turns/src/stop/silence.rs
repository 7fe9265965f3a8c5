//! Silence: the turn is over when the user has been silent for a time and words have come.
//!
//! The time counts from the true end of speech: what the detector needed to be sure is part of it. Without a
//! detector it counts from the last words. Words that are not complete are waited for a little longer.

use std::time::{Duration, Instant};

use super::{Stop, StopTurn};
use crate::floor::{Cue, Scene};

/// The turn is over after a time of silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// How long the user must be silent.
    pub after: Duration,
    /// How long after the end of speech words that are not complete are waited for. Default 1.5 s.
    pub words_within: Duration,
    /// When speech ended.
    ended: Option<Instant>,
    by_detector: bool,
    due: Option<Instant>,
}

impl Silence {
    /// After so much silence.
    #[must_use]
    pub fn new(after: Duration) -> Self {
        let words_within = Duration::from_millis(1500);
        Self { after, words_within, ended: None, by_detector: false, due: None }
    }

    fn judge(&mut self, now: Instant, scene: &Scene<'_>) -> Stop {
        self.due = None;
        let Some(ended) = self.ended.filter(|_| !scene.user_speaks) else { return Stop::Pass };
        let (silent, patient) = (ended + self.after, ended + self.words_within.max(self.after));
        if now >= silent && !scene.said.is_empty() && (scene.settled || now >= patient) {
            return Stop::Release;
        }
        self.due = [silent, patient].into_iter().find(|&at| at > now);
        Stop::Pass
    }
}

impl StopTurn for Silence {
    fn handle(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Stop {
        match cue {
            Cue::SpeechStopped(edge) => {
                self.by_detector = true;
                self.ended = Some(now.checked_sub(edge.confirmed_after).unwrap_or(now));
            }
            Cue::SpeechStarted(_) | Cue::TurnStopped => {
                (self.ended, self.due, self.by_detector) = (None, None, false);
                return Stop::Pass;
            }
            Cue::Final(_) | Cue::Interim(_) if !self.by_detector => self.ended = Some(now),
            _ => {}
        }
        self.judge(now, scene)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn handle_timeout(&mut self, now: Instant, scene: &Scene<'_>) -> Stop {
        self.judge(now, scene)
    }

    fn boxed(&self) -> Box<dyn StopTurn> {
        Box::new(self.clone())
    }
}
