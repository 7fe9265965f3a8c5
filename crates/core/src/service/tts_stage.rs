//! The stage around any text-to-speech service.
//!
//! | frame | what happens |
//! |---|---|
//! | `ResponseStarted` … `Text` … `ResponseEnded` | spoken as one answer, as it comes; passed on |
//! | `Text` outside of these, `Speak` | an answer of its own; passed on |
//! | `TtsUpdateSettings` | applied and answered with `SettingsAnswered`, both ways; passed on if it aims at others too |
//! | out: `TtsText` | what was given to the service, and the space after it, ahead of its audio |
//! | out: `TtsStarted`, `OutputAudio`, `TtsWord`, `TtsStopped` | per answer, in this order |
//! | out: `Metrics` | time to first byte, usage, unmatched audio |
//!
//! Promises: 1. answers are spoken in order; 2. after an interruption nothing of an earlier answer leaves,
//! whatever the service still delivers; 3. every answer that was started is stopped, also when the
//! service fails or says nothing for [`SILENCE_LIMIT`] times its own first-audio deadline; 4. the end
//! waits until all answers are spoken; 5. an answer of which the filters leave nothing asks the service for
//! nothing, and nothing waits for it.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use voxline_audio::Pcm;

use super::{
    ServiceName, TtsCommand, TtsEvent, TtsProfile, TtsService, TtsSetup,
    host::{self, FromService, Hosted, Parting},
    updates::Updates,
};
use crate::{
    Event, Processor,
    error::Error,
    frame::{
        BotSpeech, ContextId, Frame, Interrupt, Metric, Payload, RequestId, SpokenAudio, SpokenText,
        SpokenWord, Usage,
    },
    pipeline::Context,
    processor::{Ending, Result, Timer, after},
    text::{Filters, Sentences, Splitting, TextFilter},
};

/// How many first-audio deadlines a service may stay silent before an answer is given up.
pub const SILENCE_LIMIT: u32 = 3;
/// Commands the service may leave waiting before the input is held.
const HELD_BACKLOG: usize = 256;
/// How long the service may take between two signs of life at the end.
const END_PROGRESS: Duration = Duration::from_secs(7);

const STUCK: Timer = Timer(0);
const ANSWER: Timer = Timer(1);

/// The stage around a text-to-speech service. The pipeline builder makes one of a plain service; made by hand
/// it takes filters, and may let the first clause go early.
#[derive(Debug)]
pub struct TtsStage<S> {
    service: Option<Box<S>>,
    name: ServiceName,
    profile: TtsProfile,
    hosted: Option<Hosted<TtsCommand>>,
    updates: Updates,
    filters: Filters,
    splitting: Splitting,
    next: u32,
    /// The answer whose text is coming.
    open: Option<Open>,
    /// Answers that are not spoken yet, in order.
    answers: VecDeque<Answer>,
    usage: Usage,
    unmatched: u64,
    last_sign: Option<Instant>,
    parting: Parting,
}

/// An answer whose text is coming.
#[derive(Debug)]
struct Open {
    context: ContextId,
    sentences: Sentences,
    /// White space that goes before the next word.
    space: String,
}

/// An answer that is being spoken, or waits to be.
#[derive(Debug)]
struct Answer {
    context: ContextId,
    asked: Instant,
    /// Whether anything of it has left.
    started: bool,
    /// Whether audio of it has left.
    heard: bool,
    /// Whether all its text has been given.
    complete: bool,
}

impl<S: TtsService> TtsStage<S> {
    /// The stage around `service`.
    pub fn new(service: S) -> Self {
        let (name, profile) = (service.name(), service.profile());
        Self {
            service: Some(Box::new(service)),
            name,
            profile,
            hosted: None,
            updates: Updates::new(ANSWER),
            filters: Filters::default(),
            splitting: Splitting::default(),
            next: 1,
            open: None,
            answers: VecDeque::new(),
            usage: Usage::default(),
            unmatched: 0,
            last_sign: None,
            parting: Parting::default(),
        }
    }

    /// Puts the text of answers through these, in this order, behind those added before. What a filter holds
    /// back is released when an answer ends, also by a `Speak` that comes in its middle.
    #[must_use]
    pub fn with_filters(mut self, filters: impl IntoIterator<Item = Box<dyn TextFilter>>) -> Self {
        filters.into_iter().for_each(|filter| self.filters.push_filter(filter));
        self
    }

    /// Adds one filter.
    #[must_use]
    pub fn with_filter(self, filter: impl TextFilter + 'static) -> Self {
        self.with_filters([Box::new(filter) as Box<dyn TextFilter>])
    }

    /// Releases the first clause of an answer at a comma or the like, once it has so many characters. Without
    /// effect on services that take text as it is written.
    #[must_use]
    pub fn with_first_clause(mut self, characters: NonZeroUsize) -> Self {
        self.splitting.first_clause = Some(characters);
        self
    }

    fn send(&mut self, command: TtsCommand, ctx: &mut Context<'_>) {
        let Some(hosted) = &mut self.hosted else { return };
        hosted.send(command, ctx);
        if hosted.backlog().len() > HELD_BACKLOG {
            ctx.hold_input();
        }
    }

    fn open(&mut self) -> Open {
        let context = ContextId(self.next);
        self.next += 1;
        Open { context, sentences: Sentences::new(self.splitting), space: String::new() }
    }

    fn say(&mut self, open: &mut Open, text: &str, ctx: &mut Context<'_>) {
        if self.filters.is_empty() {
            return self.say_filtered(open, text, ctx);
        }
        let text = self.filters.push(text);
        self.say_filtered(open, &text, ctx);
    }

    fn say_filtered(&mut self, open: &mut Open, text: &str, ctx: &mut Context<'_>) {
        if self.profile.streams_text {
            if text.trim().is_empty() {
                open.space.push_str(text);
            } else {
                let text = std::mem::take(&mut open.space) + text;
                self.speak(open.context, text, ctx);
            }
            return;
        }
        for sentence in open.sentences.push(text) {
            self.speak(open.context, sentence, ctx);
        }
    }

    fn speak(&mut self, context: ContextId, text: String, ctx: &mut Context<'_>) {
        if self.hosted.is_none() {
            return;
        }
        if self.answers.back().is_none_or(|last| last.context != context) {
            let asked = ctx.now();
            self.answers.push_back(Answer { context, asked, started: false, heard: false, complete: false });
            self.sign(ctx);
        }
        let spoken = SpokenText { context, text: text.as_str().into() };
        ctx.push_down(Payload::TtsText(Box::new(spoken)));
        let text = if self.profile.streams_text { text } else { text.trim().to_owned() };
        self.send(TtsCommand::Speak { context, text }, ctx);
    }

    fn finish(&mut self, mut open: Open, ctx: &mut Context<'_>) {
        let rest = self.filters.finish();
        self.say_filtered(&mut open, &rest, ctx);
        if let Some(rest) = open.sentences.finish() {
            self.speak(open.context, rest, ctx);
        }
        if let Some(last) = self.answers.back_mut().filter(|last| last.context == open.context) {
            last.complete = true;
            self.sign(ctx);
            self.send(TtsCommand::Finish { context: open.context }, ctx);
        }
    }

    fn say_whole(&mut self, text: &str, ctx: &mut Context<'_>) {
        let mut open = self.open();
        self.say(&mut open, text, ctx);
        self.finish(open, ctx);
    }

    /// How long the service may be silent while it owes something.
    fn silence_limit(&self) -> Duration {
        self.profile.first_audio_deadline.saturating_mul(SILENCE_LIMIT)
    }

    /// A sign of life: the silence is counted anew.
    fn sign(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.last_sign = Some(now);
        ctx.set_timer(STUCK, after(now, self.silence_limit()));
        if self.parting.is_ending() {
            ctx.postpone_end(END_PROGRESS);
        }
    }

    fn audio(&mut self, context: ContextId, request: RequestId, pcm: Pcm, ctx: &mut Context<'_>) {
        let Some(answer) = self.begin(context, ctx) else { return };
        if !std::mem::replace(&mut answer.heard, true) {
            let value = ctx.now().saturating_duration_since(answer.asked);
            ctx.measure(Metric::TimeToFirstByte { stage: ctx.stage(), value });
        }
        self.usage.audio += pcm.duration();
        ctx.push_down(Payload::OutputAudio(SpokenAudio { pcm, context, request }));
    }

    /// Something of an answer has come: it is started, unless it has been. `None` when nobody waits for it.
    fn begin(&mut self, context: ContextId, ctx: &mut Context<'_>) -> Option<&mut Answer> {
        let index = self.answers.iter().position(|answer| answer.context == context)?;
        self.sign(ctx);
        let answer = &mut self.answers[index];
        if !std::mem::replace(&mut answer.started, true) {
            ctx.push_down(Payload::TtsStarted(BotSpeech::new(context)));
        }
        Some(answer)
    }

    /// An answer is over, one way or the other. What is still written of it is another one.
    fn over(&mut self, context: ContextId, ctx: &mut Context<'_>) {
        let Some(index) = self.answers.iter().position(|answer| answer.context == context) else { return };
        let answer = self.answers.remove(index);
        if let Some(open) = self.open.as_mut().filter(|open| open.context == context) {
            open.context = ContextId(self.next);
            self.next += 1;
        }
        if answer.is_some_and(|answer| answer.started) {
            ctx.push_down(Payload::TtsStopped(BotSpeech::new(context)));
        }
        let usage = std::mem::take(&mut self.usage);
        ctx.measure(Metric::Usage { stage: ctx.stage(), usage });
        if self.answers.is_empty() {
            ctx.cancel_timer(STUCK);
        }
    }

    fn told(&mut self, event: TtsEvent, ctx: &mut Context<'_>) {
        match event {
            TtsEvent::Connection(event) => {
                if let Some(hosted) = &mut self.hosted {
                    hosted.handle(event, ctx);
                }
            }
            TtsEvent::Audio { context, request, pcm } => self.audio(context, request, pcm, ctx),
            TtsEvent::Word { context, request, text, start, end } => {
                if self.begin(context, ctx).is_some() {
                    let word = SpokenWord { context, request, text, start, end };
                    ctx.push_down(Payload::TtsWord(Box::new(word)));
                }
            }
            TtsEvent::Finished { context } => self.over(context, ctx),
            TtsEvent::Failed { context, error, .. } => {
                ctx.report(error);
                if let Some(context) = context {
                    self.over(context, ctx);
                }
            }
            TtsEvent::Answered(answer) => self.updates.answered(answer, ctx),
            TtsEvent::Requested { characters, .. } => {
                self.usage.characters += characters;
                self.usage.requests += 1;
            }
            TtsEvent::Unmatched => {
                self.unmatched += 1;
                ctx.measure(Metric::Unmatched { stage: ctx.stage(), chunks: self.unmatched });
            }
        }
    }

    /// The service has been silent for too long: the answer it owes is given up.
    fn give_up(&mut self, ctx: &mut Context<'_>) {
        let limit = self.silence_limit();
        let Some(answer) = self.answers.front() else { return };
        if answer.heard && !answer.complete {
            // It is still being written: the service owes nothing.
            return self.sign(ctx);
        }
        let context = answer.context;
        let what = "the synthesizer's audio";
        ctx.report(Error::TimedOut { what, after: limit, stages: vec![ctx.stage()] });
        self.send(TtsCommand::Interrupt { through: context }, ctx);
        self.over(context, ctx);
        if !self.answers.is_empty() {
            self.sign(ctx);
        }
    }

    fn finished(&mut self, outcome: super::ServiceResult, ctx: &mut Context<'_>) {
        if let Some(hosted) = self.hosted.take() {
            hosted.close();
        }
        self.updates.refuse_all(&self.name, ctx);
        ctx.release_input();
        while let Some(context) = self.answers.front().map(|answer| answer.context) {
            self.over(context, ctx);
        }
        if self.usage != Usage::default() {
            let usage = std::mem::take(&mut self.usage);
            ctx.measure(Metric::Usage { stage: ctx.stage(), usage });
        }
        self.parting.finished(outcome, &self.name, ctx);
    }
}

impl<S: TtsService> Processor for TtsStage<S> {
    fn name(&self) -> std::borrow::Cow<'static, str> {
        self.name.to_string().into()
    }

    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        let Some(service) = self.service.take() else { return Ok(()) };
        let setup = TtsSetup { sample_rate: ctx.session().output_rate };
        let events = service.connection_events();
        self.parting.begin();
        self.hosted = Some(Hosted::start(ctx, events, |io| service.run(setup, io)));
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match &frame.payload {
            Payload::ResponseStarted => {
                if let Some(open) = self.open.take() {
                    self.finish(open, ctx);
                }
                self.open = Some(self.open());
            }
            Payload::Text(chunk) => match self.open.take() {
                Some(mut open) => {
                    self.say(&mut open, &chunk.text, ctx);
                    self.open = Some(open);
                }
                None => self.say_whole(&chunk.text, ctx),
            },
            Payload::ResponseEnded => {
                if let Some(open) = self.open.take() {
                    self.finish(open, ctx);
                }
            }
            Payload::Speak(speak) => {
                // An answer that is still coming goes first; what comes of it later is another one.
                if let Some(open) = self.open.take() {
                    self.finish(open, ctx);
                    self.say_whole(&speak.text, ctx);
                    self.open = Some(self.open());
                } else {
                    self.say_whole(&speak.text, ctx);
                }
            }
            Payload::TtsUpdateSettings(update) => {
                let service = (&self.name, self.hosted.is_some());
                let (mine, others) = self.updates.take(frame.id(), update, service, ctx);
                if let Some((update, delta)) = mine {
                    self.send(TtsCommand::Update { update, delta }, ctx);
                }
                if !others {
                    return Ok(());
                }
            }
            _ => {}
        }
        ctx.push(frame);
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        match host::receive::<TtsEvent>(event)? {
            FromService::Event(event) => self.told(event, ctx),
            FromService::Room => {
                if let Some(hosted) = &mut self.hosted {
                    hosted.room(ctx);
                    if hosted.backlog().len() <= HELD_BACKLOG / 2 {
                        ctx.release_input();
                    }
                }
            }
            FromService::Finished(outcome) => self.finished(outcome, ctx),
            FromService::Delivered => self.parting.delivered(ctx),
        }
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        self.open = None;
        self.filters.reset();
        self.answers.clear();
        ctx.cancel_timer(STUCK);
        if let Some(hosted) = &mut self.hosted {
            let texts = |command: &TtsCommand| {
                matches!(command, TtsCommand::Speak { .. } | TtsCommand::Finish { .. })
            };
            hosted.backlog().retain(|command| !texts(command));
            ctx.release_input();
        }
        if self.next > 1 {
            self.send(TtsCommand::Interrupt { through: ContextId(self.next - 1) }, ctx);
        }
        Ok(())
    }

    fn timeout(&mut self, timer: Timer, ctx: &mut Context<'_>) -> Result {
        match timer {
            STUCK => self.give_up(ctx),
            _ => self.updates.expire(&self.name, ctx),
        }
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        if let Some(open) = self.open.take() {
            self.finish(open, ctx);
        }
        if self.parting.is_over() {
            return Ok(Ending::Now);
        }
        self.parting.end();
        self.send(TtsCommand::End, ctx);
        ctx.postpone_end(END_PROGRESS);
        Ok(Ending::Later)
    }
}
