//! What a synchronous processor can do while it is called.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    jobs::{JobId, JobOutput, Jobs},
    timers::Timers,
};
use crate::{
    error::Error,
    frame::{Direction, Frame, Generation, Interrupt, InterruptCause, Metric, Payload},
    processor::{Result, SessionInfo, StageName, Timer, after, since},
    session::Shared,
};

/// Frames on their way from one stage of the segment to the next, or out of it, first in, first out.
///
/// It is nearly always empty or holds one frame, so it is a vector that is read from the front and starts
/// anew when it has been read. A frame is looked at where it lies and moved out once: every move counts here.
#[derive(Debug, Default)]
pub(super) struct Hops {
    queue: Vec<Hop>,
    read: usize,
}

/// A frame on its way. The frame comes first, so that it is moved by whole, aligned words.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Hop {
    pub(super) frame: Frame,
    from: usize,
}

/// Where frames come into a segment that travel downstream, as a place to come from.
pub(super) const TOP: usize = 0;

/// A stage as a place to come from. The place after the last stage is where upstream frames come in.
pub(super) const fn place(stage: usize) -> usize {
    stage + 1
}

impl Hop {
    /// The place the frame comes to: [`TOP`], a stage's, or the one after the last stage.
    #[inline]
    pub(super) fn to(&self) -> usize {
        match self.frame.direction() {
            Direction::Down => self.from + 1,
            Direction::Up => self.from - 1,
        }
    }
}

impl Hops {
    #[inline]
    pub(super) fn push(&mut self, from: usize, frame: Frame) {
        self.queue.push(Hop { frame, from });
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&Hop> {
        self.queue.get(self.read)
    }

    /// Takes the front, which must be there. An `Option` of a frame is put together from pieces.
    #[inline]
    pub(super) fn pop(&mut self) -> Frame {
        if self.queue.len() == self.read + 1 {
            let hop = self.queue.swap_remove(self.read);
            self.read = 0;
            self.queue.clear();
            return hop.frame;
        }
        let next = &mut self.queue[self.read];
        self.read += 1;
        std::mem::replace(&mut next.frame, Frame::placeholder())
    }

    /// What was pushed last.
    #[inline]
    fn newest(&mut self) -> Option<&mut Frame> {
        self.queue.last_mut().map(|hop| &mut hop.frame)
    }

    /// Takes back what was pushed last.
    fn unpush(&mut self) {
        self.queue.pop();
    }
}

/// What all stages of a segment share while one of them is called.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) hops: Hops,
    /// The generation of what is being handled; frames made meanwhile belong to it.
    pub(super) generation: Generation,
    /// The time of this call, read when first asked for.
    pub(super) now: Option<Instant>,
    pub(super) timers: Timers,
    // Made when the first job is started: most segments have none.
    pub(super) jobs: Option<Box<Jobs>>,
    pub(super) names: Box<[StageName]>,
    /// Ends held by stages that are not done, by stage.
    pub(super) ending: Vec<(usize, Frame)>,
    /// Stages that hold the input back.
    pub(super) holding: Vec<usize>,
    pub(super) shared: Arc<Shared>,
}

/// What a synchronous processor can do while it is called. See [`Processor`](crate::Processor).
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) stage: usize,
}

impl Context<'_> {
    /// Sends a frame on, the way it travels.
    #[inline]
    pub fn push(&mut self, frame: Frame) {
        // Looked at only where it lies: to look first would move it in pieces.
        self.desk.hops.push(place(self.stage), frame);
        if self.desk.hops.newest().is_some_and(|frame| !frame.is_stamped()) {
            self.admit_new();
        }
    }

    /// What was pushed last is new. The framework's own frames are among the new ones.
    fn admit_new(&mut self) {
        let generation = self.desk.generation;
        let Some(newest) = self.desk.hops.newest() else { return };
        newest.stamp(generation);
        match newest.payload {
            Payload::End => self.desk.shared.ending(),
            Payload::Interrupt(Interrupt { cause, .. }) => {
                self.desk.hops.unpush();
                self.interrupt(cause);
            }
            _ => {}
        }
    }

    /// Sends a payload or frame downstream.
    pub fn push_down(&mut self, frame: impl Into<Frame>) {
        self.push(frame.into().with_direction(Direction::Down));
    }

    /// Sends a payload or frame upstream.
    pub fn push_up(&mut self, frame: impl Into<Frame>) {
        self.push(frame.into().with_direction(Direction::Up));
    }

    /// Sends a payload both ways, as two frames. An interruption goes everywhere by itself and the end goes
    /// down only: each happens once.
    pub fn broadcast(&mut self, payload: Payload) {
        self.push_down(payload.clone());
        if !matches!(payload, Payload::Interrupt(_) | Payload::End) {
            self.push_up(payload);
        }
    }

    /// Begins a new generation: what belongs to earlier answers is dropped wherever it is, and every
    /// stage's `interrupt` is called. Frames pushed after this call belong to the new generation.
    pub fn interrupt(&mut self, cause: InterruptCause) {
        self.desk.generation = self.desk.shared.interrupt(cause);
    }

    /// Reports an error of this stage upstream; the session goes on unless it is fatal.
    pub fn report(&mut self, error: impl Into<Error>) {
        self.desk.report(self.stage, error.into());
    }

    /// Gives a measurement: downstream as a frame, and to `tracing` at DEBUG.
    pub fn measure(&mut self, metric: Metric) {
        tracing::debug!(stage = %self.desk.names[self.stage], ?metric, "measured");
        self.push_down(Payload::Metrics(Box::new(metric)));
    }

    /// Now. The same for the whole call.
    pub fn now(&mut self) -> Instant {
        *self.desk.now.get_or_insert_with(|| tokio::time::Instant::now().into_std())
    }

    /// Now, on the session clock.
    pub fn session_time(&mut self) -> Duration {
        let now = self.now();
        since(self.desk.shared.info.began, now)
    }

    /// The generation of what is being handled.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.desk.generation
    }

    /// What every stage may know of its session.
    #[must_use]
    pub fn session(&self) -> &SessionInfo {
        &self.desk.shared.info
    }

    /// This stage's name.
    #[must_use]
    pub fn stage(&self) -> StageName {
        self.desk.names[self.stage].clone()
    }

    /// Calls `timeout` of this stage at `at`. A timer of the same name that is already set is moved.
    pub fn set_timer(&mut self, timer: Timer, at: Instant) {
        self.desk.timers.set(self.stage, timer, at);
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, timer: Timer) {
        self.desk.timers.cancel(self.stage, timer);
    }

    /// Starts a job for the running answer: an interruption aborts it.
    pub fn spawn<F>(&mut self, job: impl FnOnce(JobOutput) -> F) -> JobId
    where
        F: Future<Output = Result> + Send + 'static,
    {
        let generation = self.desk.generation;
        self.jobs().spawn_for(generation, false, job)
    }

    /// Starts a job that goes on through interruptions, until the session ends.
    pub fn spawn_surviving<F>(&mut self, job: impl FnOnce(JobOutput) -> F) -> JobId
    where
        F: Future<Output = Result> + Send + 'static,
    {
        let generation = self.desk.generation;
        self.jobs().spawn_for(generation, true, job)
    }

    /// Stops a job of this stage.
    pub fn abort(&mut self, job: JobId) {
        if let Some(jobs) = &mut self.desk.jobs {
            jobs.abort(job);
        }
    }

    /// Stops the segment from taking ordered input, and what jobs of the stages before this one send, until
    /// [`release_input`](Self::release_input): backpressure for a stage whose own job does not keep up. Whoever
    /// holds must be sure to release; signals, upstream frames, timers and this stage's jobs go on.
    pub fn hold_input(&mut self) {
        if !self.desk.holding.contains(&self.stage) {
            self.desk.holding.push(self.stage);
        }
    }

    /// Takes ordered input again.
    pub fn release_input(&mut self) {
        self.desk.holding.retain(|&stage| stage != self.stage);
    }

    /// Lets the end pass that this stage held with [`Ending::Later`](crate::Ending::Later).
    pub fn finish_end(&mut self) {
        if let Some(index) = self.desk.ending.iter().position(|&(stage, _)| stage == self.stage) {
            let (_, end) = self.desk.ending.remove(index);
            self.desk.shared.release_end(&self.desk.names[self.stage]);
            self.desk.hops.push(place(self.stage), end);
        }
    }

    /// Asks for more time before the end of the session counts as stuck: this stage makes progress and
    /// expects to need `more` from now on.
    pub fn postpone_end(&mut self, more: Duration) {
        let until = after(self.now(), more);
        self.desk.shared.postpone_end(until);
    }

    fn jobs(&mut self) -> StageJobs<'_> {
        StageJobs { jobs: self.desk.jobs.get_or_insert_default(), stage: self.stage }
    }
}

struct StageJobs<'a> {
    jobs: &'a mut Jobs,
    stage: usize,
}

impl StageJobs<'_> {
    fn spawn_for<F>(self, generation: Generation, survives: bool, job: impl FnOnce(JobOutput) -> F) -> JobId
    where
        F: Future<Output = Result> + Send + 'static,
    {
        self.jobs.spawn(self.stage, generation, survives, job)
    }
}

impl Desk {
    /// Reports an error of a stage: to the session at once, and upstream as a frame.
    pub(super) fn report(&mut self, stage: usize, error: Error) {
        let mut frame = self.shared.report(&self.names[stage], error);
        frame.stamp(self.generation);
        self.hops.push(place(stage), frame);
    }
}
