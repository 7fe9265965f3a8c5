//! Processors: what happens to frames.
//!
//! There are two tiers; pick the smaller one that does the job.
//!
//! - [`Processor`] is synchronous. It never waits: it pushes frames, sets timers, or starts a job whose
//!   results come back as [`Event`]s. Neighbours of this tier run fused, as one task, without queues.
//! - [`AsyncProcessor`] has a task of its own and may await. Its `process` future is dropped at an
//!   interruption unless it declares the frame uninterruptible.
//!
//! The law both are held to is in `docs/processors.md`; `voxline-testkit` checks it. In brief: frames of
//! kinds you do not consume are pushed on unchanged; lifecycle is not yours to forward; everything the
//! framework calls is called one at a time, with `&mut self`.
//!
//! Read next: [`crate::pipeline`].

use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use voxline_audio::SampleRate;

use crate::{
    error::Error,
    frame::{Frame, Interrupt, Payload},
};

pub use crate::pipeline::{AsyncContext, Context, JobId, JobOutput};

/// The result of a processor's work. An error is reported upstream with the stage's name; it ends the
/// session only if [`Error::is_fatal`].
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Names one of a processor's timers. The processor chooses the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timer(pub u32);

/// Whether a processor lets the end of the input pass at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ending {
    /// Everything has been pushed.
    Now,
    /// There is more to come; the processor calls [`Context::finish_end`] when it is done.
    Later,
}

/// Something a job of the processor has produced.
pub struct Event {
    /// The job.
    pub job: JobId,
    /// What it sent.
    pub item: Box<dyn Any + Send>,
}

impl Event {
    /// What the job sent, as the type it sent.
    ///
    /// # Errors
    /// The event itself, if the item is of another type.
    pub fn downcast<T: Any>(self) -> std::result::Result<T, Self> {
        let job = self.job;
        self.item.downcast().map(|item| *item).map_err(|item| Self { job, item })
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event(of {:?})", self.job)
    }
}

/// What every stage may know of its session.
#[derive(Clone, Copy, Debug)]
pub struct SessionInfo {
    /// The rate of the audio that comes in.
    pub input_rate: SampleRate,
    /// The rate of the audio that goes out.
    pub output_rate: SampleRate,
    /// When the session began: zero on its clock.
    pub began: Instant,
}

/// The synchronous tier: decides at once.
pub trait Processor: Send + 'static {
    /// A name for errors, metrics and logs. The builder numbers equal names.
    fn name(&self) -> Cow<'static, str> {
        short_name(std::any::type_name::<Self>()).into()
    }

    /// Called once, before any frame. All stages start concurrently.
    ///
    /// # Errors
    /// An error ends the start of the whole session and names this stage.
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        let _ = ctx;
        Ok(())
    }

    /// Called for each frame, from either direction. Push on what is not yours.
    ///
    /// # Errors
    /// Reported upstream; the session goes on unless it is fatal.
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result;

    /// Called for an interruption, before any frame of the new generation: forget what belonged to the old.
    /// Interruptions that come faster than they are heard are heard once, as the newest.
    ///
    /// # Errors
    /// As for [`process`](Self::process).
    fn interrupt(&mut self, interrupt: &Interrupt, ctx: &mut Context<'_>) -> Result {
        let _ = (interrupt, ctx);
        Ok(())
    }

    /// Called when a timer set by [`Context::set_timer`] is due.
    ///
    /// # Errors
    /// As for [`process`](Self::process).
    fn timeout(&mut self, timer: Timer, ctx: &mut Context<'_>) -> Result {
        let _ = (timer, ctx);
        Ok(())
    }

    /// Called for what a job sent. By default frames are pushed, other items are an error.
    ///
    /// # Errors
    /// As for [`process`](Self::process).
    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        let frame: Frame = event.downcast().map_err(|_| Error::Unusable {
            what: "a job sent something its processor does not take".into(),
        })?;
        ctx.push(frame);
        Ok(())
    }

    /// Called when the end of the input has come: push what is left. The framework passes the end on.
    ///
    /// # Errors
    /// As for [`process`](Self::process); the end passes all the same.
    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        let _ = ctx;
        Ok(Ending::Now)
    }

    /// Called once when the session is over, however it ended; nothing can be pushed any more.
    fn stop(&mut self) {}
}

/// The asynchronous tier: may wait, on a task of its own.
#[async_trait]
pub trait AsyncProcessor: Send + 'static {
    /// A name for errors, metrics and logs. The builder numbers equal names.
    fn name(&self) -> Cow<'static, str> {
        short_name(std::any::type_name::<Self>()).into()
    }

    /// Called once, before any frame. All stages start concurrently, under one deadline.
    ///
    /// # Errors
    /// An error ends the start of the whole session and names this stage.
    async fn start(&mut self, ctx: &mut AsyncContext) -> Result {
        let _ = ctx;
        Ok(())
    }

    /// Called for each frame, from either direction. Push on what is not yours. The future is dropped at
    /// an interruption, unless the frame is [uninterruptible](Self::is_uninterruptible).
    ///
    /// # Errors
    /// Reported upstream; the session goes on unless it is fatal.
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result;

    /// Runs while there is no frame, and is dropped when one comes: for what drives a device or a socket.
    /// Must be safe to drop at any await. When it returns it is called again.
    ///
    /// # Errors
    /// As for [`process`](Self::process).
    async fn idle(&mut self, ctx: &mut AsyncContext) -> Result {
        let _ = ctx;
        std::future::pending().await
    }

    /// Called for an interruption, before any frame of the new generation: forget what belonged to the old.
    /// Interruptions that come faster than they are heard are heard once, as the newest.
    ///
    /// # Errors
    /// As for [`process`](Self::process).
    async fn interrupt(&mut self, interrupt: &Interrupt, ctx: &mut AsyncContext) -> Result {
        let _ = (interrupt, ctx);
        Ok(())
    }

    /// Whether work on this frame goes on through an interruption.
    fn is_uninterruptible(&self, frame: &Frame) -> bool {
        frame.survives_interruption()
    }

    /// Called when the end of the input has come: push what is left. The framework passes the end on
    /// when it returns.
    ///
    /// # Errors
    /// As for [`process`](Self::process); the end passes all the same.
    async fn end(&mut self, ctx: &mut AsyncContext) -> Result {
        let _ = ctx;
        Ok(())
    }

    /// Called once when the session is over, however it ended; nothing can be pushed any more.
    fn stop(&mut self) {}
}

impl From<Payload> for Frame {
    fn from(payload: Payload) -> Self {
        Self::new(payload)
    }
}

/// The last segment of a type's path, without its parameters.
fn short_name(full: &'static str) -> &'static str {
    let bare = full.split('<').next().unwrap_or(full);
    bare.rsplit("::").next().unwrap_or(bare)
}

/// `wait` after `at`, or as late as there can be: a deadline that is never meant to come is no mistake.
pub(crate) fn after(at: Instant, wait: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    at.checked_add(wait).filter(|_| wait < NEVER).unwrap_or(at + NEVER)
}

/// Time since `began`; zero before it.
pub(crate) fn since(began: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(began)
}

/// The name of a stage, shared.
pub(crate) type StageName = Arc<str>;
