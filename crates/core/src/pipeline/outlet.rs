//! Where frames go when they leave a segment: to a neighbour, to several, or out of the pipeline.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    frame::{Frame, FrameId, Payload},
    link::{Inbox, Refused},
    session::{Shared, Side},
};

/// The way on, in one direction.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// The end of the pipeline on this side.
    Edge(Side),
    /// One neighbour.
    Link(Arc<Inbox>),
    /// The neighbours in each branch; how many of them have the frame at the front of the queue already.
    Fan(Vec<Arc<Inbox>>, usize),
}

impl Outlet {
    /// Sends on as much of `outbox` as there is room for, downstream.
    /// Ready when it is empty.
    pub(crate) fn poll_flush(
        &mut self,
        outbox: &mut VecDeque<Frame>,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if outbox.is_empty() {
            return Poll::Ready(());
        }
        match self {
            Self::Edge(side) => outbox.drain(..).for_each(|frame| shared.reached(*side, frame)),
            Self::Link(next) => {
                if !next.push_down_all(outbox, cx) {
                    return Poll::Pending;
                }
            }
            Self::Fan(branches, done) => {
                while let Some(frame) = outbox.front() {
                    while let Some(branch) = branches.get(*done) {
                        if let Err(Refused::Full(_)) = branch.push_down(frame.clone(), cx) {
                            return Poll::Pending;
                        }
                        *done += 1;
                    }
                    *done = 0;
                    outbox.pop_front();
                }
            }
        }
        Poll::Ready(())
    }

    /// The frame at the front of the queue is gone: no neighbour has the new one yet.
    pub(crate) fn forget_front(&mut self) {
        if let Self::Fan(_, done) = self {
            *done = 0;
        }
    }

    /// Sends a frame on that must not wait: a signal either way, or anything upstream.
    pub(crate) fn send_now(&self, frame: Frame, shared: &Shared) {
        let push = |inbox: &Inbox, frame: Frame| {
            let pushed =
                if frame.payload.is_signal() { inbox.push_signal(frame) } else { inbox.push_up(frame) };
            if let Err(overflow) = pushed {
                shared.fail(overflow);
            }
        };
        match self {
            Self::Edge(side) => shared.reached(*side, frame),
            Self::Link(next) => push(next, frame),
            Self::Fan(branches, _) => branches.iter().for_each(|branch| push(branch, frame.clone())),
        }
    }
}

/// Lets each frame that was fanned out come back once, and the end once all branches have ended.
///
/// Remembers the last [`REMEMBERED`] ids: a copy that comes later than that behind its twin passes again.
#[derive(Debug)]
pub(crate) struct Join {
    branches: usize,
    ended: usize,
    seen: HashSet<FrameId>,
    order: VecDeque<FrameId>,
}

const REMEMBERED: usize = 4096;

impl Join {
    pub(crate) fn new(branches: usize) -> Self {
        Self { branches, ended: 0, seen: HashSet::new(), order: VecDeque::new() }
    }

    /// Whether the frame passes.
    pub(crate) fn admits(&mut self, frame: &Frame) -> bool {
        if matches!(frame.payload, Payload::End) {
            self.ended = (self.ended + 1) % self.branches;
            return self.ended == 0;
        }
        if !self.seen.insert(frame.id()) {
            return false;
        }
        self.order.push_back(frame.id());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}
