//! Holds no code: see the tests beside this file.
