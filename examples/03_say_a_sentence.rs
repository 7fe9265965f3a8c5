//! Lesson 3: text to speech. A sentence goes in, a recording comes out.
//! Against a simulator of Smallest Waves, whose voice is tones that carry the text; it needs no key.
//! Next: `04_agent.rs`.

use voxline::prelude::*;
use voxline::sim::{SimConfig, WavesSim};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = WavesSim::start(SimConfig::default()).await?;

    // For the real service: `SmallestTts::from_env()?`, and nothing else changes.
    let tts = SmallestTts::new(simulator.api_key())
        .with_base_url(simulator.url())
        .with_settings(TtsSettings { voice: "sophia".into(), speed: Some(1.1), ..Default::default() });

    let pipeline =
        Pipeline::builder().then(tts).then(WavOutput::create("answer.wav").with_pace(Pace::Fast)).build()?;
    let session = pipeline.start(SessionConfig::default()).await?;

    // `speak` says a text by itself; the text of a model comes as `Frame::text`, piece by piece.
    session.queue(Frame::speak("The line is open. Speak whenever you like.")).await?;

    // What has been queued is said to the end, then the session is over.
    session.end().await?;
    session.finished().await?;
    println!("answer.wav says it");
    Ok(())
}
