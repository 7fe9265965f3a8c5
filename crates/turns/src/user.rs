//! The user's side of the conversation.
//!
//! | frame | what happens |
//! |---|---|
//! | `SpeechStarted`, `SpeechStopped`, `InterimTranscription`, `Transcription` | make turns; passed on, unless the user is muted |
//! | `InputAudio`, `InputEncoded` | for models of the ends of turns; passed on, unless the user is muted |
//! | `BotStartedSpeaking`, `BotStoppedSpeaking` up | who has the floor; passed on |
//! | `LlmRequest` up | turned round with the conversation as it is, when the user has not the floor; taken |
//! | `Custom(AnswerNow)`, `Custom(BotProgress)`, `Custom(ServiceTurn)` | taken |
//! | up: `Custom(ToolsChanged)` | told to the model, if that is wanted; passed on |
//! | `Custom(TurnUpdate)` | turns are taken otherwise from now on; passed on |
//! | out, both ways: `UserStartedSpeaking`, `UserStoppedSpeaking`, `Custom(UserMuted)` | the edges of turns |
//! | out, down: `LlmRequest` | one for each turn in which anything was said |
//! | out, down: `Custom(Playback)`, `Custom(MessageAdded)`, `Custom(UserIdle)`, `Speak`, `Metrics` | |
//! | anything else | passed on |
//!
//! Stands after speech-to-text and before the model; [`AssistantAggregator`](crate::AssistantAggregator) is its other
//! half. What it decides is decided by [`Turns`]. A detector before it must not interrupt by itself.

use std::time::{Duration, Instant};

use voxline_core::{
    Context, Ending, Error, Event, Processor, Timer,
    frame::{
        BotSpeech, ChatMessage, Direction, Frame, Generation, Interrupt, InterruptCause, Metric, Payload,
        Speak,
    },
    playout::Playback,
    processor::Result,
    service::{ServiceTurn, ToolsChanged},
};

use crate::{
    AnswerNow, BotProgress, Conversation, Cue, Floor, IdleAction, Input, Limits, MessageAdded, Step,
    TurnConfig, TurnUpdate, Turns, UserIdle, UserMuted,
    conversation::Committed,
    judging::{Judged, Judging},
    turn_span::TurnSpan,
};

const TURNS: Timer = Timer(0);
/// A strategy whose time stays in the past must not keep the task busy.
const SOONEST: Duration = Duration::from_millis(1);

/// Makes turns of what the user says, and asks the model once for each.
#[derive(Debug)]
pub struct UserAggregator {
    conversation: Conversation,
    config: TurnConfig,
    limits: Limits,
    turns: Option<Turns>,
    judging: Judging,
    span: TurnSpan,
    /// The generation its own interruption began.
    own: Generation,
    /// The open turn began with an interruption.
    interrupted: bool,
}

impl UserAggregator {
    pub(crate) fn new(conversation: Conversation, config: TurnConfig) -> Self {
        let limits = config.limits;
        Self {
            conversation,
            config,
            limits,
            turns: None,
            judging: Judging::default(),
            span: TurnSpan::default(),
            own: Generation(0),
            interrupted: false,
        }
    }

    /// The machine. It begins with the session.
    fn turns(&mut self, now: Instant) -> &mut Turns {
        self.turns.get_or_insert_with(|| Turns::new(now, &self.config))
    }

    fn input(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.turns(now).handle(now, input);
        self.act(ctx);
    }

    /// Does what was decided.
    fn act(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        loop {
            while let Some(step) = self.turns(now).poll_step() {
                self.step(step, ctx);
            }
            let Some((id, question)) = self.turns(now).poll_question() else { break };
            if let Err(error) = self.judging.ask(id, question, ctx) {
                ctx.report(error);
                self.turns(now).handle_verdict(now, id, None);
            }
        }
        if self.turns(now).floor() == Floor::Open {
            self.span.end();
        }
        let at = self.turns(now).poll_timeout();
        ctx.set_timer(TURNS, at.max(now + SOONEST));
    }

    fn step(&mut self, step: Step, ctx: &mut Context<'_>) {
        match step {
            Step::Hold => ctx.push_down(Frame::custom(Playback::Hold)),
            Step::Resume => ctx.push_down(Frame::custom(Playback::Resume)),
            Step::Interrupt => {
                ctx.interrupt(InterruptCause::UserSpoke);
                self.own = ctx.generation();
                self.interrupted = true;
                self.span.interrupted();
                self.conversation.interrupt();
            }
            Step::TurnStarted => {
                self.span.begin();
                ctx.broadcast(Payload::UserStartedSpeaking);
            }
            Step::Answer(said) => {
                let message = self.conversation.add_user(&said, &self.limits);
                ctx.push_down(Frame::custom(MessageAdded { message, cut: false }));
                self.request(ctx);
            }
            Step::TurnStopped { spoke } => {
                self.judging.stop_all(ctx);
                self.span.stopped(spoke);
                ctx.broadcast(Payload::UserStoppedSpeaking);
                // A voice that said nothing has not answered what it interrupted.
                let lost = std::mem::take(&mut self.interrupted) && self.conversation.is_unanswered();
                if !spoke && (self.conversation.take_wanted() || lost) {
                    self.ask(ctx);
                }
            }
            Step::Muted(muted) => {
                ctx.push_down(Frame::custom(UserMuted(muted)));
                ctx.push_up(Frame::custom(UserMuted(muted)));
            }
            Step::Idle { times, silent_for, action } => {
                ctx.push_down(Frame::custom(UserIdle { times, silent_for }));
                self.idle(action, ctx);
            }
            Step::Overdue { floor, after } => {
                ctx.report(Error::TimedOut { what: awaited(floor), after, stages: vec![ctx.stage()] });
            }
            Step::Late => ctx.measure(Metric::Dropped { stage: ctx.stage(), frames: 1 }),
        }
    }

    fn idle(&mut self, action: IdleAction, ctx: &mut Context<'_>) {
        match action {
            IdleAction::Tell => {}
            IdleAction::Speak(text) => ctx.push_down(Payload::Speak(Box::new(Speak { text }))),
            IdleAction::Ask(text) => {
                self.conversation.add(ChatMessage::System { text: text.to_string() });
                self.ask(ctx);
            }
            IdleAction::SpeakAndEnd(text) => {
                ctx.push_down(Payload::Speak(Box::new(Speak { text })));
                ctx.push_down(Payload::End);
            }
        }
    }

    /// Asks the model now, unless the user has the floor: then the turn's own request will hold everything.
    fn ask(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        if matches!(self.turns(now).floor(), Floor::User | Floor::Pause | Floor::Settling) {
            self.conversation.want_answer();
            return;
        }
        self.request(ctx);
        let turns = self.turns(now);
        turns.handle(now, Input::Progress(BotProgress::Asked));
    }

    fn request(&mut self, ctx: &mut Context<'_>) {
        self.conversation.take_wanted();
        ctx.push_down(Payload::LlmRequest(Box::new(self.conversation.request())));
    }

    fn bot_stopped(&mut self, speech: &BotSpeech, ctx: &mut Context<'_>) {
        // Settled before anything else is decided, so that an answer of this very moment knows what was heard.
        if let Some(Committed { message, cut }) = self.conversation.settle(speech) {
            ctx.push_down(Frame::custom(MessageAdded { message, cut }));
        }
        self.input(Input::BotStopped, ctx);
    }

    /// Passes a frame of the user on, unless muted; then lets it count.
    fn user(&mut self, frame: Frame, ctx: &mut Context<'_>) {
        let payload = frame.payload.clone();
        let now = ctx.now();
        if !self.turns(now).is_muted() {
            ctx.push(frame);
        }
        let cue = match &payload {
            Payload::SpeechStarted(edge) => Cue::SpeechStarted(edge),
            Payload::SpeechStopped(edge) => Cue::SpeechStopped(edge),
            Payload::InterimTranscription(heard) => Cue::Interim(heard),
            Payload::Transcription(heard) => Cue::Final(heard),
            Payload::InputAudio(pcm) if self.turns(now).wants_audio() => {
                let rate = pcm.rate().hz() * u32::from(pcm.channels());
                self.turns(now).handle(now, Input::User(Cue::Audio { samples: pcm.samples(), rate }));
                return;
            }
            _ => return,
        };
        self.input(Input::User(cue), ctx);
    }

    fn custom(&mut self, frame: Frame, ctx: &mut Context<'_>) {
        let up = frame.direction() == Direction::Up;
        let Payload::Custom(custom) = &frame.payload else { return ctx.push(frame) };
        if custom.downcast_ref::<AnswerNow>().is_some() {
            self.ask(ctx);
            self.act(ctx);
        } else if let Some(&progress) = custom.downcast_ref::<BotProgress>() {
            self.input(Input::Progress(progress), ctx);
        } else if let Some(&turn) = custom.downcast_ref::<ServiceTurn>() {
            self.input(Input::User(Cue::ServiceTurn(turn)), ctx);
        } else if let Some(update) = custom.downcast_ref::<TurnUpdate>() {
            let now = ctx.now();
            self.turns(now).update(now, update);
            ctx.push(frame);
            self.act(ctx);
        } else {
            if let Some(changed) = custom.downcast_ref::<ToolsChanged>().filter(|_| up) {
                self.conversation.tools_changed(changed);
            }
            ctx.push(frame);
        }
    }
}

impl Processor for UserAggregator {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        self.act(ctx);
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let up = frame.direction() == Direction::Up;
        match &frame.payload {
            Payload::SpeechStarted(_)
            | Payload::SpeechStopped(_)
            | Payload::InterimTranscription(_)
            | Payload::Transcription(_)
            | Payload::InputAudio(_)
            | Payload::InputEncoded(_)
                if !up =>
            {
                self.user(frame, ctx);
            }
            Payload::BotStartedSpeaking(speech) if up => {
                self.conversation.started(speech.context);
                ctx.push(frame);
                self.input(Input::BotStarted, ctx);
            }
            Payload::BotStoppedSpeaking(speech) if up => {
                let speech = *speech;
                ctx.push(frame);
                self.bot_stopped(&speech, ctx);
            }
            Payload::LlmRequest(_) if up => {
                self.ask(ctx);
                self.act(ctx);
            }
            Payload::LlmRequest(_) => {
                ctx.push(frame);
                self.input(Input::Progress(BotProgress::Asked), ctx);
            }
            Payload::Custom(_) => self.custom(frame, ctx),
            _ => ctx.push(frame),
        }
        Ok(())
    }

    fn interrupt(&mut self, interrupt: &Interrupt, ctx: &mut Context<'_>) -> Result {
        if interrupt.generation > self.own {
            self.conversation.interrupt();
            self.span.interrupted();
            self.input(Input::Interrupted, ctx);
        }
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        let Ok(Judged { id, outcome }) = event.downcast() else { return Ok(()) };
        self.judging.answered(id);
        let now = ctx.now();
        self.turns(now).handle_verdict(now, id, outcome.as_ref().ok().copied());
        self.act(ctx);
        // Its turn went on without it.
        outcome.map(drop)
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        self.turns(now).handle_timeout(now);
        self.act(ctx);
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        let now = ctx.now();
        self.turns(now).finish(now);
        self.act(ctx);
        Ok(Ending::Now)
    }
}

fn awaited(floor: Floor) -> &'static str {
    match floor {
        Floor::Bot => "the bot's answer",
        Floor::Tools => "the tools of the bot's answer",
        Floor::BotSpeaks => "the bot's speech",
        Floor::User => "the user's speech",
        _ => "the next move of the conversation",
    }
}
