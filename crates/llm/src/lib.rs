//! Language models: a streaming client for any OpenAI-compatible endpoint, a scripted model, typed tools.
//!
//! [`OpenAiLlm`] and [`ScriptedLlm`] are [`LlmService`](voxline_core::service::LlmService)s: put either into a
//! pipeline, and a request in becomes an answer out, word by word. [`tool`] makes a typed async function
//! something a model may call; [`Tools`] are given to the stage by
//! [`with_tools`](voxline_core::service::LlmService::with_tools).
//!
//! | to | read |
//! |---|---|
//! | talk to OpenAI, Electron, Groq, vLLM, Ollama | [`OpenAiLlm`] |
//! | choose the model and how it writes, also in mid-call | [`OpenAiSettings`] |
//! | choose where it is and how long it may take | [`OpenAiConfig`] |
//! | know what failed | [`LlmError`] |
//! | let it do things | [`tool`] |
//! | do without a model, in tests and demos | [`ScriptedLlm`] |
//!
//! Read next: `openai/service.rs`, then `openai/assemble.rs`.

mod openai;
mod scripted;
mod tool;

pub use openai::{
    ConfigError, Deadlines, HttpPool, LlmError, MaxTokensField, OpenAiConfig, OpenAiDelta, OpenAiLlm,
    OpenAiSettings, PoolConfig, RetryPolicy, ToolChoice,
};
pub use schemars;
pub use scripted::{Reply, ScriptedLlm};
pub use tool::{TypedTool, tool};
pub use voxline_core::service::{AtInterruption, Tool, ToolError, ToolOrder, ToolPolicy, Tools};
pub use voxline_wire::Secret;
