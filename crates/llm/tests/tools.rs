//! Tools on paused time: when they start, how they settle, what an interruption does.

mod fake;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use fake::{FakeLlm, Step};
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Outcome, Pipeline, Processor, SessionConfig,
    frame::{Change, ChatMessage, Frame, FrameKind, LlmRequest, Payload, ToolOutcome},
    processor::Result,
    service::{CALLS_LIMIT, LlmDelta, LlmService, RESULT_LIMIT},
};
use voxline_llm::{ToolOrder, Tools, TypedTool, tool};
use voxline_testkit::{Harness, Log};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn ask() -> Frame {
    Frame::new(Payload::LlmRequest(Box::new(LlmRequest::new(vec![ChatMessage::user("?")]))))
}

/// A tool that takes so long, and counts how often it was started.
fn waits(name: &'static str, time: Duration, started: &Arc<AtomicUsize>) -> TypedTool {
    let started = started.clone();
    tool(name, "", move |(): ()| {
        started.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::time::sleep(time).await;
            Ok::<_, String>(format!("{name} is done"))
        }
    })
}

fn call(id: &'static str, name: &'static str) -> Step {
    Step::Call(id, name, "{}")
}

fn harness(steps: Vec<Step>, tools: Tools) -> Harness {
    Harness::new(FakeLlm::new(vec![steps, vec![Step::Say("next")]]).with_tools(tools))
}

/// What left downstream about the answer and its calls.
fn told(log: &Log) -> Vec<String> {
    let lines = log.down().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Text(chunk) => Some(format!("Text {}", chunk.text)),
        Payload::ResponseStarted | Payload::ResponseEnded => Some(frame.kind().name().to_owned()),
        Payload::ToolCalls(calls) => {
            let ids: Vec<_> = calls.iter().map(|call| call.id.as_str()).collect();
            Some(format!("ToolCalls {}", ids.join(" ")))
        }
        Payload::ToolSettled(result) => Some(format!("{}: {}", result.call.id, result.outcome.text())),
        _ => None,
    });
    lines.collect()
}

fn settled(log: &Log) -> Vec<String> {
    told(log).into_iter().filter(|line| line.contains(": ")).collect()
}

fn errors(log: &Log) -> Vec<String> {
    let errors = log.up().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Error(report) => Some(report.error.to_string()),
        _ => None,
    });
    errors.collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn r_38_calls_are_told_within_the_answer_and_each_settles_once() {
    let runs = Arc::default();
    let tools = Tools::new().with(waits("slow", ms(300), &runs)).with(waits("fast", ms(100), &runs));
    let steps = vec![Step::Say("One moment."), call("a", "slow"), call("b", "fast")];
    let mut harness = harness(steps, tools);
    harness.queue(ask()).advance(ms(100));
    let expected =
        ["ResponseStarted", "Text One moment.", "ToolCalls a b", "ResponseEnded", "b: fast is done"];
    assert_eq!(told(&harness.news()), expected);
    harness.advance(ms(200));
    assert_eq!(told(&harness.news()), ["a: slow is done"]);
    harness.advance(ms(60_000));
    assert_eq!(told(&harness.news()), NOTHING, "the stage does not turn to the model by itself");
    assert_eq!(errors(&harness.finish()), NOTHING);
}

#[test]
fn in_sequence_calls_follow_each_other() {
    let runs = Arc::default();
    let tools = Tools::new().with(waits("slow", ms(300), &runs)).with(waits("fast", ms(100), &runs));
    let tools = tools.with_order(ToolOrder::Sequential);
    let mut harness = harness(vec![call("a", "slow"), call("b", "fast")], tools);
    harness.queue(ask()).advance(ms(300));
    assert_eq!(settled(&harness.news()), ["a: slow is done"]);
    harness.advance(ms(99));
    assert_eq!(settled(&harness.news()), NOTHING);
    harness.advance(ms(1));
    assert_eq!(settled(&harness.news()), ["b: fast is done"]);
}

#[test]
fn r_38_a_call_that_takes_too_long_times_out_and_is_dropped() {
    let runs = Arc::new(AtomicUsize::new(0));
    let tools = Tools::new().with(waits("slow", ms(60_000), &runs).with_deadline(ms(500)));
    let mut harness = harness(vec![call("a", "slow")], tools);
    let before = harness.alive_tasks();
    harness.queue(ask()).advance(ms(500));
    let log = harness.news();
    assert_eq!(settled(&log), ["a: The tool did not answer in time."]);
    assert_eq!(errors(&log), ["the tool slow did not finish within 500ms"]);
    assert_eq!(harness.alive_tasks(), before);
    harness.advance(ms(120_000));
    assert_eq!(settled(&harness.news()), NOTHING, "late results change nothing");
}

#[test]
fn what_goes_wrong_reaches_the_model_as_a_fixed_phrase() {
    let tools = Tools::new()
        .with(tool("fails", "", |(): ()| async { Err::<(), _>("the password is sesame") }))
        .with(tool("panics", "", |(): ()| async { panic!("sesame") as std::result::Result<(), String> }))
        .with(tool("reads", "", |number: u8| async move { Ok::<_, String>(number) }));
    let steps = vec![
        call("a", "fails"),
        call("b", "panics"),
        Step::Call("c", "reads", "{\"value\": \"sesame\"}"),
        Step::Call("d", "reads", "{\"val"),
        call("e", "invented"),
        Step::Call("f", "reads", "{\"value\": 7}"),
    ];
    let mut harness = harness(steps, tools);
    harness.queue(ask()).advance(ms(10));
    let log = harness.news();
    let mut lines = settled(&log);
    lines.sort();
    let expected = [
        "a: The tool failed.",
        "b: The tool failed.",
        "c: The arguments do not fit the tool's schema.",
        "d: The arguments do not fit the tool's schema.",
        "e: There is no such tool.",
        "f: 7",
    ];
    assert_eq!(lines, expected);
    assert_eq!(errors(&log).len(), 5, "and is reported upstream");
    assert_eq!(harness.finish_outcome().unwrap(), Outcome::Ended, "and ends nothing");
}

#[test]
fn r_37_an_interruption_cancels_running_calls_and_detached_ones_go_on() {
    let runs = Arc::new(AtomicUsize::new(0));
    let tools =
        Tools::new().with(waits("looks", ms(300), &runs)).with(waits("books", ms(300), &runs).detached());
    let mut harness = harness(vec![call("a", "looks"), call("b", "books")], tools);
    harness.queue(ask()).advance(ms(100)).news();
    harness.interrupt();
    assert_eq!(settled(&harness.news()), ["a: The call was cancelled."]);
    harness.advance(ms(200));
    let log = harness.news();
    assert_eq!(settled(&log), ["b: books is done"], "the result survives the interruption");
    assert!(log.down().iter().all(|frame| frame.generation().0 == 1));
}

#[test]
fn r_37_a_waiting_call_of_a_discarded_answer_is_not_started_unless_detached() {
    let (looks, books) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tools = Tools::new()
        .with(waits("looks", ms(300), &looks))
        .with(waits("books", ms(300), &books).detached())
        .with_order(ToolOrder::Sequential);
    let mut harness = harness(vec![call("a", "looks"), call("b", "looks"), call("c", "books")], tools);
    harness.queue(ask()).advance(ms(100)).interrupt().advance(ms(300));
    assert_eq!((looks.load(Ordering::Relaxed), books.load(Ordering::Relaxed)), (1, 1));
    let expected = ["a: The call was cancelled.", "b: The call was cancelled.", "c: books is done"];
    assert_eq!(settled(&harness.finish()), expected);
}

#[test]
fn r_37_r_39_no_tool_of_an_answer_that_did_not_end_well_is_started() {
    let endings: [(&str, Vec<Step>); 3] = [
        ("interrupted", vec![call("a", "hangs_up"), Step::Wait(ms(200))]),
        ("failed", vec![call("a", "hangs_up"), Step::Fail { fatal: false }]),
        ("stalled", vec![call("a", "hangs_up"), Step::Hang]),
    ];
    for (how, steps) in endings {
        let runs = Arc::new(AtomicUsize::new(0));
        let tools = Tools::new().with(waits("hangs_up", ms(0), &runs).detached());
        let mut harness = harness(steps, tools);
        harness.queue(ask()).advance(ms(100));
        if how == "interrupted" {
            harness.interrupt();
        }
        harness.advance(ms(20_000));
        let log = harness.finish();
        assert_eq!(runs.load(Ordering::Relaxed), 0, "{how}");
        assert_eq!(log.count(FrameKind::ToolCalls) + log.count(FrameKind::ToolSettled), 0, "{how}");
    }
}

#[test]
fn r_37_no_tool_of_a_replaced_answer_is_started() {
    let runs = Arc::new(AtomicUsize::new(0));
    let tools = Tools::new().with(waits("hangs_up", ms(0), &runs));
    let mut harness = harness(vec![call("a", "hangs_up"), Step::Wait(ms(200))], tools);
    harness.queue(ask()).advance(ms(100)).queue(ask()).advance(ms(1_000));
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    let expected = ["ResponseStarted", "ResponseEnded", "ResponseStarted", "Text next", "ResponseEnded"];
    assert_eq!(told(&harness.finish()), expected);
}

#[test]
fn a_newer_request_leaves_running_calls_alone() {
    let runs = Arc::default();
    let tools = Tools::new().with(waits("slow", ms(300), &runs));
    let mut harness = harness(vec![call("a", "slow")], tools);
    harness.queue(ask()).advance(ms(100)).queue(ask()).advance(ms(200));
    assert_eq!(settled(&harness.finish()), ["a: slow is done"]);
}

/// Takes a minute over the end of an answer.
struct Slow;

#[async_trait]
impl AsyncProcessor for Slow {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() == FrameKind::ResponseEnded {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        ctx.push(frame).await;
        Ok(())
    }

    fn is_uninterruptible(&self, _: &Frame) -> bool {
        true
    }
}

#[test]
fn a_result_that_is_there_counts_although_the_stage_could_not_hear_of_it() {
    let runs = Arc::default();
    let tools = Tools::new().with(waits("books", ms(300), &runs));
    let llm = FakeLlm::new(vec![vec![call("a", "books")]]).with_tools(tools);
    let pipeline = Pipeline::builder().then(llm).then(Slow).build().unwrap();
    let config = SessionConfig { link_bound: 1, ..SessionConfig::default() };
    let mut harness = Harness::with_config(pipeline, config);
    harness.queue(ask()).advance(ms(100));
    // The first takes the one place after the stage, the second waits in it: no job is heard until it has left.
    harness.queue(Payload::UserStartedSpeaking).queue(Payload::UserStoppedSpeaking).advance(ms(300));
    assert_eq!(settled(&harness.news()), NOTHING, "the pipeline is stuck");
    harness.interrupt().advance(Duration::from_secs(60));
    assert_eq!(settled(&harness.finish()), ["a: books is done"]);
}

#[test]
fn ids_that_are_missing_or_taken_are_replaced() {
    let runs = Arc::default();
    let tools = Tools::new().with(waits("t", ms(1_000), &runs));
    let steps = vec![call("", "t"), call("a", "t"), call("a", "t"), call("", "t")];
    let fake = FakeLlm::new(vec![steps, vec![call("a", "t")]]);
    let mut harness = Harness::new(fake.with_tools(tools));
    harness.queue(ask()).queue(ask()).advance(ms(1));
    let calls: Vec<_> = told(&harness.log()).into_iter().filter(|line| line.starts_with("Tool")).collect();
    assert_eq!(calls, ["ToolCalls call_2 a a_2 call_3", "ToolCalls a_3"]);
}

#[test]
fn calls_without_number_and_results_without_end_are_bounded() {
    let runs = Arc::new(AtomicUsize::new(0));
    let long = tool("long", "", |(): ()| async { Ok::<_, String>("अ".repeat(RESULT_LIMIT)) });
    let tools = Tools::new().with(waits("t", ms(0), &runs)).with(long);
    let mut steps = vec![call("long", "long")];
    steps.extend(vec![call("", "t"); CALLS_LIMIT + 3]);
    let mut harness = harness(steps, tools);
    harness.queue(ask()).advance(ms(100));
    assert_eq!(runs.load(Ordering::Relaxed), CALLS_LIMIT - 1);
    let log = harness.finish();
    assert_eq!(log.count(FrameKind::ToolSettled), CALLS_LIMIT + 4);
    let long = log.down().into_iter().find_map(|frame| match &frame.payload {
        Payload::ToolSettled(result) if result.call.id == "long" => Some(result.outcome.text().to_owned()),
        _ => None,
    });
    let long = long.unwrap();
    assert!(long.len() < RESULT_LIMIT + 20 && long.ends_with("(cut)"), "{} bytes", long.len());
}

#[test]
fn the_end_waits_for_calls_but_not_for_ever() {
    let runs = Arc::default();
    let tools = Tools::new()
        .with(waits("fast", ms(4_000), &runs))
        .with(waits("endless", Duration::from_secs(3_600), &runs).with_deadline(Duration::MAX).detached());
    let mut harness = harness(vec![call("a", "fast"), call("b", "endless")], tools);
    harness.queue(ask());
    assert_eq!(harness.finish_outcome().unwrap(), Outcome::Ended);
    assert_eq!(settled(&harness.log()), ["a: fast is done", "b: The call was cancelled."]);
    assert!(harness.elapsed() < Duration::from_secs(10));
}

/// Asks again for each settled call, as an aggregator would.
struct AskAgain;

impl Processor for AskAgain {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::ToolSettled {
            ctx.push_up(ask());
        }
        ctx.push(frame);
        Ok(())
    }
}

#[test]
fn the_end_lets_the_answer_to_a_tools_result_out() {
    let runs = Arc::default();
    let tools = Tools::new().with(waits("looks", ms(300), &runs));
    let llm = FakeLlm::new(vec![vec![call("a", "looks")], vec![Step::Wait(ms(800)), Step::Say("noon")]]);
    let pipeline = Pipeline::builder().then(llm.with_tools(tools)).then(AskAgain).build().unwrap();
    let mut harness = Harness::new(pipeline);
    harness.queue(ask());
    assert_eq!(harness.finish_outcome().unwrap(), Outcome::Ended);
    let last = told(&harness.log()).split_off(3);
    assert_eq!(last, ["a: looks is done", "ResponseStarted", "Text noon", "ResponseEnded"]);
}

/// A random life of a stage with tools; the seed says which.
fn live(seed: u64) -> Log {
    let mut random = fastrand::Rng::with_seed(seed);
    let runs = Arc::default();
    let tools = Tools::new()
        .with(waits("fast", ms(50), &runs))
        .with(waits("slow", ms(400), &runs).with_deadline(ms(300)))
        .with(waits("books", ms(200), &runs).detached())
        .with(tool("fails", "", |(): ()| async { Err::<(), _>("no") }))
        .with_order(if random.bool() { ToolOrder::Sequential } else { ToolOrder::Parallel });
    let names = ["fast", "slow", "books", "fails", "invented"];
    let mut script = || {
        let mut steps = vec![Step::Wait(ms(random.u64(0..100))), Step::Say("text ")];
        for _ in 0..random.usize(0..4) {
            let name = names[random.usize(..names.len())];
            steps.extend([call("", name), Step::Wait(ms(random.u64(0..60)))]);
        }
        if random.u8(..5) == 0 {
            steps.push(Step::Fail { fatal: false });
        }
        steps
    };
    let scripts: Vec<_> = (0..20).map(|_| script()).collect();
    let mut harness = Harness::new(FakeLlm::new(scripts).with_tools(tools));
    for _ in 0..20 {
        harness.queue(ask()).advance(ms(random.u64(0..400)));
        if random.u8(..3) == 0 {
            harness.interrupt().advance(ms(random.u64(0..100)));
        }
    }
    harness.finish()
}

#[test]
fn r_38_every_call_that_was_told_of_settles_once_whatever_happens() {
    for seed in 0..60 {
        let log = live(seed);
        let (mut told, mut settled) = (Vec::new(), HashMap::new());
        for frame in log.down() {
            match &frame.payload {
                Payload::ToolCalls(calls) => told.extend(calls.iter().map(|call| call.id.clone())),
                Payload::ToolSettled(result) => {
                    // Ids are used again once they have settled: count settlings against tellings.
                    let last = told.iter().rposition(|id| *id == result.call.id);
                    assert!(last.is_some(), "seed {seed}: {:?} was never told of", result.call);
                    *settled.entry(result.call.id.clone()).or_insert(0) += 1;
                }
                _ => {}
            }
        }
        for id in &told {
            let times = told.iter().filter(|other| *other == id).count();
            assert_eq!(settled.get(id), Some(&times), "seed {seed}: {id}");
        }
        assert!(!told.is_empty(), "seed {seed} calls nothing");
        let done = log.down().into_iter().filter(|frame| match &frame.payload {
            Payload::ToolSettled(result) => matches!(result.outcome, ToolOutcome::Done(_)),
            _ => false,
        });
        assert!(done.count() > 0, "seed {seed} does nothing");
    }
}

#[test]
fn b_128_tools_change_in_mid_call_and_calls_that_run_go_on() {
    let runs = Arc::new(AtomicUsize::new(0));
    let first = Tools::new()
        .with(waits("slow", ms(400), &runs))
        .with(waits("next", ms(400), &runs))
        .with_order(ToolOrder::Sequential);
    let scripts = vec![vec![call("a", "slow"), call("b", "next")], vec![call("c", "slow"), call("d", "new")]];
    let fake = FakeLlm::new(scripts);
    let mut harness = Harness::new(fake.clone().with_tools(first));
    harness.queue(ask()).advance(ms(100));
    let tools = Change::Set(Tools::new().with(waits("new", ms(0), &runs)));
    harness.queue(Frame::llm_settings(LlmDelta { tools, ..LlmDelta::default() })).advance(ms(1_000));
    assert_eq!(settled(&harness.news()), ["a: slow is done", "b: There is no such tool."]);
    harness.queue(ask()).advance(ms(1_000));
    assert_eq!(settled(&harness.news()), ["c: There is no such tool.", "d: new is done"]);
    let offered =
        fake.asked().into_iter().map(|request| request.tools.iter().map(|tool| tool.name.clone()).collect());
    assert_eq!(
        offered.collect::<Vec<Vec<_>>>(),
        [vec!["slow".into(), "next".into()], vec![Arc::<str>::from("new")]]
    );
}

#[test]
fn tools_that_cannot_be_used_are_refused_and_the_others_stay() {
    let runs = Arc::default();
    let fake = FakeLlm::new(vec![vec![]]);
    let mut harness = Harness::new(fake.clone().with_tools(Tools::new().with(waits("good", ms(0), &runs))));
    let tools = Change::Set(Tools::new().with(waits("not a name", ms(0), &runs)));
    harness.queue(Frame::llm_settings(LlmDelta { tools, ..LlmDelta::default() }));
    let answers = harness.log().down().into_iter().find_map(|frame| match &frame.payload {
        Payload::SettingsAnswered(answer) => Some(answer.rejected.clone()),
        _ => None,
    });
    assert_eq!(answers.unwrap()[0].field, "tools");
    harness.queue(ask()).advance(ms(10));
    assert_eq!(&*fake.asked()[0].tools[0].name, "good");
}
