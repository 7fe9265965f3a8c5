//! What an asynchronous processor can do while it works.
//!
//! Frames leave in the order they were pushed: downstream through an outbox that survives a push that was dropped
//! half-way, upstream at once. What is pushed before all stages have started is kept until they have.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::outlet::Outlet;
use crate::{
    error::Error,
    frame::{Direction, Frame, Generation, InterruptCause, Payload},
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

    /// Sends a frame on, the way it travels. Downstream it waits for room; upstream never.
    pub async fn push(&mut self, frame: Frame) {
        if let Some(frame) = self.prepare(frame) {
            self.pass(frame).await;
        }
    }

    /// Sends a payload or frame downstream.
    pub async fn push_down(&mut self, frame: impl Into<Frame>) {
        let frame = frame.into().with_direction(Direction::Down);
        self.push(frame).await;
    }

    /// Sends a payload or frame upstream. Never waits.
    pub fn push_up(&mut self, frame: impl Into<Frame>) {
        let Some(frame) = self.prepare(frame.into().with_direction(Direction::Up)) else { return };
        match frame.direction() {
            Direction::Up => self.send_up(frame),
            // The end always goes down; it goes when there is time to wait for room.
            Direction::Down => self.outbox.push_back(frame),
        }
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

    /// Decides the frame's generation; an interruption is begun instead of being passed on.
    fn prepare(&mut self, mut frame: Frame) -> Option<Frame> {
        frame.stamp(self.generation);
        match frame.payload {
            Payload::Interrupt(interrupt) => {
                self.interrupt(interrupt.cause);
                return None;
            }
            Payload::End => self.shared.ending(),
            _ => {}
        }
        Some(frame)
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
            self.pass(frame).await;
        }
    }

    pub(super) async fn pass(&mut self, frame: Frame) {
        if frame.direction() == Direction::Up {
            return self.send_up(frame);
        }
        if let Some(early) = &mut self.early {
            return early.push(frame);
        }
        if frame.payload.is_signal() {
            return self.down.send_now(frame, &self.shared);
        }
        self.outbox.push_back(frame);
        self.flush().await;
    }

    pub(super) async fn flush(&mut self) {
        let Self { down, outbox, shared, .. } = self;
        std::future::poll_fn(|cx| down.poll_flush(outbox, shared, cx)).await;
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
