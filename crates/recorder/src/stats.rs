//! Counters of a recording, readable while it runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What a recorder has done so far; shared with whoever wants to know.
#[derive(Clone, Debug, Default)]
pub struct RecorderStats {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    written_ms: AtomicU64,
    late_ms: AtomicU64,
    resyncs: AtomicU64,
    overflowed_ms: AtomicU64,
    dropped_blocks: AtomicU64,
}

/// What the deciding part has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) written: Duration,
    pub(crate) late: Duration,
    pub(crate) resyncs: u64,
    pub(crate) overflowed: Duration,
}

impl RecorderStats {
    /// How much of the call has been handed to the disk.
    #[must_use]
    pub fn written(&self) -> Duration {
        Duration::from_millis(self.counts.written_ms.load(Ordering::Relaxed))
    }

    /// Audio that came later than the patience, and is missing.
    #[must_use]
    pub fn late(&self) -> Duration {
        Duration::from_millis(self.counts.late_ms.load(Ordering::Relaxed))
    }

    /// How often the clock of the user's audio began anew, and was set by the arrival of its audio.
    #[must_use]
    pub fn resyncs(&self) -> u64 {
        self.counts.resyncs.load(Ordering::Relaxed)
    }

    /// Audio of the bot that waited to be played for so long that it was forgotten.
    #[must_use]
    pub fn overflowed(&self) -> Duration {
        Duration::from_millis(self.counts.overflowed_ms.load(Ordering::Relaxed))
    }

    /// Blocks of half a second that the disk was too slow for.
    #[must_use]
    pub fn dropped_blocks(&self) -> u64 {
        self.counts.dropped_blocks.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, counted: Counted, dropped_blocks: u64) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.counts.written_ms.store(ms(counted.written), Ordering::Relaxed);
        self.counts.late_ms.store(ms(counted.late), Ordering::Relaxed);
        self.counts.resyncs.store(counted.resyncs, Ordering::Relaxed);
        self.counts.overflowed_ms.store(ms(counted.overflowed), Ordering::Relaxed);
        self.counts.dropped_blocks.store(dropped_blocks, Ordering::Relaxed);
    }
}
