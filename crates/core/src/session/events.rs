//! What a session tells the application.

use std::{fmt, sync::Arc};

use super::Outcome;
use crate::{
    error::Error,
    frame::{ErrorReport, Frame, Interrupt},
    ring::Ring,
};

/// Events a session keeps for a reader that is slow, before the oldest is dropped.
const KEPT: usize = 256;

/// One of the two ends of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Where upstream frames leave.
    Head,
    /// Where downstream frames leave.
    Tail,
}

/// What happened in a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SessionEvent {
    /// Every stage has started.
    Started,
    /// A new generation has begun.
    Interrupted(Interrupt),
    /// A stage reported an error.
    Error(Arc<ErrorReport>),
    /// A frame of a kind asked for in [`SessionConfig::reached`](super::SessionConfig::reached) left the pipeline.
    Reached(Edge, Frame),
    /// The session is over.
    Finished(Result<Outcome, Arc<Error>>),
}

/// Called with each event, on the task where it happens: it must be quick.
pub(crate) type Handler = Arc<dyn Fn(&SessionEvent) + Send + Sync>;

/// Where the events go.
#[derive(Clone)]
pub(crate) struct SessionEvents {
    ring: Arc<Ring<SessionEvent>>,
    handler: Option<Handler>,
}

impl SessionEvents {
    pub(crate) fn new(handler: Option<Handler>) -> Self {
        Self { ring: Arc::new(Ring::new(KEPT)), handler }
    }

    pub(crate) fn emit(&self, event: SessionEvent) {
        if let Some(handler) = &self.handler
            && let Err(message) = crate::panic::catch(|| handler(&event))
        {
            tracing::error!(message, "a session event handler panicked");
        }
        self.ring.push(event);
    }

    pub(crate) async fn next(&self) -> Option<SessionEvent> {
        self.ring.next().await
    }

    pub(crate) fn missed(&self) -> u64 {
        self.ring.missed()
    }

    pub(crate) fn close(&self) {
        self.ring.close();
    }
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionEvents")
    }
}
