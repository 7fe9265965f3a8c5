//! Lesson 4: the agent. Who calls is heard, understood, answered and spoken to, in real time.
//! Against a simulator of Smallest Waves; a parrot stands where a language model would.
//! Next: `05_custom_processor.rs`. With times and the real service: `voice_agent.rs`.

use voxline::prelude::*;
use voxline::sim::{Script, SimConfig, WavesSim};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
    let script = Script::load(format!("{assets}/question.txt"))?;
    let simulator = WavesSim::start(SimConfig::default().with_script(script)).await?;
    let stt = SmallestStt::new(simulator.api_key()).with_base_url(simulator.url());
    let tts = SmallestTts::new(simulator.api_key()).with_base_url(simulator.url());

    let (input, output) = WavTransport::open(format!("{assets}/question.wav"), "answer.wav")?.split();
    let pipeline = Pipeline::builder()
        .then(input)
        // Finds where speech begins and ends, and stops the bot when the caller speaks over it.
        .then(Vad::default().interrupts(true))
        .then(stt)
        .then(Parrot::new("You said:"))
        .then(tts)
        .then(output)
        .build()?;

    let reached = KindSet::of(&[FrameKind::Transcription, FrameKind::Text]);
    let config = SessionConfig { reached, ..Default::default() }.on_event(show);
    pipeline.start(config).await?.finished().await?;
    println!("answer.wav holds the bot's side of the call");
    Ok(())
}

fn show(event: &SessionEvent) {
    match event {
        SessionEvent::Reached(_, frame) => match &frame.payload {
            Payload::Transcription(heard) if !heard.text.is_empty() => println!("caller: {}", heard.text),
            Payload::Text(chunk) => println!("bot:    {}", chunk.text),
            _ => {}
        },
        SessionEvent::Interrupted(_) => println!("        (the caller speaks over the bot)"),
        SessionEvent::Error(report) => eprintln!("{}: {}", report.stage, report.error),
        _ => {}
    }
}
