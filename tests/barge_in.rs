//! Whole calls: a caller asks, a parrot answers, and sometimes the caller speaks over it. Detector, both
//! services over real sockets, the simulator behind them, a recording at the end.
//!
//! A call is made from a seed, which a failure prints. The simulator's voice carries its text in tones, and its
//! recogniser reads them; so what the caller said must come back in the answer word for word. A small model
//! says what must be heard: answers that were let finish, whole; of one that was cut, nothing after the cut.
//!
//! Read next: the lessons in `examples/`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests panic, and print what they did"
)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use voxline::{
    audio::WavReader,
    core::{
        frame::{BotSpeech, ContextId, Interrupt},
        processor::Result,
        session::Edge,
    },
    prelude::*,
    vad::EnergyVad,
};
use voxline_testkit::Order;
use voxline_waves_sim::{
    LogEvent, SimConfig, WavesSim,
    voice::{Listener, Speaker, text_of},
};

const RATE: SampleRate = SampleRate::HZ_16000;
const TURNS: usize = 3;
/// Far longer than any call here; a call that hangs fails by it.
const LIMIT: Duration = Duration::from_secs(90);

/// What passed by on its way to the output.
#[derive(Clone, Debug)]
enum Passed {
    Audio(ContextId, Pcm),
    Interrupted,
}

/// Stands before the output and notes what passes.
#[derive(Clone, Debug, Default)]
struct Ears(Arc<Mutex<Vec<Passed>>>);

impl Processor for Ears {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::OutputAudio(spoken) = &frame.payload {
            self.0.lock().unwrap().push(Passed::Audio(spoken.context, spoken.pcm.clone()));
        }
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, _: &mut Context<'_>) -> Result {
        self.0.lock().unwrap().push(Passed::Interrupted);
        Ok(())
    }
}

/// What a caller says, and whether the answer is let finish.
#[derive(Debug)]
struct Turn {
    question: String,
    is_cut: bool,
}

/// The model: the turns of a call.
fn plan(random: &mut fastrand::Rng) -> Vec<Turn> {
    const WORDS: [&str; 8] = ["alpha", "bravo,", "charlie", "delta", "नमस्ते", "echo", "42", "foxtrot"];
    let turns = (1..=TURNS).map(|turn| {
        let words: Vec<_> = (0..random.usize(4..=6)).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
        Turn { question: words.join(" "), is_cut: turn < TURNS && random.bool() }
    });
    turns.collect()
}

fn answer_to(question: &str) -> String {
    format!("You said: {question}")
}

/// A call, as it was.
struct Call {
    turns: Vec<Turn>,
    /// Everything the caller sent, and its digest.
    sent: Vec<u8>,
    stops: Vec<BotSpeech>,
    passed: Vec<Passed>,
    recording: Vec<i16>,
    simulator: WavesSim,
}

async fn call(seed: u64) -> Call {
    let mut random = fastrand::Rng::with_seed(seed);
    let turns = plan(&mut random);
    let simulator = WavesSim::start(SimConfig::default()).await.unwrap();
    let path = std::env::temp_dir().join(format!("voxline-call-{}-{seed}.wav", std::process::id()));
    let ears = Ears::default();
    let pipeline = Pipeline::builder()
        .then(Vad::new(EnergyVad::default()).interrupts(true))
        .then(SmallestStt::new(simulator.api_key()).with_base_url(simulator.url()))
        .then(Parrot::new("You said:"))
        .then(SmallestTts::new(simulator.api_key()).with_base_url(simulator.url()))
        .then(ears.clone())
        .then(WavOutput::create(&path))
        .build()
        .unwrap();
    let reached = KindSet::of(&[FrameKind::BotStartedSpeaking, FrameKind::BotStoppedSpeaking]);
    let order = Order::default();
    let config = SessionConfig { reached, ..Default::default() }.with_observer(order.observer());
    let session = pipeline.start(config).await.unwrap();

    let (mut sent, mut stops) = (Vec::new(), Vec::new());
    for turn in &turns {
        say(&session, &turn.question, &mut random, &mut sent).await;
        let mut started = false;
        while !started || !turn.is_cut {
            match next_edge(&session).await {
                Some((FrameKind::BotStartedSpeaking, _)) => started = true,
                Some((_, stop)) => {
                    stops.push(stop);
                    if started {
                        break;
                    }
                }
                None => panic!("the session ended in the middle of a turn"),
            }
        }
    }
    session.end().await.unwrap();
    assert_eq!(session.finished().await.unwrap(), Outcome::Ended);
    order.assert_kept();
    let recording = samples_of(&path);
    std::fs::remove_file(&path).unwrap();
    let passed = ears.0.lock().unwrap().clone();
    Call { turns, sent, stops, passed, recording, simulator }
}

/// Speaks in the simulator's voice, in pieces of any size, and is silent for a while after it.
async fn say(session: &Session, text: &str, random: &mut fastrand::Rng, sent: &mut Vec<u8>) {
    let mut samples = Speaker::new(text, RATE.hz(), 1.0).samples();
    samples.resize(samples.len() + RATE.samples_in(Duration::from_millis(700)) as usize, 0);
    sent.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    let mut rest = samples.as_slice();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(random.usize(1..=900).min(rest.len()));
        session.queue(Frame::input_audio(Pcm::mono(chunk.to_vec(), RATE))).await.unwrap();
        rest = after;
    }
}

/// The next edge of the bot's speech, as it leaves at the head.
async fn next_edge(session: &Session) -> Option<(FrameKind, BotSpeech)> {
    while let Some(event) = session.next_event().await {
        match event {
            SessionEvent::Error(report) => panic!("{}: {}", report.stage, report.error),
            SessionEvent::Reached(Edge::Head, frame) => match &frame.payload {
                Payload::BotStartedSpeaking(speech) | Payload::BotStoppedSpeaking(speech) => {
                    return Some((frame.kind(), *speech));
                }
                _ => {}
            },
            _ => {}
        }
    }
    None
}

fn samples_of(path: &Path) -> Vec<i16> {
    let mut reader = WavReader::open(path).unwrap();
    let mut samples = Vec::new();
    while let Some(pcm) = reader.read(4096).unwrap() {
        samples.extend_from_slice(pcm.samples());
    }
    samples
}

fn text_in(samples: &[i16], rate: u32) -> String {
    let mut listener = Listener::new(rate);
    let mut words = listener.listen(samples);
    words.extend(listener.finish());
    text_of(&words)
}

/// All audio of an answer that passed by.
fn audio_of(passed: &[Passed], answer: ContextId) -> (Vec<i16>, u32) {
    let mut samples = Vec::new();
    let mut rate = RATE.hz();
    for item in passed {
        if let Passed::Audio(context, pcm) = item
            && *context == answer
        {
            samples.extend_from_slice(pcm.samples());
            rate = pcm.rate().hz();
        }
    }
    (samples, rate)
}

/// Makes some calls at once and holds each to `rule`; a failure names its seed.
async fn hold(seeds: std::ops::Range<u64>, rule: fn(&Call)) {
    let calls: Vec<_> =
        seeds.map(|seed| (seed, tokio::spawn(tokio::time::timeout(LIMIT, call(seed))))).collect();
    for (seed, call) in calls {
        let call = call.await.unwrap_or_else(|panic| panic!("seed {seed}: {panic}"));
        let call = call.unwrap_or_else(|_| panic!("seed {seed}: not over after {LIMIT:?}"));
        println!("seed {seed}: {:?}", call.turns);
        rule(&call);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_callers_say_comes_back_word_for_word_and_barge_in_cuts_the_rest() {
    hold(1..7, |call| {
        answers_let_finish_are_heard_whole(call);
        nothing_of_a_cut_answer_passes_after_the_cut(call);
        every_sample_reached_the_recogniser_in_order(call);
    })
    .await;
}

fn answers_let_finish_are_heard_whole(call: &Call) {
    let recorded = text_in(&call.recording, SampleRate::HZ_24000.hz());
    for (turn, context) in call.turns.iter().zip(1..) {
        let stop = call.stops.iter().find(|stop| stop.context == ContextId(context)).unwrap();
        assert_eq!(stop.interrupted, turn.is_cut, "turn {context}");
        if !turn.is_cut {
            let answer = answer_to(&turn.question);
            let (samples, rate) = audio_of(&call.passed, ContextId(context));
            assert_eq!(text_in(&samples, rate), answer, "turn {context}");
            assert!(recorded.contains(&answer), "turn {context}: {answer:?} is not in {recorded:?}");
        }
    }
}

fn nothing_of_a_cut_answer_passes_after_the_cut(call: &Call) {
    let mut last = ContextId(0);
    let mut over = ContextId(0);
    for passed in &call.passed {
        match passed {
            Passed::Audio(context, _) => {
                assert!(*context > over, "{context} passed after the interruption that ended {over}");
                last = *context;
            }
            Passed::Interrupted => over = last,
        }
    }
    let cuts = call.turns.iter().filter(|turn| turn.is_cut).count();
    let interruptions = call.passed.iter().filter(|passed| matches!(passed, Passed::Interrupted)).count();
    assert_eq!(interruptions, cuts);
}

fn every_sample_reached_the_recogniser_in_order(call: &Call) {
    let expected: String = Sha256::digest(&call.sent).iter().map(|byte| format!("{byte:02x}")).collect();
    let log = call.simulator.log();
    let arrived = log.iter().rev().find_map(|entry| match &entry.event {
        LogEvent::Audio { bytes, sha256, .. } if *bytes > 0 => Some((*bytes, sha256.clone())),
        _ => None,
    });
    assert_eq!(arrived, Some((call.sent.len() as u64, expected)));
}
