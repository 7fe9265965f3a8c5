//! Speech-to-text messages as each endpoint writes them.
//!
//! In: words and what kind of transcription they make. Out: JSON. Which fields there are follows the
//! endpoint, the query and the options; the table is section 3.4 of the protocol's description.

use serde_json::{Map, Value, json};

use super::redact::ShownWord;
use crate::config::{SpeakerLabels, SttOptions, TextFields};
use crate::{Endpoint, SttQuery};

/// Why a final is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finality {
    Interim,
    /// Enough words.
    Rollover,
    /// The speaker paused.
    Pause,
    /// The client asked for it.
    Finalize,
    /// The session is over.
    Last,
}

/// A transcription before it is written.
#[derive(Debug)]
pub(super) struct Transcription {
    pub(super) finality: Finality,
    pub(super) words: Vec<ShownWord>,
    pub(super) tokens: Vec<String>,
    pub(super) language: String,
    /// Everything so far, this included.
    pub(super) full: String,
}

/// Writes one connection's messages.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) query: SttQuery,
    pub(super) options: SttOptions,
    pub(super) session_id: String,
}

impl Writer {
    pub(super) fn transcription(&self, transcription: &Transcription) -> Value {
        let is_final = transcription.finality != Finality::Interim;
        let is_last = transcription.finality == Finality::Last;
        let mut json = Map::new();
        let mut put = |name: &str, value: Value| json.insert(name.to_owned(), value);
        if self.query.endpoint != Endpoint::Lightning {
            put("type", "transcription".into());
            put("status", "success".into());
        }
        put("session_id", self.session_id.clone().into());
        for field in self.text_fields() {
            put(field, text(&transcription.words).into());
        }
        put("is_final", is_final.into());
        put("is_last", is_last.into());
        if self.query.endpoint != Endpoint::Lightning && self.options.from_finalize {
            put("from_finalize", (transcription.finality == Finality::Finalize).into());
        }
        if self.query.endpoint == Endpoint::SttLive && transcription.finality == Finality::Pause {
            put("speech_final", true.into());
        }
        if self.has_full_transcript(is_final) {
            put("full_transcript", transcription.full.clone().into());
        }
        if is_final {
            put("language", transcription.language.clone().into());
            put("languages", json!([transcription.language]));
        }
        if self.query.word_timestamps && (is_final || self.options.words_on_interims) {
            put("words", self.words(&transcription.words));
        }
        if self.query.sentence_timestamps && is_final {
            put("utterances", self.utterances(&transcription.words));
        }
        if is_final && (self.query.redact_pii || self.query.redact_pci) {
            put("redacted_entities", json!(transcription.tokens));
        }
        Value::Object(json)
    }

    pub(super) fn speech_edge(&self, name: &str, at_ms: u64) -> Value {
        json!({"type": name, "session_id": self.session_id, "timestamp": seconds(at_ms)})
    }

    pub(super) fn error(&self, message: &str) -> Value {
        json!({"type": "error", "status": "error", "message": message, "session_id": self.session_id})
    }

    fn text_fields(&self) -> &'static [&'static str] {
        match (self.query.endpoint, self.options.text_fields) {
            (Endpoint::SttLive, TextFields::Both) => &["transcript", "transcription"],
            (Endpoint::SttLive, TextFields::Transcription) => &["transcription"],
            _ => &["transcript"],
        }
    }

    fn has_full_transcript(&self, is_final: bool) -> bool {
        self.query.full_transcript
            && match self.query.endpoint {
                Endpoint::SttLive => true,
                Endpoint::Pulse => self.options.full_transcript_on_pulse && is_final,
                _ => is_final,
            }
    }

    fn words(&self, words: &[ShownWord]) -> Value {
        let shown = words.iter().filter(|word| !word.text.is_empty());
        let json = |shown: &ShownWord| {
            let text = if shown.token { token_in_words(&shown.text) } else { shown.text.clone() };
            let mut json = json!({
                "word": text,
                "start": seconds(shown.word.start_ms),
                "end": seconds(shown.word.end_ms),
                "confidence": shown.word.confidence,
            });
            if self.query.diarize {
                json["speaker"] = self.speaker(shown.word.speaker);
                json["speaker_confidence"] = 0.9.into();
            }
            json
        };
        shown.map(json).collect()
    }

    fn utterances(&self, words: &[ShownWord]) -> Value {
        let ends_sentence = |before: &ShownWord, after: &ShownWord| {
            before.text.ends_with(['.', '?', '!', '।', '。', '？', '！'])
                || (self.query.diarize && before.word.speaker != after.word.speaker)
        };
        let sentences = words.chunk_by(|before, after| !ends_sentence(before, after));
        let json = |sentence: &[ShownWord]| {
            let (first, last) = (sentence.first()?, sentence.last()?);
            let mut json = json!({
                "text": text(sentence),
                "start": seconds(first.word.start_ms),
                "end": seconds(last.word.end_ms),
            });
            if self.query.diarize {
                json["speaker"] = self.speaker(first.word.speaker);
            }
            Some(json)
        };
        sentences.filter_map(json).collect()
    }

    fn speaker(&self, number: u32) -> Value {
        match self.options.speakers {
            SpeakerLabels::Number => number.into(),
            SpeakerLabels::Text => format!("speaker_{number}").into(),
        }
    }
}

/// Words joined by single spaces, without blanks at either end.
pub(super) fn text(words: &[ShownWord]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// `[FIRSTNAME_1].` as `words` has it: `[firstname_1]`.
fn token_in_words(text: &str) -> String {
    let end = text.rfind(']').map_or(text.len(), |end| end + 1);
    text[..end].to_lowercase()
}

/// Milliseconds as seconds with at most three digits.
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
