//! Text that waits for its continuation.
//!
//! In: fragments with what their request says about more to come, and time. Out: [`Release`]s, text that
//! is to be spoken now. There is one plain buffer (`continue`, `flush`, `max_buffer_flush_ms`) and one per
//! `context_id`, which gives text away at the end of a sentence or after `max_buffer_delay_ms`.

use std::{collections::BTreeMap, time::Duration};

use super::request::{Context, RequestError, Speak};

/// Open contexts of one socket.
const MAX_CONTEXTS: usize = 64;

/// Bytes of text that may wait in one buffer.
const MAX_BUFFERED_BYTES: usize = 1 << 20;

/// Text to be spoken now, and how.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Release {
    pub(super) text: String,
    pub(super) voice: String,
    pub(super) speak: Speak,
    /// A request that had nothing to do with any other.
    pub(super) one_shot: bool,
}

#[derive(Debug, Default)]
pub(super) struct Buffers {
    plain: Option<Buffer>,
    contexts: BTreeMap<String, Buffer>,
}

#[derive(Debug)]
struct Buffer {
    text: String,
    voice: String,
    /// The newest request: its settings are those the text is spoken with.
    speak: Speak,
    release_at: Option<Duration>,
}

impl Buffers {
    /// A request outside any context: what is to be spoken, if anything.
    pub(super) fn handle_plain(
        &mut self,
        now: Duration,
        mut speak: Speak,
    ) -> Result<Option<Release>, RequestError> {
        let waiting = self.plain.take();
        let one_shot = waiting.is_none() && !speak.continues && !speak.flush;
        let text = speak.text.take().unwrap_or_default();
        let Some(buffer) = Buffer::joined(waiting, &text, speak)? else { return Ok(None) };
        if !buffer.speak.continues || buffer.speak.flush {
            return Ok(buffer.release(one_shot));
        }
        let limit = buffer.speak.max_buffer_flush;
        // The limit counts from the oldest text that waits.
        let release_at = buffer.release_at.or((limit > Duration::ZERO).then(|| now + limit));
        self.plain = Some(Buffer { release_at, ..buffer });
        Ok(None)
    }

    /// A request within a context.
    pub(super) fn handle_context(
        &mut self,
        now: Duration,
        mut speak: Speak,
        context: &Context,
    ) -> Result<Option<Release>, RequestError> {
        let waiting = self.contexts.remove(&context.id);
        if context.cancels {
            return Ok(None);
        }
        let text = speak.text.take().unwrap_or_default();
        let Some(mut buffer) = Buffer::joined(waiting, &text, speak)? else { return Ok(None) };
        if context.closes {
            return Ok(buffer.release(false));
        }
        let release = buffer.take_sentences();
        buffer.release_at =
            if buffer.text.is_empty() { None } else { buffer.release_at.or(Some(now + context.max_delay)) };
        if self.contexts.len() >= MAX_CONTEXTS {
            return Err(RequestError::new(
                "TOO_MANY_CONTEXTS",
                format!("at most {MAX_CONTEXTS} open contexts"),
            ));
        }
        self.contexts.insert(context.id.clone(), buffer);
        Ok(release)
    }

    /// What has waited long enough by `now`.
    pub(super) fn handle_timeout(&mut self, now: Duration) -> Vec<Release> {
        let is_due = |buffer: &Buffer| buffer.release_at.is_some_and(|at| now >= at);
        let plain = self.plain.take_if(|buffer| is_due(buffer)).and_then(|buffer| buffer.release(false));
        let due = self.contexts.values_mut().filter(|buffer| is_due(buffer));
        plain.into_iter().chain(due.filter_map(Buffer::take_all).collect::<Vec<_>>()).collect()
    }

    /// When the next text has waited long enough.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.plain.iter().chain(self.contexts.values()).filter_map(|buffer| buffer.release_at).min()
    }

    /// Whether text waits.
    pub(super) fn is_empty(&self) -> bool {
        self.plain.is_none() && self.contexts.is_empty()
    }

    /// Whether a request may leave out its voice because earlier ones had it.
    pub(super) fn has_voice_for(&self, context: Option<&Context>) -> bool {
        match context {
            Some(context) => self.contexts.contains_key(&context.id),
            None => self.plain.is_some(),
        }
    }
}

impl Buffer {
    /// `waiting` and `text` together; `None` when nobody has said in which voice.
    fn joined(waiting: Option<Self>, text: &str, speak: Speak) -> Result<Option<Self>, RequestError> {
        let joined = match (waiting, speak.voice.clone()) {
            (None, None) => return Ok(None),
            (None, Some(voice)) => Self { text: text.to_owned(), voice, speak, release_at: None },
            (Some(old), Some(voice)) => Self { text: old.text + text, voice, speak, ..old },
            // Without a voice it only says what becomes of the text: the settings stay.
            (Some(mut old), None) => {
                old.text.push_str(text);
                (old.speak.continues, old.speak.flush) = (speak.continues, speak.flush);
                old
            }
        };
        if joined.text.len() > MAX_BUFFERED_BYTES {
            return Err(RequestError::new("TEXT_TOO_LONG", "too much text without a flush"));
        }
        Ok(Some(joined))
    }

    fn release(self, one_shot: bool) -> Option<Release> {
        let text = self.text.trim().to_owned();
        (!text.is_empty()).then_some(Release { text, voice: self.voice, speak: self.speak, one_shot })
    }

    fn take_all(&mut self) -> Option<Release> {
        self.release_at = None;
        let text = std::mem::take(&mut self.text);
        Self { text, voice: self.voice.clone(), speak: self.speak.clone(), release_at: None }.release(false)
    }

    /// The whole sentences at the beginning.
    fn take_sentences(&mut self) -> Option<Release> {
        let end = sentence_end(&self.text)?;
        let rest = self.text.split_off(end);
        let release = self.take_all();
        self.text = rest;
        release
    }
}

/// Where the last whole sentence of `text` ends. A Latin full stop ends one only before white space or
/// the end, as in `3.14`.
fn sentence_end(text: &str) -> Option<usize> {
    let mut end = None;
    for (index, c) in text.char_indices() {
        let after = index + c.len_utf8();
        let closes = text[after..].chars().next().is_none_or(|next| next.is_whitespace() || next == '"');
        match c {
            '。' | '！' | '？' | '।' | '\n' => end = Some(after),
            '.' | '!' | '?' | '…' if closes => end = Some(after),
            _ => {}
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;
    use crate::config::TtsOptions;
    use crate::tts::request::Request;

    fn speak(json: &str) -> Speak {
        match Request::parse(Endpoint::TtsLive, &TtsOptions::default(), json) {
            Ok(Request::Speak(speak)) => *speak,
            other => panic!("{other:?}"),
        }
    }

    fn plain(buffers: &mut Buffers, at_ms: u64, json: &str) -> Option<String> {
        let release = buffers.handle_plain(Duration::from_millis(at_ms), speak(json)).unwrap();
        release.map(|release| release.text)
    }

    fn in_context(buffers: &mut Buffers, at_ms: u64, json: &str) -> Option<String> {
        let speak = speak(json);
        let context = speak.context.clone().unwrap();
        let release = buffers.handle_context(Duration::from_millis(at_ms), speak, &context).unwrap();
        release.map(|release| release.text)
    }

    #[test]
    fn fragments_wait_for_a_flush_or_the_last_one() {
        let mut buffers = Buffers::default();
        assert_eq!(plain(&mut buffers, 0, r#"{"voice_id":"v","text":"Hello ","continue":true}"#), None);
        assert_eq!(
            plain(&mut buffers, 1, r#"{"voice_id":"v","text":"","flush":true}"#).as_deref(),
            Some("Hello")
        );
        assert_eq!(plain(&mut buffers, 2, r#"{"voice_id":"v","text":"a ","continue":true}"#), None);
        assert_eq!(plain(&mut buffers, 3, r#"{"voice_id":"v","text":"b"}"#).as_deref(), Some("a b"));
        assert!(buffers.is_empty());
    }

    #[test]
    fn text_is_released_when_its_time_is_up() {
        let mut buffers = Buffers::default();
        let json = r#"{"voice_id":"v","text":"a","continue":true,"max_buffer_flush_ms":500}"#;
        plain(&mut buffers, 100, json);
        plain(&mut buffers, 300, json);
        assert_eq!(buffers.poll_timeout(), Some(Duration::from_millis(600)));
        assert!(buffers.handle_timeout(Duration::from_millis(599)).is_empty());
        assert_eq!(buffers.handle_timeout(Duration::from_millis(600))[0].text, "aa");
    }

    #[test]
    fn a_context_speaks_whole_sentences_and_the_rest_when_it_closes() {
        let mut buffers = Buffers::default();
        let more =
            |text: &str| format!(r#"{{"voice_id":"v","text":"{text}","context_id":"c","continue":true}}"#);
        assert_eq!(in_context(&mut buffers, 0, &more("Pi is 3.")), Some("Pi is 3.".into()));
        assert_eq!(in_context(&mut buffers, 1, &more("One. Two")).as_deref(), Some("One."));
        assert_eq!(buffers.poll_timeout(), Some(Duration::from_millis(3_001)));
        let close = r#"{"context_id":"c","continue":false}"#;
        assert_eq!(in_context(&mut buffers, 2, close).as_deref(), Some("Two"));
        assert_eq!(in_context(&mut buffers, 3, close), None);
    }

    #[test]
    fn cancelling_drops_what_was_not_spoken() {
        let mut buffers = Buffers::default();
        in_context(&mut buffers, 0, r#"{"voice_id":"v","text":"never","context_id":"c","continue":true}"#);
        let cancel = r#"{"context_id":"c","cancel_request":true}"#;
        assert_eq!(in_context(&mut buffers, 1, cancel), None);
        assert!(buffers.is_empty());
    }

    #[test]
    fn a_sentence_ends_in_every_script() {
        assert_eq!(sentence_end("3.14 is"), None);
        assert_eq!(sentence_end("Yes! No"), Some(4));
        assert_eq!(sentence_end("नमस्ते। आप"), Some("नमस्ते।".len()));
        assert_eq!(sentence_end("你好。再"), Some("你好。".len()));
    }
}
