//! An asynchronous stage: one processor with a task of its own.
//!
//! While the processor works, its inbox is watched: an interruption drops the work unless the frame is
//! uninterruptible, and the end of the session drops it in any case. Other signals, upstream frames and
//! downstream frames wait until it is done, and are then handled in that order.

use std::{future::Future, pin::Pin, sync::Arc, task::Poll};

use super::{async_context::AsyncContext, outlet::Outlet};
use crate::{
    error::Error,
    frame::{Frame, Generation, Metric, Payload},
    link::{Batch, Inbox, take_first},
    panic,
    processor::{AsyncProcessor, Result},
    session::{Mark, Shared},
};

/// An asynchronous processor and the queues around it.
pub(crate) struct Task {
    pub(crate) index: usize,
    pub(crate) inbox: Arc<Inbox>,
    processor: Box<dyn AsyncProcessor>,
    ctx: AsyncContext,
    // A second handle, since the context is lent to the work that is watched.
    shared: Arc<Shared>,
    batch: Batch,
    heard: Generation,
    /// Drops of the inbox that have been reported.
    reported: u64,
    stopped: bool,
}

/// How a piece of work ended.
enum Done {
    /// By itself.
    Ready(Result<(), Error>),
    /// Dropped, because its answer is over.
    Interrupted,
    /// Dropped, because a frame has come.
    Called,
    /// Dropped, because the session is over.
    Closed,
}

/// What may end a piece of work before it is done.
#[derive(Clone, Copy)]
enum Until {
    /// Only the end of the session.
    Closed,
    /// The beginning of a generation after this one, too.
    Interrupted(Generation),
    /// That, or any frame.
    Called(Generation),
}

impl Task {
    pub(crate) fn new(
        index: usize,
        processor: Box<dyn AsyncProcessor>,
        inbox: Arc<Inbox>,
        outlets: (Outlet, Outlet),
        shared: Arc<Shared>,
    ) -> Self {
        let name = inbox.stage().clone();
        let ctx = AsyncContext::new(name, outlets, shared.clone());
        Self {
            index,
            inbox,
            processor,
            ctx,
            shared,
            batch: Batch::default(),
            heard: Generation(0),
            reported: 0,
            stopped: false,
        }
    }

    /// Runs until the session closes the inbox.
    pub(crate) async fn run(mut self) {
        if self.start().await {
            self.shared.mark(self.index, Mark::Started);
            if std::future::poll_fn(|cx| self.inbox.poll_open(cx)).await && self.open().await {
                while self.turn().await {}
            }
        }
        self.stop();
    }

    /// Stops the processor, once.
    fn stop(&mut self) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        if let Err(message) = panic::catch(|| self.processor.stop()) {
            self.fail_panicked(message);
        }
        self.shared.mark(self.index, Mark::Stopped);
    }

    async fn start(&mut self) -> bool {
        let Self { processor, ctx, inbox, batch, shared, .. } = self;
        let began = tokio::time::Instant::now();
        match work(inbox, batch, Until::Closed, shared, processor.start(ctx)).await {
            Done::Ready(Ok(())) => {
                tracing::debug!(stage = %self.ctx.name, took = ?began.elapsed(), "started");
                true
            }
            Done::Ready(Err(source)) => {
                let error = Error::Start { stage: self.ctx.name.clone(), source: Arc::new(source) };
                self.shared.fail(error);
                false
            }
            Done::Interrupted | Done::Called | Done::Closed => false,
        }
    }

    /// Lets go what was pushed while the stage started. False when the session is over.
    async fn open(&mut self) -> bool {
        let Self { ctx, inbox, batch, shared, .. } = self;
        let opened = Box::pin(async {
            ctx.open().await;
            Ok(())
        });
        let done = work(inbox, batch, Until::Closed, shared, opened).await;
        self.after(done)
    }

    /// Handles one frame, or idles until there is one. False when the session is over.
    async fn turn(&mut self) -> bool {
        if !self.hear().await {
            return false;
        }
        self.report_drops();
        // Looked at where it lies, and moved once: every move counts here.
        let Some(lane) = self.batch.next_lane() else { return self.idle().await };
        let next = &lane[0];
        if matches!(next.payload, Payload::Interrupt(_)) || next.is_stale(self.heard) {
            lane.pop_front();
            return true;
        }
        self.shared.observe(next, Some(&self.ctx.name));
        match next.payload {
            Payload::End => {
                let end = take_first(lane);
                self.end(end).await
            }
            _ => self.process_next().await,
        }
    }

    async fn process_next(&mut self) -> bool {
        let Self { processor, ctx, inbox, batch, heard, shared, .. } = self;
        let Some(lane) = batch.next_lane() else { return true };
        let until = match panic::catch(|| processor.is_uninterruptible(&lane[0])) {
            Ok(true) => Until::Closed,
            Ok(false) => Until::Interrupted(*heard),
            Err(message) => {
                self.fail_panicked(message);
                return false;
            }
        };
        let processing = processor.process(take_first(lane), ctx);
        let done = work(inbox, batch, until, shared, processing).await;
        self.after(done)
    }

    async fn end(&mut self, end: Frame) -> bool {
        let Self { processor, ctx, inbox, batch, shared, .. } = self;
        let done = work(inbox, batch, Until::Closed, shared, processor.end(ctx)).await;
        if !self.after(done) {
            return false;
        }
        let Self { ctx, inbox, batch, shared, .. } = self;
        let passed = Box::pin(async {
            ctx.pass(end);
            ctx.flush().await;
            Ok(())
        });
        let done = work(inbox, batch, Until::Closed, shared, passed).await;
        self.shared.mark(self.index, Mark::Ended);
        self.after(done)
    }

    async fn idle(&mut self) -> bool {
        let Self { processor, ctx, inbox, batch, heard, shared, .. } = self;
        let until = Until::Called(*heard);
        // What an interrupted push left behind goes first.
        let done = if ctx.outbox.is_empty() {
            work(inbox, batch, until, shared, processor.idle(ctx)).await
        } else {
            let flushed = Box::pin(async {
                ctx.flush().await;
                Ok(())
            });
            work(inbox, batch, until, shared, flushed).await
        };
        self.after(done)
    }

    /// Tells the processor of generations that have begun meanwhile. False when the session is over.
    async fn hear(&mut self) -> bool {
        loop {
            let current = self.shared.generation();
            if current == self.heard {
                return true;
            }
            self.heard = current;
            self.ctx.forget(current);
            let interrupt = self.shared.latest_interrupt(current);
            let Self { processor, ctx, inbox, batch, shared, .. } = self;
            let done = work(inbox, batch, Until::Closed, shared, processor.interrupt(&interrupt, ctx)).await;
            if !self.after(done) {
                return false;
            }
        }
    }

    fn after(&mut self, done: Done) -> bool {
        match done {
            Done::Ready(Ok(())) | Done::Interrupted | Done::Called => true,
            Done::Closed => false,
            Done::Ready(Err(Error::Panicked { message, .. })) => {
                self.fail_panicked(message);
                false
            }
            Done::Ready(Err(error)) => {
                self.ctx.report(error);
                true
            }
        }
    }

    /// Reports what the inbox has dropped; it goes with the next frame, or when there is nothing else to do.
    fn report_drops(&mut self) {
        let frames = self.batch.dropped - self.reported;
        if frames > 0 && self.ctx.outbox.is_empty() {
            self.reported = self.batch.dropped;
            let metric = Metric::Dropped { stage: self.ctx.name.clone(), frames };
            let mut frame = Frame::new(Payload::Metrics(Box::new(metric)));
            frame.stamp(self.heard);
            self.ctx.outbox.push_back(frame);
        }
    }

    fn fail_panicked(&self, message: String) {
        self.shared.fail(Error::Panicked { stage: self.ctx.name.clone(), message });
    }
}

impl Drop for Task {
    /// A task that is aborted stops its processor all the same.
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs `future`, watching the inbox for what may end it early.
fn work<'a>(
    inbox: &'a Inbox,
    batch: &'a mut Batch,
    until: Until,
    shared: &'a Shared,
    future: impl Future<Output = Result> + Unpin + 'a,
) -> impl Future<Output = Done> + 'a {
    let mut future = panic::catch_async(future);
    let idle = matches!(until, Until::Called(_));
    let is_over = move || matches!(until, Until::Interrupted(heard) | Until::Called(heard) if shared.generation() != heard);
    std::future::poll_fn(move |cx| {
        // Work that never waits gives others their turn all the same.
        let progress = std::task::ready!(tokio::task::coop::poll_proceed(cx));
        // Work that does not wait needs no watch, which costs a lock.
        let mut outcome = Poll::Pending;
        let worked = !idle && !inbox.is_signalled() && !is_over();
        if worked {
            outcome = Pin::new(&mut future).poll(cx);
        }
        if outcome.is_pending() {
            loop {
                // Downstream frames are taken only when there are none in hand and the processor is idle.
                let with_down = idle && batch.down.is_empty();
                match inbox.poll_take(batch, with_down, cx) {
                    Poll::Ready(None) => return Poll::Ready(Done::Closed),
                    // The inbox wakes only who has found it empty.
                    Poll::Ready(Some(())) => {}
                    Poll::Pending => break,
                }
            }
            if is_over() {
                return Poll::Ready(Done::Interrupted);
            }
            if idle && !(batch.signals.is_empty() && batch.up.is_empty() && batch.down.is_empty()) {
                progress.made_progress();
                return Poll::Ready(Done::Called);
            }
            if worked {
                return Poll::Pending;
            }
            outcome = Pin::new(&mut future).poll(cx);
        }
        let outcome = std::task::ready!(outcome);
        progress.made_progress();
        Poll::Ready(Done::Ready(
            outcome.unwrap_or_else(|message| Err(Error::Panicked { stage: inbox.stage().clone(), message })),
        ))
    })
}
