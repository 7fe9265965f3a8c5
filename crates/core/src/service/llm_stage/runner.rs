//! Runs what the calls ask for: jobs for tools, frames for what settled.
//!
//! A finished tool leaves its outcome in a slot that the stage can look into at any time, and then wakes the
//! stage. So a result that is there when an interruption or a deadline comes counts, although the stage has
//! not been woken yet: a stage whose output is full may be woken late.

use std::sync::{Arc, OnceLock};

use super::{
    super::{Tool, ToolError, ToolFailure, Tools},
    RESULT_LIMIT,
    calls::{Action, CallKey, Calls},
};
use crate::{
    error::Error,
    frame::{Payload, ToolCall, ToolOutcome, ToolResult},
    panic,
    pipeline::Context,
    processor::JobId,
};

/// The longest part of a tool's name that an error shows: a model can invent any.
const SHOWN_NAME: usize = 64;

/// Sent by a job whose outcome is in its slot.
#[derive(Debug)]
pub(super) struct ToolDone;

/// How a call ended.
#[derive(Clone, Debug)]
struct Finished {
    outcome: ToolOutcome,
    failure: Option<Arc<ToolFailure>>,
}

/// The calls that run.
#[derive(Debug, Default)]
pub(super) struct Runner {
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    key: CallKey,
    job: JobId,
    /// Written once, by the job.
    slot: Arc<OnceLock<Finished>>,
}

impl Runner {
    /// Takes the outcomes that are there, then does everything the calls ask for.
    pub(super) fn act(&mut self, calls: &mut Calls, tools: &Tools, ctx: &mut Context<'_>) {
        self.collect(calls, ctx);
        while let Some(action) = calls.poll_action() {
            match action {
                Action::Start(key, call) => match tools.find(&call.name) {
                    Some(tool) => self.start(key, call, tool, ctx),
                    // It went while the call waited for its turn.
                    None => {
                        report(&call, ToolError::Unknown, ctx);
                        calls.handle_outcome(ctx.now(), key, ToolOutcome::Unknown);
                    }
                },
                Action::Stop(key) => self.stop(key, ctx),
                Action::Settle(result) => settle(result, ctx),
            }
        }
    }

    /// Takes the outcomes that are there.
    pub(super) fn collect(&mut self, calls: &mut Calls, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.running.retain(|running| {
            let Some(Finished { outcome, failure }) = running.slot.get().cloned() else { return true };
            calls.handle_outcome(now, running.key, outcome);
            if let Some(failure) = failure {
                ctx.report(Error::Other(failure));
            }
            false
        });
    }

    fn start(&mut self, key: CallKey, call: ToolCall, tool: Arc<dyn Tool>, ctx: &mut Context<'_>) {
        let slot = Arc::new(OnceLock::new());
        let written = slot.clone();
        // It survives as a job, and is stopped by name: what a finished job has sent is not lost with it.
        let job = ctx.spawn_surviving(|output| async move {
            // Nobody else writes it.
            let _ = written.set(run(&*tool, call).await);
            output.send(ToolDone).await
        });
        self.running.push(Running { key, job, slot });
    }

    fn stop(&mut self, key: CallKey, ctx: &mut Context<'_>) {
        if let Some(index) = self.running.iter().position(|running| running.key == key) {
            ctx.abort(self.running.remove(index).job);
        }
    }
}

/// Settles a call that is not run.
pub(super) fn refuse(call: ToolCall, error: ToolError, ctx: &mut Context<'_>) {
    let outcome = error.outcome();
    report(&call, error, ctx);
    settle(ToolResult { call, outcome }, ctx);
}

/// Reports upstream why a call gave no result.
pub(super) fn report(call: &ToolCall, error: ToolError, ctx: &mut Context<'_>) {
    ctx.report(Error::Other(Arc::new(failure(call, error))));
}

fn settle(result: ToolResult, ctx: &mut Context<'_>) {
    ctx.push_down(Payload::ToolSettled(Arc::new(result)));
}

async fn run(tool: &dyn Tool, call: ToolCall) -> Finished {
    let asked = call.clone();
    let error = match panic::catch_async(tool.call(call)).await {
        Ok(Ok(text)) => return Finished { outcome: ToolOutcome::Done(shorten(text).into()), failure: None },
        Ok(Err(error)) => error,
        Err(message) => ToolError::Panicked { message },
    };
    Finished { outcome: error.outcome(), failure: Some(Arc::new(failure(&asked, error))) }
}

fn failure(call: &ToolCall, source: ToolError) -> ToolFailure {
    ToolFailure { tool: call.name.chars().take(SHOWN_NAME).collect(), source }
}

/// Cuts a result that is too long for a conversation, between two characters.
fn shorten(mut text: String) -> String {
    if text.len() > RESULT_LIMIT {
        let end = (0..=RESULT_LIMIT).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push_str(" … (cut)");
    }
    text
}
