//! The stage around any language model.
//!
//! | frame | what happens |
//! |---|---|
//! | `LlmRequest`, from either side | consumed: the model answers; a newer request replaces a running one |
//! | `LlmUpdateSettings` | applied and answered with `SettingsAnswered`, both ways; passed on if it aims at others too |
//! | out: `ResponseStarted`, `Text`…, `ToolCalls` if there are any, `ResponseEnded` | per request, in this order |
//! | out: `ToolSettled` | one for each call of a `ToolCalls`, as they settle |
//! | out, both ways: `Custom(ToolsChanged)` | when an update brought or took tools |
//! | out: `Metrics` | time to the first token, tokens |
//!
//! Promises: 1. each request opens one answer, and closes it, whether it succeeds or not, unless it is
//! interrupted; 2. after an interruption nothing of the answer leaves, and the model's connection is let go;
//! 3. tools run only when the stream of their answer has ended well and nothing has interrupted it; 4. each
//! call that was told of settles exactly once, and the settling survives interruption; 5. errors go
//! upstream and end nothing, unless they are fatal.
//!
//! Left to others: **asking again**. When calls have settled the stage does not turn to the model by itself:
//! whoever keeps the conversation puts calls and results into it and sends the next `LlmRequest`. At the end
//! of the session it is given [`FOLLOW_UP`] to do so.
//! Read next: `llm_stage/calls.rs`, then `llm_stage/answer.rs`.

mod answer;
mod calls;
mod runner;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    answer::FromModel,
    calls::Calls,
    runner::{Runner, ToolDone, refuse, report},
};
use super::{
    LlmEvent, LlmProfile, LlmService, ServiceName, ToolError, ToolPolicy, Tools, ToolsChanged,
    updates::Updates,
};
use crate::{
    Event, Processor,
    error::Error,
    frame::{
        Changed, ChatMessage, Frame, Interrupt, LlmRequest, Metric, Payload, Rejected, SettingsAnswer,
        TextChunk, ToolCall, ToolSpec, UpdateId,
    },
    pipeline::Context,
    processor::{Ending, JobId, Result, Timer},
};

/// Tool calls of one answer that are run; those beyond are settled as failed at once.
pub const CALLS_LIMIT: usize = 32;
/// The longest result of a tool, in bytes; what is longer is cut, and says so.
pub const RESULT_LIMIT: usize = 32 * 1024;
/// How long the end of the session waits for tools that run, before they are cancelled.
pub const END_PATIENCE: Duration = Duration::from_secs(5);

/// How long the end of the session waits, once all calls have settled, for somebody to ask again.
pub const FOLLOW_UP: Duration = Duration::from_secs(1);
/// The end waits no longer than this for a sign of a model whose deadlines are switched off.
const LONGEST_GRACE: Duration = Duration::from_secs(60);

const CALLS: Timer = Timer(0);
const END: Timer = Timer(1);

/// The stage around a language model. The pipeline builder makes one of any [`LlmService`].
#[derive(Debug)]
pub struct LlmStage<S> {
    service: Arc<S>,
    name: ServiceName,
    profile: LlmProfile,
    tools: Tools,
    specs: Arc<[ToolSpec]>,
    answer: Option<Answer>,
    calls: Calls,
    runner: Runner,
    /// Calls were run, and nobody has asked since: the answer to the caller is still owed.
    owing: bool,
    ending: bool,
}

/// The answer that is being written.
#[derive(Debug)]
struct Answer {
    job: JobId,
    asked: Instant,
    begun: bool,
    /// What was asked.
    messages: Arc<[ChatMessage]>,
    calls: Vec<ToolCall>,
    /// Tokens of the request and of the answer, as last told.
    tokens: Option<(u64, u64)>,
}

impl<S: LlmService> LlmStage<S> {
    /// The stage around `service`, without tools.
    pub fn new(service: S) -> Self {
        let (name, profile) = (service.name(), service.profile());
        Self {
            service: Arc::new(service),
            name,
            profile,
            tools: Tools::default(),
            specs: Arc::default(),
            answer: None,
            calls: Calls::default(),
            runner: Runner::default(),
            owing: false,
            ending: false,
        }
    }

    /// The same stage, which also offers these tools to the model and runs them.
    #[must_use]
    pub fn with_tools(mut self, tools: Tools) -> Self {
        self.specs = tools.specs();
        self.tools = tools;
        self
    }

    fn ask(&mut self, mut request: LlmRequest, ctx: &mut Context<'_>) {
        if let Some(replaced) = self.answer.take() {
            ctx.abort(replaced.job);
            self.close(&replaced, ctx);
        }
        request.tools = self.offer(&request.tools);
        let messages = request.messages.clone();
        let (service, profile, stage) = (self.service.clone(), self.profile, ctx.stage());
        let job = ctx.spawn(|output| answer::run(service, request, profile, stage, output));
        let asked = ctx.now();
        self.owing = false;
        self.answer = Some(Answer { job, asked, begun: false, messages, calls: Vec::new(), tokens: None });
        ctx.push_down(Payload::ResponseStarted);
    }

    /// The stage's tools and those of the request; where a name is in both, the stage's.
    fn offer(&self, asked: &Arc<[ToolSpec]>) -> Arc<[ToolSpec]> {
        if self.specs.is_empty() {
            return asked.clone();
        }
        if asked.is_empty() {
            return self.specs.clone();
        }
        let others = asked.iter().filter(|spec| self.specs.iter().all(|own| own.name != spec.name));
        self.specs.iter().chain(others).cloned().collect()
    }

    fn told(&mut self, event: LlmEvent, ctx: &mut Context<'_>) {
        let ending = self.ending;
        let Some(answer) = &mut self.answer else { return };
        if ending {
            ctx.postpone_end(grace(self.profile.stall_deadline));
        }
        match event {
            LlmEvent::Text(text) => {
                if !text.is_empty() {
                    answer.begin(ctx);
                    ctx.push_down(Payload::Text(TextChunk::new(text)));
                }
            }
            LlmEvent::Call(call) => {
                answer.begin(ctx);
                answer.calls.push(call);
            }
            LlmEvent::Usage { prompt, completion } => answer.tokens = Some((prompt, completion)),
            LlmEvent::Progress => {}
        }
    }

    /// The stream of the answer is over. Only now are its calls sure.
    fn ended(&mut self, outcome: Result, ctx: &mut Context<'_>) {
        let Some(mut answer) = self.answer.take() else { return };
        let calls = match outcome {
            Ok(()) => self.calls.name_apart(std::mem::take(&mut answer.calls), &answer.messages),
            Err(error) => {
                ctx.report(error);
                Vec::new()
            }
        };
        if !calls.is_empty() {
            ctx.push_down(Payload::ToolCalls(calls.as_slice().into()));
        }
        self.close(&answer, ctx);
        if !calls.is_empty() {
            self.begin(calls, ctx);
        }
        self.check_end(ctx);
    }

    /// Ends an answer that was started.
    fn close(&self, answer: &Answer, ctx: &mut Context<'_>) {
        ctx.push_down(Payload::ResponseEnded);
        answer.count(ctx);
    }

    fn begin(&mut self, calls: Vec<ToolCall>, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.owing = true;
        let mut known = Vec::new();
        for (index, call) in calls.into_iter().enumerate() {
            match self.tools.find(&call.name) {
                None => refuse(call, ToolError::Unknown, ctx),
                Some(_) if index >= CALLS_LIMIT => {
                    refuse(call, ToolError::TooMany { limit: CALLS_LIMIT }, ctx);
                }
                Some(tool) => {
                    let policy: ToolPolicy = tool.policy();
                    known.push((call, policy));
                }
            }
        }
        self.calls.begin(now, known, self.tools.order());
        if self.ending {
            self.await_calls(ctx);
        }
        self.act(ctx);
    }

    /// Does what the calls ask for.
    fn act(&mut self, ctx: &mut Context<'_>) {
        self.runner.act(&mut self.calls, &self.tools, ctx);
        match self.calls.poll_timeout() {
            Some(due) => ctx.set_timer(CALLS, due),
            None => ctx.cancel_timer(CALLS),
        }
        self.check_end(ctx);
    }

    fn update(&mut self, frame: &Frame, ctx: &mut Context<'_>) -> bool {
        let Payload::LlmUpdateSettings(update) = &frame.payload else { return true };
        let (mine, others) = Updates::aims_at(&update.target, &self.name);
        if mine {
            let mut answer = self.service.update(UpdateId(frame.id().0), &update.delta);
            let tools = update.delta.tools.clone().apply(self.tools.clone(), Tools::default);
            let came_and_went = self.change_tools(tools, &mut answer);
            ctx.broadcast(Payload::SettingsAnswered(Box::new(answer)));
            if !came_and_went.is_empty() {
                ctx.broadcast(Payload::Custom(Arc::new(came_and_went)));
            }
        }
        others
    }

    /// Offers other tools from the next answer on. Calls that run go on; those that wait for their turn are settled
    /// as unknown if their tool is gone.
    fn change_tools(&mut self, tools: Tools, answer: &mut SettingsAnswer) -> ToolsChanged {
        let specs = tools.specs();
        if let Err(error) = tools.check() {
            answer.rejected.push(Rejected { field: "tools", reason: error.to_string() });
            return ToolsChanged::default();
        }
        let came_and_went = self.tools.changes_to(&tools);
        if specs != self.specs {
            let (old, new) = (self.tools.names(), tools.names());
            answer.changed.push(Changed { field: "tools", old, new });
        }
        (self.tools, self.specs) = (tools, specs);
        came_and_went
    }

    fn is_idle(&self) -> bool {
        self.answer.is_none() && self.calls.is_empty()
    }

    /// Gives the calls that are open at the end some more time, but not for ever.
    fn await_calls(&mut self, ctx: &mut Context<'_>) {
        let until = ctx.now() + END_PATIENCE;
        ctx.set_timer(END, until);
        ctx.postpone_end(grace(END_PATIENCE));
    }

    fn check_end(&mut self, ctx: &mut Context<'_>) {
        if !self.ending || !self.is_idle() {
            return;
        }
        if self.owing {
            let until = ctx.now() + FOLLOW_UP;
            ctx.set_timer(END, until);
            ctx.postpone_end(grace(FOLLOW_UP));
        } else {
            self.ending = false;
            ctx.cancel_timer(END);
            ctx.finish_end();
        }
    }
}

impl Answer {
    /// Something of the answer has come.
    fn begin(&mut self, ctx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.begun, true) {
            let value = ctx.now().saturating_duration_since(self.asked);
            ctx.measure(Metric::TimeToFirstByte { stage: ctx.stage(), value });
        }
    }

    fn count(&self, ctx: &mut Context<'_>) {
        if let Some((prompt, completion)) = self.tokens {
            ctx.measure(Metric::Tokens { stage: ctx.stage(), prompt, completion });
        }
    }
}

impl<S: LlmService> Processor for LlmStage<S> {
    fn name(&self) -> std::borrow::Cow<'static, str> {
        self.name.to_string().into()
    }

    fn start(&mut self, _: &mut Context<'_>) -> Result {
        self.service.check()?;
        self.tools.check()
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match frame.payload {
            Payload::LlmRequest(request) => self.ask(*request, ctx),
            Payload::LlmUpdateSettings(_) => {
                if self.update(&frame, ctx) {
                    ctx.push(frame);
                }
            }
            _ => ctx.push(frame),
        }
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        let job = event.job;
        let event = match event.downcast::<ToolDone>() {
            Ok(ToolDone) => {
                self.act(ctx);
                return Ok(());
            }
            Err(event) => event,
        };
        let told = event.downcast().map_err(|_| Error::Unusable {
            what: "a language model stage got an item it does not know".into(),
        })?;
        // What a replaced answer had sent may still be on its way.
        if self.answer.as_ref().is_some_and(|answer| answer.job == job) {
            match told {
                FromModel::Event(event) => self.told(event, ctx),
                FromModel::Ended(outcome) => self.ended(outcome, ctx),
            }
        }
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        if let Some(answer) = self.answer.take() {
            answer.count(ctx);
        }
        self.owing = false;
        self.runner.collect(&mut self.calls, ctx);
        self.calls.handle_interrupt(ctx.now());
        self.act(ctx);
        Ok(())
    }

    fn timeout(&mut self, timer: Timer, ctx: &mut Context<'_>) -> Result {
        self.runner.collect(&mut self.calls, ctx);
        let now = ctx.now();
        if timer == END {
            self.owing = false;
            self.calls.handle_end(now);
        }
        for (call, policy) in self.calls.handle_timeout(now) {
            report(&call, ToolError::TimedOut { after: policy.deadline }, ctx);
        }
        self.act(ctx);
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        if self.is_idle() && !self.owing {
            return Ok(Ending::Now);
        }
        self.ending = true;
        self.await_calls(ctx);
        self.check_end(ctx);
        if self.answer.is_some() {
            ctx.postpone_end(grace(self.profile.first_token_deadline.max(self.profile.stall_deadline)));
        }
        Ok(Ending::Later)
    }
}

/// A little more than a deadline, so that whoever has it is the first to act.
fn grace(deadline: Duration) -> Duration {
    deadline.min(LONGEST_GRACE) + Duration::from_secs(1)
}
