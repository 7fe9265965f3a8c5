//! Writing without waiting: a bounded queue to a thread that may block.
//!
//! In: writes, from a stage that must not wait. They are done in order on the runtime's blocking threads, one at
//! a time. Promises:
//! 1. [`push`](Offload::push) takes no longer than a short lock. A full queue drops what is pushed, and counts it.
//! 2. After the first failure nothing more is written; the failure is told once.
//! 3. [`close`](Offload::close) does what is left on the caller's thread, so that nothing is lost at the end.
//!
//! Who can wait looks at [`is_full`](Offload::is_full) before it pushes more.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::RecordError;

/// What is written to.
pub(crate) trait Sink: Send + 'static {
    type Write: Send + 'static;

    /// Bytes a write holds while it waits.
    fn cost(write: &Self::Write) -> usize;

    fn write(&mut self, write: Self::Write) -> Result<(), RecordError>;

    fn close(self) -> Result<(), RecordError>;
}

/// A sink behind a queue.
pub(crate) struct Offload<S: Sink> {
    shared: Arc<Shared<S>>,
}

struct Shared<S: Sink> {
    // Between the stage and the blocking thread: held for a push or a pop.
    queue: Mutex<Queue<S::Write>>,
    // Between one blocking thread, the next, and whoever closes: held while something is written.
    sink: Mutex<Option<S>>,
}

struct Queue<W> {
    writes: VecDeque<W>,
    cost: usize,
    bound: usize,
    /// A blocking thread is at work, and will see what is pushed meanwhile.
    draining: bool,
    dropped: u64,
    failure: Option<RecordError>,
    failed: bool,
}

impl<S: Sink> Offload<S> {
    /// Holds at most `bound` bytes.
    pub(crate) fn new(sink: S, bound: usize) -> Self {
        let queue = Queue {
            writes: VecDeque::new(),
            cost: 0,
            bound,
            draining: false,
            dropped: 0,
            failure: None,
            failed: false,
        };
        Self { shared: Arc::new(Shared { queue: Mutex::new(queue), sink: Mutex::new(Some(sink)) }) }
    }

    pub(crate) fn push(&self, write: S::Write) {
        let mut queue = lock(&self.shared.queue);
        let cost = S::cost(&write);
        if queue.failed {
            return;
        }
        if queue.cost + cost > queue.bound {
            queue.dropped += 1;
            return;
        }
        queue.cost += cost;
        queue.writes.push_back(write);
        if std::mem::replace(&mut queue.draining, true) {
            return;
        }
        drop(queue);
        let shared = self.shared.clone();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || shared.drain())),
            Err(_) => shared.drain(),
        }
    }

    /// Whether more than half of the queue is taken.
    pub(crate) fn is_full(&self) -> bool {
        let queue = lock(&self.shared.queue);
        queue.cost > queue.bound / 2
    }

    /// Why nothing is written any more; told once.
    pub(crate) fn take_failure(&self) -> Option<RecordError> {
        lock(&self.shared.queue).failure.take()
    }

    /// Writes that the queue had no room for.
    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.shared.queue).dropped
    }

    /// Writes what is left in the queue, and `rest`, and closes the sink; later writes are for nothing.
    pub(crate) fn close(&self, rest: impl IntoIterator<Item = S::Write>) -> Result<(), RecordError> {
        self.shared.drain();
        lock(&self.shared.queue).failed = true;
        if let Some(error) = self.take_failure() {
            return Err(error);
        }
        let Some(mut sink) = lock(&self.shared.sink).take() else { return Ok(()) };
        rest.into_iter().try_for_each(|write| sink.write(write))?;
        sink.close()
    }
}

impl<S: Sink> Shared<S> {
    fn drain(&self) {
        // First the sink, so that writes are popped in the order they are done.
        let mut sink = lock(&self.sink);
        loop {
            let write = {
                let mut queue = lock(&self.queue);
                let Some(write) = queue.writes.pop_front() else {
                    queue.draining = false;
                    return;
                };
                queue.cost -= S::cost(&write);
                write
            };
            let Some(open) = sink.as_mut() else { continue };
            if let Err(error) = open.write(write) {
                let mut queue = lock(&self.queue);
                queue.failure = Some(error);
                queue.failed = true;
            }
            if lock(&self.queue).failed {
                // What was written stays; closing it again would only fail again.
                *sink = None;
            }
        }
    }
}

impl<S: Sink> fmt::Debug for Offload<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = lock(&self.shared.queue);
        write!(f, "Offload({} writes wait, {} dropped)", queue.writes.len(), queue.dropped)
    }
}

/// A panic while a lock was held left a queue or a file that is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Writes numbers to a channel; waits for leave before each, and fails at 13.
    struct Numbers {
        leave: mpsc::Receiver<()>,
        written: mpsc::Sender<u32>,
    }

    impl Sink for Numbers {
        type Write = u32;

        fn cost(_: &u32) -> usize {
            1
        }

        fn write(&mut self, number: u32) -> Result<(), RecordError> {
            self.leave.recv().unwrap();
            if number == 13 {
                return Err(RecordError::TooSlow { dropped: 13 });
            }
            self.written.send(number).unwrap();
            Ok(())
        }

        fn close(self) -> Result<(), RecordError> {
            Ok(())
        }
    }

    fn offload(bound: usize) -> (Offload<Numbers>, mpsc::Sender<()>, mpsc::Receiver<u32>) {
        let ((leave, waits), (written, numbers)) = (mpsc::channel(), mpsc::channel());
        (Offload::new(Numbers { leave: waits, written }, bound), leave, numbers)
    }

    #[test]
    fn a_disk_that_stands_still_stops_nobody_and_loses_what_does_not_fit() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (offload, leave, numbers) = offload(3);
            // One of them may be at the disk, beyond the bound.
            for number in 0..10 {
                offload.push(number);
            }
            let dropped = offload.dropped();
            assert!((6..=7).contains(&dropped), "{dropped}");
            (0..11).for_each(|_| leave.send(()).unwrap());
            offload.close([77]).unwrap();
            drop(offload);
            let expected: Vec<u32> = (0..10 - dropped as u32).chain([77]).collect();
            assert_eq!(numbers.iter().collect::<Vec<_>>(), expected);
        });
    }

    #[test]
    fn after_a_failure_nothing_is_written_and_it_is_told_once() {
        let (offload, leave, numbers) = offload(100);
        (0..10).for_each(|_| leave.send(()).unwrap());
        [1, 13, 2].into_iter().for_each(|number| offload.push(number));
        assert!(matches!(offload.take_failure(), Some(RecordError::TooSlow { dropped: 13 })));
        assert!(offload.take_failure().is_none());
        offload.push(3);
        assert!(offload.close([4]).is_ok());
        drop(offload);
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [1]);
    }
}
