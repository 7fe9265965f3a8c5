//! What all stages of one session share: the generation, the inboxes, and the board where stages tell the
//! supervisor how they fare.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Instant,
};

use tokio::sync::Notify;

use super::events::{Edge, SessionEvent, SessionEvents};
use crate::{
    error::Error,
    frame::{Direction, ErrorReport, Frame, Generation, Interrupt, InterruptCause, KindSet, Payload},
    link::Inbox,
    observe::Tap,
    processor::{SessionInfo, StageName},
};

/// One of the two ends of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Head,
    Tail,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) info: SessionInfo,
    generation: AtomicU32,
    cause: AtomicU8,
    stages: OnceLock<Stages>,
    taps: Box<[Tap]>,
    reached: KindSet,
    pub(crate) events: SessionEvents,
    // Written a few times in a session's life; never held across an await.
    board: Mutex<Board>,
    pub(crate) news: Notify,
}

/// How far a stage has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mark {
    Started = 1,
    Ended = 2,
    Stopped = 4,
}

#[derive(Debug)]
struct Stages {
    inboxes: Box<[Arc<Inbox>]>,
    marks: Box<[AtomicU8]>,
}

/// What the supervisor needs to know.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) failure: Option<Arc<Error>>,
    pub(crate) ending: bool,
    pub(crate) postponed: Option<Instant>,
    pub(crate) ended: bool,
    pub(crate) cancelled: bool,
    /// Stages that hold the end until they are done.
    pub(crate) holding: Vec<StageName>,
}

impl Shared {
    pub(crate) fn new(info: SessionInfo, taps: Box<[Tap]>, reached: KindSet, events: SessionEvents) -> Self {
        Self {
            info,
            generation: AtomicU32::new(0),
            cause: AtomicU8::new(0),
            stages: OnceLock::new(),
            taps,
            reached,
            events,
            board: Mutex::default(),
            news: Notify::new(),
        }
    }

    pub(crate) fn set_inboxes(&self, inboxes: Box<[Arc<Inbox>]>) {
        let marks = inboxes.iter().map(|_| AtomicU8::new(0)).collect();
        self.stages.set(Stages { inboxes, marks }).expect("set once, when the session is wired");
    }

    pub(crate) fn inboxes(&self) -> &[Arc<Inbox>] {
        self.stages.get().map_or(&[], |stages| &stages.inboxes)
    }

    /// Notes how far a stage has come.
    pub(crate) fn mark(&self, index: usize, mark: Mark) {
        if let Some(stages) = self.stages.get() {
            stages.marks[index].fetch_or(mark as u8, Ordering::AcqRel);
        }
        self.news.notify_one();
    }

    /// The stages that have not come so far, in pipeline order.
    pub(crate) fn without(&self, mark: Mark) -> Vec<StageName> {
        let Some(stages) = self.stages.get() else { return Vec::new() };
        let marked = stages.marks.iter().map(|marks| marks.load(Ordering::Acquire) & mark as u8 != 0);
        let pairs = stages.inboxes.iter().zip(marked);
        pairs.filter(|(_, marked)| !marked).map(|(inbox, _)| inbox.stage().clone()).collect()
    }

    #[inline]
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Begins a new generation and wakes every stage.
    pub(crate) fn interrupt(&self, cause: InterruptCause) -> Generation {
        self.cause.store(cause as u8, Ordering::Relaxed);
        let generation = Generation(self.generation.fetch_add(1, Ordering::AcqRel) + 1);
        let interrupt = Interrupt { generation, cause };
        for inbox in self.inboxes() {
            let mut frame = Frame::new(Payload::Interrupt(interrupt));
            frame.stamp(generation);
            if let Err(overflow) = inbox.push_signal(frame) {
                self.fail(overflow);
            }
        }
        self.events.emit(SessionEvent::Interrupted(interrupt));
        generation
    }

    /// The interruption that began `generation`.
    pub(crate) fn latest_interrupt(&self, generation: Generation) -> Interrupt {
        let cause = match self.cause.load(Ordering::Relaxed) {
            0 => InterruptCause::Application,
            _ => InterruptCause::UserSpoke,
        };
        Interrupt { generation, cause }
    }

    /// Shows a frame to the observers on its way to a stage, or out of the pipeline.
    #[inline]
    pub(crate) fn observe(&self, frame: &Frame, to: Option<&StageName>) {
        if !self.taps.is_empty() {
            self.show(frame, to);
        }
    }

    #[cold]
    fn show(&self, frame: &Frame, to: Option<&StageName>) {
        let outside: Arc<str> = Arc::from("");
        let to = to.unwrap_or(&outside);
        self.taps.iter().for_each(|tap| tap.see(frame, to, self.info.began));
    }

    /// A frame has left the pipeline.
    pub(crate) fn reached(&self, side: Side, frame: Frame) {
        // A frame may have waited for the way out while its answer was interrupted.
        if frame.is_stale(self.generation()) {
            return;
        }
        self.observe(&frame, None);
        let end = side == Side::Tail && matches!(frame.payload, Payload::End);
        if self.reached.contains(frame.kind()) {
            let edge = if side == Side::Tail { Edge::Tail } else { Edge::Head };
            self.events.emit(SessionEvent::Reached(edge, frame));
        }
        if end {
            self.tell(|board| board.ended = true);
        }
    }

    /// Reports an error of a stage to the application, and gives the frame that carries it upstream.
    /// A fatal one ends the session.
    pub(crate) fn report(&self, stage: &StageName, error: Error) -> Frame {
        let fatal = error.is_fatal();
        let report = Arc::new(ErrorReport { stage: stage.clone(), error: Arc::new(error), fatal });
        self.events.emit(SessionEvent::Error(report.clone()));
        if fatal {
            self.end_with(report.error.clone());
        }
        Frame::new(Payload::Error(report)).with_direction(Direction::Up)
    }

    /// Ends the session with an error that comes from the framework itself.
    pub(crate) fn fail(&self, error: Error) {
        let stage = match &error {
            Error::Panicked { stage, .. } | Error::Start { stage, .. } | Error::Overflow { stage, .. } => {
                stage.clone()
            }
            _ => Arc::from(""),
        };
        let error = Arc::new(error);
        self.events.emit(SessionEvent::Error(Arc::new(ErrorReport {
            stage,
            error: error.clone(),
            fatal: true,
        })));
        self.end_with(error);
    }

    fn end_with(&self, error: Arc<Error>) {
        self.tell(|board| {
            board.failure.get_or_insert(error);
        });
    }

    /// The end of the input is on its way.
    pub(crate) fn ending(&self) {
        self.tell(|board| board.ending = true);
    }

    /// A stage holds the end until it is done.
    pub(crate) fn hold_end(&self, stage: &StageName) {
        self.tell(|board| board.holding.push(stage.clone()));
    }

    /// A stage lets the end pass that it held.
    pub(crate) fn release_end(&self, stage: &StageName) {
        self.tell(|board| board.holding.retain(|held| held != stage));
    }

    pub(crate) fn postpone_end(&self, until: Instant) {
        self.tell(|board| board.postponed = board.postponed.max(Some(until)));
    }

    pub(crate) fn cancel(&self) {
        self.tell(|board| board.cancelled = true);
    }

    /// Writes on the board and wakes the supervisor.
    fn tell(&self, write: impl FnOnce(&mut Board)) {
        write(&mut self.board.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_one();
    }

    /// Reads the board.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Board) -> T) -> T {
        read(&self.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn close(&self) {
        self.inboxes().iter().for_each(|inbox| inbox.close());
        self.taps.iter().for_each(Tap::close);
    }
}
