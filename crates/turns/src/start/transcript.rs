//! Transcript: a turn begins when words were heard, whether or not a detector heard a voice.
//!
//! Over the bot, acknowledgements do not count.

use std::time::Instant;

use voxline_core::frame::Transcription;

use super::{Start, StartTurn};
use crate::{
    Acknowledges,
    floor::{Cue, Scene},
};

/// A turn begins when words were heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// Whether guesses count, or only finals. Default true.
    pub interims: bool,
    /// Over the bot, words the service is less sure of on average do not count. Words without a figure do. Default none.
    pub min_confidence: Option<f32>,
}

impl Default for Transcript {
    fn default() -> Self {
        Self { interims: true, min_confidence: None }
    }
}

impl Transcript {
    fn is_sure(&self, heard: &Transcription) -> bool {
        let known: Vec<_> = heard.words.iter().filter_map(|word| word.confidence).collect();
        let mean = known.iter().sum::<f32>() / known.len().max(1) as f32;
        known.is_empty() || self.min_confidence.is_none_or(|least| mean >= least)
    }
}

impl StartTurn for Transcript {
    fn handle(&mut self, _: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Start {
        let heard = match cue {
            Cue::Interim(heard) if self.interims => heard,
            Cue::Final(heard) => heard,
            _ => return Start::Pass,
        };
        if heard.text.trim().is_empty() {
            return Start::Pass;
        }
        // What the words may still become counts only as long as more may come.
        let means = match scene.acknowledges {
            Acknowledges::Yes => false,
            Acknowledges::Maybe => matches!(cue, Cue::Final(_)) && scene.settled,
            Acknowledges::No => true,
        };
        if scene.bot_has_floor() && !(means && self.is_sure(heard)) { Start::Pass } else { Start::Begin }
    }

    fn boxed(&self) -> Box<dyn StartTurn> {
        Box::new(self.clone())
    }
}
