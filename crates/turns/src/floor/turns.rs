//! The machine of turns: strategies are asked, the floor is watched.
//!
//! Pure: `(now, input) → steps`. After [`handle`](Turns::handle) or [`handle_timeout`](Turns::handle_timeout), poll
//! steps until there is none, and call `handle_timeout` at [`poll_timeout`](Turns::poll_timeout), which is never none.
//!
//! Promises: 1. turns begin and end alternately, each with one answer if anything was said in it; 2. a turn never
//! ends while the user speaks; 3. what is held is resumed or interrupted; 4. every state ends at its deadline.

use std::{collections::VecDeque, time::Instant};

use voxline_core::{frame::EdgeSource, service::ServiceTurn};

use super::{
    Bot, Cue, Deadlines, Floor, Input, Scene, Step, facts::Facts, said::Said, strategies::Strategies,
    watch::Watch,
};
use crate::{Backchannels, BotProgress, Idle, Question, QuestionId, Start, Stop, TurnConfig, TurnUpdate};

/// Who has the floor.
#[derive(Debug)]
pub struct Turns {
    strategies: Strategies,
    backchannels: Backchannels,
    idle: Idle,
    deadlines: Deadlines,
    facts: Facts,
    said: Said,
    /// A service decides on turns.
    recommended: bool,
    muted: bool,
    doubt: bool,
    /// The turn is over, and its answer waits for what was heard of the bot; whether a last guess counts.
    settling: Option<bool>,
    watch: Watch,
    idle_times: u32,
    steps: VecDeque<Step>,
}

impl Turns {
    /// Begins with an open floor.
    #[must_use]
    pub fn new(now: Instant, config: &TurnConfig) -> Self {
        let mut turns = Self {
            strategies: Strategies::new(config),
            backchannels: config.backchannels.clone(),
            idle: config.idle.clone(),
            deadlines: config.deadlines,
            facts: Facts::default(),
            said: Said::default(),
            recommended: false,
            muted: false,
            doubt: false,
            settling: None,
            watch: Watch::new(now, config.idle.step(0).after),
            idle_times: 0,
            steps: VecDeque::new(),
        };
        turns.mute(now, None);
        turns
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        let before = self.watch.floor();
        match input {
            Input::User(Cue::Audio { samples, rate }) => return self.hear(now, samples, rate),
            Input::User(Cue::ServiceTurn(ServiceTurn::Decides)) => {
                self.recommended = true;
                self.tell(now, &Cue::ServiceTurn(ServiceTurn::Decides));
            }
            Input::User(cue) => self.handle_user(now, &cue),
            Input::BotStarted => {
                self.facts.playing = Some(now);
                self.facts.unspoken = false;
                self.tell(now, &Cue::BotStarted);
            }
            Input::BotStopped => self.bot_stopped(now),
            Input::Progress(progress) => self.progress(now, progress),
            Input::Interrupted => {
                self.facts.cut();
                self.doubt = false;
                self.mute(now, None);
            }
        }
        // A sign of life of whoever owes the move counts as its beginning.
        let lives = match (before, input) {
            (Floor::User | Floor::Pause, Input::User(cue)) => !cue.is_blank(),
            (Floor::Bot | Floor::Tools, Input::Progress(_)) | (Floor::BotSpeaks, Input::BotStarted) => true,
            _ => false,
        };
        self.watch(now, lives);
    }

    /// Call when the time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.ask_start(now, |strategies, scene| strategies.ask_start_in_time(now, scene));
        self.ask_stop(now, |strategies, scene| strategies.ask_stop_in_time(now, scene));
        self.watch(now, false);
        if self.watch.due() <= now {
            self.overdue(now);
            self.watch(now, true);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let due = self.watch.due();
        self.strategies.poll_timeout().map_or(due, |at| at.min(due))
    }

    /// The next thing to do.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// The next question to a model, to be answered beside the line, by [`handle_verdict`](Self::handle_verdict).
    /// Poll it when there is no more step.
    pub fn poll_question(&mut self) -> Option<(QuestionId, Question)> {
        self.strategies.poll_question()
    }

    /// Takes the answer to a question: a likelihood, or `None` if there is none. What is no longer asked counts for
    /// nothing.
    pub fn handle_verdict(&mut self, now: Instant, id: QuestionId, likelihood: Option<f32>) {
        self.ask_stop(now, |strategies, scene| strategies.answer(now, id, likelihood, scene));
        self.watch(now, false);
    }

    /// Changes how turns are taken.
    pub fn update(&mut self, now: Instant, update: &TurnUpdate) {
        self.strategies.update(update);
        if self.recommended {
            self.tell(now, &Cue::ServiceTurn(ServiceTurn::Decides));
        }
        let TurnUpdate { backchannels, idle, deadlines, .. } = update.clone();
        backchannels.into_iter().for_each(|set| self.backchannels = set);
        deadlines.into_iter().for_each(|deadlines| self.deadlines = deadlines);
        if let Some(idle) = idle {
            self.idle = idle;
            self.idle_times = 0;
        }
        self.mute(now, None);
        self.watch(now, true);
    }

    /// No more input will come: what was said is answered, what is held goes on.
    pub fn finish(&mut self, now: Instant) {
        self.facts.user_speaks = false;
        self.resume();
        if self.facts.turn_open {
            self.facts.cut = false;
            self.release(now, true);
        }
        self.watch(now, false);
    }

    /// Who owes the next move.
    #[must_use]
    pub fn floor(&self) -> Floor {
        self.watch.floor()
    }

    /// Whether the user is not listened to.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.muted
    }

    /// Whether anybody wants [`Cue::Audio`].
    #[must_use]
    pub fn wants_audio(&self) -> bool {
        self.strategies.wants_audio()
    }

    fn handle_user(&mut self, now: Instant, cue: &Cue<'_>) {
        if !self.note(cue) {
            return;
        }
        if !self.muted {
            self.ask_start(now, |strategies, scene| strategies.ask_start(now, cue, scene));
            self.ask_stop(now, |strategies, scene| strategies.ask_stop(now, cue, scene));
            self.conclude(now);
        }
        self.mute(now, Some(cue));
    }

    /// Notes what a cue of the user says. Says whether it counts.
    fn note(&mut self, cue: &Cue<'_>) -> bool {
        match cue {
            Cue::SpeechStarted(edge) | Cue::SpeechStopped(edge) => {
                let by_detector = edge.source == EdgeSource::Vad;
                self.facts.detector |= by_detector;
                if !by_detector && self.facts.detector {
                    return false;
                }
                let started = matches!(cue, Cue::SpeechStarted(_));
                if started {
                    self.said.begin_utterance(by_detector);
                    // Whoever goes on speaking has not finished.
                    self.settling = self.settling.filter(|_| self.muted);
                }
                self.facts.user_speaks = started && !self.muted;
                true
            }
            Cue::Interim(guess) => self.muted || self.said.guess(guess),
            Cue::Final(heard) if !self.muted => {
                let counts = self.said.add(heard);
                if !counts && !heard.text.is_empty() {
                    self.steps.push_back(Step::Late);
                }
                counts
            }
            _ => true,
        }
    }

    fn ask_start(&mut self, now: Instant, ask: impl FnOnce(&mut Strategies, &Scene<'_>) -> Start) {
        let scene = self.facts.scene(&self.said, &self.backchannels);
        let verdict = ask(&mut self.strategies, &scene);
        self.started(now, verdict);
    }

    fn started(&mut self, now: Instant, verdict: Start) {
        if self.facts.turn_open || self.muted {
            return;
        }
        match verdict {
            Start::Begin => self.begin(now),
            Start::Doubt if self.facts.bot() == Bot::Silent => self.begin(now),
            Start::Doubt if !self.doubt => {
                self.doubt = true;
                self.steps.push_back(Step::Hold);
            }
            _ => {}
        }
    }

    fn begin(&mut self, now: Instant) {
        if self.facts.bot() == Bot::Silent {
            self.resume();
        } else {
            self.steps.push_back(Step::Interrupt);
            self.facts.cut();
            self.doubt = false;
        }
        self.facts.turn_open = true;
        self.idle_times = 0;
        self.steps.push_back(Step::TurnStarted);
        self.tell(now, &Cue::TurnStarted);
    }

    fn ask_stop(&mut self, now: Instant, ask: impl FnOnce(&mut Strategies, &Scene<'_>) -> Stop) {
        let scene = self.facts.scene(&self.said, &self.backchannels);
        let verdict = ask(&mut self.strategies, &scene);
        self.stopped(now, verdict);
    }

    fn stopped(&mut self, now: Instant, verdict: Stop) {
        let open = self.facts.turn_open && !self.facts.user_speaks && self.settling.is_none();
        if verdict == Stop::Release && open {
            self.release(now, false);
        }
    }

    /// What follows from words that are complete.
    fn conclude(&mut self, now: Instant) {
        if !self.said.is_settled() || self.facts.user_speaks || self.settling.is_some() {
            return;
        }
        if !self.facts.turn_open {
            // They meant nothing, or nobody may speak now.
            self.resume();
            self.said.take(false);
        } else if self.said.text().is_empty() {
            self.release(now, false);
        }
    }

    fn release(&mut self, now: Instant, guess: bool) {
        if self.facts.cut {
            self.settling = Some(guess);
            return;
        }
        self.settling = None;
        let text = self.said.take(guess);
        self.facts.turn_open = false;
        let spoke = !text.is_empty();
        if spoke {
            self.facts.owes = true;
            self.steps.push_back(Step::Answer(text));
        }
        self.steps.push_back(Step::TurnStopped { spoke });
        self.tell(now, &Cue::TurnStopped);
    }

    fn resume(&mut self) {
        if std::mem::take(&mut self.doubt) {
            self.steps.push_back(Step::Resume);
        }
    }

    fn bot_stopped(&mut self, now: Instant) {
        self.facts.playing = None;
        self.facts.cut = false;
        self.facts.bot_turns += 1;
        self.tell(now, &Cue::BotStopped);
        if let Some(guess) = self.settling {
            self.release(now, guess);
        }
        if self.doubt && self.facts.bot() == Bot::Silent {
            // There is nothing left to interrupt.
            match self.facts.user_speaks {
                true => self.begin(now),
                false => self.resume(),
            }
        }
    }

    fn progress(&mut self, now: Instant, progress: BotProgress) {
        match progress {
            BotProgress::Asked => {
                self.facts.owes = true;
                self.mute(now, None);
            }
            BotProgress::Ended { speaks } => {
                self.facts.owes = false;
                self.facts.unspoken = speaks && self.facts.playing.is_none();
                // An answer of nothing is over, too: who waits for the bot's first must not wait for ever.
                self.facts.bot_turns += u32::from(!speaks && self.facts.tools == 0);
                self.mute(now, None);
            }
            BotProgress::Tools { running } => {
                self.facts.tools = running;
                self.tell(now, &Cue::Tools);
            }
        }
    }

    fn hear(&mut self, now: Instant, samples: &[i16], rate: u32) {
        let scene = self.facts.scene(&self.said, &self.backchannels);
        self.strategies.hear(now, &Cue::Audio { samples, rate }, &scene);
    }

    /// Tells all strategies of something that is not for them to decide on.
    fn tell(&mut self, now: Instant, cue: &Cue<'_>) {
        let scene = self.facts.scene(&self.said, &self.backchannels);
        self.strategies.tell(now, cue, &scene);
        self.mute(now, Some(cue));
    }

    fn mute(&mut self, now: Instant, cue: Option<&Cue<'_>>) {
        let scene = self.facts.scene(&self.said, &self.backchannels);
        let muted = self.strategies.is_muted(now, cue, &scene);
        if muted == std::mem::replace(&mut self.muted, muted) {
            return;
        }
        self.steps.push_back(Step::Muted(muted));
        if muted {
            self.facts.user_speaks = false;
            self.resume();
            if self.facts.turn_open && self.settling.is_none() {
                self.release(now, true);
            }
        }
    }

    /// Sees who owes the next move now, and until when.
    fn watch(&mut self, now: Instant, anew: bool) {
        let floor = self.facts.floor(self.settling.is_some(), self.doubt);
        let lasts = || self.deadlines.of(floor).unwrap_or_else(|| self.idle.step(self.idle_times).after);
        self.watch.see(now, floor, anew, lasts);
    }

    /// The state has lasted as long as it may.
    fn overdue(&mut self, now: Instant) {
        let (floor, after) = (self.watch.floor(), self.watch.lasted(now));
        match floor {
            Floor::Open => {
                let action = self.idle.step(self.idle_times).action;
                self.idle_times = self.idle_times.saturating_add(1);
                let times = self.idle_times;
                self.steps.push_back(Step::Idle { times, silent_for: after, action });
                return;
            }
            Floor::Doubt if self.facts.user_speaks => return self.begin(now),
            Floor::Doubt => {
                self.resume();
                self.said.take(false);
                return;
            }
            Floor::User => self.facts.user_speaks = false,
            Floor::Pause => return self.release(now, true),
            Floor::Settling => {
                self.facts.cut = false;
                let guess = self.settling.unwrap_or_default();
                return self.release(now, guess);
            }
            Floor::Bot => {
                (self.facts.owes, self.facts.unspoken) = (false, false);
                self.facts.bot_turns += 1;
            }
            Floor::Tools => self.facts.tools = 0,
            Floor::BotSpeaks => self.facts.playing = None,
        }
        // What never came must not keep the user muted.
        self.mute(now, None);
        self.steps.push_back(Step::Overdue { floor, after });
    }
}
