//! A raw WebSocket client and what all socket tests need.
//!
//! Real sockets and the real clock, never paused: every wait ends with what it waits for, or fails at
//! [`DEADLINE`]. Nothing here sleeps.
#![allow(dead_code, reason = "each test file uses its part")]
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{future::Future, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, client::IntoClientRequest as _, handshake::client::Response},
};
use voxline_waves_sim::{LogEvent, SimConfig, WavesSim};

/// Longer than anything here takes, on any machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

pub(crate) async fn start(config: SimConfig) -> WavesSim {
    WavesSim::start(config).await.unwrap()
}

pub(crate) async fn start_with(faults: &[&str]) -> WavesSim {
    let faults = faults.iter().map(|spec| spec.parse().unwrap()).collect();
    start(SimConfig { faults, ..SimConfig::default() }).await
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) response: Response,
}

/// What a connection gave in the end.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    Close(u16, String),
    Dropped,
}

impl Client {
    pub(crate) async fn connect(sim: &WavesSim, path: &str) -> Result<Self, Error> {
        Self::connect_as(sim, path, Some(&format!("Bearer {}", sim.api_key()))).await
    }

    pub(crate) async fn connect_as(
        sim: &WavesSim,
        path: &str,
        authorization: Option<&str>,
    ) -> Result<Self, Error> {
        let mut request = format!("{}{path}", sim.url()).into_client_request()?;
        if let Some(value) = authorization {
            request.headers_mut().insert("authorization", value.parse().unwrap());
        }
        let stream = TcpStream::connect(("127.0.0.1", sim.port())).await?;
        let (socket, response) =
            within("the upgrade", tokio_tungstenite::client_async(request, stream)).await?;
        Ok(Self { socket, response })
    }

    pub(crate) async fn stt(sim: &WavesSim) -> Self {
        Self::connect(sim, "/waves/v1/stt/live?model=pulse&language=en").await.unwrap()
    }

    pub(crate) async fn tts(sim: &WavesSim) -> Self {
        Self::connect(sim, "/waves/v1/tts/live").await.unwrap()
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        within("sending", self.socket.send(Message::text(text.into()))).await.unwrap();
    }

    pub(crate) async fn send_audio(&mut self, bytes: &[u8]) {
        within("sending", self.socket.send(Message::binary(bytes.to_vec()))).await.unwrap();
    }

    /// The next message of any kind.
    pub(crate) async fn next(&mut self) -> Option<Result<Message, Error>> {
        within("the next message", self.socket.next()).await
    }

    /// The next text message.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("expected a text, got {other:?}"),
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// Everything up to the end: the texts, and how it ended.
    pub(crate) async fn rest(&mut self) -> (Vec<Value>, End) {
        let mut messages = Vec::new();
        let mut end = End::Dropped;
        while let Some(Ok(message)) = self.next().await {
            match message {
                Message::Text(text) => messages.push(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => {
                    end = frame.map_or(End::Dropped, |f| End::Close(f.code.into(), f.reason.to_string()));
                }
                _ => {}
            }
        }
        (messages, end)
    }
}

/// The status, body and headers of a refusal.
pub(crate) async fn refused(
    sim: &WavesSim,
    path: &str,
    authorization: Option<&str>,
) -> (u16, Value, Response) {
    match Client::connect_as(sim, path, authorization).await.err() {
        Some(Error::Http(response)) => {
            let (parts, body) = response.into_parts();
            let body = body.unwrap_or_default();
            let json = serde_json::from_slice(&body).unwrap_or_default();
            (parts.status.as_u16(), json, Response::from_parts(parts, Some(body)))
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The event of the first log entry that fits.
pub(crate) async fn logged(sim: &WavesSim, fits: impl Fn(&LogEvent) -> bool) -> LogEvent {
    let entry = sim.wait_for_log(DEADLINE, |entry| fits(&entry.event)).await;
    entry.unwrap_or_else(|| panic!("not logged: {:#?}", sim.log())).event
}
