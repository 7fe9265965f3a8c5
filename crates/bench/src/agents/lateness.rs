//! How late things came, as a histogram that all sessions share: of a fixed size, so that measuring takes no memory
//! that grows, and counted without a lock.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// Width of a bucket, in microseconds.
const STEP: u64 = 10;
/// Buckets up to one second; what is later counts as a second.
const BUCKETS: usize = 100_000;

/// How late things came.
pub(crate) struct Lateness {
    buckets: Box<[AtomicU32]>,
}

impl Default for Lateness {
    fn default() -> Self {
        Self { buckets: (0..=BUCKETS).map(|_| AtomicU32::new(0)).collect() }
    }
}

impl Lateness {
    pub(crate) fn count(&self, late: Duration) {
        let bucket = (late.as_micros() as u64 / STEP).min(BUCKETS as u64);
        self.buckets[bucket as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn forget(&self) {
        self.buckets.iter().for_each(|bucket| bucket.store(0, Relaxed));
    }

    pub(crate) fn total(&self) -> u64 {
        self.buckets.iter().map(|bucket| u64::from(bucket.load(Relaxed))).sum()
    }

    /// The lateness that this share of all stayed within, in milliseconds.
    pub(crate) fn ms(&self, share: f64) -> f64 {
        let wanted = (self.total() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = |bucket: &AtomicU32| {
            seen += u64::from(bucket.load(Relaxed));
            seen >= wanted
        };
        let bucket = self.buckets.iter().position(reached).unwrap_or(0);
        ((bucket + 1) as u64 * STEP) as f64 / 1e3
    }
}
