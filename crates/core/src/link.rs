//! Links: what stands between two stages that wait separately.
//!
//! Each such stage owns one [`Inbox`] with three lanes behind one lock and one wake-up:
//!
//! | lane | what | when full |
//! |---|---|---|
//! | signals | interruption, errors, custom signals | an error that names the stage |
//! | up | everything else that travels upstream | an error that names the stage |
//! | down | everything else that travels downstream, in order | by the frame's kind, see below |
//!
//! On the down lane a producer waits (backpressure); live input audio, encoded or not, never waits: beyond a
//! stated duration the oldest of it is dropped and counted; metrics never wait either: beyond
//! [`METRICS_BOUND`] the oldest is dropped and counted.
//!
//! Promises: 1. frames of one producer and lane arrive in order, each once; 2. signals and upstream
//! frames never wait, so waiting has no cycle; 3. a producer that waits is woken when there is room or
//! the inbox closes, whatever other producers do, and may give up at any time; 4. nothing is delivered
//! before [`open`](Inbox::open). Model-checked in `tests/loom.rs`.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    error::Error,
    frame::{Frame, FrameKind, Payload},
    sync::{AtomicBool, Mutex, MutexGuard, Ordering, lock},
};

/// Signals a stage may have waiting.
pub const SIGNAL_BOUND: usize = 1024;
/// Upstream frames a stage may have waiting. Far above what a pipeline can have under way: of ten stages on several
/// threads that each answer every frame, 7,000 may be on their way to the first while its thread has no turn.
pub const UP_BOUND: usize = 65_536;
/// Measurements a down lane holds before the oldest is dropped.
pub const METRICS_BOUND: usize = 32;

/// The bounds of a down lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Frames that may wait on the lane before their producer does.
    pub frames: usize,
    /// Live input audio that may wait before the oldest is dropped.
    pub live_audio: Duration,
}

/// The receiving end of a link. See [the module](self).
#[derive(Debug)]
pub struct Inbox {
    stage: Arc<str>,
    bounds: Bounds,
    /// Whether the signal lane holds something or the inbox is closed; read without the lock between two frames.
    signalled: AtomicBool,
    lanes: Mutex<Lanes>,
}

#[derive(Debug, Default)]
struct Lanes {
    signals: VecDeque<Frame>,
    up: VecDeque<Frame>,
    down: VecDeque<Frame>,
    /// Frames on the down lane that count towards its bound.
    counted: usize,
    live_audio: Duration,
    metrics: usize,
    dropped: u64,
    open: bool,
    closed: bool,
    receiver: Option<Waker>,
    /// Producers that wait for room. All are woken when there is some.
    producers: Vec<Waker>,
}

/// What a stage has taken from its inbox.
#[derive(Debug, Default)]
pub struct Batch {
    /// To be handled before anything else.
    pub signals: VecDeque<Frame>,
    /// Upstream frames, in order.
    pub up: VecDeque<Frame>,
    /// Downstream frames, in order.
    pub down: VecDeque<Frame>,
    /// Frames the inbox has dropped by its policies since it was made.
    pub dropped: u64,
}

impl Batch {
    /// The lane whose turn it is, if there is anything to handle.
    pub fn next_lane(&mut self) -> Option<&mut VecDeque<Frame>> {
        [&mut self.signals, &mut self.up, &mut self.down].into_iter().find(|lane| !lane.is_empty())
    }
}

/// Takes the first frame of a lane that is not empty. An `Option` of a frame would be put together from
/// pieces and cost more than the move.
#[inline]
pub(crate) fn take_first(lane: &mut VecDeque<Frame>) -> Frame {
    let frame = std::mem::replace(&mut lane[0], Frame::placeholder());
    lane.pop_front();
    frame
}

/// Why a frame was not accepted; the frame comes back.
#[derive(Debug)]
pub enum Refused {
    /// There is no room; the waker given is called when there is.
    Full(Frame),
    /// The stage is gone.
    Closed(Frame),
}

/// How a frame counts on the down lane.
enum Weight {
    Counted,
    Live(Duration),
    Metrics,
}

impl Weight {
    fn of(frame: &Frame) -> Self {
        match &frame.payload {
            Payload::InputAudio(pcm) if frame.is_live() => Self::live(pcm.duration()),
            Payload::InputEncoded(encoded) if frame.is_live() => Self::live(encoded.duration()),
            Payload::Metrics(_) => Self::Metrics,
            _ => Self::Counted,
        }
    }

    /// Every frame has a duration, so that frames without a sample are bounded too.
    fn live(duration: Duration) -> Self {
        Self::Live(duration.max(Duration::from_millis(1)))
    }
}

impl Inbox {
    /// The inbox of the stage of this name. It delivers nothing before it is opened.
    #[must_use]
    pub fn new(stage: Arc<str>, bounds: Bounds) -> Self {
        Self { stage, bounds, signalled: AtomicBool::new(false), lanes: Mutex::new(Lanes::default()) }
    }

    /// The stage it belongs to.
    #[must_use]
    pub fn stage(&self) -> &Arc<str> {
        &self.stage
    }

    /// Adds a signal. Never waits.
    ///
    /// # Errors
    /// [`Error::Overflow`] when the stage does not keep up with its signals.
    pub fn push_signal(&self, frame: Frame) -> Result<(), Error> {
        let mut lanes = self.lanes();
        if lanes.closed {
            return Ok(());
        }
        // An interruption counts for all before it: a burst of them takes one place.
        if matches!(frame.payload, Payload::Interrupt(_))
            && let Some(last) = lanes.signals.back_mut()
            && matches!(last.payload, Payload::Interrupt(_))
        {
            *last = frame;
            return Ok(());
        }
        if lanes.signals.len() >= SIGNAL_BOUND {
            return Err(self.overflow("signal", SIGNAL_BOUND));
        }
        lanes.signals.push_back(frame);
        self.signalled.store(true, Ordering::Release);
        wake_receiver(lanes);
        Ok(())
    }

    /// Adds a frame that travels upstream. Never waits.
    ///
    /// # Errors
    /// [`Error::Overflow`] when the stage does not keep up with what travels upstream.
    pub fn push_up(&self, frame: Frame) -> Result<(), Error> {
        let mut lanes = self.lanes();
        if lanes.closed {
            return Ok(());
        }
        if lanes.up.len() >= UP_BOUND {
            return Err(self.overflow("upstream", UP_BOUND));
        }
        lanes.up.push_back(frame);
        wake_receiver(lanes);
        Ok(())
    }

    /// Adds a frame that travels downstream, if there is room.
    ///
    /// # Errors
    /// [`Refused`], with the frame. After `Full`, the waker of `cx` is called when there is room.
    pub fn push_down(&self, frame: Frame, cx: &mut Context<'_>) -> Result<(), Refused> {
        let mut lanes = self.lanes();
        let accepted = lanes.accept(frame, &self.bounds);
        match accepted {
            Ok(()) => wake_receiver(lanes),
            Err(Refused::Full(_)) => lanes.remember(cx.waker()),
            Err(Refused::Closed(_)) => {}
        }
        accepted
    }

    /// Adds a frame that travels downstream, if there is room now.
    ///
    /// # Errors
    /// [`Refused`], with the frame.
    pub fn try_push_down(&self, frame: Frame) -> Result<(), Refused> {
        let mut lanes = self.lanes();
        lanes.accept(frame, &self.bounds)?;
        wake_receiver(lanes);
        Ok(())
    }

    /// Adds as many of `frames` as there is room for, under one lock and with one wake-up.
    /// True when all went; otherwise the waker of `cx` is called when there is room. A closed inbox takes all.
    pub fn push_down_all(&self, frames: &mut VecDeque<Frame>, cx: &mut Context<'_>) -> bool {
        let mut lanes = self.lanes();
        while let Some(frame) = frames.pop_front() {
            match lanes.accept(frame, &self.bounds) {
                Ok(()) => {}
                Err(Refused::Closed(_)) => frames.clear(),
                Err(Refused::Full(frame)) => {
                    lanes.remember(cx.waker());
                    frames.push_front(frame);
                    break;
                }
            }
        }
        wake_receiver(lanes);
        frames.is_empty()
    }

    /// Whether a signal waits or the inbox is closed. Cheap: for a look between two frames.
    #[inline]
    pub fn is_signalled(&self) -> bool {
        self.signalled.load(Ordering::Acquire)
    }

    /// Takes everything there is into `batch`; the down lane only if `with_down`.
    /// Ready when something was taken (`Some`) or the inbox is closed (`None`).
    pub fn poll_take(&self, batch: &mut Batch, with_down: bool, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let mut lanes = self.lanes();
        if lanes.closed {
            return Poll::Ready(None);
        }
        let ready =
            !lanes.signals.is_empty() || !lanes.up.is_empty() || (with_down && !lanes.down.is_empty());
        if !ready || !lanes.open {
            if !lanes.receiver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                lanes.receiver = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        take(&mut lanes.signals, &mut batch.signals);
        self.signalled.store(false, Ordering::Release);
        take(&mut lanes.up, &mut batch.up);
        if with_down {
            take(&mut lanes.down, &mut batch.down);
            (lanes.counted, lanes.metrics, lanes.live_audio) = (0, 0, Duration::ZERO);
        }
        batch.dropped = lanes.dropped;
        let producers = if with_down { std::mem::take(&mut lanes.producers) } else { Vec::new() };
        drop(lanes);
        producers.into_iter().for_each(Waker::wake);
        Poll::Ready(Some(()))
    }

    /// Ready when the inbox delivers (true) or is closed (false).
    pub fn poll_open(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut lanes = self.lanes();
        if lanes.open || lanes.closed {
            return Poll::Ready(!lanes.closed);
        }
        lanes.receiver = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Begins to deliver.
    pub fn open(&self) {
        let mut lanes = self.lanes();
        lanes.open = true;
        wake_receiver(lanes);
    }

    /// Ends the link: the receiver is told at once, producers no longer wait, frames on it are dropped.
    pub fn close(&self) {
        let mut lanes = self.lanes();
        lanes.closed = true;
        self.signalled.store(true, Ordering::Release);
        lanes.signals.clear();
        lanes.up.clear();
        lanes.down.clear();
        let producers = std::mem::take(&mut lanes.producers);
        wake_receiver(lanes);
        producers.into_iter().for_each(Waker::wake);
    }

    /// Whether the link has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lanes().closed
    }

    /// Frames on the down lane.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.lanes().down.len()
    }

    fn overflow(&self, lane: &'static str, bound: usize) -> Error {
        Error::Overflow { stage: self.stage.clone(), lane, bound }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        lock(&self.lanes)
    }
}

impl Lanes {
    fn accept(&mut self, frame: Frame, bounds: &Bounds) -> Result<(), Refused> {
        if self.closed {
            return Err(Refused::Closed(frame));
        }
        match Weight::of(&frame) {
            Weight::Counted if self.counted >= bounds.frames => return Err(Refused::Full(frame)),
            Weight::Counted => self.counted += 1,
            Weight::Live(duration) => {
                self.live_audio += duration;
                self.drop_oldest_audio(bounds.live_audio);
            }
            Weight::Metrics => {
                self.metrics += 1;
                self.drop_oldest_metric();
            }
        }
        self.down.push_back(frame);
        Ok(())
    }

    /// Wakes a producer that was refused when there is room.
    fn remember(&mut self, producer: &Waker) {
        if !self.producers.iter().any(|waker| waker.will_wake(producer)) {
            self.producers.push(producer.clone());
        }
    }

    fn drop_oldest_audio(&mut self, bound: Duration) {
        while self.live_audio > bound {
            let Some(oldest) =
                self.down.iter().position(|frame| matches!(Weight::of(frame), Weight::Live(_)))
            else {
                return;
            };
            if let Some(Weight::Live(duration)) = self.down.remove(oldest).as_ref().map(Weight::of) {
                self.live_audio -= duration;
                self.dropped += 1;
            }
        }
    }

    fn drop_oldest_metric(&mut self) {
        if self.metrics > METRICS_BOUND
            && let Some(oldest) = self.down.iter().position(|frame| frame.kind() == FrameKind::Metrics)
        {
            self.down.remove(oldest);
            self.metrics -= 1;
            self.dropped += 1;
        }
    }
}

/// Moves all of `from` to the end of `to`; without copying when `to` is empty.
fn take(from: &mut VecDeque<Frame>, to: &mut VecDeque<Frame>) {
    if to.is_empty() {
        std::mem::swap(from, to);
    } else {
        to.append(from);
    }
}

/// Unlocks, then wakes the receiver if it waits and there is something for it.
fn wake_receiver(mut lanes: MutexGuard<'_, Lanes>) {
    let receiver = if lanes.open || lanes.closed { lanes.receiver.take() } else { None };
    drop(lanes);
    if let Some(receiver) = receiver {
        receiver.wake();
    }
}
