//! The decisions of one speech-to-text connection.
//!
//! In: binary messages (audio), text messages (control), time. Out: [`Output`]s.
//! Promises: 1. interims grow word by word and each final freezes what it holds; 2. a final never comes
//! before audio that was sent before it was asked for; 3. after `is_last` nothing is sent;
//! 4. the same audio gives the same finals, however it is cut into messages.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use serde_json::Value;

use super::audio::{Frame, FrameCutter};
use super::message::{Finality, Transcription, Writer, text};
use super::redact::{Redactor, ShownWord, Style, formatted, redacts};
use super::script::{Script, ScriptPosition};
use super::source::WordSource;
use super::speech::SpeechTracker;
use super::word::{Segment, TimedWord};
use crate::config::{SilenceClock, SttOptions, UnknownControl};
use crate::session::{Output, ReplyKind, Session};
use crate::{Endpoint, SttQuery};

/// Words of an open segment before a final is forced, whatever was asked for: bounds memory.
const MAX_OPEN_WORDS: usize = 2_000;

/// Bytes of `full_transcript` kept; the beginning goes first.
const MAX_FULL_BYTES: usize = 1 << 20;

/// Silence after which speech has paused for a `finalize` to take the whole utterance.
const PAUSE_MS: u64 = 50;

/// One speech-to-text connection without its socket.
#[derive(Debug)]
pub struct SttState {
    writer: Writer,
    cutter: FrameCutter,
    speech: SpeechTracker,
    source: WordSource,
    segment: Segment,
    redactor: Redactor,
    full: String,
    /// Speech since the last `speech_ended`.
    vad_speaking: bool,
    run_open: bool,
    last_message: Duration,
    last_audio: Duration,
    ended: bool,
    outputs: VecDeque<Output>,
}

impl SttState {
    /// A connection that asked for `query` and reads `script` from `from` on.
    #[must_use]
    pub fn new(
        query: SttQuery,
        options: SttOptions,
        script: Arc<Script>,
        from: ScriptPosition,
        session_id: impl Into<String>,
    ) -> Self {
        Self {
            cutter: FrameCutter::new(query.encoding, query.sample_rate, options.speech_level_dbfs),
            source: WordSource::new(script, from, query.sample_rate, &options),
            writer: Writer { query, options, session_id: session_id.into() },
            speech: SpeechTracker::default(),
            segment: Segment::default(),
            redactor: Redactor::default(),
            full: String::new(),
            vad_speaking: false,
            run_open: false,
            last_message: Duration::ZERO,
            last_audio: Duration::ZERO,
            ended: false,
            outputs: VecDeque::new(),
        }
    }

    /// Audio in the connection's encoding, `now` after it was opened.
    pub fn handle_audio(&mut self, now: Duration, bytes: &[u8]) {
        (self.last_message, self.last_audio) = (now, now);
        if self.ended {
            return;
        }
        for frame in self.cutter.cut(bytes) {
            self.handle_frame(&frame);
        }
    }

    /// A text message: control in JSON.
    pub fn handle_control(&mut self, now: Duration, text: &str) {
        self.last_message = now;
        if self.ended {
            return;
        }
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        let lightning = self.writer.query.endpoint == Endpoint::Lightning;
        match json["type"].as_str() {
            Some("finalize") if lightning => self.end(self.writer.options.lightning_closes),
            Some("finalize") => self.finalize(),
            Some("close_stream") => self.end(true),
            Some("keepalive") if self.writer.options.answers_keepalive => {
                self.outputs.push_back(Output::pong());
            }
            Some("keepalive") => {}
            _ if self.writer.options.unknown_control == UnknownControl::Ignore => {}
            Some(name) => self.send_error(&format!("Unknown message type: {name}")),
            None => self.send_error("Invalid message"),
        }
    }

    /// Time has passed; call it when [`SttState::poll_wake`] says so.
    pub fn handle_time(&mut self, now: Duration) {
        if self.ended {
            return;
        }
        if self.wall_pause().is_some_and(|at| now >= at) {
            self.end_run();
            self.finish_segment(Finality::Pause);
        }
        if let Some(limit) =
            self.writer.options.idle_timeout.filter(|limit| now >= self.last_message + *limit)
        {
            let seconds = limit.as_secs();
            self.send_error(&format!("Connection timed out after {seconds} seconds of inactivity"));
            self.close(self.writer.options.idle_close_code, "");
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`SttState::handle_time`] is to be called.
    #[must_use]
    pub fn poll_wake(&self) -> Option<Duration> {
        if self.ended {
            return None;
        }
        let idle = self.writer.options.idle_timeout.map(|limit| self.last_message + limit);
        idle.into_iter().chain(self.wall_pause()).min()
    }

    /// How far the script has been read.
    #[must_use]
    pub fn position(&self) -> ScriptPosition {
        self.source.position()
    }

    fn handle_frame(&mut self, frame: &Frame) {
        if let Some(start_ms) = self.speech.push(frame.loud) {
            self.speech_began(start_ms);
        }
        let news = self.source.hear(&frame.samples, self.speech.last_loud_ms());
        if news.retract_scripted {
            self.segment.retract_scripted();
        }
        self.add_words(news.words);
        self.notice_silence();
    }

    fn speech_began(&mut self, start_ms: u64) {
        self.run_open = true;
        self.source.run_started(start_ms);
        if self.writer.query.vad_events && !self.vad_speaking {
            self.vad_speaking = true;
            self.send_edge("speech_started", start_ms);
        }
    }

    fn notice_silence(&mut self) {
        let silence_ms = self.speech.silence_ms();
        if self.run_open && silence_ms >= millis(self.writer.options.utterance_gap) {
            self.end_run();
        }
        if self.writer.query.endpointing && silence_ms >= millis(self.pause()) {
            self.end_run();
            self.finish_segment(Finality::Pause);
        }
        // After the final, so that where both come at once the text is there when the speech ends.
        let vad = self.writer.query.endpointing_timeout.unwrap_or(self.writer.options.vad_silence);
        if self.vad_speaking && silence_ms >= millis(vad) {
            self.vad_speaking = false;
            self.send_edge("speech_ended", self.speech.last_loud_ms());
        }
    }

    /// The silence after which the server finalizes by itself.
    fn pause(&self) -> Duration {
        let query = &self.writer.query;
        query.endpointing_timeout.or(query.eou_timeout).unwrap_or(self.writer.options.eou_timeout)
    }

    /// When a pause is over in which no audio arrives, if that counts.
    fn wall_pause(&self) -> Option<Duration> {
        let counts = self.writer.options.silence == SilenceClock::AudioOrWall
            && self.writer.query.endpointing
            && (self.run_open || !self.segment.is_blank());
        counts.then(|| self.last_audio + self.pause())
    }

    fn end_run(&mut self) {
        if std::mem::take(&mut self.run_open) {
            let words = self.source.run_ended(self.speech.last_loud_ms());
            self.add_words(words);
        }
    }

    fn add_words(&mut self, words: Vec<TimedWord>) {
        for word in words {
            self.segment.push(word);
            let query = &self.writer.query;
            let rollover = query.finalize_on_words.then_some(self.writer.options.rollover_words);
            let limit = query.max_words.or(rollover).unwrap_or(MAX_OPEN_WORDS).clamp(1, MAX_OPEN_WORDS);
            match self.segment.take_first(limit) {
                Some(words) => self.send_final(Finality::Rollover, words),
                None => self.send_interim(),
            }
        }
    }

    fn finalize(&mut self) {
        if self.speech.silence_ms() >= PAUSE_MS {
            let words = self.source.release_all(self.speech.last_loud_ms());
            self.add_words(words);
        }
        let empty = self.segment.is_blank();
        if !empty || self.writer.options.empty_finalize {
            let words = self.segment.take();
            self.send_final(Finality::Finalize, words);
        }
    }

    /// The session is over: the rest, `is_last`, and perhaps a close.
    fn end(&mut self, closes: bool) {
        let rest = self.cutter.rest();
        let news = self.source.finish(&rest);
        self.add_words(news.words);
        self.end_run();
        if self.writer.options.empty_last {
            self.finish_segment(Finality::Rollover);
        }
        let words = self.segment.take();
        self.send_final(Finality::Last, words);
        self.ended = true;
        if closes {
            self.close(1000, "");
        }
    }

    /// A final for what is pending, if there is anything.
    fn finish_segment(&mut self, finality: Finality) {
        if !self.segment.is_blank() {
            let words = self.segment.take();
            self.send_final(finality, words);
        }
    }

    fn send_interim(&mut self) {
        if !self.writer.options.interims || self.segment.is_blank() {
            return;
        }
        let style = self.style("");
        let show = |word: &TimedWord| ShownWord {
            text: formatted(&word.text, style),
            word: word.clone(),
            token: false,
        };
        let words: Vec<_> = self.segment.words().iter().map(show).collect();
        let full = joined(&self.full, &text(&words));
        self.send_transcription(Transcription {
            finality: Finality::Interim,
            words,
            tokens: Vec::new(),
            language: String::new(),
            full,
        });
    }

    fn send_final(&mut self, finality: Finality, words: Vec<TimedWord>) {
        let language = self.language_of(&words);
        let style = self.style(&language);
        let (words, tokens) = self.redactor.show(words, style);
        if self.writer.query.full_transcript {
            self.full = joined(&self.full, &text(&words));
            let excess = self.full.len().saturating_sub(MAX_FULL_BYTES);
            let cut = (excess..).find(|at| self.full.is_char_boundary(*at)).unwrap_or(0);
            self.full.drain(..cut);
        }
        let full = self.full.clone();
        self.send_transcription(Transcription { finality, words, tokens, language, full });
    }

    fn send_transcription(&mut self, transcription: Transcription) {
        let kind = match transcription.finality {
            Finality::Interim => ReplyKind::Interim,
            Finality::Last => ReplyKind::Last,
            _ => ReplyKind::Final,
        };
        let json = self.writer.transcription(&transcription);
        self.outputs.push_back(Output::send(kind, &json));
    }

    fn send_edge(&mut self, name: &str, at_ms: u64) {
        let json = self.writer.speech_edge(name, at_ms);
        self.outputs.push_back(Output::send(ReplyKind::SpeechEdge, &json));
    }

    fn send_error(&mut self, message: &str) {
        let json = self.writer.error(message);
        self.outputs.push_back(Output::send(ReplyKind::Error, &json));
    }

    fn close(&mut self, code: u16, reason: &str) {
        self.ended = true;
        self.outputs.push_back(Output::Close { code, reason: reason.to_owned() });
    }

    /// The script's language for these words, else the one asked for; an aggregator is taken for English.
    fn language_of(&self, words: &[TimedWord]) -> String {
        let scripted = words.iter().find_map(|word| word.language.clone());
        let asked = &self.writer.query.language;
        let fallback = if asked.starts_with("multi") { "en" } else { asked };
        scripted.unwrap_or_else(|| fallback.to_owned())
    }

    fn style(&self, language: &str) -> Style {
        let query = &self.writer.query;
        Style {
            redact_pii: query.redact_pii && redacts(language),
            redact_pci: query.redact_pci && redacts(language),
            punctuate: query.punctuate,
            capitalize: query.capitalize,
        }
    }
}

impl Session for SttState {
    fn handle_text(&mut self, now: Duration, text: &str) {
        self.handle_control(now, text);
    }

    fn handle_binary(&mut self, now: Duration, bytes: &[u8]) {
        self.handle_audio(now, bytes);
    }

    fn handle_timeout(&mut self, now: Duration) {
        self.handle_time(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.poll()
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.poll_wake()
    }

    fn script_position(&self) -> Option<ScriptPosition> {
        Some(self.position())
    }
}

fn joined(before: &str, after: &str) -> String {
    let parts = [before, after];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
