//! Panics and errors: named, told once, and the others are stopped. R-52.

mod support;

use std::{borrow::Cow, time::Duration};

use async_trait::async_trait;
use support::{AsyncNoting, AsyncPass, Notes, Noting, Pass, side_by_side, told};
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Ending, Error, ErrorCategory, Event, Outcome, Processor,
    ServiceError, SessionConfig, SessionEvent, Timer,
    frame::{Frame, FrameKind, Interrupt},
    pipeline::IntoStage,
    processor::Result,
};
use voxline_testkit::Harness;

/// Where a stage misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    Process,
    Interrupt,
    Timeout,
    Event,
    Job,
    Idle,
    Uninterruptible,
    End,
    Stop,
}

/// Panics where it is told to; passes everything else.
#[derive(Debug)]
struct Panics(At);

impl Panics {
    fn at(&self, here: At) {
        assert!(self.0 != here, "at {here:?}");
    }
}

impl Processor for Panics {
    fn name(&self) -> Cow<'static, str> {
        "culprit".into()
    }

    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        self.at(At::Start);
        let now = ctx.now();
        if self.0 == At::Timeout {
            ctx.set_timer(Timer(0), now + Duration::from_secs(1));
        }
        if self.0 == At::Event {
            ctx.spawn_surviving(|output| async move { output.send(()).await });
        }
        if self.0 == At::Job {
            ctx.spawn_surviving(|_| async { panic!("at {:?}", At::Job) });
        }
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        self.at(At::Process);
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, _: &mut Context<'_>) -> Result {
        self.at(At::Interrupt);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, _: &mut Context<'_>) -> Result {
        self.at(At::Timeout);
        Ok(())
    }

    fn event(&mut self, _: Event, _: &mut Context<'_>) -> Result {
        self.at(At::Event);
        Ok(())
    }

    fn end(&mut self, _: &mut Context<'_>) -> Result<Ending> {
        self.at(At::End);
        Ok(Ending::Now)
    }

    fn stop(&mut self) {
        self.at(At::Stop);
    }
}

#[derive(Debug)]
struct AsyncPanics(Panics);

#[async_trait]
impl AsyncProcessor for AsyncPanics {
    fn name(&self) -> Cow<'static, str> {
        "culprit".into()
    }

    async fn start(&mut self, _: &mut AsyncContext) -> Result {
        self.0.at(At::Start);
        Ok(())
    }

    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        tokio::task::yield_now().await;
        self.0.at(At::Process);
        ctx.push(frame).await;
        Ok(())
    }

    async fn idle(&mut self, _: &mut AsyncContext) -> Result {
        self.0.at(At::Idle);
        std::future::pending().await
    }

    async fn interrupt(&mut self, _: &Interrupt, _: &mut AsyncContext) -> Result {
        self.0.at(At::Interrupt);
        Ok(())
    }

    fn is_uninterruptible(&self, _: &Frame) -> bool {
        self.0.at(At::Uninterruptible);
        true
    }

    async fn end(&mut self, _: &mut AsyncContext) -> Result {
        self.0.at(At::End);
        Ok(())
    }

    fn stop(&mut self) {
        self.0.at(At::Stop);
    }
}

/// Runs a session with a stage that panics and gives how it ended, and what its neighbours noted.
fn run_with<M>(culprit: impl IntoStage<M>) -> (std::result::Result<Outcome, String>, Notes) {
    let notes = Notes::default();
    let before = row![Noting::new("first", &notes), AsyncNoting(Noting::new("second", &notes))];
    let after = row![AsyncNoting(Noting::new("third", &notes)), Noting::new("fourth", &notes)];
    let pipeline = row![before, culprit, after];
    let mut harness = match Harness::try_new(pipeline, SessionConfig::default()) {
        Ok(harness) => harness,
        Err(error) => return (Err(told(&error)), notes),
    };
    harness.settle();
    if harness.log().events().count() == 1 {
        harness.queue_only(Frame::text("a")).settle().interrupt().advance(Duration::from_secs(2));
    }
    (harness.finish_outcome().map_err(|error| told(&error)), notes)
}

#[test]
fn r_52_a_panic_anywhere_in_a_processor_names_it_and_stops_the_others() {
    let places = [At::Process, At::Interrupt, At::Timeout, At::Event, At::Job, At::End, At::Stop];
    for at in places {
        let (outcome, notes) = run_with(Panics(at));
        assert_eq!(outcome, Err(format!("culprit panicked: at {at:?}")));
        assert_everybody_stopped(&notes, at);
    }
    let (outcome, notes) = run_with(Panics(At::Start));
    assert_eq!(outcome, Err("culprit failed to start: culprit panicked: at Start".into()));
    assert_everybody_stopped(&notes, At::Start);
}

#[test]
fn r_52_a_panic_anywhere_in_an_asynchronous_processor_names_it_and_stops_the_others() {
    for at in [At::Process, At::Interrupt, At::Idle, At::Uninterruptible, At::End, At::Stop] {
        let (outcome, notes) = run_with(AsyncPanics(Panics(at)));
        assert_eq!(outcome, Err(format!("culprit panicked: at {at:?}")));
        assert_everybody_stopped(&notes, at);
    }
    let (outcome, notes) = run_with(AsyncPanics(Panics(At::Start)));
    assert_eq!(outcome, Err("culprit failed to start: culprit panicked: at Start".into()));
    assert_everybody_stopped(&notes, At::Start);
}

fn assert_everybody_stopped(notes: &Notes, at: At) {
    for name in ["first", "second", "third", "fourth"] {
        let stops = notes.count(&format!("{name}: stop"));
        assert_eq!(stops, 1, "{name} was stopped {stops} times, panic at {at:?}: {:?}", notes.all());
    }
}

/// A custom frame whose own code panics.
#[derive(Debug)]
struct Treacherous;

impl voxline_core::CustomFrame for Treacherous {
    fn is_signal(&self) -> bool {
        static CALLS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let calls = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(calls == 0, "the frame's own code");
        false
    }
}

#[test]
fn a_panic_of_a_frames_own_code_ends_the_session_like_any_other() {
    let mut harness = Harness::new(side_by_side([row![AsyncPass], row![]]));
    harness.queue(Frame::custom(Treacherous));
    let error = harness.finish_outcome().unwrap_err();
    assert!(told(&error).ends_with("panicked: the frame's own code"), "{error}");
}

/// Reports an error for each `Text`.
#[derive(Debug)]
struct Complains {
    fatal: bool,
}

impl Complains {
    fn error(&self) -> Error {
        let source: Box<dyn std::error::Error + Send + Sync> = "out of ideas".into();
        let category = ErrorCategory::Server;
        ServiceError { service: "muse".into(), category, fatal: self.fatal, source: source.into() }.into()
    }
}

impl Processor for Complains {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let is_text = frame.kind() == FrameKind::Text;
        ctx.push(frame);
        if is_text { Err(self.error()) } else { Ok(()) }
    }
}

fn errors(harness: &Harness) -> Vec<String> {
    let log = harness.log();
    let errors = log.events().filter_map(|event| match event {
        SessionEvent::Error(report) => Some(format!("{}: {}", report.stage, told(&report.error))),
        _ => None,
    });
    errors.collect()
}

#[test]
fn an_error_is_one_event_and_one_frame_upstream_and_the_session_goes_on() {
    let mut harness = Harness::new(row![AsyncPass, Pass, Complains { fatal: false }, AsyncPass]);
    harness.queue(Frame::text("x"));
    assert_eq!(errors(&harness), ["Complains: muse: out of ideas: out of ideas"]);
    let log = harness.finish();
    assert_eq!(log.lines(), ["↓ Text \"x\" g0", "↑ Error Complains: muse: out of ideas g0", "↓ End g0"]);
}

#[test]
fn a_fatal_error_ends_the_session_and_is_what_it_ended_with() {
    let mut harness = Harness::new(row![AsyncPass, Complains { fatal: true }, AsyncPass]);
    harness.queue_only(Frame::text("x"));
    let error = harness.finish_outcome().unwrap_err();
    assert_eq!(told(&error), "muse: out of ideas: out of ideas");
    assert_eq!(errors(&harness).len(), 1);
}

/// Panics when it is dropped.
#[derive(Debug)]
struct BadLoser;

impl Processor for BadLoser {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }
}

impl Drop for BadLoser {
    fn drop(&mut self) {
        panic!("no!");
    }
}

#[test]
fn r_52_a_stage_that_panics_when_it_is_dropped_is_named_too() {
    let notes = Notes::default();
    let mut harness = Harness::new(row![Noting::new("a", &notes), AsyncPass, BadLoser]);
    assert_eq!(told(&harness.finish_outcome().unwrap_err()), "BadLoser panicked: no!");
    assert_eq!(notes.count("a: stop"), 1);
}
