//! Asking models of the ends of turns, beside the line.
//!
//! A model may compute for long, block or panic: it runs on a thread for such work, as a job of the user's
//! aggregator, and comes back as [`Judged`], at the latest when its time is up. Promises: 1. the line never waits for
//! a model; 2. each question is answered once, unless its strategy has asked again or the turn is over; 3. of one
//! session no more than [`AT_ONCE`] models run: a question beyond that has no answer at once.

use std::sync::Arc;

use tokio::task::JoinHandle;
use voxline_core::{
    Context, Error,
    processor::{JobId, JobOutput, Result},
};

use crate::{Question, QuestionId};

/// Models of one session that may run at once: a thread that hangs cannot be stopped, but need not be joined by more.
const AT_ONCE: usize = 2;

/// What has come of a question.
pub(crate) struct Judged {
    pub(crate) id: QuestionId,
    pub(crate) outcome: Result<f32>,
}

/// The questions that are being answered.
#[derive(Debug, Default)]
pub(crate) struct Judging {
    jobs: Vec<(QuestionId, JobId)>,
    /// Held once more by each model that runs, also by those nobody waits for any longer.
    running: Arc<()>,
}

impl Judging {
    /// Has a question answered: later by a [`Judged`], or not at all, if too many models hang.
    ///
    /// # Errors
    /// When nobody will answer.
    pub(crate) fn ask(&mut self, id: QuestionId, question: Question, ctx: &mut Context<'_>) -> Result {
        self.stop(ctx, |asked| asked.strategy == id.strategy);
        if Arc::strong_count(&self.running) > AT_ONCE {
            return Err(unusable("is still busy with earlier turns"));
        }
        let (running, stage) = (self.running.clone(), ctx.stage());
        // An interruption does not end the user's turn; its end stops the job.
        let job = ctx.spawn_surviving(move |output: JobOutput| async move {
            let after = question.within;
            let answer = on_a_thread(question, running);
            let outcome = match tokio::time::timeout(after, answer).await {
                Ok(Ok(likelihood)) => Ok(likelihood),
                Ok(Err(_)) => Err(unusable("panicked")),
                Err(_) => {
                    Err(Error::TimedOut { what: "the model of ends of turns", after, stages: vec![stage] })
                }
            };
            output.send(Judged { id, outcome }).await
        });
        self.jobs.push((id, job));
        Ok(())
    }

    /// The answer to a question has come.
    pub(crate) fn answered(&mut self, id: QuestionId) {
        self.jobs.retain(|&(asked, _)| asked != id);
    }

    /// Nobody wants to know any more.
    pub(crate) fn stop_all(&mut self, ctx: &mut Context<'_>) {
        self.stop(ctx, |_| true);
    }

    fn stop(&mut self, ctx: &mut Context<'_>, which: impl Fn(&QuestionId) -> bool) {
        self.jobs.retain(|(id, job)| {
            let stops = which(id);
            if stops {
                ctx.abort(*job);
            }
            !stops
        });
    }
}

/// Asks a model where it may block. `running` lives as long as it does.
#[expect(
    clippy::disallowed_methods,
    reason = "it keeps nothing of the session, and no more than `AT_ONCE` outlive it"
)]
fn on_a_thread(question: Question, running: Arc<()>) -> JoinHandle<f32> {
    tokio::task::spawn_blocking(move || {
        let likelihood = question.answer();
        drop(running);
        likelihood
    })
}

fn unusable(why: &str) -> Error {
    Error::Unusable { what: format!("the model of ends of turns {why}") }
}
