//! One service, its simulator, and what came of it.

use std::time::Duration;

use smallest_tts::{SmallestTts, TtsConfig, TtsCounters, TtsSettings};
use tokio::{sync::mpsc, task::JoinHandle};
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    ServiceError,
    frame::{ContextId, SettingsAnswer, TtsDelta, UpdateId},
    service::{ConnectionEvent, ServiceIo, ServiceResult, TtsCommand, TtsEvent, TtsService as _, TtsSetup},
};
use voxline_waves_sim::{
    LogEvent, SimConfig, WavesSim,
    config::TtsOptions,
    voice::{Listener, text_of},
};

/// Longer than anything here takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Call {
    pub(crate) sim: WavesSim,
    pub(crate) counters: TtsCounters,
    commands: mpsc::Sender<TtsCommand>,
    events: mpsc::Receiver<TtsEvent>,
    running: JoinHandle<ServiceResult>,
    /// Everything that came.
    pub(crate) seen: Vec<TtsEvent>,
    updates: u64,
}

/// A simulator that speaks as fast as it can.
pub(crate) fn quick() -> SimConfig {
    SimConfig::default().with_tts(TtsOptions {
        first_chunk_latency: Duration::from_millis(2),
        pace: 1_000.0,
        ..TtsOptions::default()
    })
}

/// A simulator with these faults.
pub(crate) fn with_faults(faults: &[&str]) -> SimConfig {
    faults.iter().fold(quick(), |sim, fault| sim.with_fault(fault.parse().unwrap()))
}

impl Call {
    pub(crate) async fn new() -> Self {
        Self::with(quick(), |_| {}, TtsSettings::default()).await
    }

    pub(crate) async fn with(
        sim: SimConfig,
        configure: impl FnOnce(&mut TtsConfig),
        settings: TtsSettings,
    ) -> Self {
        Self::at(SampleRate::HZ_24000, sim, configure, settings).await
    }

    pub(crate) async fn at(
        rate: SampleRate,
        sim: SimConfig,
        configure: impl FnOnce(&mut TtsConfig),
        settings: TtsSettings,
    ) -> Self {
        let sim = WavesSim::start(sim).await.unwrap();
        let mut config = TtsConfig::new(sim.api_key());
        config.base_url = sim.url();
        // Over real sockets the clock is real, too: a machine under load is no silent service.
        config.patience.first_audio = LIMIT / 2;
        config.patience.connection = LIMIT / 2;
        configure(&mut config);
        let tts = SmallestTts::with_config(config).with_settings(settings);
        let counters = tts.counters();
        let (commands, taken) = mpsc::channel(64);
        let (told, events) = mpsc::channel(64);
        let io = ServiceIo { commands: taken, events: told };
        let running = tokio::spawn(Box::new(tts).run(TtsSetup { sample_rate: rate }, io));
        Self { sim, counters, commands, events, running, seen: Vec::new(), updates: 0 }
    }

    pub(crate) async fn command(&self, command: TtsCommand) {
        self.commands.send(command).await.unwrap();
    }

    pub(crate) async fn speak(&self, context: u32, text: &str) {
        self.command(TtsCommand::Speak { context: ContextId(context), text: text.into() }).await;
    }

    pub(crate) async fn finish(&self, context: u32) {
        self.command(TtsCommand::Finish { context: ContextId(context) }).await;
    }

    pub(crate) async fn say(&self, context: u32, text: &str) {
        self.speak(context, text).await;
        self.finish(context).await;
    }

    pub(crate) async fn interrupt(&self, through: u32) {
        self.command(TtsCommand::Interrupt { through: ContextId(through) }).await;
    }

    /// Changes settings and waits for the answer.
    pub(crate) async fn update(&mut self, delta: impl Into<TtsDelta>) -> SettingsAnswer {
        self.updates += 1;
        let update = UpdateId(self.updates);
        self.command(TtsCommand::Update { update, delta: delta.into() }).await;
        match self.until(|event| matches!(event, TtsEvent::Answered(answer) if answer.update == update)).await
        {
            TtsEvent::Answered(answer) => *answer,
            other => panic!("{other:?}"),
        }
    }

    /// The next event that fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&TtsEvent) -> bool) -> TtsEvent {
        let next = async {
            loop {
                let event = self.events.recv().await.expect("the service ended early");
                self.seen.push(event.clone());
                if fits(&event) {
                    return event;
                }
            }
        };
        let found = tokio::time::timeout(LIMIT, next).await;
        found.unwrap_or_else(|_| panic!("nothing that fits within {LIMIT:?}: {:#?}", self.seen))
    }

    /// Waits for the end of an answer; gives why it failed, if it did.
    pub(crate) async fn over(&mut self, wanted: u32) -> Result<(), (Duration, ServiceError)> {
        let ends = |event: &TtsEvent| match event {
            TtsEvent::Finished { context } | TtsEvent::Failed { context: Some(context), .. } => {
                context.0 == wanted
            }
            _ => false,
        };
        match self.until(ends).await {
            TtsEvent::Failed { delivered, error, .. } => Err((delivered, error)),
            _ => Ok(()),
        }
    }

    /// Ends the service and waits for it.
    pub(crate) async fn end(&mut self) -> ServiceResult {
        // The service may have given up already.
        let _ = self.commands.send(TtsCommand::End).await;
        self.ended().await
    }

    /// Waits until the service is over.
    pub(crate) async fn ended(&mut self) -> ServiceResult {
        let rest = async {
            while let Some(event) = self.events.recv().await {
                self.seen.push(event);
            }
        };
        tokio::time::timeout(LIMIT, rest).await.expect("the service does not end");
        tokio::time::timeout(LIMIT, &mut self.running).await.unwrap().unwrap()
    }

    /// All audio of an answer.
    pub(crate) fn samples(&self, wanted: u32) -> Vec<i16> {
        self.audio(wanted).iter().flat_map(|pcm| pcm.samples().to_vec()).collect()
    }

    pub(crate) fn audio(&self, wanted: u32) -> Vec<Pcm> {
        let audio = self.seen.iter().filter_map(|event| match event {
            TtsEvent::Audio { context, pcm, .. } if context.0 == wanted => Some(pcm.clone()),
            _ => None,
        });
        audio.collect()
    }

    /// What the audio of an answer says.
    pub(crate) fn heard(&self, wanted: u32) -> String {
        let audio = self.audio(wanted);
        let rate = audio.first().expect("no audio").rate().hz();
        let mut listener = Listener::new(rate);
        let mut heard = listener.listen(&self.samples(wanted));
        heard.extend(listener.finish());
        text_of(&heard)
    }

    /// The requests the simulator got, keepalives left out.
    pub(crate) fn requests(&self) -> Vec<serde_json::Value> {
        let requests = self.sim.log().into_iter().filter_map(|entry| match entry.event {
            LogEvent::Request { body } if body["text"] != " " => Some(body),
            _ => None,
        });
        requests.collect()
    }

    /// The connections the simulator accepted: path, query's timeout, and headers.
    pub(crate) fn opened(&self) -> Vec<(String, std::collections::BTreeMap<String, String>)> {
        let opened = self.sim.log().into_iter().filter_map(|entry| match entry.event {
            LogEvent::Opened { path, headers, .. } => Some((path, headers)),
            _ => None,
        });
        opened.collect()
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        let errors = self.seen.iter().filter_map(|event| match event {
            TtsEvent::Failed { error, .. } | TtsEvent::Connection(ConnectionEvent::Error(error)) => {
                Some(chain(error))
            }
            _ => None,
        });
        errors.collect()
    }
}

/// An error with everything behind it.
pub(crate) fn chain(error: &ServiceError) -> String {
    let mut text = error.to_string();
    let mut next: Option<&dyn std::error::Error> = Some(&*error.source);
    while let Some(source) = next {
        text = format!("{text} < {source}");
        next = source.source();
    }
    text
}

/// What is left of a call whose pipeline is gone.
pub(crate) struct Gone {
    pub(crate) sim: WavesSim,
    pub(crate) running: JoinHandle<ServiceResult>,
}

impl Call {
    /// Drops both ends the pipeline holds.
    pub(crate) fn gone(self) -> Gone {
        Gone { sim: self.sim, running: self.running }
    }
}
