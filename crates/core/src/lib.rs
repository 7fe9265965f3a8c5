//! Frames, processors and pipelines: the centre of Voxline.
//!
//! ```text
//!  Session ── queue, interrupt, end, cancel, finished, events
//!     │ supervises
//!     ▼
//!  ┌ segment (one task) ────────────┐  link   ┌ async stage (one task) ┐  link   ┌ segment ┐
//!  │ Processor → Processor → …      │ ══════▶ │ AsyncProcessor         │ ══════▶ │ …       │
//!  └────────────────────────────────┘ ◀────── └────────────────────────┘ ◀────── └─────────┘
//!        direct calls                  lanes: signals · up · down (bounded)
//! ```
//!
//! - [`frame`]: what flows, and the taxonomy of kinds.
//! - [`processor`]: what happens to it, in two tiers.
//! - [`pipeline`]: stages in a row or side by side, fused where they only decide.
//! - [`link`]: what stands between stages that wait separately.
//! - [`session`]: a running pipeline, its lifecycle and its events.
//! - [`service`]: what a provider of speech-to-text or text-to-speech implements.
//! - [`text`]: an answer's text on its way to the synthesizer: filters and sentences.
//! - [`playout`]: playing an answer on a clock, for output transports.
//! - [`observe`]: watching without taking part.
//!
//! This crate knows no socket, file, vendor or codec, and reads no wall clock.
//! Read next: [`frame`].

mod custom;
pub mod error;
pub mod frame;
pub mod link;
pub mod observe;
mod panic;
pub mod pipeline;
pub mod playout;
pub mod processor;
mod ring;
pub mod service;
pub mod session;
mod sync;
pub mod text;

pub use custom::CustomFrame;
pub use error::{Error, ErrorCategory, ServiceError};
pub use observe::Observer;
pub use pipeline::{AsyncContext, Context, Pipeline};
pub use processor::{AsyncProcessor, Ending, Event, Processor, Timer};
pub use session::{Outcome, Session, SessionConfig, SessionEvent};
