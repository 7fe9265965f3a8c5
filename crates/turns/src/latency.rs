//! Voice to voice: from the end of the user's speech to the first audio of the answer.
//!
//! | frame | what happens |
//! |---|---|
//! | `SpeechStopped` | the end of speech is noted: when it came, less the detector's window; passed on |
//! | up: `BotStartedSpeaking` | the time since is given as `Metrics`, downstream; passed on |
//! | anything else | passed on |
//!
//! Stands right before the output. An answer to nothing (a greeting) is not measured.

use std::time::Instant;

use voxline_core::{
    Context, Processor,
    frame::{Frame, Metric, Payload},
    processor::Result,
};

/// Measures voice to voice.
#[derive(Debug, Default)]
pub struct MeasureLatency {
    speech_ended: Option<Instant>,
}

impl Processor for MeasureLatency {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match &frame.payload {
            Payload::SpeechStopped(edge) => self.speech_ended = ctx.now().checked_sub(edge.confirmed_after),
            Payload::BotStartedSpeaking(speech) => {
                if let Some(ended) = self.speech_ended.take() {
                    let value = ctx.now().saturating_duration_since(ended);
                    ctx.measure(Metric::VoiceToVoice { context: speech.context, value });
                }
            }
            _ => {}
        }
        ctx.push(frame);
        Ok(())
    }
}
