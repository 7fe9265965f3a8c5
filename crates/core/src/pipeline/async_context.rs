//! What an asynchronous processor can do while it works.
//!
//! Frames leave in the order they were pushed: downstream through an outbox that survives a push that was dropped
//! half-way, upstream at once. What is pushed before all stages have started is kept until they have.

use std::{
    collections::VecDeque,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use super::outlet::Outlet;
use crate::{
    error::Error,
    frame::{Direction, Frame, Generation, Interrupt, InterruptCause, Payload},
    link::Refused,
    processor::{SessionInfo, StageName, after, since},
    session::Shared,
};

/// What an asynchronous processor can do while it works.
#[derive(Debug)]
pub struct AsyncContext {
    pub(super) name: StageName,
    pub(super) generation: Generation,
    down: Outlet,
    up: Outlet,
    /// What did not fit downstream yet, from a push that was dropped half-way.
    pub(super) outbox: VecDeque<Frame>,
    /// What was pushed before every stage had started: it goes when they have.
    early: Option<Vec<Frame>>,
    pub(super) shared: Arc<Shared>,
}

impl AsyncContext {
    /// The context of the stage of this name, before its session has started.
    pub(super) fn new(name: StageName, (up, down): (Outlet, Outlet), shared: Arc<Shared>) -> Self {
        let (outbox, early) = (VecDeque::new(), Some(Vec::new()));
        Self { name, generation: Generation(0), down, up, outbox, early, shared }
    }

    /// Sends a frame on, the way it travels, at once. What is awaited is room for it downstream.
    pub fn push(&mut self, frame: Frame) -> impl Future<Output = ()> + Send + '_ {
        self.send(frame);
        self.flush()
    }

    /// Sends a payload or frame downstream, as [`push`](Self::push) does.
    pub fn push_down(&mut self, frame: impl Into<Frame>) -> impl Future<Output = ()> + Send + '_ {
        self.push(frame.into().with_direction(Direction::Down))
    }

    /// Sends a payload or frame upstream. Never waits.
    pub fn push_up(&mut self, frame: impl Into<Frame>) {
        self.send(frame.into().with_direction(Direction::Up));
    }

    /// Begins a new generation, as [`Context::interrupt`](crate::Context::interrupt) does. Work on a frame that is
    /// not uninterruptible is itself dropped by it, where it next waits.
    pub fn interrupt(&mut self, cause: InterruptCause) {
        self.generation = self.shared.interrupt(cause);
    }

    /// Reports an error of this stage upstream; the session goes on unless it is fatal.
    pub fn report(&mut self, error: impl Into<Error>) {
        let mut frame = self.shared.report(&self.name, error.into());
        frame.stamp(self.generation);
        self.send_up(frame);
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// Now, on the session clock.
    #[must_use]
    pub fn session_time(&self) -> Duration {
        since(self.shared.info.began, self.now())
    }

    /// The generation of what is being handled.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// What every stage may know of its session.
    #[must_use]
    pub fn session(&self) -> &SessionInfo {
        &self.shared.info
    }

    /// This stage's name.
    #[must_use]
    pub fn stage(&self) -> StageName {
        self.name.clone()
    }

    /// Asks for more time before the end of the session counts as stuck.
    pub fn postpone_end(&mut self, more: Duration) {
        let until = after(self.now(), more);
        self.shared.postpone_end(until);
    }

    /// Sends a frame, or keeps it in the outbox when there is no room for it yet.
    fn send(&mut self, mut frame: Frame) {
        if frame.is_stamped() || self.admit_new(&mut frame) {
            self.pass(frame);
        }
    }

    /// Decides the frame's generation. False for an interruption, which is begun instead of being passed on.
    fn admit_new(&mut self, frame: &mut Frame) -> bool {
        frame.stamp(self.generation);
        match frame.payload {
            Payload::Interrupt(Interrupt { cause, .. }) => {
                self.interrupt(cause);
                return false;
            }
            Payload::End => self.shared.ending(),
            _ => {}
        }
        true
    }

    fn send_up(&mut self, frame: Frame) {
        match &mut self.early {
            Some(early) => early.push(frame),
            None => self.up.send_now(frame, &self.shared),
        }
    }

    /// Sends what was pushed before every stage had started.
    pub(super) async fn open(&mut self) {
        for frame in self.early.take().unwrap_or_default() {
            self.pass(frame);
            self.flush().await;
        }
    }

    /// Sends a frame that was pushed before, as [`send`](Self::send) does.
    pub(super) fn pass(&mut self, frame: Frame) {
        if frame.direction() == Direction::Up {
            return self.send_up(frame);
        }
        if let Some(early) = &mut self.early {
            return early.push(frame);
        }
        if frame.payload.is_signal() {
            return self.down.send_now(frame, &self.shared);
        }
        // Most find room; what has to wait, waits behind what waits already.
        match &self.down {
            Outlet::Link(next) if self.outbox.is_empty() => {
                if let Err(Refused::Full(frame)) = next.try_push_down(frame) {
                    self.outbox.push_back(frame);
                }
            }
            _ => self.outbox.push_back(frame),
        }
    }

    /// Ready when there was room for everything.
    pub(super) fn flush(&mut self) -> impl Future<Output = ()> + Send + '_ {
        let Self { down, outbox, shared, .. } = self;
        std::future::poll_fn(move |cx| down.poll_flush(outbox, shared, cx))
    }

    /// Drops what belongs to answers that are over.
    pub(super) fn forget(&mut self, current: Generation) {
        self.generation = current;
        if self.outbox.front().is_some_and(|frame| frame.is_stale(current)) {
            self.down.forget_front();
        }
        self.outbox.retain(|frame| !frame.is_stale(current));
    }
}
