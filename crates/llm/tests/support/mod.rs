//! What the tests of this crate share: an HTTP server by hand, and a model that follows orders.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod fake;
pub(crate) mod server;
