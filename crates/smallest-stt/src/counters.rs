//! What a session has done so far, for metrics, tests and summaries: a handle that is cheap to clone.
//!
//! Counters only rise. They are read one by one: a snapshot taken while the session works may be between two.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// A shared handle on the counters of one service. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct SttCounters(Arc<Cells>);

macro_rules! counters {
    ($( $(#[$doc:meta])* $name:ident, )*) => {
        #[derive(Debug, Default)]
        struct Cells {
            $( $name: AtomicU64, )*
            dropped: AtomicU64,
            audio: AtomicU64,
            waiting: AtomicU64,
        }

        /// The counters at a moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct SttCounts {
            $( $(#[$doc])* pub $name: u64, )*
            /// Audio that could neither be sent nor kept.
            pub dropped: Duration,
            /// Audio handed over, counted once.
            pub audio: Duration,
            /// Audio handed over that has not been sent yet. The one value that also falls.
            pub waiting: Duration,
        }

        impl SttCounters {
            /// The counters now.
            #[must_use]
            pub fn snapshot(&self) -> SttCounts {
                SttCounts {
                    $( $name: self.0.$name.load(Relaxed), )*
                    dropped: Duration::from_nanos(self.0.dropped.load(Relaxed)),
                    audio: Duration::from_nanos(self.0.audio.load(Relaxed)),
                    waiting: self.waiting(),
                }
            }

            $( pub(crate) fn $name(&self, more: usize) {
                self.0.$name.fetch_add(more as u64, Relaxed);
            } )*
        }
    };
}

counters! {
    /// Bytes of audio sent, on all connections, without keepalive silence; audio sent again counts again.
    bytes_sent,
    /// Messages of audio sent.
    audio_messages,
    /// `finalize` messages sent as the boundary of a turn.
    finalizes,
    /// Keepalives sent.
    keepalives,
    /// Messages received.
    messages,
    /// Finals received, duplicates not counted.
    finals,
    /// Finals dropped because they said again what had just been said.
    duplicates,
    /// Messages received that could not be read.
    malformed,
    /// Binary messages received, where only text is expected.
    unexpected_binary,
    /// Connections opened after the first.
    reconnects,
    /// Errors the service reported in a message.
    errors,
    /// Bytes of audio handed over that never became a whole sample.
    partial_bytes,
    /// Events that were thrown away because nobody took them.
    events_lost,
}

impl SttCounters {
    pub(crate) fn dropped(&self, audio: Duration) {
        self.0.dropped.fetch_add(nanos(audio), Relaxed);
    }

    pub(crate) fn waiting(&self) -> Duration {
        Duration::from_nanos(self.0.waiting.load(Relaxed))
    }

    pub(crate) fn set_waiting(&self, audio: Duration) {
        self.0.waiting.store(nanos(audio), Relaxed);
    }

    pub(crate) fn audio(&self, audio: Duration) {
        self.0.audio.fetch_add(nanos(audio), Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
