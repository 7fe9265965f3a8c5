//! The span of a turn, for logs and traces: from the user's first word to the end of the answer.
//!
//! It is a child of the session's span and says the number of the turn and whether its answer was interrupted;
//! never what was said. At DEBUG: who does not ask for it pays one comparison a turn.

use tracing::{Span, field::Empty};

/// The span of the newest turn.
#[derive(Debug, Default)]
pub(crate) struct TurnSpan {
    number: u64,
    span: Option<Span>,
}

impl TurnSpan {
    /// A turn of the user begins; the one before is over.
    pub(crate) fn begin(&mut self) {
        self.number += 1;
        self.span = Some(tracing::debug_span!("turn", number = self.number, interrupted = Empty));
    }

    /// The user has given the floor away.
    pub(crate) fn stopped(&self, spoke: bool) {
        if let Some(span) = &self.span {
            tracing::debug!(parent: span, spoke, "the user has given the floor away");
        }
    }

    /// The answer was cut.
    pub(crate) fn interrupted(&self) {
        if let Some(span) = &self.span {
            span.record("interrupted", true);
        }
    }

    /// Nobody owes anything any more.
    pub(crate) fn end(&mut self) {
        self.span = None;
    }
}
