//! The strategies in use, and how they are asked.

use std::time::Instant;

use super::{Cue, Scene};
use crate::{MuteUser, Question, QuestionId, Start, StartTurn, Stop, StopTurn, TurnConfig, TurnUpdate};

#[derive(Debug)]
pub(super) struct Strategies {
    start: Vec<Box<dyn StartTurn>>,
    stop: Vec<Box<dyn StopTurn>>,
    mute: Vec<Box<dyn MuteUser>>,
    /// The newest question of each strategy that has not been answered.
    asked: Vec<QuestionId>,
    questions: u64,
}

impl Strategies {
    pub(super) fn new(config: &TurnConfig) -> Self {
        Self {
            start: config.start.clone(),
            stop: config.stop.clone(),
            mute: config.mute.clone(),
            asked: Vec::new(),
            questions: 0,
        }
    }

    pub(super) fn update(&mut self, update: &TurnUpdate) {
        let TurnUpdate { start, stop, mute, .. } = update;
        start.iter().for_each(|start| self.start.clone_from(start));
        if let Some(stop) = stop {
            self.stop.clone_from(stop);
            // Their answers would reach strategies that have not asked.
            self.asked.clear();
        }
        mute.iter().for_each(|mute| self.mute.clone_from(mute));
    }

    /// Asks in order, up to the first that decides.
    pub(super) fn ask_start(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Start {
        let mut verdict = Start::Pass;
        for strategy in &mut self.start {
            match strategy.handle(now, cue, scene) {
                Start::Pass => {}
                Start::Doubt => verdict = Start::Doubt,
                last => return last,
            }
        }
        verdict
    }

    /// Asks those whose time has come.
    pub(super) fn ask_start_in_time(&mut self, now: Instant, scene: &Scene<'_>) -> Start {
        let mut verdict = Start::Pass;
        for strategy in self.start.iter_mut().filter(|strategy| is_due(strategy.poll_timeout(), now)) {
            match strategy.handle_timeout(now, scene) {
                Start::Pass => {}
                other => verdict = other,
            }
        }
        verdict
    }

    /// Asks all, so that all know.
    pub(super) fn ask_stop(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Stop {
        let asked = self.stop.iter_mut().map(|strategy| strategy.handle(now, cue, scene));
        asked.fold(Stop::Pass, either)
    }

    /// Asks those whose time has come.
    pub(super) fn ask_stop_in_time(&mut self, now: Instant, scene: &Scene<'_>) -> Stop {
        let due = self.stop.iter_mut().filter(|strategy| is_due(strategy.poll_timeout(), now));
        due.map(|strategy| strategy.handle_timeout(now, scene)).fold(Stop::Pass, either)
    }

    /// What is to be asked of a model.
    pub(super) fn poll_question(&mut self) -> Option<(QuestionId, Question)> {
        let mut polled = self.stop.iter_mut().enumerate();
        let (strategy, question) = polled.find_map(|(index, stop)| Some((index, stop.poll_question()?)))?;
        self.questions += 1;
        let id = QuestionId { strategy, number: self.questions };
        self.asked.retain(|earlier| earlier.strategy != strategy);
        self.asked.push(id);
        Some((id, question))
    }

    /// Gives an answer to whoever asked, if it is still awaited.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        id: QuestionId,
        likelihood: Option<f32>,
        scene: &Scene<'_>,
    ) -> Stop {
        let Some(index) = self.asked.iter().position(|&asked| asked == id) else { return Stop::Pass };
        self.asked.remove(index);
        let strategy = self.stop.get_mut(id.strategy);
        strategy.map_or(Stop::Pass, |strategy| strategy.handle_verdict(now, likelihood, scene))
    }

    /// Tells of something that is not to be decided on.
    pub(super) fn tell(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) {
        for strategy in &mut self.start {
            strategy.handle(now, cue, scene);
        }
        for strategy in &mut self.stop {
            strategy.handle(now, cue, scene);
        }
    }

    pub(super) fn hear(&mut self, now: Instant, audio: &Cue<'_>, scene: &Scene<'_>) {
        for strategy in self.stop.iter_mut().filter(|strategy| strategy.wants_audio()) {
            strategy.handle(now, audio, scene);
        }
    }

    /// Whether anybody mutes the user. All are asked, so that all know.
    pub(super) fn is_muted(&mut self, now: Instant, cue: Option<&Cue<'_>>, scene: &Scene<'_>) -> bool {
        let muting = self.mute.iter_mut().map(|strategy| strategy.is_muted(now, cue, scene));
        muting.filter(|&muted| muted).count() > 0
    }

    pub(super) fn wants_audio(&self) -> bool {
        self.stop.iter().any(|strategy| strategy.wants_audio())
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let start = self.start.iter().filter_map(|strategy| strategy.poll_timeout());
        start.chain(self.stop.iter().filter_map(|strategy| strategy.poll_timeout())).min()
    }
}

fn either(one: Stop, other: Stop) -> Stop {
    if one == Stop::Release { one } else { other }
}

fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}
