//! What the tests of this crate share: an HTTP server by hand, and a model that follows orders.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should stop")]

pub(crate) mod fake;
pub(crate) mod server;
