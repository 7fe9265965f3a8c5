//! The service as a pipeline sees it: builds the session, hands it to the driver, and waits.
//!
//! In: commands of the stage. Out: the session's events. Decides nothing.

use std::{
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use async_trait::async_trait;
use tokio::sync::mpsc;
use voxline_audio::SampleRate;
use voxline_core::{
    ServiceError,
    frame::ContextId,
    service::{
        ConnectionEvents, ConnectionLog, ServiceName, ServiceResult, TtsCommand, TtsEvent, TtsIo, TtsProfile,
        TtsService, TtsSetup,
    },
};
use voxline_wire::{Commands, Events, Outbox, Secret, WireConfig, drive};

use crate::{
    config::TtsConfig,
    counters::TtsCounters,
    endpoint::TextMode,
    error::{ConfigError, SERVICE, TtsError},
    session::{Rates, TtsSession},
    settings::TtsSettings,
};

/// Smallest AI text-to-speech.
///
/// ```
/// use smallest_tts::{SmallestTts, TtsSettings};
///
/// let tts = SmallestTts::new("sk_your_key")
///     .with_settings(TtsSettings { voice: "sophia".into(), speed: Some(1.1), ..TtsSettings::default() });
/// tts.on_connected(|| println!("ready to speak"));
/// tts.on_connection_error(|error| eprintln!("text-to-speech: {error}"));
/// ```
#[derive(Debug)]
#[must_use]
pub struct SmallestTts {
    config: TtsConfig,
    settings: TtsSettings,
    events: ConnectionEvents,
    counters: TtsCounters,
}

impl SmallestTts {
    /// With everything at its default.
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self::with_config(TtsConfig::new(api_key))
    }

    /// With this configuration and default settings. It is checked when the service starts.
    pub fn with_config(config: TtsConfig) -> Self {
        Self {
            config,
            settings: TtsSettings::default(),
            events: ConnectionEvents::default(),
            counters: TtsCounters::default(),
        }
    }

    /// With the key of the environment variable `SMALLEST_API_KEY`.
    ///
    /// # Errors
    /// When it is not set.
    pub fn from_env() -> Result<Self, ConfigError> {
        TtsConfig::from_env().map(Self::with_config)
    }

    /// With these settings. They are checked when the service starts.
    pub fn with_settings(mut self, settings: TtsSettings) -> Self {
        self.settings = settings;
        self
    }

    /// With another address; see [`TtsConfig::base_url`].
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.config.base_url = base_url.into();
        self
    }

    /// With this rate asked of the service, whatever the pipeline's is; the audio is resampled to the
    /// pipeline's.
    pub fn with_sample_rate(mut self, rate: SampleRate) -> Self {
        self.config.sample_rate = Some(rate);
        self
    }

    /// With this way of turning text into requests.
    pub fn with_text_mode(mut self, text: TextMode) -> Self {
        self.config.text = text;
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

    /// The connection's events from now on, as a stream.
    #[must_use]
    pub fn events(&self) -> ConnectionLog {
        self.events.stream()
    }

    /// What the service counts. Keep it: it can be read while the service runs.
    #[must_use]
    pub fn counters(&self) -> TtsCounters {
        self.counters.clone()
    }

    /// Whether configuration and settings can be used, as the start will check.
    ///
    /// # Errors
    /// What cannot, and why.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.config.check()?;
        let endpoint = self.config.endpoint_for(&self.settings.model);
        match self.settings.refusals(endpoint, self.config.text).into_iter().next() {
            Some(refusal) => Err(ConfigError::Setting(refusal)),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl TtsService for SmallestTts {
    fn name(&self) -> ServiceName {
        SERVICE.into()
    }

    fn profile(&self) -> TtsProfile {
        TtsProfile {
            streams_text: self.config.text != TextMode::Sentences,
            first_audio_deadline: self.config.patience.first_audio,
        }
    }

    fn connection_events(&self) -> ConnectionEvents {
        self.events.clone()
    }

    async fn run(self: Box<Self>, setup: TtsSetup, io: TtsIo) -> ServiceResult {
        let (session, wire) = self.prepare(setup)?;
        let verdict = Arc::new(OnceLock::new());
        let events = Told { outbox: Outbox::new(io.events), verdict: verdict.clone() };
        let ended = drive(session, Asked::new(io.commands), events, wire).await;
        tracing::debug!(?ended, "text-to-speech ended");
        verdict.get().cloned().map_or(Ok(()), Err)
    }
}

impl SmallestTts {
    /// All that needs no waiting, so that nothing of it is kept while the session runs.
    fn prepare(self, setup: TtsSetup) -> Result<(TtsSession, WireConfig), ServiceError> {
        let Self { config, settings, counters, .. } = self;
        let rates = Rates { service: config.service_rate(setup.sample_rate), pipeline: setup.sample_rate };
        let wire = config.wire.clone();
        // The one place where the service takes chance from outside.
        let (seed, now) = (fastrand::u64(..), tokio::time::Instant::now().into_std());
        let session = TtsSession::new(now, config, settings, rates, counters, seed)
            .map_err(|error| TtsError::from(error).fatal())?;
        Ok((session, wire))
    }
}

/// The stage's commands. When the stage is gone without an `End`, everything is interrupted and ended;
/// after an `End` there are none, so that what is outstanding has the session's own deadline.
struct Asked {
    commands: mpsc::Receiver<TtsCommand>,
    state: State,
}

enum State {
    Taking,
    Gone,
    Ended,
}

impl Asked {
    fn new(commands: mpsc::Receiver<TtsCommand>) -> Self {
        Self { commands, state: State::Taking }
    }
}

impl Commands for Asked {
    type Command = TtsCommand;

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<TtsCommand>> {
        match self.state {
            State::Taking => match self.commands.poll_recv(cx) {
                Poll::Ready(None) => {
                    self.state = State::Gone;
                    Poll::Ready(Some(TtsCommand::Interrupt { through: ContextId(u32::MAX) }))
                }
                Poll::Ready(Some(TtsCommand::End)) => {
                    self.state = State::Ended;
                    Poll::Ready(Some(TtsCommand::End))
                }
                other => other,
            },
            State::Gone => {
                self.state = State::Ended;
                Poll::Ready(Some(TtsCommand::End))
            }
            // The driver ends with the session.
            State::Ended => match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => Poll::Ready(Some(command)),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
        }
    }
}

/// The stage's events. The last word of a session that gives up is kept back: it is what `run` returns.
struct Told {
    outbox: Outbox<TtsEvent>,
    verdict: Arc<OnceLock<ServiceError>>,
}

impl Events<TtsEvent> for Told {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.outbox.poll_ready(cx)
    }

    fn send(&mut self, event: TtsEvent) {
        if let TtsEvent::Failed { error, .. } = &event
            && error.fatal
        {
            // Only the first counts.
            let _ = self.verdict.set(error.clone());
            return;
        }
        self.outbox.send(event);
    }
}
