//! The decisions of the synthesizer: commands and messages in, messages and events out. No waiting.
//!
//! 1. One answer is spoken at a time; the next one's text is sent when the former is known to be over.
//! 2. Every answer that is not interrupted ends with exactly one `Finished` or `Failed`; nothing of an
//!    answer comes after its end or its interruption.
//! 3. Audio goes out in the order it came, each sample once, and belongs to the answer whose name it
//!    carries; without a name, to the one request that is out. The rest is counted and reported.
//! 4. Text that was lost before any of its audio came is sent again, once. Audio is never repeated.
//! 5. A line that may still carry audio of a dead answer is replaced at once.
//! 6. Every wait has a deadline ([`Patience`](crate::config::Patience)), and each update one answer.
//!
//! Bounds: text by `max_queued_text`, audio the pipeline does not take by `max_held_audio`; an answer
//! beyond either fails. Read next: `session/answer.rs`, `send.rs`, `incoming.rs`, `line.rs`, `change.rs`.

mod answer;
mod change;
mod deadlines;
mod incoming;
mod line;
mod outbox;
mod send;
mod voice;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use voxline_core::{
    frame::{ContextId, RequestId},
    service::{ConnectionEvent, TtsCommand, TtsEvent},
};
use voxline_wire::{Backoff, ConnectionId, Deadline, Happened, Session, Transmit};

pub(crate) use self::voice::Rates;
use self::{answer::Answer, answer::Piece, change::Change, line::Line, outbox::Events};
use crate::{
    config::TtsConfig,
    counters::TtsCounters,
    error::{ConfigError, TtsError},
    settings::TtsSettings,
    text,
};

/// The state of one synthesizer.
#[derive(Debug)]
pub(crate) struct TtsSession {
    config: TtsConfig,
    rates: Rates,
    counters: TtsCounters,
    /// Begins all names we give to requests, so that no other session's can be taken for ours.
    prefix: String,
    /// What the next request is sent with.
    settings: TtsSettings,
    /// What the pipeline asked for last; differs while a new line is awaited.
    wanted: TtsSettings,
    /// Answers in order; only the first is being spoken.
    queue: VecDeque<Answer>,
    /// The latest answer ever begun or interrupted; what is not later and not in the queue is over.
    newest: Option<ContextId>,
    line: Option<Line>,
    /// The line that will take over.
    next: Option<Line>,
    change: Option<Change>,
    backoff: Backoff,
    retry_at: Option<Instant>,
    last_line: u64,
    /// Since when text waits for a line.
    starved_since: Option<Instant>,
    transmits: VecDeque<Transmit>,
    events: Events,
    /// Since `End`: when anything last moved.
    ending: Option<Instant>,
    over: bool,
}

impl TtsSession {
    /// A session that connects at once. `seed` makes its names and its reconnect delays.
    ///
    /// # Errors
    /// When the configuration or the settings cannot be used.
    pub(crate) fn new(
        now: Instant,
        config: TtsConfig,
        settings: TtsSettings,
        rates: Rates,
        counters: TtsCounters,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        rates.check()?;
        let endpoint = config.endpoint_for(&settings.model);
        if let Some(refusal) = settings.refusals(endpoint, config.text).into_iter().next() {
            return Err(ConfigError::Setting(refusal));
        }
        for warning in settings.warnings(endpoint) {
            tracing::warn!(setting = warning.field, "{}", warning.reason);
        }
        let mut session = Self {
            backoff: Backoff::new(config.backoff.clone(), seed),
            config,
            rates,
            counters,
            prefix: format!("{:08x}", seed as u32),
            wanted: settings.clone(),
            settings,
            queue: VecDeque::new(),
            newest: None,
            line: None,
            next: None,
            change: None,
            retry_at: None,
            last_line: 0,
            starved_since: None,
            transmits: VecDeque::new(),
            events: Events::default(),
            ending: None,
            over: false,
        };
        session.connect(now);
        Ok(session)
    }

    fn speak(&mut self, now: Instant, context: ContextId, text: &str) {
        let waiting: usize = self.queue.iter().map(Answer::waiting_bytes).sum();
        if self.answer(now, context).is_none() {
            return;
        }
        if waiting + text.len() > self.config.max_queued_text {
            let error = TtsError::TooMuchText { limit: self.config.max_queued_text };
            return self.fail(now, context, error);
        }
        let limit = self.config.max_request_chars;
        let Some(answer) = self.answer(now, context) else { return };
        let Some(text) = answer.join_gap(text) else { return };
        let pieces = text::cut(&text, limit);
        answer.pieces.extend(pieces.into_iter().map(|text| Piece { text, sent: 0 }));
    }

    /// The answer of this name that still takes text; a new one when the name is new.
    fn answer(&mut self, now: Instant, context: ContextId) -> Option<&mut Answer> {
        let known = self.queue.iter().position(|answer| answer.id == context);
        let at = match known {
            Some(at) => at,
            None if self.newest.is_some_and(|newest| context <= newest) || self.ending.is_some() => {
                tracing::debug!(%context, "text for an answer that is over");
                return None;
            }
            None => {
                self.newest = Some(context);
                self.queue.push_back(Answer::new(context, self.rates, now));
                self.queue.len() - 1
            }
        };
        self.queue.get_mut(at).filter(|answer| !answer.finished)
    }

    fn interrupt(&mut self, now: Instant, through: ContextId) {
        self.newest = self.newest.max(Some(through));
        self.events.forget(through);
        let mut heard_of = false;
        while let Some(answer) = self.pop_if(|answer| answer.id <= through) {
            heard_of |= answer.is_owed();
            if let Some(open) = answer.open() {
                self.requested(answer.id, open.request, open.characters());
                self.cancel_context(answer.id, open.request);
            }
        }
        if heard_of {
            self.replace_line(now, "replaced after an interruption");
        }
    }

    fn end(&mut self, now: Instant) {
        self.ending = Some(now);
        for answer in &mut self.queue {
            answer.finished = true;
        }
        self.reject_change(now, "the service ended before it could take effect");
    }

    /// Ends one answer as failed; what it has sent may still be answered, so its line goes too.
    fn fail(&mut self, now: Instant, context: ContextId, error: TtsError) {
        let Some(at) = self.queue.iter().position(|answer| answer.id == context) else { return };
        let Some(mut answer) = self.queue.remove(at) else { return };
        let expects = answer.is_owed();
        if let Some(open) = answer.open() {
            self.requested(context, open.request, open.characters());
        }
        self.give_rest(&mut answer);
        let delivered = answer.voice.delivered();
        tracing::debug!(%context, ?delivered, category = ?error.category(), "an answer failed");
        self.events.push(TtsEvent::Failed { context: Some(context), delivered, error: error.passing() });
        if expects {
            self.replace_line(now, "replaced after a failed answer");
        }
    }

    fn fail_front(&mut self, now: Instant, error: TtsError) {
        if let Some(context) = self.queue.front().map(|answer| answer.id) {
            self.fail(now, context, error);
        }
    }

    /// Tells the end of each answer that is over.
    fn retire(&mut self, now: Instant) {
        while let Some(mut answer) = self.pop_if(Answer::is_over) {
            self.give_rest(&mut answer);
            self.events.push(TtsEvent::Finished { context: answer.id });
            self.ending = self.ending.map(|_| now);
        }
    }

    fn pop_if(&mut self, applies: impl Fn(&Answer) -> bool) -> Option<Answer> {
        if applies(self.queue.front()?) { self.queue.pop_front() } else { None }
    }

    /// Gives what the resampler holds back, and counts what never became a sample.
    fn give_rest(&mut self, answer: &mut Answer) {
        if let Some(pcm) = answer.voice.finish() {
            let request = answer.voice.request().unwrap_or(RequestId(0));
            self.events.push(TtsEvent::Audio { context: answer.id, request, pcm });
        }
        self.counters.left_over_bytes(answer.voice.take_left_over());
    }

    /// Does what can be done now. The last step of everything that happens.
    fn advance(&mut self, now: Instant) {
        loop {
            self.retire(now);
            if self.over || !self.is_ready_to_send(now) || !self.send_next(now) {
                break;
            }
        }
        let starved = self.has_text_to_send() && !self.line.as_ref().is_some_and(|line| line.open);
        self.starved_since = starved.then(|| self.starved_since.unwrap_or(now));
        if self.ending.is_some() && self.queue.is_empty() && !self.over {
            self.shut();
        }
    }

    fn has_text_to_send(&self) -> bool {
        self.queue.front().is_some_and(|answer| !answer.pieces.is_empty() || answer.open().is_some())
    }

    /// Closes everything in good order.
    fn shut(&mut self) {
        self.over = true;
        self.retry_at = None;
        self.cancel_next();
        match &mut self.line {
            Some(line) if line.open => {
                line.closing = true;
                self.transmits.push_back(Transmit::Close(line.id));
            }
            Some(line) => {
                self.transmits.push_back(Transmit::Abort(line.id));
                self.line = None;
            }
            None => {}
        }
    }

    /// Gives up: every answer fails, and nothing more is done.
    fn give_up(&mut self, now: Instant, error: TtsError) {
        if self.over {
            return;
        }
        self.over = true;
        self.retry_at = None;
        self.reject_change(now, "the service has given up");
        while let Some(context) = self.queue.front().map(|answer| answer.id) {
            self.fail(now, context, error.clone());
        }
        self.cancel_next();
        self.drop_line("the service has given up");
        let error = error.fatal();
        self.events.push(TtsEvent::Connection(ConnectionEvent::Error(error.clone())));
        self.events.push(TtsEvent::Failed { context: None, delivered: Duration::ZERO, error });
    }
}

impl Session for TtsSession {
    type Command = TtsCommand;
    type Event = TtsEvent;

    fn handle_command(&mut self, now: Instant, command: TtsCommand) {
        match command {
            TtsCommand::Update { update, delta } => self.update(now, update, &delta),
            _ if self.over => {}
            TtsCommand::Speak { context, text } => self.speak(now, context, &text),
            TtsCommand::Finish { context } => {
                if let Some(answer) = self.answer(now, context) {
                    answer.finished = true;
                }
            }
            TtsCommand::Interrupt { through } => self.interrupt(now, through),
            TtsCommand::End => self.end(now),
        }
        self.advance(now);
    }

    fn handle_connection(&mut self, now: Instant, id: ConnectionId, happened: Happened) {
        match happened {
            Happened::Opened => self.opened(now, id),
            Happened::Failed(error) => self.failed(now, id, error),
            Happened::Message(message) => self.message(now, id, message),
            Happened::Closed(reason) => self.closed(now, id, reason),
        }
        self.advance(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        self.advance(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<TtsEvent> {
        self.events.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.deadlines().into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    fn is_finished(&self) -> bool {
        self.over
    }
}

#[cfg(test)]
mod tests;
