//! A parrot: answers every utterance by repeating it.
//!
//! | frame | what happens |
//! |---|---|
//! | `Transcription` | joined per utterance; a complete one is answered; passed on. Not [of a conversation](Parrot::of_conversation) |
//! | `LlmRequest`, from either side | with a conversation: what the user said last is repeated; taken |
//! | out: `ResponseStarted`, `Text`, `ResponseEnded` | the answer |
//! | anything else | passed on |
//!
//! It stands where a language model would, so that everything around one can be tried without a key.

use voxline_core::{
    Context, Processor,
    frame::{ChatMessage, Frame, Payload, TextChunk},
    processor::Result,
};

use crate::Utterances;

/// Answers every utterance by repeating it.
#[derive(Debug, Default)]
pub struct Parrot {
    preface: String,
    utterances: Utterances,
    of_conversation: bool,
}

impl Parrot {
    /// A parrot that says `preface` before what it repeats.
    #[must_use]
    pub fn new(preface: impl Into<String>) -> Self {
        Self { preface: preface.into(), ..Self::default() }
    }

    /// The same parrot as the model of a conversation: it answers requests, not transcriptions.
    #[must_use]
    pub fn of_conversation(mut self) -> Self {
        self.of_conversation = true;
        self
    }

    fn answer(&self, said: &str, ctx: &mut Context<'_>) {
        let answer = format!("{} {said}", self.preface);
        ctx.push_down(Payload::ResponseStarted);
        ctx.push_down(Payload::Text(TextChunk::new(answer.trim())));
        ctx.push_down(Payload::ResponseEnded);
    }
}

impl Processor for Parrot {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let said = match &frame.payload {
            Payload::LlmRequest(request) if self.of_conversation => {
                let said = request.messages.iter().rev().find_map(|message| match message {
                    ChatMessage::User { text } => Some(text.as_str()),
                    _ => None,
                });
                self.answer(said.unwrap_or_default(), ctx);
                return Ok(());
            }
            Payload::Transcription(transcription) if !self.of_conversation => {
                self.utterances.handle_final(transcription)
            }
            _ => None,
        };
        ctx.push(frame);
        if let Some(said) = said {
            self.answer(&said, ctx);
        }
        Ok(())
    }
}
