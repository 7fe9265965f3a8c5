//! A conversation: a recorded caller asks, is answered by a language model, interrupts, and is understood.
//!
//! `cargo run --release --example conversation` plays five turns of a caller; one asks for the time in Delhi, which
//! the model learns from a tool; one interrupts the bot. At the end the conversation is printed as the model will
//! remember it: of the answer that was cut, only the words that were heard.
//!
//! Without keys it talks to simulators: the Waves service inside this process, and a model that follows a
//! script. With `SMALLEST_API_KEY` it talks to Waves, with `OPENAI_API_KEY` (and, if need be, `OPENAI_BASE_URL`,
//! `OPENAI_MODEL`) to any OpenAI-compatible model.

use std::{env, error::Error, time::Duration};

use serde::Deserialize;
use voxline::{
    core::{frame::ChatMessage, service::LlmStage},
    prelude::*,
    turns::{Conversation, TurnConfig},
};
use voxline_llm::{OpenAiLlm, Reply, ScriptedLlm, Tools, schemars::JsonSchema, tool};
use voxline_waves_sim::{Script, SimConfig, WavesSim};

const CALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/conversation.wav");
const TRANSCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/conversation.txt");
const ANSWER: &str = "answer.wav";
const SYSTEM: &str = "You speak on the telephone. Be brief and kind.";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (stt, tts, _simulator) = services().await?;
    let conversation = Conversation::new(SYSTEM);
    let (user, assistant) = conversation.aggregators(TurnConfig::default());
    let (input, output) = WavTransport::open(CALLER, ANSWER)?.split();

    let line = Pipeline::builder().then(input).then(Vad::default()).then(stt).then(user);
    let line = if env::var_os("OPENAI_API_KEY").is_some() {
        line.then(LlmStage::new(OpenAiLlm::from_env()?).with_tools(tools()))
    } else {
        println!("   OPENAI_API_KEY is not set: {}", ScriptedLlm::NOTICE);
        line.then(LlmStage::new(scripted()).with_tools(tools()))
    };
    let pipeline = line.then(tts).then(MeasureLatency::default()).then(output).then(assistant).build()?;

    let reached = KindSet::of(&[
        FrameKind::Transcription,
        FrameKind::TtsText,
        FrameKind::ToolCalls,
        FrameKind::Metrics,
    ]);
    let config = SessionConfig { reached, ..Default::default() }.on_event(show);
    pipeline.start(config).await?.finished().await?;

    println!("\n   what the model remembers:");
    conversation.snapshot().messages.iter().for_each(show_message);
    println!("   the bot's side of the call is in {ANSWER}");
    Ok(())
}

/// Prints the call as it happens.
fn show(event: &SessionEvent) {
    match event {
        SessionEvent::Reached(_, frame) => match &frame.payload {
            Payload::Transcription(heard) if !heard.text.is_empty() => println!("user: {}", heard.text),
            Payload::TtsText(spoken) => println!("bot:  {}", spoken.text.trim()),
            Payload::ToolCalls(calls) => calls.iter().for_each(|call| println!("   tool: {}", call.name)),
            Payload::Metrics(metric) => show_time(metric),
            _ => {}
        },
        SessionEvent::Interrupted(_) => println!("   (the caller interrupts)"),
        SessionEvent::Error(report) => eprintln!("   {}: {}", report.stage, report.error),
        _ => {}
    }
}

fn show_time(metric: &Metric) {
    match metric {
        Metric::SpeechEndToFinal { value, .. } => println!("   end of speech to transcript {value:.0?}"),
        Metric::TimeToFirstByte { stage, value } => println!("   first of {stage} after {value:.0?}"),
        Metric::VoiceToVoice { value, .. } => println!("   end of speech to first audio {value:.0?}"),
        _ => {}
    }
}

fn show_message(message: &ChatMessage) {
    match message {
        ChatMessage::User { text } => println!("   user       {text}"),
        ChatMessage::Assistant { text, .. } if !text.is_empty() => println!("   assistant  {text}"),
        ChatMessage::Tool { text, .. } => println!("   tool       {text}"),
        _ => {}
    }
}

/// Where to look.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "voxline_llm::schemars")]
struct Place {
    /// A city, in English.
    city: String,
}

fn tools() -> Tools {
    let time = tool("time_in", "Tells the local time of a city.", |place: Place| async move {
        match place.city.as_str() {
            "Delhi" => Ok("half past four in the afternoon"),
            _ => Err("there is no clock in this demonstration for that city"),
        }
    });
    Tools::new().with(time)
}

/// Stands for a model: knows this caller's questions.
fn scripted() -> ScriptedLlm {
    let story = "Once there was a small boat. It knew every wave by name. One night the wind forgot the way home, \
                 and the boat went out to look for it. Far out, where the water is black, it heard a whisper.";
    ScriptedLlm::new()
        .when("hear me", Reply::text("Yes, I hear you well."))
        .when("time", Reply::call("time_in", serde_json::json!({ "city": "Delhi" })))
        .after("time_in", Reply::text("It is half past four in Delhi."))
        .when("story", Reply::text(story))
        .when("stop", Reply::text("Of course."))
        .when("thank you", Reply::text("Goodbye."))
        .with_first_delay(Duration::from_millis(150))
        .with_word_delay(Duration::from_millis(20))
}

/// The speech services, and the simulator they talk to unless there is a key.
async fn services() -> Result<(SmallestStt, SmallestTts, Option<WavesSim>), Box<dyn Error>> {
    if env::var_os("SMALLEST_API_KEY").is_some() {
        return Ok((SmallestStt::from_env()?, SmallestTts::from_env()?, None));
    }
    println!("   SMALLEST_API_KEY is not set: talking to the built-in simulator of Smallest Waves");
    let simulator = WavesSim::start(SimConfig::default().with_script(Script::load(TRANSCRIPT)?)).await?;
    let stt = SmallestStt::new(simulator.api_key()).with_base_url(simulator.url());
    let tts = SmallestTts::new(simulator.api_key()).with_base_url(simulator.url());
    Ok((stt, tts, Some(simulator)))
}
