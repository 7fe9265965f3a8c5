//! A call in simulated time (it pauses the clock) that notes everything: a caller who speaks by hand, and an agent whose model tells
//! tales of words that name their answer.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, sleep_until};
use voxline::{
    core::{
        frame::{ChatMessage, ContextId, ErrorReport, LlmRequest, SettingsAnswer, UpdateId},
        processor::Result,
        service::{LlmDelta, LlmEvent, LlmOutput, LlmProfile, ServiceName},
    },
    prelude::*,
    turns::{Conversation, TurnConfig},
    vad::EnergyVad,
};
use voxline_testkit::Order;
use voxline_waves_sim::{SimConfig, WavesSim, voice::Speaker};

use crate::telephone::{Ear, End, FRAME, Mouth, RATE, Sent, frame_len, line, recogniser, synthesizer};

/// How long the recogniser takes to answer.
pub(crate) const LATENCY: Duration = Duration::from_millis(60);
/// Simulated time no wait of a caller may last.
const PATIENCE: Duration = Duration::from_secs(120);
const WORDS: [&str; 12] = [
    "amber", "bridge", "copper", "dune", "elm", "falcon", "glacier", "harbour", "ink", "juniper", "kite",
    "lantern",
];

/// What happened, in order. Times are those of the session's clock.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// The caller is silent, and so the detector says.
    Silent(Duration),
    /// Words that are known to be complete.
    Confirmed(Duration),
    /// The turn is over, and the model is asked.
    Asked(Duration),
    /// The model took the request for this answer; the user's last words.
    Took(usize, String),
    /// The model has written its answer to the end.
    Written(usize),
    /// Text of an answer went to the synthesizer.
    Given(ContextId, String),
    /// Samples of an answer left the output.
    Sent(ContextId, Vec<i16>),
    /// An interruption reached the output.
    Cut,
    /// Playback of an answer began.
    Started(ContextId),
    /// It is over.
    Stopped(ContextId),
    /// A stage reported an error.
    Error(Arc<ErrorReport>),
}

// Stages write from their tasks, the test reads; nobody waits while holding it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<Note>>>);

impl Notes {
    pub(crate) fn write(&self, note: Note) {
        self.0.lock().unwrap().push(note);
    }

    /// Samples that follow others of the same answer belong to their note.
    fn sent(&self, context: ContextId, samples: &[i16]) {
        let mut notes = self.0.lock().unwrap();
        match notes.last_mut() {
            Some(Note::Sent(last, before)) if *last == context => before.extend(samples),
            _ => notes.push(Note::Sent(context, samples.to_vec())),
        }
    }

    /// Notes the errors of a session.
    pub(crate) fn listener(&self) -> impl Fn(&SessionEvent) + Send + Sync + 'static {
        let notes = self.clone();
        move |event| {
            if let SessionEvent::Error(report) = event {
                notes.write(Note::Error(report.clone()));
            }
        }
    }

    pub(crate) fn errors(&self) -> Vec<Arc<ErrorReport>> {
        let errors = self.all().into_iter().filter_map(|note| match note {
            Note::Error(report) => Some(report),
            _ => None,
        });
        errors.collect()
    }

    pub(crate) fn all(&self) -> Vec<Note> {
        self.0.lock().unwrap().clone()
    }

    fn holds(&self, fits: impl Fn(&[Note]) -> bool) -> bool {
        fits(&self.0.lock().unwrap())
    }
}

/// Notes frames that pass.
#[derive(Debug)]
struct Tap(Notes, fn(&Payload, Duration) -> Option<Note>);

impl Processor for Tap {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.direction() == Direction::Down
            && let Some(note) = (self.1)(&frame.payload, ctx.session_time())
        {
            self.0.write(note);
        }
        ctx.push(frame);
        Ok(())
    }
}

/// Answers every request with another tale, word by word.
#[derive(Debug)]
struct Teller {
    notes: Notes,
    seed: u64,
    asked: AtomicUsize,
}

#[async_trait]
impl LlmService for Teller {
    fn name(&self) -> ServiceName {
        "teller".into()
    }

    fn profile(&self) -> LlmProfile {
        LlmProfile { first_token_deadline: PATIENCE, stall_deadline: PATIENCE }
    }

    async fn respond(
        &self,
        request: LlmRequest,
        output: LlmOutput,
    ) -> Result<(), voxline::core::ServiceError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let Some(ChatMessage::User { text }) = request.messages.last() else { panic!("asked by nobody") };
        self.notes.write(Note::Took(number, text.clone()));
        sleep(Duration::from_millis(250)).await;
        for word in tale(self.seed, number).split_inclusive(' ') {
            sleep(Duration::from_millis(60)).await;
            output.send(LlmEvent::Text(word.into())).await;
        }
        self.notes.write(Note::Written(number));
        Ok(())
    }

    fn update(&self, _: UpdateId, _: &LlmDelta) -> SettingsAnswer {
        unreachable!("nobody changes it")
    }
}

/// The answer of this number: sentences of words that end in the number, spelled in letters.
pub(crate) fn tale(seed: u64, number: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000).wrapping_add(number as u64));
    let sentences = (0..random.usize(1..=5)).map(|_| {
        let words = (0..random.usize(2..=6)).map(|_| WORDS[random.usize(..WORDS.len())]);
        let mut sentence: Vec<_> = words.map(|word| format!("{word}{}", spelled(number))).collect();
        sentence[0][..1].make_ascii_uppercase();
        sentence.join(" ") + "."
    });
    let sentences: Vec<_> = sentences.collect();
    sentences.join(" ")
}

/// A number below 676 as two letters.
pub(crate) fn spelled(number: usize) -> String {
    [number / 26, number % 26].map(|digit| char::from(b'a' + digit as u8)).iter().collect()
}

/// A caller on the telephone with an agent.
pub(crate) struct Call {
    end: End,
    next: Instant,
    pub(crate) notes: Notes,
    pub(crate) session: Session,
    pub(crate) conversation: Conversation,
    order: Order,
    /// What the caller has said, an entry for each time.
    pub(crate) said: Vec<String>,
}

impl Call {
    /// Picks up the telephone and pauses the clock. `word_times`: whether the synthesizer tells when words are
    /// spoken; else what was heard of an answer is known by the share of its text.
    pub(crate) async fn new(seed: u64, word_times: bool) -> Self {
        tokio::time::pause();
        let mut config = SimConfig { seed: Some(seed), ..SimConfig::default() };
        config.stt.latency = LATENCY;
        let simulator = Arc::new(WavesSim::start_in_memory(config).unwrap());
        let (here, there) = line();
        let notes = Notes::default();
        let conversation = Conversation::new("Tell tales.");
        let (user, assistant) = conversation.aggregators(TurnConfig::default());
        let settings = TtsSettings { word_timestamps: word_times, ..TtsSettings::default() };
        let mouth = notes.clone();
        let pipeline = Pipeline::builder()
            .then(Ear::new(there.from))
            .then(Vad::new(EnergyVad::default().with_rate(RATE)))
            .then(recogniser(&simulator))
            .then(Tap(notes.clone(), heard))
            .then(user)
            .then(Tap(notes.clone(), asked))
            .then(Teller { notes: notes.clone(), seed, asked: AtomicUsize::new(0) })
            .then(synthesizer(&simulator).with_settings(settings))
            .then(Tap(notes.clone(), given))
            .then(Mouth::new(there.to, move |sent| match sent {
                Sent::Samples(context, samples) => mouth.sent(context, samples),
                Sent::Cut => mouth.write(Note::Cut),
            }))
            .then(Tap(notes.clone(), played))
            .then(assistant)
            .build()
            .unwrap();
        let config = SessionConfig { input_rate: RATE, output_rate: RATE, ..Default::default() };
        let order = Order::default();
        let config = config.on_event(notes.listener()).with_observer(order.observer());
        let session = pipeline.start(config).await.unwrap();
        Self { end: here, next: Instant::now(), notes, session, conversation, order, said: Vec::new() }
    }

    /// Speaks to the end.
    pub(crate) async fn say(&mut self, text: &str) {
        self.said.push(text.to_owned());
        self.utter(text).await;
    }

    /// Makes a sound that says nothing.
    pub(crate) async fn utter(&mut self, text: &str) {
        for samples in Speaker::new(text, RATE.hz(), 1.0).samples().chunks(frame_len()) {
            let mut frame = samples.to_vec();
            frame.resize(frame_len(), 0);
            self.frame(frame).await;
        }
    }

    /// Is silent for so long.
    pub(crate) async fn pause(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while self.next < until {
            self.frame(vec![0; frame_len()]).await;
        }
    }

    /// Is silent until it is so.
    pub(crate) async fn until(&mut self, what: &str, fits: impl Fn(&[Note]) -> bool) {
        let patience = Instant::now() + PATIENCE;
        while !self.notes.holds(&fits) {
            assert!(Instant::now() < patience, "waited too long until {what}");
            self.frame(vec![0; frame_len()]).await;
        }
    }

    /// Hangs up.
    pub(crate) async fn end(&mut self) {
        self.session.end().await.unwrap();
        assert_eq!(self.session.finished().await.unwrap(), Outcome::Ended);
        self.order.assert_kept();
    }

    async fn frame(&mut self, samples: Vec<i16>) {
        sleep_until(self.next).await;
        self.next += FRAME;
        self.end.to.try_send(Pcm::mono(samples, RATE)).unwrap();
        // What is heard is noted where it leaves.
        while self.end.from.try_recv().is_ok() {}
    }
}

fn heard(payload: &Payload, at: Duration) -> Option<Note> {
    match payload {
        Payload::SpeechStopped(_) => Some(Note::Silent(at)),
        Payload::Transcription(heard) if heard.confirmed => Some(Note::Confirmed(at)),
        _ => None,
    }
}

fn asked(payload: &Payload, at: Duration) -> Option<Note> {
    matches!(payload, Payload::LlmRequest(_)).then_some(Note::Asked(at))
}

fn given(payload: &Payload, _: Duration) -> Option<Note> {
    match payload {
        Payload::TtsText(spoken) => Some(Note::Given(spoken.context, spoken.text.to_string())),
        _ => None,
    }
}

fn played(payload: &Payload, _: Duration) -> Option<Note> {
    match payload {
        Payload::BotStartedSpeaking(speech) => Some(Note::Started(speech.context)),
        Payload::BotStoppedSpeaking(speech) => Some(Note::Stopped(speech.context)),
        _ => None,
    }
}
