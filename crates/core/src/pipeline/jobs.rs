//! Jobs of synchronous processors: futures that run beside a segment and send items back to it.
//!
//! They live in the segment: when it goes, they go. Items pass through one bounded channel per stage; while
//! the segment's output is full, or a later stage holds the input, they wait there. A job that does not survive
//! interruption is aborted by one, and what it had sent is dropped.

use std::{
    any::Any,
    future::Future,
    task::{Context, Poll},
};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, Id, JoinSet},
};

use crate::{error::Error, frame::Generation, panic, processor::Result};

/// Items a segment's jobs may have waiting.
const ITEMS: usize = 64;

/// Names a job within its session's stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub(crate) u32);

/// Where a job sends what it produces.
#[derive(Clone, Debug)]
pub struct JobOutput {
    job: JobId,
    items: mpsc::Sender<Item>,
}

impl JobOutput {
    /// Sends an item to the processor's `event`; waits while the segment does not keep up.
    ///
    /// # Errors
    /// [`Error::Ended`] when the segment is gone.
    pub async fn send<T: Any + Send>(&self, item: T) -> Result {
        let item = Item { job: self.job, item: Box::new(item) };
        self.items.send(item).await.map_err(|_| Error::Ended)
    }
}

/// What a job sent.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) job: JobId,
    pub(crate) item: Box<dyn Any + Send>,
}

#[derive(Debug)]
struct Running {
    job: JobId,
    stage: usize,
    generation: Generation,
    survives: bool,
    task: AbortHandle,
}

/// How a job ended, if not well.
#[derive(Debug)]
pub(crate) enum Trouble {
    Failed(Error),
    Panicked(String),
}

/// What the jobs of one stage send.
#[derive(Debug)]
struct Channel {
    stage: usize,
    items: mpsc::Receiver<Item>,
    sender: mpsc::Sender<Item>,
}

#[derive(Debug, Default)]
pub(crate) struct Jobs {
    tasks: JoinSet<Result>,
    running: Vec<Running>,
    /// One for each stage that has started a job.
    channels: Vec<Channel>,
    /// A job that has ended, until its items are taken.
    ended: Option<(Id, Option<Trouble>)>,
    /// Jobs that were aborted while items of theirs may be in the stage's hands.
    aborted: Vec<JobId>,
    next: u32,
}

impl Jobs {
    /// Starts a job of `stage`.
    pub(crate) fn spawn<F>(
        &mut self,
        stage: usize,
        generation: Generation,
        survives: bool,
        job: impl FnOnce(JobOutput) -> F,
    ) -> JobId
    where
        F: Future<Output = Result> + Send + 'static,
    {
        let id = JobId(self.next);
        self.next += 1;
        let items = self.sender(stage);
        let task = self.tasks.spawn(job(JobOutput { job: id, items }));
        self.running.push(Running { job: id, stage, generation, survives, task });
        id
    }

    /// Where the jobs of `stage` send.
    fn sender(&mut self, stage: usize) -> mpsc::Sender<Item> {
        if let Some(channel) = self.channels.iter().find(|channel| channel.stage == stage) {
            return channel.sender.clone();
        }
        let (sender, items) = mpsc::channel(ITEMS);
        self.channels.push(Channel { stage, items, sender: sender.clone() });
        sender
    }

    /// Stops a job. What it had sent is dropped.
    pub(crate) fn abort(&mut self, job: JobId) {
        if let Some(index) = self.running.iter().position(|running| running.job == job) {
            self.running.remove(index).task.abort();
        }
        self.aborted.push(job);
    }

    /// Whether a job was aborted since [`forget_aborted`](Self::forget_aborted).
    pub(crate) fn is_aborted(&self, job: JobId) -> bool {
        self.aborted.contains(&job)
    }

    /// All items that were taken have been handled.
    pub(crate) fn forget_aborted(&mut self) {
        self.aborted.clear();
    }

    /// Stops the jobs of answers that are over.
    pub(crate) fn interrupt(&mut self, current: Generation) {
        self.running.retain(|running| {
            let goes_on = running.survives || running.generation >= current;
            if !goes_on {
                running.task.abort();
            }
            goes_on
        });
    }

    /// The next item of a job that still counts, with the job's stage and generation; only of stages from
    /// `first` on, for a stage that holds the input holds the jobs of those before it, too.
    pub(crate) fn poll_item(
        &mut self,
        first: usize,
        cx: &mut Context<'_>,
    ) -> Poll<(usize, Option<Generation>, Item)> {
        for channel in self.channels.iter_mut().filter(|channel| channel.stage >= first) {
            // The channel cannot close: a sender is kept here.
            while let Poll::Ready(Some(item)) = channel.items.poll_recv(cx) {
                if let Some(running) = self.running.iter().find(|running| running.job == item.job) {
                    let generation = (!running.survives).then_some(running.generation);
                    return Poll::Ready((running.stage, generation, item));
                }
            }
        }
        Poll::Pending
    }

    /// The next job that went wrong, with its stage. A job is forgotten only once its items are taken.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Option<Trouble>)> {
        loop {
            if self.channels.iter().any(|channel| !channel.items.is_empty()) {
                return Poll::Pending;
            }
            // Its last item may have come after the look above, so it is forgotten only after another one.
            if let Some((task, trouble)) = self.ended.take()
                && let Some(stage) = self.forget(task)
            {
                return Poll::Ready((stage, trouble));
            }
            let Poll::Ready(Some(ended)) = self.tasks.poll_join_next_with_id(cx) else {
                return Poll::Pending;
            };
            self.ended = Some(match ended {
                Ok((task, Ok(()))) => (task, None),
                Ok((task, Err(error))) => (task, Some(Trouble::Failed(error))),
                Err(error) if error.is_panic() => {
                    (error.id(), Some(Trouble::Panicked(panic::message(error.into_panic()))))
                }
                Err(error) => (error.id(), None),
            });
        }
    }

    fn forget(&mut self, task: Id) -> Option<usize> {
        let index = self.running.iter().position(|running| running.task.id() == task)?;
        Some(self.running.remove(index).stage)
    }
}
