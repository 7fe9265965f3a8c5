//! The connection: opening, losing, replacing it, and telling of it.
//!
//! 1. To the pipeline there is one connection: `Connected` and `Disconnected` alternate, whatever lines
//!    were opened and given up behind them.
//! 2. A line is opened at the start and again after every loss, so that the next answer finds it open. A
//!    line that did its work and was closed normally is reopened at once; any other by the backoff.
//! 3. A close by the service without anything outstanding is no error.

use std::{collections::VecDeque, time::Instant};

use voxline_core::{
    frame::{ContextId, RequestId},
    service::{ConnectionEvent, TtsEvent},
};
use voxline_wire::{CloseReason, ConnectError, ConnectionId, GaveUp, Next, Transmit};

use super::{TtsSession, answer::Answer};
use crate::{endpoint::Endpoint, error::TtsError};

/// How many of the service's names a line remembers.
const NAMES: usize = 16;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: ConnectionId,
    pub(super) url: String,
    pub(super) endpoint: Endpoint,
    pub(super) open: bool,
    /// We have asked for its close.
    pub(super) closing: bool,
    /// The service repeats our names on it.
    pub(super) echoes: bool,
    /// It has told the backoff that it works.
    pub(super) answered: bool,
    /// It has completed something.
    pub(super) productive: bool,
    /// A context on it was cancelled: what is queued must still go out.
    pub(super) cancelled: bool,
    /// The service gave an error while idle: it will close, and that is no news.
    pub(super) took_leave: bool,
    /// Completions without a name that may still come for what was taken as done.
    pub(super) owed: u32,
    pub(super) last_sent: Instant,
    names: VecDeque<(String, ContextId, RequestId)>,
}

impl Line {
    pub(super) fn knows(&self, name: &str) -> bool {
        self.owner(name).is_some()
    }

    pub(super) fn owner(&self, name: &str) -> Option<(ContextId, RequestId)> {
        self.names.iter().find(|(known, ..)| known == name).map(|&(_, context, request)| (context, request))
    }

    pub(super) fn learn(&mut self, name: &str, context: ContextId, request: RequestId) {
        if self.names.len() == NAMES {
            self.names.pop_front();
        }
        self.names.push_back((name.to_owned(), context, request));
    }

    /// Whether late audio on it could not be told from new.
    pub(super) fn is_nameless(&self) -> bool {
        !self.echoes && self.names.is_empty()
    }
}

impl TtsSession {
    /// Opens the line for the wanted settings. Gives up when their address cannot be built.
    pub(super) fn connect(&mut self, now: Instant) {
        self.retry_at = None;
        self.settings = self.wanted.clone();
        self.line = self.dial(now);
    }

    /// Asks for a connection for the wanted settings.
    pub(super) fn dial(&mut self, now: Instant) -> Option<Line> {
        let request = match self.config.request(&self.wanted) {
            Ok(request) => request,
            Err(error) => {
                self.give_up(now, error.into());
                return None;
            }
        };
        self.counters.reconnects(u64::from(self.last_line > 0));
        self.last_line += 1;
        let id = ConnectionId(self.last_line);
        let line = Line {
            id,
            url: request.url.clone(),
            endpoint: self.config.endpoint_for(&self.wanted.model),
            open: false,
            closing: false,
            echoes: false,
            answered: false,
            productive: false,
            cancelled: false,
            took_leave: false,
            owed: 0,
            last_sent: now,
            names: VecDeque::new(),
        };
        self.transmits.push_back(Transmit::Connect(id, Box::new(request)));
        Some(line)
    }

    pub(super) fn opened(&mut self, now: Instant, id: ConnectionId) {
        if let Some(line) = self.line.as_mut().filter(|line| line.id == id) {
            line.open = true;
            line.last_sent = now;
            self.backoff.opened(now);
            self.ending = self.ending.map(|_| now);
            self.tell(ConnectionEvent::Connected);
        } else if self.next.as_ref().is_some_and(|line| line.id == id) {
            self.next_opened(now);
        }
    }

    pub(super) fn failed(&mut self, now: Instant, id: ConnectionId, error: ConnectError) {
        if self.next.as_ref().is_some_and(|line| line.id == id) {
            return self.next_failed(now, error);
        }
        let Some(line) = self.line.take_if(|line| line.id == id) else { return };
        match self.backoff.failed(now, &error) {
            Next::RetryAt(at) => {
                let error = TtsError::Connect(error).passing();
                self.tell(ConnectionEvent::Error(error));
                self.retry_at = Some(at);
            }
            Next::GiveUp(why) => {
                let error = self.final_error(&line, why);
                self.give_up(now, error);
            }
        }
    }

    pub(super) fn closed(&mut self, now: Instant, id: ConnectionId, reason: CloseReason) {
        if self.next.take_if(|line| line.id == id).is_some() {
            if self.line.is_none() && self.retry_at.is_none() && !self.over {
                self.retry_at = Some(now + self.config.backoff.first);
            }
            return;
        }
        let Some(line) = self.line.take_if(|line| line.id == id) else { return };
        let refusal = refusal(&reason);
        let idle = !self.queue.front().is_some_and(Answer::is_owed);
        let farewell = idle && refusal.is_none() && matches!(reason, CloseReason::Peer { .. });
        let normal = line.closing || line.took_leave || is_normal(&reason) || farewell;
        if !normal {
            let error = refusal.clone().unwrap_or_else(|| TtsError::Lost(reason.clone())).passing();
            self.tell(ConnectionEvent::Error(error));
        }
        self.tell(ConnectionEvent::Disconnected { reason: reason.to_string().into() });
        if self.over {
            return;
        }
        let next = match &refusal {
            Some(TtsError::Forbidden { .. }) => self.backoff.give_up(),
            // Waits like an HTTP 429, instead of counting as a connection that ended at once.
            Some(_) => self.backoff.failed(now, &too_many(&reason)),
            None => self.backoff.closed(now, &reason),
        };
        match next {
            Next::GiveUp(why) => {
                let error = refusal.unwrap_or(TtsError::GaveUp(why));
                return self.give_up(now, error);
            }
            Next::RetryAt(_) if line.productive && is_normal(&reason) => self.retry_at = Some(now),
            Next::RetryAt(at) => self.retry_at = Some(at),
        }
        self.recover(now, &reason);
        if self.next.as_ref().is_some_and(|next| next.open) {
            self.swap(now, "lost");
        }
        self.reconnect_if_due(now);
    }

    /// Opens the line again when its time has come, unless another is on its way.
    pub(super) fn reconnect_if_due(&mut self, now: Instant) {
        if self.over || self.line.is_some() || self.retry_at.is_none_or(|at| at > now) {
            return;
        }
        match &self.next {
            None => self.connect(now),
            Some(next) if next.open => self.swap(now, "lost"),
            // It takes over when it opens; if it does not, its change is refused and the line reconnects.
            Some(_) => self.retry_at = None,
        }
    }

    /// Replaces a line that may still carry audio of an answer that is over. The caller does not wait: the
    /// old one is dropped, and the new one is on its way.
    pub(super) fn replace_line(&mut self, now: Instant, why: &'static str) {
        if self.over || !self.line.as_ref().is_some_and(|line| line.open) {
            return;
        }
        self.drop_line(why);
        if self.ending.is_none() || !self.queue.is_empty() {
            self.retry_at = Some(now);
            self.reconnect_if_due(now);
        }
    }

    /// Lets go of the line, and connects again as after an HTTP 429.
    pub(super) fn stand_back(&mut self, now: Instant) {
        self.drop_line("over the service's limit");
        let error = ConnectError::Refused { status: 429, body: String::new(), retry_after: None };
        match self.backoff.failed(now, &error) {
            Next::RetryAt(at) => self.retry_at = Some(at),
            Next::GiveUp(why) => self.give_up(now, TtsError::GaveUp(why)),
        }
    }

    /// Lets go of the line.
    pub(super) fn drop_line(&mut self, why: &str) {
        let Some(line) = self.line.take() else { return };
        // After a cancelled context what is queued must go out; else nothing unsent may be spoken.
        self.transmits.push_back(if line.cancelled {
            Transmit::Close(line.id)
        } else {
            Transmit::Abort(line.id)
        });
        if line.open {
            self.tell(ConnectionEvent::Disconnected { reason: why.into() });
        }
    }

    pub(super) fn tell(&mut self, event: ConnectionEvent) {
        self.events.push(TtsEvent::Connection(event));
    }

    /// What becomes of the answer whose line is gone.
    fn recover(&mut self, now: Instant, reason: &CloseReason) {
        let Some(answer) = self.queue.front_mut().filter(|answer| answer.begun) else { return };
        if is_normal(reason) {
            self.counters.assumed_complete(answer.assume_done());
        }
        let outstanding = answer.undone().count() as u64;
        if outstanding == 0 {
            return;
        }
        let context = answer.id;
        let open = answer.open().map(|open| (open.request, open.characters()));
        if answer.take_back() {
            self.counters.resent(outstanding);
            if let Some((request, characters)) = open {
                self.requested(context, request, characters);
            }
        } else {
            self.fail_front(now, TtsError::CutShort(reason.clone()));
        }
    }

    pub(super) fn final_error(&self, line: &Line, why: GaveUp) -> TtsError {
        let GaveUp::Permanent(error) = why else { return TtsError::GaveUp(why) };
        let ConnectError::Refused { status: status @ (404 | 410), body, .. } = &error else {
            return TtsError::Connect(error);
        };
        let address = line.url.split('?').next().unwrap_or_default();
        let setting = match status {
            410 => format!("the model {}", self.wanted.model),
            _ => format!("the address {address} (base_url, endpoint)"),
        };
        let recommended = serde_json::from_str::<serde_json::Value>(body)
            .ok()
            .and_then(|body| Some(body.get("recommended_endpoint")?.as_str()?.to_owned()));
        TtsError::Retired { setting, status: *status, recommended, source: error }
    }
}

fn is_normal(reason: &CloseReason) -> bool {
    matches!(reason, CloseReason::Local | CloseReason::Peer { code: 1000, .. })
}

/// What a policy close says; the reason is the discriminator (protocol section 2.4).
fn refusal(reason: &CloseReason) -> Option<TtsError> {
    let CloseReason::Peer { code: 1008, reason } = reason else { return None };
    match reason.as_str() {
        "concurrency_limit_reached" | "rate_limit_exceeded" => {
            Some(TtsError::Overloaded { reason: reason.clone() })
        }
        "forbidden" => Some(TtsError::Forbidden { reason: reason.clone() }),
        _ => None,
    }
}

fn too_many(reason: &CloseReason) -> ConnectError {
    ConnectError::Refused { status: 429, body: reason.to_string(), retry_after: None }
}
