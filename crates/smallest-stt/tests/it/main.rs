//! The session without a socket, a clock or a runtime: every input is a call, every output is looked at.
//!
//! Names begin with the item they hold: `w25_…` is item 25 of the conformance list in `docs/waves.md`,
//! `r_10_…` a failure of the field. Each module holds one side of the session; `support.rs` drives it.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod address;
mod allocations;
mod changing;
mod connecting;
mod interleavings;
mod logging;
mod looking;
mod messages;
mod receiving;
mod sending;
mod snapshots;
mod support;
