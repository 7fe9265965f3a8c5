//! Runs one processor or one pipeline under test, renders frame logs, and holds processors to their law.
//!
//! - [`Harness`]: any stage on a runtime of its own with paused time: frames in, a [`Log`] out.
//! - [`Log`]: what left, as text lines that hold still between runs, for assertions and snapshots.
//! - [`conformance!`](crate::conformance!): the law of processors (`docs/processors.md`) as tests.
//! - [`Order`]: the order of an answer's frames, which the harness holds every stage to.
//! - [`FakeStt`], [`FakeTts`]: services that are fakes: they hear nothing and say nothing, they follow a script.
//! - [`samples`]: one frame of every kind.
//!
//! For tests only: what is misused panics, with a text that says what was wrong.
//! Texts of frames are shown in logs here, unlike anywhere else.
//! Read next: [`Harness`].

pub mod conformance;
mod fake;
mod harness;
mod log;
mod order;
mod render;
pub mod samples;

pub use fake::{Act, Fake, FakeStt, FakeTts, Puppet};
pub use harness::Harness;
pub use log::Log;
pub use order::Order;
pub use render::render;

#[doc(hidden)]
pub use voxline_core as core;
