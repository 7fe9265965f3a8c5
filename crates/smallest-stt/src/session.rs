//! What the service decides, without waiting: audio and boundaries in, transcriptions out, over as many
//! connections as it takes.
//!
//! In: [`SttCommand`]s of the pipeline, what happens to connections, time. Out: what to do on the network
//! and [`SttEvent`]s. It reads no clock, opens no socket and spawns nothing; `voxline_wire::drive` waits for it.
//! 1. Every byte handed over goes out once on a connection and in order; no message of audio is empty.
//! 2. A `finalize` goes out after all audio given before it, once on a connection.
//! 3. Audio that no final has covered is kept, 30 s by default, and sent again after a lost connection.
//! 4. Every update is answered once, every mark of the connection's state is told once and in order.
//! 5. Every wait has a deadline: see [`poll_timeout`](Session::poll_timeout).
//!
//! Read next, in this order: `ring.rs` and `clock.rs` (where audio stands), `link.rs` (a connection),
//! `sending.rs`, `receiving.rs`, `finalize.rs` (which final answers what), `connecting.rs`, `updating.rs`.

mod clock;
mod connecting;
mod finalize;
mod hearing;
mod intake;
mod link;
mod opus;
mod receiving;
mod ring;
mod sending;
mod speech;
mod updating;

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use voxline_audio::SampleRate;
use voxline_core::{
    frame::UtteranceId,
    service::{SttAudio, SttCommand, SttEvent},
};
use voxline_wire::{Backoff, CloseReason, ConnectionId, Deadline, Happened, Message, Session, Transmit};

use self::{
    finalize::Marks,
    hearing::Hearing,
    intake::Intake,
    link::{Link, State},
    ring::{Chunk, Ring},
    speech::Speech,
    updating::Updates,
};
use crate::{
    config::{Keepalive, SttConfig},
    counters::SttCounters,
    error::SttError,
    line::Line,
    settings::SttSettings,
};

/// How long a connection that took over waits for the last words of the one before it.
const HOLD: Duration = Duration::from_secs(2);
/// How many events wait to be taken; beyond it interims go first, then the oldest.
const MOST_EVENTS: usize = 1024;

/// How far the session is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Running,
    /// No more audio comes. Progress was last made then.
    Ending {
        progress: Instant,
    },
    /// Nothing more will be opened; what is open is being closed.
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Options {
    keepalive: Keepalive,
    raw: bool,
    withhold_interims: bool,
    close_within: Duration,
}

/// The decisions of one call's speech-to-text.
pub struct SttSession {
    line: Line,
    options: Options,
    counters: SttCounters,
    /// In force, and in force once all updates are done.
    settings: SttSettings,
    wanted: SttSettings,
    /// The latest with which the service answered.
    proven: Option<SttSettings>,
    intake: Intake,
    ring: Ring,
    marks: Marks,
    hearing: Hearing,
    speech: Speech,
    updates: Updates,
    links: Vec<Link>,
    current: Option<ConnectionId>,
    next: Option<ConnectionId>,
    ids: u64,
    backoff: Backoff,
    retry_at: Option<Instant>,
    refusals: u32,
    last_close: Option<CloseReason>,
    was_connected: bool,
    /// Where a new connection begins: everything before is transcribed, or owed by a connection that is leaving.
    resume: u64,
    /// How far audio has been sent on any connection, and how far it was let go unheard.
    sent_to: u64,
    let_go_to: u64,
    /// What the current connection said while another owed its last words.
    held: VecDeque<(ConnectionId, String)>,
    hold_until: Option<Instant>,
    phase: Phase,
    misfit: Option<String>,
    orders: VecDeque<Transmit>,
    events: VecDeque<SttEvent>,
    now: Instant,
}

impl SttSession {
    /// A session for a pipeline of this rate. Its first connect is asked for at once.
    ///
    /// `seed` decides the jitter between reconnects.
    ///
    /// # Errors
    /// [`SttError`] when the configuration or the settings cannot be used, or the language is known not to
    /// be served where the connection would lead.
    pub fn new(
        config: &SttConfig,
        settings: SttSettings,
        pipeline: SampleRate,
        counters: SttCounters,
        seed: u64,
        now: Instant,
    ) -> Result<Self, SttError> {
        let line = checked(config, &settings, pipeline)?;
        let intake = Intake::new(line.encoding, line.rate);
        let options = Options {
            keepalive: config.keepalive,
            raw: config.raw,
            withhold_interims: config.withhold_interims,
            close_within: config.close_within,
        };
        let mut session = Self {
            ring: Ring::new(intake.measure(), config.kept_audio),
            line,
            options,
            counters,
            wanted: settings.clone(),
            settings,
            proven: None,
            intake,
            marks: Marks::default(),
            hearing: Hearing::default(),
            speech: Speech::default(),
            updates: Updates::default(),
            // Two only while one takes over from the other.
            links: Vec::with_capacity(1),
            current: None,
            next: None,
            ids: 0,
            backoff: Backoff::new(config.backoff.clone(), seed),
            retry_at: None,
            refusals: 0,
            last_close: None,
            was_connected: false,
            resume: 0,
            sent_to: 0,
            let_go_to: 0,
            held: VecDeque::new(),
            hold_until: None,
            phase: Phase::Running,
            misfit: None,
            orders: VecDeque::new(),
            events: VecDeque::new(),
            now,
        };
        let settings = session.settings.clone();
        session.current = Some(session.connect(now, settings));
        Ok(session)
    }

    fn audio(&mut self, audio: &SttAudio, at: Duration) {
        match self.intake.take(audio, at) {
            Ok(chunks) => {
                self.misfit = None;
                chunks.into_iter().for_each(|chunk| self.keep(chunk));
            }
            Err(error) => {
                // The same misfit comes with every frame: it is told once.
                let text = error.to_string();
                if self.misfit.as_ref() != Some(&text) {
                    self.misfit = Some(text);
                    self.tell(SttEvent::Failed(error.into_service(false)));
                }
            }
        }
    }

    fn keep(&mut self, chunk: Chunk) {
        let measure = self.ring.measure();
        self.counters.audio(measure.time(chunk.ticks));
        let front = self.ring.front();
        let unsent = self.ring.push(chunk, self.sent_to);
        if self.ring.front() > front {
            self.let_go_to = self.ring.front();
        }
        self.drop_audio(unsent);
        self.count_waiting();
    }

    /// Notes how much audio has not been sent on any connection.
    fn count_waiting(&self) {
        let from = self.sent_to.max(self.ring.front());
        self.counters.set_waiting(self.ring.lasting(from, self.ring.head()));
    }

    fn drop_audio(&mut self, audio: Duration) {
        if !audio.is_zero() {
            self.counters.dropped(audio);
            self.tell(SttEvent::Dropped { audio });
        }
    }

    fn boundary(&mut self, utterance: UtteranceId) {
        self.intake.flush().into_iter().for_each(|chunk| self.keep(chunk));
        let head = self.ring.head();
        self.marks.push(utterance, head, self.ring.time_at(head));
        self.speech.ended(utterance);
    }

    fn end(&mut self, now: Instant) {
        let (chunks, partial) = self.intake.finish(self.ring.time_at(self.ring.head()));
        self.counters.partial_bytes(partial);
        chunks.into_iter().for_each(|chunk| self.keep(chunk));
        self.reject_updates("the session is ending");
        self.phase = Phase::Ending { progress: now };
    }

    /// Lets audio go that is transcribed and that no connection has still to send.
    fn let_go(&mut self) {
        let leaving = self.links.iter().filter(|link| link.is_leaving() && link.state == State::Open);
        let needed = leaving.map(|link| link.cursor).chain([self.resume]).min().unwrap_or(self.resume);
        self.ring.let_go(needed);
    }

    /// Does what time and the last input have made possible.
    fn advance(&mut self, now: Instant) {
        // First what may settle an utterance or end a connection, then what waits for that.
        self.close_overdue(now);
        self.release_held(now, false);
        if self.retry_at.is_some_and(|at| now >= at) {
            self.retry_at = None;
            let settings = self.settings.clone();
            self.current = Some(self.connect(now, settings));
        }
        self.advance_updates(now);
        self.let_go();
        self.advance_end(now);
        self.keep_alive(now);
    }

    /// Closes connections whose last words did not come in time.
    fn close_overdue(&mut self, now: Instant) {
        for link in &mut self.links {
            if link.state == State::Open && link.until.is_some_and(|(_, deadline)| now >= deadline) {
                link.state = State::Closing;
                self.orders.push_back(Transmit::Close(link.id));
                tracing::debug!(connection = link.id.0, "its last message did not come");
            }
        }
    }

    fn advance_end(&mut self, now: Instant) {
        let Phase::Ending { progress } = self.phase else { return };
        let open = self.current.and_then(|id| self.link(id)).is_some_and(|link| link.state == State::Open);
        if !open && self.resume >= self.ring.head() {
            for mark in self.marks.settle_to(self.resume) {
                self.tell(connecting::settled(mark.utterance));
            }
            return self.finish();
        }
        if now >= progress + self.options.close_within {
            let unsent = self.ring.lasting(self.resume.max(self.sent_to), self.ring.head());
            self.drop_audio(unsent);
            let (what, after) = ("the last transcription", self.options.close_within);
            self.tell(SttEvent::Failed(SttError::TimedOut { what, after }.into_service(false)));
            self.finish();
        }
    }

    fn tell(&mut self, event: SttEvent) {
        if self.events.len() >= MOST_EVENTS {
            let interim = |event: &SttEvent| matches!(event, SttEvent::Heard(heard) if !heard.is_final);
            let index = self.events.iter().position(interim).unwrap_or(0);
            self.events.remove(index);
            self.counters.events_lost(1);
        }
        self.events.push_back(event);
    }

    fn deadlines(&self) -> impl Iterator<Item = Deadline> {
        let leaving = self.links.iter().filter(|link| link.state == State::Open);
        let leaving = leaving.filter_map(|link| link.until.map(|(_, deadline)| deadline)).min();
        let end = match self.phase {
            Phase::Ending { progress } => Some(progress + self.options.close_within),
            Phase::Running | Phase::Over => None,
        };
        let held = self.hold_until.filter(|_| !self.held.is_empty());
        let running = matches!(self.phase, Phase::Running);
        [
            (self.retry_at, "the time to connect again"),
            (self.update_due().filter(|_| running), "the end of the utterance, to change settings"),
            (self.update_limit(), "a connection with the changed settings"),
            (leaving, "the last words of the connection before"),
            (held, "the words before"),
            (end, "the last transcription"),
            (self.keepalive_check().filter(|_| running), "a look at the idle connection"),
        ]
        .into_iter()
        .filter_map(|(at, why)| Some(Deadline { at: at?, why }))
    }
}

/// The line, once everything about the configuration and the settings is known to fit.
fn checked(config: &SttConfig, settings: &SttSettings, pipeline: SampleRate) -> Result<Line, SttError> {
    let line = Line::new(config, pipeline)?;
    settings.validate()?;
    if let Some(error) = settings.refused_at(line.place) {
        return Err(error);
    }
    for warning in settings.warnings(line.place) {
        let (field, reason) = (warning.field, warning.reason);
        tracing::warn!(field, reason, "a setting without the hoped-for effect");
    }
    Ok(line)
}

impl Session for SttSession {
    type Command = SttCommand;
    type Event = SttEvent;

    fn handle_command(&mut self, now: Instant, command: SttCommand) {
        self.now = now;
        match (command, self.phase) {
            (SttCommand::Update { update, delta }, _) => self.update(now, update, delta),
            (_, Phase::Ending { .. } | Phase::Over) => {}
            (SttCommand::Audio { audio, at }, Phase::Running) => self.audio(&audio, at),
            (SttCommand::SpeechStarted { utterance }, Phase::Running) => self.speech.started(utterance),
            (SttCommand::Finalize { utterance }, Phase::Running) => self.boundary(utterance),
            (SttCommand::End, Phase::Running) => self.end(now),
        }
        self.advance(now);
    }

    fn handle_connection(&mut self, now: Instant, id: ConnectionId, happened: Happened) {
        self.now = now;
        match happened {
            Happened::Opened => self.opened(now, id),
            Happened::Failed(error) => self.failed(now, id, &error),
            Happened::Message(Message::Text(text)) => self.text(now, id, text),
            Happened::Message(Message::Binary(bytes)) => {
                self.counters.messages(1);
                self.counters.unexpected_binary(1);
                tracing::warn!(bytes = bytes.len(), "a binary message was ignored");
            }
            Happened::Closed(reason) => self.closed(now, id, &reason),
        }
        self.advance(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.advance(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.next_transmit()
    }

    fn poll_event(&mut self) -> Option<SttEvent> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.deadlines().min_by_key(|deadline| deadline.at)
    }

    fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Over) && self.links.is_empty()
    }
}

impl fmt::Debug for SttSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SttSession")
            .field("phase", &self.phase)
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}
