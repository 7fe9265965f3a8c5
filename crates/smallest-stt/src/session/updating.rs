//! Changes of settings: merged, coalesced, applied between utterances, answered once each.
//!
//! Settings are in a connection's address, so a change needs a new connection. It is opened while the old
//! one goes on; when it is open, audio goes over to it at a sample boundary.
//! 1. What comes before the first connection is open is part of that connection.
//! 2. Changes within 20 ms become one; while one is on its way, the next are gathered.
//! 3. A change in mid-utterance waits for the utterance's end, but no longer than 3 s (2 s where nobody
//!    tells the edges of speech); within 5 s in all it is done or refused.
//! 4. Nothing is opened when nothing changes in the address.
//! 5. Where the account allows no second connection, the old one is given up first and the audio is kept.

use std::time::{Duration, Instant};

use voxline_core::{
    frame::{Rejected, SettingsAnswer, SttDelta, UpdateId},
    service::SttEvent,
};
use voxline_wire::{ConnectError, ConnectionId, Permanence, Transmit, classify};

use super::{
    Phase, SttSession,
    link::{Link, State},
};
use crate::{
    error::{SERVICE_NAME, SttError},
    settings::SttSettings,
};

/// Changes within this become one.
const COALESCE: Duration = Duration::from_millis(20);
/// How long an utterance whose edges are known is waited for.
const UTTERANCE: Duration = Duration::from_secs(3);
/// How long speech is waited for where nobody tells its edges.
const GUESSED: Duration = Duration::from_secs(2);
/// A change is done or refused within this.
const LIMIT: Duration = Duration::from_secs(5);
/// A new connection that failed is tried again after this.
const AGAIN: Duration = Duration::from_millis(500);

/// A change that has not been answered.
#[derive(Debug)]
struct Asked {
    delta: SttDelta,
    answer: SettingsAnswer,
}

/// Changes on their way.
#[derive(Debug, Default)]
pub(super) struct Updates {
    /// Not begun: gathered since the first of them came.
    waiting: Vec<Asked>,
    since: Option<Instant>,
    ready_at: Option<Instant>,
    /// Begun: answered when the connection is open.
    opening: Vec<Asked>,
    connection: Option<ConnectionId>,
    give_up_at: Option<Instant>,
}

impl SttSession {
    pub(super) fn update(&mut self, now: Instant, update: UpdateId, delta: SttDelta) {
        let mut wanted = self.wanted.clone();
        let applied = wanted.apply(&delta, self.line.place);
        let answer = SettingsAnswer {
            update,
            service: SERVICE_NAME.into(),
            changed: applied.changed,
            rejected: applied.rejected,
            warnings: applied.warnings,
            reconnected: false,
        };
        let mut asked = Asked { delta, answer };
        if !matches!(self.phase, Phase::Running) {
            refuse(&mut asked.answer, "the session is ending");
            return self.answer(asked.answer);
        }
        self.wanted = wanted;
        let first = self.updates.waiting.is_empty() && self.updates.connection.is_none();
        let updates = &mut self.updates;
        updates.since.get_or_insert(now);
        updates.ready_at.get_or_insert(now + COALESCE);
        updates.waiting.push(asked);
        // With nothing asked for yet, or nothing to ask for, there is nothing to coalesce with.
        let current = self.current.and_then(|id| self.link(id));
        if first && current.is_none_or(|link| link.state == State::Wanted || self.is_as_wanted(link)) {
            self.apply_in_place();
        }
    }

    fn is_as_wanted(&self, link: &Link) -> bool {
        self.line.url(&link.settings) == self.line.url(&self.wanted)
    }

    /// No new connection is needed: what is wanted is so from now on.
    fn apply_in_place(&mut self) {
        self.settings = self.wanted.clone();
        let settings = self.settings.clone();
        if let Some(link) = self.current.and_then(|id| self.link_mut(id)) {
            link.settings = settings;
        }
        (self.updates.since, self.updates.ready_at) = (None, None);
        for asked in std::mem::take(&mut self.updates.waiting) {
            self.answer(asked.answer);
        }
    }

    /// Begins what is ready, gives up what takes too long.
    pub(super) fn advance_updates(&mut self, now: Instant) {
        if self.updates.give_up_at.is_some_and(|at| now >= at) {
            self.abort_next();
            self.refuse_opening("no connection with these settings could be opened in time");
        }
        let ready = self.update_due().is_some_and(|at| now >= at);
        if !ready || !matches!(self.phase, Phase::Running) {
            return;
        }
        let current = self.current.and_then(|id| self.link(id)).filter(|link| !self.is_as_wanted(link));
        match current.map(|link| (link.id, link.state)) {
            Some((_, State::Open)) => self.open_next(now),
            Some((id, State::Connecting)) => {
                // Nothing was sent on it yet: the change becomes part of the connect.
                self.orders.push_back(Transmit::Abort(id));
                if let Some(link) = self.link_mut(id) {
                    link.state = State::Closing;
                }
                self.current = Some(self.connect(now, self.wanted.clone()));
                self.apply_in_place();
            }
            _ => self.apply_in_place(),
        }
    }

    /// When the gathered changes may begin: between utterances, or when they have waited long enough.
    pub(super) fn update_due(&self) -> Option<Instant> {
        let (ready, since) = (self.updates.ready_at?, self.updates.since?);
        if self.updates.connection.is_some() {
            return None;
        }
        let open = self.current.and_then(|id| self.link(id)).is_some_and(|link| link.state == State::Open);
        if !open || !self.speech.is_going_on() {
            return Some(ready);
        }
        let patience = if self.speech.has_edges() { UTTERANCE } else { GUESSED };
        Some(ready.max(since + patience))
    }

    /// When a change that is on its way is given up.
    pub(super) fn update_limit(&self) -> Option<Instant> {
        self.updates.give_up_at
    }

    fn open_next(&mut self, now: Instant) {
        let id = self.connect(now, self.wanted.clone());
        self.next = Some(id);
        let updates = &mut self.updates;
        updates.opening.append(&mut updates.waiting);
        let since = updates.since.take().unwrap_or(now);
        updates.ready_at = None;
        updates.connection = Some(id);
        updates.give_up_at.get_or_insert((since + LIMIT).max(now + AGAIN));
    }

    /// A connection is open: answers the changes it was opened for.
    pub(super) fn update_opened(&mut self, id: ConnectionId) {
        if self.updates.connection != Some(id) {
            return;
        }
        if let Some(settings) = self.link(id).map(|link| link.settings.clone()) {
            self.settings = settings;
        }
        (self.updates.connection, self.updates.give_up_at) = (None, None);
        for mut asked in std::mem::take(&mut self.updates.opening) {
            asked.answer.reconnected = true;
            self.answer(asked.answer);
        }
    }

    /// The connection for changed settings could not be opened; the current one goes on.
    pub(super) fn update_failed(&mut self, now: Instant, error: &ConnectError) {
        let overloaded = matches!(error, ConnectError::Refused { status: 429, .. });
        let settings = self.wanted_of_opening();
        if overloaded {
            // No second connection is allowed: the old one first gives its last words, the audio is kept.
            self.leave(now, self.ring.head(), "the settings changed");
            let id = self.connect(now, settings);
            self.current = Some(id);
            self.updates.connection = Some(id);
            self.updates.give_up_at = None;
            return;
        }
        let in_time = self.updates.give_up_at.is_some_and(|at| now + AGAIN < at);
        if classify(error) == Permanence::Temporary && in_time {
            let updates = &mut self.updates;
            let mut opening = std::mem::take(&mut updates.opening);
            opening.append(&mut updates.waiting);
            updates.waiting = opening;
            updates.connection = None;
            updates.ready_at = Some(now + AGAIN);
            updates.since = updates.give_up_at.and_then(|at| at.checked_sub(LIMIT));
            return;
        }
        let reason = self.connect_error(error).to_string();
        self.refuse_opening(&reason);
    }

    /// The settings that the failed connection was to have.
    fn wanted_of_opening(&self) -> SttSettings {
        let mut settings = self.settings.clone();
        for asked in &self.updates.opening {
            settings.apply(&asked.delta, self.line.place);
        }
        settings
    }

    /// The connection that settings were changed for cannot be used. Whether there are others that worked.
    pub(super) fn fall_back(&mut self, refused: &SttSettings, error: &SttError) -> bool {
        let Some(proven) = self.proven.clone() else { return false };
        if self.line.url(&proven) == self.line.url(refused) {
            return false;
        }
        self.tell(SttEvent::Failed(error.clone().into_service(false)));
        self.settings = proven;
        self.refuse_opening(&error.to_string());
        true
    }

    /// The current connection is lost while the next is on its way: that one has to do.
    pub(super) fn promote_next(&mut self) {
        self.current = self.next.take();
        self.updates.give_up_at = None;
    }

    /// There is no connection: what is wanted is part of the next one.
    pub(super) fn update_without_connection(&mut self) {
        let updates = &mut self.updates;
        let mut opening = std::mem::take(&mut updates.opening);
        opening.append(&mut updates.waiting);
        updates.waiting = opening;
        (updates.connection, updates.give_up_at) = (None, None);
        self.apply_in_place();
    }

    fn abort_next(&mut self) {
        let Some(id) = self.next.take() else { return };
        let state = self.link(id).map(|link| link.state);
        if state == Some(State::Wanted) {
            return self.links.retain(|link| link.id != id);
        }
        self.orders.push_back(Transmit::Abort(id));
        if let Some(link) = self.link_mut(id) {
            link.state = State::Closing;
        }
    }

    /// What was begun is refused; what was gathered since is applied to what is in force.
    fn refuse_opening(&mut self, reason: &str) {
        (self.updates.connection, self.updates.give_up_at) = (None, None);
        for mut asked in std::mem::take(&mut self.updates.opening) {
            refuse(&mut asked.answer, reason);
            self.answer(asked.answer);
        }
        self.wanted = self.settings.clone();
        for asked in &mut self.updates.waiting {
            let applied = self.wanted.apply(&asked.delta, self.line.place);
            (asked.answer.changed, asked.answer.rejected) = (applied.changed, applied.rejected);
            asked.answer.warnings = applied.warnings;
        }
    }

    /// The session ends, or has failed: nothing changes any more.
    pub(super) fn reject_updates(&mut self, reason: &str) {
        self.abort_next();
        self.wanted = self.settings.clone();
        let updates = std::mem::take(&mut self.updates);
        for mut asked in updates.opening.into_iter().chain(updates.waiting) {
            refuse(&mut asked.answer, reason);
            self.answer(asked.answer);
        }
    }

    fn answer(&mut self, answer: SettingsAnswer) {
        self.tell(SttEvent::Answered(Box::new(answer)));
    }
}

/// What had changed is refused instead.
fn refuse(answer: &mut SettingsAnswer, reason: &str) {
    let changed = std::mem::take(&mut answer.changed);
    answer.rejected.extend(
        changed.into_iter().map(|change| Rejected { field: change.field, reason: reason.to_owned() }),
    );
}
