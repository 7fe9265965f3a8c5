//! What the service counts, readable from anywhere while it runs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// A moment's values.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct TtsCounts {
            $($(#[$doc])* pub $field: u64,)*
        }

        #[derive(Debug, Default)]
        struct Shared {
            $($field: AtomicU64,)*
        }

        impl TtsCounters {
            /// The values now.
            #[must_use]
            pub fn counts(&self) -> TtsCounts {
                TtsCounts { $($field: self.0.$field.load(Relaxed),)* }
            }

            $(pub(crate) fn $field(&self, more: u64) {
                self.0.$field.fetch_add(more, Relaxed);
            })*
        }
    };
}

/// The counters of one service. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct TtsCounters(Arc<Shared>);

counters! {
    /// Requests sent: texts the service was asked to speak, those sent again included.
    requests,
    /// Unicode characters of them.
    characters,
    /// Requests sent again because their connection was lost or silent before any audio.
    resent,
    /// Chunks of audio delivered.
    chunks,
    /// Bytes of audio received for an answer.
    audio_bytes,
    /// Bytes that never became a whole sample.
    left_over_bytes,
    /// Chunks and words dropped because they belong to no known answer.
    unmatched,
    /// Answers taken as complete by their length and quiet, without the service's word.
    assumed_complete,
    /// Connections opened after the first.
    reconnects,
    /// Keepalive messages sent.
    keepalives,
    /// Messages that were not JSON objects.
    malformed,
    /// Binary messages, which this service does not send.
    binary,
    /// Errors of the service while nothing was asked of it.
    idle_errors,
}
