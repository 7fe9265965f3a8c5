//! The timers of one segment: few, so a list; one sleep for the earliest.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::time::Sleep;

use crate::processor::Timer;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: Vec<(Instant, usize, Timer)>,
    // Made when the first timer is set: most segments have none.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timers {
    /// Sets or moves a stage's timer.
    pub(crate) fn set(&mut self, stage: usize, timer: Timer, at: Instant) {
        self.cancel(stage, timer);
        self.set.push((at, stage, timer));
    }

    /// Forgets a stage's timer.
    pub(crate) fn cancel(&mut self, stage: usize, timer: Timer) {
        self.set.retain(|&(_, s, t)| (s, t) != (stage, timer));
    }

    /// Ready when a timer is due.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.set.iter().map(|&(at, ..)| at).min() else { return Poll::Pending };
        let at = tokio::time::Instant::from_std(at);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }

    /// Takes the earliest timer that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(usize, Timer)> {
        let earliest = (0..self.set.len()).min_by_key(|&index| self.set[index].0)?;
        let (at, stage, timer) = self.set[earliest];
        (at <= now).then(|| {
            self.set.remove(earliest);
            (stage, timer)
        })
    }

    /// How many timers are set.
    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether any timer is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }
}
