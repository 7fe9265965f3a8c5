//! What goes out: connects, audio, boundaries, the goodbye, keepalives.
//!
//! Nothing is queued here. Each poll looks at how far each connection is and gives its next message, so what
//! a slow peer has not taken stays in the ring and under the ring's bound.

use std::time::{Duration, Instant};

use bytes::Bytes;
use voxline_audio::convert;
use voxline_wire::{ConnectionId, Message, Transmit};

use super::{
    Phase, SttSession,
    link::{CHECK, State},
};
use crate::{config::Keepalive, message::ClientMessage};

/// The longest audio message, in bytes: the documents advise 1024 to 8192.
const LONGEST: usize = 8192;
/// An idle connection is kept alive after this long without audio.
const IDLE: Duration = Duration::from_secs(10);
/// How much silence keeps it alive.
const SILENCE: Duration = Duration::from_millis(100);

impl SttSession {
    pub(super) fn next_transmit(&mut self) -> Option<Transmit> {
        if let Some(order) = self.orders.pop_front() {
            return Some(order);
        }
        (0..self.links.len()).find_map(|index| self.next_for(index))
    }

    fn next_for(&mut self, index: usize) -> Option<Transmit> {
        let link = &mut self.links[index];
        match link.state {
            State::Wanted => {
                link.state = State::Connecting;
                let request = self.line.request(&link.settings);
                tracing::debug!(connection = link.id.0, path = %self.line.path(), "connect");
                Some(Transmit::Connect(link.id, Box::new(request)))
            }
            State::Open if !link.bye => self.headers(index).or_else(|| self.audio_or_mark(index)),
            State::Open | State::Connecting | State::Closing => None,
        }
    }

    /// What Ogg needs before any audio.
    fn headers(&mut self, index: usize) -> Option<Transmit> {
        let link = &mut self.links[index];
        let headers = self.intake.headers();
        let rest = headers.get(link.headers_sent..).filter(|rest| !rest.is_empty())?;
        link.headers_sent = headers.len();
        let bytes = Bytes::copy_from_slice(rest);
        Some(self.send_audio(index, bytes))
    }

    fn audio_or_mark(&mut self, index: usize) -> Option<Transmit> {
        loop {
            let mark = self.next_mark(index);
            let link = &mut self.links[index];
            link.cursor = link.cursor.max(self.ring.front());
            let end = link.until.map_or(self.ring.head(), |(position, _)| position);
            if let Some((number, _)) = mark.filter(|&(_, position)| position <= link.cursor) {
                self.marks.sent(number, self.now, link.id);
                if self.line.place.endpoint.finalize_keeps_open() {
                    self.counters.finalizes(1);
                    return Some(say(link.id, ClientMessage::Finalize));
                }
                continue;
            }
            let to = mark.map_or(end, |(_, position)| position.min(end));
            if let Some(piece) = self.ring.read(link.cursor, to, LONGEST).filter(|_| link.cursor < to) {
                link.clock.sent(piece.at, piece.ticks);
                link.cursor += piece.bytes.len() as u64;
                self.sent_to = self.sent_to.max(link.cursor);
                self.count_waiting();
                return Some(self.send_audio(index, piece.bytes));
            }
            return self.goodbye(index);
        }
    }

    /// The next boundary this connection has to send.
    fn next_mark(&self, index: usize) -> Option<(u64, u64)> {
        let link = &self.links[index];
        if let Some((until, _)) = link.until {
            let mark = self.marks.unsent(0).filter(|mark| mark.position <= until)?;
            return Some((mark.number, mark.position));
        }
        // What lies before its audio belongs to the connection it took over from, while there is one.
        let handing_over =
            self.links.iter().any(|other| other.is_leaving() && other.state == State::Open && !other.bye);
        let from = if handing_over { link.start + 1 } else { 0 };
        self.marks.unsent(from).map(|mark| (mark.number, mark.position))
    }

    /// Everything was sent: ends the stream where no more audio will come.
    fn goodbye(&mut self, index: usize) -> Option<Transmit> {
        let link = &mut self.links[index];
        let at_end = matches!(self.phase, Phase::Ending { .. }) && self.current == Some(link.id);
        if !(link.is_leaving() || at_end) {
            return None;
        }
        link.bye = true;
        let message = match self.line.place.endpoint.finalize_keeps_open() {
            true => ClientMessage::CloseStream,
            false => ClientMessage::Finalize,
        };
        let id = link.id;
        self.made_progress(id);
        Some(say(id, message))
    }

    fn send_audio(&mut self, index: usize, bytes: Bytes) -> Transmit {
        let link = &mut self.links[index];
        link.last_audio = self.now;
        self.counters.bytes_sent(bytes.len());
        self.counters.audio_messages(1);
        let id = link.id;
        self.made_progress(id);
        Transmit::Send(id, Message::Binary(bytes))
    }

    /// The end of the session waits for what makes no progress, not for what is long.
    pub(super) fn made_progress(&mut self, id: ConnectionId) {
        if let Phase::Ending { progress } = &mut self.phase
            && self.current == Some(id)
        {
            *progress = self.now;
        }
    }

    /// Keeps the current connection alive when its time has come.
    pub(super) fn keep_alive(&mut self, now: Instant) {
        let Some(link) = self.current.and_then(|id| self.links.iter_mut().find(|link| link.id == id)) else {
            return;
        };
        if link.state != State::Open || link.bye || now < link.next_check {
            return;
        }
        while link.next_check <= now {
            link.next_check += CHECK;
        }
        let idle = now.saturating_duration_since(link.last_audio) >= IDLE && link.cursor >= self.ring.head();
        if !idle || self.options.keepalive == Keepalive::Off {
            return;
        }
        link.last_audio = now;
        self.counters.keepalives(1);
        let silence = match self.options.keepalive {
            Keepalive::Silence => convert::silence(self.line.encoding, self.line.rate, SILENCE),
            Keepalive::Message | Keepalive::Off => None,
        };
        let order = match silence {
            Some(bytes) => {
                let at = self.ring.time_at(link.cursor);
                link.clock.silence(at, self.line.rate.samples_in(SILENCE));
                Transmit::Send(link.id, Message::Binary(bytes))
            }
            None => say(link.id, ClientMessage::Keepalive),
        };
        self.orders.push_back(order);
    }

    /// When the current connection is to be looked at.
    pub(super) fn keepalive_check(&self) -> Option<Instant> {
        let link = self.link(self.current?)?;
        let watched = link.state == State::Open && !link.bye && self.options.keepalive != Keepalive::Off;
        watched.then_some(link.next_check)
    }
}

fn say(id: ConnectionId, message: ClientMessage) -> Transmit {
    Transmit::Send(id, Message::Text(message.text().to_owned()))
}
