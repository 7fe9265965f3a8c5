//! The trait a provider's decisions live behind, and the words it shares with the driver.
//!
//! A [`Session`] is pure: it reads no clock, opens no socket, spawns nothing. The driver feeds it with
//! `handle_*` and after each call drains `poll_transmit`, `poll_event` and then asks `poll_timeout`
//! when to wake it. A session may hold several connections at once (it opens the new one before it
//! gives up the old one when settings change); it names them by [`ConnectionId`].
//!
//! Promises the driver makes:
//! 1. For each `Transmit::Connect` there is exactly one `Opened` or `Failed`, and after `Opened`
//!    exactly one `Closed`, also after `Transmit::Close` and `Transmit::Abort`.
//! 2. Messages of one connection are sent in the order they were polled, each once.
//! 3. Sending never stops receiving: while a connection's send queue is full the driver stops polling
//!    `poll_transmit` and taking commands, but goes on delivering what arrives; no progress within the
//!    write deadline closes the connection with [`CloseReason::Stalled`].
//! 4. Liveness (pings, their answers) and connect, write and close deadlines are the driver's.

use std::{fmt, time::Instant};

use bytes::Bytes;

use crate::error::{CloseReason, ConnectError};

/// Names one connection of a session. The session chooses it and never uses it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A data message, in either direction.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// Where to connect and with which headers.
///
/// `Debug` shows neither the query nor any header's value: both can hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// A `ws://` or `wss://` address with path and query.
    pub url: String,
    /// Header names and values beside those of the WebSocket upgrade.
    pub headers: Vec<(&'static str, String)>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.url.split('?').next().unwrap_or_default();
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Request").field("url", &address).field("headers", &names).finish()
    }
}

/// What a session asks of the driver.
#[derive(Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Open a connection.
    Connect(ConnectionId, Box<Request>),
    /// Send one message, after all earlier ones of that connection.
    Send(ConnectionId, Message),
    /// After everything sent so far, close with 1000 and wait for the peer, with a deadline.
    Close(ConnectionId),
    /// Drop the connection now, and whatever it had still to send.
    Abort(ConnectionId),
}

/// What happened to a connection.
#[derive(Debug)]
pub enum Happened {
    /// The upgrade succeeded. It proves little: a service may refuse right after it.
    Opened,
    /// The connection could not be opened.
    Failed(ConnectError),
    /// A message arrived.
    Message(Message),
    /// The connection is over; nothing more comes from it.
    Closed(CloseReason),
}

/// When a session wants to be woken, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The moment.
    pub at: Instant,
    /// What the session waits for, for logs and errors.
    pub why: &'static str,
}

/// The decisions of one provider, without waiting.
///
/// After any `handle_*`, poll `poll_transmit` and `poll_event` until both give `None`.
pub trait Session: Send {
    /// What the pipeline asks of the provider.
    type Command: Send;
    /// What the provider tells the pipeline.
    type Event: Send;

    /// Takes a command of the pipeline.
    fn handle_command(&mut self, now: Instant, command: Self::Command);
    /// Takes what happened to one of the connections. Ids the session has given up may still come; ignore them.
    fn handle_connection(&mut self, now: Instant, id: ConnectionId, happened: Happened);
    /// Called when the time of [`poll_timeout`](Self::poll_timeout) has come; may be called early.
    fn handle_timeout(&mut self, now: Instant);

    /// The next thing to do on the network, in order.
    fn poll_transmit(&mut self) -> Option<Transmit>;
    /// The next thing to tell the pipeline, in order.
    fn poll_event(&mut self) -> Option<Self::Event>;
    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens first.
    fn poll_timeout(&self) -> Option<Deadline>;
    /// Whether nothing will ever happen again: the driver returns when this is true, all is polled and
    /// every connection has ended.
    fn is_finished(&self) -> bool;
}
