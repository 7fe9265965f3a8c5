//! What goes out: text as requests, in the three forms of [`TextMode`], and keepalives.
//!
//! 1. Every message that belongs to a request carries our name of it: `{session}.{answer}.{request}`.
//! 2. Until the service has repeated such a name on this line, one request is out at a time, so that
//!    audio without a name has one owner. After that, [`AHEAD`] are: the service never runs dry, and a
//!    lost line or an interruption wastes little.
//! 3. A context is closed exactly once, and never flushed.

use std::time::Instant;

use voxline_core::{
    frame::{ContextId, RequestId},
    service::TtsEvent,
};
use voxline_wire::{Message, Transmit};

use super::TtsSession;
use crate::{
    endpoint::{Endpoint, TextMode},
    settings::STREAM_FLUSH_MS,
};

/// How many requests are out at once on a line that repeats our names.
const AHEAD: usize = 3;

/// What a message says beside the settings.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The whole text of a request.
    Whole,
    /// Text, and more follows.
    More,
    /// No text: speak what is held.
    Flush,
    /// No text: the context is closed.
    Close,
}

impl TtsSession {
    /// Sends the next message of the answer that is spoken; false when there is none to send now.
    pub(super) fn send_next(&mut self, now: Instant) -> bool {
        if !self.line.as_ref().is_some_and(|line| line.open && !line.closing) {
            return false;
        }
        match self.queue.front().map(|answer| answer.open().is_some()) {
            Some(true) => self.send_more(now),
            Some(false) => self.send_new(now),
            None => false,
        }
    }

    /// Begins a request, where one may be out.
    fn send_new(&mut self, now: Instant) -> bool {
        let window = if self.line.as_ref().is_some_and(|line| line.echoes) { AHEAD } else { 1 };
        let Some(answer) = self.queue.front_mut().filter(|answer| answer.undone().count() < window) else {
            return false;
        };
        let Some(sent_before) = answer.pieces.front().map(|piece| piece.sent) else { return false };
        let request = answer.open_segment(sent_before);
        if self.config.text != TextMode::Sentences {
            return self.send_more(now);
        }
        let Some(piece) = answer.pieces.pop_front() else { return false };
        answer.extend(&piece.text, self.settings.speed.unwrap_or(1.0), now);
        answer.release(now);
        let context = answer.id;
        self.send(now, context, request, Kind::Whole, &piece.text);
        true
    }

    /// Goes on with the open request: more text, or its end.
    fn send_more(&mut self, now: Instant) -> bool {
        let in_context = self.config.text == TextMode::Contexts;
        let limit = self.config.max_request_chars;
        let Some(answer) = self.queue.front_mut() else { return false };
        let Some(open) = answer.open() else { return false };
        let (context, request) = (answer.id, open.request);
        let room = limit.saturating_sub(open.text.chars().count());
        let fits = |text: &str| in_context || open.fragments == 0 || text.chars().count() <= room;
        match answer.pieces.front().map(|piece| fits(&piece.text)) {
            Some(true) => {
                let Some(piece) = answer.pieces.pop_front() else { return false };
                answer.extend(&piece.text, self.settings.speed.unwrap_or(1.0), now);
                self.send(now, context, request, Kind::More, &piece.text);
            }
            None if !answer.finished => return false,
            _ => {
                answer.release(now);
                let kind = if in_context { Kind::Close } else { Kind::Flush };
                self.send(now, context, request, kind, "");
            }
        }
        true
    }

    /// Sends the keepalive.
    pub(super) fn keep_alive(&mut self, now: Instant) {
        let Some(line) = &mut self.line else { return };
        line.last_sent = now;
        let model = self.settings.model.field_name();
        let text = self.settings.keepalive(line.endpoint, &model).to_json();
        self.transmits.push_back(Transmit::Send(line.id, Message::Text(text)));
        self.counters.keepalives(1);
    }

    /// Tells the service to drop what it has not released of an open context.
    pub(super) fn cancel_context(&mut self, context: ContextId, request: RequestId) {
        if self.config.text != TextMode::Contexts {
            return;
        }
        let Some(line) = self.line.as_mut().filter(|line| line.open) else { return };
        line.cancelled = true;
        let (id, name) = (self.context_name(context), self.request_name(context, request));
        let Some(line) = &self.line else { return };
        let message = crate::message::Request {
            voice_id: &self.settings.voice,
            context_id: Some(&id),
            request_id: Some(&name),
            cancel_request: Some(true),
            ..Default::default()
        };
        self.transmits.push_back(Transmit::Send(line.id, Message::Text(message.to_json())));
    }

    /// Our name of a request: only characters the service takes, and far below its 128.
    pub(super) fn request_name(&self, context: ContextId, request: RequestId) -> String {
        format!("{}.{}.{}", self.prefix, context.0, request.0)
    }

    fn context_name(&self, context: ContextId) -> String {
        format!("{}.{}", self.prefix, context.0)
    }

    /// The answer and request a name of ours stands for.
    pub(super) fn named(&self, name: &str) -> Option<(ContextId, RequestId)> {
        let (context, request) =
            name.strip_prefix(self.prefix.as_str())?.strip_prefix('.')?.split_once('.')?;
        Some((ContextId(context.parse().ok()?), RequestId(request.parse().ok()?)))
    }

    fn send(&mut self, now: Instant, context: ContextId, request: RequestId, kind: Kind, text: &str) {
        let name = self.request_name(context, request);
        let context_name = self.context_name(context);
        let in_context = self.config.text == TextMode::Contexts;
        let Some(line) = &mut self.line else { return };
        line.last_sent = now;
        let model = self.settings.model.field_name();
        let mut message = self.settings.message(line.endpoint, &model, self.rates.service.hz());
        message.text = Some(text);
        message.request_id = Some(&name);
        if line.endpoint != Endpoint::V2 {
            message.session_id = self.config.session_id.as_deref();
        }
        match kind {
            Kind::Whole => {}
            Kind::More => message.more = Some(true),
            Kind::Flush => message.flush = Some(true),
            Kind::Close => message.more = Some(false),
        }
        if in_context {
            message.context_id = Some(&context_name);
        } else if self.config.text == TextMode::Stream {
            message.max_buffer_flush_ms = message.max_buffer_flush_ms.or(Some(STREAM_FLUSH_MS));
        }
        self.transmits.push_back(Transmit::Send(line.id, Message::Text(message.to_json())));
        if !matches!(kind, Kind::More)
            && let Some(answer) = self.queue.front()
            && let Some(segment) = answer.segments.back()
        {
            let (request, characters) = (segment.request, segment.characters());
            self.requested(context, request, characters);
        }
    }

    /// Tells of a request whose text is complete, or will never be.
    pub(super) fn requested(&mut self, context: ContextId, request: RequestId, characters: u64) {
        self.counters.requests(1);
        self.counters.characters(characters);
        self.events.push(TtsEvent::Requested { context, request, characters });
    }
}
