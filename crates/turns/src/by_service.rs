//! Turns as a service decides them, and strategies that stand back when it does.
//!
//! [`ByService`] begins and ends turns when the speech-to-text service says so. [`UnlessByService`] is any other strategy, until
//! a service recommends itself ([`ServiceTurn::Decides`]). The defaults are made of both, so that a recommendation
//! holds where the application has set no strategies of its own, and nowhere else.

use std::time::Instant;

use voxline_core::service::ServiceTurn;

use crate::{
    Question, Start, StartTurn, Stop, StopTurn,
    floor::{Cue, Scene},
};

/// A turn begins and ends when the service says so. Its end waits for its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByService {
    ended: bool,
}

impl StartTurn for ByService {
    fn handle(&mut self, _: Instant, cue: &Cue<'_>, _: &Scene<'_>) -> Start {
        if matches!(cue, Cue::ServiceTurn(ServiceTurn::Started)) { Start::Begin } else { Start::Pass }
    }

    fn boxed(&self) -> Box<dyn StartTurn> {
        Box::new(self.clone())
    }
}

impl StopTurn for ByService {
    fn handle(&mut self, _: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Stop {
        match cue {
            Cue::ServiceTurn(ServiceTurn::Ended) => self.ended = true,
            Cue::ServiceTurn(ServiceTurn::Started) | Cue::TurnStopped => self.ended = false,
            _ => {}
        }
        let over = self.ended && scene.settled && !scene.said.is_empty() && !scene.user_speaks;
        if over { Stop::Release } else { Stop::Pass }
    }

    fn boxed(&self) -> Box<dyn StopTurn> {
        Box::new(self.clone())
    }
}

/// This strategy, until a service decides on turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlessByService<S> {
    strategy: S,
    stands_back: bool,
}

impl<S> UnlessByService<S> {
    /// This strategy.
    pub fn new(strategy: S) -> Self {
        Self { strategy, stands_back: false }
    }

    fn stands_back(&mut self, cue: &Cue<'_>) -> bool {
        self.stands_back |= matches!(cue, Cue::ServiceTurn(ServiceTurn::Decides));
        self.stands_back
    }
}

impl<S: StartTurn + Clone> StartTurn for UnlessByService<S> {
    fn handle(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Start {
        if self.stands_back(cue) { Start::Pass } else { self.strategy.handle(now, cue, scene) }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.strategy.poll_timeout().filter(|_| !self.stands_back)
    }

    fn handle_timeout(&mut self, now: Instant, scene: &Scene<'_>) -> Start {
        self.strategy.handle_timeout(now, scene)
    }

    fn boxed(&self) -> Box<dyn StartTurn> {
        Box::new(self.clone())
    }
}

impl<S: StopTurn + Clone> StopTurn for UnlessByService<S> {
    fn handle(&mut self, now: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Stop {
        if self.stands_back(cue) { Stop::Pass } else { self.strategy.handle(now, cue, scene) }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.strategy.poll_timeout().filter(|_| !self.stands_back)
    }

    fn handle_timeout(&mut self, now: Instant, scene: &Scene<'_>) -> Stop {
        self.strategy.handle_timeout(now, scene)
    }

    fn poll_question(&mut self) -> Option<Question> {
        self.strategy.poll_question().filter(|_| !self.stands_back)
    }

    fn handle_verdict(&mut self, now: Instant, likelihood: Option<f32>, scene: &Scene<'_>) -> Stop {
        if self.stands_back { Stop::Pass } else { self.strategy.handle_verdict(now, likelihood, scene) }
    }

    fn wants_audio(&self) -> bool {
        self.strategy.wants_audio() && !self.stands_back
    }

    fn boxed(&self) -> Box<dyn StopTurn> {
        Box::new(self.clone())
    }
}
