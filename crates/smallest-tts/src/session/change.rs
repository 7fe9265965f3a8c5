//! Settings in mid-call: applied at once, or by a new line that is opened before the old one is given up.
//!
//! 1. What stands in each message holds from the next request on.
//! 2. What stands in the address needs a new line: it is opened beside the old one and takes over when the
//!    answer in flight is over. Until then everything asked for since waits with it, so that a voice never
//!    speaks with another model. A burst of changes is one such change.
//! 3. If the new line cannot be opened, or not in time, the change is refused and the old line stays.
//! 4. Before the first connect is through, changes are merged into it.

use std::time::Instant;

use voxline_core::{
    frame::{Rejected, SettingsAnswer, TtsDelta, UpdateId},
    service::{ConnectionEvent, TtsEvent},
};
use voxline_wire::{ConnectError, GaveUp, Transmit};

use super::TtsSession;
use crate::{error::SERVICE, settings::apply};

/// A change that waits for its line to open.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) since: Instant,
    answers: Vec<SettingsAnswer>,
}

impl TtsSession {
    pub(super) fn update(&mut self, now: Instant, update: UpdateId, delta: &TtsDelta) {
        let applied = apply(&self.wanted, delta, |model| self.config.endpoint_for(model), self.config.text);
        let mut answer = SettingsAnswer {
            update,
            service: SERVICE.into(),
            changed: applied.changed,
            rejected: applied.rejected,
            warnings: applied.warnings,
            reconnected: false,
        };
        if self.over {
            reject(&mut answer, "the service has ended");
        }
        if answer.changed.is_empty() {
            return self.answered(answer);
        }
        self.wanted = applied.settings;
        // The settings were checked, and the base address with the first connect.
        let url = self.config.url(&self.wanted).unwrap_or_default();
        let fits = |line: &Option<super::Line>| line.as_ref().is_some_and(|line| line.url == url);
        if fits(&self.line) {
            self.cancel_next();
            self.settings = self.wanted.clone();
            self.settle();
            self.answered(answer);
        } else if let Some(change) = &mut self.change {
            answer.reconnected = true;
            change.answers.push(answer);
        } else if self.line.as_ref().is_some_and(|line| line.open) {
            if fits(&self.next) {
                return self.answered(answer);
            }
            answer.reconnected = true;
            self.cancel_next();
            self.change = Some(Change { since: now, answers: vec![answer] });
            self.next = self.dial(now);
        } else {
            if let Some(line) = self.line.take() {
                self.transmits.push_back(Transmit::Abort(line.id));
                self.connect(now);
            }
            self.answered(answer);
        }
    }

    /// The new line is open: the change holds, and takes over as soon as it may.
    pub(super) fn next_opened(&mut self, now: Instant) {
        let url = self.config.url(&self.wanted).unwrap_or_default();
        if self.next.as_ref().is_some_and(|next| next.url != url) {
            self.cancel_next();
            self.next = self.dial(now);
            return;
        }
        if let Some(next) = &mut self.next {
            next.open = true;
            next.last_sent = now;
        }
        self.settle();
        if self.line.is_none() || !self.is_mid_answer() {
            self.swap(now, "replaced for new settings");
        }
    }

    pub(super) fn next_failed(&mut self, now: Instant, error: ConnectError) {
        let Some(next) = self.next.take() else { return };
        let error = self.final_error(&next, GaveUp::Permanent(error));
        let reason = format!(
            "{error}: {}",
            std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
        );
        self.tell(ConnectionEvent::Error(error.passing()));
        self.reject_change(now, &reason);
    }

    /// Refuses what waits for a new line, and goes on with the old settings.
    pub(super) fn reject_change(&mut self, now: Instant, reason: &str) {
        let Some(change) = self.change.take() else { return };
        self.cancel_next();
        self.wanted = self.settings.clone();
        for mut answer in change.answers {
            reject(&mut answer, reason);
            self.answered(answer);
        }
        if self.line.is_none() && self.retry_at.is_none() && !self.over {
            self.retry_at = Some(now);
            self.reconnect_if_due(now);
        }
    }

    /// Whether a message may be sent now; puts new settings in force where an answer begins.
    pub(super) fn is_ready_to_send(&mut self, now: Instant) -> bool {
        if self.is_mid_answer() || self.wanted == self.settings || self.line.is_none() {
            return true;
        }
        match &self.next {
            Some(next) if next.open => {
                self.swap(now, "replaced for new settings");
                true
            }
            Some(_) => {
                self.change.as_ref().is_none_or(|change| now >= change.since + self.config.patience.hold)
            }
            // The new line opened and was lost before it could take over.
            None => {
                self.replace_line(now, "replaced for new settings");
                false
            }
        }
    }

    /// Puts the new line in the place of the old.
    pub(super) fn swap(&mut self, now: Instant, why: &str) {
        let Some(next) = self.next.take() else { return };
        if let Some(old) = self.line.replace(next) {
            self.transmits.push_back(Transmit::Close(old.id));
            if old.open {
                self.tell(ConnectionEvent::Disconnected { reason: why.into() });
            }
        }
        self.settings = self.wanted.clone();
        self.retry_at = None;
        self.backoff.opened(now);
        self.tell(ConnectionEvent::Connected);
    }

    fn is_mid_answer(&self) -> bool {
        self.queue.front().is_some_and(|answer| answer.begun)
    }

    /// Answers what waited for a line, as it was asked.
    fn settle(&mut self) {
        for mut answer in self.change.take().into_iter().flat_map(|change| change.answers) {
            answer.reconnected = self.next.is_some();
            self.answered(answer);
        }
    }

    pub(super) fn cancel_next(&mut self) {
        if let Some(next) = self.next.take() {
            self.transmits.push_back(Transmit::Abort(next.id));
        }
    }

    fn answered(&mut self, answer: SettingsAnswer) {
        self.events.push(TtsEvent::Answered(Box::new(answer)));
    }
}

fn reject(answer: &mut SettingsAnswer, reason: &str) {
    let refused =
        answer.changed.drain(..).map(|change| Rejected { field: change.field, reason: reason.into() });
    answer.rejected.extend(refused);
    answer.reconnected = false;
}
