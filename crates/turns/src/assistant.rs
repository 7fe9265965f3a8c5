//! The assistant's side of the conversation.
//!
//! | frame | what happens |
//! |---|---|
//! | `ResponseStarted`, `Text`, `ResponseEnded` | when an answer's text is complete; passed on |
//! | `TtsText`, `TtsWord` | the words of the answer that is spoken; passed on |
//! | `BotStartedSpeaking`, `BotStoppedSpeaking` | what was heard goes into the conversation; passed on |
//! | `ToolCalls`, `ToolSettled` | go into the conversation; passed on |
//! | `UserStartedSpeaking`, `UserStoppedSpeaking` | while the user has the floor the model is not asked; passed on |
//! | out, up: `LlmRequest` | once all calls of an answer are settled; when they are late, once nobody speaks |
//! | out, up: `Custom(BotProgress)` | for the user's half |
//! | out, down: `Custom(MessageAdded)` | what was added |
//! | anything else | passed on |
//!
//! Stands after the output, so that it hears what is played. Of an answer that was cut it keeps the words heard, and
//! a note; an answer nobody heard leaves nothing.

use std::{sync::Arc, time::Duration};

use voxline_core::{
    Context, Ending, Event, Processor, Timer,
    frame::{ChatMessage, Direction, Frame, Generation, Interrupt, Payload, ToolCall, ToolResult},
    processor::Result,
};

use crate::{
    BotProgress, CommitBy, Conversation, Limits, MessageAdded, Summarise, SummaryConfig, TurnConfig,
    conversation::{Committed, Settled},
    summary::{self, Summarised},
};

const WANTED: Timer = Timer(0);
/// How long a late result waits for the turn that made it late: an interruption is heard before its turn is.
const LATE: Duration = Duration::from_millis(250);

/// Keeps what the assistant said, as it was heard, and what its tools gave.
#[derive(Debug)]
pub struct AssistantAggregator {
    conversation: Conversation,
    limits: Limits,
    commit: CommitBy,
    summary: Option<(Arc<dyn Summarise>, SummaryConfig)>,
    summarising: bool,
    user_has_floor: bool,
    /// The answer whose text is coming.
    response: Option<Response>,
    /// The generation of the newest calls.
    called: Generation,
    bot_speaks: bool,
}

#[derive(Debug, Default)]
struct Response {
    text: String,
    speaks: bool,
}

impl AssistantAggregator {
    pub(crate) fn new(conversation: Conversation, config: &TurnConfig) -> Self {
        Self {
            conversation,
            limits: config.limits,
            commit: config.commit,
            summary: config.summary.clone(),
            summarising: false,
            user_has_floor: false,
            response: None,
            called: Generation(0),
            bot_speaks: false,
        }
    }

    fn hear(&mut self, frame: &Frame, ctx: &mut Context<'_>) {
        match &frame.payload {
            Payload::UserStartedSpeaking => self.user_has_floor = true,
            Payload::UserStoppedSpeaking => self.user_has_floor = false,
            Payload::ResponseStarted => self.response = Some(Response::default()),
            Payload::Text(chunk) => {
                if let Some(response) = self.response.as_mut().filter(|_| self.commit == CommitBy::Text) {
                    response.text.push_str(&chunk.text);
                }
            }
            Payload::ResponseEnded => self.response_ended(ctx),
            Payload::TtsText(spoken) if self.commit == CommitBy::Playback => {
                self.conversation.speak(spoken);
                self.response.iter_mut().for_each(|response| response.speaks = true);
            }
            Payload::TtsWord(word) => self.conversation.word(word),
            Payload::BotStartedSpeaking(speech) => {
                self.bot_speaks = true;
                self.conversation.started(speech.context);
            }
            Payload::BotStoppedSpeaking(speech) => {
                self.bot_speaks = false;
                let committed = self.conversation.settle(speech);
                self.committed(committed, ctx);
                if !speech.interrupted {
                    self.ask_if_wanted(ctx);
                }
            }
            Payload::ToolCalls(calls) => self.called(calls, frame.generation(), ctx),
            Payload::ToolSettled(result) => self.tool_settled(result, ctx),
            _ => {}
        }
    }

    fn response_ended(&mut self, ctx: &mut Context<'_>) {
        let Response { text, speaks } = self.response.take().unwrap_or_default();
        ctx.push_up(Frame::custom(BotProgress::Ended { speaks }));
        if !speaks {
            self.ask_if_wanted(ctx);
        }
        let text = text.trim();
        if !text.is_empty() {
            let message = ChatMessage::Assistant { text: text.into(), calls: Vec::new() };
            self.conversation.add(message.clone());
            self.committed(Some(Committed { message, cut: false }), ctx);
        }
    }

    fn committed(&mut self, committed: Option<Committed>, ctx: &mut Context<'_>) {
        if let Some(Committed { message, cut }) = committed {
            self.conversation.trim(&self.limits);
            ctx.push_down(Frame::custom(MessageAdded { message, cut }));
        }
        self.summarise(ctx);
    }

    fn called(&mut self, calls: &[ToolCall], generation: Generation, ctx: &mut Context<'_>) {
        self.called = generation;
        self.conversation.calls(calls);
        let running = self.conversation.running_tools();
        ctx.push_up(Frame::custom(BotProgress::Tools { running }));
        let message = ChatMessage::Assistant { text: String::new(), calls: calls.to_vec() };
        ctx.push_down(Frame::custom(MessageAdded { message, cut: false }));
    }

    fn tool_settled(&mut self, result: &ToolResult, ctx: &mut Context<'_>) {
        let settled = self.conversation.settle_call(result);
        if settled == Settled::Unknown {
            return;
        }
        let running = self.conversation.running_tools();
        if let Settled::All { worth: true, newest } = settled {
            let late = !newest || self.called < ctx.generation();
            if late || self.user_has_floor {
                // The turn that interrupted has its own request, with the result in it. It may not be known here yet.
                self.conversation.want_answer();
                let at = ctx.now() + LATE;
                ctx.set_timer(WANTED, at);
            } else {
                self.ask(ctx);
            }
        }
        ctx.push_up(Frame::custom(BotProgress::Tools { running }));
    }

    /// Asks for an answer that is wanted, once it is nobody else's move.
    fn ask_if_wanted(&mut self, ctx: &mut Context<'_>) {
        let quiet = !self.user_has_floor && !self.bot_speaks && self.response.is_none();
        if quiet && self.conversation.take_wanted() {
            self.ask(ctx);
        }
    }

    fn ask(&mut self, ctx: &mut Context<'_>) {
        self.conversation.take_wanted();
        ctx.push_up(Frame::custom(BotProgress::Asked));
        ctx.push_up(Payload::LlmRequest(Box::new(self.conversation.request())));
    }

    fn summarise(&mut self, ctx: &mut Context<'_>) {
        let Some((by, config)) = self.summary.as_ref().filter(|_| !self.summarising) else { return };
        if let Some(job) = self.conversation.to_summarise(config) {
            self.summarising = true;
            summary::start(&**by, job, config, ctx);
        }
    }
}

impl Processor for AssistantAggregator {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.direction() == Direction::Up {
            ctx.push(frame);
            return Ok(());
        }
        ctx.push(frame.clone());
        self.hear(&frame, ctx);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, _: &mut Context<'_>) -> Result {
        self.response = None;
        self.conversation.interrupt();
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        let Ok(Summarised { job, outcome }) = event.downcast() else { return Ok(()) };
        self.summarising = false;
        // A summary of what has changed meanwhile is no longer one.
        self.conversation.summarised(&job, &outcome?);
        let _ = ctx;
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.ask_if_wanted(ctx);
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        if let Some(response) = self.response.take_if(|response| !response.text.trim().is_empty()) {
            self.response = Some(response);
            self.response_ended(ctx);
        }
        Ok(Ending::Now)
    }
}
