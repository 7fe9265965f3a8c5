//! Samples between a device's callback and a task: one writes, one reads, nobody waits.
//!
//! No locks, no allocation, no `unsafe`: the samples are atomics themselves. Promises:
//! 1. Samples come out in order, each once.
//! 2. A full ring takes no more: what does not fit is dropped, newest first, and counted.
//! 3. [`Writer::clear`] makes the reader skip what was written before it.
//!
//! Positions count samples since the beginning; 64 bits of them last longer than any machine.

use std::sync::{
    Arc,
    atomic::{AtomicI16, AtomicU64, Ordering},
};

#[derive(Debug)]
struct Ring {
    samples: Box<[AtomicI16]>,
    /// Where the next sample is written.
    written: AtomicU64,
    /// Where the next sample is read.
    read: AtomicU64,
    /// What stands before this is skipped.
    cleared: AtomicU64,
    dropped: AtomicU64,
}

/// The end that writes.
#[derive(Debug)]
pub(crate) struct Writer(Arc<Ring>);

/// The end that reads.
#[derive(Debug)]
pub(crate) struct Reader(Arc<Ring>);

/// A ring for so many samples, at least one.
pub(crate) fn ring(bound: usize) -> (Writer, Reader) {
    let samples = (0..bound.max(1)).map(|_| AtomicI16::new(0)).collect();
    let zero = || AtomicU64::new(0);
    let ring = Ring { samples, written: zero(), read: zero(), cleared: zero(), dropped: zero() };
    let ring = Arc::new(ring);
    (Writer(ring.clone()), Reader(ring))
}

impl Ring {
    fn at(&self, position: u64) -> &AtomicI16 {
        // The remainder is less than the length, which is a usize.
        &self.samples[(position % self.samples.len() as u64) as usize]
    }
}

impl Writer {
    /// Writes what there is room for.
    pub(crate) fn write(&mut self, samples: impl ExactSizeIterator<Item = i16>) {
        let ring = &*self.0;
        let written = ring.written.load(Ordering::Relaxed);
        // Acquired, so that the reader is done with what is overwritten.
        let room = ring.samples.len() as u64 - (written - ring.read.load(Ordering::Acquire));
        let fits = room.min(samples.len() as u64);
        let dropped = samples.len() as u64 - fits;
        let mut position = written;
        for sample in samples.take(usize::try_from(fits).unwrap_or(usize::MAX)) {
            ring.at(position).store(sample, Ordering::Relaxed);
            position += 1;
        }
        ring.dropped.fetch_add(dropped, Ordering::Relaxed);
        ring.written.store(position, Ordering::Release);
    }

    /// The reader skips what it has not read yet.
    pub(crate) fn clear(&mut self) {
        self.0.cleared.store(self.0.written.load(Ordering::Relaxed), Ordering::Release);
    }

    /// Samples the reader has not taken yet.
    pub(crate) fn waiting(&self) -> u64 {
        let read = self.0.read.load(Ordering::Relaxed).max(self.0.cleared.load(Ordering::Relaxed));
        self.0.written.load(Ordering::Relaxed).saturating_sub(read)
    }

    /// Samples that did not fit.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Reader {
    /// Gives the next samples to `take`, at most `most`; how many there were.
    pub(crate) fn read(&mut self, most: usize, mut take: impl FnMut(i16)) -> usize {
        let ring = &*self.0;
        let written = ring.written.load(Ordering::Acquire);
        let from = ring.read.load(Ordering::Relaxed).max(ring.cleared.load(Ordering::Acquire)).min(written);
        let to = written.min(from.saturating_add(most as u64));
        for position in from..to {
            take(ring.at(position).load(Ordering::Relaxed));
        }
        ring.read.store(to, Ordering::Release);
        usize::try_from(to - from).unwrap_or(usize::MAX)
    }

    /// Samples that did not fit.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(reader: &mut Reader, most: usize) -> Vec<i16> {
        let mut samples = Vec::new();
        assert_eq!(reader.read(most, |sample| samples.push(sample)), samples.len());
        samples
    }

    #[test]
    fn a_full_ring_keeps_what_it_has_and_counts_what_does_not_fit() {
        let (mut writer, mut reader) = ring(4);
        writer.write([1, 2, 3].into_iter());
        writer.write([4, 5, 6].into_iter());
        assert_eq!((writer.dropped(), reader.dropped(), writer.waiting()), (2, 2, 4));
        assert_eq!(read(&mut reader, 3), [1, 2, 3]);
        writer.write([7].into_iter());
        assert_eq!(read(&mut reader, 9), [4, 7]);
        assert_eq!(read(&mut reader, 9), [0_i16; 0]);
    }

    #[test]
    fn what_was_written_before_a_clear_is_not_read() {
        let (mut writer, mut reader) = ring(8);
        writer.write([1, 2, 3].into_iter());
        assert_eq!(read(&mut reader, 1), [1]);
        writer.clear();
        assert_eq!(writer.waiting(), 0);
        writer.write([4].into_iter());
        assert_eq!(read(&mut reader, 9), [4]);
    }

    #[test]
    fn a_thread_that_writes_and_one_that_reads_lose_nothing() {
        let (mut writer, mut reader) = ring(64);
        let writing = std::thread::spawn(move || {
            let mut next = 0_i16;
            while next < 20_000 {
                let room = 64 - writer.waiting() as i16;
                let until = (next + room).min(20_000);
                writer.write((next..until).collect::<Vec<_>>().into_iter());
                next = until;
            }
            writer.dropped()
        });
        let mut samples = Vec::new();
        while samples.len() < 20_000 {
            reader.read(17, |sample| samples.push(sample));
        }
        assert_eq!(writing.join().unwrap(), 0);
        assert_eq!(samples, (0..20_000).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn it_is_a_bounded_queue(
            bound in 1..40_usize,
            steps in prop::collection::vec((0..30_usize, 0..30_usize, 0..8_u8), 0..60),
        ) {
            let (mut writer, mut reader) = ring(bound);
            let mut model = std::collections::VecDeque::new();
            let mut next = 0_i16;
            for (write, most, clear) in steps {
                let room = bound - model.len();
                model.extend((next..).take(write.min(room)));
                writer.write((next..next + write as i16).collect::<Vec<_>>().into_iter());
                next += write as i16;
                if clear == 0 {
                    writer.clear();
                    model.clear();
                }
                // Reading, be it nothing, makes room of what was cleared.
                let most = most.min(model.len());
                let expected: Vec<i16> = model.drain(..most).collect();
                prop_assert_eq!(read(&mut reader, most), expected);
            }
        }
    }
}
