//! What the driver has done so far, for metrics and tests: a handle that is cheap to clone and to read.
//!
//! Counters only rise and are read one by one, so a snapshot taken while the driver runs may be between
//! two of them. Reconnects are not here: only the provider knows which connect was one.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// A shared handle on the counters. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct WireStats(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    connects: AtomicU64,
    opened: AtomicU64,
    closed: AtomicU64,
    messages_sent: AtomicU64,
    bytes_sent: AtomicU64,
    messages_received: AtomicU64,
    bytes_received: AtomicU64,
    messages_dropped: AtomicU64,
    pings_sent: AtomicU64,
    send_waits: AtomicU64,
    event_waits: AtomicU64,
}

/// The counters at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WireCounts {
    /// Connects begun.
    pub connects: u64,
    /// Connects that succeeded.
    pub opened: u64,
    /// Open connections that ended.
    pub closed: u64,
    /// Data messages handed to a socket.
    pub messages_sent: u64,
    /// Their payload, in bytes.
    pub bytes_sent: u64,
    /// Data messages received.
    pub messages_received: u64,
    /// Their payload, in bytes.
    pub bytes_received: u64,
    /// Messages asked to be sent that never reached a socket: their connection had ended, or ended first.
    pub messages_dropped: u64,
    /// Pings sent.
    pub pings_sent: u64,
    /// Times a full send queue stopped the driver from taking more.
    pub send_waits: u64,
    /// Times the receiver of events was not ready.
    pub event_waits: u64,
}

impl WireStats {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counters now.
    #[must_use]
    pub fn counts(&self) -> WireCounts {
        let Counters { connects, opened, closed, messages_sent, bytes_sent, messages_received, .. } =
            &*self.0;
        let Counters { bytes_received, messages_dropped, pings_sent, send_waits, event_waits, .. } = &*self.0;
        WireCounts {
            connects: connects.load(Relaxed),
            opened: opened.load(Relaxed),
            closed: closed.load(Relaxed),
            messages_sent: messages_sent.load(Relaxed),
            bytes_sent: bytes_sent.load(Relaxed),
            messages_received: messages_received.load(Relaxed),
            bytes_received: bytes_received.load(Relaxed),
            messages_dropped: messages_dropped.load(Relaxed),
            pings_sent: pings_sent.load(Relaxed),
            send_waits: send_waits.load(Relaxed),
            event_waits: event_waits.load(Relaxed),
        }
    }

    pub(crate) fn connecting(&self) {
        self.0.connects.fetch_add(1, Relaxed);
    }

    pub(crate) fn opened(&self) {
        self.0.opened.fetch_add(1, Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.0.closed.fetch_add(1, Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.0.messages_sent.fetch_add(1, Relaxed);
        self.0.bytes_sent.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.messages_received.fetch_add(1, Relaxed);
        self.0.bytes_received.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn dropped(&self, messages: usize) {
        self.0.messages_dropped.fetch_add(messages as u64, Relaxed);
    }

    pub(crate) fn pinged(&self) {
        self.0.pings_sent.fetch_add(1, Relaxed);
    }

    pub(crate) fn send_waits(&self) {
        self.0.send_waits.fetch_add(1, Relaxed);
    }

    pub(crate) fn event_waits(&self) {
        self.0.event_waits.fetch_add(1, Relaxed);
    }
}
