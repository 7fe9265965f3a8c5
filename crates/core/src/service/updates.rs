//! Settings updates on their way through a service stage: whom they aim at, and that each is answered.

use std::time::{Duration, Instant};

use super::ServiceName;
use crate::{
    frame::{FrameId, Payload, Rejected, ServiceTarget, SettingsAnswer, SettingsUpdate, UpdateId},
    pipeline::Context,
    processor::Timer,
};

/// How long a service may take to answer an update before the stage answers for it.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// The updates a service has not answered yet.
#[derive(Debug)]
pub(super) struct Updates {
    timer: Timer,
    open: Vec<(UpdateId, Instant)>,
}

impl Updates {
    /// Uses `timer` of the stage.
    pub(super) fn new(timer: Timer) -> Self {
        Self { timer, open: Vec::new() }
    }

    /// Whether an update aims at the service of this name, and whether others may want it too.
    pub(super) fn aims_at(target: &ServiceTarget, name: &ServiceName) -> (bool, bool) {
        match target {
            ServiceTarget::All => (true, true),
            ServiceTarget::Named(named) => (named == name, named != name),
        }
    }

    /// Takes an update on its way: what of it is for a service that runs, and whether the frame goes on to
    /// others. For a service that is gone it is answered here.
    pub(super) fn take<D: Clone>(
        &mut self,
        id: FrameId,
        update: &SettingsUpdate<D>,
        (service, runs): (&ServiceName, bool),
        ctx: &mut Context<'_>,
    ) -> (Option<(UpdateId, D)>, bool) {
        let (mine, others) = Self::aims_at(&update.target, service);
        let id = UpdateId(id.0);
        if mine && !runs {
            self.refuse(id, service, "the service has stopped", ctx);
        }
        if !mine || !runs {
            return (None, others);
        }
        let due = ctx.now() + ANSWER_DEADLINE;
        self.open.push((id, due));
        ctx.set_timer(self.timer, self.open[0].1);
        (Some((id, update.delta.clone())), others)
    }

    /// Passes the service's answer on, both ways; not if the update has been answered for it.
    pub(super) fn answered(&mut self, answer: Box<SettingsAnswer>, ctx: &mut Context<'_>) {
        let asked = self.open.len();
        self.open.retain(|&(update, _)| update != answer.update);
        if self.open.len() < asked {
            ctx.broadcast(Payload::SettingsAnswered(answer));
        }
    }

    /// Answers what the service has not answered in time.
    pub(super) fn expire(&mut self, service: &ServiceName, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let late = self.open.iter().filter(|&&(_, due)| due <= now).map(|&(update, _)| update);
        for update in late.collect::<Vec<_>>() {
            self.open.retain(|&(open, _)| open != update);
            self.refuse(update, service, "the service did not answer within 5 s", ctx);
        }
        if let Some(&(_, due)) = self.open.first() {
            ctx.set_timer(self.timer, due);
        }
    }

    /// Answers for a service that is gone.
    pub(super) fn refuse_all(&mut self, service: &ServiceName, ctx: &mut Context<'_>) {
        for (update, _) in std::mem::take(&mut self.open) {
            self.refuse(update, service, "the service has stopped", ctx);
        }
    }

    /// Answers an update that the service cannot answer.
    fn refuse(&self, update: UpdateId, service: &ServiceName, reason: &str, ctx: &mut Context<'_>) {
        let rejected = vec![Rejected { field: "*", reason: reason.into() }];
        let answer = SettingsAnswer {
            update,
            service: service.clone(),
            changed: Vec::new(),
            rejected,
            warnings: Vec::new(),
            reconnected: false,
        };
        ctx.broadcast(Payload::SettingsAnswered(Box::new(answer)));
    }
}
