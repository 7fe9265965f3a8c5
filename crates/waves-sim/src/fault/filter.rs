//! Faults applied to one open connection.
//!
//! In: every message on its way out, and how much came in. Out: what goes onto the wire instead, and
//! the connection's [`Condition`]. Pure: time is an argument, as the duration since the upgrade.

use std::time::Duration;

use serde_json::Value;

use super::{At, FaultKind, When};
use crate::session::{Reply, ReplyKind};

/// What goes onto the wire.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Wire {
    Text(String),
    Binary(Vec<u8>),
    /// Bytes past the WebSocket protocol.
    Raw(Vec<u8>),
    Ping,
    Close {
        code: u16,
        reason: String,
    },
}

/// What the faults have done to the connection as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Sound,
    /// Reads, sends nothing.
    Stalled,
    /// Neither reads nor sends.
    Frozen,
    /// To be dropped, by a reset or not.
    Dropped {
        reset: bool,
    },
}

#[derive(Debug, Default)]
pub(crate) struct FaultFilter {
    /// With how many messages each could have applied to so far.
    faults: Vec<(FaultKind, u64)>,
    received: u64,
    sent: u64,
    /// A `complete` or `is_last` was swallowed: the close after it is, too.
    keeps_open: bool,
}

impl FaultFilter {
    pub(crate) fn new(faults: impl IntoIterator<Item = FaultKind>) -> Self {
        Self { faults: faults.into_iter().map(|kind| (kind, 0)).collect(), ..Self::default() }
    }

    /// A fault for a connection that is already open; times count from `now`, bytes from here.
    pub(crate) fn add(&mut self, kind: FaultKind, now: Duration) {
        let later = |when| match when {
            When::After(wait) => When::After(now + wait),
            When::Received(bytes) => When::Received(self.received + bytes),
            When::Sent(bytes) => When::Sent(self.sent + bytes),
        };
        let kind = match kind {
            FaultKind::Drop(when) => FaultKind::Drop(later(when)),
            FaultKind::Reset(when) => FaultKind::Reset(later(when)),
            FaultKind::HalfOpen(when) => FaultKind::HalfOpen(later(when)),
            FaultKind::Stall(when) => FaultKind::Stall(later(when)),
            kind => kind,
        };
        self.faults.push((kind, 0));
    }

    pub(crate) fn note_received(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    pub(crate) fn note_sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// How late messages leave.
    pub(crate) fn delay(&self) -> Duration {
        let slow = |(kind, _): &(FaultKind, u64)| match kind {
            FaultKind::Slow(delay) => Some(*delay),
            _ => None,
        };
        self.faults.iter().filter_map(slow).max().unwrap_or_default()
    }

    /// The state of the connection; the worst of what applies.
    pub(crate) fn condition(&self, now: Duration) -> Condition {
        let mut condition = Condition::Sound;
        for (kind, _) in &self.faults {
            match kind {
                FaultKind::Drop(when) if self.is_reached(*when, now) => {
                    return Condition::Dropped { reset: false };
                }
                FaultKind::Reset(when) if self.is_reached(*when, now) => {
                    return Condition::Dropped { reset: true };
                }
                FaultKind::HalfOpen(when) if self.is_reached(*when, now) => condition = Condition::Frozen,
                FaultKind::Stall(when) if condition == Condition::Sound && self.is_reached(*when, now) => {
                    condition = Condition::Stalled;
                }
                _ => {}
            }
        }
        condition
    }

    /// When the condition may change by time alone.
    pub(crate) fn poll_timeout(&self, now: Duration) -> Option<Duration> {
        let after = |(kind, _): &(FaultKind, u64)| match kind {
            FaultKind::Drop(When::After(at))
            | FaultKind::Reset(When::After(at))
            | FaultKind::HalfOpen(When::After(at))
            | FaultKind::Stall(When::After(at)) => Some(*at),
            _ => None,
        };
        self.faults.iter().filter_map(after).filter(|at| *at > now).min()
    }

    /// Whether a close the service wants is to be left out.
    pub(crate) fn swallows_close(&self) -> bool {
        self.keeps_open
    }

    /// What leaves for `reply`.
    pub(crate) fn handle_reply(&mut self, reply: Reply) -> Vec<Wire> {
        let mut before = Vec::new();
        let mut copies = 1;
        let mut as_binary = false;
        let mut text = reply.text;
        for (kind, met) in &mut self.faults {
            let Some(at) = applies_at(kind, reply.kind) else { continue };
            *met += 1;
            if !(at == At::Every || at == At::Nth(*met)) {
                continue;
            }
            match kind {
                FaultKind::Malformed(_) => before.push(Wire::Text("{\"status\":\"succ".to_owned())),
                FaultKind::Giant { bytes, .. } => before.push(Wire::Text(giant(*bytes))),
                // Opcode 3 is reserved: any peer must fail the connection.
                FaultKind::Garbage(_) => before.push(Wire::Raw(vec![0x83, 0x00, 0xFF, 0x13])),
                FaultKind::Error { shape, .. } => {
                    before.push(Wire::Text(shape.frame("simulated error", "SIMULATED", None).to_string()));
                }
                FaultKind::BinaryForText(_) => as_binary = true,
                FaultKind::DuplicateFinal(_) => copies = 2,
                FaultKind::MissingFinal(_) => copies = 0,
                FaultKind::MissingComplete(_) => (copies, self.keeps_open) = (0, true),
                FaultKind::MissingLast => {
                    (text, self.keeps_open) = (with(&text, |json| json["is_last"] = false.into()), true);
                }
                FaultKind::BadBase64(_) => {
                    text = with(&text, |json| json["data"]["audio"] = "!not base64!".into())
                }
                _ => {}
            }
        }
        let message = if as_binary { Wire::Binary(text.into_bytes()) } else { Wire::Text(text) };
        before.extend(std::iter::repeat_n(message, copies));
        before
    }

    fn is_reached(&self, when: When, now: Duration) -> bool {
        match when {
            When::Received(bytes) => self.received >= bytes,
            When::Sent(bytes) => self.sent >= bytes,
            When::After(at) => now >= at,
        }
    }
}

/// Which messages of this reply's kind a fault counts and applies to, `None` when it does not concern it.
fn applies_at(kind: &FaultKind, reply: ReplyKind) -> Option<At> {
    let is_final = matches!(reply, ReplyKind::Final | ReplyKind::Last);
    match kind {
        FaultKind::Malformed(at)
        | FaultKind::BinaryForText(at)
        | FaultKind::Giant { at, .. }
        | FaultKind::Garbage(at)
        | FaultKind::Error { at, .. } => Some(*at),
        FaultKind::DuplicateFinal(at) => is_final.then_some(*at),
        FaultKind::MissingFinal(at) => (reply == ReplyKind::Final).then_some(*at),
        FaultKind::MissingLast => (reply == ReplyKind::Last).then_some(At::Every),
        FaultKind::MissingComplete(at) => (reply == ReplyKind::Complete).then_some(*at),
        FaultKind::BadBase64(at) => (reply == ReplyKind::Chunk).then_some(*at),
        _ => None,
    }
}

/// A valid JSON message of about `bytes` bytes that means nothing.
fn giant(bytes: usize) -> String {
    const FRAME: &str = "{\"type\":\"simulated_giant\",\"padding\":\"\"}";
    let padding = "x".repeat(bytes.saturating_sub(FRAME.len()));
    format!("{}{padding}\"}}", &FRAME[..FRAME.len() - 2])
}

fn with(text: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut json: Value = serde_json::from_str(text).unwrap_or_default();
    change(&mut json);
    json.to_string()
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Raw(bytes) => write!(f, "Raw({} bytes)", bytes.len()),
            Self::Ping => f.write_str("Ping"),
            Self::Close { code, reason } => write!(f, "Close({code} {reason})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fault;

    fn filter(specs: &[&str]) -> FaultFilter {
        FaultFilter::new(specs.iter().map(|spec| spec.parse::<Fault>().unwrap().kind))
    }

    fn sent(filter: &mut FaultFilter, kind: ReplyKind, text: &str) -> Vec<String> {
        let wire = filter.handle_reply(Reply { kind, text: text.to_owned() });
        wire.into_iter()
            .map(|wire| match wire {
                Wire::Text(text) => text,
                Wire::Binary(bytes) => format!("binary {}", String::from_utf8(bytes).unwrap()),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_sound_connection_passes_messages_on() {
        assert_eq!(sent(&mut filter(&[]), ReplyKind::Interim, "a"), ["a"]);
    }

    #[test]
    fn faults_of_a_message_apply_to_the_one_they_name() {
        let mut filter = filter(&["duplicate-final,at=2", "missing-final"]);
        assert_eq!(sent(&mut filter, ReplyKind::Interim, "a").len(), 1);
        assert_eq!(sent(&mut filter, ReplyKind::Final, "b").len(), 0);
        assert_eq!(sent(&mut filter, ReplyKind::Final, "c").len(), 2);
        assert_eq!(sent(&mut filter, ReplyKind::Final, "d").len(), 1);
    }

    #[test]
    fn what_is_inserted_comes_before_the_message_and_leaves_it_whole() {
        let mut filter = filter(&["malformed", "giant=1000", "garbage", "error=2", "binary-for-text"]);
        let sent = sent(&mut filter, ReplyKind::Interim, "a");
        assert!(serde_json::from_str::<Value>(&sent[0]).is_err());
        assert_eq!(sent[1].len(), 1000);
        assert!(serde_json::from_str::<Value>(&sent[1]).is_ok());
        assert_eq!(sent[2], "Raw(4 bytes)");
        assert!(sent[3].contains("simulated error"));
        assert_eq!(sent[4..], ["binary a"]);
    }

    #[test]
    fn a_missing_end_keeps_the_socket_open() {
        let mut last = filter(&["missing-last"]);
        assert_eq!(sent(&mut last, ReplyKind::Last, r#"{"is_last":true}"#), [r#"{"is_last":false}"#]);
        assert!(last.swallows_close());
        let mut complete = filter(&["missing-complete"]);
        assert_eq!(sent(&mut complete, ReplyKind::Complete, "{}").len(), 0);
        assert!(complete.swallows_close());
    }

    #[test]
    fn bad_base64_replaces_the_audio_only() {
        let text = r#"{"data":{"audio":"AAAA"},"status":"chunk"}"#;
        let expected = r#"{"data":{"audio":"!not base64!"},"status":"chunk"}"#;
        assert_eq!(sent(&mut filter(&["bad-base64"]), ReplyKind::Chunk, text), [expected]);
    }

    #[test]
    fn the_condition_follows_bytes_and_time() {
        let mut filter = filter(&["stall=ms:10", "half-open=sent:5", "reset=received:100"]);
        let at = Duration::from_millis;
        assert_eq!(filter.poll_timeout(at(0)), Some(at(10)));
        assert_eq!(filter.condition(at(9)), Condition::Sound);
        assert_eq!(filter.condition(at(10)), Condition::Stalled);
        filter.note_sent(5);
        assert_eq!(filter.condition(at(10)), Condition::Frozen);
        filter.note_received(100);
        assert_eq!(filter.condition(at(10)), Condition::Dropped { reset: true });
    }

    #[test]
    fn a_fault_added_later_counts_from_then() {
        let mut filter = filter(&[]);
        filter.note_received(50);
        filter.add(FaultKind::Drop(When::Received(10)), Duration::ZERO);
        assert_eq!(filter.condition(Duration::ZERO), Condition::Sound);
        filter.note_received(10);
        assert_eq!(filter.condition(Duration::ZERO), Condition::Dropped { reset: false });
    }
}
