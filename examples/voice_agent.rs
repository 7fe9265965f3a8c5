//! A voice agent: a recorded caller asks, is answered by a language model, interrupts, and is understood.
//!
//! `cargo run --release --example voice_agent` plays five turns of a caller, in real time. One asks for the time in
//! Delhi, which the model learns from a tool; one interrupts the agent. Each turn is printed with what it took; at
//! the end stands what the model remembers: of the answer that was cut, only the words that were heard.
//!
//! Without keys it talks to simulators: the Waves service inside this process, and a model that follows a script.
//! With `SMALLEST_API_KEY` it talks to Waves; with `OPENAI_API_KEY`, `OPENAI_BASE_URL` and `OPENAI_MODEL`, as far as
//! they are needed, to any OpenAI-compatible model.

use std::{
    convert::Infallible,
    env,
    error::Error,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use voxline::{
    prelude::*,
    sim::{Script, SimConfig, WavesSim},
};

const CALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/conversation.wav");
const TRANSCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/conversation.txt");
const ANSWER: &str = "answer.wav";
/// What is printed of what passes.
const SHOWN: [FrameKind; 4] =
    [FrameKind::Transcription, FrameKind::ToolSettled, FrameKind::TtsText, FrameKind::Metrics];
const SYSTEM: &str =
    "You speak on the telephone. Be brief and kind. Write as one speaks, without any markup.";

#[tokio::main]
async fn main() -> ExitCode {
    match call().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            show_error(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn call() -> Result<(), Box<dyn Error>> {
    let (stt, tts, _simulator) = services().await?;
    stt.on_connection_error(|error| show_error(error));
    tts.on_connection_error(|error| show_error(error));
    let conversation = Conversation::new(SYSTEM);
    let (user, assistant) = conversation.aggregators(TurnConfig::default());
    let (input, output) = WavTransport::open(CALLER, ANSWER)?.split();

    let line = Pipeline::builder()
        .then(input) // the caller's audio
        .then(Vad::default()) // where speech begins and ends
        .then(stt) // what was said
        .then(user); // whose turn it is, and what the model is asked
    let line = match model()? {
        Some(model) => line.then(model.with_tools(tools())),
        None => line.then(scripted().with_tools(tools())),
    };
    let pipeline = line
        .then(tts) // the answer, spoken while it is still written
        .then(MeasureLatency::default())
        .then(output) // played as fast as it is heard; silent at once when the caller interrupts
        .then(assistant) // what of it was heard
        .build()?;

    println!("The call takes half a minute. Times count from the moment the caller falls silent.");
    let config = SessionConfig { reached: KindSet::of(&SHOWN), ..Default::default() }.on_event(show);
    pipeline.start(config).await?.finished().await?;

    println!("\nWhat the model remembers:");
    conversation.messages().iter().for_each(show_message);
    println!("\nThe agent's side of the call is in {ANSWER}.");
    Ok(())
}

/// The speech services, and the simulator they talk to unless there is a key.
async fn services() -> Result<(SmallestStt, SmallestTts, Option<WavesSim>), Box<dyn Error>> {
    if is_set("SMALLEST_API_KEY") {
        println!("Speech: Smallest Waves.");
        return Ok((SmallestStt::from_env()?, SmallestTts::from_env()?, None));
    }
    println!("Speech: a simulator of Smallest Waves, since SMALLEST_API_KEY is not set.");
    let simulator = WavesSim::start(SimConfig::default().with_script(Script::load(TRANSCRIPT)?)).await?;
    let stt = SmallestStt::new(simulator.api_key()).with_base_url(simulator.url());
    let tts = SmallestTts::new(simulator.api_key()).with_base_url(simulator.url());
    Ok((stt, tts, Some(simulator)))
}

/// The language model of the environment, if there is one.
fn model() -> Result<Option<OpenAiLlm>, Box<dyn Error>> {
    if is_set("OPENAI_API_KEY") || is_set("OPENAI_BASE_URL") {
        println!("Answers: a language model.");
        return Ok(Some(OpenAiLlm::from_env()?));
    }
    println!("Answers: a script, since neither OPENAI_API_KEY nor OPENAI_BASE_URL is set.");
    Ok(None)
}

fn is_set(variable: &str) -> bool {
    env::var(variable).is_ok_and(|value| !value.trim().is_empty())
}

/// Stands for a model: knows this caller's questions.
fn scripted() -> ScriptedLlm {
    let story = "Once there was a small boat. It knew every wave by name. One night the wind forgot the way home, \
                 and the boat went out to look for it. Far out, where the water is black, it heard a whisper.";
    ScriptedLlm::new()
        .when("hear me", "Yes, I hear you well.")
        .when("time", Reply::call("time_in", serde_json::json!({ "city": "Delhi" })))
        .after("time_in", "In Delhi it is {result} now.")
        .when("story", story)
        .when("stop", "Of course.")
        .when("thank you", "You are welcome. Goodbye.")
        .with_first_delay(Duration::from_millis(150))
        .with_word_delay(Duration::from_millis(20))
}

/// Where to look.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "voxline::llm::schemars")]
struct Place {
    /// A city, in English.
    city: String,
}

/// What the model may call.
fn tools() -> Tools {
    let time = tool("time_in", "Tells the local time of a city.", |place: Place| async move {
        Ok::<_, Infallible>(match place.city.to_lowercase().as_str() {
            "delhi" | "new delhi" => time_in_delhi(),
            _ => "unknown: this clock knows only Delhi".to_owned(),
        })
    });
    Tools::new().with(time)
}

/// Hours and minutes: five and a half hours ahead of UTC, all year.
#[expect(clippy::disallowed_methods, reason = "a caller who asks for the time wants that of the wall")]
fn time_in_delhi() -> String {
    let utc = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
    let minutes = (utc + 5 * 60 + 30) % (24 * 60);
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

/// Prints the call as it happens.
fn show(event: &SessionEvent) {
    match event {
        SessionEvent::Reached(_, frame) => show_frame(&frame.payload),
        SessionEvent::Interrupted(_) => {
            println!("            (the caller interrupts; what has not been heard is dropped)")
        }
        // One that ends the call is told when it has ended.
        SessionEvent::Error(report) if !report.fatal => show_error(&*report.error),
        _ => {}
    }
}

fn show_frame(payload: &Payload) {
    match payload {
        Payload::Transcription(heard) if !heard.text.is_empty() => println!("\n   caller   {}", heard.text),
        Payload::ToolSettled(tool) => {
            println!(
                "   tool     {} {} gives \"{}\"",
                tool.call.name,
                tool.call.arguments,
                tool.outcome.text()
            );
        }
        Payload::TtsText(spoken) => println!("   agent    {}", spoken.text.trim()),
        Payload::Metrics(metric) => {
            if let Metric::Exchange(exchange) = &**metric {
                show_times(exchange);
            }
        }
        _ => {}
    }
}

/// How long the caller waited, and for what.
fn show_times(exchange: &Exchange) {
    let parts = [
        ("transcript", exchange.transcript),
        ("first token", exchange.first_token),
        ("first audio", Some(exchange.played)),
    ];
    let told = parts.into_iter().filter_map(|(name, at)| Some(format!("{name} {} ms", at?.as_millis())));
    println!("            [{}]", told.collect::<Vec<_>>().join(", "));
}

/// An error and its causes, each once.
fn show_error(error: &dyn Error) {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        source = cause.source();
    }
    eprintln!("   error    {told}");
}

fn show_message(message: &ChatMessage) {
    match message {
        ChatMessage::User { text } => println!("   caller   {text}"),
        ChatMessage::Assistant { text, .. } if !text.is_empty() => println!("   agent    {text}"),
        ChatMessage::Tool { text, .. } => println!("   tool     {text}"),
        _ => {}
    }
}
