//! A voice agent: a recorded caller speaks, the agent hears, answers, and the answer is recorded.
//!
//! `cargo run --release --example voice_agent` plays `examples/assets/question.wav` in real time through voice
//! activity detection, Smallest speech-to-text, a parrot that answers, and Smallest text-to-speech, and
//! writes what the agent says to `answer.wav`. With `SMALLEST_API_KEY` it talks to the real service; without,
//! to a simulator of it inside this process, which takes the recording's transcript as its script.

use std::{env, error::Error, path::Path};

use voxline::{core::frame::Transcription, prelude::*};
use voxline_waves_sim::{Script, SimConfig, WavesSim};

const QUESTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/question.wav");
const TRANSCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/question.txt");
const ANSWER: &str = "answer.wav";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let waves = Waves::find().await?;
    let stt = SmallestStt::new(waves.key.as_str()).with_base_url(&waves.url);
    let tts = SmallestTts::new(waves.key.as_str()).with_base_url(&waves.url);
    stt.on_connected(|| println!("   speech-to-text is connected"));
    tts.on_connected(|| println!("   text-to-speech is connected"));
    stt.on_connection_error(|error| eprintln!("   speech-to-text: {error}"));
    tts.on_connection_error(|error| eprintln!("   text-to-speech: {error}"));

    let (input, output) = WavTransport::open(QUESTION, ANSWER)?.split();
    let pipeline = Pipeline::builder()
        .then(input)
        .then(Vad::default().interrupts(true))
        .then(stt)
        .then(Parrot::new("You said:"))
        .then(tts)
        .then(MeasureLatency::default())
        .then(output)
        .build()?;

    let shown = KindSet::of(&[FrameKind::Transcription, FrameKind::Text, FrameKind::Metrics]);
    let config = SessionConfig { reached: shown, ..Default::default() }.on_event(show);
    pipeline.start(config).await?.finished().await?;
    println!("   the agent's side of the call is in {}", Path::new(ANSWER).display());
    Ok(())
}

/// Prints the conversation as it happens.
fn show(event: &SessionEvent) {
    match event {
        SessionEvent::Reached(_, frame) => match &frame.payload {
            Payload::Transcription(heard) => show_heard(heard),
            Payload::Text(chunk) => println!("bot:  {}", chunk.text),
            Payload::Metrics(metric) => show_time(metric),
            _ => {}
        },
        SessionEvent::Interrupted(_) => println!("   (interrupted)"),
        SessionEvent::Error(report) => eprintln!("   {}: {}", report.stage, report.error),
        _ => {}
    }
}

fn show_heard(heard: &Transcription) {
    if !heard.text.is_empty() {
        println!("user: {}", heard.text);
    }
}

fn show_time(metric: &Metric) {
    match metric {
        Metric::SpeechEndToFinal { value, service, .. } => {
            println!("   end of speech to text: {value:.0?}, of which the service took {service:.0?}");
        }
        Metric::VoiceToVoice { value, .. } => println!("   end of speech to first audio: {value:.0?}"),
        _ => {}
    }
}

/// The Waves service to talk to: the real one, or a simulator that lives as long as this value.
struct Waves {
    url: String,
    key: String,
    _simulator: Option<WavesSim>,
}

impl Waves {
    async fn find() -> Result<Self, Box<dyn Error>> {
        if let Ok(key) = env::var("SMALLEST_API_KEY") {
            println!("   talking to the Smallest Waves service");
            return Ok(Self { url: "wss://api.smallest.ai".into(), key, _simulator: None });
        }
        println!("   SMALLEST_API_KEY is not set: talking to the built-in simulator of Smallest Waves");
        let simulator = WavesSim::start(SimConfig::default().with_script(Script::load(TRANSCRIPT)?)).await?;
        let (url, key) = (simulator.url(), simulator.api_key().to_owned());
        Ok(Self { url, key, _simulator: Some(simulator) })
    }
}
