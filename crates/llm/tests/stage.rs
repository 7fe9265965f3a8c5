//! The stage around a model, on paused time: order, deadlines, interruption, settings, the end.

mod fake;

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use fake::{FakeLlm, Step};
use voxline_core::{
    AsyncContext, AsyncProcessor, Outcome, Pipeline, SessionConfig,
    frame::{
        ChatMessage, Direction, Frame, FrameKind, LlmRequest, Metric, Payload, ServiceTarget, SettingsUpdate,
        ToolSpec,
    },
    processor::Result,
    service::{LlmDelta, LlmService, Tools},
};
use voxline_llm::{OpenAiLlm, ScriptedLlm, tool};
use voxline_testkit::{Harness, Log, conformance};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn ask(text: &str) -> Frame {
    Frame::new(Payload::LlmRequest(Box::new(LlmRequest::new(vec![ChatMessage::user(text)]))))
}

/// What left downstream, metrics apart, as `Kind` or `Kind text`.
fn down(log: &Log) -> Vec<String> {
    let lines = log.down().into_iter().filter(|frame| frame.kind() != FrameKind::Metrics).map(|frame| {
        match &frame.payload {
            Payload::Text(chunk) => format!("Text {}", chunk.text),
            payload => payload.kind().name().to_owned(),
        }
    });
    lines.filter(|line| line != "End").collect()
}

fn metrics(log: &Log) -> Vec<Metric> {
    let metrics = log.down().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Metrics(metric) => Some(Metric::clone(metric)),
        _ => None,
    });
    metrics.collect()
}

fn errors(log: &Log) -> Vec<String> {
    let errors = log.up().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Error(report) => Some(report.error.to_string()),
        _ => None,
    });
    errors.collect()
}

#[test]
fn an_answer_streams_between_its_brackets_and_is_measured() {
    use Step::*;
    let script = vec![Wait(ms(300)), Say("Good "), Wait(ms(700)), Say("day."), Usage(12, 2)];
    let mut harness = Harness::new(FakeLlm::new(vec![script]));
    harness.queue(ask("hello")).advance(ms(300));
    assert_eq!(down(&harness.news()), ["ResponseStarted", "Text Good "], "the model is still writing");
    let log = harness.finish();
    assert_eq!(down(&log), ["ResponseStarted", "Text Good ", "Text day.", "ResponseEnded"]);
    let stage = std::sync::Arc::from("fake-llm");
    let first = Metric::TimeToFirstByte { stage: std::sync::Arc::clone(&stage), value: ms(300) };
    assert_eq!(metrics(&log), [first, Metric::Tokens { stage, prompt: 12, completion: 2 }]);
}

#[test]
fn b_107_a_call_counts_as_the_first_output_and_is_measured_once_an_answer() {
    use Step::*;
    let call = Call("a", "time", "{}");
    let first = vec![Progress, Wait(ms(200)), call, Wait(ms(100)), Say("One moment.")];
    // The second is interrupted before anything came: what it took is not counted to the third.
    let second = vec![Wait(ms(500)), Say("never")];
    let third = vec![Wait(ms(50)), Say("Noon.")];
    let mut harness = Harness::new(FakeLlm::new(vec![first, second, third]));
    harness.queue(ask("time?")).advance(ms(1_000));
    harness.queue(ask("time?")).advance(ms(400)).interrupt();
    harness.queue(ask("time?")).advance(ms(1_000));
    let times: Vec<_> = metrics(&harness.finish())
        .into_iter()
        .filter_map(|metric| match metric {
            Metric::TimeToFirstByte { value, .. } => Some(value),
            _ => None,
        })
        .collect();
    assert_eq!(times, [ms(200), ms(50)]);
}

#[test]
fn requests_come_from_either_side() {
    let mut harness = Harness::new(ScriptedLlm::new().otherwise("Yes."));
    harness.queue(ask("a").with_direction(Direction::Up)).advance(ms(10));
    let log = harness.finish();
    assert_eq!(down(&log), ["ResponseStarted", "Text Yes.", "ResponseEnded"]);
    assert_eq!(log.count(FrameKind::LlmRequest), 0, "a request is answered once, and goes no further");
}

#[test]
fn a_newer_request_replaces_the_running_one_and_closes_it() {
    use Step::*;
    let scripts = vec![vec![Say("old"), Wait(ms(500)), Say("older")], vec![Say("new")]];
    let fake = FakeLlm::new(scripts);
    let mut harness = Harness::new(fake.clone());
    harness.queue(ask("a")).advance(ms(100)).queue(ask("b")).advance(ms(100));
    assert_eq!(fake.open.load(Ordering::Relaxed), 0);
    let expected =
        ["ResponseStarted", "Text old", "ResponseEnded", "ResponseStarted", "Text new", "ResponseEnded"];
    assert_eq!(down(&harness.finish()), expected);
}

#[test]
fn an_interruption_ends_the_answer_and_lets_the_model_go() {
    use Step::*;
    let fake = FakeLlm::new(vec![vec![Say("one "), Usage(1, 1), Wait(ms(500)), Say("two")]]);
    let mut harness = Harness::new(fake.clone());
    harness.queue(ask("a")).advance(ms(100)).news();
    harness.interrupt();
    assert_eq!(fake.open.load(Ordering::Relaxed), 0);
    harness.advance(ms(5_000));
    let log = harness.news();
    assert_eq!(down(&log), [] as [&str; 0]);
    assert_eq!(metrics(&log).len(), 1, "what was used is still told");
}

#[test]
fn a_model_that_says_nothing_is_given_up_and_the_answer_closed() {
    let mut harness = Harness::new(FakeLlm::new(vec![vec![Step::Hang]]));
    harness.queue(ask("a")).advance(ms(9_999));
    assert_eq!(down(&harness.news()), ["ResponseStarted"]);
    harness.advance(ms(1));
    let log = harness.news();
    assert_eq!(down(&log), ["ResponseEnded"]);
    assert_eq!(errors(&log), ["the model's first token did not finish within 10s: fake-llm"]);
}

#[test]
fn a_model_that_stalls_is_given_up_and_thinking_is_no_stall() {
    use Step::*;
    let script = vec![Say("one "), Wait(ms(4_000)), Progress, Wait(ms(4_000)), Say("two "), Hang];
    let mut harness = Harness::new(FakeLlm::new(vec![script]));
    harness.queue(ask("a")).advance(ms(12_999));
    assert_eq!(down(&harness.news()), ["ResponseStarted", "Text one ", "Text two "]);
    harness.advance(ms(1));
    let log = harness.news();
    assert_eq!((down(&log), errors(&log).len()), (vec!["ResponseEnded".to_owned()], 1));
}

#[test]
fn a_failure_is_reported_and_the_answer_closed() {
    use Step::*;
    let scripts = vec![vec![Say("half"), Fail { fatal: false }], vec![Say("whole")]];
    let mut harness = Harness::new(FakeLlm::new(scripts));
    harness.queue(ask("a")).queue(ask("b"));
    let log = harness.finish();
    let expected =
        ["ResponseStarted", "Text half", "ResponseEnded", "ResponseStarted", "Text whole", "ResponseEnded"];
    assert_eq!(down(&log), expected);
    assert_eq!(errors(&log), ["fake-llm: it broke"]);
}

#[test]
fn a_fatal_failure_ends_the_session() {
    let mut harness = Harness::new(FakeLlm::new(vec![vec![Step::Fail { fatal: true }]]));
    harness.queue(ask("a"));
    assert!(harness.finish_outcome().is_err());
}

/// Takes a minute over the first piece of text.
struct Slow(bool);

#[async_trait]
impl AsyncProcessor for Slow {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() == FrameKind::Text && !std::mem::replace(&mut self.0, true) {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        ctx.push(frame).await;
        Ok(())
    }
}

#[test]
fn a_pipeline_that_takes_no_more_is_no_stall_of_the_model() {
    let words = vec![Step::Say("word "); 2_000];
    let pipeline = Pipeline::builder().then(FakeLlm::new(vec![words])).then(Slow(false)).build().unwrap();
    let config = SessionConfig { link_bound: 1, ..SessionConfig::default() };
    let mut harness = Harness::with_config(pipeline, config);
    harness.queue(ask("a")).advance(Duration::from_secs(59));
    assert_eq!(harness.log().texts().len(), 0);
    harness.advance(Duration::from_secs(2));
    let log = harness.finish();
    assert_eq!((log.texts().len(), errors(&log)), (2_000, vec![]));
}

#[test]
fn settings_are_answered_both_ways_and_pass_on_when_others_may_want_them() {
    let fake = FakeLlm::new(vec![vec![]]);
    let mut harness = Harness::new(fake);
    harness.queue(Frame::llm_settings(LlmDelta::default()));
    let log = harness.news();
    assert_eq!(log.count(FrameKind::SettingsAnswered), 2);
    assert_eq!(log.count(FrameKind::LlmUpdateSettings), 1);
    for (name, answers, passed) in [("fake-llm", 2, 0), ("another", 0, 1)] {
        let target = ServiceTarget::Named(name.into());
        let update = SettingsUpdate { target, delta: LlmDelta::default() };
        harness.queue(Frame::new(Payload::LlmUpdateSettings(Box::new(update))));
        let log = harness.news();
        assert_eq!(log.count(FrameKind::SettingsAnswered), answers, "{name}");
        assert_eq!(log.count(FrameKind::LlmUpdateSettings), passed, "{name}");
    }
}

#[test]
fn the_end_waits_for_the_answer() {
    use Step::*;
    let script = vec![Wait(ms(8_000)), Say("late "), Wait(ms(4_000)), Say("but whole")];
    let mut harness = Harness::new(FakeLlm::new(vec![script]));
    harness.queue(ask("a"));
    assert_eq!(harness.finish_outcome().unwrap(), Outcome::Ended);
    let expected = ["ResponseStarted", "Text late ", "Text but whole", "ResponseEnded"];
    assert_eq!(down(&harness.log()), expected);
}

#[test]
fn the_model_is_told_of_the_stages_tools_and_of_the_requests() {
    let fake = FakeLlm::new(vec![vec![]]);
    let none = |(): ()| async { Ok::<_, String>(String::new()) };
    let tools = Tools::new().with(tool("a", "the stage's", none)).with(tool("b", "", none));
    let mut harness = Harness::new(fake.clone().with_tools(tools));
    let spec = |name: &str| ToolSpec {
        name: name.into(),
        description: "the request's".into(),
        parameters: "{}".into(),
    };
    let request = LlmRequest { messages: [].into(), tools: [spec("a"), spec("c")].into() };
    harness.queue(Payload::LlmRequest(Box::new(request)));
    let told = fake.asked()[0].tools.clone();
    let names: Vec<_> = told.iter().map(|spec| &*spec.name).collect();
    assert_eq!((names, &*told[0].description), (vec!["a", "b", "c"], "the stage's"));
}

#[test]
fn what_cannot_be_used_fails_the_start_and_names_the_stage() {
    let named = |name: &str| tool(name.to_owned(), "", |(): ()| async { Ok::<_, String>(()) });
    let tools = Tools::new().with(named("two words"));
    let error = Harness::try_new(ScriptedLlm::new().with_tools(tools), SessionConfig::default()).unwrap_err();
    assert!(error.to_string().contains("scripted-llm"), "{error}");
    let clear = OpenAiLlm::vllm("http://models.example/v1", "m");
    let error = Harness::try_new(clear, SessionConfig::default()).unwrap_err();
    assert!(error.to_string().contains("vllm"), "{error}");
}

conformance!(
    scripted_stage,
    || ScriptedLlm::new().with_word_delay(ms(50)),
    consumes: [FrameKind::LlmRequest, FrameKind::LlmUpdateSettings],
);
