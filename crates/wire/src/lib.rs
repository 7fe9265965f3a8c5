//! The project's one WebSocket client: it connects, drives, backs off, and watches for life.
//!
//! What a provider decides is a [`Session`]: plain code without sockets, clock or tasks. [`drive`] waits in
//! its stead: it opens the connections the session asks for, tells it what happens to them, and moves its
//! commands and events. Speaks messages; knows no frame of a pipeline.
//!
//! | to | read |
//! |---|---|
//! | write a provider | [`Session`], then the example below |
//! | run one | [`drive`], [`WireConfig`], [`Commands`], [`Events`] |
//! | connect again, or stop trying | [`Backoff`], [`classify`] (pure; a session owns one) |
//! | know why a line failed | [`ConnectError`], [`CloseReason`] |
//! | know when a peer is dead | [`Liveness`] (pure; the driver runs one for each connection) |
//! | trust another authority, or test without a network | [`tls`], [`TcpConnector`], [`Connector`] |
//! | count | [`WireStats`] |
//!
//! Deadlines of the defaults: connect 10 s, write progress 2 s, half-open noticed within 9 s, close 2 s,
//! shutdown 5 s. Bounds: 256 messages or 256 KiB waiting to be written on each connection, 4 MiB a message.
//! Nothing is logged above DEBUG. No level holds a query or a header's value, and messages are at TRACE only
//! (by tungstenite, as frames): `tests/secrets.rs`.
//!
//! # Example
//!
//! A session that says one line, hears one line, and is done.
//!
//! ```no_run
//! use std::{collections::VecDeque, time::Instant};
//! use tokio::sync::mpsc;
//! use voxline_wire::*;
//!
//! const LINE: ConnectionId = ConnectionId(1);
//!
//! #[derive(Default)]
//! struct Ask {
//!     transmits: VecDeque<Transmit>,
//!     answer: Option<String>,
//!     over: bool,
//! }
//!
//! impl Session for Ask {
//!     type Command = String;
//!     type Event = String;
//!
//!     fn handle_command(&mut self, _: Instant, question: String) {
//!         let request = Request { url: "wss://echo.example/".into(), headers: Vec::new() };
//!         self.transmits.push_back(Transmit::Connect(LINE, Box::new(request)));
//!         self.transmits.push_back(Transmit::Send(LINE, Message::Text(question)));
//!     }
//!
//!     fn handle_connection(&mut self, _: Instant, _: ConnectionId, happened: Happened) {
//!         match happened {
//!             Happened::Message(Message::Text(answer)) => {
//!                 self.answer = Some(answer);
//!                 self.transmits.push_back(Transmit::Close(LINE));
//!             }
//!             Happened::Failed(_) | Happened::Closed(_) => self.over = true,
//!             Happened::Opened | Happened::Message(_) => {}
//!         }
//!     }
//!
//!     fn handle_timeout(&mut self, _: Instant) {}
//!     fn poll_transmit(&mut self) -> Option<Transmit> { self.transmits.pop_front() }
//!     fn poll_event(&mut self) -> Option<String> { self.answer.take() }
//!     fn poll_timeout(&self) -> Option<Deadline> { None }
//!     fn is_finished(&self) -> bool { self.over }
//! }
//!
//! # async fn run() {
//! let (commands, taken) = mpsc::channel(8);
//! let (told, mut events) = mpsc::channel(8);
//! let driving = tokio::spawn(drive(Ask::default(), taken, Outbox::new(told), WireConfig::default()));
//!
//! commands.send("hello?".into()).await.unwrap();
//! println!("{:?}", events.recv().await);
//! assert_eq!(driving.await.unwrap(), Ended::Finished);
//! # }
//! ```
//!
//! Read next: `session.rs`, then `drive.rs`, `connection.rs`, `socket.rs`.

mod backoff;
mod body;
mod config;
mod connect;
mod connection;
mod drive;
mod error;
mod liveness;
mod meter;
mod outgoing;
mod ports;
mod secret;
mod session;
mod socket;
mod stats;
mod target;
mod time;
pub mod tls;
mod upgrade;

pub use backoff::{Backoff, BackoffPolicy, GaveUp, Jitter, Next, Permanence, classify};
pub use config::WireConfig;
pub use connect::{Connector, Stream, TcpConnector};
pub use drive::{Ended, drive};
pub use error::{CloseReason, ConnectError};
pub use liveness::{Due, Liveness, LivenessPolicy};
pub use ports::{Commands, Events, Ignore, Outbox};
pub use secret::Secret;
pub use session::{ConnectionId, Deadline, Happened, Message, Request, Session, Transmit};
pub use stats::{WireCounts, WireStats};
pub use target::Target;
