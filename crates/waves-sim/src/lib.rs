//! A simulator of the Smallest Waves speech services on loopback, with faults on demand.
//!
//! **It is a simulator.** It recognises no speech and has no human voice: transcripts come from a
//! [`Script`] or from audio in its own voice, which carries its text in tones ([`voice`]). Every HTTP
//! answer says so in the header `x-simulated: voxline-waves-sim`. It speaks the wire protocol of all six
//! WebSocket endpoints as the public documents describe it, so that any client, in any language, can be
//! tried without a key or a network, and can be made to meet everything that goes wrong ([`fault`]).
//!
//! ```no_run
//! # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
//! use voxline_waves_sim::{Script, SimConfig, WavesSim};
//!
//! let sim = WavesSim::start(SimConfig::default().with_script(Script::of(["Hello there."]))).await?;
//! println!("{} {}", sim.url(), sim.api_key());
//! sim.inject("429,endpoint=tts,count=1,retry_after=2".parse()?);
//! // … point a client at it …
//! for entry in sim.log() {
//!     println!("{entry:?}");
//! }
//! sim.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//! - [`WavesSim`] is the handle (`server.rs`), [`SimConfig`] all that can be set (`config/`).
//!   [`WavesSim::start_in_memory`] opens no socket: for whole calls in simulated time.
//! - A connection: `arrival.rs` (head, faults, upgrade) asks `gate.rs` and [`query`]; `connection.rs`
//!   waits; [`SttState`] and [`TtsState`] decide and can be used without a socket.
//! - [`fault`] says what goes wrong, [`log`] what was received.
//!
//! # What it does not do
//! Accepted without effect: `numerals`, `itn_normalize`, `no_format_delay`, `emotion_detection`,
//! `gender_detection`, `keywords` (checked and logged), pronunciation settings. Opus is counted, not
//! decoded; MP3 is refused. HTTP endpoints (batch, SSE) answer 404. TLS is for a proxy in front.

mod arrival;
mod closing;
pub mod config;
mod connection;
mod endpoint;
pub mod fault;
mod gate;
mod http;
mod io;
pub mod log;
mod outbox;
pub mod query;
mod server;
mod session;
mod shared;
mod stream;
mod stt;
mod tts;
pub mod voice;

pub use config::SimConfig;
pub use endpoint::{Direction, Endpoint, UnknownEndpoint};
pub use fault::{Fault, FaultKind, FaultSpecError};
pub use log::{LogEntry, LogEvent};
pub use query::{SttQuery, TtsQuery};
pub use server::{SimError, WavesSim};
pub use session::{ErrorShape, Output, Reply, ReplyKind};
pub use stt::{Script, ScriptError, ScriptPosition, SttState, Utterance, Word};
pub use tts::TtsState;

/// Whether `id` may be a client's own id: `^[a-zA-Z0-9_\-.]+$`, at most 128 characters.
fn is_external_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !id.is_empty() && id.len() <= 128 && id.bytes().all(allowed)
}

/// `length` random hexadecimal digits.
fn hex_id(random: &mut fastrand::Rng, length: usize) -> String {
    (0..length).map(|_| random.digit(16)).collect()
}
