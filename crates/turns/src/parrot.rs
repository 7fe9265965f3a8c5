//! A parrot: answers every utterance by repeating it.
//!
//! | frame | what happens |
//! |---|---|
//! | `Transcription` | joined per utterance; a complete one is answered; passed on |
//! | out: `ResponseStarted`, `Text`, `ResponseEnded` | the answer |
//! | anything else | passed on |
//!
//! It stands where a language model would, so that everything around one can be tried without a key.

use voxline_core::{
    Context, Processor,
    frame::{Frame, Payload, TextChunk},
    processor::Result,
};

use crate::Utterances;

/// Answers every utterance by repeating it.
#[derive(Debug, Default)]
pub struct Parrot {
    preface: String,
    utterances: Utterances,
}

impl Parrot {
    /// A parrot that says `preface` before what it repeats.
    #[must_use]
    pub fn new(preface: impl Into<String>) -> Self {
        Self { preface: preface.into(), utterances: Utterances::default() }
    }
}

impl Processor for Parrot {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let said = match &frame.payload {
            Payload::Transcription(transcription) => self.utterances.handle_final(transcription),
            _ => None,
        };
        ctx.push(frame);
        if let Some(said) = said {
            let answer = format!("{} {said}", self.preface);
            ctx.push_down(Payload::ResponseStarted);
            ctx.push_down(Payload::Text(TextChunk::new(answer.trim())));
            ctx.push_down(Payload::ResponseEnded);
        }
        Ok(())
    }
}
