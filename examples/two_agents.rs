//! Two agents on the telephone: each hears the other's voice, and says what comes next.
//!
//! `cargo run --release --example two_agents` plays a call of ten minutes in a few seconds, for its time is simulated.
//! They play a game of memory: who has the turn repeats everything in the bag, and puts one thing more into it. A word
//! that was misheard, lost or spoken twice would end the game.
//!
//! No key and no network: the voices are those of the simulator of Smallest Waves, which carry their text in tones
//! and are heard by its recogniser; it is reached in memory. The agents are whole all the same: detector,
//! speech-to-text, turns, a model (which follows a script), text-to-speech, a paced output.

use std::{error::Error, sync::Arc, time::Duration};

use voxline::llm::ScriptedLlm;
use voxline::sim::{SimConfig, WavesSim};
use voxline::{
    core::frame::ChatMessage,
    prelude::*,
    turns::{AnswerNow, Conversation, TurnConfig},
    vad::EnergyVad,
};

#[path = "../tests/support/telephone.rs"]
mod telephone;

use telephone::{Ear, End, Mouth, RATE, line, recogniser, synthesizer};

const THINGS: &str = "apple boat candle drum egg feather guitar hammer island jar kettle lamp mirror needle onion piano \
                      quilt ribbon stone ticket umbrella violin window xylophone yarn zebra anchor basket cloud door \
                      engine flute garden hat iron jewel key ladder mountain nest ocean pencil robot spoon tiger";

const GOODBYE: &str = "That is all I can carry. Goodbye.";
/// Simulated: a game that is stuck is given up.
const PATIENCE: Duration = Duration::from_secs(3600);

// Time begins to run only when there is nothing left to compute, and then it jumps.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let simulator = Arc::new(WavesSim::start_in_memory(SimConfig::default())?);
    let (one, other) = line();
    let (began, call) = (std::time::Instant::now(), tokio::time::Instant::now());
    let (anna, anna_remembers) = agent("Anna", one, &simulator).await?;
    let (ben, ben_remembers) = agent("Ben", other, &simulator).await?;
    anna.queue(Frame::custom(AnswerNow)).await?;

    // Who hears goodbye hangs up, and with it the other's session ends.
    let parting = async {
        while !heard_goodbye(&anna_remembers) && !heard_goodbye(&ben_remembers) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, parting).await?;
    anna.end().await?;
    anna.finished().await?;
    ben.finished().await?;
    println!("\nsimulated {:.0?}, computed in {:.1?}", call.elapsed(), began.elapsed());
    Ok(())
}

/// An agent at one end of the line.
async fn agent(
    name: &'static str,
    end: End,
    simulator: &Arc<WavesSim>,
) -> Result<(Session, Conversation), Box<dyn Error>> {
    let conversation = Conversation::new("");
    let (user, assistant) = conversation.aggregators(TurnConfig::default());
    let pipeline = Pipeline::builder()
        .then(Ear::new(end.from))
        .then(Vad::new(EnergyVad::default().with_rate(RATE)))
        .then(recogniser(simulator))
        .then(user)
        .then(player())
        .then(synthesizer(simulator))
        .then(Mouth::new(end.to, |_| {}))
        .then(assistant)
        .build()?;
    let reached = KindSet::of(&[FrameKind::TtsText]);
    let began = tokio::time::Instant::now();
    let config = SessionConfig { reached, input_rate: RATE, output_rate: RATE, ..Default::default() };
    let config = config.on_event(move |event| show(name, began.elapsed(), event));
    Ok((pipeline.start(config).await?, conversation))
}

fn show(name: &str, at: Duration, event: &SessionEvent) {
    match event {
        SessionEvent::Reached(_, frame) => {
            if let Payload::TtsText(spoken) = &frame.payload {
                let seconds = at.as_secs();
                println!("{:02}:{:02} {name:>5}: {}", seconds / 60, seconds % 60, spoken.text.trim());
            }
        }
        SessionEvent::Error(report) => println!("      {name:>5}: {} {}", report.stage, report.error),
        _ => {}
    }
}

fn heard_goodbye(conversation: &Conversation) -> bool {
    let is_goodbye = |message: &ChatMessage| matches!(message, ChatMessage::User { text } if text == GOODBYE);
    conversation.messages().iter().any(is_goodbye)
}

/// What is said when so many things are in the bag.
fn bag(things: usize) -> String {
    let inside: Vec<_> = THINGS.split_whitespace().take(things).collect();
    format!("In my bag there is: {}.", inside.join(", "))
}

/// Stands for a model that knows the game: it answers a bag with the next one.
fn player() -> ScriptedLlm {
    let all = THINGS.split_whitespace().count();
    let mut model = ScriptedLlm::new().opening(bag(1)).otherwise("I have lost count.");
    model = model.when(GOODBYE, "").when(&bag(all), GOODBYE);
    for things in 1..all {
        model = model.when(&bag(things), bag(things + 1));
    }
    model.with_first_delay(Duration::from_millis(300)).with_word_delay(Duration::from_millis(30))
}
