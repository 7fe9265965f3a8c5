//! What is logged while a line lives: by this crate and by those under it, at every level.

mod common;

use std::{
    fmt::{Debug, Write as _},
    sync::Mutex,
};

use common::*;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::accept_async;
use tracing::{Event, Metadata, Subscriber, field, span};
use voxline_wire::*;

/// All records of the process: level and text.
static LOG: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

fn keep(level: impl ToString, text: String) {
    LOG.lock().expect("no test panics while it logs").push((level.to_string(), text));
}

/// Keeps what comes by `log`, and what comes by `tracing`.
struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(record.level(), format!("{}: {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

impl Subscriber for Keeper {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut text = String::new();
        attributes.record(&mut Fields(&mut text));
        keep(attributes.metadata().level(), text);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut text = String::new();
        values.record(&mut Fields(&mut text));
        keep("SPAN", text);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = event.metadata().target().to_owned();
        event.record(&mut Fields(&mut text));
        keep(event.metadata().level(), text);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Fields<'a>(&'a mut String);

impl field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &field::Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

fn ask(id: u64) -> Transmit {
    let url = "ws://pipe/line?token=querysesame".into();
    let headers = vec![("Authorization", "Bearer headersesame".into())];
    Transmit::Connect(ConnectionId(id), Box::new(Request { url, headers }))
}

#[tokio::test(start_paused = true)]
async fn keys_are_in_no_record_messages_only_at_trace_and_nothing_is_above_debug() {
    log::set_logger(&Keeper).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(Keeper).unwrap();

    let mut stage = stage(64 * 1024, WireConfig::default());
    stage.order([ask(1), text(1, "spokensesame")]).await;
    let mut server = accept_async(stage.streams.recv().await.unwrap()).await.unwrap();
    server.next().await.unwrap().unwrap();
    server.send("heardsesame".into()).await.unwrap();
    assert!(matches!(stage.next(1).await, Happened::Opened));
    assert!(matches!(stage.next(1).await, Happened::Message(_)));
    drop(server);
    stage.next_close(1).await;

    stage.order([ask(2)]).await;
    let mut refusing = stage.streams.recv().await.unwrap();
    refusing.write_all(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    assert!(matches!(stage.next(2).await, Happened::Failed(_)));
    stage.order([ask(3), abort(3)]).await;
    stage.next(3).await;
    // Give the real connector something to say as well.
    let real = TcpConnector::new();
    for url in ["ws://user:urlsesame@127.0.0.1:1/?token=querysesame", "ws://127.0.0.1:1/?token=querysesame"] {
        let error = real.connect(&request(url)).await.map(drop).unwrap_err();
        keep("ERROR TEXT", format!("{error} {error:?}"));
    }

    let log = LOG.lock().unwrap();
    // The server's side of the same process logs what it was asked; the client's must not.
    let ours = log.iter().filter(|(_, text)| !text.contains("handshake::server"));
    let mut seen = 0;
    for (level, text) in ours {
        seen += usize::from(text.starts_with("voxline_wire"));
        for secret in ["headersesame", "querysesame", "urlsesame"] {
            assert!(!text.contains(secret), "{level} {text}");
        }
        if level != "TRACE" {
            assert!(!text.contains("spokensesame") && !text.contains("heardsesame"), "{level} {text}");
        }
        assert!(!["INFO", "WARN", "ERROR"].contains(&level.as_str()), "{level} {text}");
    }
    assert!(seen >= 6, "only {seen} records of our own: {log:?}");
}
