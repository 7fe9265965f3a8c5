//! Markers: the model itself says, by the first sign of its answer, whether the user had finished.
//!
//! | frame | what happens |
//! |---|---|
//! | `Text` of an answer | the marker is cut; after one that says "not finished" the rest is dropped, else passed on |
//! | `ResponseStarted`, `ResponseEnded`, `ToolCalls` | where an answer begins and ends, and that it calls; passed on |
//! | `SpeechStarted`, `SpeechStopped`, `UserStartedSpeaking`, `UserStoppedSpeaking` | who waits for whom; passed on |
//! | out, down: `Custom(Completeness)` | what the model said |
//! | out, up: `LlmRequest`, `Custom(BotProgress)` | when the user has said nothing more in time |
//! | anything else | passed on |
//!
//! Stands right after the model; made by [`Conversation::markers`], which also gives the model its instructions.
//! Promises: 1. no marker is spoken or kept; 2. of a judgement "not finished" nothing remains, so that what the user
//! says next joins the words before; 3. the wait ends with speech, an interruption or an answer, and goes on where
//! speech was none; 4. the model is asked again once, and then whatever it says is spoken.

use std::time::Duration;

use voxline_core::{
    Context, CustomFrame, Processor, Timer,
    frame::{ChatMessage, Direction, Frame, Interrupt, Payload, TextChunk},
    processor::Result,
};

use crate::{BotProgress, Conversation};

const WAIT: Timer = Timer(0);

/// The signs, what the model is told of them, and how long the user is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerConfig {
    /// The user had finished. Default `✓` (U+2713).
    pub complete: char,
    /// The user broke off and will go on at once. Default `○` (U+25CB).
    pub short: char,
    /// The user needs time. Default `◐` (U+25D0).
    pub long: char,
    /// How long the user is waited for after `short`. Default 5 s.
    pub short_wait: Duration,
    /// How long after `long`. Default 10 s.
    pub long_wait: Duration,
    /// What the model is told of the signs, in every request, after the instructions of the conversation.
    pub instructions: String,
    /// What it is told when the user has said nothing more in time.
    pub nudge: String,
}

impl Default for MarkerConfig {
    fn default() -> Self {
        Self {
            complete: '\u{2713}',
            short: '\u{25CB}',
            long: '\u{25D0}',
            short_wait: Duration::from_secs(5),
            long_wait: Duration::from_secs(10),
            instructions: "Begin every answer with exactly one of three signs, then a space. \
                \u{2713} if the user has finished: your answer follows. \
                \u{25CB} if the user broke off in the middle and will go on in a moment: nothing follows. \
                \u{25D0} if the user thinks aloud or asks for time: nothing follows. \
                What you read was heard by a machine, so a missing full stop means nothing. \
                When in doubt, begin with \u{2713}."
                .into(),
            nudge: "The user has said nothing more. Answer what was said, or ask briefly for the rest, \
                beginning with \u{2713}."
                .into(),
        }
    }
}

/// Whether the user had finished, as the model said by its marker. Travels down, ahead of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Completeness {
    /// Finished: the answer follows.
    Complete,
    /// Broken off; nothing follows.
    Short,
    /// More time is needed; nothing follows.
    Long,
}

impl CustomFrame for Completeness {}

/// Cuts the markers from what the model writes, and waits for a user who had not finished.
#[derive(Debug)]
pub struct HeedMarkers {
    conversation: Conversation,
    config: MarkerConfig,
    reading: Reading,
    /// For how long the user is waited for. The timer runs while nobody speaks.
    waiting: Option<Duration>,
    user_has_floor: bool,
    /// The model has been asked again in this turn.
    nudged: bool,
}

/// Where the answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// None is being written.
    Nothing,
    /// Nothing but white space has come.
    Lead,
    /// The marker has come, and nothing but white space since.
    Marked,
    /// It is passed on.
    Answer,
    /// It is dropped, and then the user is waited for.
    Dropped(Duration),
}

impl Conversation {
    /// The stage that lets the model say by a marker whether the user had finished; stands right after the model.
    /// From now on every request tells the model of the markers, and shows them before its own answers.
    #[must_use]
    pub fn markers(&self, config: MarkerConfig) -> HeedMarkers {
        self.mark(config.complete, &config.instructions);
        HeedMarkers {
            conversation: self.clone(),
            config,
            reading: Reading::Nothing,
            waiting: None,
            user_has_floor: false,
            nudged: false,
        }
    }
}

impl HeedMarkers {
    fn text(&mut self, frame: Frame, ctx: &mut Context<'_>) {
        let Payload::Text(chunk) = &frame.payload else { return };
        match self.reading {
            Reading::Nothing | Reading::Answer => ctx.push(frame),
            Reading::Dropped(_) => {}
            Reading::Lead => {
                let text = chunk.text.trim_start();
                let Some(first) = text.chars().next() else { return };
                match self.judge(first) {
                    Some(said) => {
                        self.judged(said, ctx);
                        self.answer(&text[first.len_utf8()..], ctx);
                    }
                    // A model that forgets its marker is not made to be silent for it.
                    None => {
                        tracing::debug!("an answer without a marker");
                        self.reading = Reading::Answer;
                        ctx.push(frame);
                    }
                }
            }
            Reading::Marked => {
                let text = chunk.text.clone();
                self.answer(&text, ctx);
            }
        }
    }

    fn judge(&self, first: char) -> Option<Completeness> {
        let MarkerConfig { complete, short, long, .. } = self.config;
        [(complete, Completeness::Complete), (short, Completeness::Short), (long, Completeness::Long)]
            .into_iter()
            .find_map(|(sign, said)| (sign == first).then_some(said))
    }

    fn judged(&mut self, said: Completeness, ctx: &mut Context<'_>) {
        ctx.push_down(Frame::custom(said));
        self.reading = match said {
            _ if self.nudged => Reading::Marked,
            Completeness::Complete => Reading::Marked,
            Completeness::Short => Reading::Dropped(self.config.short_wait),
            Completeness::Long => Reading::Dropped(self.config.long_wait),
        };
    }

    /// What comes after the marker.
    fn answer(&mut self, text: &str, ctx: &mut Context<'_>) {
        let text = text.trim_start();
        if self.reading == Reading::Marked && !text.is_empty() {
            self.reading = Reading::Answer;
            ctx.push_down(Payload::Text(TextChunk::new(text)));
        }
    }

    fn ended(&mut self, ctx: &mut Context<'_>) {
        match std::mem::replace(&mut self.reading, Reading::Nothing) {
            Reading::Dropped(wait) => {
                self.waiting = Some(wait);
                self.wait(ctx);
            }
            _ => self.nudged = false,
        }
    }

    /// Lets the time run, if somebody is waited for and nobody speaks.
    fn wait(&mut self, ctx: &mut Context<'_>) {
        if let Some(wait) = self.waiting.filter(|_| !self.user_has_floor) {
            let at = ctx.now() + wait;
            ctx.set_timer(WAIT, at);
        }
    }

    fn forget(&mut self, ctx: &mut Context<'_>) {
        self.waiting = None;
        ctx.cancel_timer(WAIT);
    }
}

impl Processor for HeedMarkers {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.direction() == Direction::Up {
            ctx.push(frame);
            return Ok(());
        }
        match &frame.payload {
            Payload::Text(_) => {
                self.text(frame, ctx);
                return Ok(());
            }
            Payload::ResponseStarted => {
                self.forget(ctx);
                self.reading = Reading::Lead;
            }
            // Whoever calls tools takes the user to have finished.
            Payload::ToolCalls(_) if self.reading != Reading::Nothing => self.reading = Reading::Answer,
            Payload::SpeechStarted(_) => ctx.cancel_timer(WAIT),
            Payload::SpeechStopped(_) => self.wait(ctx),
            Payload::UserStartedSpeaking => {
                (self.user_has_floor, self.nudged) = (true, false);
                ctx.cancel_timer(WAIT);
            }
            Payload::UserStoppedSpeaking => {
                self.user_has_floor = false;
                self.wait(ctx);
            }
            Payload::ResponseEnded => {
                ctx.push(frame);
                self.ended(ctx);
                return Ok(());
            }
            _ => {}
        }
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        self.reading = Reading::Nothing;
        self.forget(ctx);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        if self.waiting.take().is_some() {
            self.nudged = true;
            self.conversation.add(ChatMessage::system(&*self.config.nudge));
            ctx.push_up(Frame::custom(BotProgress::Asked));
            ctx.push_up(Payload::LlmRequest(Box::new(self.conversation.request())));
        }
        Ok(())
    }
}
