//! The table of deadlines: what each waits for, and what is done when it has come.
//!
//! Every deadline is computed from the state, so that none can be forgotten when the state changes.

use std::time::{Duration, Instant};

use voxline_core::service::TtsEvent;
use voxline_wire::Deadline;

use super::{
    TtsSession,
    answer::{Answer, Expected},
};
use crate::error::TtsError;

/// The longest pause between messages of ours.
const KEEPALIVE: Duration = Duration::from_secs(30);

impl TtsSession {
    pub(super) fn deadlines(&self) -> [Option<Deadline>; 7] {
        if self.over {
            return [None; 7];
        }
        let patience = &self.config.patience;
        let at = |at: Option<Instant>, why| at.map(|at| Deadline { at, why });
        let hold = self.change.as_ref().map(|change| change.since + patience.hold);
        let expected = self.expected();
        [
            at(self.retry_at.filter(|_| self.line.is_none()), "the next connect"),
            at(self.keepalive_at(), "the keepalive"),
            at(
                expected.map(|(at, _)| at),
                if expected.is_some_and(|(_, what)| what == Expected::Quiet) {
                    "the end of an answer"
                } else {
                    "audio"
                },
            ),
            at(self.starved_since.map(|since| since + patience.connection), "a connection to speak over"),
            at(
                self.change.as_ref().map(|change| change.since + patience.change),
                "the connection for new settings",
            ),
            at(hold.filter(|_| self.holds()), "new settings before an answer begins"),
            at(self.ending.map(|since| since + patience.end), "the rest of the last answer"),
        ]
    }

    pub(super) fn expire(&mut self, now: Instant) {
        if self.over {
            return;
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let patience = self.config.patience.clone();
        if due(self.ending.map(|since| since + patience.end)) {
            return self.end_expired(now);
        }
        if due(self.change.as_ref().map(|change| change.since + patience.change)) {
            self.reject_change(now, &format!("no connection for it within {:?}", patience.change));
        }
        if due(self.starved_since.map(|since| since + patience.connection)) {
            self.starved_since = None;
            self.fail_front(now, TtsError::NoConnection { after: patience.connection });
        }
        match self.expected() {
            Some((at, Expected::Quiet)) if at <= now => self.quiet(now),
            Some((at, Expected::Audio)) if at <= now => self.silent(now),
            _ => {}
        }
        self.reconnect_if_due(now);
        if due(self.keepalive_at()) {
            self.keep_alive(now);
        }
    }

    /// Enough audio came, and then nothing: taken as spoken.
    fn quiet(&mut self, now: Instant) {
        let Some(answer) = self.queue.front_mut() else { return };
        let assumed = answer.assume_done();
        let over = answer.is_over();
        self.counters.assumed_complete(assumed);
        let Some(line) = &mut self.line else { return };
        if line.echoes {
            return;
        }
        line.owed += 1;
        if over && line.is_nameless() {
            self.retire(now);
            self.replace_line(now, "replaced after an unconfirmed end");
        }
    }

    /// Audio is missing: what has none is sent again, once, over a new line; the rest has failed.
    fn silent(&mut self, now: Instant) {
        let after = self.config.patience.first_audio;
        let Some(answer) = self.queue.front_mut() else { return };
        answer.assume_done();
        let Some(missing) = answer.undone().next() else { return };
        let (context, request, stalled) = (answer.id, missing.request, !missing.audio.is_zero());
        let outstanding = answer.undone().count() as u64;
        let resent = answer.take_back();
        let request = self.request_name(context, request);
        if stalled {
            return self.fail_front(now, TtsError::Stalled { request, after });
        }
        let error = TtsError::Silent { request, after, resent };
        if !resent {
            return self.fail_front(now, error);
        }
        self.counters.resent(outstanding);
        self.events.push(TtsEvent::Failed {
            context: None,
            delivered: Duration::ZERO,
            error: error.passing(),
        });
        self.replace_line(now, "replaced: no audio came");
    }

    fn end_expired(&mut self, now: Instant) {
        let error = TtsError::EndDeadline { after: self.config.patience.end };
        self.over = true;
        while !self.queue.is_empty() {
            self.fail_front(now, error.clone());
        }
        self.cancel_next();
        self.drop_line("nothing more came before the end");
    }

    fn expected(&self) -> Option<(Instant, Expected)> {
        // Without a line nothing can come; the connect has its own deadline.
        self.line.as_ref().filter(|line| line.open)?;
        self.queue.front()?.deadline(&self.config.patience)
    }

    /// Not while the service holds text of ours for more: a message would end it. And not beside a request
    /// without names, where an answer to it could not be told from the request's.
    fn keepalive_at(&self) -> Option<Instant> {
        let line = self.line.as_ref().filter(|line| line.open && !line.closing)?;
        let busy = |answer: &Answer| answer.open().is_some() || (!line.echoes && answer.is_owed());
        if self.queue.front().is_some_and(busy) {
            return None;
        }
        let half = self.settings.idle_timeout_on(line.endpoint) / 2;
        Some(line.last_sent + half.min(KEEPALIVE))
    }

    /// Whether an answer waits for new settings though it could be spoken with the old.
    fn holds(&self) -> bool {
        let could = self.line.as_ref().is_some_and(|line| line.open);
        let waits = self.queue.front().is_some_and(|answer| !answer.begun && !answer.pieces.is_empty());
        could && waits && self.next.is_some()
    }
}
