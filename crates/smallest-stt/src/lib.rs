//! Smallest AI Waves speech-to-text (Pulse) for Voxline pipelines, usable on its own.
//!
//! ```no_run
//! use smallest_stt::{SmallestStt, SttSettings};
//! use voxline_core::frame::Language;
//!
//! # fn main() -> Result<(), smallest_stt::SttError> {
//! let stt = SmallestStt::from_env()?
//!     .with_settings(SttSettings { language: Language::En, word_timestamps: true, ..Default::default() });
//! stt.on_connected(|| println!("listening"));
//! stt.on_disconnected(|reason| println!("gone: {reason}"));
//! stt.on_connection_error(|error| eprintln!("{error}"));
//! let counters = stt.counters();
//! // `stt` now goes into a pipeline; `counters.snapshot()` tells what it has done.
//! # let _ = counters;
//! # Ok(())
//! # }
//! ```
//!
//! In mid-call: `Frame::stt_settings(SttSettings::delta().language(Language::Fr))`.
//!
//! | to | read |
//! |---|---|
//! | put it into a pipeline | [`SmallestStt`] |
//! | reach another host, another endpoint, send telephony audio | [`SttConfig`], [`Endpoint`] |
//! | say what is recognised and how | [`SttSettings`], [`Keywords`], [`Aggregator`] |
//! | know what failed and what to do | [`SttError`] |
//! | count | [`SttCounters`] |
//! | drive it without a runtime, or test it | [`session::SttSession`] |
//! | know what the service says | [`message`] |
//!
//! The three endpoints differ: on `stt/live` and `pulse/get_text` a `finalize` ends a turn and `close_stream` the
//! session. On `lightning/get_text` a `finalize` ends the session, so it is sent at the very end only; turns
//! end there by the service's own detection of silence.
//!
//! Read next: `config.rs`, `settings.rs`, then `session.rs`.

mod config;
mod counters;
mod endpoint;
mod error;
mod keywords;
mod language;
mod line;
pub mod message;
mod query;
mod service;
pub mod session;
mod settings;

pub use config::{DEFAULT_BASE_URL, KEY_VARIABLE, Keepalive, SttConfig};
pub use counters::{SttCounters, SttCounts};
pub use endpoint::Endpoint;
pub use error::{SERVICE_NAME, SttError};
pub use keywords::Keywords;
pub use language::{Aggregator, is_documented};
pub use service::SmallestStt;
pub use settings::{Numerals, SttSettings, SttSettingsDelta};
pub use voxline_wire::Secret;
