//! Promise 1 of `session.rs` under any interleaving: for each `Connect` one `Opened` or `Failed`, after
//! `Opened` one `Closed`, and nothing after the end; and the driver always returns.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::*;
use futures_util::{SinkExt as _, StreamExt as _, future::BoxFuture};
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    accept_async,
    tungstenite::protocol::{CloseFrame, frame::coding::CloseCode},
};
use voxline_wire::*;

/// What the far end of a connection does.
#[derive(Clone, Copy, Debug)]
enum Peer {
    /// The connector itself fails.
    Unreachable,
    /// The connector never answers.
    Nowhere,
    Refuses,
    Garbage,
    /// Reads the upgrade and never answers it.
    Mute,
    DropsInUpgrade,
    /// Echoes until it is closed.
    Echoes,
    EchoesThenCloses(u8),
    EchoesThenDrops(u8),
    /// Upgrades and then neither reads nor writes.
    Freezes,
    /// Sends what is no frame.
    Babbles,
    /// Sends a message over the limit.
    Shouts,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Connect(Peer),
    Send(u8, u16),
    Close(u8),
    Abort(u8),
    Pause(u16),
}

fn peers() -> impl Strategy<Value = Peer> {
    prop_oneof![
        1 => Just(Peer::Unreachable),
        1 => Just(Peer::Nowhere),
        1 => Just(Peer::Refuses),
        1 => Just(Peer::Garbage),
        1 => Just(Peer::Mute),
        1 => Just(Peer::DropsInUpgrade),
        3 => Just(Peer::Echoes),
        1 => (0..4_u8).prop_map(Peer::EchoesThenCloses),
        1 => (0..4_u8).prop_map(Peer::EchoesThenDrops),
        1 => Just(Peer::Freezes),
        1 => Just(Peer::Babbles),
        1 => Just(Peer::Shouts),
    ]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        2 => peers().prop_map(Act::Connect),
        4 => (0..6_u8, 0..2_000_u16).prop_map(|(line, size)| Act::Send(line, size)),
        1 => (0..6_u8).prop_map(Act::Close),
        1 => (0..6_u8).prop_map(Act::Abort),
        1 => (0..12_000_u16).prop_map(Act::Pause),
    ];
    proptest::collection::vec(act, 1..40)
}

/// A session that carries out what it is told, checks what it hears, and is finished when it is told to be
/// and every connection has ended.
#[derive(Default)]
struct Witness {
    transmits: VecDeque<Transmit>,
    lines: BTreeMap<u64, Line>,
    leaving: bool,
    /// Shared with the test, which reads it when the session is gone.
    broken: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Asked,
    Open,
    Over,
}

impl Session for Witness {
    type Command = Option<Transmit>;
    type Event = ();

    fn handle_command(&mut self, _: Instant, command: Option<Transmit>) {
        match command {
            Some(transmit) => {
                if let Transmit::Connect(id, _) = &transmit {
                    self.lines.insert(id.0, Line::Asked);
                }
                self.transmits.push_back(transmit);
            }
            None => {
                self.leaving = true;
                let open = self.lines.iter().filter(|(_, line)| **line != Line::Over);
                self.transmits.extend(open.map(|(id, _)| Transmit::Close(ConnectionId(*id))));
            }
        }
    }

    fn handle_connection(&mut self, _: Instant, id: ConnectionId, happened: Happened) {
        let Some(line) = self.lines.get_mut(&id.0) else {
            return self.broken.lock().unwrap().push(format!("{id:?} was never asked for: {happened:?}"));
        };
        *line = match (*line, &happened) {
            (Line::Asked, Happened::Opened) => Line::Open,
            (Line::Asked, Happened::Failed(_)) | (Line::Open, Happened::Closed(_)) => Line::Over,
            (Line::Open, Happened::Message(_)) => Line::Open,
            (was, _) => {
                return self.broken.lock().unwrap().push(format!("{id:?}: {happened:?} when {was:?}"));
            }
        };
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    fn is_finished(&self) -> bool {
        self.leaving && self.lines.values().all(|line| *line == Line::Over)
    }
}

/// Opens pipes to peers, by the number in the address.
#[derive(Debug)]
struct Town(Vec<Peer>);

impl Connector for Town {
    fn connect<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectError>> {
        let number: usize = request.url.rsplit('/').next().unwrap().parse().unwrap();
        let peer = self.0[number];
        Box::pin(async move {
            match peer {
                Peer::Unreachable => return Err(ConnectError::Unreachable { reason: "no".into() }),
                Peer::Nowhere => std::future::pending().await,
                _ => {}
            }
            let (ours, theirs) = tokio::io::duplex(1500);
            tokio::spawn(live(peer, theirs));
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

async fn live(peer: Peer, mut stream: DuplexStream) -> Option<()> {
    match peer {
        Peer::Refuses => stream.write_all(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno").await.ok()?,
        Peer::Garbage => stream.write_all(b"SMTP ready\r\n\r\n").await.ok()?,
        Peer::DropsInUpgrade => drop(stream.read_u8().await.ok()?),
        Peer::Mute => {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Peer::Babbles | Peer::Shouts => {
            let mut stream = accept_async(stream).await.ok()?.into_inner();
            let shout: &[u8] =
                if matches!(peer, Peer::Shouts) { &[0x82, 127, 0, 0, 0, 9, 0, 0, 0, 0] } else { &[0xff; 20] };
            stream.write_all(shout).await.ok()?;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Peer::Freezes => {
            let _frozen = accept_async(stream).await.ok()?;
            std::future::pending::<()>().await;
        }
        _ => echo(peer, stream).await?,
    }
    Some(())
}

async fn echo(peer: Peer, stream: DuplexStream) -> Option<()> {
    let mut server = accept_async(stream).await.ok()?;
    let mut echoes = match peer {
        Peer::EchoesThenCloses(count) | Peer::EchoesThenDrops(count) => u32::from(count),
        _ => u32::MAX,
    };
    while echoes > 0 {
        let message = server.next().await?.ok()?;
        if message.is_binary() {
            server.send(message).await.ok()?;
            echoes -= 1;
        }
    }
    if matches!(peer, Peer::EchoesThenCloses(_)) {
        server.close(Some(CloseFrame { code: CloseCode::Policy, reason: "enough".into() })).await.ok()?;
        while server.next().await.is_some() {}
    }
    Some(())
}

async fn play(acts: Vec<Act>, end_by_drop: bool) -> Result<(), TestCaseError> {
    let town = acts.iter().filter_map(|act| match act {
        Act::Connect(peer) => Some(*peer),
        _ => None,
    });
    let connector = Arc::new(Town(town.collect()));
    let config = WireConfig { connector, queue_messages: 2, max_message: 1_900, ..WireConfig::default() };
    let session = Witness::default();
    let broken = Arc::clone(&session.broken);
    let (orders, commands) = mpsc::channel(4);
    let driving = tokio::spawn(drive(session, commands, Ignore, config));

    let mut lines = 0;
    for act in acts {
        let order = match act {
            Act::Connect(_) => {
                lines += 1;
                Transmit::Connect(ConnectionId(lines - 1), request(&format!("ws://town/{}", lines - 1)))
            }
            Act::Send(line, size) => binary(line.into(), vec![1; size.into()]),
            Act::Close(line) => close(line.into()),
            Act::Abort(line) => abort(line.into()),
            Act::Pause(ms) => {
                tokio::time::sleep(Duration::from_millis(ms.into())).await;
                continue;
            }
        };
        orders.send(Some(order)).await.unwrap();
    }
    if !end_by_drop {
        orders.send(None).await.unwrap();
    }
    drop(orders);
    let ended = tokio::time::timeout(Duration::from_secs(120), driving).await;
    let ended = ended.map_err(|_| TestCaseError::fail("the driver did not return"))?.unwrap();
    let broken = broken.lock().unwrap();
    prop_assert!(broken.is_empty(), "{broken:?}");
    if !end_by_drop {
        // Without an abort, every line has been told to its end.
        prop_assert!(
            ended == Ended::Finished || matches!(ended, Ended::Aborted { connections: 1.., .. }),
            "{ended:?}"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn each_connect_is_answered_once_and_each_opening_closed_once(acts in acts(), end_by_drop: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(acts, end_by_drop))?;
    }
}
