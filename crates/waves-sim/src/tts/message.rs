//! Text-to-speech messages as each endpoint writes them.
//!
//! In: audio, words and ends of a synthesis with the request they answer. Out: JSON.
//! Which ids there are follows the endpoint: section 4.3 of the protocol's description.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::request::{RequestError, Speak};
use super::synthesis::SpokenAt;
use crate::{Endpoint, ErrorShape};

/// Writes one connection's messages.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) endpoint: Endpoint,
    pub(super) session_id: String,
    pub(super) error_shape: ErrorShape,
}

impl Writer {
    pub(super) fn chunk(&self, request_id: &str, speak: &Speak, audio: &[u8]) -> Value {
        let mut json = self.answer(request_id, speak, "chunk");
        json["data"] = json!({"audio": STANDARD.encode(audio)});
        json
    }

    pub(super) fn word(&self, request_id: &str, speak: &Speak, word: &SpokenAt) -> Value {
        let mut json = self.answer(request_id, speak, "word_timestamp");
        let seconds = |ms: u64| ms as f64 / 1_000.0;
        json["data"] = json!({
            "id": word.id,
            "word": word.word,
            "start": seconds(word.start_ms),
            "end": seconds(word.end_ms),
        });
        json
    }

    pub(super) fn complete(&self, request_id: &str, speak: &Speak) -> Value {
        let mut json = self.answer(request_id, speak, "complete");
        if self.endpoint == Endpoint::LightningV2 {
            json["message"] = "All chunks sent".into();
            json["done"] = true.into();
        }
        json
    }

    pub(super) fn error(&self, error: &RequestError, request_id: Option<&str>) -> Value {
        self.error_shape.frame(&error.message, error.code, request_id)
    }

    /// What every answer has. On v2 only `request_id`.
    fn answer(&self, request_id: &str, speak: &Speak, status: &str) -> Value {
        let mut json = json!({"request_id": request_id, "status": status});
        if self.endpoint != Endpoint::LightningV2 {
            json["session_id"] = self.session_id.clone().into();
            if let Some(id) = &speak.external_session_id {
                json["external_session_id"] = id.clone().into();
            }
            if let Some(id) = &speak.external_request_id {
                json["external_request_id"] = id.clone().into();
            }
        }
        json
    }
}
