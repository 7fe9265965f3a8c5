//! Lesson 1: a pipeline. A recording goes in, a processor says it again, a recording comes out.
//! In: `examples/assets/question.wav`. Out: `answer.wav`. Needs no service.
//! Next: `02_transcribe_a_file.rs`.

use voxline::{
    core::{
        frame::{BotSpeech, ContextId, RequestId, SpokenAudio},
        processor::Result,
    },
    prelude::*,
};

/// Gives the caller's words back as the bot's.
struct Echo;

impl Processor for Echo {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match frame.payload {
            Payload::InputAudio(pcm) => {
                let (context, request) = (ContextId(1), RequestId(1));
                ctx.push_down(Payload::OutputAudio(SpokenAudio { pcm, context, request }));
            }
            // What is not yours goes on, the way it came.
            _ => ctx.push(frame),
        }
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        ctx.push_down(Payload::TtsStopped(BotSpeech::new(ContextId(1))));
        Ok(Ending::Now)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let question = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/question.wav");
    let (input, output) = WavTransport::open(question, "answer.wav")?.with_pace(Pace::Fast).split();

    let pipeline = Pipeline::builder().then(input).then(Echo).then(output).build()?;

    // The echo is as it came, so the output has the input's rate.
    let config = SessionConfig { output_rate: SampleRate::HZ_16000, ..Default::default() };
    let session = pipeline.start(config).await?;
    session.finished().await?;
    println!("answer.wav repeats the question");
    Ok(())
}
