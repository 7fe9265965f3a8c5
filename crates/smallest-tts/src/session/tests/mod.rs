//! The session without a network: inputs in, a text log out.
//!
//! [`Bench`] plays the driver, the pipeline and the clock. Its log has a line for everything that went in
//! (`>`) and everything the session did with it; most tests are one such log.

mod allocations;
mod answers;
mod changes;
mod interruptions;
mod lines;
mod property;
mod routing;
mod streaming;

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use base64::Engine as _;
use voxline_audio::SampleRate;
use voxline_core::{
    frame::{ContextId, TtsDelta, UpdateId},
    service::{ConnectionEvent, TtsCommand, TtsEvent},
};
use voxline_wire::{
    CloseReason, ConnectError, ConnectionId, Happened, Jitter, Message, Session as _, Transmit,
};

use super::{Rates, TtsSession};
use crate::{config::TtsConfig, counters::TtsCounters, settings::TtsSettings};

/// Samples that are enough for a text of `letters` letters, at 8 kHz.
pub(super) const fn enough(letters: usize) -> usize {
    letters * 320
}

pub(super) struct Bench {
    pub(super) session: TtsSession,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) log: String,
    /// Messages sent, with their line.
    pub(super) sent: Vec<(u64, String)>,
    pub(super) events: Vec<TtsEvent>,
    pub(super) connects: u32,
    updates: u64,
}

pub(super) fn config() -> TtsConfig {
    let mut config = TtsConfig::new("sk_sesame");
    config.backoff.jitter = Jitter::None;
    config
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(config(), TtsSettings::default())
    }

    pub(super) fn with(config: TtsConfig, settings: TtsSettings) -> Self {
        let rate = SampleRate::HZ_8000;
        Self::at(config, settings, Rates { service: rate, pipeline: rate })
    }

    pub(super) fn at(config: TtsConfig, settings: TtsSettings, rates: Rates) -> Self {
        let start = Instant::now();
        let session =
            TtsSession::new(start, config, settings, rates, TtsCounters::default(), 0x5eed).unwrap();
        let (log, sent, events) = (String::new(), Vec::new(), Vec::new());
        let mut bench = Self { session, start, now: start, log, sent, events, connects: 0, updates: 0 };
        bench.drain();
        bench
    }

    /// A session whose first line is open.
    pub(super) fn open() -> Self {
        Self::new().opened(1)
    }

    pub(super) fn opened(mut self, line: u64) -> Self {
        self.happen(line, Happened::Opened, "opened");
        self
    }

    pub(super) fn open_line(&mut self, line: u64) {
        self.happen(line, Happened::Opened, "opened");
    }

    pub(super) fn refuse(&mut self, line: u64, status: u16, body: &str) {
        let error = ConnectError::Refused { status, body: body.into(), retry_after: None };
        self.happen(line, Happened::Failed(error), &format!("refused {status}"));
    }

    pub(super) fn unreachable(&mut self, line: u64) {
        let error = ConnectError::Unreachable { reason: "connection refused".into() };
        self.happen(line, Happened::Failed(error), "unreachable");
    }

    pub(super) fn close(&mut self, line: u64, code: u16, reason: &str) {
        let closed = CloseReason::Peer { code, reason: reason.into() };
        self.happen(line, Happened::Closed(closed), &format!("closed {code} {reason}"));
    }

    pub(super) fn drop_line(&mut self, line: u64) {
        let closed = CloseReason::Dropped { reason: "reset".into() };
        self.happen(line, Happened::Closed(closed), "dropped");
    }

    pub(super) fn speak(&mut self, context: u32, text: &str) {
        self.command(TtsCommand::Speak { context: ContextId(context), text: text.into() });
    }

    pub(super) fn finish(&mut self, context: u32) {
        self.command(TtsCommand::Finish { context: ContextId(context) });
    }

    /// Speaks a whole answer.
    pub(super) fn say(&mut self, context: u32, text: &str) {
        self.speak(context, text);
        self.finish(context);
    }

    pub(super) fn interrupt(&mut self, through: u32) {
        self.command(TtsCommand::Interrupt { through: ContextId(through) });
    }

    pub(super) fn update(&mut self, delta: impl Into<TtsDelta>) {
        self.updates += 1;
        self.command(TtsCommand::Update { update: UpdateId(self.updates), delta: delta.into() });
    }

    pub(super) fn end(&mut self) {
        self.command(TtsCommand::End);
    }

    pub(super) fn command(&mut self, command: TtsCommand) {
        self.note(&format!("{command:?}"));
        self.session.handle_command(self.now, command);
        self.drain();
    }

    pub(super) fn text(&mut self, line: u64, json: &str) {
        self.happen(line, Happened::Message(Message::Text(json.into())), json);
    }

    pub(super) fn binary(&mut self, line: u64, bytes: &'static [u8]) {
        self.happen(line, Happened::Message(Message::Binary(bytes.into())), "binary");
    }

    /// Audio of a request the service names as we did.
    pub(super) fn chunk(&mut self, line: u64, context: u32, request: u32, samples: usize) {
        let json = format!(
            r#"{{"request_id":"task_{context}_{request}","external_request_id":"00005eed.{context}.{request}","status":"chunk","data":{{"audio":"{}"}}}}"#,
            audio(samples)
        );
        let shown = format!("chunk of {context}.{request}, {samples} samples");
        self.happen(line, Happened::Message(Message::Text(json)), &shown);
    }

    /// Audio under the service's own name only.
    pub(super) fn nameless_chunk(&mut self, line: u64, server: Option<&str>, samples: usize) {
        let id = server.map(|id| format!(r#""request_id":"{id}","#)).unwrap_or_default();
        let json = format!(r#"{{{id}"status":"chunk","data":{{"audio":"{}"}}}}"#, audio(samples));
        self.happen(
            line,
            Happened::Message(Message::Text(json)),
            &format!("chunk of {server:?}, {samples} samples"),
        );
    }

    pub(super) fn word(&mut self, line: u64, context: u32, request: u32, word: &str, start: f64, end: f64) {
        let json = format!(
            r#"{{"request_id":"task_{context}_{request}","external_request_id":"00005eed.{context}.{request}","status":"word_timestamp","data":{{"id":0,"word":"{word}","start":{start},"end":{end}}}}}"#
        );
        let shown = format!("word of {context}.{request}");
        self.happen(line, Happened::Message(Message::Text(json)), &shown);
    }

    pub(super) fn complete(&mut self, line: u64, context: u32, request: u32) {
        let json = format!(
            r#"{{"request_id":"task_{context}_{request}","external_request_id":"00005eed.{context}.{request}","status":"complete"}}"#
        );
        let shown = format!("complete of {context}.{request}");
        self.happen(line, Happened::Message(Message::Text(json)), &shown);
    }

    /// Lets time pass; the session is woken when it asked to be.
    pub(super) fn wait(&mut self, wait: Duration) {
        let until = self.now + wait;
        self.note(&format!("wait {wait:?}"));
        while let Some(deadline) = self.session.poll_timeout().filter(|deadline| deadline.at <= until) {
            self.now = self.now.max(deadline.at);
            self.note(&format!("timeout: {}", deadline.why));
            self.session.handle_timeout(self.now);
            self.drain();
            let again = self.session.poll_timeout();
            assert!(again.is_none_or(|next| next.at > self.now), "{again:?} is still due\n{}", self.log);
        }
        self.now = until;
    }

    pub(super) fn happen(&mut self, line: u64, happened: Happened, shown: &str) {
        self.note(&format!("#{line} {shown}"));
        self.session.handle_connection(self.now, ConnectionId(line), happened);
        self.drain();
    }

    /// The messages sent since this was last asked.
    pub(super) fn take_sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent).into_iter().map(|(_, text)| text).collect()
    }

    pub(super) fn count(&self, is: impl Fn(&TtsEvent) -> bool) -> usize {
        self.events.iter().filter(|event| is(event)).count()
    }

    /// How many samples an answer was given.
    pub(super) fn samples_of(&self, wanted: u32) -> usize {
        self.events
            .iter()
            .map(|event| match event {
                TtsEvent::Audio { context, pcm, .. } if context.0 == wanted => pcm.frames(),
                _ => 0,
            })
            .sum()
    }

    pub(super) fn finished(&self, wanted: u32) -> bool {
        self.count(|event| matches!(event, TtsEvent::Finished { context } if context.0 == wanted)) == 1
    }

    /// Why an answer failed, with what stands behind it.
    pub(super) fn failure(&self, wanted: u32) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            TtsEvent::Failed { context: Some(context), error, .. } if context.0 == wanted => {
                Some(format!("{:?}: {}", error.category, error.source))
            }
            _ => None,
        })
    }

    fn note(&mut self, what: &str) {
        let at = self.now.duration_since(self.start).as_millis();
        let _ = writeln!(self.log, "{at} > {what}");
    }

    fn drain(&mut self) {
        loop {
            if let Some(transmit) = self.session.poll_transmit() {
                self.transmit(transmit);
            } else if let Some(event) = self.session.poll_event() {
                let _ = writeln!(self.log, "    {}", show(&event));
                self.events.push(event);
            } else {
                break;
            }
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        let _ = match transmit {
            Transmit::Connect(id, request) => {
                self.connects += 1;
                writeln!(self.log, "    -> #{} connect {}", id.0, request.url)
            }
            Transmit::Send(id, Message::Text(text)) => {
                let written = writeln!(self.log, "    -> #{} {text}", id.0);
                self.sent.push((id.0, text));
                written
            }
            Transmit::Send(id, Message::Binary(bytes)) => panic!("{} bytes of binary on {id:?}", bytes.len()),
            Transmit::Close(id) => writeln!(self.log, "    -> #{} close", id.0),
            Transmit::Abort(id) => writeln!(self.log, "    -> #{} abort", id.0),
        };
    }
}

/// Base64 of a ramp of samples.
pub(super) fn audio(samples: usize) -> String {
    let bytes: Vec<u8> = (0..samples).flat_map(|n| ((n % 30_000) as i16).to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn show(event: &TtsEvent) -> String {
    match event {
        TtsEvent::Connection(ConnectionEvent::Connected) => "connected".into(),
        TtsEvent::Connection(ConnectionEvent::Disconnected { reason }) => format!("disconnected: {reason}"),
        TtsEvent::Connection(ConnectionEvent::Error(error)) => {
            format!("connection error ({:?}): {}", error.category, chain(error))
        }
        TtsEvent::Audio { context, request, pcm } => {
            format!("{context} {request} audio: {} samples", pcm.frames())
        }
        TtsEvent::Word { context, request, text, start, end } => {
            format!("{context} {request} word {text:?} {start:?}..{end:?}")
        }
        TtsEvent::Finished { context } => format!("{context} finished"),
        TtsEvent::Failed { context, delivered, error } => {
            let of = context.map_or("service".to_owned(), |context| context.to_string());
            let fatal = if error.fatal { " fatally" } else { "" };
            format!("{of} failed{fatal} after {delivered:?} ({:?}): {}", error.category, chain(error))
        }
        TtsEvent::Answered(answer) => format!(
            "update {} answered{}: changed {:?}, rejected {:?}, warned {:?}",
            answer.update.0,
            if answer.reconnected { " after a reconnect" } else { "" },
            answer.changed.iter().map(|c| format!("{}={:?}", c.field, c.new)).collect::<Vec<_>>(),
            answer.rejected.iter().map(|r| format!("{}: {}", r.field, r.reason)).collect::<Vec<_>>(),
            answer.warnings.iter().map(|r| r.field).collect::<Vec<_>>(),
        ),
        TtsEvent::Requested { context, request, characters } => {
            format!("{context} {request} requested: {characters} characters")
        }
        TtsEvent::Unmatched => "unmatched audio".into(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let _ = write!(text, " < {source}");
        next = source.source();
    }
    text
}
