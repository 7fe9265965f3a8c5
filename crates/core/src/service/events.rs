//! Event handlers of a service's connection: connected, disconnected, connection error.
//!
//! Events are delivered once per real change and in order, to closures, async closures and streams,
//! on a task of their own: a slow handler delays later events, never the pipeline. A handler that
//! panics is reported by `tracing` and the next event goes on. A stream that is not read keeps its newest
//! 64 events and counts the ones it lost.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::sync::broadcast;

use crate::error::ServiceError;

/// A change of a service's connection.
#[derive(Clone, Debug)]
pub enum ConnectionEvent {
    /// A connection is open.
    Connected,
    /// The connection is gone. The reason is a lower-case fragment.
    Disconnected {
        /// Why.
        reason: Arc<str>,
    },
    /// A connection could not be opened, or failed.
    Error(ServiceError),
}

type Handled = Pin<Box<dyn Future<Output = ()> + Send>>;
type Handler = Arc<dyn Fn(&ConnectionEvent) -> Option<Handled> + Send + Sync>;

/// How many events an unread stream keeps.
const KEPT: usize = 64;

/// The handlers of one service. Cloning shares them.
#[derive(Clone, Default)]
pub struct ConnectionEvents {
    // A registry: written while the agent is assembled, read once per event; never held across an await.
    handlers: Arc<Mutex<Vec<Handler>>>,
    // Made for the first who asks: its places take 4 KiB, and few ask.
    stream: Arc<OnceLock<broadcast::Sender<ConnectionEvent>>>,
}

/// The connection events of one service, as a stream.
#[derive(Debug)]
pub struct ConnectionLog {
    receiver: broadcast::Receiver<ConnectionEvent>,
    missed: u64,
}

impl ConnectionEvents {
    /// Calls `handler` when a connection is open.
    pub fn on_connected(&self, handler: impl Fn() + Send + Sync + 'static) {
        self.add(move |event| {
            if matches!(event, ConnectionEvent::Connected) {
                handler();
            }
            None
        });
    }

    /// Calls `handler` with the reason when a connection is gone.
    pub fn on_disconnected(&self, handler: impl Fn(&str) + Send + Sync + 'static) {
        self.add(move |event| {
            if let ConnectionEvent::Disconnected { reason } = event {
                handler(reason);
            }
            None
        });
    }

    /// Calls `handler` with the error when a connection could not be opened or failed.
    pub fn on_connection_error(&self, handler: impl Fn(&ServiceError) + Send + Sync + 'static) {
        self.add(move |event| {
            if let ConnectionEvent::Error(error) = event {
                handler(error);
            }
            None
        });
    }

    /// Awaits `handler` for every event. The next event waits for it.
    pub fn on_event<F>(&self, handler: impl Fn(ConnectionEvent) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.add(move |event| Some(Box::pin(handler(event.clone()))));
    }

    /// The events from now on, as a stream.
    #[must_use]
    pub fn stream(&self) -> ConnectionLog {
        ConnectionLog {
            receiver: self.stream.get_or_init(|| broadcast::Sender::new(KEPT)).subscribe(),
            missed: 0,
        }
    }

    fn add(&self, handler: impl Fn(&ConnectionEvent) -> Option<Handled> + Send + Sync + 'static) {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(handler));
    }

    /// Delivers one event to every handler, in the order they were added.
    pub(crate) async fn deliver(&self, event: ConnectionEvent) {
        let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for handler in handlers {
            let outcome = crate::panic::catch_async(Box::pin(async {
                if let Some(handled) = handler(&event) {
                    handled.await;
                }
            }))
            .await;
            if let Err(message) = outcome {
                tracing::error!(message, "a connection event handler panicked");
            }
        }
        if let Some(stream) = self.stream.get() {
            // No receiver is no error: nobody reads any more.
            let _ = stream.send(event);
        }
    }
}

impl ConnectionLog {
    /// The next event; `None` when the service is gone.
    pub async fn next(&mut self) -> Option<ConnectionEvent> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => self.missed += missed,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many events were lost because the stream was not read in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl fmt::Debug for ConnectionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionEvents")
    }
}
