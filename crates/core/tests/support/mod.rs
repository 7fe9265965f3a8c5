//! Small stages that several tests of the core need.

#![allow(dead_code, reason = "each test file is a crate of its own and uses some of these")]

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Error, Pipeline, Processor,
    frame::{Frame, Interrupt, Payload},
    processor::Result,
};

/// Passes everything, synchronously.
#[derive(Debug)]
pub(crate) struct Pass;

impl Processor for Pass {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }
}

/// Passes everything, on a task of its own.
#[derive(Debug)]
pub(crate) struct AsyncPass;

#[async_trait]
impl AsyncProcessor for AsyncPass {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        ctx.push(frame).await;
        Ok(())
    }
}

/// Takes everything and gives nothing.
#[derive(Debug)]
pub(crate) struct Swallow;

impl Processor for Swallow {
    fn process(&mut self, _: Frame, _: &mut Context<'_>) -> Result {
        Ok(())
    }
}

/// Passes everything, and takes this long for each frame that a downstream `Text` is.
#[derive(Debug)]
pub(crate) struct Slow(pub(crate) Duration);

#[async_trait]
impl AsyncProcessor for Slow {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if matches!(frame.payload, Payload::Text(_)) {
            tokio::time::sleep(self.0).await;
        }
        ctx.push(frame).await;
        Ok(())
    }
}

/// What several stages of one test note down, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self, note: &str) -> usize {
        self.all().iter().filter(|line| *line == note).count()
    }
}

/// Passes everything and notes what it is called for.
#[derive(Debug)]
pub(crate) struct Noting {
    pub(crate) name: &'static str,
    pub(crate) notes: Notes,
}

impl Noting {
    pub(crate) fn new(name: &'static str, notes: &Notes) -> Self {
        Self { name, notes: notes.clone() }
    }

    fn note(&self, what: impl std::fmt::Display) {
        self.notes.add(format!("{}: {what}", self.name));
    }
}

impl Processor for Noting {
    fn name(&self) -> Cow<'static, str> {
        self.name.into()
    }

    fn start(&mut self, _: &mut Context<'_>) -> Result {
        self.note("start");
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        self.note(voxline_testkit::render(&frame));
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, interrupt: &Interrupt, _: &mut Context<'_>) -> Result {
        self.note(format_args!("interrupt g{}", interrupt.generation.0));
        Ok(())
    }

    fn end(&mut self, _: &mut Context<'_>) -> Result<voxline_core::Ending> {
        self.note("end");
        Ok(voxline_core::Ending::Now)
    }

    fn stop(&mut self) {
        self.note("stop");
    }
}

/// The same on a task of its own.
#[derive(Debug)]
pub(crate) struct AsyncNoting(pub(crate) Noting);

#[async_trait]
impl AsyncProcessor for AsyncNoting {
    fn name(&self) -> Cow<'static, str> {
        self.0.name.into()
    }

    async fn start(&mut self, _: &mut AsyncContext) -> Result {
        self.0.note("start");
        Ok(())
    }

    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        self.0.note(voxline_testkit::render(&frame));
        ctx.push(frame).await;
        Ok(())
    }

    async fn interrupt(&mut self, interrupt: &Interrupt, _: &mut AsyncContext) -> Result {
        self.0.note(format_args!("interrupt g{}", interrupt.generation.0));
        Ok(())
    }

    async fn end(&mut self, _: &mut AsyncContext) -> Result {
        self.0.note("end");
        Ok(())
    }

    fn stop(&mut self) {
        self.0.note("stop");
    }
}

/// These stages, in a row.
#[macro_export]
macro_rules! row {
    ($($stage:expr),* $(,)?) => {
        voxline_core::Pipeline::builder()$(.then($stage))*.build().unwrap()
    };
}

/// A parallel of these branches, as a pipeline.
pub(crate) fn side_by_side(branches: impl IntoIterator<Item = Pipeline>) -> Pipeline {
    Pipeline::builder().parallel(branches).build().expect("there are branches")
}

/// What an error says, with what caused it.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// What an observer saw: kinds of frames, and where they went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sightings(Arc<Mutex<Vec<(voxline_core::frame::FrameKind, String)>>>);

impl Sightings {
    pub(crate) fn observer(&self) -> impl voxline_core::Observer {
        Watching(self.clone())
    }

    pub(crate) fn all(&self) -> Vec<(voxline_core::frame::FrameKind, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Watching(Sightings);

impl voxline_core::Observer for Watching {
    fn on_frame(&mut self, sighting: &voxline_core::observe::Sighting, _: u64) {
        let seen = (sighting.frame.kind(), sighting.to.to_string());
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}
