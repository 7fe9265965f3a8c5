//! Compiles the code that the README shows; otherwise see the tests beside this file.

/// The README, as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
