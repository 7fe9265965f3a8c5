//! Model: whether the turn is over is asked of a model when the user falls silent.
//!
//! The model hears the last seconds of the turn and reads its words. Complete: the turn ends with the complete
//! words. Not complete: the user is waited for, at most for a time of silence. Audio kept: before speech only
//! a lead-in, in all the newest [`Model::AUDIO`]; forgotten when the turn stops, not when it starts.
//!
//! It is asked beside the line, by a [`Question`], so that nothing waits for it. Promises: 1. each pause asks once;
//! 2. a verdict counts only for the pause it was asked in; 3. a model that fails or is late takes no part: then the
//! turn ends with its complete words, as without it.

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Question, Stop, StopTurn};
use crate::{
    floor::{Cue, Scene},
    words::join,
};

/// What a model judges.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The newest audio of the turn, its lead-in and the silence after it included.
    pub samples: &'a [i16],
    /// Samples a second.
    pub rate: u32,
    /// The words of the turn so far, a last guess among them.
    pub text: &'a str,
}

/// A model of the ends of turns. It keeps nothing between calls, so that sessions can share it.
pub trait EndOfTurn: Send + Sync + 'static {
    /// How likely it is that the turn is over, 0 to 1. Called once a pause, on a thread where it may compute and
    /// block; what it says after [`Model::within`] is not waited for. It must return in the end: a thread cannot be
    /// stopped, and a runtime that is dropped waits for it.
    fn judge(&self, heard: &Heard<'_>) -> f32;
}

impl<F: Fn(&Heard<'_>) -> f32 + Send + Sync + 'static> EndOfTurn for F {
    fn judge(&self, heard: &Heard<'_>) -> f32 {
        self(heard)
    }
}

/// Whether the turn is over is asked of a model.
#[derive(Clone)]
pub struct Model {
    model: Arc<dyn EndOfTurn>,
    /// From this likelihood on the turn counts as over. Default 0.5.
    pub threshold: f32,
    /// Silence after which the turn is over, whatever the model said. Default 3 s.
    pub silence: Duration,
    /// How long the model may take. Default 500 ms.
    pub within: Duration,
    /// Audio kept before speech is known. What the detector needs to know it is part of that, so it must be longer than
    /// the detector's start window, or the onset is not heard. Default 900 ms.
    pub lead_in: Duration,
    audio: VecDeque<i16>,
    rate: u32,
    heard_speech: bool,
    /// Since when the user is silent.
    silent: Option<Instant>,
    /// What is to be asked in this pause.
    question: Option<Question>,
    /// The verdict of this pause has not come.
    asked: bool,
    complete: bool,
}

impl Model {
    /// The audio a model is given at most.
    pub const AUDIO: Duration = Duration::from_secs(8);

    /// Asks this model.
    pub fn new(model: impl EndOfTurn) -> Self {
        Self {
            model: Arc::new(model),
            threshold: 0.5,
            silence: Duration::from_secs(3),
            within: Duration::from_millis(500),
            lead_in: Duration::from_millis(900),
            audio: VecDeque::new(),
            rate: 0,
            heard_speech: false,
            silent: None,
            question: None,
            asked: false,
            complete: false,
        }
    }

    fn hear(&mut self, samples: &[i16], rate: u32) {
        if rate != self.rate {
            self.audio.clear();
            self.rate = rate;
        }
        self.audio.extend(samples);
        let kept = if self.heard_speech { Self::AUDIO } else { self.lead_in };
        let kept = (kept.as_millis() * u128::from(rate) / 1000) as usize;
        self.audio.drain(..self.audio.len().saturating_sub(kept));
    }

    /// Forgets the pause, and what was asked in it.
    fn forget_pause(&mut self) {
        (self.silent, self.question, self.asked, self.complete) = (None, None, false, false);
    }

    fn ask(&mut self, scene: &Scene<'_>) {
        let mut text = scene.said.to_owned();
        join(&mut text, scene.guess);
        let samples = &*self.audio.make_contiguous();
        self.question = Some(Question {
            model: self.model.clone(),
            samples: samples.into(),
            rate: self.rate,
            text,
            within: self.within,
        });
        (self.asked, self.complete) = (true, false);
    }

    fn release(&mut self, now: Instant, scene: &Scene<'_>) -> Stop {
        let long = self.silent.is_some_and(|since| now >= since + self.silence);
        let over = self.complete && scene.settled || long;
        if over && !scene.user_speaks && !scene.said.is_empty() { Stop::Release } else { Stop::Pass }
    }
}

impl StopTurn for Model {
    fn handle(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Stop {
        match cue {
            Cue::Audio { samples, rate } => {
                self.hear(samples, *rate);
                return Stop::Pass;
            }
            Cue::SpeechStarted(_) => {
                self.forget_pause();
                self.heard_speech = true;
            }
            Cue::SpeechStopped(edge) => {
                self.silent = Some(now.checked_sub(edge.confirmed_after).unwrap_or(now));
                self.ask(scene);
            }
            // Nothing was detected, but words came: they are complete when the service says so.
            Cue::Final(_) if self.silent.is_none() && !scene.user_speaks => self.complete = true,
            Cue::TurnStopped => {
                self.audio.clear();
                self.forget_pause();
                self.heard_speech = false;
                return Stop::Pass;
            }
            _ => {}
        }
        self.release(now, scene)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.silent.map(|since| since + self.silence)
    }

    fn handle_timeout(&mut self, now: Instant, scene: &Scene<'_>) -> Stop {
        let stop = self.release(now, scene);
        if self.silent.is_some_and(|since| now >= since + self.silence) {
            // The silence counts once; what comes after it is for the deadline of pauses.
            self.complete = true;
            self.silent = None;
        }
        stop
    }

    fn poll_question(&mut self) -> Option<Question> {
        self.question.take()
    }

    fn handle_verdict(&mut self, now: Instant, likelihood: Option<f32>, scene: &Scene<'_>) -> Stop {
        if !std::mem::take(&mut self.asked) {
            return Stop::Pass;
        }
        self.complete = likelihood.is_none_or(|likelihood| likelihood >= self.threshold);
        self.release(now, scene)
    }

    fn wants_audio(&self) -> bool {
        true
    }

    fn boxed(&self) -> Box<dyn StopTurn> {
        Box::new(self.clone())
    }
}

impl fmt::Debug for Heard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heard({} samples, {} bytes)", self.samples.len(), self.text.len())
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model(threshold {}, {} samples)", self.threshold, self.audio.len())
    }
}
