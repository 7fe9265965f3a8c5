//! What comes in: audio, words, completions, errors, and whose they are.
//!
//! Routing, in this order: by our name, where the service repeats it; on a line that does so, a message
//! without one is nobody's (a keepalive may have caused it); otherwise by the service's own name, where it
//! was seen before; otherwise it is of the one request that is out.

use std::time::{Duration, Instant};

use voxline_core::{ErrorCategory, frame::RequestId, service::TtsEvent};
use voxline_wire::{ConnectionId, Message};

use super::TtsSession;
use crate::{
    endpoint::TextMode,
    error::TtsError,
    message::{BadBase64, Failure, Ids, Incoming},
};

impl TtsSession {
    pub(super) fn message(&mut self, now: Instant, id: ConnectionId, message: Message) {
        let Some(line) = self.line.as_ref().filter(|line| line.id == id) else { return };
        let id = line.id;
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(bytes) => {
                tracing::debug!(?id, bytes = bytes.len(), "ignored a binary message");
                return self.counters.binary(1);
            }
        };
        match Incoming::parse(&text) {
            Ok(Incoming::Chunk { ids, audio }) => self.chunk(now, &ids, audio),
            Ok(Incoming::Word { ids, text, start, end }) => self.word(&ids, text, start, end),
            Ok(Incoming::Complete { ids }) => self.complete(now, &ids),
            Ok(Incoming::Error { ids, failure }) => self.error(now, &ids, failure),
            Ok(Incoming::Pong) => {}
            Ok(Incoming::Unknown) => {
                tracing::trace!(?id, "ignored a message of a kind this crate does not know")
            }
            Err(_) => {
                tracing::debug!(?id, bytes = text.len(), "ignored a message that is not a JSON object");
                self.counters.malformed(1);
            }
        }
    }

    fn chunk(&mut self, now: Instant, ids: &Ids, audio: Result<Vec<u8>, BadBase64>) {
        let Some(request) = self.route(ids) else {
            self.counters.unmatched(1);
            return self.events.push_unmatched();
        };
        let Ok(bytes) = audio else { return self.fail_front(now, TtsError::BadAudio) };
        self.proved_alive(now);
        let Some(answer) = self.queue.front_mut() else { return };
        answer.words_begin(request, ids.server.as_deref());
        let heard = answer.voice.push(request, &bytes);
        answer.heard(request, self.rates.service.duration_of(heard.samples), now);
        self.counters.chunks(1);
        self.counters.audio_bytes(bytes.len() as u64);
        if let Some(pcm) = heard.pcm {
            self.events.push(TtsEvent::Audio { context: answer.id, request, pcm });
        }
        if self.events.held() > self.config.max_held_audio {
            self.fail_front(now, TtsError::TooMuchAudio { limit: self.config.max_held_audio });
        }
    }

    fn word(&mut self, ids: &Ids, text: String, start: f64, end: f64) {
        let Some(request) = self.route(ids) else { return self.counters.unmatched(1) };
        let Some(answer) = self.queue.front_mut() else { return };
        let begin = answer.words_begin(request, ids.server.as_deref());
        let (start, end) = (seconds(start), seconds(end.max(start)));
        if let (Some(start), Some(end)) = (start, end) {
            let context = answer.id;
            self.events.push(TtsEvent::Word {
                context,
                request,
                text,
                start: begin + start,
                end: begin + end,
            });
        }
    }

    fn complete(&mut self, now: Instant, ids: &Ids) {
        let Some(line) = &mut self.line else { return };
        let known = ids.ours.is_some() || ids.server.as_ref().is_some_and(|id| line.knows(id));
        if !known && ids.server.is_some() {
            // Of a synthesis that gave no audio: a keepalive, or what was given up.
            return;
        }
        if !known && line.owed > 0 {
            line.owed -= 1;
            return;
        }
        let Some(request) = self.route(ids) else { return };
        self.proved_alive(now);
        let Some(answer) = self.queue.front_mut() else { return };
        // Without a name it can be a late one, of what came before: before any audio it proves nothing.
        let silent = answer.undone().any(|segment| segment.request == request && segment.audio.is_zero());
        if known || !silent {
            answer.completed(request, self.config.text != TextMode::Contexts, now);
            if let Some(line) = &mut self.line {
                line.productive = true;
            }
        }
    }

    fn error(&mut self, now: Instant, ids: &Ids, failure: Failure) {
        let of = ids.ours.as_deref().and_then(|name| self.named(name)).map(|(context, _)| context);
        let front = self.queue.front().filter(|answer| answer.is_owed()).map(|answer| answer.id);
        match front {
            Some(front) if of.is_none_or(|of| of == front) => {
                if failure.category() == ErrorCategory::Overloaded {
                    self.stand_back(now);
                }
                self.fail(now, front, TtsError::Remote(failure));
            }
            _ => {
                // Its words may repeat a text; its code does not.
                tracing::debug!(
                    code = failure.code,
                    "the service reports an error while nothing is asked of it"
                );
                self.counters.idle_errors(1);
                if let Some(line) = &mut self.line {
                    line.took_leave = true;
                }
            }
        }
    }

    /// The request of the answer being spoken that a message belongs to.
    fn route(&mut self, ids: &Ids) -> Option<RequestId> {
        let named = ids.ours.as_deref().map(|name| self.named(name));
        let line = self.line.as_mut()?;
        let answer = self.queue.front().filter(|answer| answer.begun);
        if let Some(named) = named {
            let (context, request) = named?;
            line.echoes = true;
            return answer.filter(|answer| answer.id == context && answer.has(request)).map(|_| request);
        }
        if line.echoes {
            return None;
        }
        match ids.server.as_deref() {
            Some(id) if line.knows(id) => {
                line.owner(id).filter(|(of, _)| Some(*of) == answer.map(|a| a.id)).map(|(_, r)| r)
            }
            server => {
                let answer = answer?;
                let request = answer.current()?;
                if let Some(id) = server {
                    line.learn(id, answer.id, request);
                }
                Some(request)
            }
        }
    }

    /// Something useful came: the line works.
    fn proved_alive(&mut self, now: Instant) {
        if let Some(line) = &mut self.line
            && !std::mem::replace(&mut line.answered, true)
        {
            self.backoff.answered(now);
        }
        self.ending = self.ending.map(|_| now);
    }
}

/// Seconds as the service writes them; what is no time is none.
fn seconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value.max(0.0)).ok().filter(|time| *time < Duration::from_secs(86_400))
}
