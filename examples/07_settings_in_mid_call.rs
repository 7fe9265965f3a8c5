//! Lesson 7: settings in mid-call. Voice, speed and language change while the line is open, and each change
//! is answered: what changed, what was refused and why. Against a simulator of Smallest Waves.
//! Next: `08_event_handlers.rs`.

use voxline::sim::{SimConfig, WavesSim};
use voxline::{
    core::{
        frame::{SttDelta, TtsDelta},
        session::Edge,
    },
    prelude::*,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = WavesSim::start(SimConfig::default()).await?;
    let stt = SmallestStt::new(simulator.api_key()).with_base_url(simulator.url());
    let tts = SmallestTts::new(simulator.api_key()).with_base_url(simulator.url());

    let pipeline = Pipeline::builder().then(stt).then(tts).build()?;
    let reached = KindSet::of(&[FrameKind::SettingsAnswered]);
    let session = pipeline.start(SessionConfig { reached, ..Default::default() }).await?;

    let changes = [
        // Typed, and all that Smallest knows.
        Frame::tts_settings(TtsSettings::delta().voice("meher").speed(1.2)),
        // A new language needs another connection: it opens beside the old one, and no sample is lost.
        Frame::stt_settings(SttSettings::delta().language(Language::Fr).eou_timeout_ms(500)),
        // Out of range: refused with a reason, and the rest is applied.
        Frame::tts_settings(TtsSettings::delta().speed(9.0).language(Language::Hi)),
        // Only what every provider knows: works for any service.
        Frame::stt_settings(SttDelta { language: Language::Hi.into(), ..Default::default() }),
        Frame::tts_settings(TtsDelta { voice: String::from("sophia").into(), ..Default::default() }),
    ];
    for change in changes {
        session.queue(change).await?;
        while let Some(event) = session.next_event().await {
            // Answers go both ways, to whoever wants them; here they are read where they leave at the output.
            let SessionEvent::Reached(Edge::Tail, frame) = event else { continue };
            let Payload::SettingsAnswered(answer) = &frame.payload else { continue };
            println!("{}{}:", answer.service, if answer.reconnected { ", by a new connection" } else { "" });
            for change in &answer.changed {
                let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "default".into());
                println!("  {}: {} -> {}", change.field, shown(&change.old), shown(&change.new));
            }
            for refused in answer.rejected.iter().chain(&answer.warnings) {
                println!("  {}: {}", refused.field, refused.reason);
            }
            break;
        }
    }
    session.end().await?;
    session.finished().await?;
    Ok(())
}
