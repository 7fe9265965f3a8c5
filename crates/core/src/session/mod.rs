//! A running pipeline.
//!
//! [`Pipeline::start`](crate::Pipeline::start) gives a [`Session`]: the handle to queue frames,
//! interrupt, end, cancel and wait. Dropping it ends the session; everything the session started lives
//! in it and is gone within the cancel deadline.

mod events;
mod shared;
mod supervise;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::sync::watch;
use voxline_audio::SampleRate;

pub use events::{Edge, SessionEvent};
pub(crate) use shared::{Mark, Shared, Side};
pub(crate) use supervise::Supervisor;

use crate::{
    error::Error,
    frame::{Direction, Frame, InterruptCause, KindSet, Payload},
    link::{Inbox, Refused},
    observe::Observer,
};
use supervise::Ended;

/// How a session is run.
pub struct SessionConfig {
    /// The rate of the audio that comes in. Default 16 kHz.
    pub input_rate: SampleRate,
    /// The rate of the audio that goes out. Default 24 kHz.
    pub output_rate: SampleRate,
    /// How long all stages together may take to start. Default 10 s.
    pub start_deadline: Duration,
    /// How long the end may take to pass through all stages, counted anew when a stage
    /// [postpones](crate::Context::postpone_end) it. Default 5 s.
    pub end_deadline: Duration,
    /// How long the end may take in all, postponed or not. Default 10 minutes.
    pub end_limit: Duration,
    /// How long stages may take to stop once they are told, before they are aborted. Default 2 s.
    pub cancel_deadline: Duration,
    /// Frames that may wait before a stage until its producer waits. Default 64.
    pub link_bound: usize,
    /// Live input audio that may wait before a stage until the oldest is dropped. Default 5 s.
    pub live_audio_bound: Duration,
    /// Kinds of frames reported as [`SessionEvent::Reached`] when they leave the pipeline. Default none.
    pub reached: KindSet,
    /// Who watches: filled by [`with_observer`](Self::with_observer) and [`on_event`](Self::on_event).
    pub watchers: Watchers,
}

/// Who watches a session.
#[derive(Default)]
pub struct Watchers {
    observers: Vec<Box<dyn Observer>>,
    handler: Option<events::Handler>,
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watchers({} observers)", self.observers.len())
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            input_rate: SampleRate::HZ_16000,
            output_rate: SampleRate::HZ_24000,
            start_deadline: Duration::from_secs(10),
            end_deadline: Duration::from_secs(5),
            end_limit: Duration::from_secs(600),
            cancel_deadline: Duration::from_secs(2),
            link_bound: 64,
            live_audio_bound: Duration::from_secs(5),
            reached: KindSet::NONE,
            watchers: Watchers::default(),
        }
    }
}

impl SessionConfig {
    /// Adds an observer.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer) -> Self {
        self.watchers.observers.push(Box::new(observer));
        self
    }

    /// Calls `handler` for each event, on the task where it happens: it must be quick.
    #[must_use]
    pub fn on_event(mut self, handler: impl Fn(&SessionEvent) + Send + Sync + 'static) -> Self {
        self.watchers.handler = Some(Arc::new(handler));
        self
    }

    pub(crate) fn take_observers(&mut self) -> Vec<Box<dyn Observer>> {
        std::mem::take(&mut self.watchers.observers)
    }

    pub(crate) fn take_events(&mut self) -> events::SessionEvents {
        events::SessionEvents::new(self.watchers.handler.take())
    }
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig")
            .field("input_rate", &self.input_rate)
            .field("output_rate", &self.output_rate)
            .field("watchers", &self.watchers)
            .finish_non_exhaustive()
    }
}

/// How a session came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The end of the input passed through every stage.
    Ended,
    /// It was cancelled, or its handle dropped.
    Cancelled,
}

/// The handle of a running pipeline. Dropping it cancels the session.
#[must_use = "dropping the handle cancels the session"]
#[derive(Debug)]
pub struct Session {
    shared: Arc<Shared>,
    head: Arc<Inbox>,
    tail: Arc<Inbox>,
    /// Whether the end of the input is on its way.
    end_queued: AtomicBool,
    outcome: watch::Receiver<Option<Ended>>,
}

impl Session {
    /// Lets the supervisor run and gives its handle.
    pub(crate) fn spawn(supervisor: Supervisor, head: Arc<Inbox>, tail: Arc<Inbox>) -> Self {
        let (sender, outcome) = watch::channel(None);
        let shared = supervisor.shared.clone();
        tokio::spawn(supervisor.run(sender));
        Self { shared, head, tail, end_queued: AtomicBool::new(false), outcome }
    }

    /// Queues a frame at the head of the pipeline, or at its tail if it travels upstream.
    /// Waits while the first stage does not keep up.
    ///
    /// # Errors
    /// [`Error::Ended`] when the session is over, and for what would follow the end of the input;
    /// [`Error::Overflow`] for signals and upstream frames that are not taken.
    pub async fn queue(&self, frame: impl Into<Frame>) -> Result<(), Error> {
        let mut frame: Frame = frame.into();
        let up = frame.direction() == Direction::Up;
        let inbox = if up { &self.tail } else { &self.head };
        frame.stamp(self.shared.generation());
        if up || frame.payload.is_signal() {
            return self.queue_urgent(inbox, frame);
        }
        let is_end = matches!(frame.payload, Payload::End);
        let after_end = self.end_queued.load(Ordering::Acquire);
        match (is_end, after_end) {
            (false, false) => {}
            (false, true) => return Err(Error::Ended),
            (true, _) if inbox.is_closed() => return Err(Error::Ended),
            (true, true) => return Ok(()),
            (true, false) => self.shared.ending(),
        }
        self.queue_down(inbox, frame).await?;
        if is_end {
            self.end_queued.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn queue_urgent(&self, inbox: &Inbox, frame: Frame) -> Result<(), Error> {
        if inbox.is_closed() {
            return Err(Error::Ended);
        }
        if let Payload::Interrupt(interrupt) = frame.payload {
            self.shared.interrupt(interrupt.cause);
            return Ok(());
        }
        if frame.payload.is_signal() { inbox.push_signal(frame) } else { inbox.push_up(frame) }
    }

    async fn queue_down(&self, inbox: &Inbox, frame: Frame) -> Result<(), Error> {
        let mut refused = inbox.try_push_down(frame);
        std::future::poll_fn(|cx| {
            if let Err(Refused::Full(frame)) = std::mem::replace(&mut refused, Ok(())) {
                refused = inbox.push_down(frame, cx);
            }
            match refused {
                Ok(()) => Poll::Ready(Ok(())),
                Err(Refused::Closed(_)) => Poll::Ready(Err(Error::Ended)),
                Err(Refused::Full(_)) => Poll::Pending,
            }
        })
        .await
    }

    /// Stops what belongs to the running answer, everywhere at once.
    pub fn interrupt(&self) {
        if !self.head.is_closed() {
            self.shared.interrupt(InterruptCause::Application);
        }
    }

    /// Queues the end of the input: what is on its way is drained in order, then the session is over. Doing so
    /// again does nothing.
    ///
    /// # Errors
    /// [`Error::Ended`] when the session is over already.
    pub async fn end(&self) -> Result<(), Error> {
        self.queue(Frame::end()).await
    }

    /// Ends the session now, without draining. Overtakes an end that is on its way.
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// Waits until the session is over.
    ///
    /// # Errors
    /// What ended it, if not [`end`](Self::end) or [`cancel`](Self::cancel).
    pub async fn finished(&self) -> Result<Outcome, Arc<Error>> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(Outcome::Cancelled)),
            // The runtime is going down, and the supervisor with it.
            Err(_) => Ok(Outcome::Cancelled),
        }
    }

    /// How many ordered frames wait before each stage that waits separately, in pipeline order.
    #[must_use]
    pub fn queue_depths(&self) -> Vec<(Arc<str>, usize)> {
        self.shared.inboxes().iter().map(|inbox| (inbox.stage().clone(), inbox.depth())).collect()
    }

    /// The next event; `None` when the session is over and all are read. Events begin with the start;
    /// an unread session keeps the newest 256.
    pub async fn next_event(&self) -> Option<SessionEvent> {
        self.shared.events.next().await
    }

    /// Events lost because they were not read in time.
    #[must_use]
    pub fn missed_events(&self) -> u64 {
        self.shared.events.missed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.cancel();
    }
}
