//! The driver over pipes, under paused time: what it delivers, and in which order.

mod common;

use std::time::Duration;

use common::*;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::Instant;
use tokio_tungstenite::{accept_async, tungstenite};
use voxline_wire::*;

const ROOMY: usize = 64 * 1024;

#[tokio::test(start_paused = true)]
async fn messages_arrive_in_order_and_once_through_a_queue_of_three() {
    let config = WireConfig { queue_messages: 3, queue_bytes: 2000, ..WireConfig::default() };
    let mut stage = stage(512, config);
    let mut server = stage.open(1).await;
    let sizes = [0, 1, 125, 126, 640, 65_536, 3, 9_000, 1_999];
    let expected: Vec<Vec<u8>> = (0..300).map(|n| vec![n as u8; sizes[n % sizes.len()]]).collect();
    let orders: Vec<_> = expected.iter().map(|bytes| binary(1, bytes.clone())).collect();
    stage.order(orders.into_iter().chain([close(1)])).await;

    let mut got = Vec::new();
    while let Some(Ok(message)) = server.next().await {
        match message {
            tungstenite::Message::Binary(bytes) => got.push(bytes.to_vec()),
            tungstenite::Message::Close(frame) => assert_eq!(u16::from(frame.unwrap().code), 1000),
            other => panic!("{other:?}"),
        }
    }
    assert!(got == expected, "{} messages came, not the 300 that were sent", got.len());
    assert_eq!(stage.next_close(1).await, CloseReason::Local);
    let counts = stage.stats.counts();
    assert_eq!((counts.messages_sent, counts.messages_dropped), (300, 0));
    assert_eq!(counts.bytes_sent, expected.iter().map(Vec::len).sum::<usize>() as u64);
    assert!(counts.send_waits > 0, "the queue was never full");
    assert_eq!(stage.finish().await, Ended::Finished);
}

#[tokio::test(start_paused = true)]
async fn messages_given_before_it_is_open_are_sent_when_it_is() {
    let mut stage = stage(ROOMY, WireConfig::default());
    stage.order([connect(1), text(1, "first"), text(1, "second"), close(1)]).await;
    let mut server = accept_async(stage.streams.recv().await.unwrap()).await.unwrap();
    for expected in ["first", "second"] {
        assert_eq!(server.next().await.unwrap().unwrap().to_text().unwrap(), expected);
    }
    assert!(server.next().await.unwrap().unwrap().is_close());
    assert!(matches!(stage.next(1).await, Happened::Opened));
}

#[tokio::test(start_paused = true)]
async fn two_connections_live_side_by_side() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut first = stage.open(1).await;
    let mut second = stage.open(2).await;
    stage.order([text(2, "to two"), text(1, "to one"), close(1)]).await;
    assert_eq!(first.next().await.unwrap().unwrap().to_text().unwrap(), "to one");
    assert!(first.next().await.unwrap().unwrap().is_close());
    assert_eq!(stage.next_close(1).await, CloseReason::Local);

    assert_eq!(second.next().await.unwrap().unwrap().to_text().unwrap(), "to two");
    second.send("still here".into()).await.unwrap();
    let Happened::Message(message) = stage.next(2).await else { panic!() };
    assert_eq!(message, Message::Text("still here".into()));
}

#[tokio::test(start_paused = true)]
async fn one_full_connection_does_not_keep_another_from_being_heard() {
    let mut stage = stage(1024, WireConfig { queue_messages: 1, ..WireConfig::default() });
    let _deaf = stage.open(1).await;
    let mut second = stage.open(2).await;
    stage.order((0..10).map(|_| binary(1, vec![0; 1000]))).await;
    for n in 0..20 {
        second.send(n.to_string().into()).await.unwrap();
        let Happened::Message(message) = stage.next(2).await else { panic!() };
        assert_eq!(message, Message::Text(n.to_string()));
    }
    assert_eq!(stage.stats.counts().send_waits, 1);
}

#[tokio::test(start_paused = true)]
async fn while_a_queue_is_full_no_command_is_taken() {
    let config = WireConfig { queue_messages: 1, ..WireConfig::default() };
    let mut stage = stage(1024, config);
    let mut server = stage.open(1).await;
    stage.order((0..100).map(|n| binary(1, vec![n; 640]))).await;
    let mut accepted = 0;
    for _ in 0..100 {
        accepted += usize::from(stage.orders.try_send(Order::Do(Vec::new())).is_ok());
        tokio::task::yield_now().await;
    }
    assert_eq!(accepted, 16, "the channel holds 16, and no command was to be taken from it");
    for n in 0..100 {
        let message = server.next().await.unwrap().unwrap();
        assert_eq!(message.into_data(), vec![n; 640]);
    }
    stage.order([text(1, "after")]).await;
    assert_eq!(server.next().await.unwrap().unwrap().to_text().unwrap(), "after");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_of_events_that_does_not_listen_does_not_stop_reading() {
    let mut stage = stage_with_events(1024, 1, WireConfig::default());
    let mut server = stage.open(1).await;
    let started = Instant::now();
    for n in 0..100 {
        server.send(format!("{n:0100}").into()).await.unwrap();
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    for n in 0..100 {
        let Happened::Message(message) = stage.next(1).await else { panic!() };
        assert_eq!(message, Message::Text(format!("{n:0100}")));
    }
    assert!(stage.stats.counts().event_waits > 0);
}

#[tokio::test(start_paused = true)]
async fn the_session_is_woken_at_its_hour() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let started = Instant::now();
    let at = started.into_std() + Duration::from_secs(90);
    stage.orders.send(Order::WakeAt(at)).await.unwrap();
    assert!(matches!(stage.told.recv().await, Some(Told::Woken)));
    assert!(started.elapsed() >= Duration::from_secs(90) && started.elapsed() < Duration::from_secs(91));
}

#[tokio::test(start_paused = true)]
async fn aborting_tells_what_was_aborted() {
    let mut stage = stage(ROOMY, WireConfig::default());
    stage.order([connect(1), abort(1)]).await;
    assert!(matches!(stage.next(1).await, Happened::Failed(ConnectError::Cancelled)));

    let mut server = stage.open(2).await;
    stage.order([text(2, "never seen"), abort(2)]).await;
    assert_eq!(stage.next_close(2).await, CloseReason::Local);
    let end = server.next().await;
    assert!(matches!(end, Some(Err(_)) | None), "{end:?}");

    stage.order([connect(3), close(3)]).await;
    assert!(matches!(stage.next(3).await, Happened::Failed(ConnectError::Cancelled)));
    stage.order([text(2, "to nobody"), close(2), abort(2), close(9)]).await;
    assert_eq!(stage.finish().await, Ended::Finished);
}

#[tokio::test(start_paused = true)]
async fn r_13_dropping_the_driver_closes_every_socket() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut open = stage.open(1).await;
    stage.order([connect(2)]).await;
    let mut upgrading = stage.streams.recv().await.unwrap();
    stage.driving.abort();
    assert!(stage.driving.await.unwrap_err().is_cancelled());
    assert!(matches!(open.next().await, Some(Err(_)) | None));
    let mut sent = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut upgrading, &mut sent).await.unwrap();
    assert!(stage.told.recv().await.is_none());
    assert!(stage.streams.recv().await.is_none(), "the connector outlived the driver");
}

#[tokio::test(start_paused = true)]
async fn after_the_commands_have_ended_it_returns_within_the_shutdown_deadline() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let _server = stage.open(1).await;
    let started = Instant::now();
    drop(stage.orders);
    assert!(matches!(stage.told.recv().await, Some(Told::Happened(_, Happened::Closed(CloseReason::Local)))));
    let ended = stage.driving.await.unwrap();
    assert_eq!(ended, Ended::Aborted { waiting_for: "the session to finish", connections: 1 });
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn it_returns_when_nobody_listens_or_the_finished_session_leaves_something_open() {
    let mut unheard = stage(ROOMY, WireConfig::default());
    let server = unheard.open(1).await;
    let started = Instant::now();
    drop(unheard.told);
    // One place of the channel is in reserve: the first event notices.
    drop(server);
    unheard.driving.await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 5);

    let mut open = stage(ROOMY, WireConfig::default());
    let _server = open.open(1).await;
    let ended = open.finish().await;
    assert_eq!(ended, Ended::Aborted { waiting_for: "the end of the connections", connections: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_hour_has_always_come_starves_nobody() {
    let mut stage = stage(ROOMY, WireConfig::default());
    let mut server = stage.open(1).await;
    struct Impatient(Puppet, std::time::Instant);
    impl Session for Impatient {
        type Command = Order;
        type Event = Told;
        fn handle_command(&mut self, now: std::time::Instant, order: Order) {
            self.0.handle_command(now, order);
        }
        fn handle_connection(&mut self, now: std::time::Instant, id: ConnectionId, happened: Happened) {
            self.0.handle_connection(now, id, happened);
        }
        fn handle_timeout(&mut self, _: std::time::Instant) {}
        fn poll_transmit(&mut self) -> Option<Transmit> {
            self.0.poll_transmit()
        }
        fn poll_event(&mut self) -> Option<Told> {
            self.0.poll_event()
        }
        fn poll_timeout(&self) -> Option<Deadline> {
            Some(Deadline { at: self.1, why: "always" })
        }
        fn is_finished(&self) -> bool {
            self.0.is_finished()
        }
    }
    let (orders, commands) = tokio::sync::mpsc::channel(1);
    let spinning = Impatient(Puppet::default(), Instant::now().into_std());
    let spinning = tokio::spawn(drive(spinning, commands, Ignore, WireConfig::default()));
    stage.order([text(1, "beside it")]).await;
    assert_eq!(server.next().await.unwrap().unwrap().to_text().unwrap(), "beside it");
    orders.send(Order::Finish).await.unwrap();
    assert_eq!(spinning.await.unwrap(), Ended::Finished);
}

#[test]
fn the_driver_can_be_spawned_and_shown() {
    fn is_send(_: &impl Send) {}
    let (_orders, commands) = tokio::sync::mpsc::channel::<Order>(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { is_send(&drive(Puppet::default(), commands, Ignore, WireConfig::default())) });
    assert!(format!("{:?}", WireConfig::default()).contains("TcpConnector"));
}
