//! The service as a pipeline stage takes it: configuration, handlers, and the run of one session.
//!
//! Nothing is decided here. [`SttSession`] decides, `voxline_wire::drive` waits; this file builds the one,
//! hands it to the other and gives back how it ended.
//!
//! Read next: `session.rs`.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::mpsc;
use voxline_audio::{Encoding, SampleRate};
use voxline_core::{
    error::ServiceError,
    service::{
        ConnectionEvent, ConnectionEvents, ConnectionLog, ServiceName, ServiceResult, SttCommand, SttEvent,
        SttIo, SttProfile, SttService, SttSetup,
    },
};
use voxline_wire::{Commands, Events, Outbox, Secret, WireConfig, drive};

use crate::{
    config::SttConfig,
    counters::SttCounters,
    endpoint::Endpoint,
    error::{SERVICE_NAME, SttError},
    session::SttSession,
    settings::SttSettings,
};

/// Smallest AI speech-to-text for a pipeline.
///
/// See [the crate's page](crate) for an example.
#[derive(Clone, Debug)]
pub struct SmallestStt {
    config: SttConfig,
    settings: SttSettings,
    counters: SttCounters,
    events: ConnectionEvents,
}

impl SmallestStt {
    /// The service with its defaults: `stt/live`, Pulse, English, 16-bit PCM at the pipeline's rate.
    #[must_use]
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self::with_config(SttConfig::new(api_key))
    }

    /// The service with its defaults and the key from `SMALLEST_API_KEY`.
    ///
    /// # Errors
    /// [`SttError::MissingKey`] when the variable is unset or blank.
    pub fn from_env() -> Result<Self, SttError> {
        SttConfig::from_env().map(Self::with_config)
    }

    /// The service with this configuration and default settings.
    #[must_use]
    pub fn with_config(config: SttConfig) -> Self {
        let (settings, counters, events) = Default::default();
        Self { config, settings, counters, events }
    }

    /// What is recognised and how.
    #[must_use]
    pub fn with_settings(mut self, settings: SttSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Where the service is: another host, a proxy, a path prefix.
    #[must_use]
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.config.base_url = base_url.into();
        self
    }

    /// Which of the three endpoints.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.config.endpoint = endpoint;
        self
    }

    /// How audio is sent.
    #[must_use]
    pub fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.config.encoding = encoding;
        self
    }

    /// At which rate audio is sent; other input is resampled.
    #[must_use]
    pub fn with_sample_rate(mut self, rate: SampleRate) -> Self {
        self.config.sample_rate = Some(rate);
        self
    }

    /// How long a final usually takes after the end of speech, 99th percentile.
    #[must_use]
    pub fn with_p99_latency(mut self, latency: Duration) -> Self {
        self.config.p99_latency = latency;
        self
    }

    /// Calls `handler` when a connection is open.
    pub fn on_connected(&self, handler: impl Fn() + Send + Sync + 'static) {
        self.events.on_connected(handler);
    }

    /// Calls `handler` with the reason when a connection is gone.
    pub fn on_disconnected(&self, handler: impl Fn(&str) + Send + Sync + 'static) {
        self.events.on_disconnected(handler);
    }

    /// Calls `handler` with the error when a connection could not be opened or failed.
    pub fn on_connection_error(&self, handler: impl Fn(&ServiceError) + Send + Sync + 'static) {
        self.events.on_connection_error(handler);
    }

    /// Awaits `handler` for every event of the connection. The next event waits for it.
    pub fn on_event<F>(&self, handler: impl Fn(ConnectionEvent) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.events.on_event(handler);
    }

    /// The events of the connection from now on, as a stream.
    #[must_use]
    pub fn events(&self) -> ConnectionLog {
        self.events.stream()
    }

    /// The counters of this service, to be kept before it moves into a pipeline.
    #[must_use]
    pub fn counters(&self) -> SttCounters {
        self.counters.clone()
    }
}

#[async_trait]
impl SttService for SmallestStt {
    fn name(&self) -> ServiceName {
        SERVICE_NAME.into()
    }

    fn profile(&self) -> SttProfile {
        SttProfile {
            p99_latency: self.config.p99_latency,
            final_deadline: self.config.p99_latency,
            finalize_on_speech_end: true,
            confirms_finalize: true,
        }
    }

    fn connection_events(&self) -> ConnectionEvents {
        self.events.clone()
    }

    async fn run(self: Box<Self>, setup: SttSetup, io: SttIo) -> ServiceResult {
        let fatal = Arc::new(OnceLock::new());
        let (session, gate, wire) = match self.prepare(setup, io.commands) {
            Ok(prepared) => prepared,
            Err(error) => {
                let error = error.into_service(true);
                // Nobody to tell it to is no reason to hide it from the caller.
                let _ = io.events.send(SttEvent::Connection(ConnectionEvent::Error(error.clone()))).await;
                return Err(error);
            }
        };
        let events = Watched { outbox: Outbox::new(io.events), fatal: fatal.clone() };
        let ended = drive(session, gate, events, wire).await;
        tracing::debug!(?ended, "speech-to-text is over");
        fatal.get().cloned().map_or(Ok(()), Err)
    }
}

impl SmallestStt {
    /// All that needs no waiting, so that nothing of it is kept while the session runs.
    fn prepare(
        self,
        setup: SttSetup,
        receiver: mpsc::Receiver<SttCommand>,
    ) -> Result<(SttSession, Gate, WireConfig), SttError> {
        let Self { config, settings, counters, .. } = self;
        let (seed, now) = (fastrand::u64(..), tokio::time::Instant::now().into_std());
        let session = SttSession::new(&config, settings, setup.sample_rate, counters.clone(), seed, now)?;
        let gate = Gate { receiver, ended: false, counters, most: config.kept_audio / 2 };
        Ok((session, gate, config.wire))
    }
}

/// The commands on their way in.
///
/// 1. After `End` the session's own deadlines decide, not the life of the sender: the end of the commands is
///    not passed on then.
/// 2. While half the audio that may be kept waits for a connection, no more is taken: the pipeline holds a
///    file back, and drops the oldest of what is live, by its own bound.
struct Gate {
    receiver: mpsc::Receiver<SttCommand>,
    ended: bool,
    counters: SttCounters,
    most: Duration,
}

impl Commands for Gate {
    type Command = SttCommand;

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<SttCommand>> {
        if self.counters.waiting() >= self.most {
            // What opens the gate, a connection or room on it, happens in the very task that polls here.
            return Poll::Pending;
        }
        let next = self.receiver.poll_recv(cx);
        match next {
            Poll::Ready(None) if self.ended => Poll::Pending,
            next => {
                self.ended |= matches!(next, Poll::Ready(Some(SttCommand::End)));
                next
            }
        }
    }
}

/// The events on their way out; notes the error that ends the run.
struct Watched {
    outbox: Outbox<SttEvent>,
    fatal: Arc<OnceLock<ServiceError>>,
}

impl Events<SttEvent> for Watched {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.outbox.poll_ready(cx)
    }

    fn send(&mut self, event: SttEvent) {
        if let SttEvent::Connection(ConnectionEvent::Error(error)) = &event
            && error.fatal
        {
            // A session gives up once.
            let _ = self.fatal.set(error.clone());
        }
        self.outbox.send(event);
    }
}
