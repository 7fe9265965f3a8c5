//! One stage, or a whole pipeline, on a runtime of its own whose clock is paused.
//!
//! Nothing here waits in real time: a virtual hour passes in no time. Every call is plain and blocks until what
//! it asked for has happened, so tests need no `async`. Use it outside of any other runtime.
//!
//! ```
//! # use voxline_core::{Context, Processor, frame::{Frame, FrameKind}, processor::Result};
//! # use voxline_testkit::Harness;
//! struct Mute;
//! impl Processor for Mute {
//!     fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
//!         if frame.kind() != FrameKind::Text {
//!             ctx.push(frame);
//!         }
//!         Ok(())
//!     }
//! }
//! let log = Harness::new(Mute).run([Frame::text("hello"), Frame::speak("goodbye")]);
//! assert_eq!(log.to_string(), "started\n↓ Speak \"goodbye\" g0\nended");
//! ```

use std::{
    collections::HashSet,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{runtime::Runtime, time::Instant};
use voxline_core::{
    Error, Outcome, Pipeline, Session, SessionConfig,
    frame::{Frame, FrameId, FrameKind, KindSet},
    pipeline::IntoStage,
};

use crate::{
    Order,
    log::{Entry, Log, left},
};

/// A stage takes a frame within this virtual time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(600);
/// Turns in a row without anything leaving after which a pipeline counts as settled.
const QUIET_TURNS: usize = 256;

/// A running stage under test. See the example in the [crate](crate) and the methods' order:
/// `new`, then any of `queue`, `advance`, `interrupt`, then `finish`; or `run`, which does it all.
#[derive(Debug)]
pub struct Harness {
    // Before the runtime, so that it is dropped first.
    session: Session,
    // Written by the session's event handler, read by the test; never held across an await.
    entries: Arc<Mutex<Vec<Entry>>>,
    taken: usize,
    order: Order,
    /// What the test put in: it is not held against the stage. The end is.
    given: Arc<Mutex<HashSet<FrameId>>>,
    began: Instant,
    runtime: Runtime,
}

impl Harness {
    /// Starts a processor, a service or a pipeline.
    ///
    /// # Panics
    /// When it does not start; see [`try_new`](Self::try_new).
    #[track_caller]
    pub fn new<M>(stage: impl IntoStage<M>) -> Self {
        Self::with_config(stage, SessionConfig::default())
    }

    /// The same with a configuration; its `reached` kinds and its event handler are the harness's own.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn with_config<M>(stage: impl IntoStage<M>, config: SessionConfig) -> Self {
        match Self::try_new(stage, config) {
            Ok(harness) => harness,
            Err(error) => panic!("the stage did not start: {}", crate::render::chain(&error)),
        }
    }

    /// Starts a stage, or says why it does not start.
    ///
    /// # Errors
    /// Those of [`Pipeline::start`].
    pub fn try_new<M>(stage: impl IntoStage<M>, config: SessionConfig) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing of the system");
        let entries: Arc<Mutex<Vec<Entry>>> = Arc::default();
        let (order, given) = (Order::default(), Arc::<Mutex<HashSet<FrameId>>>::default());
        let (session, began) = runtime.block_on(async {
            let began = Instant::now();
            let (log, watch, known) = (entries.clone(), order.clone(), given.clone());
            let mut config = config.on_event(move |event| {
                if let Some((_, frame)) = left(event)
                    && !known.lock().unwrap_or_else(PoisonError::into_inner).contains(&frame.id())
                {
                    watch.handle_frame("", frame);
                }
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                // Outside of the runtime the clock is the real one, and no virtual time has passed.
                let at = match tokio::runtime::Handle::try_current() {
                    Ok(_) => began.elapsed(),
                    Err(_) => log.last().map_or(Duration::ZERO, |last: &Entry| last.at),
                };
                log.push(Entry { at, event: event.clone() });
            });
            config.reached = KindSet::ALL;
            let pipeline = Pipeline::builder().then(stage).build()?;
            Ok::<_, Error>((pipeline.start(config).await?, began))
        })?;
        Ok(Self { session, entries, taken: 0, order, given, began, runtime })
    }

    /// Queues all frames, ends the input, waits until the session is over, and gives what left.
    ///
    /// # Panics
    /// When the stage does not take a frame, or the session does not end, within ten virtual minutes.
    #[track_caller]
    pub fn run(mut self, frames: impl IntoIterator<Item = Frame>) -> Log {
        for frame in frames {
            self.queue_only(frame);
        }
        self.finish()
    }

    /// Queues a frame and lets everything happen that happens at once.
    ///
    /// # Panics
    /// When the stage does not take it within ten virtual minutes, or the session is over.
    #[track_caller]
    pub fn queue(&mut self, frame: impl Into<Frame>) -> &mut Self {
        self.queue_only(frame.into());
        self.settle()
    }

    /// Queues a frame and lets nothing else happen, unless the stage's inbox is full.
    ///
    /// # Panics
    /// As [`queue`](Self::queue).
    #[track_caller]
    pub fn queue_only(&mut self, frame: impl Into<Frame>) -> &mut Self {
        let frame: Frame = frame.into();
        let kind = frame.kind();
        if kind != FrameKind::End {
            self.given.lock().unwrap_or_else(PoisonError::into_inner).insert(frame.id());
        }
        let queued =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.session.queue(frame)).await });
        match queued {
            Ok(Ok(())) => self,
            Ok(Err(error)) => panic!("{kind:?} was refused: {error}"),
            Err(_) => panic!("{kind:?} was not taken within {PATIENCE:?}"),
        }
    }

    /// Lets virtual time pass, and everything happen that is due meanwhile.
    pub fn advance(&mut self, time: Duration) -> &mut Self {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
        self.settle()
    }

    /// Interrupts, and lets everything happen that happens at once.
    pub fn interrupt(&mut self) -> &mut Self {
        self.runtime.block_on(async { self.session.interrupt() });
        self.settle()
    }

    /// Queues the end of the input and lets everything happen that happens at once.
    #[track_caller]
    pub fn end(&mut self) -> &mut Self {
        self.queue(Frame::end())
    }

    /// Lets everything happen that needs no time.
    pub fn settle(&mut self) -> &mut Self {
        self.runtime.block_on(async {
            let mut seen = self.entries().len();
            let mut quiet = 0;
            while quiet < QUIET_TURNS {
                tokio::task::yield_now().await;
                let now = self.entries().len();
                quiet = if now == seen { quiet + 1 } else { 0 };
                seen = now;
            }
        });
        self
    }

    /// Ends the input if it has not been ended, waits until the session is over, and gives what left.
    ///
    /// # Panics
    /// When the session is not over within an hour of virtual time.
    #[track_caller]
    pub fn finish(mut self) -> Log {
        // How it ended is the log's last line.
        let _ = self.finish_outcome();
        self.log()
    }

    /// Ends the input, waits until the session is over, and says how it ended.
    ///
    /// # Panics
    /// When the session is not over within an hour of virtual time.
    #[track_caller]
    pub fn finish_outcome(&mut self) -> Result<Outcome, Arc<Error>> {
        let ended = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE * 6, async {
                // When the session is over already, how it ended is told below.
                let _ = self.session.end().await;
                self.session.finished().await
            })
            .await
        });
        match ended {
            Ok(outcome) => {
                self.settle();
                outcome
            }
            Err(_) => panic!("the session is not over after an hour; so far:\n{}", self.log()),
        }
    }

    /// Everything that has happened so far.
    ///
    /// # Panics
    /// When the frames of an answer left in the wrong order: see [`Order`].
    #[track_caller]
    #[must_use]
    pub fn log(&self) -> Log {
        let broken = self.order.broken();
        assert!(broken.is_empty(), "the order of an answer is broken (R-57): {broken:#?}");
        Log::new(self.entries().clone())
    }

    /// What has happened since the last call.
    pub fn news(&mut self) -> Log {
        let news = self.entries()[self.taken..].to_vec();
        self.taken += news.len();
        Log::new(news)
    }

    /// How much virtual time has passed since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.runtime.block_on(async { self.began.elapsed() })
    }

    /// The session itself.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Runs something else on the harness's runtime and its paused clock.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Tasks that are alive on the harness's runtime.
    #[must_use]
    pub fn alive_tasks(&self) -> usize {
        self.runtime.metrics().num_alive_tasks()
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
