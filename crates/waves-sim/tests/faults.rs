//! Every fault, as a client meets it over a real socket.
//!
//! How faults are written and which connections they meet is tested beside the code; here each one is
//! seen from the other end.

mod common;

use std::time::Duration;

use common::{Client, End, logged, refused, start_with, within};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};
use voxline_waves_sim::log::ClosedBy;
use voxline_waves_sim::{Fault, LogEvent, WavesSim};

const STT: &str = "/waves/v1/stt/live?model=pulse&language=en";
const FINALIZE: &str = r#"{"type":"finalize"}"#;
const CLOSE_STREAM: &str = r#"{"type":"close_stream"}"#;

/// What comes after each of these messages was sent on a fresh connection.
async fn answers(sim: &WavesSim, messages: &[&str]) -> (Vec<Value>, End) {
    let mut client = Client::stt(sim).await;
    for message in messages {
        client.send(*message).await;
    }
    client.rest().await
}

fn request() -> String {
    json!({"voice_id": "v", "text": "say this", "sample_rate": 8_000, "complete_backoff_ms": 0}).to_string()
}

#[tokio::test]
async fn refuse_closes_before_any_answer() {
    let sim = start_with(&["refuse,count=1"]).await;
    assert!(!matches!(Client::connect(&sim, STT).await.err(), None | Some(Error::Http(_))));
    assert!(Client::connect(&sim, STT).await.is_ok(), "only once");
}

#[tokio::test]
async fn hang_never_answers() {
    let sim = start_with(&["hang"]).await;
    tokio::select! {
        _ = Client::connect(&sim, STT) => panic!("answered"),
        _ = logged(&sim, |event| matches!(event, LogEvent::Refused { status: None, .. })) => {}
    }
}

#[tokio::test]
async fn every_status_can_be_had() {
    for status in [400, 401, 403, 404, 410, 429, 500, 502, 503] {
        let sim = start_with(&[&format!("status={status},retry_after=3")]).await;
        let (got, body, response) = refused(&sim, STT, None).await;
        assert_eq!(got, status);
        assert_eq!(body["error"], format!("simulated status {status}"));
        assert_eq!(response.headers()["retry-after"], "3");
    }
}

#[tokio::test]
async fn a_close_follows_the_upgrade() {
    let sim = start_with(&["close=1008:forbidden,endpoint=stt", "1008,endpoint=tts"]).await;
    assert_eq!(Client::stt(&sim).await.rest().await.1, End::Close(1008, "forbidden".to_owned()));
    let end = Client::tts(&sim).await.rest().await.1;
    assert_eq!(end, End::Close(1008, "concurrency_limit_reached".to_owned()));
}

#[tokio::test]
async fn accept_then_close_ends_without_a_frame() {
    let sim = start_with(&["accept-then-close"]).await;
    assert_eq!(answers(&sim, &[]).await, (Vec::new(), End::Dropped));
}

#[tokio::test]
async fn drop_and_reset_end_in_the_middle() {
    for spec in ["drop=received:1000", "reset=received:1000", "drop=sent:1", "drop=ms:1"] {
        let sim = start_with(&[spec]).await;
        let mut client = Client::stt(&sim).await;
        // A write can fail when the simulator has already gone: that is what is tested.
        let _ = client.socket.send(Message::binary(vec![0; 1_000])).await;
        let _ = client.socket.send(Message::text(FINALIZE)).await;
        let (messages, end) = client.rest().await;
        assert_eq!(end, End::Dropped, "{spec}");
        assert!(messages.len() <= 1, "{spec}");
        let closed = logged(&sim, |event| matches!(event, LogEvent::Closed { .. })).await;
        assert!(matches!(closed, LogEvent::Closed { by: ClosedBy::Fault, .. }), "{spec}: {closed:?}");
    }
}

#[tokio::test]
async fn a_drop_by_bytes_sent_lets_those_bytes_go_first() {
    let sim = start_with(&["drop=sent:1,endpoint=tts"]).await;
    let mut client = Client::tts(&sim).await;
    client.send(request()).await;
    let (messages, end) = client.rest().await;
    assert_eq!((messages.len(), end), (1, End::Dropped));
    assert_eq!(messages[0]["status"], "chunk");
}

#[tokio::test]
async fn half_open_answers_nothing_not_even_pings() {
    let sim = start_with(&["half-open=received:4,endpoint=stt"]).await;
    let mut client = Client::stt(&sim).await;
    client.send_audio(&[0; 4]).await;
    client.socket.send(Message::Ping(Vec::new().into())).await.unwrap();
    client.send(FINALIZE).await;
    let other = async {
        // Another connection is served meanwhile; nothing comes on the frozen one.
        let mut other = Client::tts(&sim).await;
        other.send(r#"{"type":"ping"}"#).await;
        other.json().await
    };
    tokio::select! {
        biased;
        message = client.next() => panic!("{message:?}"),
        pong = other => assert_eq!(pong, json!({"type": "pong"})),
    }
    assert!(!sim.log().iter().any(|entry| matches!(entry.event, LogEvent::Control { .. })), "not even read");
    within("shutting down", sim.shutdown()).await;
}

#[tokio::test]
async fn a_stall_reads_and_answers_pings_only() {
    let sim = start_with(&["stall"]).await;
    let mut client = Client::stt(&sim).await;
    client.send(FINALIZE).await;
    client.send(CLOSE_STREAM).await;
    client.socket.send(Message::Ping(b"x"[..].into())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong(b"x"[..].into()));
    logged(&sim, |event| matches!(event, LogEvent::Control { .. })).await;
}

#[tokio::test]
async fn slow_delays_without_changing_the_order() {
    let sim = start_with(&["slow=50"]).await;
    let begun = std::time::Instant::now();
    let (messages, end) = answers(&sim, &[FINALIZE, CLOSE_STREAM]).await;
    assert!(begun.elapsed() >= Duration::from_millis(50), "never early");
    assert_eq!((&messages[0]["from_finalize"], &messages[1]["is_last"]), (&true.into(), &true.into()));
    assert_eq!(end, End::Close(1000, String::new()));
}

#[tokio::test]
async fn broken_messages_come_before_the_good_one() {
    let sim = start_with(&["malformed", "giant=2m", "binary-for-text,at=2"]).await;
    let mut client = Client::stt(&sim).await;
    client.send(FINALIZE).await;
    assert!(serde_json::from_str::<Value>(&client.text().await).is_err());
    assert_eq!(client.text().await.len(), 2 << 20);
    assert_eq!(client.json().await["from_finalize"], true);
    client.send(FINALIZE).await;
    assert!(matches!(client.next().await, Some(Ok(Message::Binary(_)))));
}

#[tokio::test]
async fn garbage_breaks_the_protocol() {
    let sim = start_with(&["garbage"]).await;
    let mut client = Client::stt(&sim).await;
    client.send(FINALIZE).await;
    assert!(matches!(client.next().await, Some(Err(Error::Protocol(_)))));
}

#[tokio::test]
async fn error_frames_have_every_shape() {
    for (shape, field) in [(1, "message"), (2, "error"), (3, "errors"), (4, "request_id")] {
        let sim = start_with(&[&format!("error={shape}")]).await;
        let mut client = Client::tts(&sim).await;
        client.send(request()).await;
        let error = client.json().await;
        assert_eq!(error["status"], "error");
        assert!(error.get(field).is_some(), "{shape}: {error}");
        assert_eq!(client.json().await["status"], "chunk", "and the answer goes on");
    }
}

#[tokio::test]
async fn finals_are_doubled_or_missing() {
    let double = start_with(&["duplicate-final"]).await;
    let (messages, _) = answers(&double, &[FINALIZE, CLOSE_STREAM]).await;
    assert_eq!(messages[0], messages[1]);
    assert_eq!(messages.len(), 3);
    let missing = start_with(&["missing-final,at=2"]).await;
    let (messages, _) = answers(&missing, &[FINALIZE, FINALIZE, CLOSE_STREAM]).await;
    assert_eq!(messages.iter().filter(|json| json["from_finalize"] == true).count(), 1);
}

#[tokio::test]
async fn a_missing_last_leaves_the_socket_open() {
    let sim = start_with(&["missing-last"]).await;
    let mut client = Client::stt(&sim).await;
    client.send(CLOSE_STREAM).await;
    assert_eq!(client.json().await["is_last"], false);
    client.socket.send(Message::Ping(b"y"[..].into())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong(b"y"[..].into()), "no close in between");
}

#[tokio::test]
async fn a_missing_complete_leaves_the_socket_open() {
    let sim = start_with(&["missing-complete"]).await;
    let mut client = Client::tts(&sim).await;
    // In a context every released text has its complete.
    for text in ["One.", "Two."] {
        let fragment = json!({"voice_id": "v", "text": text, "context_id": "c", "continue": true,
            "sample_rate": 8_000, "complete_backoff_ms": 0});
        client.send(fragment.to_string()).await;
    }
    let mut spoken = Vec::new();
    let complete = loop {
        let json = client.json().await;
        if json["status"] == "complete" {
            break json["request_id"].clone();
        }
        spoken.push(json["request_id"].clone());
    };
    spoken.dedup();
    assert_eq!(spoken.len(), 2);
    assert_eq!(complete, spoken[1]);
}

#[tokio::test]
async fn bad_base64_spoils_one_chunk() {
    let sim = start_with(&["bad-base64,at=2"]).await;
    let mut client = Client::tts(&sim).await;
    client.send(request()).await;
    let (messages, _) = client.rest().await;
    let audio: Vec<_> = messages.iter().filter_map(|json| json["data"]["audio"].as_str()).collect();
    assert_eq!(audio.iter().position(|audio| *audio == "!not base64!"), Some(1));
}

#[tokio::test]
async fn faults_can_be_put_on_open_connections() {
    let sim = start_with(&[]).await;
    let (mut stt, mut tts) = (Client::stt(&sim).await, Client::tts(&sim).await);
    let fault: Fault = "close=1011:oops,endpoint=tts".parse().unwrap();
    assert_eq!(sim.inject_now(&fault), 1);
    assert_eq!(tts.rest().await.1, End::Close(1011, "oops".to_owned()));
    stt.send(FINALIZE).await;
    assert_eq!(stt.json().await["from_finalize"], true);
    assert_eq!(sim.inject_now(&"reset=now".parse().unwrap()), 1);
    assert_eq!(stt.rest().await.1, End::Dropped);
}

#[tokio::test]
async fn faults_can_be_added_and_taken_away() {
    let sim = start_with(&[]).await;
    sim.inject("503".parse().unwrap());
    assert_eq!(refused(&sim, STT, None).await.0, 503);
    sim.clear_faults();
    assert!(Client::connect(&sim, STT).await.is_ok());
}

#[tokio::test]
async fn a_fault_waits_for_the_connection_it_is_for() {
    let sim = start_with(&["429,endpoint=stt,nth=2"]).await;
    assert!(Client::connect(&sim, STT).await.is_ok());
    assert!(Client::connect(&sim, "/waves/v1/tts/live").await.is_ok());
    assert_eq!(refused(&sim, STT, None).await.0, 429);
    assert!(Client::connect(&sim, STT).await.is_ok());
}
