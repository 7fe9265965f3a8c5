//! How connections come and go: opening, failing, being lost, being replaced, ending.
//!
//! There is one *current* connection, which audio goes to; at times a *next* one, opened for changed
//! settings; and at times ones that are *leaving*: they have got all their audio and owe their last words.
//! 1. An opened connection is announced, and its loss too, once each and in order. Opening proves nothing:
//!    only an answer or a life of some seconds clears the record of failures.
//! 2. After a loss the next connection gets the audio that no final has covered, then what is new.
//! 3. At most one connect for the current connection is on its way, and none once the session is over.

use std::time::Instant;

use voxline_core::{
    frame::Transcription,
    service::{ConnectionEvent, Heard, SttEvent},
};
use voxline_wire::{CloseReason, ConnectError, ConnectionId, GaveUp, Next, Permanence, Transmit, classify};

use super::{
    Phase, SttSession,
    link::{Link, State},
};
use crate::{error::SttError, language, settings::SttSettings};

/// So many closes in a row for reasons of policy, or without a word where that is a known refusal.
const REFUSALS: u32 = 3;

impl SttSession {
    /// Asks for a connection with these settings.
    pub(super) fn connect(&mut self, now: Instant, settings: SttSettings) -> ConnectionId {
        self.ids += 1;
        let id = ConnectionId(self.ids);
        self.links.push(Link::new(id, now, settings, self.ring.measure()));
        id
    }

    pub(super) fn link(&self, id: ConnectionId) -> Option<&Link> {
        self.links.iter().find(|link| link.id == id)
    }

    pub(super) fn link_mut(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    pub(super) fn opened(&mut self, now: Instant, id: ConnectionId) {
        if self.link(id).is_none_or(|link| link.state != State::Connecting) {
            return;
        }
        if self.next == Some(id) {
            self.take_over(now, id);
        } else if self.current == Some(id) {
            self.begin(now, id);
        }
    }

    /// The current connection is open: it gets what no final has covered.
    fn begin(&mut self, now: Instant, id: ConnectionId) {
        self.backoff.opened(now);
        self.resume = self.resume.max(self.ring.front());
        let (start, again) = (self.resume, self.resume < self.sent_to);
        for mark in self.marks.settle_to(start) {
            // Audio that went for want of room was not transcribed: its utterance is not confirmed.
            if mark.position > self.let_go_to || mark.position == 0 {
                self.tell(settled(mark.utterance));
            }
        }
        let overlap = if again { self.hearing.take_uncertain_tail() } else { None };
        let Some(link) = self.link_mut(id) else { return };
        link.open(now, start);
        link.overlap = overlap;
        self.announce();
        self.made_progress(id);
        self.update_opened(id);
    }

    /// The connection with new settings is open: audio from here on goes to it, nothing is sent twice.
    fn take_over(&mut self, now: Instant, id: ConnectionId) {
        let head = self.ring.head();
        self.leave(now, head, "the settings changed");
        self.backoff.opened(now);
        if let Some(link) = self.link_mut(id) {
            link.open(now, head);
        }
        self.announce();
        self.update_opened(id);
    }

    /// The current connection gets no audio behind `position`; its last words are waited for.
    pub(super) fn leave(&mut self, now: Instant, position: u64, why: &str) {
        let deadline = now + self.options.close_within;
        if let Some(link) = self.current.take().and_then(|id| self.link_mut(id)) {
            link.until = Some((position, deadline));
            if std::mem::take(&mut link.announced) {
                self.tell_disconnected(why);
            }
            self.hold_until = Some(now + super::HOLD);
        }
        self.resume = position;
        self.current = self.next.take();
    }

    fn announce(&mut self) {
        if std::mem::replace(&mut self.was_connected, true) {
            self.counters.reconnects(1);
        }
        self.tell(SttEvent::Connection(ConnectionEvent::Connected));
    }

    pub(super) fn failed(&mut self, now: Instant, id: ConnectionId, error: &ConnectError) {
        let Some(link) = self.remove(id) else { return };
        if link.state == State::Closing {
            return;
        }
        if self.next == Some(id) {
            self.next = None;
            return self.update_failed(now, error);
        }
        if self.current == Some(id) {
            self.current = None;
            let told = self.connect_error(error);
            if classify(error) == Permanence::Permanent && self.fall_back(&link.settings, &told) {
                self.retry_at = Some(now);
                return;
            }
            let next = self.backoff.failed(now, error);
            let told = self.connect_error(error);
            self.retry(now, next, Some(told));
        }
    }

    pub(super) fn closed(&mut self, now: Instant, id: ConnectionId, reason: &CloseReason) {
        if self.held.iter().any(|(held, _)| *held == id) {
            self.hold_until = None;
            self.release_held(now, true);
        }
        let Some(mut link) = self.remove(id) else { return };
        let reason = self.scrubbed(reason);
        if std::mem::take(&mut link.announced) {
            self.tell_disconnected(&reason.to_string());
        }
        self.marks.lost(id);
        if self.current == Some(id) {
            self.current = None;
            self.lost(now, &link, reason);
        } else if link.owes_words() && !is_normal(&reason) {
            let error = SttError::Lost { reason, hint: Some("its last words may be missing") };
            self.tell(SttEvent::Failed(error.into_service(false)));
        }
    }

    /// The connection that audio goes to has ended by itself.
    fn lost(&mut self, now: Instant, link: &Link, reason: CloseReason) {
        self.speech.lost();
        if matches!(self.phase, Phase::Over) {
            return;
        }
        if link.bye && (is_normal(&reason) || self.resume >= self.ring.head()) {
            // It was told that no more comes, and ended without a last message.
            return self.finish();
        }
        if self.next.is_some() {
            return self.promote_next();
        }
        let hint = hint(link);
        let error = SttError::Lost { reason: reason.clone(), hint };
        let event = (!is_normal(&reason) || hint.is_some()).then_some(error);
        match verdict(&reason) {
            Verdict::Forbidden(reason) => self.give_up(SttError::Forbidden { reason }),
            Verdict::Overloaded(why) => {
                let as_status = ConnectError::Refused { status: 429, body: why.clone(), retry_after: None };
                let next = self.backoff.failed(now, &as_status);
                self.retry(now, next, Some(SttError::Overloaded { reason: why }));
            }
            Verdict::Policy(why) if self.refused_again() => self.give_up(SttError::Forbidden { reason: why }),
            Verdict::Other if hint.is_some() && self.refused_again() => {
                self.give_up(SttError::EndsAtOnce { connections: REFUSALS, hint, last: reason });
            }
            Verdict::Policy(_) | Verdict::Other => {
                let next = self.backoff.closed(now, &reason);
                self.last_close = Some(reason);
                self.retry(now, next, event);
            }
        }
    }

    fn refused_again(&mut self) -> bool {
        self.refusals += 1;
        self.refusals >= REFUSALS
    }

    /// Waits for the next connect, or gives up.
    pub(super) fn retry(&mut self, now: Instant, next: Next, error: Option<SttError>) {
        match next {
            Next::RetryAt(at) => {
                if let Some(error) = error {
                    self.tell(SttEvent::Connection(ConnectionEvent::Error(error.into_service(false))));
                }
                self.retry_at = Some(at);
                self.update_without_connection();
                tracing::debug!(wait = ?at.saturating_duration_since(now), "connect again");
            }
            Next::GiveUp(why) => {
                let error = self.gave_up(why, error);
                self.give_up(error);
            }
        }
    }

    fn gave_up(&self, why: GaveUp, error: Option<SttError>) -> SttError {
        match (why, error) {
            (GaveUp::ShortLived { connections, last }, _) => {
                SttError::EndsAtOnce { connections, hint: None, last: self.scrubbed(&last) }
            }
            (GaveUp::Permanent(last), None) | (GaveUp::Exhausted { last: Some(last), .. }, None) => {
                self.connect_error(&last)
            }
            (_, Some(error)) => error,
            (why, None) => {
                let last = self.last_close.clone().unwrap_or(CloseReason::Local);
                tracing::debug!(%why, "no further connect");
                SttError::EndsAtOnce { connections: self.backoff.attempts(), hint: None, last }
            }
        }
    }

    /// Nothing more will be tried: the session is over and says why.
    pub(super) fn give_up(&mut self, error: SttError) {
        // The record refuses further connects as well.
        let _ = self.backoff.give_up();
        self.reject_updates(&error.to_string());
        self.links.retain(|link| link.state != State::Wanted);
        for link in &mut self.links {
            if std::mem::replace(&mut link.state, State::Closing) != State::Closing {
                self.orders.push_back(Transmit::Abort(link.id));
            }
        }
        self.current = None;
        self.next = None;
        self.retry_at = None;
        self.phase = Phase::Over;
        self.tell(SttEvent::Connection(ConnectionEvent::Error(error.into_service(true))));
    }

    /// Everything has been delivered: closes what is open. Connections that are leaving end by themselves.
    pub(super) fn finish(&mut self) {
        self.phase = Phase::Over;
        self.retry_at = None;
        self.links.retain(|link| link.state != State::Wanted);
        for link in &mut self.links {
            let order = match link.state {
                State::Connecting => Transmit::Abort(link.id),
                State::Open if !link.is_leaving() => Transmit::Close(link.id),
                State::Wanted | State::Open | State::Closing => continue,
            };
            link.state = State::Closing;
            self.orders.push_back(order);
        }
    }

    fn remove(&mut self, id: ConnectionId) -> Option<Link> {
        let index = self.links.iter().position(|link| link.id == id)?;
        Some(self.links.remove(index))
    }

    pub(super) fn tell_disconnected(&mut self, why: &str) {
        self.tell(SttEvent::Connection(ConnectionEvent::Disconnected { reason: why.into() }));
    }

    /// A failed connect, by what the caller can do.
    pub(super) fn connect_error(&self, error: &ConnectError) -> SttError {
        let ConnectError::Refused { status, body, .. } = error else {
            return match error {
                ConnectError::BadAddress { reason } => {
                    SttError::Invalid { field: "base_url", reason: self.line.scrub(reason) }
                }
                other => {
                    SttError::Unreachable { attempts: self.backoff.attempts().max(1), last: other.clone() }
                }
            };
        };
        let (status, body) = (*status, self.line.scrub(body));
        match status {
            401 => SttError::Unauthorized { status, body },
            403 => SttError::Forbidden { reason: body },
            404 | 410 => SttError::Gone { status, path: self.line.path(), body },
            429 => SttError::Overloaded { reason: body },
            408 | 425 | 500..=599 => SttError::Server { status, body },
            _ => SttError::Refused { status, body },
        }
    }

    /// A close reason in which the peer cannot have repeated the key.
    fn scrubbed(&self, reason: &CloseReason) -> CloseReason {
        match reason {
            CloseReason::Peer { code, reason } => {
                CloseReason::Peer { code: *code, reason: self.line.scrub(reason) }
            }
            other => other.clone(),
        }
    }
}

/// The event that nothing more comes for an utterance.
pub(super) fn settled(utterance: voxline_core::frame::UtteranceId) -> SttEvent {
    let transcription = Transcription { utterance, confirmed: true, ..Transcription::default() };
    SttEvent::Heard(Box::new(Heard { transcription, is_final: true, confirms: Some(utterance) }))
}

enum Verdict {
    /// Trying again changes nothing.
    Forbidden(String),
    /// Trying again later helps.
    Overloaded(String),
    /// Refused for a reason no document has.
    Policy(String),
    Other,
}

/// The reason of a 1008 is the discriminator, by the vendor's documents.
fn verdict(reason: &CloseReason) -> Verdict {
    let CloseReason::Peer { code: 1008, reason } = reason else { return Verdict::Other };
    match reason.as_str() {
        "concurrency_limit_reached" | "rate_limit_exceeded" => Verdict::Overloaded(reason.clone()),
        "forbidden" => Verdict::Forbidden(reason.clone()),
        _ => Verdict::Policy(reason.clone()),
    }
}

/// A close that nobody need be told of as an error.
fn is_normal(reason: &CloseReason) -> bool {
    matches!(reason, CloseReason::Local | CloseReason::Peer { code: 1000 | 1001, .. })
}

/// What is known to be closed without a word.
fn hint(link: &Link) -> Option<&'static str> {
    if link.spoke {
        return None;
    }
    if language::is_east_asian(&link.settings.language) {
        return Some(language::EAST_ASIAN_HINT);
    }
    let english = link.settings.language == voxline_core::frame::Language::En;
    (link.settings.model == "pulse-2" && !english)
        .then_some("pulse-2 serves English only, and closes without a word")
}
