//! Lesson 6: a frame of your own. Keys pressed on a telephone travel through the pipeline among the audio.
//! In: `KeyPressed` frames. Out: `Speak` frames for a synthesizer further down. Needs no service.
//! Next: `07_settings_in_mid_call.rs`.

use voxline::{core::processor::Result, prelude::*};

/// The caller pressed a key. A plain value: no handle, no lock, no task.
#[derive(Debug)]
struct KeyPressed(char);

impl CustomFrame for KeyPressed {
    // The user's input is not lost when the bot is interrupted.
    fn survives_interruption(&self) -> bool {
        true
    }
}

/// Answers keys by voice.
struct Menu;

impl Processor for Menu {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::Custom(custom) = &frame.payload
            && let Some(KeyPressed(key)) = custom.downcast_ref()
        {
            ctx.push_down(Frame::speak(match key {
                '1' => "Your order is on its way.",
                '0' => "I put you through to a person.",
                _ => "Please press one or zero.",
            }));
        }
        // Others further down may want the key as well.
        ctx.push(frame);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pipeline = Pipeline::builder().then(Menu).build()?;
    let reached = KindSet::of(&[FrameKind::Speak, FrameKind::Custom]);
    let session = pipeline.start(SessionConfig { reached, ..Default::default() }).await?;

    for key in ['1', '7', '0'] {
        session.queue(Frame::custom(KeyPressed(key))).await?;
    }
    session.end().await?;

    while let Some(event) = session.next_event().await {
        let SessionEvent::Reached(_, frame) = event else { continue };
        match &frame.payload {
            Payload::Speak(speak) => println!("says: {}", speak.text),
            other => println!("passed on: {other:?}"),
        }
    }
    Ok(())
}
