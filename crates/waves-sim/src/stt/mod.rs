//! Speech-to-text: audio in, transcripts out, on the time of the audio.
//!
//! [`SttState`] decides; it is pure. Audio is cut into frames of 10 ms, so how a client cuts its
//! messages changes nothing. Per frame: `speech.rs` says whether it is speech, `source.rs` which words
//! became known (from the script or by the voice), `state.rs` what to send, `message.rs` how it reads
//! on each endpoint, `redact.rs` what is hidden. Read next: `state.rs`.

mod audio;
mod message;
mod redact;
mod script;
mod source;
mod speech;
mod state;
mod word;

pub use script::{Script, ScriptError, ScriptPosition, Utterance, Word};
pub use state::SttState;
