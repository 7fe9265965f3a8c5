//! The built command, run as a user runs it, against a simulator on loopback.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod agent;
mod conversation;
mod exit;
mod say;
mod sim;
mod support;
mod transcribe;
