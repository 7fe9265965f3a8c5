//! How connections end, over pipes and under paused time: silence, standstill, closes, broken rules.

mod common;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use common::*;
use futures_util::{SinkExt as _, StreamExt as _, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf},
    sync::mpsc,
    time::Instant,
};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{
        self,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use voxline_wire::*;

const ROOMY: usize = 64 * 1024;

#[tokio::test(start_paused = true)]
async fn r_01_a_half_open_peer_is_noticed_within_ten_seconds() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut server = stage.open(1).await;
    server.send("the last word".into()).await.unwrap();
    assert!(matches!(stage.next(1).await, Happened::Message(_)));
    let silent_since = Instant::now();
    assert_eq!(stage.next_close(1).await, CloseReason::Unresponsive { after: Duration::from_secs(4) });
    assert!(silent_since.elapsed() <= Duration::from_secs(10), "{:?}", silent_since.elapsed());
    assert_eq!(stage.stats.counts().pings_sent, 1);
}

#[tokio::test(start_paused = true)]
async fn r_01_a_half_open_peer_is_noticed_while_we_are_sending() {
    let mut stage = stage(1024 * 1024, WireConfig::default());
    let _server = stage.open(1).await;
    let orders = stage.orders.clone();
    let speaking = tokio::spawn(async move {
        loop {
            let frame = Order::Do(vec![binary(1, vec![0; 640])]);
            if orders.send(frame).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let started = Instant::now();
    assert!(matches!(stage.next_close(1).await, CloseReason::Unresponsive { .. }));
    assert!(started.elapsed() <= Duration::from_secs(10), "{:?}", started.elapsed());
    speaking.abort();
}

#[tokio::test(start_paused = true)]
async fn an_idle_peer_that_answers_pings_is_kept_for_hours() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut server = stage.open(1).await;
    let serving = tokio::spawn(async move { while let Some(Ok(_)) = server.next().await {} });
    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
    assert!(stage.told.try_recv().is_err());
    let pings = stage.stats.counts().pings_sent;
    assert!((2100..=2160).contains(&pings), "{pings} pings in three hours");
    stage.order([close(1)]).await;
    assert_eq!(stage.next_close(1).await, CloseReason::Local);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_long_message_that_trickles_in_is_a_sign_of_life() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut raw = stage.open(1).await.into_inner();
    // A text frame of 60 bytes (RFC 6455 section 5.2), one byte a second, and no pong.
    raw.write_all(&[0x81, 60]).await.unwrap();
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        raw.write_all(b"a").await.unwrap();
    }
    let Happened::Message(message) = stage.next(1).await else { panic!() };
    assert_eq!(message, Message::Text("a".repeat(60)));
}

#[tokio::test(start_paused = true)]
async fn r_02_a_peer_that_stops_reading_is_stalled_while_its_messages_are_still_delivered() {
    let mut stage = stage(2048, WireConfig { queue_messages: 8, ..WireConfig::default() });
    let mut server = stage.open(1).await;
    let started = Instant::now();
    stage.order((0..100).map(|_| binary(1, vec![0; 640]))).await;
    let speaking = tokio::spawn(async move {
        // It sends and never reads.
        while server.send("still talking".into()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut heard = 0;
    let reason = loop {
        match stage.next(1).await {
            Happened::Message(_) => heard += 1,
            Happened::Closed(reason) => break reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason, CloseReason::Stalled { after: Duration::from_secs(2) });
    assert!(heard >= 19, "only {heard} of its messages were delivered in two seconds");
    assert!(started.elapsed() < Duration::from_millis(2100), "{:?}", started.elapsed());
    let counts = stage.stats.counts();
    assert_eq!(counts.messages_sent + counts.messages_dropped, 100);
    speaking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_not_stalled() {
    let mut stage = stage(256, WireConfig::default());
    let mut raw = stage.open(1).await.into_inner();
    stage.order([binary(1, vec![7; 4000])]).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1900)).await;
        raw.read_exact(&mut [0; 200]).await.unwrap();
        // An unasked pong: it is alive.
        raw.write_all(&[0x8a, 0]).await.unwrap();
    }
    assert!(stage.told.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn r_86_a_close_that_is_never_answered_ends_within_two_seconds() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let _server = stage.open(1).await;
    let started = Instant::now();
    stage.order([text(1, "last words"), close(1)]).await;
    assert_eq!(stage.next_close(1).await, CloseReason::Local);
    assert_eq!(started.elapsed().as_secs(), 2);
    assert_eq!(stage.finish().await, Ended::Finished);
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_before_the_answer_to_our_close_are_delivered() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut server = stage.open(1).await;
    stage.order([close(1)]).await;
    // Its own close frame is sent by reading ours, so it speaks first.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.send("the final".into()).await.unwrap();
    assert!(server.next().await.unwrap().unwrap().is_close());
    assert!(server.next().await.is_none());
    let Happened::Message(message) = stage.next(1).await else { panic!() };
    assert_eq!(message, Message::Text("the final".into()));
    assert_eq!(stage.next_close(1).await, CloseReason::Local);
}

#[tokio::test(start_paused = true)]
async fn the_close_of_the_peer_is_told_with_its_code_and_reason() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut server = stage.open(1).await;
    let frame = CloseFrame { code: CloseCode::Policy, reason: "concurrency_limit_reached".into() };
    server.close(Some(frame)).await.unwrap();
    let reason = CloseReason::Peer { code: 1008, reason: "concurrency_limit_reached".into() };
    assert_eq!(stage.next_close(1).await, reason);
    let answer = server.next().await.unwrap().unwrap();
    assert!(answer.is_close(), "{answer:?}");

    let mut server = stage.open(2).await;
    server.close(None).await.unwrap();
    assert_eq!(stage.next_close(2).await, CloseReason::Peer { code: 1005, reason: String::new() });
}

#[tokio::test(start_paused = true)]
async fn r_81_an_end_without_a_close_frame_is_a_drop() {
    let mut stage = stage(ROOMY, WireConfig::default());
    drop(stage.open(1).await);
    let reason = stage.next_close(1).await;
    assert!(matches!(reason, CloseReason::Dropped { .. }), "{reason:?}");
    assert_eq!(stage.stats.counts().closed, 1);
}

#[tokio::test(start_paused = true)]
async fn r_18_a_message_over_the_limit_is_too_large_and_answered_with_1009() {
    let mut stage = stage(1024, WireConfig { max_message: 1000, ..WireConfig::default() });
    let mut server = stage.open(1).await;
    server.send(vec![0_u8; 1000].into()).await.unwrap();
    assert!(matches!(stage.next(1).await, Happened::Message(_)));
    // More than the pipe holds: it waits for a reader that has left.
    let sending = tokio::spawn(async move {
        let _ = server.send(vec![0_u8; 5000].into()).await;
        server
    });
    assert_eq!(stage.next_close(1).await, CloseReason::TooLarge { size: 5000, limit: 1000 });
    let mut server = sending.await.unwrap();
    let Some(Ok(tungstenite::Message::Close(Some(frame)))) = server.next().await else { panic!() };
    assert_eq!(u16::from(frame.code), 1009);
}

#[tokio::test(start_paused = true)]
async fn a_message_of_ours_over_the_limit_ends_the_connection_and_is_counted() {
    let mut stage = stage(ROOMY, WireConfig { max_message: 1000, ..WireConfig::default() });
    let _server = stage.open(1).await;
    stage.order([binary(1, vec![0; 1001])]).await;
    assert_eq!(stage.next_close(1).await, CloseReason::TooLarge { size: 1001, limit: 1000 });
    assert_eq!(stage.stats.counts().messages_dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn r_88_garbage_is_a_protocol_error_and_answered_with_1002() {
    for (garbage, code) in
        [(&[0xff; 16][..], 1002), (&[0x81, 0x02, 0xff, 0xff], 1007), (&[0x81, 0x82, 0, 0, 0, 0, 1, 1], 1002)]
    {
        let mut stage = stage(ROOMY, WireConfig::default());
        let mut raw = stage.open(1).await.into_inner();
        raw.write_all(garbage).await.unwrap();
        let reason = stage.next_close(1).await;
        assert!(matches!(reason, CloseReason::Protocol { .. }), "{garbage:?}: {reason:?}");
        let role = tungstenite::protocol::Role::Server;
        let mut server = tokio_tungstenite::WebSocketStream::from_raw_socket(raw, role, None).await;
        let Some(Ok(tungstenite::Message::Close(Some(frame)))) = server.next().await else { panic!() };
        assert_eq!(u16::from(frame.code), code, "{garbage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r_83_a_ping_is_answered_at_once_while_the_session_is_idle() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut server = stage.open(1).await;
    let started = Instant::now();
    for n in 0..3_u8 {
        server.send(tungstenite::Message::Ping(vec![n].into())).await.unwrap();
        let answer = server.next().await.unwrap().unwrap();
        assert_eq!(answer, tungstenite::Message::Pong(vec![n].into()));
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn connects_that_come_to_nothing_fail_by_the_connect_deadline() {
    let mut stage = stage(ROOMY, WireConfig::default());
    stage.order([connect(1)]).await;
    let _mute = stage.streams.recv().await.unwrap();
    let started = Instant::now();
    let Happened::Failed(error) = stage.next(1).await else { panic!() };
    assert_eq!(error, ConnectError::TimedOut { after: Duration::from_secs(10) });
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_follows_the_upgrade_at_once_is_opened_then_closed() {
    let mut stage = stage(ROOMY, WireConfig::default());
    stage.order([connect(1)]).await;
    let mut server = accept_async(stage.streams.recv().await.unwrap()).await.unwrap();
    server.send("parting".into()).await.unwrap();
    server.close(Some(CloseFrame { code: CloseCode::Policy, reason: "forbidden".into() })).await.unwrap();
    drop(server);
    assert!(matches!(stage.next(1).await, Happened::Opened));
    assert!(matches!(stage.next(1).await, Happened::Message(_)));
    assert_eq!(stage.next_close(1).await, CloseReason::Peer { code: 1008, reason: "forbidden".into() });
}

#[tokio::test(start_paused = true)]
async fn when_writing_fails_the_reason_the_peer_gave_is_still_read() {
    for reason_comes in [true, false] {
        let cut = Arc::new(AtomicBool::new(false));
        let (to, mut streams) = mpsc::channel(1);
        let connector = Arc::new(Cuttable { cut: Arc::clone(&cut), to });
        let config = WireConfig { connector, ..WireConfig::default() };
        let (orders, commands) = mpsc::channel(4);
        let (tell, mut told) = mpsc::channel(4);
        let _driving = tokio::spawn(drive(Puppet::default(), commands, Outbox::new(tell), config));
        orders.send(Order::Do(vec![connect(1)])).await.unwrap();
        let mut server = accept_async(streams.recv().await.unwrap()).await.unwrap();
        assert!(matches!(told.recv().await, Some(Told::Happened(_, Happened::Opened))));

        cut.store(true, Ordering::Relaxed);
        orders.send(Order::Do(vec![text(1, "into the void")])).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(told.try_recv().is_err(), "it did not wait for the peer's reason");
        if reason_comes {
            server.close(Some(CloseFrame { code: CloseCode::Policy, reason: "why".into() })).await.unwrap();
        }
        let Some(Told::Happened(_, Happened::Closed(reason))) = told.recv().await else { panic!() };
        match reason_comes {
            true => assert_eq!(reason, CloseReason::Peer { code: 1008, reason: "why".into() }),
            false => assert!(matches!(reason, CloseReason::Dropped { .. }), "{reason:?}"),
        }
    }
}

/// A connector whose streams cannot be written to once `cut` is set.
#[derive(Debug)]
struct Cuttable {
    cut: Arc<AtomicBool>,
    to: mpsc::Sender<DuplexStream>,
}

impl Connector for Cuttable {
    fn connect<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectError>> {
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(ROOMY);
            let unheard = || ConnectError::Unreachable { reason: "no test".into() };
            self.to.send(theirs).await.map_err(|_| unheard())?;
            Ok(Box::new(Cut { inner: ours, cut: Arc::clone(&self.cut) }) as Box<dyn Stream>)
        })
    }
}

struct Cut {
    inner: DuplexStream,
    cut: Arc<AtomicBool>,
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Cut {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.cut.load(Ordering::Relaxed) {
            true => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            false => Pin::new(&mut self.inner).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
