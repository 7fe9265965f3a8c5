//! Lesson 2: speech to text. A recording goes in, its words are printed with their times.
//! Against a simulator of Smallest Waves, which knows the words from a script; it needs no key.
//! Next: `03_say_a_sentence.rs`.

use voxline::prelude::*;
use voxline::sim::{Script, SimConfig, WavesSim};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
    let script = Script::load(format!("{assets}/question.txt"))?;
    let simulator = WavesSim::start(SimConfig::default().with_script(script)).await?;

    // For the real service: `SmallestStt::from_env()?`, and nothing else changes.
    let stt = SmallestStt::new(simulator.api_key())
        .with_base_url(simulator.url())
        .with_settings(SttSettings { word_timestamps: true, ..Default::default() });

    let pipeline = Pipeline::builder()
        .then(WavInput::open(format!("{assets}/question.wav"))?.with_pace(Pace::Fast))
        .then(Vad::default())
        .then(stt)
        .build()?;

    // Frames of these kinds are shown to us when they leave the pipeline.
    let reached = KindSet::of(&[FrameKind::Transcription]);
    let session = pipeline.start(SessionConfig { reached, ..Default::default() }).await?;

    while let Some(event) = session.next_event().await {
        match event {
            SessionEvent::Reached(_, frame) => {
                let Payload::Transcription(heard) = &frame.payload else { continue };
                for word in &heard.words {
                    println!("{:6.2} s  {}", word.start.as_secs_f64(), word.text);
                }
                println!("          = {}", heard.text);
            }
            SessionEvent::Error(report) => eprintln!("{}: {}", report.stage, report.error),
            _ => {}
        }
    }
    session.finished().await?;
    Ok(())
}
