//! How the text-to-speech half behaves where documents leave a choice.
//!
//! Each default says where it comes from when no document does. What a request may hold is not an
//! option: its ranges are the documented ones (`tts/request.rs`).

use std::time::Duration;

use crate::ErrorShape;

/// Text-to-speech behaviour.
#[derive(Clone, Debug, PartialEq)]
pub struct TtsOptions {
    /// From a request to its first chunk. Default 100 ms.
    pub first_chunk_latency: Duration,
    /// How much faster than real time chunks are sent. Default 10.
    pub pace: f64,
    /// Audio in one chunk. Default 100 ms.
    pub chunk: Duration,
    /// Shape of error frames. Default [`ErrorShape::Message`].
    pub error_shape: ErrorShape,
    /// Whether an error frame is followed by a close. Default no.
    pub error_closes: bool,
    /// Idle time without `?timeout=`. Default by endpoint: 60 s on `tts/live`, 20 s on the older ones.
    pub idle_timeout: Option<Duration>,
    /// Close code after the idle timeout's error. Default 1000: no document says.
    pub idle_close_code: u16,
    /// What text of spaces only gets. Default nothing.
    pub whitespace_text: WhitespaceText,
    /// What a bare `{"flush":true}` gets. Default [`BareFlush::ByEndpoint`].
    pub bare_flush: BareFlush,
    /// Whether the socket is closed after `complete`. Default for one-shot requests only.
    pub close_after_complete: CloseAfterComplete,
    /// Whether every `output_format` gives PCM, as one client claims of the socket. Default no.
    pub always_pcm: bool,
    /// Voices that give word timestamps. Default all; the documents list six,
    /// [`TtsOptions::DOCUMENTED_WORD_VOICES`].
    pub word_timestamp_voices: Option<Vec<String>>,
    /// Voices that exist. Default any.
    pub voices: Option<Vec<String>>,
    /// Whether languages outside the documented lists are refused. Default no.
    pub strict_language: bool,
    /// Words the content filter rejects when a request asks for it. Default none.
    pub filtered_words: Vec<String>,
    /// Requests waiting to be spoken on one socket. Default 256; one more is an error.
    pub queued_requests: usize,
    /// `complete_backoff_ms` of a request that has none. Default 4 s, as documented.
    pub complete_backoff: Duration,
}

/// What text of spaces only gets; clients send it as a keepalive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhitespaceText {
    /// No answer.
    Nothing,
    /// A `complete` without audio.
    Complete,
}

/// What `{"flush":true}` without voice and text gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BareFlush {
    /// An error on `tts/live`, a flush on the older endpoints.
    ByEndpoint,
    /// A flush.
    Accept,
    /// An error.
    Refuse,
}

/// When the server closes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseAfterComplete {
    /// Never.
    Never,
    /// After a request without `continue`, `flush` and `context_id`, when nothing else is waiting.
    OneShot,
    /// After every `complete` when nothing else is waiting.
    Always,
}

impl TtsOptions {
    /// The voices that give word timestamps in the documents (in `en` and `hi`).
    pub const DOCUMENTED_WORD_VOICES: [&str; 6] = ["meher", "devansh", "kartik", "maithili", "liam", "avery"];
}

impl Default for TtsOptions {
    fn default() -> Self {
        Self {
            first_chunk_latency: Duration::from_millis(100),
            pace: 10.0,
            chunk: Duration::from_millis(100),
            error_shape: ErrorShape::Message,
            error_closes: false,
            idle_timeout: None,
            idle_close_code: 1000,
            whitespace_text: WhitespaceText::Nothing,
            bare_flush: BareFlush::ByEndpoint,
            close_after_complete: CloseAfterComplete::OneShot,
            always_pcm: false,
            word_timestamp_voices: None,
            voices: None,
            strict_language: false,
            filtered_words: Vec::new(),
            queued_requests: 256,
            complete_backoff: Duration::from_secs(4),
        }
    }
}
