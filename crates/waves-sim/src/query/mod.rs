//! What a client asks for in the query, read and checked per endpoint.
//!
//! In: the decoded pairs of a query. Out: [`SttQuery`] or [`TtsQuery`], or a [`QueryError`] that becomes
//! an HTTP 400. Unknown names are ignored, as the service does. Booleans are true only for the exact
//! text `true`; strict reading refuses anything but `true` and `false`.

mod stt;
mod tts;

pub use stt::{Keyword, SttQuery};
pub use tts::TtsQuery;

/// A parameter the service refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// Which parameter.
    pub parameter: &'static str,
    /// What is wrong with it, in words for a client's developer.
    pub message: String,
}

impl QueryError {
    fn new(parameter: &'static str, message: impl Into<String>) -> Self {
        Self { parameter, message: message.into() }
    }
}

/// The pairs of one query and how to read them.
#[derive(Clone, Copy, Debug)]
struct Pairs<'a> {
    pairs: &'a [(String, String)],
    strict: bool,
}

impl<'a> Pairs<'a> {
    /// The last value of `name`, as most servers take it.
    fn text(&self, name: &str) -> Option<&'a str> {
        self.pairs.iter().rev().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    fn flag(&self, name: &'static str, default: bool) -> Result<bool, QueryError> {
        match self.text(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) if self.strict => Err(QueryError::new(name, format!("{name} must be true or false"))),
            Some(_) => Ok(false),
        }
    }

    fn number(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, QueryError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(value) if range.contains(&value) => Ok(Some(value)),
            _ => {
                let (low, high) = (range.start(), range.end());
                Err(QueryError::new(name, format!("{name} must be an integer from {low} to {high}")))
            }
        }
    }
}
