//! A call: a running service, its two ends, and the simulator it talks to.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use smallest_stt::{SmallestStt, SttConfig, SttCounters};
use tokio::{sync::mpsc, task::JoinHandle};
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    error::ServiceError,
    frame::UtteranceId,
    service::{ConnectionEvent, Heard, ServiceIo, SttAudio, SttCommand, SttEvent, SttService as _, SttSetup},
};
use voxline_waves_sim::{LogEvent, SimConfig, WavesSim, log::AudioMark, voice::Speaker};

/// Longer than anything here takes, on any machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const TEXT: &str = "one two three four five six seven eight";

/// A running service and its two ends.
pub(crate) struct Call {
    pub(crate) commands: mpsc::Sender<SttCommand>,
    pub(crate) events: mpsc::Receiver<SttEvent>,
    pub(crate) counters: SttCounters,
    pub(crate) running: JoinHandle<Result<(), ServiceError>>,
    pub(crate) at: Duration,
    pub(crate) rate: SampleRate,
}

/// How a call went.
pub(crate) struct Outcome {
    pub(crate) heard: Vec<Heard>,
    pub(crate) connection: Vec<String>,
    pub(crate) errors: Vec<ServiceError>,
    pub(crate) result: Result<(), ServiceError>,
}

impl Outcome {
    pub(crate) fn text(&self) -> String {
        let finals = self.heard.iter().filter(|heard| heard.is_final && !heard.transcription.text.is_empty());
        finals.map(|heard| heard.transcription.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

pub(crate) async fn simulator(faults: &[&str]) -> WavesSim {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    WavesSim::start(SimConfig { faults, ..SimConfig::default() }).await.unwrap()
}

pub(crate) fn config(sim: &WavesSim) -> SttConfig {
    let mut config = SttConfig::new(sim.api_key());
    config.base_url = sim.url();
    config.backoff.first = Duration::from_millis(20);
    config
}

impl Call {
    pub(crate) fn start(config: SttConfig) -> Self {
        Self::start_with(SmallestStt::with_config(config), SampleRate::HZ_8000)
    }

    pub(crate) fn start_with(service: SmallestStt, rate: SampleRate) -> Self {
        let (commands, taken) = mpsc::channel(16);
        let (told, events) = mpsc::channel(1024);
        let counters = service.counters();
        let io = ServiceIo { commands: taken, events: told };
        let running = tokio::spawn(Box::new(service).run(SttSetup { sample_rate: rate }, io));
        Self { commands, events, counters, running, at: Duration::ZERO, rate }
    }

    /// Sends a command; a service that has given up takes none.
    pub(crate) async fn send(&self, command: SttCommand) {
        let _ = within("a command", self.commands.send(command)).await;
    }

    pub(crate) async fn pcm(&mut self, samples: &[i16], chunk: usize) {
        for piece in samples.chunks(chunk) {
            let pcm = Pcm::mono(piece.to_vec(), self.rate);
            let at = self.at;
            self.at += pcm.duration();
            self.send(SttCommand::Audio { audio: SttAudio::Pcm(pcm), at }).await;
        }
    }

    pub(crate) async fn finalize(&self, utterance: u32) {
        self.send(SttCommand::Finalize { utterance: UtteranceId(utterance) }).await;
    }

    pub(crate) async fn next(&mut self) -> Option<SttEvent> {
        within("an event", self.events.recv()).await
    }

    /// The first event that fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&SttEvent) -> bool) -> SttEvent {
        loop {
            let event = self.next().await.expect("the event comes before the end");
            if fits(&event) {
                return event;
            }
        }
    }

    pub(crate) async fn connected(&mut self) {
        self.until(|event| matches!(event, SttEvent::Connection(ConnectionEvent::Connected))).await;
    }

    /// Ends the call and gathers what is left.
    pub(crate) async fn end(self) -> Outcome {
        self.send(SttCommand::End).await;
        self.gather().await
    }

    pub(crate) async fn gather(mut self) -> Outcome {
        let (mut heard, mut connection, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(event) = self.next().await {
            match event {
                SttEvent::Heard(one) => heard.push(*one),
                SttEvent::Connection(ConnectionEvent::Connected) => connection.push("connected".to_owned()),
                SttEvent::Connection(ConnectionEvent::Disconnected { reason }) => {
                    connection.push(reason.to_string())
                }
                SttEvent::Connection(ConnectionEvent::Error(error)) | SttEvent::Failed(error) => {
                    errors.push(error)
                }
                _ => {}
            }
        }
        let result = within("the end", self.running).await.unwrap();
        Outcome { heard, connection, errors, result }
    }
}

pub(crate) fn voice(text: &str, rate: SampleRate) -> Vec<i16> {
    let mut samples = Speaker::new(text, rate.hz(), 1.0).samples();
    samples.extend(vec![0; rate.hz() as usize / 2]);
    samples
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes and digest of all audio of a connection, by its number.
pub(crate) async fn received(sim: &WavesSim, connection: u64) -> (u64, String) {
    let is_end = |event: &LogEvent| matches!(event, LogEvent::Audio { when: AudioMark::End, .. });
    let found =
        sim.wait_for_log(DEADLINE, |entry| entry.connection == connection && is_end(&entry.event)).await;
    match found.expect("the connection ends").event {
        LogEvent::Audio { bytes, sha256, empty_messages, .. } => {
            assert_eq!(empty_messages, 0);
            (bytes, sha256)
        }
        other => panic!("not audio: {other:?}"),
    }
}
