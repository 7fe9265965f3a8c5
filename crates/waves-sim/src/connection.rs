//! The socket loop: everything that waits on an upgraded connection.
//!
//! Each turn names what happened (a message came, a message may leave, time passed, a fault was put on),
//! tells the session once, and puts what it answers through the faults into the outbox.
//! Writing never stops reading, except when the outbox is full: then reading stops, too, so that a client
//! that does not read is not served without bound. A write without progress ends the connection.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use futures_util::{Sink as _, StreamExt as _};
use tokio::{
    io::AsyncWriteExt as _,
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::CapacityError,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::Direction;
use crate::closing::{CLOSE_TIMEOUT, Closing, End};
use crate::fault::{Condition, FaultFilter, FaultKind, When, Wire};
use crate::io::{Io, IoEvent, Reads};
use crate::log::{AudioDigest, AudioMark, ClosedBy, Log, LogEvent};
use crate::outbox::Outbox;
use crate::session::{Output, Session};
use crate::stream::Stream;
use crate::stt::ScriptPosition;

/// What a connection is told from outside.
#[derive(Debug)]
pub(crate) enum Order {
    Fault(FaultKind),
    Shutdown,
}

/// What a connection is made of.
pub(crate) struct Parts {
    pub(crate) id: u64,
    pub(crate) direction: Direction,
    pub(crate) socket: WebSocketStream<Stream>,
    pub(crate) session: Box<dyn Session>,
    pub(crate) faults: FaultFilter,
    pub(crate) orders: mpsc::Receiver<Order>,
    /// False for a connection that is only there to be closed.
    pub(crate) takes_orders: bool,
    pub(crate) log: Arc<Log>,
    pub(crate) latency: Duration,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) write_timeout: Duration,
}

/// One upgraded connection.
pub(crate) struct Connection {
    parts: Parts,
    opened: Instant,
    outbox: Outbox,
    audio: AudioDigest,
    next_ping: Option<Duration>,
    /// Since when something has been written and not flushed.
    unflushed: Option<Duration>,
    closing: Closing,
    hearing: Hearing,
    shutting_down: bool,
    messages_sent: u64,
}

/// Whether what the client sends is still understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Messages,
    /// A message was too big: the rest of it, and all after it, is thrown away.
    Nothing,
}

/// What a turn of the loop found.
enum Happened {
    Io(IoEvent),
    Time,
    Order(Option<Order>),
}

impl Connection {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            next_ping: parts.ping_interval,
            shutting_down: !parts.takes_orders,
            parts,
            opened: Instant::now(),
            outbox: Outbox::default(),
            audio: AudioDigest::default(),
            unflushed: None,
            closing: Closing::No,
            hearing: Hearing::Messages,
            messages_sent: 0,
        }
    }

    /// Serves the connection to its end and tells `on_position` how far the script was read.
    pub(crate) async fn run(mut self, mut on_position: impl FnMut(ScriptPosition)) {
        let end = loop {
            self.drain_session();
            if let Some(position) = self.parts.session.script_position() {
                on_position(position);
            }
            match self.parts.faults.condition(self.now()) {
                Condition::Dropped { reset } => break self.drop_by_fault(reset).await,
                Condition::Frozen => self.freeze().await,
                Condition::Sound | Condition::Stalled => {}
            }
            let happened = self.happening().await;
            if let Some(end) = self.handle(happened).await {
                break end;
            }
        };
        if end.by == ClosedBy::Client {
            self.answer_close().await;
        }
        let End { by, code, reason } = end;
        if self.parts.direction == Direction::SpeechToText {
            self.parts.log.write(self.parts.id, self.audio.event(AudioMark::End));
        }
        let messages_sent = self.messages_sent;
        self.parts.log.write(self.parts.id, LogEvent::Closed { by, code, reason, messages_sent });
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    fn drain_session(&mut self) {
        let now = self.now();
        while let Some(output) = self.parts.session.poll_output() {
            if !matches!(self.closing, Closing::No) || self.is_stalled(now) {
                continue;
            }
            let due = now + self.parts.latency + self.parts.faults.delay();
            match output {
                Output::Send(reply) => {
                    for wire in self.parts.faults.handle_reply(reply) {
                        self.outbox.push(due, wire);
                    }
                }
                Output::Close { .. } if self.parts.faults.swallows_close() => {}
                Output::Close { code, reason } => self.queue_close(due, code, reason),
            }
        }
    }

    fn is_stalled(&self, now: Duration) -> bool {
        self.parts.faults.condition(now) == Condition::Stalled
    }

    fn queue_close(&mut self, due: Duration, code: u16, reason: String) {
        self.outbox.push(due, Wire::Close { code, reason });
        self.closing = Closing::Queued;
    }

    /// Waits for the next thing to happen.
    async fn happening(&mut self) -> Happened {
        let now = self.now();
        let wake = self.wake(now).map(|at| self.opened + at);
        let may_send = self.outbox.has_due(now) && !self.is_stalled(now);
        let reads = match self.hearing {
            Hearing::Messages if self.outbox.is_full() && may_send => Reads::Nothing,
            Hearing::Messages => Reads::Messages,
            Hearing::Nothing => Reads::Discard,
        };
        let io = Io { socket: &mut self.parts.socket, may_send, flush: self.unflushed.is_some(), reads };
        tokio::select! {
            order = self.parts.orders.recv(), if !self.shutting_down => Happened::Order(order),
            event = io.next() => Happened::Io(event),
            () = sleep_until(wake.unwrap_or(self.opened)), if wake.is_some() => Happened::Time,
        }
    }

    /// When time alone makes something happen.
    fn wake(&self, now: Duration) -> Option<Duration> {
        // A session whose answers pile up is not asked for more.
        let session = self.parts.session.poll_timeout().filter(|_| !self.outbox.is_full());
        let outbox = self.outbox.next_due().filter(|due| *due > now);
        let write = self.unflushed.map(|since| since + self.parts.write_timeout);
        let close = self.closing.deadline();
        let fault = self.parts.faults.poll_timeout(now);
        [session, outbox, write, close, fault, self.next_ping].into_iter().flatten().min()
    }

    /// Acts on what happened; `Some` when the connection is over.
    async fn handle(&mut self, happened: Happened) -> Option<End> {
        match happened {
            Happened::Io(IoEvent::Message(message)) => return self.handle_message(message),
            Happened::Io(IoEvent::MayWrite) => return self.write_next().await,
            Happened::Io(IoEvent::Flushed) => self.unflushed = None,
            Happened::Time => return self.handle_time(),
            Happened::Order(Some(Order::Fault(kind))) => self.put_on(kind),
            Happened::Order(Some(Order::Shutdown) | None) => {
                self.shutting_down = true;
                self.close_now(1001, "simulator is going away");
            }
            Happened::Io(IoEvent::Failed(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                self.hearing = Hearing::Nothing;
                self.close_now(1009, "message too big");
            }
            Happened::Io(IoEvent::Failed(error)) => {
                return Some(self.closing.end_by_stream(&error.to_string()));
            }
            Happened::Io(IoEvent::Ended) => return Some(self.closing.end_by_stream("the stream ended")),
        }
        None
    }

    /// A fault for the open connection.
    fn put_on(&mut self, kind: FaultKind) {
        let now = self.now();
        self.parts.log.write(self.parts.id, LogEvent::Fault { fault: format!("{kind:?}") });
        match kind {
            FaultKind::Close { code, reason } => self.close_now(code, &reason),
            kind => self.parts.faults.add(kind, now),
        }
    }

    fn close_now(&mut self, code: u16, reason: &str) {
        if matches!(self.closing, Closing::No) {
            self.queue_close(self.now(), code, reason.to_owned());
        }
    }

    fn handle_message(&mut self, message: Message) -> Option<End> {
        let now = self.now();
        match message {
            Message::Text(text) => {
                self.parts.faults.note_received(text.len());
                self.log_text(&text);
                self.parts.session.handle_text(now, &text);
            }
            Message::Binary(bytes) => {
                self.parts.faults.note_received(bytes.len());
                self.audio.push(&bytes);
                self.parts.session.handle_binary(now, &bytes);
            }
            Message::Close(frame) => return Some(self.closing.end_by_close(frame)),
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        None
    }

    fn log_text(&mut self, text: &str) {
        let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
        if self.parts.direction == Direction::TextToSpeech {
            let body = json.unwrap_or_else(|| text.into());
            return self.parts.log.write(self.parts.id, LogEvent::Request { body });
        }
        let mark = match json.as_ref().and_then(|json| json["type"].as_str()) {
            Some("finalize") => Some(AudioMark::Finalize),
            Some("close_stream") => Some(AudioMark::CloseStream),
            _ => None,
        };
        self.parts.log.write(self.parts.id, LogEvent::Control { message: text.to_owned() });
        if let Some(mark) = mark {
            self.parts.log.write(self.parts.id, self.audio.event(mark));
        }
    }

    /// Hands the next message to the socket, which has room for it.
    async fn write_next(&mut self) -> Option<End> {
        let now = self.now();
        let wire = self.outbox.pop_due(now)?;
        let message = match wire {
            Wire::Text(text) => {
                self.note_sent(text.len());
                Message::text(text)
            }
            Wire::Binary(bytes) => {
                self.note_sent(bytes.len());
                Message::binary(bytes)
            }
            Wire::Ping => Message::Ping(Vec::new().into()),
            Wire::Close { code, reason } => {
                let frame = CloseFrame { code: CloseCode::from(code), reason: reason.clone().into() };
                self.closing = Closing::Sent { code, reason, until: now + CLOSE_TIMEOUT };
                Message::Close(Some(frame))
            }
            Wire::Raw(bytes) => return self.write_raw(&bytes).await,
        };
        self.unflushed.get_or_insert(now);
        Pin::new(&mut self.parts.socket)
            .start_send(message)
            .err()
            .map(|error| self.closing.end_by_stream(&error.to_string()))
    }

    fn note_sent(&mut self, bytes: usize) {
        self.messages_sent += 1;
        self.parts.faults.note_sent(bytes);
    }

    /// Bytes past the protocol, after everything before them.
    async fn write_raw(&mut self, bytes: &[u8]) -> Option<End> {
        let socket = &mut self.parts.socket;
        let write = async {
            poll_fn(|cx| Pin::new(&mut *socket).poll_flush(cx)).await.map_err(|error| error.to_string())?;
            socket.get_mut().write_all(bytes).await.map_err(|error| error.to_string())
        };
        match tokio::time::timeout(self.parts.write_timeout, write).await {
            Ok(Ok(())) => None,
            Ok(Err(reason)) => Some(self.closing.end_by_stream(&reason)),
            Err(_) => Some(self.closing.end_by_stream("the client does not read")),
        }
    }

    fn handle_time(&mut self) -> Option<End> {
        let now = self.now();
        if self.unflushed.is_some_and(|since| now >= since + self.parts.write_timeout) {
            return Some(End::dropped("the client does not read"));
        }
        if self.closing.deadline().is_some_and(|until| now >= until) {
            return Some(self.closing.end_by_stream("the client did not answer the close"));
        }
        if let Some(interval) =
            self.parts.ping_interval.filter(|_| self.next_ping.is_some_and(|at| now >= at))
        {
            self.next_ping = Some(now + interval);
            self.outbox.push(now, Wire::Ping);
        }
        if self.parts.session.poll_timeout().is_some_and(|at| now >= at) && !self.outbox.is_full() {
            self.parts.session.handle_timeout(now);
        }
        None
    }

    async fn drop_by_fault(&mut self, reset: bool) -> End {
        // What counts as sent has to have left.
        self.flush().await;
        if reset && let Err(error) = self.parts.socket.get_ref().reset_on_drop() {
            tracing::warn!(%error, "the connection cannot be reset and is closed instead");
        }
        End { by: ClosedBy::Fault, code: None, reason: if reset { "reset" } else { "drop" }.to_owned() }
    }

    /// Neither reads nor writes until the simulator goes or another fault ends it.
    async fn freeze(&mut self) {
        self.flush().await;
        loop {
            match self.parts.orders.recv().await {
                Some(Order::Fault(kind)) => self.put_on(kind),
                // A frozen connection says no goodbye.
                Some(Order::Shutdown) | None => self.put_on(FaultKind::Drop(When::After(Duration::ZERO))),
            }
            if matches!(self.parts.faults.condition(self.now()), Condition::Dropped { .. }) {
                return;
            }
        }
    }

    async fn flush(&mut self) {
        let socket = &mut self.parts.socket;
        let flush = poll_fn(|cx| Pin::new(&mut *socket).poll_flush(cx));
        // A client that does not read, or is gone, loses what it would not have got anyway.
        let _ = tokio::time::timeout(self.parts.write_timeout, flush).await;
    }

    /// Lets the library's answer to the client's close leave.
    async fn answer_close(&mut self) {
        let rest = async { while let Some(Ok(_)) = self.parts.socket.next().await {} };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, rest).await;
    }
}
