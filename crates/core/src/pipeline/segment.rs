//! A segment: neighbouring synchronous processors run as one task, by direct calls.
//!
//! One step takes whatever has come, in this order: signals, upstream frames, timers, job items,
//! downstream frames. Between two frames it looks whether a signal or an interruption has come meanwhile.
//! Frames travel through the segment in a queue of hops, first in, first out, so order holds between any
//! two stages whatever they push. While the output is full, or a stage holds the input, downstream frames
//! wait; everything else goes on.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{self, Poll},
};

use super::{
    context::{Context, Desk, Hops, TOP, place},
    jobs::{Item, Trouble},
    outlet::{Join, Outlet},
    timers::Timers,
};
use crate::{
    error::Error,
    frame::{Frame, Generation, Metric, Payload},
    link::{Batch, Inbox, take_first},
    panic,
    processor::{Ending, Event, Processor, Result, StageName},
    session::{Mark, Shared},
};

/// Frames let through before the output is flushed and other tasks get a turn.
const BURST: usize = 64;

/// Neighbouring synchronous processors and the queues around them.
pub(crate) struct Segment {
    pub(crate) index: usize,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) down: Outlet,
    pub(crate) up: Outlet,
    pub(crate) down_join: Option<Join>,
    pub(crate) up_join: Option<Join>,
    stages: Box<[Box<dyn Processor>]>,
    desk: Desk,
    batch: Batch,
    outbox: VecDeque<Frame>,
    items: VecDeque<(usize, Option<Generation>, Item)>,
    /// The generation whose beginning every stage has heard of.
    heard: Generation,
    /// Drops of the inbox that have been reported.
    reported: u64,
    timers_due: bool,
    /// How much waited when the output became full.
    waiting: Option<usize>,
    /// The stage called last.
    called: usize,
    /// A stage panicked: nothing is called any more but `stop`.
    broken: bool,
    stopped: bool,
}

/// Frames that timers, jobs and upstream frames may add to an output that is full.
const OUTPUT_BOUND: usize = 4096;

/// Whether a segment goes on.
enum Flow {
    On,
    Over,
}

impl Segment {
    pub(crate) fn new(
        index: usize,
        stages: Vec<Box<dyn Processor>>,
        names: Vec<StageName>,
        inbox: Arc<Inbox>,
        (up, down): (Outlet, Outlet),
        shared: Arc<Shared>,
    ) -> Self {
        let desk = Desk {
            hops: Hops::default(),
            generation: Generation(0),
            now: None,
            timers: Timers::default(),
            jobs: None,
            names: names.into(),
            ending: Vec::new(),
            holding: Vec::new(),
            shared,
        };
        Self {
            index,
            inbox,
            down,
            up,
            down_join: None,
            up_join: None,
            stages: stages.into(),
            desk,
            batch: Batch::default(),
            outbox: VecDeque::new(),
            items: VecDeque::new(),
            heard: Generation(0),
            reported: 0,
            timers_due: false,
            waiting: None,
            called: 0,
            broken: false,
            stopped: false,
        }
    }

    /// Runs until the session closes the inbox.
    pub(crate) async fn run(mut self) {
        let shared = self.desk.shared.clone();
        let Ok(()) = self.start() else { return self.stop() };
        shared.mark(self.index, Mark::Started);
        if std::future::poll_fn(|cx| self.inbox.poll_open(cx)).await {
            self.settle();
            while let Flow::On = std::future::poll_fn(|cx| self.poll_ready(cx)).await {
                self.step();
            }
        }
        self.stop();
    }

    fn start(&mut self) -> Result<(), ()> {
        for stage in 0..self.stages.len() {
            let began = tokio::time::Instant::now();
            let outcome = self.call(stage, |processor, ctx| processor.start(ctx));
            let took = began.elapsed();
            if let Err(error) = outcome {
                let stage = self.desk.names[stage].clone();
                self.desk.shared.fail(Error::Start { stage, source: Arc::new(error) });
                return Err(());
            }
            tracing::debug!(stage = %self.desk.names[stage], ?took, "started");
        }
        Ok(())
    }

    /// Stops every stage, once.
    fn stop(&mut self) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        for (stage, processor) in self.stages.iter_mut().enumerate() {
            if let Err(message) = panic::catch(|| processor.stop()) {
                let stage = self.desk.names[stage].clone();
                self.desk.shared.fail(Error::Panicked { stage, message });
            }
        }
        self.desk.shared.mark(self.index, Mark::Stopped);
    }

    /// Waits until there is something to do.
    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Flow> {
        let progress = task::ready!(tokio::task::coop::poll_proceed(cx));
        let flushed = self.down.poll_flush(&mut self.outbox, &self.desk.shared, cx).is_ready();
        self.bound_output(flushed);
        let open = flushed && self.desk.holding.is_empty();
        let with_down = open && self.batch.down.is_empty();
        if self.inbox.poll_take(&mut self.batch, with_down, cx) == Poll::Ready(None) || self.broken {
            return Poll::Ready(Flow::Over);
        }
        let mut ready = !self.batch.signals.is_empty() || !self.batch.up.is_empty();
        ready |= open && !self.batch.down.is_empty();
        if !self.desk.timers.is_empty() && self.desk.timers.poll_due(cx).is_ready() {
            self.timers_due = true;
            ready = true;
        }
        if self.desk.jobs.is_some() {
            ready |= self.poll_jobs(flushed, cx);
        }
        if !ready {
            return Poll::Pending;
        }
        progress.made_progress();
        Poll::Ready(Flow::On)
    }

    /// While the output is full, no more input is taken; what comes all the same has a bound.
    fn bound_output(&mut self, flushed: bool) {
        let waits = self.outbox.len();
        let first = self.waiting.get_or_insert(waits);
        *first = waits.min(*first);
        if waits > *first + OUTPUT_BOUND && !self.broken {
            self.broken = true;
            let stage = self.inbox.stage().clone();
            self.desk.shared.fail(Error::Overflow { stage, lane: "output", bound: OUTPUT_BOUND });
        }
        if flushed {
            self.waiting = None;
        }
    }

    fn poll_jobs(&mut self, flushed: bool, cx: &mut task::Context<'_>) -> bool {
        let Some(jobs) = &mut self.desk.jobs else { return false };
        let mut ready = false;
        if flushed {
            let first = self.desk.holding.iter().copied().max().unwrap_or(0);
            while self.items.len() < BURST
                && let Poll::Ready(item) = jobs.poll_item(first, cx)
            {
                self.items.push_back(item);
                ready = true;
            }
        }
        while let Poll::Ready((stage, trouble)) = jobs.poll_ended(cx) {
            ready = true;
            match trouble {
                None | Some(Trouble::Failed(Error::Ended)) => {}
                Some(Trouble::Failed(error)) => {
                    let mut frame = self.desk.shared.report(&self.desk.names[stage], error);
                    frame.stamp(self.heard);
                    self.desk.hops.push(place(stage), frame);
                }
                Some(Trouble::Panicked(message)) => {
                    let stage = self.desk.names[stage].clone();
                    self.desk.shared.fail(Error::Panicked { stage, message });
                }
            }
        }
        ready
    }

    /// Handles what has come.
    fn step(&mut self) {
        self.settle();
        self.handle_urgent();
        if std::mem::take(&mut self.timers_due) {
            self.handle_timers();
        }
        while let Some((stage, generation, item)) = self.items.pop_front() {
            self.handle_item(stage, generation, item);
        }
        if let Some(jobs) = &mut self.desk.jobs {
            jobs.forget_aborted();
        }
        for _ in 0..BURST {
            if !self.desk.holding.is_empty() {
                break;
            }
            if self.batch.down.is_empty() {
                break;
            }
            let frame = take_first(&mut self.batch.down);
            if self.down_join.as_mut().is_none_or(|join| join.admits(&frame)) {
                self.desk.hops.push(TOP, frame);
                self.settle();
            }
            if self.inbox.is_signalled() {
                break;
            }
        }
        self.report_drops();
    }

    fn handle_urgent(&mut self) {
        while let Some(frame) = self.batch.signals.pop_front() {
            self.enter(frame);
        }
        while let Some(frame) = self.batch.up.pop_front() {
            self.enter(frame);
        }
    }

    /// Lets a signal or an upstream frame in, from its side.
    fn enter(&mut self, frame: Frame) {
        let up = frame.direction() == crate::frame::Direction::Up;
        let join = if up { &mut self.up_join } else { &mut self.down_join };
        let is_interrupt = matches!(frame.payload, Payload::Interrupt(_));
        if !is_interrupt && join.as_mut().is_none_or(|join| join.admits(&frame)) {
            let from = if up { place(self.stages.len()) } else { TOP };
            self.desk.hops.push(from, frame);
        }
        self.settle();
    }

    fn handle_timers(&mut self) {
        let now = tokio::time::Instant::now().into_std();
        // A timer that is set anew for now has its turn in the next step.
        for _ in 0..self.desk.timers.len() {
            let Some((stage, timer)) = self.desk.timers.take_due(now) else { break };
            self.desk.generation = self.hear();
            self.invoke(stage, |processor, ctx| processor.timeout(timer, ctx));
            self.settle();
        }
    }

    fn handle_item(&mut self, stage: usize, generation: Option<Generation>, item: Item) {
        let current = self.hear();
        let aborted = self.desk.jobs.as_ref().is_some_and(|jobs| jobs.is_aborted(item.job));
        if aborted || generation.is_some_and(|generation| generation < current) {
            return;
        }
        self.desk.generation = current;
        let event = Event { job: item.job, item: item.item };
        self.invoke(stage, |processor, ctx| processor.event(event, ctx));
        self.settle();
    }

    /// Lets every queued hop happen. One guard against panics serves all of them: it is the stage last
    /// called that panicked.
    fn settle(&mut self) {
        if let Err(message) = panic::catch(|| self.settle_hops()) {
            self.panicked(self.called, message);
        }
    }

    #[inline]
    fn settle_hops(&mut self) {
        loop {
            let current = self.hear();
            let Some(hop) = self.desk.hops.front() else { return };
            if hop.frame.is_stale(current) || self.broken {
                drop(self.desk.hops.pop());
                continue;
            }
            match hop.to().checked_sub(place(0)) {
                None => self.up.send_now(self.desk.hops.pop(), &self.desk.shared),
                Some(stage) if stage < self.stages.len() => {
                    self.desk.shared.observe(&hop.frame, Some(&self.desk.names[stage]));
                    self.desk.generation = current;
                    if matches!(hop.frame.payload, Payload::End) {
                        self.deliver_end(stage);
                    } else {
                        self.deliver(stage);
                    }
                }
                Some(_) => self.leave(),
            }
        }
    }

    /// Hands the frame in front to a stage.
    #[inline]
    fn deliver(&mut self, stage: usize) {
        self.called = stage;
        self.desk.now = None;
        let frame = self.desk.hops.pop();
        let mut ctx = Context { desk: &mut self.desk, stage };
        if let Err(error) = self.stages[stage].process(frame, &mut ctx) {
            self.desk.report(stage, error);
        }
    }

    /// Lets the frame in front out at the output end.
    #[inline]
    fn leave(&mut self) {
        let frame = self.desk.hops.pop();
        if frame.payload.is_signal() {
            return self.down.send_now(frame, &self.desk.shared);
        }
        if matches!(frame.payload, Payload::End) {
            self.desk.shared.mark(self.index, Mark::Ended);
        }
        self.outbox.push_back(frame);
    }

    fn deliver_end(&mut self, stage: usize) {
        let end = self.desk.hops.pop();
        let mut ending = Ending::Now;
        self.invoke(stage, |processor, ctx| {
            ending = processor.end(ctx)?;
            Ok(())
        });
        match ending {
            Ending::Now => self.desk.hops.push(place(stage), end),
            Ending::Later => {
                self.desk.shared.hold_end(&self.desk.names[stage]);
                self.desk.ending.push((stage, end));
            }
        }
    }

    /// Tells every stage of a generation that has begun meanwhile.
    #[inline]
    fn hear(&mut self) -> Generation {
        loop {
            let current = self.desk.shared.generation();
            if current == self.heard || self.broken {
                return self.heard;
            }
            self.hear_interrupt(current);
        }
    }

    #[cold]
    fn hear_interrupt(&mut self, current: Generation) {
        self.heard = current;
        self.desk.generation = current;
        if let Some(jobs) = &mut self.desk.jobs {
            jobs.interrupt(current);
        }
        let interrupt = self.desk.shared.latest_interrupt(current);
        for stage in 0..self.stages.len() {
            self.invoke(stage, |processor, ctx| processor.interrupt(&interrupt, ctx));
        }
        if self.outbox.front().is_some_and(|frame| frame.is_stale(current)) {
            self.down.forget_front();
        }
        self.outbox.retain(|frame| !frame.is_stale(current));
    }

    /// Calls a stage; an error is reported, a panic ends the session.
    fn invoke(&mut self, stage: usize, call: impl FnOnce(&mut dyn Processor, &mut Context<'_>) -> Result) {
        match self.call(stage, call) {
            Ok(()) => {}
            Err(Error::Panicked { message, .. }) => self.panicked(stage, message),
            Err(error) => self.desk.report(stage, error),
        }
    }

    fn call(
        &mut self,
        stage: usize,
        call: impl FnOnce(&mut dyn Processor, &mut Context<'_>) -> Result,
    ) -> Result {
        if self.broken {
            return Ok(());
        }
        self.desk.now = None;
        let processor = &mut *self.stages[stage];
        let mut ctx = Context { desk: &mut self.desk, stage };
        match panic::catch(|| call(processor, &mut ctx)) {
            Ok(outcome) => outcome,
            Err(message) => Err(Error::Panicked { stage: self.desk.names[stage].clone(), message }),
        }
    }

    fn panicked(&mut self, stage: usize, message: String) {
        self.broken = true;
        // A junction has no stage: what panicked there is a frame's own code.
        let stage = self.desk.names.get(stage).unwrap_or(self.inbox.stage()).clone();
        self.desk.shared.fail(Error::Panicked { stage, message });
    }

    fn report_drops(&mut self) {
        let frames = self.batch.dropped - self.reported;
        if frames > 0 {
            self.reported = self.batch.dropped;
            let stage = self.inbox.stage().clone();
            let metric = Metric::Dropped { stage, frames };
            let mut frame = Frame::new(Payload::Metrics(Box::new(metric)));
            frame.stamp(self.heard);
            self.desk.hops.push(TOP, frame);
            self.settle();
        }
    }
}

impl Drop for Segment {
    /// A segment that is aborted stops its stages all the same.
    fn drop(&mut self) {
        self.stop();
    }
}
