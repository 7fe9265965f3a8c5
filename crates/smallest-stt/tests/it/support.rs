//! A session on a virtual clock, and what it has said and sent so far.
//!
//! [`Rig`] keeps the driver's promises: each connect opens or fails once, each open connection ends once,
//! also after `Close` and `Abort`. Every input and output is written to a log, for snapshots.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use bytes::Bytes;
use smallest_stt::{SttConfig, SttCounters, SttCounts, SttError, SttSettings, session::SttSession};
use voxline_audio::{Encoding, Pcm, SampleRate};
use voxline_core::{
    frame::{EncodedAudio, SttDelta, UpdateId, UtteranceId},
    service::{SttAudio, SttCommand, SttEvent},
};
use voxline_wire::{
    CloseReason, ConnectError, ConnectionId, Happened, Jitter, Message, Request, Session, Transmit,
};

use crate::looking::render;

pub(crate) const KEY: &str = "sk_canary_0123";

/// What was sent on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Audio(Vec<u8>),
    Text(String),
    Close,
    Abort,
}

pub(crate) struct Rig {
    pub(crate) session: SttSession,
    pub(crate) now: Instant,
    pub(crate) events: Vec<SttEvent>,
    pub(crate) sent: BTreeMap<u64, Vec<Sent>>,
    pub(crate) requests: BTreeMap<u64, Request>,
    /// Every byte handed over so far.
    pub(crate) given: Vec<u8>,
    /// Where the next audio stands on the session clock.
    pub(crate) at: Duration,
    /// Whether the network takes nothing for now.
    pub(crate) stalled: bool,
    counters: SttCounters,
    open: BTreeMap<u64, bool>,
    /// Bytes sent on each connection since the last line of the log.
    pending_audio: BTreeMap<u64, usize>,
    log: String,
    start: Instant,
    updates: u64,
}

/// The configuration of the tests: no chance in the backoff, 16-bit PCM at 8 kHz.
pub(crate) fn config() -> SttConfig {
    let mut config = SttConfig::new(KEY);
    config.backoff.jitter = Jitter::None;
    config.sample_rate = Some(SampleRate::HZ_8000);
    config
}

pub(crate) fn secs(value: f64) -> Duration {
    Duration::from_secs_f64(value)
}

pub(crate) fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(config(), SttSettings::default())
    }

    pub(crate) fn with_settings(settings: SttSettings) -> Self {
        Self::with(config(), settings)
    }

    pub(crate) fn with(config: SttConfig, settings: SttSettings) -> Self {
        Self::try_with(config, settings).unwrap()
    }

    pub(crate) fn try_with(config: SttConfig, settings: SttSettings) -> Result<Self, SttError> {
        let (counters, start) = (SttCounters::default(), Instant::now());
        let session = SttSession::new(&config, settings, SampleRate::HZ_8000, counters.clone(), 7, start)?;
        let mut rig = Self {
            session,
            now: start,
            events: Vec::new(),
            sent: BTreeMap::new(),
            requests: BTreeMap::new(),
            given: Vec::new(),
            at: Duration::ZERO,
            stalled: false,
            counters,
            open: BTreeMap::new(),
            pending_audio: BTreeMap::new(),
            log: String::new(),
            start,
            updates: 0,
        };
        rig.drain();
        Ok(rig)
    }

    /// A rig whose first connection is open.
    pub(crate) fn open_with(settings: SttSettings) -> Self {
        let mut rig = Self::with_settings(settings);
        rig.opened(1);
        rig
    }

    pub(crate) fn opened_rig() -> Self {
        Self::open_with(SttSettings::default())
    }

    pub(crate) fn counts(&self) -> SttCounts {
        self.counters.snapshot()
    }

    // What is put in.

    pub(crate) fn command(&mut self, command: SttCommand) {
        let line = match &command {
            SttCommand::Audio { at, .. } => format!("audio at {at:?}"),
            other => format!("{other:?}"),
        };
        self.note("<", &line);
        self.session.handle_command(self.now, command);
        self.drain();
    }

    /// Audio of so many samples: each sample is the count of those before it.
    pub(crate) fn samples(&mut self, count: usize) {
        let first = self.given.len() / 2;
        let samples: Vec<i16> = (first..first + count).map(|index| index as i16).collect();
        self.given.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let at = self.at;
        self.at += SampleRate::HZ_8000.duration_of(count as u64);
        let audio = SttAudio::Pcm(Pcm::mono(samples, SampleRate::HZ_8000));
        self.command(SttCommand::Audio { audio, at });
    }

    /// Audio in frames of 20 ms; time passes with it.
    pub(crate) fn speak(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() / 20 {
            self.samples(160);
            self.pass(ms(20));
        }
    }

    pub(crate) fn encoded(&mut self, bytes: &[u8], encoding: Encoding, rate: SampleRate) {
        self.given.extend_from_slice(bytes);
        let audio = EncodedAudio { bytes: Bytes::copy_from_slice(bytes), encoding, rate };
        let at = self.at;
        self.at += ms(20);
        self.command(SttCommand::Audio { audio: SttAudio::Encoded(audio), at });
    }

    pub(crate) fn speech_started(&mut self, utterance: u32) {
        self.command(SttCommand::SpeechStarted { utterance: UtteranceId(utterance) });
    }

    pub(crate) fn finalize(&mut self, utterance: u32) {
        self.command(SttCommand::Finalize { utterance: UtteranceId(utterance) });
    }

    /// Asks for a change and gives its number.
    pub(crate) fn update(&mut self, delta: impl Into<SttDelta>) -> UpdateId {
        self.updates += 1;
        let update = UpdateId(self.updates);
        self.note("<", &format!("Update {}", update.0));
        self.session.handle_command(self.now, SttCommand::Update { update, delta: delta.into() });
        self.drain();
        update
    }

    pub(crate) fn end(&mut self) {
        self.command(SttCommand::End);
    }

    pub(crate) fn opened(&mut self, id: u64) {
        self.open.insert(id, true);
        self.happened(id, "opened", Happened::Opened);
    }

    pub(crate) fn failed(&mut self, id: u64, error: ConnectError) {
        self.open.remove(&id);
        self.happened(id, &format!("failed: {error}"), Happened::Failed(error));
    }

    pub(crate) fn refused(&mut self, id: u64, status: u16) {
        self.failed(
            id,
            ConnectError::Refused { status, body: format!("body of {status}"), retry_after: None },
        );
    }

    pub(crate) fn closed(&mut self, id: u64, reason: CloseReason) {
        self.open.remove(&id);
        self.happened(id, &format!("closed: {reason}"), Happened::Closed(reason));
    }

    pub(crate) fn dropped(&mut self, id: u64) {
        self.closed(id, CloseReason::Dropped { reason: "reset".into() });
    }

    pub(crate) fn peer_closed(&mut self, id: u64, code: u16, reason: &str) {
        self.closed(id, CloseReason::Peer { code, reason: reason.into() });
    }

    pub(crate) fn message(&mut self, id: u64, text: &str) {
        self.happened(id, &format!("says {text}"), Happened::Message(Message::Text(text.into())));
    }

    pub(crate) fn says(&mut self, id: u64, value: serde_json::Value) {
        self.message(id, &value.to_string());
    }

    pub(crate) fn interim(&mut self, id: u64, text: &str) {
        self.says(id, serde_json::json!({ "transcript": text, "is_final": false }));
    }

    pub(crate) fn final_(&mut self, id: u64, text: &str) {
        self.says(id, serde_json::json!({ "transcript": text, "is_final": true }));
    }

    pub(crate) fn answer(&mut self, id: u64, text: &str) {
        self.says(id, serde_json::json!({ "transcript": text, "is_final": true, "from_finalize": true }));
    }

    /// The last message of a connection.
    pub(crate) fn last(&mut self, id: u64, text: &str) {
        self.says(id, serde_json::json!({ "transcript": text, "is_final": true, "is_last": true }));
    }

    pub(crate) fn binary(&mut self, id: u64, bytes: &[u8]) {
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        self.happened(id, "says something binary", Happened::Message(message));
    }

    fn happened(&mut self, id: u64, line: &str, happened: Happened) {
        self.note("<", &format!("{id} {line}"));
        self.session.handle_connection(self.now, ConnectionId(id), happened);
        self.drain();
    }

    /// Lets time pass, and wakes the session whenever it asked to be.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(deadline) = self.session.poll_timeout().filter(|deadline| deadline.at <= until) {
            self.now = self.now.max(deadline.at);
            self.session.handle_timeout(self.now);
            self.drain();
            let next = self.session.poll_timeout();
            assert!(
                next.is_none_or(|next| next.at > self.now),
                "the session asks to be woken at once: {next:?}"
            );
        }
        self.now = until;
    }

    // What comes out.

    fn drain(&mut self) {
        loop {
            let mut progress = false;
            while !self.stalled
                && let Some(transmit) = self.session.poll_transmit()
            {
                progress = true;
                self.transmitted(transmit);
            }
            while let Some(event) = self.session.poll_event() {
                progress = true;
                self.flush_audio();
                self.note(">", &render(&event));
                self.events.push(event);
            }
            if !progress {
                return self.flush_audio();
            }
        }
    }

    fn transmitted(&mut self, transmit: Transmit) {
        match transmit {
            Transmit::Connect(id, request) => {
                self.flush_audio();
                self.note(">", &format!("{} connect {}", id.0, request.url));
                assert!(self.requests.insert(id.0, *request).is_none(), "an id was used twice");
                self.open.insert(id.0, false);
            }
            Transmit::Send(id, Message::Binary(bytes)) => {
                assert!(!bytes.is_empty(), "w20: an empty binary message");
                *self.pending_audio.entry(id.0).or_default() += bytes.len();
                self.sent_on(id.0).push(Sent::Audio(bytes.to_vec()));
            }
            Transmit::Send(id, Message::Text(text)) => {
                self.flush_audio();
                self.note(">", &format!("{} says {text}", id.0));
                self.sent_on(id.0).push(Sent::Text(text));
            }
            Transmit::Close(id) => self.ended(id, Sent::Close),
            Transmit::Abort(id) => self.ended(id, Sent::Abort),
        }
    }

    fn ended(&mut self, id: ConnectionId, how: Sent) {
        self.flush_audio();
        self.note(">", &format!("{} {how:?}", id.0));
        self.sent_on(id.0).push(how);
        match self.open.remove(&id.0) {
            Some(true) => self.happened(id.0, "closed", Happened::Closed(CloseReason::Local)),
            Some(false) => self.happened(id.0, "failed", Happened::Failed(ConnectError::Cancelled)),
            None => {}
        }
    }

    fn sent_on(&mut self, id: u64) -> &mut Vec<Sent> {
        self.sent.entry(id).or_default()
    }

    fn note(&mut self, arrow: &str, line: &str) {
        let at = self.now.saturating_duration_since(self.start).as_secs_f64();
        writeln!(self.log, "{at:7.3} {arrow} {line}").unwrap();
    }

    fn flush_audio(&mut self) {
        for (id, bytes) in std::mem::take(&mut self.pending_audio) {
            self.note(">", &format!("{id} audio, {bytes} bytes"));
        }
    }

    /// The log so far.
    pub(crate) fn log(&self) -> &str {
        &self.log
    }
}
