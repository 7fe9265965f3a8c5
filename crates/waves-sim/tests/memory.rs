//! The simulator without a socket: streams in memory, in paused time.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, DuplexStream},
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use voxline_waves_sim::{SimConfig, WavesSim, voice::Speaker};

async fn connect(sim: &WavesSim, path: &str) -> WebSocketStream<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    sim.serve_stream(theirs).await;
    let mut request = format!("{}{path}", sim.url()).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", sim.api_key()).parse().unwrap());
    client_async(request, ours).await.unwrap().0
}

async fn next_json(client: &mut WebSocketStream<DuplexStream>) -> Value {
    serde_json::from_str(client.next().await.unwrap().unwrap().to_text().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn speech_over_a_stream_in_memory_is_transcribed() {
    let sim = WavesSim::start_in_memory(SimConfig::default()).unwrap();
    let mut client = connect(&sim, "/waves/v1/stt/live?model=pulse&language=en").await;
    let samples = Speaker::new("Hello in memory.", 16_000, 1.0).samples();
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    client.send(Message::binary(bytes)).await.unwrap();
    client.send(Message::text(r#"{"type":"close_stream"}"#)).await.unwrap();
    let last = loop {
        let message = next_json(&mut client).await;
        if message["is_last"] == true {
            break message;
        }
    };
    assert_eq!(last["transcript"], "Hello in memory.");
}

#[tokio::test(start_paused = true)]
async fn waits_of_the_simulator_are_waits_of_the_paused_clock() {
    let mut config = SimConfig::default();
    config.tts.first_chunk_latency = Duration::from_secs(3600);
    let sim = WavesSim::start_in_memory(config).unwrap();
    let mut client = connect(&sim, "/waves/v1/tts/live?timeout=7200").await;
    let request = json!({"voice_id": "sophia", "text": "Late.", "complete_backoff_ms": 0});
    let asked = Instant::now();
    client.send(Message::text(request.to_string())).await.unwrap();
    let first = next_json(&mut client).await;
    assert_eq!(first["status"], "chunk", "{first}");
    assert!(asked.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_says_goodbye_over_streams_too() {
    let sim = WavesSim::start_in_memory(SimConfig::default()).unwrap();
    assert_eq!((sim.port(), sim.url()), (0, "ws://127.0.0.1".to_owned()));
    let mut client = connect(&sim, "/waves/v1/tts/live").await;
    let goodbye = async {
        let Some(Ok(Message::Close(Some(frame)))) = client.next().await else { panic!("no close frame") };
        u16::from(frame.code)
    };
    let (code, ()) = tokio::join!(goodbye, sim.shutdown());
    assert_eq!(code, 1001);
}

#[tokio::test(start_paused = true)]
async fn a_simulator_that_is_gone_ends_its_streams() {
    let sim = WavesSim::start_in_memory(SimConfig::default()).unwrap();
    let (mut ours, theirs) = tokio::io::duplex(64);
    sim.serve_stream(theirs).await;
    drop(sim);
    assert_eq!(ours.read(&mut [0; 8]).await.unwrap(), 0);
}
