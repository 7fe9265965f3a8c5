//! Minimum words: over the bot, a turn begins with so many words of one utterance; otherwise with the first.

use std::time::Instant;

use super::{Start, StartTurn};
use crate::{
    Acknowledges, count_words,
    floor::{Cue, Scene},
};

/// Over the bot, so many words of one utterance begin a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinWords {
    /// How many.
    pub words: usize,
    /// Whether guesses count, or only finals.
    pub interims: bool,
}

impl MinWords {
    /// Over the bot, so many words begin a turn; guesses count.
    #[must_use]
    pub fn new(words: usize) -> Self {
        Self { words, interims: true }
    }
}

impl StartTurn for MinWords {
    fn handle(&mut self, _: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Start {
        let counts = matches!(cue, Cue::Final(_)) || self.interims && matches!(cue, Cue::Interim(_));
        let needed = if scene.bot_has_floor() { self.words.max(1) } else { 1 };
        let enough = count_words(scene.utterance) >= needed;
        // What the words may still become counts only as long as more may come.
        let acknowledges = match scene.acknowledges {
            Acknowledges::Yes => true,
            Acknowledges::Maybe => !(matches!(cue, Cue::Final(_)) && scene.settled),
            Acknowledges::No => false,
        };
        if counts && enough && !(scene.bot_has_floor() && acknowledges) { Start::Begin } else { Start::Pass }
    }

    fn boxed(&self) -> Box<dyn StartTurn> {
        Box::new(self.clone())
    }
}
