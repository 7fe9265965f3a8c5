//! An open WebSocket: reads, writes, pings and the close, in one `poll`.
//!
//! 1. Every poll first writes what it can, then reads: neither waits for the other. Reading is what makes
//!    tungstenite answer the server's pings, so a ping is answered while the application is idle.
//! 2. A message is taken from the queue only when the one before has left the write buffer (or both fit
//!    in 8 KiB): the queue's bound is the bound.
//! 3. When a write fails, reading goes on for `close_within`: the peer's close frame, which says why it
//!    left, is often already on its way.
//! 4. After our close frame messages are still delivered, until the peer's answer or `close_within`.
//!
//! Leaving is best effort: a close frame is flushed as far as the stream takes it at once.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWrite as _;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Bytes,
        error::{CapacityError, Error, ProtocolError},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::{
    connect::Stream,
    error::CloseReason,
    liveness::{Due, Liveness, LivenessPolicy},
    meter::Meter,
    outgoing::{Outgoing, size},
    session::{Happened, Message},
    stats::WireStats,
    time::later,
};

pub(crate) type WebSocket = WebSocketStream<Meter<Box<dyn Stream>>>;

/// RFC 6455 section 7.1.5: what a close frame without a code counts as.
const NO_CODE: u16 = 1005;

pub(crate) struct Socket {
    ws: WebSocket,
    phase: Phase,
    liveness: Liveness,
    policy: LivenessPolicy,
    close_within: Duration,
    /// Bytes were handed to the WebSocket that the stream may not have taken yet.
    unflushed: bool,
    ping_due: bool,
    /// What the meter showed last.
    read: u64,
    written: u64,
    stats: WireStats,
}

enum Phase {
    Open,
    /// We are to close once the queue has been written.
    Draining,
    /// Our close frame is out; the peer has until then to answer.
    Closing(Instant),
    /// Writing failed; the peer's reason may still arrive until then.
    Broken(CloseReason, Instant),
}

impl Socket {
    pub(crate) fn new(
        ws: WebSocket,
        policy: LivenessPolicy,
        close_within: Duration,
        stats: WireStats,
        now: Instant,
    ) -> Self {
        let (read, written) = (ws.get_ref().read, ws.get_ref().written);
        let liveness = Liveness::new(policy, now);
        let (unflushed, ping_due) = (false, false);
        Self {
            ws,
            phase: Phase::Open,
            liveness,
            policy,
            close_within,
            unflushed,
            ping_due,
            read,
            written,
            stats,
        }
    }

    /// Does what can be done now. `Ready` with `Closed` is the last.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        queue: &mut Outgoing,
        now: Instant,
    ) -> Poll<Happened> {
        loop {
            if let Err(error) = self.write(cx, queue, now) {
                self.stats.dropped(queue.len());
                while queue.pop().is_some() {}
                let reason = self.reason(error);
                self.phase = Phase::Broken(reason, later(now, self.close_within));
            }
            if let Poll::Ready(happened) = self.read(cx, now) {
                return Poll::Ready(happened);
            }
            let ping_was_due = self.ping_due;
            if let Some(reason) = self.overdue(now) {
                return Poll::Ready(Happened::Closed(reason));
            }
            if ping_was_due || !self.ping_due {
                return Poll::Pending;
            }
        }
    }

    /// When to poll again, if nothing moves before.
    pub(crate) fn wake_at(&self) -> Instant {
        match self.phase {
            Phase::Open | Phase::Draining => self.liveness.next(),
            Phase::Closing(until) | Phase::Broken(_, until) => until,
        }
    }

    /// Closes with 1000 after what is in the queue.
    pub(crate) fn close(&mut self) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Draining;
        }
    }

    /// Whether a message for this connection would still be written.
    pub(crate) fn may_write(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Draining)
    }

    /// Tells the peer why we leave, as far as the stream takes it at once.
    pub(crate) fn leave(&mut self, cx: &mut Context<'_>, code: CloseCode) {
        if self.may_write() {
            let frame = CloseFrame { code, reason: tungstenite::Utf8Bytes::default() };
            let _ = self.ws.start_send_unpin(tungstenite::Message::Close(Some(frame)));
        }
        self.hang_up(cx);
    }

    fn write(&mut self, cx: &mut Context<'_>, queue: &mut Outgoing, now: Instant) -> Result<(), Error> {
        if matches!(self.phase, Phase::Broken(..)) {
            return Ok(());
        }
        while self.ws.poll_ready_unpin(cx)?.is_ready() {
            let Some(message) = self.next_frame(queue, now) else { break };
            self.unflushed = true;
            self.ws.start_send_unpin(message)?;
        }
        if self.unflushed && self.ws.poll_flush_unpin(cx)?.is_ready() {
            self.unflushed = false;
        }
        let written = self.ws.get_ref().written;
        self.liveness.wrote(now, written != self.written, self.unflushed || !queue.is_empty());
        self.written = written;
        Ok(())
    }

    /// What goes out next: a ping that is due, the queue, then our close frame.
    fn next_frame(&mut self, queue: &mut Outgoing, now: Instant) -> Option<tungstenite::Message> {
        if !self.may_write() {
            return None;
        }
        if std::mem::take(&mut self.ping_due) {
            self.stats.pinged();
            return Some(tungstenite::Message::Ping(Bytes::new()));
        }
        if let Some(message) = queue.pop() {
            self.stats.sent(size(&message));
            return Some(match message {
                Message::Text(text) => tungstenite::Message::Text(text.into()),
                Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
            });
        }
        if !matches!(self.phase, Phase::Draining) {
            return None;
        }
        self.phase = Phase::Closing(later(now, self.close_within));
        let frame = CloseFrame { code: CloseCode::Normal, reason: tungstenite::Utf8Bytes::default() };
        Some(tungstenite::Message::Close(Some(frame)))
    }

    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Happened> {
        loop {
            let polled = self.ws.poll_next_unpin(cx);
            let read = self.ws.get_ref().read;
            if read != self.read {
                self.read = read;
                self.liveness.heard(now);
            }
            let message = match polled {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(self.failed(cx, error)),
                Poll::Ready(None) => return Poll::Ready(self.failed(cx, Error::ConnectionClosed)),
            };
            match message {
                tungstenite::Message::Text(text) => return self.received(Message::Text(text.to_string())),
                tungstenite::Message::Binary(bytes) => return self.received(Message::Binary(bytes)),
                tungstenite::Message::Close(frame) => return Poll::Ready(self.closed(cx, frame)),
                // Reading on sends the answer to a ping.
                tungstenite::Message::Ping(_)
                | tungstenite::Message::Pong(_)
                | tungstenite::Message::Frame(_) => {}
            }
        }
    }

    fn received(&self, message: Message) -> Poll<Happened> {
        self.stats.received(size(&message));
        Poll::Ready(Happened::Message(message))
    }

    /// The peer's close frame came: an answer to ours, or its own, which is answered.
    fn closed(&mut self, cx: &mut Context<'_>, frame: Option<CloseFrame>) -> Happened {
        self.hang_up(cx);
        if matches!(self.phase, Phase::Closing(_)) {
            return Happened::Closed(CloseReason::Local);
        }
        let (code, reason) =
            frame.map_or((NO_CODE, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
        Happened::Closed(CloseReason::Peer { code, reason })
    }

    /// Reading failed, or the stream ended without a close frame.
    fn failed(&mut self, cx: &mut Context<'_>, error: Error) -> Happened {
        if matches!(self.phase, Phase::Closing(_)) {
            return Happened::Closed(CloseReason::Local);
        }
        match &error {
            Error::Capacity(_) => self.leave(cx, CloseCode::Size),
            Error::Utf8(_) => self.leave(cx, CloseCode::Invalid),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {}
            Error::Protocol(_) => self.leave(cx, CloseCode::Protocol),
            _ => {}
        }
        match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Broken(reason, _) => Happened::Closed(reason),
            _ => Happened::Closed(self.reason(error)),
        }
    }

    fn reason(&self, error: Error) -> CloseReason {
        match error {
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                CloseReason::TooLarge { size, limit: max_size }
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | Error::ConnectionClosed
            | Error::AlreadyClosed => CloseReason::Dropped { reason: "the stream ended".into() },
            Error::Io(error) => CloseReason::Dropped { reason: error.to_string() },
            other => CloseReason::Protocol { reason: other.to_string() },
        }
    }

    fn overdue(&mut self, now: Instant) -> Option<CloseReason> {
        match &self.phase {
            Phase::Open | Phase::Draining => match self.liveness.due(now) {
                Due::Nothing => None,
                Due::Stalled => Some(CloseReason::Stalled { after: self.policy.write_within }),
                Due::Unresponsive => Some(CloseReason::Unresponsive { after: self.policy.pong_within }),
                Due::Ping => {
                    // Its time runs from here, whether or not the stream takes it.
                    self.ping_due = true;
                    self.liveness.pinged(now);
                    None
                }
            },
            Phase::Closing(until) if now >= *until => Some(CloseReason::Local),
            Phase::Broken(reason, until) if now >= *until => Some(reason.clone()),
            Phase::Closing(_) | Phase::Broken(..) => None,
        }
    }

    fn hang_up(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Ok(())) = self.ws.poll_flush_unpin(cx) {
            let _ = Pin::new(self.ws.get_mut()).poll_shutdown(cx);
        }
    }
}
