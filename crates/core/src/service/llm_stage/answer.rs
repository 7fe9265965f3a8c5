//! One answer of a model, as a job: runs the service, passes on what it streams, and watches its deadlines.
//!
//! In: the request. Out: [`FromModel`], ending with exactly one `Ended`, unless the job is dropped.
//! 1. The deadlines run only while the model is waited for. While the pipeline takes nothing, they do not:
//!    a synthesizer that holds its input is no fault of the model.
//! 2. What the service sent before it returned is passed on before the end.
//! 3. Dropping the job drops the service's future, and with it the connection.

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::super::{LlmEvent, LlmOutput, LlmProfile, LlmService, ServiceResult};
use crate::{
    error::Error,
    frame::LlmRequest,
    pipeline::JobOutput,
    processor::{Result, StageName},
};

/// Events of the model that may wait.
const WAITING: usize = 64;

/// What the job of an answer sends.
#[derive(Debug)]
pub(super) enum FromModel {
    Event(LlmEvent),
    /// Nothing more comes.
    Ended(Result),
}

/// What has happened while the model was waited for.
enum Happened {
    Event(LlmEvent),
    /// The service has closed its output.
    Closed,
    Returned(ServiceResult),
    Late,
}

/// Answers `request` and sends what comes of it.
pub(super) async fn run<S: LlmService>(
    service: Arc<S>,
    request: LlmRequest,
    profile: LlmProfile,
    stage: StageName,
    job: JobOutput,
) -> Result {
    let (output, mut events) = LlmOutput::channel(WAITING);
    let mut responding = service.respond(request, output);
    let mut outcome = None;
    let mut open = true;
    let (mut what, mut patience) = ("the model's first token", profile.first_token_deadline);
    let mut deadline = pin!(sleep(patience));
    loop {
        let happened = tokio::select! {
            biased;
            event = events.recv(), if open => event.map_or(Happened::Closed, Happened::Event),
            outcome = &mut responding, if outcome.is_none() => Happened::Returned(outcome),
            () = &mut deadline => Happened::Late,
        };
        match happened {
            Happened::Event(event) => {
                job.send(FromModel::Event(event)).await?;
                (what, patience) = ("the rest of the model's answer", profile.stall_deadline);
                deadline.set(sleep(patience));
            }
            Happened::Closed => open = false,
            Happened::Returned(returned) => {
                // What it has sent is still there; what a clone of its output sends later is not awaited.
                events.close();
                outcome = Some(returned);
            }
            Happened::Late => {
                let late = Error::TimedOut { what, after: patience, stages: vec![stage] };
                return job.send(FromModel::Ended(Err(late))).await;
            }
        }
        if let Some(returned) = outcome.take_if(|_| !open) {
            return job.send(FromModel::Ended(returned.map_err(Error::from))).await;
        }
    }
}

/// Waits; for ever where the end cannot be said.
async fn sleep(time: Duration) {
    match Instant::now().checked_add(time) {
        Some(until) => tokio::time::sleep_until(until).await,
        None => pending().await,
    }
}
