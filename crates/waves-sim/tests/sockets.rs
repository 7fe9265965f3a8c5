//! The simulator as clients meet it: over loopback sockets, with a client that is not ours.
//!
//! What is decided without a socket is tested in `stt_state.rs` and `tts_state.rs`; here is what only a
//! connection can show: the upgrade, limits, digests, closing, backpressure.

mod common;

use std::time::Duration;

use common::{Client, End, logged, refused, start, within};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;
use voxline_waves_sim::config::{Limits, OverLimit, Region, ScriptScope, SttOptions};
use voxline_waves_sim::log::{AudioMark, ClosedBy};
use voxline_waves_sim::voice::Speaker;
use voxline_waves_sim::{Endpoint, LogEvent, Script, SimConfig, WavesSim};

const STT: &str = "/waves/v1/stt/live?model=pulse&language=en";
const TTS: &str = "/waves/v1/tts/live";

fn pcm(text: &str) -> Vec<u8> {
    Speaker::new(text, 16_000, 1.0).samples().iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

#[tokio::test]
async fn every_endpoint_opens_and_says_that_it_is_simulated() {
    let sim = start(SimConfig::default()).await;
    for endpoint in Endpoint::ALL {
        let mut client = Client::connect(&sim, &format!("{}?model=pulse", endpoint.path())).await.unwrap();
        assert_eq!(client.response.headers()["x-simulated"], "voxline-waves-sim");
        within("closing", client.socket.close(None)).await.unwrap();
    }
}

#[tokio::test]
async fn speech_goes_in_and_text_comes_out() {
    let sim = start(SimConfig::default()).await;
    let mut client = Client::stt(&sim).await;
    for chunk in pcm("Hello over a socket.").chunks(4_096) {
        client.send_audio(chunk).await;
    }
    client.send(r#"{"type":"close_stream"}"#).await;
    let (messages, end) = client.rest().await;
    let last = messages.last().unwrap();
    assert_eq!((&last["transcript"], &last["is_last"]), (&"Hello over a socket.".into(), &true.into()));
    assert_eq!(end, End::Close(1000, String::new()));
}

#[tokio::test]
async fn text_goes_in_and_speech_comes_out_that_can_be_transcribed() {
    let sim = start(SimConfig::default()).await;
    let mut tts = Client::tts(&sim).await;
    let request =
        json!({"voice_id": "sophia", "text": "Round trip!", "sample_rate": 16_000, "complete_backoff_ms": 0});
    tts.send(request.to_string()).await;
    let (messages, end) = tts.rest().await;
    assert_eq!(end, End::Close(1000, String::new()));
    let mut stt = Client::stt(&sim).await;
    for chunk in messages.iter().filter(|json| json["status"] == "chunk") {
        use base64::Engine as _;
        let audio = chunk["data"]["audio"].as_str().unwrap();
        stt.send_audio(&base64::engine::general_purpose::STANDARD.decode(audio).unwrap()).await;
    }
    stt.send(r#"{"type":"close_stream"}"#).await;
    assert_eq!(stt.rest().await.0.last().unwrap()["transcript"], "Round trip!");
}

#[tokio::test]
async fn the_logged_digest_is_that_of_the_bytes_sent() {
    let sim = start(SimConfig::default()).await;
    let audio = pcm("count every byte");
    for chunk in [2, 333, 65_536] {
        let mut client = Client::stt(&sim).await;
        for chunk in audio.chunks(chunk) {
            client.socket.feed(Message::binary(chunk.to_vec())).await.unwrap();
        }
        client.send(r#"{"type":"finalize"}"#).await;
        client.send(r#"{"type":"close_stream"}"#).await;
        client.rest().await;
    }
    let expected: String = Sha256::digest(&audio).iter().map(|byte| format!("{byte:02x}")).collect();
    logged(&sim, |event| matches!(event, LogEvent::Audio { when: AudioMark::End, messages: 1, .. })).await;
    let digests: Vec<_> = sim
        .log()
        .into_iter()
        .filter_map(|entry| match entry.event {
            LogEvent::Audio { sha256, bytes, .. } => Some((sha256, bytes)),
            _ => None,
        })
        .collect();
    assert_eq!(digests.len(), 9, "at finalize, at close_stream and at the end of each of three");
    assert!(digests.iter().all(|digest| *digest == (expected.clone(), audio.len() as u64)));
}

#[tokio::test]
async fn refusals_before_the_upgrade_have_status_body_and_headers() {
    let config = SimConfig { retired: vec![Endpoint::LightningV2], ..SimConfig::default() };
    let sim = start(config).await;
    let key = format!("Bearer {}", sim.api_key());
    let (status, body, response) = refused(&sim, STT, Some("Bearer sk_wrong")).await;
    assert_eq!((status, &body["error"]), (401, &"Unauthorized".into()));
    assert_eq!(response.headers()["x-simulated"], "voxline-waves-sim");
    assert_eq!(refused(&sim, STT, None).await.0, 401);
    assert_eq!(refused(&sim, "/waves/v1/nothing", Some(&key)).await.0, 404);
    let (status, body, _) = refused(&sim, "/waves/v1/stt/live?model=pulse-pro", Some(&key)).await;
    assert!(status == 400 && body["error"].as_str().unwrap().contains("no streaming transport"));
    let (status, body, _) = refused(&sim, &Endpoint::LightningV2.path(), Some(&key)).await;
    assert_eq!((status, &body["error_code"]), (410, &"MODEL_DEPRECATED".into()));
}

#[tokio::test]
async fn plain_http_gets_json() {
    let sim = start(SimConfig::default()).await;
    for (request, status) in [
        ("POST /waves/v1/stt/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".to_owned(), "404"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "404"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET {TTS} HTTP/1.1\r\nAuthorization: Bearer {}\r\n\r\n", sim.api_key()), "426"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", sim.port())).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within("the answer", stream.read_to_string(&mut answer)).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(serde_json::from_str::<Value>(body).unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn connections_over_the_limit_are_refused_in_both_forms() {
    let limits = Limits {
        stt_connections: 1,
        tts_connections: 1,
        tts_over_limit: OverLimit::Http429,
        stt_over_limit: OverLimit::Close1008,
        ..Limits::default()
    };
    let sim = start(SimConfig { limits, ..SimConfig::default() }).await;
    let (stt, tts) = (Client::stt(&sim).await, Client::tts(&sim).await);
    let end = Client::stt(&sim).await.rest().await.1;
    assert_eq!(end, End::Close(1008, "concurrency_limit_reached".to_owned()));
    let (status, _, response) = refused(&sim, TTS, Some(&format!("Bearer {}", sim.api_key()))).await;
    assert_eq!((status, &response.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    drop((stt, tts));
    logged(&sim, |event| matches!(event, LogEvent::Closed { by: ClosedBy::Dropped, .. })).await;
}

#[tokio::test]
async fn a_place_is_free_again_when_its_connection_ends() {
    let limits = Limits { tts_connections: 1, ..Limits::default() };
    let sim = start(SimConfig { limits, ..SimConfig::default() }).await;
    let mut first = Client::tts(&sim).await;
    within("closing", first.socket.close(None)).await.unwrap();
    first.rest().await;
    let closed = |event: &LogEvent| matches!(event, LogEvent::Closed { by: ClosedBy::Client, .. });
    logged(&sim, closed).await;
    within("a free place", async {
        while Client::connect(&sim, TTS).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn regions_refuse_after_the_upgrade() {
    let india = start(SimConfig { region: Region::India, ..SimConfig::default() }).await;
    let path = "/waves/v1/stt/live?model=pulse&language=";
    let (messages, end) = Client::connect(&india, &format!("{path}ja")).await.unwrap().rest().await;
    assert_eq!((messages.len(), end), (0, End::Dropped));
    let us = start(SimConfig { region: Region::UnitedStates, ..SimConfig::default() }).await;
    let (messages, end) = Client::connect(&us, &format!("{path}ta")).await.unwrap().rest().await;
    assert_eq!(messages[0]["error_code"], "LANGUAGE_NOT_ENABLED_IN_REGION");
    assert_eq!(end, End::Close(1000, String::new()));
}

#[tokio::test]
async fn the_log_tells_everything_but_the_key() {
    let file = std::env::temp_dir().join(format!("waves-sim-log-{}.jsonl", std::process::id()));
    let sim = start(SimConfig::default().with_api_key("sk_very_secret").with_log_file(&file)).await;
    let mut client =
        Client::connect(&sim, "/waves/v1/pulse/get_text?keywords=a%2Cb&token=sk_very_secret").await.unwrap();
    client.send(r#"{"type":"keepalive"}"#).await;
    assert_eq!(client.json().await, json!({"type": "pong"}));
    let mut tts = Client::tts(&sim).await;
    tts.send(r#"{"type":"ping","mine":1}"#).await;
    assert_eq!(tts.json().await, json!({"type": "pong"}));
    let opened = logged(&sim, |event| matches!(event, LogEvent::Opened { .. })).await;
    let LogEvent::Opened { path, query, headers, .. } = opened else { unreachable!() };
    assert_eq!((path.as_str(), query["keywords"].as_str()), ("/waves/v1/pulse/get_text", "a,b"));
    assert_eq!(headers["authorization"], "(hidden)");
    logged(&sim, |event| *event == LogEvent::Request { body: json!({"type": "ping", "mine": 1}) }).await;
    let lines = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(!lines.contains("very_secret") && !format!("{sim:?}").contains("very_secret"));
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["event"], &line["connection"], &line["endpoint"]),
        (&"opened".into(), &1.into(), &"pulse".into())
    );
}

#[tokio::test]
async fn a_message_that_is_too_big_closes_with_1009() {
    let limits = Limits { message_bytes: 10_000, ..Limits::default() };
    let sim = start(SimConfig { limits, ..SimConfig::default() }).await;
    let mut client = Client::stt(&sim).await;
    client.send_audio(&vec![0; 5_000_000]).await;
    assert_eq!(client.rest().await.1, End::Close(1009, "message too big".to_owned()));
}

#[tokio::test]
async fn pings_are_answered_and_sent() {
    let config = SimConfig { ping_interval: Some(Duration::from_millis(20)), ..SimConfig::default() };
    let sim = start(config).await;
    let mut client = Client::stt(&sim).await;
    client.socket.send(Message::Ping(b"mine"[..].into())).await.unwrap();
    let (mut pinged, mut ponged) = (false, false);
    while !(pinged && ponged) {
        match client.next().await.unwrap().unwrap() {
            Message::Ping(_) => pinged = true,
            Message::Pong(payload) => ponged = payload == b"mine"[..],
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_idle_client_gets_an_error_and_a_close() {
    let sim = start(SimConfig::default()).await;
    let mut client = Client::connect(&sim, "/waves/v1/tts/live?timeout=1").await.unwrap();
    let (messages, end) = client.rest().await;
    assert_eq!(messages[0]["message"], "Connection timed out after 1 seconds of inactivity");
    assert_eq!(end, End::Close(1000, String::new()));
}

#[tokio::test]
async fn a_shared_script_goes_on_where_the_last_connection_ended() {
    let stt = SttOptions { script_scope: ScriptScope::Shared, ..SttOptions::default() };
    let sim = start(SimConfig::default().with_script(Script::of(["One.", "Two."])).with_stt(stt)).await;
    let speech: Vec<u8> = (0..16_000_i16).flat_map(|n| if n % 8 < 4 { [0, 16] } else { [0, 240] }).collect();
    for expected in ["One.", "Two.", ""] {
        let mut client = Client::stt(&sim).await;
        client.send_audio(&speech).await;
        client.send(r#"{"type":"close_stream"}"#).await;
        assert_eq!(client.rest().await.0.last().unwrap()["transcript"], expected);
    }
}

#[tokio::test]
async fn a_prefix_belongs_to_the_url() {
    let sim = start(SimConfig { path_prefix: "/voice".to_owned(), ..SimConfig::default() }).await;
    assert!(sim.url().ends_with("/voice"));
    assert!(Client::connect(&sim, TTS).await.is_ok());
}

#[tokio::test]
async fn shutting_down_says_goodbye_and_frees_the_port() {
    let sim = start(SimConfig::default()).await;
    let port = sim.port();
    let mut client = Client::stt(&sim).await;
    let (_, (_, end)) = tokio::join!(within("shutting down", sim.shutdown()), client.rest());
    assert_eq!(end, End::Close(1001, "simulator is going away".to_owned()));
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn dropping_the_simulator_ends_its_connections() {
    let sim = start(SimConfig::default()).await;
    let mut client = Client::stt(&sim).await;
    drop(sim);
    assert!(!matches!(client.next().await, Some(Ok(_))));
}

#[tokio::test]
async fn a_client_that_vanishes_is_noticed() {
    let sim = start(SimConfig::default()).await;
    drop(Client::stt(&sim).await);
    let closed = logged(&sim, |event| matches!(event, LogEvent::Closed { .. })).await;
    assert!(matches!(closed, LogEvent::Closed { by: ClosedBy::Dropped, code: None, .. }));
    within("the seat", async {
        while sim.open_connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_hundred_calls_at_once_are_each_heard_right() {
    let sim = start(SimConfig::default()).await;
    let mut clients = Vec::new();
    for index in 0..100 {
        clients.push((index, Client::stt(&sim).await));
    }
    let calls = clients.into_iter().map(|(index, mut client)| async move {
        client.send_audio(&pcm(&format!("call {index}"))).await;
        client.send(r#"{"type":"close_stream"}"#).await;
        (index, client.rest().await.0.pop().unwrap())
    });
    for (index, last) in futures_util::future::join_all(calls).await {
        assert_eq!(last["transcript"], format!("call {index}"));
    }
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused_at_the_start() {
    assert!(WavesSim::start(SimConfig::default().with_api_key("sk \n")).await.is_err());
    let sim = start(SimConfig::default()).await;
    assert!(sim.api_key().starts_with("sk_") && sim.api_key().len() == 43);
    assert!(WavesSim::start(SimConfig::default().with_port(sim.port())).await.is_err());
}

#[tokio::test]
async fn binary_for_a_speaker_is_an_error() {
    let sim = start(SimConfig::default()).await;
    let mut client = Client::tts(&sim).await;
    client.send_audio(b"{}").await;
    assert_eq!(client.json().await["message"], "Expected a JSON text message");
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_fill_the_memory() {
    let mut config = SimConfig { write_timeout: Duration::from_millis(300), ..SimConfig::default() };
    config.tts.pace = 1e9;
    let sim = start(config).await;
    let mut client = Client::tts(&sim).await;
    let text = "a very long story ".repeat(2_000);
    client.send(json!({"voice_id": "v", "text": text}).to_string()).await;
    let closed = logged(&sim, |event| matches!(event, LogEvent::Closed { .. })).await;
    let LogEvent::Closed { by, reason, .. } = closed else { unreachable!() };
    assert_eq!((by, reason.as_str()), (ClosedBy::Dropped, "the client does not read"));
    drop(client);
}

#[tokio::test]
async fn a_control_message_that_is_none_does_not_disturb() {
    let sim = start(SimConfig::default()).await;
    let mut client = Client::stt(&sim).await;
    client.send("not json").await;
    client.send(r#"{"type":"finalize"}"#).await;
    assert_eq!(client.json().await["from_finalize"], true);
}
