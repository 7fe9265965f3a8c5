//! Interruption: how fast it goes, what it takes with it, and what it must not touch.
//!
//! Bounds on a wall clock are for benchmarks; here order and paused time decide.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod support;

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use proptest::prelude::*;
use support::{AsyncNoting, AsyncPass, Notes, Noting, Pass, side_by_side};
use tokio::time::Instant;
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Event, Pipeline, Processor, Session, SessionConfig,
    frame::{
        BotSpeech, ContextId, Direction, Frame, FrameKind, Generation, Interrupt, InterruptCause, Payload,
    },
    processor::Result,
};
use voxline_testkit::{Harness, conformance, samples};

const BLOCKED: Duration = Duration::from_secs(5);

/// Works on its first `Text` for 5 s, whatever happens meanwhile.
#[derive(Debug)]
struct Blocked;

#[async_trait]
impl AsyncProcessor for Blocked {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() == FrameKind::Text {
            tokio::time::sleep(BLOCKED).await;
        }
        ctx.push(frame).await;
        Ok(())
    }

    fn is_uninterruptible(&self, _: &Frame) -> bool {
        true
    }
}

/// An output: notes every interruption and every frame with the virtual time.
#[derive(Debug)]
struct Output {
    notes: Notes,
    began: Instant,
}

impl Processor for Output {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        self.notes.add(format!("{:?} {}", self.began.elapsed(), voxline_testkit::render(&frame)));
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, interrupt: &Interrupt, _: &mut Context<'_>) -> Result {
        self.notes.add(format!("{:?} interrupt g{}", self.began.elapsed(), interrupt.generation.0));
        Ok(())
    }
}

/// Small links, and time enough for a stage that is blocked.
fn patient() -> SessionConfig {
    SessionConfig { link_bound: 4, end_deadline: 4 * BLOCKED, ..SessionConfig::default() }
}

/// Queues texts until the pipeline takes no more.
async fn fill(session: &Session) -> usize {
    for number in 0..10_000 {
        let queued = session.queue(Frame::text(format!("old {number}")));
        let full = async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            outcome = queued => outcome.unwrap(),
            () = full => return number,
        }
    }
    panic!("the pipeline takes everything");
}

/// A row of five with the blocked stage at `blocked`, and an output at the end.
fn row_with_blocked(blocked: usize, output: Output) -> Pipeline {
    let mut builder = Pipeline::builder();
    for position in 0..5 {
        builder = if position == blocked { builder.then(Blocked) } else { builder.then(AsyncPass) };
        builder = builder.then(Pass);
    }
    builder.then(output).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn r_32_an_interruption_reaches_the_output_at_once_with_every_queue_full_and_a_stage_blocked() {
    for blocked in 0..5 {
        let notes = Notes::default();
        let output = Output { notes: notes.clone(), began: Instant::now() };
        let session = row_with_blocked(blocked, output).start(patient()).await.unwrap();
        let taken = fill(&session).await;
        assert!(taken >= 4 * blocked, "only {taken} frames wait before stage {blocked}");

        session.interrupt();
        settle().await;
        assert_eq!(notes.all().last().unwrap(), "0ns interrupt g1", "stage {blocked} blocks it");

        session.queue(Frame::text("new")).await.unwrap();
        session.end().await.unwrap();
        session.finished().await.unwrap();
        let after: Vec<_> = notes.all().into_iter().skip_while(|note| !note.contains("interrupt")).collect();
        assert_eq!(after, ["0ns interrupt g1", "10s ↓ Text \"new\" g1"], "stage {blocked} blocked");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_passes_with_the_lanes_of_both_directions_full() {
    let notes = Notes::default();
    let output = Output { notes: notes.clone(), began: Instant::now() };
    let head = Noting::new("head", &notes);
    let pipeline = row![head, Pass, AsyncPass, Blocked, AsyncPass, output];
    let session = pipeline.start(patient()).await.unwrap();
    fill(&session).await;
    for _ in 0..4000 {
        let up = Payload::BotStartedSpeaking(BotSpeech::new(ContextId(1)));
        session.queue(Frame::new(up)).await.unwrap();
        tokio::task::yield_now().await;
    }
    session.interrupt();
    settle().await;
    assert_eq!(notes.count("0ns interrupt g1"), 1);
    assert_eq!(notes.count("head: interrupt g1"), 1);
    session.end().await.unwrap();
    session.finished().await.unwrap();
    assert_eq!(notes.all().iter().filter(|note| note.contains("Text")).count(), notes.count_texts_before());
}

impl Notes {
    /// Texts noted before the first interruption at the output.
    fn count_texts_before(&self) -> usize {
        let before = self.all().into_iter().take_while(|note| !note.contains("ns interrupt"));
        before.filter(|note| note.contains("Text")).count()
    }
}

/// Lets everything happen that needs no time.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn text_queued_after_an_interruption_survives_it() {
    let mut harness = Harness::new(row![AsyncPass, Pass, AsyncPass]);
    harness.queue_only(Frame::text("old"));
    harness.session().interrupt();
    harness.queue_only(Frame::text("new"));
    assert_eq!(harness.finish().texts(), ["new"]);
}

#[test]
fn behaviour_3_work_on_an_interrupted_frame_is_dropped_and_leaves_nothing() {
    let mut harness = Harness::new(row![support::Slow(BLOCKED)]);
    harness.queue(Frame::text("old")).interrupt().queue(Frame::speak("new"));
    assert_eq!(harness.elapsed(), Duration::ZERO);
    assert_eq!(harness.log().lines(), ["↓ Speak \"new\" g1"]);
}

#[test]
fn an_interruption_ends_work_during_which_something_else_has_come() {
    let mut harness = Harness::new(support::Slow(BLOCKED));
    harness.queue(Frame::text("old"));
    let up = Payload::BotStartedSpeaking(BotSpeech::new(ContextId(1)));
    harness.queue(Frame::new(up)).interrupt().queue(Frame::speak("new"));
    assert_eq!(harness.log().count(FrameKind::Speak), 1, "{}", harness.log());
}

#[test]
fn behaviour_4_uninterruptible_work_is_done_to_its_end_while_others_hear_at_once() {
    let notes = Notes::default();
    let mut harness = Harness::with_config(row![Blocked, Noting::new("after", &notes)], patient());
    harness.queue(Frame::text("old")).queue(Frame::input_audio(samples::pcm(20, 1))).interrupt();
    assert_eq!(notes.all(), ["after: start", "after: interrupt g1"]);
    let log = harness.finish();
    assert_eq!(log.lines(), ["↓ InputAudio 20ms g0", "↓ End g1"], "{log}");
    assert_eq!(log.time_of(FrameKind::InputAudio), Some(BLOCKED));
}

#[test]
fn behaviour_5_an_end_behind_a_slow_frame_survives_an_interruption() {
    let mut harness = Harness::new(row![support::Slow(Duration::from_secs(3)), AsyncPass]);
    harness.queue(Frame::text("old")).end().interrupt();
    let log = harness.log();
    assert_eq!(log.to_string(), "started\ninterrupted g1 Application\nended");
}

/// Interrupts when it sees a `Speak`, and says something before and after.
#[derive(Debug)]
struct Interrupting;

impl Processor for Interrupting {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() != FrameKind::Speak {
            ctx.push(frame);
            return Ok(());
        }
        ctx.push(Frame::text("before"));
        ctx.interrupt(InterruptCause::UserSpoke);
        ctx.push(Frame::text("after"));
        Ok(())
    }
}

#[derive(Debug)]
struct AsyncInterrupting {
    upstream: bool,
}

#[async_trait]
impl AsyncProcessor for AsyncInterrupting {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() != FrameKind::Speak {
            ctx.push(frame).await;
            return Ok(());
        }
        let interrupt = Interrupt { generation: Generation(0), cause: InterruptCause::UserSpoke };
        if self.upstream {
            ctx.push_up(Payload::Interrupt(interrupt));
        } else {
            ctx.push_down(Payload::Interrupt(interrupt)).await;
        }
        ctx.push(Frame::text("after")).await;
        Ok(())
    }
}

#[test]
fn what_a_stage_says_before_it_interrupts_is_dropped_and_what_it_says_after_is_not() {
    let mut harness = Harness::new(row![AsyncPass, Interrupting, AsyncPass]);
    harness.queue(Frame::text("old")).queue(Frame::speak("!"));
    let log = harness.finish();
    assert_eq!(log.lines(), ["↓ Text \"old\" g0", "↓ Text \"after\" g1", "↓ End g1"], "{log}");
}

#[test]
fn behaviour_2_an_interruption_pushed_either_way_interrupts_once_and_everywhere() {
    for upstream in [false, true] {
        let notes = Notes::default();
        let (before, after) = (Noting::new("before", &notes), Noting::new("after", &notes));
        let mut harness = Harness::new(row![before, AsyncInterrupting { upstream }, after]);
        harness.queue(Frame::speak("!"));
        assert_eq!(harness.log().to_string(), "started\ninterrupted g1 UserSpoke\n↓ Text \"after\" g1");
        assert_eq!(notes.count("before: interrupt g1"), 1);
        assert_eq!(notes.count("after: interrupt g1"), 1);
    }
}

/// Broadcasts an interruption when it sees a `Speak`.
#[derive(Debug)]
struct Broadcasting;

impl Processor for Broadcasting {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::Speak {
            let interrupt = Interrupt { generation: Generation(0), cause: InterruptCause::UserSpoke };
            ctx.broadcast(Payload::Interrupt(interrupt));
        }
        Ok(())
    }
}

#[test]
fn an_interruption_that_is_broadcast_interrupts_once() {
    let mut harness = Harness::new(Broadcasting);
    harness.queue(Frame::speak("!"));
    assert_eq!(harness.log().to_string(), "started\ninterrupted g1 UserSpoke");
}

#[test]
fn thousands_of_interruptions_at_once_are_heard_as_the_newest() {
    let notes = Notes::default();
    let mut harness = Harness::new(row![Noting::new("a", &notes), AsyncNoting(Noting::new("b", &notes))]);
    for _ in 0..5000 {
        harness.session().interrupt();
    }
    harness.settle();
    let heard = ["a: start", "b: start", "a: interrupt g5000", "b: interrupt g5000"];
    assert_eq!(notes.all(), heard, "{}", harness.log());
    harness.queue(Frame::text("new"));
    assert_eq!(harness.finish().texts(), ["new"]);
}

/// For each `Speak`, starts a job that says something at once and after a second.
#[derive(Debug)]
struct Working {
    survives: bool,
}

impl Processor for Working {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() != FrameKind::Speak {
            ctx.push(frame);
            return Ok(());
        }
        let job = |output: voxline_core::processor::JobOutput| async move {
            output.send("at once").await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            output.send("later").await
        };
        if self.survives {
            ctx.spawn_surviving(job)
        } else {
            ctx.spawn(job)
        };
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        ctx.push(Frame::text(event.downcast::<&'static str>().expect("the job sends texts")));
        Ok(())
    }
}

#[test]
fn results_of_a_job_of_an_old_answer_are_dropped() {
    let mut harness = Harness::new(Working { survives: false });
    harness.queue(Frame::speak("!")).interrupt().advance(Duration::from_secs(2));
    harness.queue(Frame::speak("!")).advance(Duration::from_secs(2));
    assert_eq!(
        harness.finish().lines(),
        ["↓ Text \"at once\" g0", "↓ Text \"at once\" g1", "↓ Text \"later\" g1", "↓ End g1"]
    );
}

#[test]
fn a_result_on_its_way_when_the_interruption_comes_is_dropped_wherever_it_is() {
    for turns in 0..8 {
        let mut harness = Harness::new(row![Working { survives: false }, AsyncPass, Pass]);
        harness.queue_only(Frame::speak("!"));
        harness.block_on(async {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        });
        harness.news();
        harness.interrupt();
        let news = harness.news();
        assert_eq!(news.to_string(), "interrupted g1 Application", "after {turns} turns");
    }
}

#[test]
fn a_surviving_job_goes_on_and_its_results_belong_to_the_new_answer() {
    let mut harness = Harness::new(Working { survives: true });
    harness.queue(Frame::speak("!")).interrupt().advance(Duration::from_secs(2));
    let lines = harness.finish().lines();
    assert_eq!(lines, ["↓ Text \"at once\" g0", "↓ Text \"later\" g1", "↓ End g1"]);
}

/// Fails when a frame comes before the interruption that began its generation, or one is heard twice.
#[derive(Debug)]
struct Hearing {
    heard: u32,
    calls: Arc<AtomicU32>,
}

impl Hearing {
    fn frame(&self, frame: &Frame) {
        let generation = frame.generation().0;
        assert!(generation <= self.heard, "a frame of g{generation} came when g{} was heard", self.heard);
    }

    fn interrupt(&mut self, interrupt: &Interrupt) {
        let generation = interrupt.generation.0;
        assert!(generation > self.heard, "g{generation} was heard after g{}", self.heard);
        self.heard = generation;
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl Processor for Hearing {
    fn name(&self) -> Cow<'static, str> {
        "sync".into()
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        self.frame(&frame);
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, interrupt: &Interrupt, _: &mut Context<'_>) -> Result {
        Self::interrupt(self, interrupt);
        Ok(())
    }
}

#[derive(Debug)]
struct AsyncHearing(Hearing);

#[async_trait]
impl AsyncProcessor for AsyncHearing {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        self.0.frame(&frame);
        ctx.push(frame).await;
        Ok(())
    }

    async fn interrupt(&mut self, interrupt: &Interrupt, _: &mut AsyncContext) -> Result {
        self.0.interrupt(interrupt);
        // Gives a newer interruption the chance to come meanwhile.
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_generation_is_heard_once_and_before_any_frame_of_it() {
    let calls = Arc::new(AtomicU32::new(0));
    let hearing = || Hearing { heard: 0, calls: calls.clone() };
    let pipeline = row![
        hearing(),
        AsyncHearing(hearing()),
        hearing(),
        hearing(),
        AsyncHearing(hearing()),
        side_by_side([row![AsyncHearing(hearing())], row![hearing()]]),
        AsyncHearing(hearing()),
    ];
    let session = Arc::new(pipeline.start(SessionConfig::default()).await.unwrap());
    let interrupting = tokio::spawn({
        let session = session.clone();
        async move {
            for _ in 0..3000 {
                session.interrupt();
                tokio::task::yield_now().await;
            }
        }
    });
    for number in 0..20_000 {
        // Survivors and others, both ways: all must come after their interruption.
        let kind =
            [FrameKind::Text, FrameKind::Transcription, FrameKind::BotStartedSpeaking, FrameKind::Speak];
        let frame = samples::frame(kind[number % 4], "x");
        let direction = if number % 3 == 0 { Direction::Up } else { frame.direction() };
        session.queue(frame.with_direction(direction)).await.unwrap();
    }
    interrupting.await.unwrap();
    session.end().await.unwrap();
    session.finished().await.unwrap();
    assert!(calls.load(Ordering::Relaxed) >= 8, "every stage has heard of one at least");
}

/// Works on each `Text` for ever, unless it is interrupted.
#[derive(Debug)]
struct Endless;

#[async_trait]
impl AsyncProcessor for Endless {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() == FrameKind::Text {
            std::future::pending::<()>().await;
        }
        ctx.push(frame).await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interruption_that_comes_just_as_work_begins_drops_it() {
    let session = Arc::new(row![Endless].start(SessionConfig::default()).await.unwrap());
    for _ in 0..3000 {
        let queued = tokio::spawn({
            let session = session.clone();
            async move { session.queue(Frame::text("endless")).await }
        });
        session.interrupt();
        queued.await.unwrap().unwrap();
        session.interrupt();
    }
    session.end().await.unwrap();
    session.finished().await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r_33_survivors_are_neither_lost_nor_reordered_in_any_row(tiers in prop::collection::vec(0..4_u8, 1..7)) {
        let make = || {
            let mut builder = Pipeline::builder();
            for tier in &tiers {
                builder = match tier {
                    0 => builder.then(Pass),
                    1 => builder.then(AsyncPass),
                    2 => builder.then(support::Slow(Duration::from_millis(30))),
                    _ => builder.then(side_by_side([row![Pass], row![AsyncPass]])),
                };
            }
            builder.build().unwrap()
        };
        conformance::survivors_survive(make, voxline_core::frame::KindSet::NONE);
        conformance::nothing_old_leaves(make, voxline_core::frame::KindSet::NONE);
    }
}
