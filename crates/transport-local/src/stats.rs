//! Counters of the devices, and word from their callbacks: atomics, because a callback may not lock.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// What has happened at the devices so far; shared with whoever wants to know.
#[derive(Clone, Debug, Default)]
pub struct LocalStats(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    captured: AtomicU64,
    overrun: AtomicU64,
    played: AtomicU64,
    underruns: AtomicU64,
    glitches: AtomicU64,
    input_lost: AtomicBool,
    output_lost: AtomicBool,
}

impl LocalStats {
    /// Samples captured, at the rate of the device.
    #[must_use]
    pub fn captured(&self) -> u64 {
        self.0.captured.load(Ordering::Relaxed)
    }

    /// Samples captured that nobody read in time: the program was held up for longer than the ring lasts.
    #[must_use]
    pub fn overrun(&self) -> u64 {
        self.0.overrun.load(Ordering::Relaxed)
    }

    /// Samples given to the speaker, at the rate of the device, silence between answers not counted.
    #[must_use]
    pub fn played(&self) -> u64 {
        self.0.played.load(Ordering::Relaxed)
    }

    /// How often the speaker ran dry: at the end of each answer once; more often, audio came too late.
    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.0.underruns.load(Ordering::Relaxed)
    }

    /// Glitches the system has told of, in either direction.
    #[must_use]
    pub fn glitches(&self) -> u64 {
        self.0.glitches.load(Ordering::Relaxed)
    }

    pub(crate) fn add_captured(&self, samples: usize) {
        self.0.captured.fetch_add(samples as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_overrun(&self, samples: u64) {
        self.0.overrun.fetch_add(samples, Ordering::Relaxed);
    }

    pub(crate) fn add_played(&self, samples: usize) {
        self.0.played.fetch_add(samples as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_underrun(&self) {
        self.0.underruns.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_glitch(&self) {
        self.0.glitches.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lose(&self, input: bool) {
        let lost = if input { &self.0.input_lost } else { &self.0.output_lost };
        lost.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_lost(&self, input: bool) -> bool {
        let lost = if input { &self.0.input_lost } else { &self.0.output_lost };
        lost.load(Ordering::Relaxed)
    }
}
