//! The text-to-speech query: one parameter.
//!
//! Everything else a client sets is in its requests (`tts/request.rs`); the model of the older endpoints
//! is in the path.

use std::time::Duration;

use super::{Pairs, QueryError};
use crate::Endpoint;

/// What a text-to-speech client asks for in its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtsQuery {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// `timeout`: how long the client may be silent, when given.
    pub timeout: Option<Duration>,
}

impl TtsQuery {
    /// Reads a query. `strict` holds the older endpoints to 20 to 60 s.
    ///
    /// # Errors
    /// A `timeout` that is not a positive integer.
    pub fn parse(endpoint: Endpoint, pairs: &[(String, String)], strict: bool) -> Result<Self, QueryError> {
        let range = if strict && endpoint != Endpoint::TtsLive { 20..=60 } else { 1..=86_400 };
        let timeout = Pairs { pairs, strict }.number("timeout", range)?.map(Duration::from_secs);
        Ok(Self { endpoint, timeout })
    }

    /// The documented idle time: what was asked for, else 60 s on `tts/live` and 20 s on the older ones.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        let default = if self.endpoint == Endpoint::TtsLive { 60 } else { 20 };
        self.timeout.unwrap_or(Duration::from_secs(default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(endpoint: Endpoint, timeout: &str, strict: bool) -> Result<TtsQuery, QueryError> {
        TtsQuery::parse(endpoint, &[("timeout".to_owned(), timeout.to_owned())], strict)
    }

    #[test]
    fn the_idle_time_is_the_documented_one() {
        let idle = |endpoint| TtsQuery::parse(endpoint, &[], true).unwrap().idle_timeout().as_secs();
        assert_eq!((idle(Endpoint::TtsLive), idle(Endpoint::LightningV2)), (60, 20));
        assert_eq!(parse(Endpoint::TtsLive, "999", true).unwrap().idle_timeout().as_secs(), 999);
    }

    #[test]
    fn a_timeout_that_makes_no_sense_is_refused() {
        for timeout in ["0", "-1", "1.5", "soon", ""] {
            assert_eq!(parse(Endpoint::TtsLive, timeout, false).unwrap_err().parameter, "timeout");
        }
        assert!(parse(Endpoint::LightningV31, "61", true).is_err());
        assert!(parse(Endpoint::LightningV31, "61", false).is_ok());
    }
}
