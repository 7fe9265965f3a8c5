//! What the driver's tests share: a session that does as it is told, and pipes instead of a network.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{collections::VecDeque, sync::Arc, time::Instant};

use futures_util::future::BoxFuture;
use tokio::{
    io::DuplexStream,
    sync::mpsc,
    task::JoinHandle,
    time::{Duration, timeout},
};
use tokio_tungstenite::{WebSocketStream, accept_async};
use voxline_wire::*;

pub(crate) type Server = WebSocketStream<DuplexStream>;

/// What a test orders its session to do.
#[derive(Debug)]
pub(crate) enum Order {
    Do(Vec<Transmit>),
    WakeAt(Instant),
    Finish,
}

/// What the session tells of.
#[derive(Debug)]
pub(crate) enum Told {
    Happened(ConnectionId, Happened),
    Woken,
}

/// A session that transmits what it is ordered to and tells everything.
#[derive(Default)]
pub(crate) struct Puppet {
    transmits: VecDeque<Transmit>,
    events: VecDeque<Told>,
    wake_at: Option<Instant>,
    finished: bool,
}

impl Session for Puppet {
    type Command = Order;
    type Event = Told;

    fn handle_command(&mut self, _: Instant, order: Order) {
        match order {
            Order::Do(transmits) => self.transmits.extend(transmits),
            Order::WakeAt(at) => self.wake_at = Some(at),
            Order::Finish => self.finished = true,
        }
    }

    fn handle_connection(&mut self, _: Instant, id: ConnectionId, happened: Happened) {
        self.events.push_back(Told::Happened(id, happened));
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.wake_at.is_some_and(|at| now >= at) {
            self.wake_at = None;
            self.events.push_back(Told::Woken);
        }
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<Told> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.wake_at.map(|at| Deadline { at, why: "the hour it was told" })
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

/// A connector whose streams end in the test.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) size: usize,
    pub(crate) to: mpsc::Sender<DuplexStream>,
}

impl Connector for Pipes {
    fn connect<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectError>> {
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(self.size);
            self.to.send(theirs).await.map_err(|_| ConnectError::Unreachable { reason: "no test".into() })?;
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

/// A driver that runs a puppet, and the test's ends of everything.
pub(crate) struct Stage {
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) told: mpsc::Receiver<Told>,
    pub(crate) streams: mpsc::Receiver<DuplexStream>,
    pub(crate) stats: WireStats,
    pub(crate) driving: JoinHandle<Ended>,
}

/// Starts a driver over pipes that hold `size` bytes in each direction.
pub(crate) fn stage(size: usize, config: WireConfig) -> Stage {
    stage_with_events(size, 1024, config)
}

/// The same with room for so many events.
pub(crate) fn stage_with_events(size: usize, events: usize, mut config: WireConfig) -> Stage {
    let (to, streams) = mpsc::channel(16);
    config.connector = Arc::new(Pipes { size, to });
    let (orders, commands) = mpsc::channel(16);
    let (tell, told) = mpsc::channel(events);
    let stats = config.stats.clone();
    let driving = tokio::spawn(drive(Puppet::default(), commands, Outbox::new(tell), config));
    Stage { orders, told, streams, stats, driving }
}

impl Stage {
    pub(crate) async fn order(&self, transmits: impl IntoIterator<Item = Transmit>) {
        self.orders.send(Order::Do(transmits.into_iter().collect())).await.unwrap();
    }

    /// Orders a connection and gives its server side, upgraded.
    pub(crate) async fn open(&mut self, id: u64) -> Server {
        self.order([connect(id)]).await;
        let server = accept_async(self.streams.recv().await.unwrap()).await.unwrap();
        assert!(matches!(self.next(id).await, Happened::Opened));
        server
    }

    /// What happens next, which must be to this connection.
    pub(crate) async fn next(&mut self, id: u64) -> Happened {
        match timeout(Duration::from_secs(3600), self.told.recv()).await.expect("an hour of nothing") {
            Some(Told::Happened(ConnectionId(told), happened)) if told == id => happened,
            other => panic!("expected something of connection {id}, got {other:?}"),
        }
    }

    /// The reason for which the connection ends next.
    pub(crate) async fn next_close(&mut self, id: u64) -> CloseReason {
        match self.next(id).await {
            Happened::Closed(reason) => reason,
            other => panic!("expected a close, got {other:?}"),
        }
    }

    /// Orders the end and waits for it.
    pub(crate) async fn finish(self) -> Ended {
        self.orders.send(Order::Finish).await.unwrap();
        self.driving.await.unwrap()
    }
}

pub(crate) fn request(url: &str) -> Box<Request> {
    Box::new(Request { url: url.into(), headers: Vec::new() })
}

pub(crate) fn connect(id: u64) -> Transmit {
    Transmit::Connect(ConnectionId(id), request("ws://pipe/line?key=secret"))
}

pub(crate) fn text(id: u64, text: impl Into<String>) -> Transmit {
    Transmit::Send(ConnectionId(id), Message::Text(text.into()))
}

pub(crate) fn binary(id: u64, bytes: Vec<u8>) -> Transmit {
    Transmit::Send(ConnectionId(id), Message::Binary(bytes.into()))
}

pub(crate) fn close(id: u64) -> Transmit {
    Transmit::Close(ConnectionId(id))
}

pub(crate) fn abort(id: u64) -> Transmit {
    Transmit::Abort(ConnectionId(id))
}
