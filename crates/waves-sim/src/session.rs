//! What a session decides, and the words it shares with the socket loop.
//!
//! A [`Session`] is pure: time is the duration since the connection was opened. After any `handle_*`
//! poll outputs until there is none, then ask when to wake it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stt::ScriptPosition;

/// One side of a connection: speech-to-text or text-to-speech.
pub(crate) trait Session: Send + std::fmt::Debug {
    fn handle_text(&mut self, now: Duration, text: &str);
    fn handle_binary(&mut self, now: Duration, bytes: &[u8]);
    fn handle_timeout(&mut self, now: Duration);
    fn poll_output(&mut self) -> Option<Output>;
    fn poll_timeout(&self) -> Option<Duration>;

    /// Where in the script the session is, if it reads one.
    fn script_position(&self) -> Option<ScriptPosition> {
        None
    }
}

/// What a session wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this message.
    Send(Reply),
    /// Close the socket after what was sent before. Nothing follows.
    Close {
        /// The close code.
        code: u16,
        /// The close reason.
        reason: String,
    },
}

/// A message to the client.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// What it means, so that faults can pick it.
    pub kind: ReplyKind,
    /// The JSON text.
    pub text: String,
}

/// What a message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// A transcription that is not final.
    Interim,
    /// A final transcription.
    Final,
    /// The transcription with `is_last`.
    Last,
    /// `speech_started` or `speech_ended`.
    SpeechEdge,
    /// An audio chunk.
    Chunk,
    /// A word timestamp.
    Word,
    /// The end of a synthesis.
    Complete,
    /// A pong.
    Pong,
    /// An error frame.
    Error,
}

impl Output {
    pub(crate) fn send(kind: ReplyKind, json: &Value) -> Self {
        Self::Send(Reply { kind, text: json.to_string() })
    }

    pub(crate) fn pong() -> Self {
        Self::send(ReplyKind::Pong, &json!({"type": "pong"}))
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({:?}, {} bytes)", self.kind, self.text.len())
    }
}

/// The shape of a text-to-speech error frame; documents and clients know four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// 1: `{"status":"error","message":…}`
    Message,
    /// 2: `{"status":"error","error":{"message":…,"code":…}}`
    Nested,
    /// 3: `{"status":"error","message":…,"errors":[…]}`
    List,
    /// 4: `{"request_id":…,"status":"error","error":{…}}`
    WithRequest,
}

impl ErrorShape {
    /// The shape of that number, 1 to 4.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        [Self::Message, Self::Nested, Self::List, Self::WithRequest]
            .get(usize::from(number.checked_sub(1)?))
            .copied()
    }

    /// An error frame of this shape.
    #[must_use]
    pub fn frame(self, message: &str, code: &str, request_id: Option<&str>) -> Value {
        let error = json!({"message": message, "code": code});
        match self {
            Self::Message => json!({"status": "error", "message": message}),
            Self::Nested => json!({"status": "error", "error": error}),
            Self::List => json!({"status": "error", "message": message, "errors": [error]}),
            Self::WithRequest => json!({"request_id": request_id, "status": "error", "error": error}),
        }
    }
}
