//! Smallest AI Waves text-to-speech (Lightning) for Voxline pipelines, or on its own.
//!
//! [`SmallestTts`] is a [`TtsService`](voxline_core::service::TtsService): text of answers in, audio with
//! the answer and request it belongs to, words, and the end of each answer out. It keeps one WebSocket to
//! the service, replaces it when it must, and reports each change of it once.
//!
//! | to | read |
//! |---|---|
//! | use it | [`SmallestTts`] |
//! | choose how it speaks, also in mid-call | [`TtsSettings`] |
//! | choose where it connects and how long it waits | [`TtsConfig`] |
//! | know what failed | [`TtsError`] |
//!
//! Inside: `session.rs` decides and never waits, `message.rs` is the wire, `service.rs` joins both to the
//! driver. Protocol facts are those of `docs/waves.md`. Read next: `session.rs`, then `service.rs`.

mod config;
mod counters;
mod endpoint;
mod error;
pub mod message;
mod service;
mod session;
pub mod settings;
mod text;

pub use config::{DEFAULT_BASE_URL, KEY_VARIABLE, Patience, SERVICE_RATES, TtsConfig};
pub use counters::{TtsCounters, TtsCounts};
pub use endpoint::{Endpoint, TextMode};
pub use error::{ConfigError, SERVICE, TtsError};
pub use service::SmallestTts;
pub use settings::{Model, TtsSettings, TtsSettingsDelta};
pub use voxline_wire::Secret;
