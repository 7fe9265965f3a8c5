//! Wake phrase: nobody is listened to until one of the phrases was said.
//!
//! Stands before the other strategies. Only finals count; case and punctuation do not; words gather over several
//! finals, the newest [`KEPT`] of them. Once awake it stays so while somebody speaks, and for a time after.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Start, StartTurn};
use crate::{
    floor::{Cue, Scene},
    words::plain_words,
};

/// Words that are looked through for a phrase.
const KEPT: usize = 40;

/// Nobody is listened to until one of the phrases was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WakePhrase {
    phrases: Vec<Vec<String>>,
    window: Duration,
    once: bool,
    heard: VecDeque<String>,
    awake_until: Option<Instant>,
}

impl WakePhrase {
    /// One of these phrases wakes, for 10 s after the last sign of somebody.
    pub fn new<T: AsRef<str>>(phrases: impl IntoIterator<Item = T>) -> Self {
        let phrases = phrases.into_iter().map(|phrase| plain_words(phrase.as_ref()));
        Self {
            phrases: phrases.filter(|words| !words.is_empty()).collect(),
            window: Duration::from_secs(10),
            once: false,
            heard: VecDeque::new(),
            awake_until: None,
        }
    }

    /// Awake for so long after the last sign of somebody.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Asleep again after each turn.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    fn hear(&mut self, text: &str) -> bool {
        self.heard.extend(plain_words(text));
        while self.heard.len() > KEPT {
            self.heard.pop_front();
        }
        let words = self.heard.make_contiguous();
        let said = self.phrases.iter().any(|phrase| words.windows(phrase.len()).any(|some| some == phrase));
        if said {
            self.heard.clear();
        }
        said
    }
}

impl StartTurn for WakePhrase {
    fn handle(&mut self, now: Instant, cue: &Cue<'_>, _: &Scene<'_>) -> Start {
        if matches!(cue, Cue::TurnStopped) && self.once {
            self.awake_until = None;
        }
        if self.awake_until.is_some_and(|until| now < until) {
            if !matches!(cue, Cue::Audio { .. }) {
                self.awake_until = Some(now + self.window);
            }
            return Start::Pass;
        }
        match cue {
            Cue::Final(heard) if self.hear(&heard.text) => {
                self.awake_until = Some(now + self.window);
                Start::Begin
            }
            _ => Start::Deny,
        }
    }

    fn boxed(&self) -> Box<dyn StartTurn> {
        Box::new(self.clone())
    }
}
