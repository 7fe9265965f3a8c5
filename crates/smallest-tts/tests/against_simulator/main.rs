//! The whole service over loopback sockets, against the simulator of the Waves service.
//!
//! The simulator's voice carries its text, so what arrives is compared by what it says. Nothing here
//! measures time; each wait has a limit that only a hang would reach.

#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod endpoints;
mod faults;
mod speaking;
mod support;
