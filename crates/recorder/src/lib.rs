//! Recording: both sides of a call on one clock, and what was said.
//!
//! ```text
//!  frames ─▶ Recorder ─ audio with its time ─▶ user: media timestamps ─┐
//!            (before the output)               bot: as it was played  ─┴▶ Timeline ─▶ Disk ─▶ call.wav, turns/
//!  sightings ─▶ Transcript ─────────────────────────────────────────────────────────▶ Disk ─▶ transcript.jsonl, .txt
//! ```
//! - [`Recorder`]: a processor that stands right before the output; writes `call.wav`, user left and bot right.
//! - [`Transcript`]: an observer; writes what was said, by whom and when, as JSON lines and as text.
//!
//! What decides is pure: `timeline`, `user`, `bot`, `clips` and `recording`, which joins them. What waits for the
//! disk is `offload`. `docs/recording.md` explains it to a stranger. Read next: [`Recorder`].

mod bot;
mod clips;
mod config;
mod error;
mod files;
mod offload;
mod recorder;
mod recording;
mod resampled;
mod stats;
mod timeline;
mod transcript;
mod user;

pub use self::{
    config::RecorderConfig,
    error::RecordError,
    recorder::Recorder,
    stats::RecorderStats,
    transcript::{Line, Transcript},
};
