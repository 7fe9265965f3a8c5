//! Models of the ends of turns on a whole line: slow ones, ones that panic, and verdicts that come too late.
//!
//! A model computes on a thread of its own, and while it does a paused clock stands still: these tests move it.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::{
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use support::{Line, ms};
use voxline_core::frame::{FrameKind, Payload};
use voxline_turns::{EndOfTurn, Heard, Model, TurnConfig};

/// A model that says "over" or not when the test lets it.
struct Gated {
    // A receiver is not shared between threads; only the model's own thread waits while it holds this.
    verdicts: Mutex<Receiver<f32>>,
    asked: Sender<String>,
}

impl EndOfTurn for Gated {
    fn judge(&self, heard: &Heard<'_>) -> f32 {
        self.asked.send(heard.text.to_owned()).unwrap();
        self.verdicts.lock().unwrap().recv().unwrap_or(0.0)
    }
}

/// A line with a gated model. The gate is dropped first: a runtime waits for its threads.
struct Case {
    say: Sender<f32>,
    asks: Receiver<String>,
    line: Line,
}

impl Case {
    fn new() -> Self {
        let (say, verdicts) = channel();
        let (asked, asks) = channel();
        let line = Line::new(judged_by(Gated { verdicts: Mutex::new(verdicts), asked }));
        Self { say, asks, line }
    }

    /// What the model is asked about next.
    fn asked(&self) -> String {
        self.asks.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

fn judged_by(model: impl EndOfTurn) -> TurnConfig {
    TurnConfig { stop: vec![Box::new(Model::new(model))], ..TurnConfig::default() }
}

/// Lets time pass while a model computes.
fn pass(line: &Line, time: Duration) {
    for _ in 0..time.as_millis() / 10 {
        line.harness.block_on(async {
            tokio::time::advance(ms(10)).await;
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        });
    }
}

fn errors(line: &Line) -> Vec<String> {
    let log = line.harness.log();
    let errors = log.up().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Error(report) => Some(report.error.to_string()),
        _ => None,
    });
    errors.collect()
}

#[test]
fn a_verdict_ends_the_turn_when_it_comes() {
    let mut line = Line::new(judged_by(|heard: &Heard<'_>| f32::from(u8::from(heard.text.ends_with('.')))));
    line.say("that is all.");
    line.harness.advance(Duration::from_secs(3));
    assert_eq!(line.talk(), ["user: that is all.", "assistant: echo: that is all."]);
    line.say("and then");
    line.harness.advance(ms(2_000));
    assert_eq!(line.talk().len(), 2, "the model says that more will come");
    line.harness.advance(ms(2_000));
    assert_eq!(line.talk()[2], "user: and then", "silence has the last word");
}

#[test]
fn a_slow_model_holds_nothing_up_and_is_given_up_in_time() {
    let mut case = Case::new();
    case.line.say("hello");
    assert_eq!(case.asked(), "hello");
    case.line.harness.queue(Payload::SttMute(false));
    pass(&case.line, ms(100));
    let log = case.line.harness.log();
    assert_eq!(log.count(FrameKind::SttMute), 1, "what comes later passes while the model computes");
    assert_eq!(log.count(FrameKind::ResponseStarted), 0);
    pass(&case.line, ms(500));
    let log = case.line.harness.log();
    assert_eq!(log.count(FrameKind::ResponseStarted), 1, "without a verdict complete words end the turn");
    let late = "the model of ends of turns did not finish within 500ms: UserAggregator";
    assert_eq!(errors(&case.line), [late]);
    assert_eq!(case.line.talk(), ["user: hello"]);
}

#[test]
fn a_model_that_panics_costs_neither_the_turn_nor_the_session() {
    let mut line = Line::new(judged_by(|_: &Heard<'_>| -> f32 { panic!("no such tensor") }));
    for said in ["one", "two"] {
        line.say(said);
        line.harness.advance(Duration::from_secs(3));
    }
    assert_eq!(line.talk(), ["user: one", "assistant: echo: one", "user: two", "assistant: echo: two"]);
    assert_eq!(errors(&line), ["the model of ends of turns panicked"; 2]);
}

#[test]
fn a_verdict_on_an_older_pause_counts_for_nothing() {
    let mut case = Case::new();
    case.line.say("book a table");
    assert_eq!(case.asked(), "book a table");
    // The user goes on before the verdict.
    case.line.speak();
    pass(&case.line, ms(20));
    case.say.send(1.0).unwrap();
    pass(&case.line, ms(100));
    case.line.hush();
    case.line.confirm("for two");
    pass(&case.line, ms(20));
    assert_eq!(case.asked(), "book a table", "the words of the turn, not only those of its newest utterance");
    let asked = case.line.harness.log().count(FrameKind::ResponseStarted);
    assert_eq!(asked, 0, "the first verdict was on another pause");
    case.say.send(1.0).unwrap();
    case.line.harness.advance(ms(1));
    assert_eq!(case.line.talk()[0], "user: book a table for two");
}

#[test]
fn models_that_hang_are_joined_by_few_more() {
    let mut case = Case::new();
    for _ in 0..5 {
        case.line.speak();
        pass(&case.line, ms(100));
        case.line.hush();
        case.line.confirm("again");
        pass(&case.line, ms(3_000));
    }
    let told = errors(&case.line);
    let busy = told.iter().filter(|error| error.contains("is still busy with earlier turns")).count();
    assert_eq!((told.len(), busy), (5, 3), "{told:#?}");
    assert_eq!([case.asked(), case.asked()], ["", ""], "one waits in the model, another for it");
    assert!(case.asks.try_recv().is_err(), "and nobody else");
}

#[test]
fn a_model_is_shared_between_sessions() {
    let model = Model::new(|_: &Heard<'_>| 1.0);
    let config = TurnConfig { stop: vec![Box::new(model)], ..TurnConfig::default() };
    let talks: Vec<_> = [config.clone(), config]
        .into_iter()
        .map(|config| {
            let mut line = Line::new(config);
            line.say("hello");
            line.harness.advance(Duration::from_secs(3));
            line.talk()
        })
        .collect();
    assert_eq!(talks[0], talks[1]);
    assert_eq!(talks[0].len(), 2);
}
