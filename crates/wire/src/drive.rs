//! The one loop that waits: it drives a [`Session`] over real or pretended connections.
//!
//! In: commands, and what happens to the connections. Out: events, and what the session transmits.
//! 1. It names one thing that happened, calls the session once, and drains its polls before the next.
//! 2. While a connection's queue is full it takes no further transmit and no command; what arrives, and
//!    time, go on being told.
//! 3. While the receiver of events is not ready, events stay in the session, and nothing else waits for
//!    them: a session must know its own bound for what it keeps.
//! 4. It ends: when the session is finished, or `shutdown_within` after the commands ended, the event
//!    receiver went away, or the session was finished and something else was not.
//! 5. It is one future with no task beside it. Dropping it closes every socket at once.
//!
//! Connections, commands and time take turns, so none of them can starve another.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::{task::coop, time::Sleep};

use crate::{
    config::WireConfig,
    connection::Connection,
    ports::{Commands, Events},
    session::{ConnectionId, Happened, Session, Transmit},
    time::later,
};

/// How a driver came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The session was finished, and so was everything it had asked for.
    Finished,
    /// The shutdown deadline passed first; what was open was dropped.
    Aborted {
        /// What was waited for: the session's own word for its deadline, or the driver's.
        waiting_for: &'static str,
        /// How many connections there still were.
        connections: usize,
    },
}

/// Drives a session to its end. See the [crate's page](crate) for what it promises.
///
/// Needs a tokio runtime with time, from the call on, and with I/O for the [`TcpConnector`](crate::TcpConnector).
pub fn drive<S, C, E>(
    session: S,
    commands: C,
    events: E,
    config: WireConfig,
) -> impl Future<Output = Ended> + use<S, C, E>
where
    S: Session,
    C: Commands<Command = S::Command>,
    E: Events<S::Event>,
{
    // Put together before the future begins: an async function would keep room for its arguments beside it.
    let mut driver = Driver::new(session, commands, events, config);
    async move {
        loop {
            match poll_fn(|cx| driver.poll_step(cx)).await {
                Step::Over(ended) => return ended,
                step => driver.handle(step),
            }
        }
    }
}

/// What happened.
enum Step<C> {
    Command(C),
    CommandsEnded,
    Connection(ConnectionId, Happened),
    /// The session's deadline has come.
    Timeout,
    /// The driver's own, for everything.
    ShutdownExpired,
    Over(Ended),
}

/// Where things happen; they are asked in turns.
#[derive(Clone, Copy)]
enum Source {
    Connections,
    Commands,
    Time,
}

struct Driver<S: Session, C, E> {
    session: S,
    commands: C,
    events: E,
    config: WireConfig,
    connections: Vec<Connection>,
    /// The connection to ask first, so that they too take turns.
    first: usize,
    turn: Source,
    /// A transmit that waits for room in its connection's queue.
    held: Option<Transmit>,
    /// The ends of connections given up by us. As many as there were connections.
    given_up: VecDeque<(ConnectionId, Happened)>,
    commands_ended: bool,
    events_closed: bool,
    events_waiting: bool,
    send_waiting: bool,
    shutdown_at: Option<Instant>,
    aborted: Option<Ended>,
    sleep: Pin<Box<Sleep>>,
}

impl<S, C, E> Driver<S, C, E>
where
    S: Session,
    C: Commands<Command = S::Command>,
    E: Events<S::Event>,
{
    fn new(session: S, commands: C, events: E, config: WireConfig) -> Self {
        Self {
            session,
            commands,
            events,
            config,
            // Nearly always one, and a connection is large.
            connections: Vec::with_capacity(1),
            first: 0,
            turn: Source::Connections,
            held: None,
            given_up: VecDeque::new(),
            commands_ended: false,
            events_closed: false,
            events_waiting: false,
            send_waiting: false,
            shutdown_at: None,
            aborted: None,
            sleep: Box::pin(tokio::time::sleep_until(tokio::time::Instant::now())),
        }
    }

    fn handle(&mut self, step: Step<S::Command>) {
        let now = now();
        match step {
            Step::Command(command) => self.session.handle_command(now, command),
            Step::CommandsEnded => self.commands_ended = true,
            Step::Connection(id, happened) => self.session.handle_connection(now, id, happened),
            Step::Timeout => self.session.handle_timeout(now),
            Step::ShutdownExpired => self.abort_all(),
            Step::Over(_) => {}
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step<S::Command>> {
        // A session whose deadline never moves must not keep the thread for itself.
        let budget = ready!(coop::poll_proceed(cx));
        budget.made_progress();
        loop {
            let now = now();
            let told = self.pump_events(cx);
            if let Some((id, happened)) = self.given_up.pop_front() {
                return Poll::Ready(Step::Connection(id, happened));
            }
            if let Some(ended) = self.aborted {
                return Poll::Ready(Step::Over(ended));
            }
            let sent = self.pump_transmits();
            if !self.given_up.is_empty() {
                continue;
            }
            if told && sent && self.connections.is_empty() && self.session.is_finished() {
                return Poll::Ready(Step::Over(Ended::Finished));
            }
            if self.shutdown_expired(now) {
                return Poll::Ready(Step::ShutdownExpired);
            }
            if let Poll::Ready(step) = self.poll_sources(cx, now) {
                return Poll::Ready(step);
            }
            if self.held_has_room() || self.poll_sleep(cx).is_ready() {
                continue;
            }
            return Poll::Pending;
        }
    }

    /// Tells all there is to tell. Whether it came to the end of it.
    fn pump_events(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            match self.events.poll_ready(cx) {
                Poll::Ready(open) => {
                    self.events_closed = !open;
                    self.events_waiting = false;
                    let Some(event) = self.session.poll_event() else { return true };
                    if open {
                        self.events.send(event);
                    }
                }
                Poll::Pending => {
                    if !std::mem::replace(&mut self.events_waiting, true) {
                        self.config.stats.event_waits();
                    }
                    return false;
                }
            }
        }
    }

    /// Does all there is to do on the network. Whether it came to the end of it: a full queue stops it.
    fn pump_transmits(&mut self) -> bool {
        while let Some(transmit) = self.held.take().or_else(|| self.session.poll_transmit()) {
            match transmit {
                // An id used twice is the session's mistake; its first connection stays the one.
                Transmit::Connect(id, _) if self.connection(id).is_some() => {
                    tracing::debug!(connection = id.0, "a second connect with the same id was ignored");
                }
                Transmit::Connect(id, request) => {
                    tracing::debug!(connection = id.0, "connect");
                    self.connections.push(Connection::new(id, request, &self.config));
                }
                Transmit::Send(id, message) => match self.connection(id) {
                    None => self.config.stats.dropped(1),
                    Some(connection) if connection.has_room(&message) => connection.send(message),
                    Some(_) => {
                        self.held = Some(Transmit::Send(id, message));
                        if !std::mem::replace(&mut self.send_waiting, true) {
                            self.config.stats.send_waits();
                        }
                        return false;
                    }
                },
                Transmit::Close(id) => {
                    if let Some(connection) = self.connection(id) {
                        connection.close();
                    }
                }
                Transmit::Abort(id) => {
                    if let Some(index) = self.connections.iter().position(|one| one.id == id) {
                        self.given_up.push_back((id, self.connections.swap_remove(index).abort()));
                    }
                }
            }
        }
        self.send_waiting = false;
        true
    }

    fn poll_sources(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Step<S::Command>> {
        for _ in 0..3 {
            let (next, polled) = match self.turn {
                Source::Connections => (Source::Commands, self.poll_connections(cx, now)),
                Source::Commands => (Source::Time, self.poll_commands(cx)),
                Source::Time => (Source::Connections, self.poll_timeout(now)),
            };
            self.turn = next;
            if polled.is_ready() {
                return polled;
            }
        }
        Poll::Pending
    }

    fn poll_connections(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Step<S::Command>> {
        let count = self.connections.len();
        for offset in 0..count {
            let index = (self.first + offset) % count;
            let connection = &mut self.connections[index];
            let Poll::Ready(happened) = connection.poll(cx, now) else { continue };
            let id = connection.id;
            self.first = index + 1;
            match &happened {
                Happened::Opened => tracing::debug!(connection = id.0, "opened"),
                Happened::Message(_) => {}
                Happened::Failed(error) => {
                    tracing::debug!(connection = id.0, %error, "failed");
                    self.connections.swap_remove(index);
                }
                Happened::Closed(reason) => {
                    tracing::debug!(connection = id.0, %reason, "closed");
                    self.connections.swap_remove(index);
                }
            }
            return Poll::Ready(Step::Connection(id, happened));
        }
        Poll::Pending
    }

    fn poll_commands(&mut self, cx: &mut Context<'_>) -> Poll<Step<S::Command>> {
        if self.held.is_some() || self.commands_ended {
            return Poll::Pending;
        }
        let command = ready!(self.commands.poll_next(cx));
        Poll::Ready(command.map_or(Step::CommandsEnded, Step::Command))
    }

    fn poll_timeout(&self, now: Instant) -> Poll<Step<S::Command>> {
        match self.session.poll_timeout() {
            Some(deadline) if now >= deadline.at => Poll::Ready(Step::Timeout),
            _ => Poll::Pending,
        }
    }

    /// Waits for the earliest of all deadlines. Ready means: look again.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadlines = self.connections.iter().filter_map(Connection::wake_at);
        let own = self.session.poll_timeout().map(|deadline| deadline.at);
        let Some(earliest) = deadlines.chain(own).chain(self.shutdown_at).min() else { return Poll::Pending };
        let earliest = tokio::time::Instant::from_std(earliest);
        if self.sleep.deadline() != earliest {
            self.sleep.as_mut().reset(earliest);
        }
        self.sleep.as_mut().poll(cx)
    }

    fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|one| one.id == id)
    }

    fn held_has_room(&self) -> bool {
        let Some(Transmit::Send(id, message)) = &self.held else { return false };
        let connection = self.connections.iter().find(|one| one.id == *id);
        connection.is_none_or(|connection| connection.has_room(message))
    }

    fn shutdown_expired(&mut self, now: Instant) -> bool {
        if self.session.is_finished() || self.commands_ended || self.events_closed {
            let within = self.config.shutdown_within;
            self.shutdown_at.get_or_insert_with(|| later(now, within));
        }
        self.shutdown_at.is_some_and(|at| now >= at)
    }

    /// Gives everything up. The session hears how each connection ended, and is asked for events once more.
    fn abort_all(&mut self) {
        let waiting_for = match self.session.poll_timeout() {
            _ if self.session.is_finished() && self.connections.is_empty() => "the receiver of events",
            _ if self.session.is_finished() => "the end of the connections",
            Some(deadline) => deadline.why,
            None => "the session to finish",
        };
        let connections = self.connections.len();
        tracing::debug!(waiting_for, connections, "shutdown deadline passed");
        self.aborted = Some(Ended::Aborted { waiting_for, connections });
        self.held = None;
        let open = std::mem::take(&mut self.connections);
        self.given_up.extend(open.into_iter().map(|connection| (connection.id, connection.abort())));
    }
}

/// Tokio's clock, so that tests can pause it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
