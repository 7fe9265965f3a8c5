//! Lesson 5: a processor of your own. This one keeps numbers of cards from being spoken.
//! In: text frames. Out: the same, with digits hidden. Needs no service.
//! Next: `06_custom_frame.rs`. The law all processors keep: `docs/processors.md`.

use voxline::{
    core::{frame::TextChunk, processor::Result},
    prelude::*,
};

/// Hides digits from the fifth in a text on.
///
/// | frame | what happens |
/// |---|---|
/// | `Text` | digits are hidden; passed on |
/// | anything else | passed on |
#[derive(Default)]
struct HideNumbers {
    hidden: usize,
}

impl Processor for HideNumbers {
    // Called for each frame, one at a time. It decides at once: no waiting, no locks.
    fn process(&mut self, mut frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::Text(chunk) = &mut frame.payload {
            let mut seen = 0;
            let hide = |letter: char| {
                seen += usize::from(letter.is_ascii_digit());
                if letter.is_ascii_digit() && seen > 4 { '*' } else { letter }
            };
            *chunk = TextChunk::new(chunk.text.chars().map(hide).collect::<String>());
            self.hidden += seen.saturating_sub(4);
        }
        ctx.push(frame);
        Ok(())
    }

    fn stop(&mut self) {
        println!("({} digits were hidden)", self.hidden);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pipeline = Pipeline::builder().then(HideNumbers::default()).build()?;
    let reached = KindSet::of(&[FrameKind::Text]);
    let session = pipeline.start(SessionConfig { reached, ..Default::default() }).await?;
    session.queue(Frame::text("Your card 4242 4242 4242 4242 has been charged.")).await?;
    session.end().await?;
    while let Some(event) = session.next_event().await {
        let SessionEvent::Reached(_, frame) = event else { continue };
        let Payload::Text(chunk) = &frame.payload else { continue };
        println!("{}", chunk.text);
    }
    Ok(())
}
