//! The client for OpenAI-compatible chat endpoints.
//!
//! ```text
//! LlmRequest ─▶ body ─▶ POST, HttpPool ─▶ bytes ─▶ Utf8 ─▶ eventsource-stream ─▶ Assembler ─▶ LlmEvent
//!               message.rs  pool.rs                utf8.rs                       assemble.rs
//! ```
//!
//! `message.rs` is the wire; `assemble.rs`, `retry.rs` and `utf8.rs` decide and never wait; `service.rs` asks and
//! `reading.rs` reads.

mod assemble;
mod config;
mod error;
mod message;
mod pool;
mod reading;
mod retry;
mod service;
mod settings;
mod utf8;

pub use config::{Deadlines, MaxTokensField, OpenAiConfig};
pub use error::{ConfigError, LlmError};
pub use pool::{HttpPool, PoolConfig};
pub use retry::RetryPolicy;
pub use service::OpenAiLlm;
pub use settings::{OpenAiDelta, OpenAiSettings, ToolChoice};
