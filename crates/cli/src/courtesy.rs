//! Lets a file that is played faster than time wait for the agent's answers.
//!
//! | frame | what happens |
//! |---|---|
//! | `SpeechStopped` | passed on; then nothing more is taken, until what was said is answered |
//! | `UserStoppedSpeaking`, `BotStartedSpeaking`, `BotStoppedSpeaking` up | passed on; the wait begins anew |
//! | `Error` up, once the caller's turn is over | passed on; what was said will not be answered |
//! | anything else | passed on |
//!
//! A caller waits for an answer; a file at the fast pace does not, and would interrupt every one. Stands between
//! the detector and the recogniser. The conversation says whether anybody owes an answer; so that nothing can
//! keep the file for ever, it goes on after [`PATIENCE`] without any of these.

use std::time::{Duration, Instant};

use voxline::{
    core::{
        Context, Processor, Timer,
        frame::{ChatMessage, Direction, Frame, Payload},
        processor::Result,
    },
    turns::Conversation,
};

/// Longer than a model, its tools and the speech of its answer take to show themselves.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the conversation is looked at: the end of playback is written into it after it was told.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOK: Timer = Timer(0);

/// Lets a file wait for answers.
#[derive(Debug)]
pub(crate) struct Courtesy {
    conversation: Conversation,
    waiting: Option<Waiting>,
}

/// What is waited for.
#[derive(Debug)]
struct Waiting {
    until: Instant,
    /// Whether the caller's turn is over; before that the conversation does not hold what was said.
    said: bool,
}

impl Courtesy {
    pub(crate) fn new(conversation: Conversation) -> Self {
        Self { conversation, waiting: None }
    }

    fn is_answered(&self) -> bool {
        let owes = match self.conversation.messages().last() {
            Some(ChatMessage::Assistant { calls, .. }) => !calls.is_empty(),
            Some(ChatMessage::User { .. } | ChatMessage::Tool { .. }) => true,
            _ => false,
        };
        !owes && self.conversation.running_tools() == 0
    }
}

impl Processor for Courtesy {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        let up = frame.direction() == Direction::Up;
        match &frame.payload {
            Payload::SpeechStopped(_) if !up => {
                self.waiting = Some(Waiting { until: now + PATIENCE, said: false });
                ctx.hold_input();
                ctx.set_timer(LOOK, now + LOOK_EVERY);
            }
            Payload::UserStoppedSpeaking if up => {
                self.waiting = self.waiting.take().map(|_| Waiting { until: now + PATIENCE, said: true });
            }
            // No answer will come.
            Payload::Error(_) if self.waiting.as_ref().is_some_and(|waiting| waiting.said) => {
                self.waiting = None;
                ctx.release_input();
            }
            Payload::BotStartedSpeaking(_) | Payload::BotStoppedSpeaking(_) if up => {
                self.waiting.iter_mut().for_each(|waiting| waiting.until = now + PATIENCE);
            }
            _ => {}
        }
        ctx.push(frame);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        let Some(waiting) = &self.waiting else { return Ok(()) };
        if now >= waiting.until || (waiting.said && self.is_answered()) {
            self.waiting = None;
            ctx.release_input();
        } else {
            ctx.set_timer(LOOK, now + LOOK_EVERY);
        }
        Ok(())
    }
}
