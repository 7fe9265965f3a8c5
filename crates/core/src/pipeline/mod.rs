//! Pipelines: stages in a row, and what runs them.
//!
//! ```
//! # use voxline_core::{Pipeline, SessionConfig, Processor, Context, processor::Result, frame::Frame};
//! struct Pass;
//! impl Processor for Pass {
//!     fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
//!         ctx.push(frame);
//!         Ok(())
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let session = Pipeline::builder().then(Pass).then(Pass).build()?.start(SessionConfig::default()).await?;
//! session.queue(Frame::text("hello")).await?;
//! session.end().await?;
//! session.finished().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The builder puts neighbouring synchronous processors into one segment, a task of its own (`segment.rs`);
//! each asynchronous processor gets a task; links join them. A pipeline is itself a stage, and
//! [`parallel`](PipelineBuilder::parallel) gives every frame to several pipelines side by side.
//!
//! Read next: [`crate::session`].

mod async_context;
mod context;
mod jobs;
mod outlet;
mod plan;
mod segment;
mod task;
mod timers;

pub use async_context::AsyncContext;
pub use context::Context;
pub use jobs::{JobId, JobOutput};

use std::{fmt, sync::Arc};

use crate::{
    error::Error,
    processor::{AsyncProcessor, Processor},
    service::{LlmService, LlmStage, SttService, SttStage, TtsService, TtsStage},
    session::{Session, SessionConfig, Supervisor},
};

/// One stage of a pipeline, whatever its tier.
pub struct Stage(pub(crate) Kind);

pub(crate) enum Kind {
    Sync(Box<dyn Processor>),
    Async(Box<dyn AsyncProcessor>),
    Nested(Vec<Stage>),
    Parallel(Vec<Vec<Stage>>),
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Sync(processor) => f.write_str(&processor.name()),
            Kind::Async(processor) => f.write_str(&processor.name()),
            Kind::Nested(stages) => f.debug_list().entries(stages).finish(),
            Kind::Parallel(branches) => f.debug_set().entries(branches).finish(),
        }
    }
}

/// Whatever can stand in a pipeline: a [`Processor`], an [`AsyncProcessor`], a service, or a [`Pipeline`].
///
/// `M` only tells these apart; it is always inferred.
pub trait IntoStage<M> {
    /// The stage.
    fn into_stage(self) -> Stage;
}

/// Tells the synchronous tier from the others.
#[derive(Debug)]
pub struct IsProcessor;
/// Tells the asynchronous tier from the others.
#[derive(Debug)]
pub struct IsAsync;
/// Tells speech-to-text services from the others.
#[derive(Debug)]
pub struct IsStt;
/// Tells text-to-speech services from the others.
#[derive(Debug)]
pub struct IsTts;
/// Tells language models from the others.
#[derive(Debug)]
pub struct IsLlm;
/// Tells pipelines from the others.
#[derive(Debug)]
pub struct IsPipeline;

impl<P: Processor> IntoStage<IsProcessor> for P {
    fn into_stage(self) -> Stage {
        Stage(Kind::Sync(Box::new(self)))
    }
}

impl<P: AsyncProcessor> IntoStage<IsAsync> for P {
    fn into_stage(self) -> Stage {
        Stage(Kind::Async(Box::new(self)))
    }
}

impl<S: SttService> IntoStage<IsStt> for S {
    fn into_stage(self) -> Stage {
        SttStage::new(self).into_stage()
    }
}

impl<S: TtsService> IntoStage<IsTts> for S {
    fn into_stage(self) -> Stage {
        TtsStage::new(self).into_stage()
    }
}

impl<S: LlmService> IntoStage<IsLlm> for S {
    fn into_stage(self) -> Stage {
        LlmStage::new(self).into_stage()
    }
}

impl IntoStage<IsPipeline> for Pipeline {
    fn into_stage(self) -> Stage {
        Stage(Kind::Nested(self.stages))
    }
}

/// Stages in a row.
#[derive(Debug)]
pub struct Pipeline {
    stages: Vec<Stage>,
}

/// Puts stages in a row.
#[derive(Debug, Default)]
#[must_use = "call `build` to get the pipeline"]
pub struct PipelineBuilder {
    stages: Vec<Stage>,
    empty_parallel: bool,
}

impl PipelineBuilder {
    /// Adds a stage at the output end.
    pub fn then<M>(mut self, stage: impl IntoStage<M>) -> Self {
        self.stages.push(stage.into_stage());
        self
    }

    /// Adds pipelines that stand side by side: each downstream frame goes into every branch, and whatever
    /// leaves the branches goes on; a frame that leaves several of them goes on once. Upstream likewise.
    /// A branch that does not keep up slows the others.
    pub fn parallel(mut self, branches: impl IntoIterator<Item = Pipeline>) -> Self {
        let branches: Vec<_> = branches.into_iter().map(|branch| branch.stages).collect();
        self.empty_parallel |= branches.is_empty();
        self.stages.push(Stage(Kind::Parallel(branches)));
        self
    }

    /// The pipeline.
    ///
    /// # Errors
    /// [`Error::Build`] when a `parallel` has no branch. A pipeline without stages passes everything.
    pub fn build(self) -> Result<Pipeline, Error> {
        if self.empty_parallel {
            return Err(Error::Build { reason: "`parallel` needs at least one branch".into() });
        }
        Ok(Pipeline { stages: self.stages })
    }
}

impl Pipeline {
    /// Begins a pipeline.
    pub fn builder() -> PipelineBuilder {
        PipelineBuilder::default()
    }

    /// Starts every stage concurrently and gives the running session. Needs a tokio runtime with time enabled.
    ///
    /// # Errors
    /// [`Error::Start`] or [`Error::TimedOut`], naming the stage that did not start.
    pub async fn start(self, config: SessionConfig) -> Result<Session, Error> {
        let plan::Wired { mut supervisor, head, tail } = plan::wire(self.stages, config);
        Supervisor::start(&mut supervisor).await.map_err(|error| own(&error))?;
        Ok(Session::spawn(supervisor, head, tail))
    }
}

/// The error itself, so that callers can match on it; what is shared with the session's events stays shared.
fn own(error: &Arc<Error>) -> Error {
    match &**error {
        Error::Start { stage, source } => Error::Start { stage: stage.clone(), source: source.clone() },
        Error::Panicked { stage, message } => {
            Error::Panicked { stage: stage.clone(), message: message.clone() }
        }
        Error::TimedOut { what, after, stages } => {
            Error::TimedOut { what, after: *after, stages: stages.clone() }
        }
        _ => Error::Shared(error.clone()),
    }
}
