//! Summaries of what was said before: the hook, and the job that waits for it.
//!
//! The only place of this crate that waits. A summary that fails or takes too long is given up; the messages stay
//! as they are and the next message asks again.

use std::{error::Error as StdError, fmt, future::Future, pin::Pin, sync::Arc};

use voxline_core::{
    Context, Error,
    frame::ChatMessage,
    processor::{JobOutput, Result},
};

use crate::{SummaryConfig, conversation::ToSummarise};

/// A summary that is being written.
pub type Summary = Pin<Box<dyn Future<Output = Result<String, Box<dyn StdError + Send + Sync>>> + Send>>;

/// Writes summaries of conversations, with a model or otherwise.
pub trait Summarise: Send + Sync + 'static {
    /// Summarises these messages, as one text.
    fn summarise(&self, messages: Arc<[ChatMessage]>) -> Summary;
}

impl fmt::Debug for dyn Summarise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Summarise")
    }
}

/// What a job of summarising has come to.
pub(crate) struct Summarised {
    pub(crate) job: ToSummarise,
    pub(crate) outcome: Result<String>,
}

/// Starts a job that sends one [`Summarised`].
pub(crate) fn start(by: &dyn Summarise, job: ToSummarise, config: &SummaryConfig, ctx: &mut Context<'_>) {
    let summary = by.summarise(job.messages.clone());
    let (after, stage) = (config.deadline, ctx.stage());
    ctx.spawn_surviving(move |output: JobOutput| async move {
        let outcome = match tokio::time::timeout(after, summary).await {
            Ok(outcome) => outcome.map_err(Error::other),
            Err(_) => Err(Error::TimedOut { what: "the summary", after, stages: vec![stage] }),
        };
        output.send(Summarised { job, outcome }).await
    });
}
