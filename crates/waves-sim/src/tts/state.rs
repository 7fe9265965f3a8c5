//! The decisions of one text-to-speech connection.
//!
//! In: text messages, time. Out: [`Output`]s. Promises: 1. texts are spoken one after the other, in the
//! order they were released; 2. outside contexts one `complete` ends everything that was released before
//! its hold-back was over, in a context each released text has its own; 3. the idle time counts from
//! the client's last message, whatever it was.

use std::{collections::VecDeque, time::Duration};

use super::buffer::{Buffers, Release};
use super::message::Writer;
use super::request::{Request, RequestError, Speak};
use super::synthesis::{Piece, Synthesis};
use crate::config::{BareFlush, CloseAfterComplete, TtsOptions, WhitespaceText};
use crate::session::{Output, ReplyKind, Session};
use crate::{Endpoint, TtsQuery};

/// Chunks made in one call, so that what was said can leave before more is made.
const MAX_CHUNKS_AT_ONCE: usize = 32;

/// One text-to-speech connection without its socket.
#[derive(Debug)]
pub struct TtsState {
    endpoint: Endpoint,
    options: TtsOptions,
    writer: Writer,
    ids: fastrand::Rng,
    buffers: Buffers,
    waiting: VecDeque<Release>,
    speaking: Option<Synthesis>,
    completes: VecDeque<Complete>,
    idle_timeout: Duration,
    last_message: Duration,
    ended: bool,
    outputs: VecDeque<Output>,
}

/// A `complete` that is held back.
#[derive(Debug)]
struct Complete {
    at: Duration,
    request_id: String,
    speak: Speak,
    one_shot: bool,
}

impl TtsState {
    /// A connection that asked for `query`; `seed` gives its ids.
    #[must_use]
    pub fn new(query: TtsQuery, options: TtsOptions, seed: u64) -> Self {
        let mut ids = fastrand::Rng::with_seed(seed);
        let session_id = format!("ws_{}", crate::hex_id(&mut ids, 24));
        let own = options.idle_timeout.filter(|_| query.timeout.is_none());
        Self {
            endpoint: query.endpoint,
            writer: Writer { endpoint: query.endpoint, session_id, error_shape: options.error_shape },
            idle_timeout: own.unwrap_or(query.idle_timeout()),
            options,
            ids,
            buffers: Buffers::default(),
            waiting: VecDeque::new(),
            speaking: None,
            completes: VecDeque::new(),
            last_message: Duration::ZERO,
            ended: false,
            outputs: VecDeque::new(),
        }
    }

    /// A text message, `now` after the connection was opened.
    pub fn handle_request(&mut self, now: Duration, text: &str) {
        self.last_message = now;
        if self.ended {
            return;
        }
        let result = match Request::parse(self.endpoint, &self.options, text) {
            Ok(Request::Ping) => return self.outputs.push_back(Output::pong()),
            Ok(Request::Speak(speak)) => self.handle_speak(now, *speak),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            self.fail(&error);
        }
        self.advance(now);
    }

    /// Time has passed; call it when [`TtsState::poll_wake`] says so.
    pub fn handle_time(&mut self, now: Duration) {
        if self.ended {
            return;
        }
        for release in self.buffers.handle_timeout(now) {
            if let Err(error) = self.queue(release) {
                self.fail(&error);
            }
        }
        self.advance(now);
        if !self.ended && now >= self.last_message + self.idle_timeout {
            let seconds = self.idle_timeout.as_secs();
            let message = format!("Connection timed out after {seconds} seconds of inactivity");
            self.send_error(&RequestError::new("IDLE_TIMEOUT", message));
            self.close(self.options.idle_close_code);
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`TtsState::handle_time`] is to be called.
    #[must_use]
    pub fn poll_wake(&self) -> Option<Duration> {
        if self.ended {
            return None;
        }
        let idle = self.last_message + self.idle_timeout;
        let speech = self.speaking.as_ref().map(Synthesis::poll_timeout);
        let complete = self.completes.front().map(|complete| complete.at);
        [Some(idle), speech, complete, self.buffers.poll_timeout()].into_iter().flatten().min()
    }

    fn handle_speak(&mut self, now: Duration, speak: Speak) -> Result<(), RequestError> {
        let known_voice = speak.voice.is_some() || self.buffers.has_voice_for(speak.context.as_ref());
        if speak.voice.is_none() && speak.text.is_none() && speak.flush && speak.context.is_none() {
            return self.handle_bare_flush(now, speak);
        }
        if let Some(context) = speak.context.clone() {
            // A context that was never opened, or that is over, can be closed and cancelled again.
            if !known_voice && (context.cancels || context.closes && speak.text.is_none()) {
                return Ok(());
            }
            require_voice(known_voice)?;
            self.check_content(&speak)?;
            let release = self.buffers.handle_context(now, speak, &context)?;
            return release.map_or(Ok(()), |release| self.queue(release));
        }
        require_voice(known_voice)?;
        let Some(text) = &speak.text else {
            return Err(RequestError::new("INVALID_REQUEST", "text is required"));
        };
        if text.trim().is_empty() && !speak.flush && !self.buffers.has_voice_for(None) && !speak.continues {
            return self.handle_blank(&speak);
        }
        self.check_content(&speak)?;
        let release = self.buffers.handle_plain(now, speak)?;
        release.map_or(Ok(()), |release| self.queue(release))
    }

    fn handle_bare_flush(&mut self, now: Duration, speak: Speak) -> Result<(), RequestError> {
        let refused = match self.options.bare_flush {
            BareFlush::ByEndpoint => self.endpoint == Endpoint::TtsLive,
            BareFlush::Accept => false,
            BareFlush::Refuse => true,
        };
        if refused {
            return Err(RequestError::new("INVALID_REQUEST", "voice_id and text are required"));
        }
        let release = self.buffers.handle_plain(now, speak)?;
        release.map_or(Ok(()), |release| self.queue(release))
    }

    /// Text of spaces only: a keepalive, unless it is empty, which is a mistake.
    fn handle_blank(&mut self, speak: &Speak) -> Result<(), RequestError> {
        if speak.text.as_deref() == Some("") {
            return Err(RequestError::new("INVALID_REQUEST", "text must not be empty"));
        }
        if self.options.whitespace_text == WhitespaceText::Complete {
            let request_id = self.new_request_id();
            let json = self.writer.complete(&request_id, speak);
            self.outputs.push_back(Output::send(ReplyKind::Complete, &json));
        }
        Ok(())
    }

    fn check_content(&self, speak: &Speak) -> Result<(), RequestError> {
        let text = speak.text.as_deref().unwrap_or_default().to_lowercase();
        let blocked = |word: &String| text.contains(&word.to_lowercase());
        if speak.filters && self.options.filtered_words.iter().any(blocked) {
            return Err(RequestError::new("CONTENT_FILTER_BLOCKED", "Content blocked by the content filter"));
        }
        Ok(())
    }

    fn queue(&mut self, release: Release) -> Result<(), RequestError> {
        if self.waiting.len() >= self.options.queued_requests {
            return Err(RequestError::new("RATE_LIMIT_EXCEEDED", "Too many requests in progress"));
        }
        self.waiting.push_back(release);
        Ok(())
    }

    /// Speaks what is due by `now`.
    fn advance(&mut self, now: Duration) {
        for _ in 0..MAX_CHUNKS_AT_ONCE {
            if self.speaking.is_none() {
                let Some(release) = self.waiting.pop_front() else { break };
                if release.speak.context.is_none() {
                    // A new request within the hold-back postpones the end of the turn.
                    self.completes.retain(|complete| complete.speak.context.is_some());
                }
                let request_id = self.new_request_id();
                self.speaking = Some(Synthesis::new(now, request_id, release, &self.options));
            }
            let Some(synthesis) = self.speaking.as_mut().filter(|speaking| speaking.poll_timeout() <= now)
            else {
                break;
            };
            let pieces = synthesis.next_pieces();
            if pieces.is_empty() {
                self.finish_speaking(now);
            }
            pieces.iter().for_each(|piece| self.send_piece(piece));
        }
        self.send_completes(now);
    }

    fn finish_speaking(&mut self, now: Duration) {
        let Some(synthesis) = self.speaking.take() else { return };
        let Release { speak, one_shot, .. } = synthesis.release;
        let at = now + speak.complete_backoff;
        let complete = Complete { at, request_id: synthesis.request_id, speak, one_shot };
        let index = self.completes.partition_point(|other| other.at <= at);
        self.completes.insert(index, complete);
    }

    fn send_completes(&mut self, now: Duration) {
        while self.completes.front().is_some_and(|complete| complete.at <= now) {
            let Some(complete) = self.completes.pop_front() else { return };
            let json = self.writer.complete(&complete.request_id, &complete.speak);
            self.outputs.push_back(Output::send(ReplyKind::Complete, &json));
            let closes = match self.options.close_after_complete {
                CloseAfterComplete::Never => false,
                CloseAfterComplete::OneShot => complete.one_shot,
                CloseAfterComplete::Always => true,
            };
            let idle = self.speaking.is_none() && self.waiting.is_empty() && self.completes.is_empty();
            if closes && idle && self.buffers.is_empty() {
                return self.close(1000);
            }
        }
    }

    fn send_piece(&mut self, piece: &Piece) {
        let Some(synthesis) = &self.speaking else { return };
        let (id, speak) = (&synthesis.request_id, &synthesis.release.speak);
        let (kind, json) = match piece {
            Piece::Word(word) => (ReplyKind::Word, self.writer.word(id, speak, word)),
            Piece::Chunk(audio) => (ReplyKind::Chunk, self.writer.chunk(id, speak, audio)),
        };
        self.outputs.push_back(Output::send(kind, &json));
    }

    fn fail(&mut self, error: &RequestError) {
        self.send_error(error);
        if self.options.error_closes {
            self.close(1000);
        }
    }

    fn send_error(&mut self, error: &RequestError) {
        let request_id = self.speaking.as_ref().map(|speaking| speaking.request_id.as_str());
        let json = self.writer.error(error, request_id);
        self.outputs.push_back(Output::send(ReplyKind::Error, &json));
    }

    fn close(&mut self, code: u16) {
        self.ended = true;
        self.outputs.push_back(Output::Close { code, reason: String::new() });
    }

    fn new_request_id(&mut self) -> String {
        format!("task_{}", crate::hex_id(&mut self.ids, 24))
    }
}

fn require_voice(known: bool) -> Result<(), RequestError> {
    if known { Ok(()) } else { Err(RequestError::new("INVALID_REQUEST", "voice_id is required")) }
}

impl Session for TtsState {
    fn handle_text(&mut self, now: Duration, text: &str) {
        self.handle_request(now, text);
    }

    fn handle_binary(&mut self, now: Duration, _bytes: &[u8]) {
        self.last_message = now;
        if !self.ended {
            self.fail(&RequestError::new("INVALID_REQUEST", "Expected a JSON text message"));
        }
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
}
