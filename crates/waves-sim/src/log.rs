//! What the simulator received and did, for tests to look at and for people to read.
//!
//! One [`LogEntry`] an event, in order, in memory and, when asked for, in a file of JSON lines.
//! Audio is logged as counts with a SHA-256 over all bytes so far, at each `finalize` and
//! `close_stream` and at the end; requests to speak are logged in full. Keys never are.
//! The file is written line by line as things happen, by the task they happen in: short writes to a local
//! file. The log holds what clients sent: treat it as private data.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io::Write as _,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{sync::watch, time::Instant};

use crate::Endpoint;
use crate::config::Limits;

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogEntry {
    /// Milliseconds since the simulator was started.
    pub at_ms: u64,
    /// Which connection, numbered from 1 in the order accepted.
    pub connection: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: LogEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogEvent {
    /// A connection was upgraded.
    Opened {
        /// To which endpoint.
        endpoint: Endpoint,
        /// The path as sent, without the query.
        path: String,
        /// The query, decoded; keys hidden; of a name given twice the last value.
        query: BTreeMap<String, String>,
        /// Request headers, names in lower case; credentials hidden.
        headers: BTreeMap<String, String>,
    },
    /// A connection was refused before the upgrade.
    Refused {
        /// What it asked for.
        path: String,
        /// The HTTP status; none when it got no answer.
        status: Option<u16>,
        /// Why.
        reason: String,
    },
    /// A text message to a speech-to-text endpoint.
    Control {
        /// The message.
        message: String,
    },
    /// A text message to a text-to-speech endpoint.
    Request {
        /// The message as JSON, or as a string when it is none.
        body: Value,
    },
    /// The audio received so far.
    Audio {
        /// When it was counted.
        when: AudioMark,
        /// Bytes in all binary messages.
        bytes: u64,
        /// Binary messages.
        messages: u64,
        /// Binary messages without a byte in them.
        empty_messages: u64,
        /// SHA-256 of all bytes in order, in hex.
        sha256: String,
    },
    /// A fault was put on an open connection.
    Fault {
        /// Which.
        fault: String,
    },
    /// The connection is over.
    Closed {
        /// Who ended it, and how.
        by: ClosedBy,
        /// The close code, if there was a close frame.
        code: Option<u16>,
        /// The close frame's reason, or what went wrong.
        reason: String,
        /// Messages sent to the client.
        messages_sent: u64,
    },
}

/// When received audio was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioMark {
    /// A `finalize` arrived.
    Finalize,
    /// A `close_stream` arrived.
    CloseStream,
    /// The connection ended.
    End,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// The client sent a close frame first.
    Client,
    /// The simulator did.
    Server,
    /// The stream ended or failed without a close frame.
    Dropped,
    /// A fault dropped it.
    Fault,
}

/// The log of one simulator.
pub(crate) struct Log {
    started: Instant,
    // Connections write from their tasks, tests read from theirs; held for one entry, never across an await.
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
    max_entries: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Inner {
    entries: VecDeque<(LogEntry, usize)>,
    bytes: usize,
    dropped: u64,
    file: Option<File>,
}

impl Log {
    pub(crate) fn new(limits: &Limits, file: Option<&Path>) -> std::io::Result<Self> {
        let open = |path| File::options().create(true).append(true).open(path);
        let inner = Inner { file: file.map(open).transpose()?, ..Inner::default() };
        Ok(Self {
            started: Instant::now(),
            inner: Mutex::new(inner),
            changes: watch::Sender::new(0),
            max_entries: limits.log_entries,
            max_bytes: limits.log_bytes,
        })
    }

    pub(crate) fn write(&self, connection: u64, event: LogEvent) {
        let at_ms = self.started.elapsed().as_millis() as u64;
        let entry = LogEntry { at_ms, connection, event };
        let mut line = serde_json::to_vec(&entry).unwrap_or_default();
        let size = line.len();
        line.push(b'\n');
        let mut inner = self.inner();
        if let Some(file) = &mut inner.file
            && let Err(error) = file.write_all(&line)
        {
            tracing::warn!(%error, "the log file cannot be written; going on without it");
            inner.file = None;
        }
        inner.bytes += size;
        inner.entries.push_back((entry, size));
        while inner.entries.len() > self.max_entries || inner.bytes > self.max_bytes {
            let Some((_, size)) = inner.entries.pop_front() else { break };
            inner.bytes -= size;
            inner.dropped += 1;
        }
        drop(inner);
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn snapshot(&self) -> Vec<LogEntry> {
        self.inner().entries.iter().map(|(entry, _)| entry.clone()).collect()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.inner().dropped
    }

    /// The first entry that fits, now or within `limit`.
    pub(crate) async fn wait_for(
        &self,
        limit: Duration,
        mut fits: impl FnMut(&LogEntry) -> bool,
    ) -> Option<LogEntry> {
        let mut changes = self.changes.subscribe();
        let found = async {
            loop {
                changes.mark_unchanged();
                if let Some(entry) = self.snapshot().into_iter().find(|entry| fits(entry)) {
                    return entry;
                }
                // The sender lives as long as the log, so that waiting cannot fail.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(limit, found).await.ok()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({} entries)", self.inner().entries.len())
    }
}

/// Counts and digests one connection's audio.
#[derive(Clone, Default)]
pub(crate) struct AudioDigest {
    sha256: Sha256,
    bytes: u64,
    messages: u64,
    empty_messages: u64,
}

impl AudioDigest {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
        self.messages += 1;
        self.empty_messages += u64::from(bytes.is_empty());
    }

    pub(crate) fn event(&self, when: AudioMark) -> LogEvent {
        let sha256 = self.sha256.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        LogEvent::Audio {
            when,
            bytes: self.bytes,
            messages: self.messages,
            empty_messages: self.empty_messages,
            sha256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(text: &str) -> LogEvent {
        LogEvent::Control { message: text.to_owned() }
    }

    #[tokio::test]
    async fn the_oldest_entries_go_when_there_are_too_many() {
        let limits = Limits { log_entries: 2, ..Limits::default() };
        let log = Log::new(&limits, None).unwrap();
        ["a", "b", "c"].iter().for_each(|text| log.write(1, control(text)));
        let kept: Vec<_> = log.snapshot().into_iter().map(|entry| entry.event).collect();
        assert_eq!(kept, [control("b"), control("c")]);
        assert_eq!(log.dropped(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_entry_or_with_its_time() {
        let log = std::sync::Arc::new(Log::new(&Limits::default(), None).unwrap());
        let writer = log.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            writer.write(7, control("late"));
        });
        let entry = log.wait_for(Duration::from_secs(5), |entry| entry.connection == 7).await;
        assert_eq!(entry.unwrap().at_ms, 1_000);
        assert_eq!(log.wait_for(Duration::from_secs(5), |entry| entry.connection == 8).await, None);
    }

    #[test]
    fn the_digest_is_that_of_the_bytes_however_they_come() {
        let digest = |chunks: &[&[u8]]| {
            let mut digest = AudioDigest::default();
            chunks.iter().for_each(|chunk| digest.push(chunk));
            match digest.event(AudioMark::End) {
                LogEvent::Audio { sha256, bytes, .. } => (sha256, bytes),
                _ => unreachable!(),
            }
        };
        assert_eq!(digest(&[b"abc"]), digest(&[b"a", b"", b"bc"]));
        assert!(digest(&[b"abc"]).0.starts_with("ba7816bf"));
    }
}
