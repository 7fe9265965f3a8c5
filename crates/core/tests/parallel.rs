//! Pipelines side by side and within one another: and what crossing them costs nobody.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod support;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use proptest::prelude::*;
use support::{AsyncNoting, AsyncPass, Notes, Noting, Pass, Slow, Swallow, side_by_side, told};
use tokio::sync::mpsc;
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Error, Outcome, Pipeline, Processor, SessionConfig,
    frame::{Direction, Frame, FrameId, FrameKind, Payload},
    processor::Result,
};
use voxline_testkit::{Harness, samples};

/// Replaces each `Text` by one with a letter in front; passes all else.
#[derive(Debug)]
struct Prefix(&'static str);

impl Processor for Prefix {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match &frame.payload {
            Payload::Text(chunk) => ctx.push(Frame::text(format!("{}{}", self.0, chunk.text))),
            _ => ctx.push(frame),
        }
        Ok(())
    }
}

#[test]
fn behaviour_29_a_frame_that_leaves_several_branches_comes_back_once() {
    let branches = side_by_side([row![Pass], row![AsyncPass, Pass], row![]]);
    let log = Harness::new(branches).run([Frame::text("a"), Frame::text("b")]);
    assert_eq!(log.texts(), ["a", "b"]);
}

#[test]
fn each_branch_gets_every_frame_and_what_it_makes_of_it_goes_on() {
    let branches = side_by_side([row![Prefix("x")], row![Prefix("y")], row![Pass]]);
    let log = Harness::new(branches).run([Frame::text("a"), Frame::text("b")]);
    let of =
        |branch: &str| log.texts().into_iter().filter(|text| text.starts_with(branch)).collect::<Vec<_>>();
    assert_eq!(log.texts().len(), 6);
    // In the order of each branch; between branches there is none.
    assert_eq!((of("x"), of("y")), (vec!["xa".into(), "xb".into()], vec!["ya".into(), "yb".into()]));
}

/// Gives a copy of each text to whoever holds the other end, and passes all.
struct Gives(mpsc::Sender<Frame>);

impl Processor for Gives {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::Text(chunk) = &frame.payload {
            // Full: the copy is lost, the line goes on.
            let _ = self.0.try_send(Frame::speak(chunk.text.clone()));
        }
        ctx.push(frame);
        Ok(())
    }
}

/// Swallows texts, and pushes what the other end gives.
struct Takes(mpsc::Receiver<Frame>);

#[async_trait]
impl AsyncProcessor for Takes {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() != FrameKind::Text {
            ctx.push(frame).await;
        }
        Ok(())
    }

    async fn idle(&mut self, ctx: &mut AsyncContext) -> Result {
        match self.0.recv().await {
            Some(frame) => ctx.push(frame).await,
            None => std::future::pending().await,
        }
        Ok(())
    }
}

#[test]
fn behaviour_34_what_one_branch_makes_can_be_consumed_in_another_by_two_stages_of_ones_own() {
    let (gives, takes) = mpsc::channel(8);
    let branches = side_by_side([row![Prefix("1:"), Gives(gives)], row![Takes(takes)]]);
    let mut harness = Harness::new(branches);
    harness.queue(Frame::text("a")).settle();
    let log = harness.finish();
    assert_eq!(
        (log.texts(), log.count(FrameKind::Speak)),
        (vec!["1:a".into()], 1),
        "once as text, once to be spoken"
    );
}

#[test]
fn branches_within_branches_give_each_frame_back_once() {
    let inner = || side_by_side([row![Pass], row![AsyncPass], row![]]);
    let branches = side_by_side([row![inner()], row![Pass, inner(), AsyncPass], inner()]);
    let log = Harness::new(row![branches, inner()]).run([Frame::text("a"), Frame::text("b")]);
    assert_eq!(log.texts(), ["a", "b"]);
}

#[test]
fn r_49_a_branch_that_swallows_everything_keeps_nobody_from_anything() {
    let notes = Notes::default();
    let branch = row![Noting::new("a", &notes), Swallow, AsyncNoting(Noting::new("b", &notes))];
    let log = Harness::new(side_by_side([branch, row![Pass]])).run([Frame::text("a")]);
    assert_eq!(log.to_string(), "started\n↓ Text \"a\" g0\nended");
    let of = |name: &str| notes.all().into_iter().filter(|note| note.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(of("a"), ["a: start", "a: ↓ Text \"a\" g0", "a: end", "a: stop"]);
    assert_eq!(of("b"), ["b: start", "b: end", "b: stop"]);
}

#[test]
fn what_travels_upstream_goes_through_the_branches_and_comes_out_once() {
    let notes = Notes::default();
    let branches = [row![Noting::new("a", &notes)], row![AsyncNoting(Noting::new("b", &notes))], row![]];
    let mut harness = Harness::new(row![Pass, side_by_side(branches), AsyncPass]);
    harness.queue(samples::frame(FrameKind::BotStartedSpeaking, ""));
    let log = harness.finish();
    assert_eq!(log.up().len(), 1, "{log}");
    assert_eq!(notes.count("a: ↑ BotStartedSpeaking ctx-1 g0"), 1);
    assert_eq!(notes.count("b: ↑ BotStartedSpeaking ctx-1 g0"), 1);
}

#[test]
fn signals_come_out_once_either_way() {
    let signal = || Frame::custom(samples::Marker { signal: true, ..samples::Marker::new("s") });
    let mut harness = Harness::new(side_by_side([row![Pass], row![AsyncPass], row![]]));
    harness.queue(signal()).queue(signal().with_direction(Direction::Up));
    let log = harness.finish();
    assert_eq!((log.down().len(), log.up().len()), (1, 1), "{log}");
}

#[test]
fn behaviour_31_the_end_and_an_interruption_are_heard_once_by_each_stage() {
    let notes = Notes::default();
    let branches = [
        row![Noting::new("a", &notes)],
        row![AsyncNoting(Noting::new("b", &notes)), side_by_side([row![Noting::new("c", &notes)], row![]])],
    ];
    let mut harness = Harness::new(row![side_by_side(branches), Noting::new("d", &notes)]);
    harness.interrupt();
    harness.finish();
    for name in ["a", "b", "c", "d"] {
        let of: Vec<_> = notes.all().into_iter().filter(|note| note.starts_with(name)).collect();
        assert_eq!(of, ["start", "interrupt g1", "end", "stop"].map(|what| format!("{name}: {what}")));
    }
}

#[test]
fn behaviour_31_the_end_leaves_after_what_the_slowest_branch_had_to_say() {
    let slow = row![Slow(Duration::from_secs(1)), Prefix("slow ")];
    let log =
        Harness::new(side_by_side([row![Prefix("fast ")], slow])).run([Frame::text("a"), Frame::text("b")]);
    assert_eq!(log.texts(), ["fast a", "fast b", "slow a", "slow b"]);
    assert!(log.to_string().ends_with("ended"));
}

#[test]
fn a_branch_that_does_not_keep_up_slows_the_others_and_loses_nothing() {
    let config =
        SessionConfig { link_bound: 2, end_deadline: Duration::from_secs(120), ..SessionConfig::default() };
    let branches = side_by_side([row![Prefix("fast ")], row![Slow(Duration::from_secs(1)), Prefix("slow ")]]);
    let frames: Vec<_> = (0..60).map(|number| Frame::text(number.to_string())).collect();
    let log = Harness::with_config(branches, config).run(frames);
    let (fast, slow): (Vec<_>, Vec<_>) = log.texts().into_iter().partition(|text| text.starts_with("fast"));
    assert_eq!(fast, (0..60).map(|number| format!("fast {number}")).collect::<Vec<_>>());
    assert_eq!(slow, (0..60).map(|number| format!("slow {number}")).collect::<Vec<_>>());
}

/// Waits for ever at the end.
#[derive(Debug)]
struct Holds;

impl Processor for Holds {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }

    fn end(&mut self, _: &mut Context<'_>) -> Result<voxline_core::Ending> {
        Ok(voxline_core::Ending::Later)
    }
}

#[test]
fn a_branch_that_holds_the_end_is_named() {
    let mut harness = Harness::new(side_by_side([row![Pass], row![AsyncPass, Holds]]));
    let error = harness.finish_outcome().unwrap_err();
    assert_eq!(told(&error), "the end did not finish within 5s: Holds");
}

#[test]
fn an_interruption_while_branches_are_full_leaves_nothing_old_and_keeps_the_order_of_the_new() {
    let config = SessionConfig { link_bound: 2, ..SessionConfig::default() };
    let slow = row![Slow(Duration::from_millis(10))];
    let branches = side_by_side([row![Pass, AsyncPass], slow, row![Slow(Duration::from_millis(30))]]);
    let mut harness = Harness::with_config(row![Pass, branches, AsyncPass], config);
    for number in 0..40 {
        harness.queue_only(Frame::text(format!("old {number}")));
    }
    harness.news();
    harness.session().interrupt();
    for number in 0..40 {
        harness.queue_only(Frame::text(number.to_string()));
    }
    harness.advance(Duration::from_secs(5));
    let texts = harness.news().texts();
    assert_eq!(texts, (0..40).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(harness.finish_outcome().unwrap(), Outcome::Ended);
}

#[test]
fn a_parallel_without_a_branch_is_refused_and_a_pipeline_without_a_stage_passes_everything() {
    let refused = Pipeline::builder().parallel([]).build();
    assert!(matches!(refused, Err(Error::Build { .. })));
    let log = Harness::new(row![]).run([Frame::text("a")]);
    assert_eq!(log.texts(), ["a"]);
    let log = Harness::new(side_by_side([row![]])).run([Frame::text("a")]);
    assert_eq!(log.texts(), ["a"]);
}

#[test]
fn stages_of_one_name_are_numbered_across_branches() {
    let branches = side_by_side([row![Pass, AsyncPass], row![Pass]]);
    let observed = support::Sightings::default();
    let config = SessionConfig::default().with_observer(observed.observer());
    Harness::with_config(row![Pass, branches], config).run([Frame::text("a")]);
    let mut to: Vec<_> =
        observed.all().into_iter().filter(|(kind, _)| *kind == FrameKind::Text).map(|(_, to)| to).collect();
    to.sort();
    assert_eq!(to, ["", "AsyncPass", "Pass", "Pass #2", "Pass #3"]);
}

/// What a random pipeline is made of.
#[derive(Clone, Debug)]
enum Shape {
    Sync,
    Async,
    Row(Vec<Shape>),
    Branches(Vec<Shape>),
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![Just(Shape::Sync), Just(Shape::Async)];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Shape::Row),
            prop::collection::vec(inner, 1..4).prop_map(Shape::Branches),
        ]
    })
}

/// The pipeline of a shape, its stages numbered.
fn build(shape: &Shape, notes: &Notes, count: &mut u32) -> Pipeline {
    match shape {
        Shape::Sync => {
            *count += 1;
            row![Noting::new("s", notes)]
        }
        Shape::Async => {
            *count += 1;
            row![AsyncNoting(Noting::new("s", notes))]
        }
        Shape::Row(parts) => {
            let mut builder = Pipeline::builder();
            for part in parts {
                builder = builder.then(build(part, notes, count));
            }
            builder.build().unwrap()
        }
        Shape::Branches(parts) => {
            let branches: Vec<_> = parts.iter().map(|part| build(part, notes, count)).collect();
            side_by_side(branches)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r_50_every_frame_visits_each_stage_once_and_leaves_once_whatever_the_shape(
        shape in shape(),
        seed in any::<u64>(),
    ) {
        let (notes, mut stages) = (Notes::default(), 0);
        let pipeline = build(&shape, &notes, &mut stages);
        let config = SessionConfig { link_bound: 3, ..SessionConfig::default() };
        let mut harness = Harness::with_config(pipeline, config);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut came: HashMap<Direction, Vec<FrameId>> = HashMap::new();
        for number in 0..20 {
            let direction = if random.bool() { Direction::Down } else { Direction::Up };
            let frame = samples::transcription(&number.to_string()).with_direction(direction);
            came.entry(direction).or_default().push(frame.id());
            harness.queue_only(frame);
            if random.u8(..4) == 0 {
                harness.settle();
            }
            if random.u8(..8) == 0 {
                harness.session().interrupt();
            }
        }
        harness.settle();
        let log = harness.finish();
        for (direction, came) in came {
            let frames = log.frames().filter(|frame| frame.kind() == FrameKind::Transcription);
            let left: Vec<_> = frames.filter(|frame| frame.direction() == direction).map(Frame::id).collect();
            prop_assert_eq!(left, came, "{:?}\n{}", direction, log);
        }
        let visits = notes.all().iter().filter(|note| note.contains("Transcription")).count();
        prop_assert_eq!(visits, 20 * stages as usize);
        for what in ["s: start", "s: end", "s: stop"] {
            prop_assert_eq!(notes.count(what), stages as usize, "{}", what);
        }
    }
}
