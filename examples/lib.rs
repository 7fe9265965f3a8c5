//! Holds no code: see the examples beside this file.
