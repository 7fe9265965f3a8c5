//! Handlers that print what happens in a session, as it happens.
//!
//! In: session events and connection events. Out: lines on the console. They are called on the session's own
//! tasks: a reader of stdout that is slow makes the pipeline wait, which is how nothing is lost.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use voxline::core::{
    ServiceError, SessionConfig, SessionEvent,
    frame::{ErrorReport, Exchange, Frame, FrameKind, KindSet, Metric, Payload, SpokenWord, Transcription},
    session::Edge,
};
use voxline::{smallest_stt::SmallestStt, smallest_tts::SmallestTts};

use crate::{
    events::{Event, Line, seconds},
    exit::Failure,
    output::Console,
};

/// Errors kept of one session; what comes after them rarely says more.
const KEPT: usize = 16;

/// Prints one session. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Chatter {
    console: Console,
    style: Style,
    /// Named in every object.
    file: Option<Arc<str>>,
    // Written by the event handler, read after the session; never held across an await.
    errors: Arc<Mutex<Vec<Arc<ErrorReport>>>>,
    answers: Arc<AtomicU64>,
    /// What has come of a model's answer. It is no longer than a model's client lets an answer become. Written
    /// by the event handler on whatever task it is called; never held across an await.
    answer: Arc<Mutex<String>>,
    /// Transcriptions and stretches of the agent's speech.
    results: Arc<AtomicU64>,
    /// How long the agent spoke, in microseconds.
    played: Arc<AtomicU64>,
    /// Connections that failed.
    losses: Arc<AtomicU64>,
    /// Whether the user knows that connecting is tried again.
    told_of_retry: Arc<AtomicBool>,
    /// The services that are connected, as far as was told.
    connected: Arc<Mutex<BTreeSet<&'static str>>>,
}

/// What lines of text look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// What was said, a final a line.
    Transcript,
    /// The same, after the file's name.
    NamedTranscript,
    /// Words and their times.
    Words,
    /// Who said what, and how long it took.
    Conversation,
    /// The same, where the agent's text comes in pieces.
    Model,
}

impl Style {
    fn is_conversation(self) -> bool {
        matches!(self, Self::Conversation | Self::Model)
    }
}

/// What is worth telling.
const REACHED: [FrameKind; 15] = [
    FrameKind::SpeechStarted,
    FrameKind::SpeechStopped,
    FrameKind::InterimTranscription,
    FrameKind::Transcription,
    FrameKind::UserStartedSpeaking,
    FrameKind::UserStoppedSpeaking,
    FrameKind::Text,
    FrameKind::ResponseEnded,
    FrameKind::ToolSettled,
    FrameKind::TtsStarted,
    FrameKind::TtsWord,
    FrameKind::TtsStopped,
    FrameKind::BotStartedSpeaking,
    FrameKind::BotStoppedSpeaking,
    FrameKind::Metrics,
];

/// What shows that something got through.
const RESULTS: [FrameKind; 3] = [FrameKind::Transcription, FrameKind::TtsStarted, FrameKind::TtsStopped];

impl Chatter {
    pub(crate) fn new(console: &Console, style: Style) -> Self {
        Self {
            console: console.clone(),
            style,
            file: None,
            errors: Arc::default(),
            answers: Arc::default(),
            answer: Arc::default(),
            results: Arc::default(),
            played: Arc::default(),
            losses: Arc::default(),
            told_of_retry: Arc::default(),
            connected: Arc::default(),
        }
    }

    /// With this file named in every object.
    pub(crate) fn about(mut self, file: impl Into<Arc<str>>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Listens to a session.
    pub(crate) fn watch(&self, mut config: SessionConfig) -> SessionConfig {
        config.reached = KindSet::of(&REACHED);
        let chatter = self.clone();
        config.on_event(move |event| chatter.tell(event))
    }

    /// Listens to a recogniser's connections.
    pub(crate) fn watch_stt(&self, stt: &SmallestStt) {
        let name = voxline::smallest_stt::SERVICE_NAME;
        let (connected, gone, failed) = (self.clone(), self.clone(), self.clone());
        stt.on_connected(move || connected.connected(name));
        stt.on_disconnected(move |reason| gone.disconnected(name, reason));
        stt.on_connection_error(move |error| failed.connection_error(error));
    }

    /// Listens to a synthesizer's connections.
    pub(crate) fn watch_tts(&self, tts: &SmallestTts) {
        let name = voxline::smallest_tts::SERVICE;
        let (connected, gone, failed) = (self.clone(), self.clone(), self.clone());
        tts.on_connected(move || connected.connected(name));
        tts.on_disconnected(move |reason| gone.disconnected(name, reason));
        tts.on_connection_error(move |error| failed.connection_error(error));
    }

    /// The errors reported so far, the oldest first.
    pub(crate) fn errors(&self) -> Vec<Arc<ErrorReport>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many answers there were.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// How many results there were, of any kind.
    pub(crate) fn results(&self) -> u64 {
        self.results.load(Ordering::Relaxed)
    }

    /// How long the agent spoke, as far as it has fallen silent.
    pub(crate) fn played(&self) -> Duration {
        Duration::from_micros(self.played.load(Ordering::Relaxed))
    }

    /// How many connections failed.
    pub(crate) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    pub(crate) fn console(&self) -> &Console {
        &self.console
    }

    /// Prints an event, and in text mode `text` if there is one.
    pub(crate) fn print(&self, event: Event<'_>, text: Option<String>) {
        self.console.print(&Line { event, file: self.file.as_deref() }, text);
    }

    /// The session is over: tells the disconnects it took with it.
    pub(crate) fn close(&self) {
        let left = std::mem::take(&mut *self.connections());
        for service in left {
            self.print(Event::Disconnected { service, reason: "the session is over" }, None);
        }
    }

    fn connected(&self, service: &'static str) {
        self.connections().insert(service);
        self.print(Event::Connected { service }, None);
    }

    fn disconnected(&self, service: &'static str, reason: &str) {
        let was_connected = self.connections().remove(service);
        if was_connected {
            self.print(Event::Disconnected { service, reason }, None);
        }
    }

    fn connections(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection_error(&self, error: &ServiceError) {
        self.losses.fetch_add(1, Ordering::Relaxed);
        let failure = Failure::from(error);
        // One that ends the session is told when it has ended.
        if !error.fatal && !self.console.is_json() && !self.told_of_retry.swap(true, Ordering::Relaxed) {
            self.console.note(&format!("{}; trying again", failure.what()));
        }
        self.print(Event::connection_error(error, failure.what().to_owned()), None);
    }

    fn tell(&self, event: &SessionEvent) {
        match event {
            // Edges of the agent's speech leave at both ends.
            SessionEvent::Reached(Edge::Tail, frame) => self.reached(frame),
            SessionEvent::Interrupted(_) => {
                self.answer_ended();
                self.print(Event::Interrupted, None);
            }
            SessionEvent::Error(report) => {
                let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
                if errors.len() < KEPT {
                    errors.push(report.clone());
                }
            }
            _ => {}
        }
    }

    fn reached(&self, frame: &Frame) {
        if RESULTS.contains(&frame.kind()) {
            self.results.fetch_add(1, Ordering::Relaxed);
            self.told_of_retry.store(false, Ordering::Relaxed);
        }
        match &frame.payload {
            Payload::SpeechStarted(edge) => self.print(Event::SpeechStarted((&**edge).into()), None),
            Payload::SpeechStopped(edge) => self.print(Event::SpeechStopped((&**edge).into()), None),
            Payload::InterimTranscription(heard) => self.print(Event::interim(heard), None),
            Payload::Transcription(heard) => self.print(Event::final_(heard), self.transcript(heard)),
            Payload::Text(chunk) if self.style == Style::Model => self.answer_text().push_str(&chunk.text),
            Payload::Text(chunk) => self.answered(&chunk.text),
            Payload::ResponseEnded => self.answer_ended(),
            Payload::TtsWord(word) => self.print(Event::Word((&**word).into()), self.word(word)),
            _ if !self.style.is_conversation() => {}
            Payload::UserStartedSpeaking => self.print(Event::TurnStarted, None),
            Payload::UserStoppedSpeaking => self.print(Event::TurnStopped, None),
            Payload::ToolSettled(result) => {
                let text = format!("  (tool {}: {})", result.call.name, result.outcome.text());
                self.print(Event::Tool((&**result).into()), Some(text));
            }
            Payload::BotStartedSpeaking(_) => self.print(Event::BotStarted, None),
            Payload::BotStoppedSpeaking(speech) => {
                let micros = u64::try_from(speech.played.as_micros()).unwrap_or(u64::MAX);
                self.played.fetch_add(micros, Ordering::Relaxed);
                let (played, interrupted) = (seconds(speech.played), speech.interrupted);
                let text = interrupted.then(|| "  (interrupted)".to_owned());
                self.print(Event::BotStopped { played, interrupted }, text);
            }
            Payload::Metrics(metric) => self.metric(metric),
            _ => {}
        }
    }

    fn answered(&self, answer: &str) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        let text = self.style.is_conversation().then(|| format!("agent: {answer}"));
        self.print(Event::Answer { text: answer }, text);
    }

    /// A model's answer is complete, or cut: what has come of it is told.
    fn answer_ended(&self) {
        let answer = std::mem::take(&mut *self.answer_text());
        let answer = answer.trim();
        if !answer.is_empty() {
            self.answered(answer);
        }
    }

    fn answer_text(&self) -> MutexGuard<'_, String> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metric(&self, metric: &Metric) {
        let (of, value) = match metric {
            Metric::SpeechEndToFinal { value, .. } => ("speech_end_to_final", value),
            Metric::VoiceToVoice { value, .. } => ("voice_to_voice", value),
            Metric::Exchange(exchange) => {
                return self.print(Event::Exchange(exchange.into()), Some(times(exchange)));
            }
            _ => return,
        };
        self.print(Event::Latency { of, seconds: seconds(*value) }, None);
    }

    fn transcript(&self, heard: &Transcription) -> Option<String> {
        // A final without words only says that nothing more comes.
        let text = Some(&heard.text).filter(|text| !text.is_empty())?;
        match (self.style, &self.file) {
            (Style::Conversation | Style::Model, _) => Some(format!("user: {text}")),
            (Style::NamedTranscript, Some(file)) => Some(format!("{file}: {text}")),
            _ => Some(text.clone()),
        }
    }

    fn word(&self, word: &SpokenWord) -> Option<String> {
        let (start, end) = (word.start.as_secs_f64(), word.end.as_secs_f64());
        (self.style == Style::Words).then(|| format!("{start:.3}\t{end:.3}\t{}", word.text))
    }
}

/// How long the caller waited, and for what.
fn times(exchange: &Exchange) -> String {
    let parts = [
        ("text", exchange.transcript),
        ("first token", exchange.first_token),
        ("first audio", Some(exchange.played)),
    ];
    let told = parts.into_iter().filter_map(|(name, at)| Some(format!("{name} {:.2} s", at?.as_secs_f64())));
    format!("  ({} after the end of speech)", told.collect::<Vec<_>>().join(", "))
}
