//! Lesson 9: a service of your own. A synthesizer that beeps once for each word stands where Smallest stood;
//! mute, settings, metrics, events and interruption come from the stage around it. Needs no service.
//! Next: `docs/architecture.md`, where all this lives. A real one: `crates/smallest-tts`.

use async_trait::async_trait;
use voxline::core::frame::{ContextId, RequestId, SettingsAnswer, UpdateId};
use voxline::core::service::*;
use voxline::prelude::*;

struct Beeper;

#[async_trait]
impl TtsService for Beeper {
    fn name(&self) -> ServiceName {
        "beeper".into()
    }
    fn profile(&self) -> TtsProfile {
        TtsProfile { streams_text: false, first_audio_deadline: std::time::Duration::from_secs(1) }
    }
    fn connection_events(&self) -> ConnectionEvents {
        ConnectionEvents::default() // a service with a connection keeps one and gives out clones
    }
    async fn run(self: Box<Self>, setup: TtsSetup, mut io: TtsIo) -> ServiceResult {
        while let Some(command) = io.commands.recv().await {
            let answer = match command {
                TtsCommand::Speak { context, text } => beeps(context, &text, setup.sample_rate),
                TtsCommand::Finish { context } => TtsEvent::Finished { context },
                TtsCommand::Update { update, .. } => TtsEvent::Answered(Box::new(unchanged(update))),
                TtsCommand::Interrupt { .. } => continue, // nothing is on its way
                TtsCommand::End => break,
            };
            // When the pipeline is gone no command comes any more either.
            io.events.send(answer).await.ok();
        }
        Ok(())
    }
}

fn beeps(context: ContextId, text: &str, rate: SampleRate) -> TtsEvent {
    let beep = |n: u32| if n < rate.hz() / 10 && (n / 20).is_multiple_of(2) { 4000 } else { 0 };
    let samples: Vec<i16> = text.split_whitespace().flat_map(|_| (0..rate.hz() / 5).map(beep)).collect();
    TtsEvent::Audio { context, request: RequestId(1), pcm: Pcm::mono(samples, rate) }
}

fn unchanged(update: UpdateId) -> SettingsAnswer {
    let (changed, rejected, warnings) = Default::default();
    SettingsAnswer { update, service: "beeper".into(), changed, rejected, warnings, reconnected: false }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pipeline = Pipeline::builder().then(Beeper).then(WavOutput::create("answer.wav")).build()?;
    let session = pipeline.start(SessionConfig::default()).await?;
    session.queue(Frame::speak("One beep for each word.")).await?;
    session.end().await?;
    session.finished().await?;
    Ok(())
}
