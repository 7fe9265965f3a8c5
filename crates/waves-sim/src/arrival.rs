//! A connection from its first byte to the session: head, faults at the beginning, verdict, upgrade.
//!
//! Every wait has a deadline of [`HEAD_TIMEOUT`], except a `hang` fault, which lasts as long as the
//! client waits or the simulator lives.

use std::{collections::BTreeMap, collections::VecDeque, io, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};

use crate::Endpoint;
use crate::config::ScriptScope;
use crate::connection::{Connection, Parts};
use crate::fault::{FaultFilter, FaultKind};
use crate::gate::{self, Admission, Verdict};
use crate::http::{MAX_HEAD, Refusal, RequestHead, upgrade_response};
use crate::log::{ClosedBy, LogEvent};
use crate::session::{Output, ReplyKind, Session};
use crate::shared::{Seat, Shared};
use crate::stream::Stream;
use crate::stt::{ScriptPosition, SttState};
use crate::tts::TtsState;

/// How long a client may take to send its request, and to take a refusal.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Headers whose values are credentials; browsers have put keys into the protocol header.
const SECRET_HEADERS: [&str; 4] =
    ["authorization", "proxy-authorization", "cookie", "sec-websocket-protocol"];

/// Serves one client to its end.
pub(crate) async fn serve(mut stream: Stream, id: u64, shared: Arc<Shared>) {
    let Ok(Ok((head, tail))) = timeout(HEAD_TIMEOUT, read_head(&mut stream)).await else { return };
    let Some(head) = RequestHead::parse(&head) else {
        let refusal = Refusal::new(400, json!({"error": "Bad request"}));
        return refuse(stream, id, &shared, "", &refusal).await;
    };
    let endpoint = gate::endpoint(&shared.config, &head);
    let faults = endpoint.map(|endpoint| shared.meet_faults(endpoint)).unwrap_or_default();
    let arrival = Arrival { id, shared, head, tail, endpoint };
    match faults.iter().find(|kind| kind.is_beginning()).cloned() {
        Some(kind) => arrival.begin_badly(stream, kind).await,
        None => arrival.begin(stream, faults).await,
    }
}

struct Arrival {
    id: u64,
    shared: Arc<Shared>,
    head: RequestHead,
    /// What the client sent after its request.
    tail: Vec<u8>,
    endpoint: Option<Endpoint>,
}

impl Arrival {
    async fn begin_badly(self, mut stream: Stream, kind: FaultKind) {
        let key = self.head.websocket_key().map(str::to_owned);
        match (kind, self.endpoint, key) {
            (FaultKind::Status { status, retry_after }, ..) => {
                let body = json!({"error": format!("simulated status {status}")});
                let refusal = Refusal { retry_after, ..Refusal::new(status, body) };
                refuse(stream, self.id, &self.shared, &self.head.path, &refusal).await;
            }
            (FaultKind::Hang, ..) => {
                self.log_refused("hang");
                drain(&mut stream).await;
            }
            (FaultKind::AcceptThenClose, Some(endpoint), Some(key)) => {
                self.vanish(stream, endpoint, &key, ClosedBy::Fault).await;
            }
            (FaultKind::Close { code, reason }, Some(endpoint), Some(key)) => {
                let outputs = [Output::Close { code, reason }];
                self.farewell(stream, endpoint, &key, outputs.into()).await;
            }
            _ => self.log_refused("refuse"),
        }
    }

    async fn begin(self, stream: Stream, faults: Vec<FaultKind>) {
        let (verdict, seat) = self.shared.admit(self.id, self.endpoint, &self.head);
        let (key, admission) = match verdict {
            Verdict::Refuse(refusal) => {
                return refuse(stream, self.id, &self.shared, &self.head.path, &refusal).await;
            }
            Verdict::Admit { key, admission } => (key, admission),
        };
        let Some(endpoint) = self.endpoint else { return };
        match admission {
            Admission::Drop => self.vanish(stream, endpoint, &key, ClosedBy::Dropped).await,
            Admission::Close { error, code, reason } => {
                let error = error.map(|json| Output::send(ReplyKind::Error, &json));
                let close = Output::Close { code, reason: reason.to_owned() };
                self.farewell(stream, endpoint, &key, error.into_iter().chain([close]).collect()).await;
            }
            admission => {
                let session = self.session(admission);
                self.run(stream, endpoint, &key, session, FaultFilter::new(faults), seat).await;
            }
        }
    }

    fn session(&self, admission: Admission) -> Box<dyn Session> {
        let config = &self.shared.config;
        match admission {
            Admission::Stt(query) => {
                let from = match config.stt.script_scope {
                    ScriptScope::Connection => ScriptPosition::default(),
                    ScriptScope::Shared => self.shared.script_position(),
                };
                let id = self.shared.new_id("sess_");
                Box::new(SttState::new(query, config.stt.clone(), config.script.clone(), from, id))
            }
            Admission::Tts(query) => {
                Box::new(TtsState::new(query, config.tts.clone(), self.shared.new_seed()))
            }
            Admission::Close { .. } | Admission::Drop => Box::new(Farewell(VecDeque::new())),
        }
    }

    async fn run(
        self,
        stream: Stream,
        endpoint: Endpoint,
        key: &str,
        session: Box<dyn Session>,
        faults: FaultFilter,
        seat: Option<Seat>,
    ) {
        let shared = self.shared.clone();
        let (id, tail) = (self.id, self.tail.clone());
        let Ok(stream) = self.upgrade(stream, endpoint, key).await else { return };
        let limit = Some(shared.config.limits.message_bytes);
        let config = WebSocketConfig::default()
            .max_message_size(limit)
            .max_frame_size(limit)
            .read_buffer_size(16 * 1024);
        let socket = WebSocketStream::from_partially_read(stream, tail, Role::Server, Some(config)).await;
        // A farewell has no seat and takes no orders.
        let (seat, orders) = seat.map_or_else(|| (None, tokio::sync::mpsc::channel(1).1), Seat::into_orders);
        let connection = Connection::new(Parts {
            id,
            direction: endpoint.direction(),
            socket,
            session,
            faults,
            orders,
            takes_orders: seat.is_some(),
            log: shared.log.clone(),
            latency: match endpoint.direction() {
                crate::Direction::SpeechToText => shared.config.stt.latency,
                crate::Direction::TextToSpeech => Duration::ZERO,
            },
            ping_interval: shared.config.ping_interval,
            write_timeout: shared.config.write_timeout,
        });
        connection.run(|position| shared.note_script_position(position)).await;
        drop(seat);
    }

    /// Upgrades only to say so and close.
    async fn farewell(self, stream: Stream, endpoint: Endpoint, key: &str, outputs: VecDeque<Output>) {
        let session = Box::new(Farewell(outputs));
        self.run(stream, endpoint, key, session, FaultFilter::default(), None).await;
    }

    /// Upgrades and is gone.
    async fn vanish(self, stream: Stream, endpoint: Endpoint, key: &str, by: ClosedBy) {
        let (id, shared) = (self.id, self.shared.clone());
        if let Ok(mut stream) = self.upgrade(stream, endpoint, key).await {
            let _ = stream.shutdown().await;
            let reason = "closed without a frame".to_owned();
            shared.log.write(id, LogEvent::Closed { by, code: None, reason, messages_sent: 0 });
        }
    }

    async fn upgrade(&self, mut stream: Stream, endpoint: Endpoint, key: &str) -> io::Result<Stream> {
        let response = upgrade_response(key, &self.shared.new_id("req_"));
        timeout(HEAD_TIMEOUT, stream.write_all(&response)).await??;
        self.shared.log.write(self.id, self.opened(endpoint));
        Ok(stream)
    }

    fn opened(&self, endpoint: Endpoint) -> LogEvent {
        let key = self.shared.api_key.as_str();
        let hide = |name: &str, value: &str| {
            let secret = SECRET_HEADERS.contains(&name) || matches!(name, "token" | "api_key");
            if secret || value.contains(key) { "(hidden)".to_owned() } else { value.to_owned() }
        };
        let hidden = |pairs: &[(String, String)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| (name.clone(), hide(name, value))).collect()
        };
        LogEvent::Opened {
            endpoint,
            path: hide("", &self.head.path),
            query: hidden(&self.head.query),
            headers: hidden(&self.head.headers),
        }
    }

    fn log_refused(&self, reason: &str) {
        let path = self.head.path.clone();
        self.shared.log.write(self.id, LogEvent::Refused { path, status: None, reason: reason.to_owned() });
    }
}

/// A session that only says goodbye.
#[derive(Debug)]
struct Farewell(VecDeque<Output>);

impl Session for Farewell {
    fn handle_text(&mut self, _now: Duration, _text: &str) {}
    fn handle_binary(&mut self, _now: Duration, _bytes: &[u8]) {}
    fn handle_timeout(&mut self, _now: Duration) {}
    fn poll_output(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
    fn poll_timeout(&self) -> Option<Duration> {
        None
    }
}

/// The bytes up to the empty line, and those after it.
async fn read_head(stream: &mut Stream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let tail = bytes.split_off(end + 4);
            return Ok((bytes, tail));
        }
        if bytes.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn refuse(mut stream: Stream, id: u64, shared: &Shared, path: &str, refusal: &Refusal) {
    let reason = refusal.body["error"].as_str().unwrap_or_default().to_owned();
    shared.log.write(id, LogEvent::Refused { path: path.to_owned(), status: Some(refusal.status), reason });
    let bytes = refusal.to_bytes(&shared.new_id("req_"));
    let answer = async {
        stream.write_all(&bytes).await?;
        stream.shutdown().await?;
        // Closing with unread bytes would reset the connection and could destroy the answer.
        drain(&mut stream).await;
        io::Result::Ok(())
    };
    // A client that is gone does not need the answer.
    let _ = timeout(HEAD_TIMEOUT, answer).await;
}

/// Reads and forgets until the client closes.
async fn drain(stream: &mut Stream) {
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch).await.is_ok_and(|count| count > 0) {}
}
