//! The edges of a turn, through detector, recogniser and turns together: the onset the end-of-turn model hears, audio
//! that ceases in mid-word, and a word that only the recogniser has heard.
//!
//! Read next: `simulated_call.rs`, whole calls.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::{
    sync::{Mutex, mpsc},
    time::Duration,
};

use voxline::{
    core::{
        frame::ChatMessage,
        service::{SttCommand, SttEvent},
    },
    prelude::*,
    turns::{Conversation, Heard, Idle, IdleAction, Model, TurnConfig, UserIdle},
    vad::{EnergyVad, VadParams},
};
use voxline_testkit::{FakeStt, Harness, Log, Puppet};

const FRAME: Duration = Duration::from_millis(20);
/// A real wait for a thread that judges; far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A microphone, a detector, a recogniser that is played by hand, and turns. There is no model: what is asked of it
/// leaves.
struct Line {
    harness: Harness,
    hand: Puppet<SttCommand, SttEvent>,
    rate: SampleRate,
    /// Samples so far.
    at: usize,
}

impl Line {
    fn new(
        rate: SampleRate,
        params: VadParams,
        config: TurnConfig,
        fake: (FakeStt, Puppet<SttCommand, SttEvent>),
    ) -> Self {
        let (user, _) = Conversation::new("Be kind.").aggregators(config);
        let vad = Vad::new(EnergyVad::default().with_rate(rate)).with_params(params);
        let row = Pipeline::builder().then(vad).then(fake.0).then(user).build().unwrap();
        let session = SessionConfig { input_rate: rate, ..SessionConfig::default() };
        Self { harness: Harness::with_config(row, session), hand: fake.1, rate, at: 0 }
    }

    /// Audio for so long, in real time: a sample says where it stands, and is loud or is not.
    fn hear(&mut self, time: Duration, loud: bool) {
        let mut left = self.rate.samples_in(time) as usize;
        while left > 0 {
            let count = left.min(self.rate.samples_in(FRAME) as usize);
            let samples: Vec<i16> = (self.at..self.at + count).map(|at| sample(at, loud)).collect();
            self.harness.queue(Frame::input_audio(Pcm::mono(samples, self.rate)));
            self.harness.advance(self.rate.duration_of(count as u64));
            self.at += count;
            left -= count;
        }
    }

    fn asked(&self) -> usize {
        self.harness.log().count(FrameKind::LlmRequest)
    }
}

fn sample(at: usize, loud: bool) -> i16 {
    if loud { 8_000 + (at % 997) as i16 } else { (at % 29) as i16 }
}

/// When the model was asked first.
fn asked_at(log: &Log) -> Option<Duration> {
    log.time_of(FrameKind::LlmRequest)
}

#[test]
fn r_25_the_end_of_turn_model_hears_the_onset_and_what_was_before_it() {
    // The last detector takes longer than the model keeps by itself.
    let cases = [
        (40, None, SampleRate::HZ_8000),
        (200, None, SampleRate::HZ_16000),
        (800, None, SampleRate::HZ_16000),
        (1_500, Some(ms(1_800)), SampleRate::HZ_16000),
    ];
    for (start_window, lead_in, rate) in cases {
        let (judged, asked) = mpsc::channel();
        let judged = Mutex::new(judged);
        let mut model = Model::new(move |heard: &Heard<'_>| {
            let _ = judged.lock().unwrap().send(heard.samples.to_vec());
            0.0
        });
        model.lead_in = lead_in.unwrap_or(model.lead_in);
        let params = VadParams { start_window: ms(start_window), ..VadParams::default() };
        let config = TurnConfig { stop: vec![Box::new(model)], ..TurnConfig::default() };
        let mut line = Line::new(rate, params, config, FakeStt::hearing(["hello"]));
        line.hear(ms(2_000), false);
        line.hear(ms(2_000), true);
        line.hear(ms(500), false);
        let heard = asked.recv_timeout(PATIENCE).unwrap();
        let whole: Vec<i16> = [(0, 2_000, false), (2_000, 4_000, true), (4_000, 4_500, false)]
            .into_iter()
            .flat_map(|(from, to, loud)| {
                let index = |at: u64| rate.samples_in(ms(at)) as usize;
                (index(from)..index(to)).map(move |at| sample(at, loud))
            })
            .collect();
        // By sample index: one stretch of what was said, from before the onset on.
        let onset = rate.samples_in(ms(2_000)) as usize;
        let first = (0..whole.len()).find(|&from| whole[from..].starts_with(&heard)).unwrap();
        assert!(first < onset, "clipped by {} ms", (first - onset) * 1_000 / rate.hz() as usize);
        let confirmed = rate.samples_in(ms(2_000 + start_window)) as usize;
        let pre_roll = rate.duration_of((confirmed - first) as u64);
        assert!(pre_roll >= ms(start_window), "{pre_roll:?} before speech was known");
        assert!(first + heard.len() >= rate.samples_in(ms(4_000)) as usize, "up to the end of speech");
    }
}

#[test]
fn r_42_audio_that_ceases_in_mid_word_is_finalized_answered_and_followed_by_the_idle_timer() {
    let idle = Idle::new().then(ms(5_000), IdleAction::Tell);
    let config = TurnConfig { idle, ..TurnConfig::default() };
    let mut line =
        Line::new(SampleRate::HZ_16000, VadParams::default(), config, FakeStt::hearing(["half a"]));
    line.hear(ms(1_000), true);
    // Muted on the way: nothing comes any more, not even silence.
    line.harness.advance(ms(979));
    assert_eq!(line.asked(), 0);
    line.harness.advance(ms(1));
    let finalized =
        line.hand.taken().iter().filter(|command| matches!(command, SttCommand::Finalize { .. })).count();
    let log = line.harness.log();
    assert_eq!((finalized, line.asked()), (1, 1), "{log}");
    assert_eq!(asked_at(&log), log.time_of(FrameKind::SpeechStopped));
    // Nobody answers; the bot's own deadline is over after 30 s, and then the caller's silence counts.
    line.harness.advance(ms(30_000 + 5_000));
    let log = line.harness.log();
    let idle = log.frames().filter(|frame| {
        matches!(&frame.payload, Payload::Custom(custom) if custom.downcast_ref::<UserIdle>().is_some())
    });
    assert_eq!(idle.count(), 1, "{log}");
}

#[test]
fn r_42_without_a_word_the_turn_is_closed_and_the_idle_timer_runs() {
    let idle = Idle::new().then(ms(5_000), IdleAction::Tell);
    let config = TurnConfig { idle, ..TurnConfig::default() };
    let mut line = Line::new(SampleRate::HZ_16000, VadParams::default(), config, FakeStt::hearing([""]));
    line.hear(ms(1_000), true);
    line.harness.advance(ms(980 + 5_000));
    let log = line.harness.log();
    assert_eq!((line.asked(), log.count(FrameKind::UserStoppedSpeaking)), (0, 2), "both ways: {log}");
    assert!(log.to_string().contains("UserIdle"), "{log}");
}

#[test]
fn r_43_a_short_yes_at_8_khz_that_only_the_recogniser_hears_is_answered_in_the_same_budget() {
    let rate = SampleRate::HZ_8000;
    // Found by the detector: the final comes 60 ms after it was asked for.
    let way = ms(60);
    let (fake, hand) = FakeStt::scripted(move |command| match command {
        SttCommand::Finalize { utterance } => {
            vec![
                voxline_testkit::Act::Wait(way),
                voxline_testkit::Act::Send(FakeStt::confirmed("yes", *utterance)),
            ]
        }
        _ => Vec::new(),
    });
    let mut found = Line::new(rate, VadParams::default(), TurnConfig::default(), (fake, hand));
    found.hear(ms(1_000), true);
    found.hear(ms(1_000), false);
    let log = found.harness.log();
    let budget = asked_at(&log).unwrap() - log.time_of(FrameKind::Transcription).unwrap();

    // Missed by the detector, for which 120 ms are too short: the service tells of it by itself.
    let mut missed = Line::new(rate, VadParams::default(), TurnConfig::default(), FakeStt::new());
    missed.hear(ms(1_000), false);
    missed.hear(ms(120), true);
    missed.hear(ms(200), false);
    assert_eq!(missed.harness.log().count(FrameKind::SpeechStarted), 0, "the detector has missed it");
    missed.hand.tell(FakeStt::said("yes"));
    missed.harness.settle();
    let log = missed.harness.log();
    assert_eq!(missed.asked(), 1, "{log}");
    let after = asked_at(&log).unwrap() - log.time_of(FrameKind::Transcription).unwrap();
    assert_eq!((after, budget), (Duration::ZERO, Duration::ZERO), "{log}");
    let last = log.frames().find_map(|frame| match &frame.payload {
        Payload::LlmRequest(request) => request.messages.last().cloned(),
        _ => None,
    });
    assert_eq!(last, Some(ChatMessage::user("yes")));
    // A stretch of silence after it is no second turn.
    missed.hear(ms(3_000), false);
    assert_eq!(missed.asked(), 1);
}
