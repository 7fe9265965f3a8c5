//! How sessions start, end and are cancelled: always within their deadlines, and always saying who it was.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod support;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use support::{AsyncNoting, AsyncPass, Notes, Noting, Pass, Slow, Swallow, side_by_side, told};
use tokio::time::Instant;
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Ending, Error, Outcome, Pipeline, Processor, SessionConfig,
    SessionEvent, Timer,
    frame::{Direction, Frame, FrameKind},
    pipeline::IntoStage,
    processor::Result,
};
use voxline_testkit::{Harness, samples};

/// Fails to start, after a moment.
#[derive(Debug)]
struct FailsToStart(Duration);

#[async_trait]
impl AsyncProcessor for FailsToStart {
    async fn start(&mut self, _: &mut AsyncContext) -> Result {
        tokio::time::sleep(self.0).await;
        Err(Error::Unusable { what: "no key".into() })
    }

    async fn process(&mut self, _: Frame, _: &mut AsyncContext) -> Result {
        Ok(())
    }
}

#[test]
fn a_start_that_fails_names_its_stage_and_stops_all() {
    let notes = Notes::default();
    let pipeline =
        row![Noting::new("a", &notes), FailsToStart(Duration::from_secs(1)), Noting::new("b", &notes)];
    let error = Harness::try_new(pipeline, SessionConfig::default()).unwrap_err();
    assert!(matches!(&error, Error::Start { stage, .. } if &**stage == "FailsToStart"), "{error:?}");
    assert_eq!(told(&error), "FailsToStart failed to start: no key");
    let stopped = notes.all().into_iter().filter(|note| note.ends_with("stop")).collect::<Vec<_>>();
    assert_eq!(stopped, ["a: stop", "b: stop"]);
}

#[test]
fn behaviour_50_a_start_that_takes_for_ever_is_given_up_and_names_its_stage() {
    let notes = Notes::default();
    let slow = FailsToStart(Duration::from_secs(1_000_000));
    let pipeline = row![Noting::new("a", &notes), slow, AsyncPass];
    let error = Harness::try_new(pipeline, SessionConfig::default()).unwrap_err();
    assert_eq!(told(&error), "the start did not finish within 10s: FailsToStart");
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert_eq!(notes.all(), ["a: start", "a: stop"]);
}

/// Takes this long to start, on a task of its own.
#[derive(Debug)]
struct Connects(Duration, Notes);

#[async_trait]
impl AsyncProcessor for Connects {
    async fn start(&mut self, ctx: &mut AsyncContext) -> Result {
        tokio::time::sleep(self.0).await;
        ctx.push(Frame::text("connected")).await;
        ctx.push_up(samples::frame(FrameKind::Metrics, ""));
        self.1.add("started");
        Ok(())
    }

    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        self.1.add("processed");
        ctx.push(frame).await;
        Ok(())
    }
}

#[test]
fn r_51_all_stages_start_at_once_and_none_gets_a_frame_before_all_have() {
    let notes = Notes::default();
    let connects = |seconds| Connects(Duration::from_secs(seconds), notes.clone());
    let harness = Harness::new(row![connects(3), connects(1), connects(2)]);
    assert_eq!(harness.elapsed(), Duration::from_secs(3));
    assert_eq!(notes.all(), ["started"; 3]);
    let log = harness.run([]);
    let first = log.events().next().unwrap();
    assert!(matches!(first, SessionEvent::Started), "left before the start:\n{log}");
    assert_eq!(log.texts(), ["connected"; 3]);
}

/// Has a lot to say when it starts.
#[derive(Debug)]
struct Talkative;

#[async_trait]
impl AsyncProcessor for Talkative {
    async fn start(&mut self, ctx: &mut AsyncContext) -> Result {
        for number in 0..1000 {
            ctx.push(Frame::text(number.to_string())).await;
        }
        Ok(())
    }

    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        ctx.push(frame).await;
        Ok(())
    }
}

#[test]
fn what_a_stage_says_while_it_starts_never_keeps_it_from_starting() {
    let log = Harness::new(row![Talkative, AsyncPass]).run([Frame::text("first")]);
    let texts = log.texts();
    assert_eq!((texts.len(), texts[999].as_str(), texts[1000].as_str()), (1001, "999", "first"));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_dropped_stops_what_had_started() {
    let notes = Notes::default();
    let connects = Connects(Duration::from_secs(5), notes.clone());
    let noting = AsyncNoting(Noting::new("async", &notes));
    let pipeline = row![Noting::new("sync", &notes), noting, connects];
    let start = pipeline.start(SessionConfig::default());
    assert!(tokio::time::timeout(Duration::from_secs(1), start).await.is_err());
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(notes.all(), ["sync: start", "async: start", "sync: stop", "async: stop"]);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[test]
fn the_end_drains_in_order_whatever_the_stages() {
    let texts: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    let slow = || Slow(Duration::from_millis(10));
    let pipeline = row![Pass, slow(), side_by_side([row![AsyncPass], row![Swallow]]), slow(), Pass];
    let config = SessionConfig { end_deadline: Duration::from_secs(20), ..SessionConfig::default() };
    let harness = Harness::with_config(pipeline, config);
    let log = harness.run(texts.iter().map(|text| Frame::text(text.as_str())));
    assert_eq!(log.texts(), texts);
    assert!(log.to_string().ends_with("\nended"), "{log}");
}

#[test]
fn every_stage_is_stopped_once_after_its_end() {
    let notes = Notes::default();
    let a = Noting::new("a", &notes);
    let pipeline = row![a, AsyncNoting(Noting::new("b", &notes)), Noting::new("c", &notes)];
    Harness::new(pipeline).run([Frame::text("x")]);
    for name in ["a", "b", "c"] {
        let of: Vec<_> = notes.all().into_iter().filter(|note| note.starts_with(name)).collect();
        let told = ["start", "↓ Text \"x\" g0", "end", "stop"].map(|what| format!("{name}: {what}"));
        assert_eq!(of, told);
    }
}

#[test]
fn r_49_a_stage_that_swallows_everything_still_starts_and_ends() {
    let pipeline = row![Swallow, side_by_side([row![Swallow], row![Swallow, AsyncPass]]), Swallow];
    let log = Harness::new(pipeline).run([Frame::text("x")]);
    assert_eq!(log.to_string(), "started\nended");
}

/// Holds the end for ever.
#[derive(Debug)]
struct Holds;

impl Processor for Holds {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }

    fn end(&mut self, _: &mut Context<'_>) -> Result<Ending> {
        Ok(Ending::Later)
    }
}

/// Waits for ever on a `Text`, or at the end.
#[derive(Debug)]
struct Stuck {
    at_end: bool,
}

#[async_trait]
impl AsyncProcessor for Stuck {
    async fn process(&mut self, _: Frame, _: &mut AsyncContext) -> Result {
        std::future::pending().await
    }

    async fn end(&mut self, _: &mut AsyncContext) -> Result {
        if self.at_end { std::future::pending().await } else { Ok(()) }
    }

    fn is_uninterruptible(&self, _: &Frame) -> bool {
        true
    }
}

/// Ends a session with this stage in its middle, and gives how and when that came about.
fn end_with<M>(stage: impl IntoStage<M>) -> (String, Duration, Notes) {
    let notes = Notes::default();
    let pipeline =
        row![Noting::new("a", &notes), AsyncPass, stage, Pass, AsyncNoting(Noting::new("b", &notes))];
    let mut harness = Harness::new(pipeline);
    harness.queue(Frame::text("x"));
    let error = harness.finish_outcome().unwrap_err();
    (told(&error), harness.elapsed(), notes)
}

#[test]
fn r_47_an_end_that_is_stuck_is_given_up_within_ten_seconds_and_names_its_stage() {
    let cases = [
        ("Holds", end_with(row![Pass, Holds])),
        ("Stuck", end_with(Stuck { at_end: false })),
        ("Stuck", end_with(Stuck { at_end: true })),
    ];
    for (name, (error, elapsed, notes)) in cases {
        assert_eq!(error, format!("the end did not finish within 5s: {name}"));
        assert!(elapsed <= Duration::from_secs(10), "{name}: after {elapsed:?}");
        assert_eq!((notes.count("a: stop"), notes.count("b: stop")), (1, 1), "{name}: {:?}", notes.all());
    }
}

#[test]
fn a_session_that_is_stuck_is_cancelled_at_once_when_its_stages_wait() {
    let mut harness = Harness::new(row![Pass, Stuck { at_end: true }, Pass]);
    harness.queue(Frame::text("x")).end();
    harness.session().cancel();
    let outcome = harness.block_on(harness.session().finished()).unwrap();
    assert_eq!((outcome, harness.elapsed()), (Outcome::Cancelled, Duration::ZERO));
}

/// Tells that it has begun with a `Text`, and blocks its thread until it is released.
#[derive(Debug)]
struct BlocksThread(tokio::sync::mpsc::Sender<()>, mpsc::Receiver<()>);

impl Processor for BlocksThread {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::Text {
            self.0.try_send(()).expect("there is room for one");
            // The sender goes when the test is over.
            let _ = self.1.recv();
        }
        ctx.push(frame);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_47_a_stage_that_blocks_its_thread_is_named_and_left_behind() {
    let (release, blocked) = mpsc::channel();
    let (begins, _begun) = tokio::sync::mpsc::channel(1);
    let moment = Duration::from_millis(50);
    let config = SessionConfig { end_deadline: moment, cancel_deadline: moment, ..SessionConfig::default() };
    let notes = Notes::default();
    let pipeline = row![AsyncNoting(Noting::new("a", &notes)), BlocksThread(begins, blocked), AsyncPass];
    let session = pipeline.start(config).await.unwrap();
    session.queue(Frame::text("x")).await.unwrap();
    session.end().await.unwrap();
    let error = session.finished().await.unwrap_err();
    assert_eq!(told(&error), "the end did not finish within 50ms: BlocksThread");
    assert_eq!(notes.count("a: stop"), 1);
    drop(release);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_session_names_the_stage_that_did_not_stop() {
    let (release, blocked) = mpsc::channel();
    let (begins, mut begun) = tokio::sync::mpsc::channel(1);
    let config = SessionConfig { cancel_deadline: Duration::from_millis(50), ..SessionConfig::default() };
    let session = row![AsyncPass, BlocksThread(begins, blocked)].start(config).await.unwrap();
    session.queue(Frame::text("x")).await.unwrap();
    begun.recv().await.unwrap();
    session.cancel();
    let error = session.finished().await.unwrap_err();
    assert_eq!(told(&error), "the stop did not finish within 50ms: BlocksThread");
    drop(release);
}

/// Lets the end pass after some steps of this length, and asks for time at each.
#[derive(Debug)]
struct Finishing {
    steps: u32,
    step: Duration,
}

impl Processor for Finishing {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        self.timeout(Timer(0), ctx)?;
        Ok(Ending::Later)
    }

    fn timeout(&mut self, timer: Timer, ctx: &mut Context<'_>) -> Result {
        if self.steps == 0 {
            ctx.push(Frame::text("last"));
            ctx.finish_end();
            return Ok(());
        }
        self.steps -= 1;
        let now = ctx.now();
        ctx.set_timer(timer, now + self.step);
        ctx.postpone_end(self.step * 2);
        Ok(())
    }
}

#[test]
fn an_end_that_makes_progress_may_take_longer_than_its_deadline() {
    let log = Harness::new(row![Finishing { steps: 10, step: Duration::from_secs(4) }, AsyncPass]).run([]);
    assert_eq!(log.to_string(), "started\n↓ Text \"last\" g0\nended");
    assert_eq!(log.time_of(FrameKind::Text), Some(Duration::from_secs(40)));
}

#[test]
fn an_end_that_is_postponed_for_ever_meets_its_limit() {
    let config = SessionConfig { end_limit: Duration::from_secs(60), ..SessionConfig::default() };
    let finishing = Finishing { steps: u32::MAX, step: Duration::from_secs(4) };
    let mut harness = Harness::with_config(finishing, config);
    let error = harness.finish_outcome().unwrap_err();
    assert!(told(&error).ends_with("Finishing"), "{error}");
    assert_eq!(harness.elapsed(), Duration::from_secs(60));
}

#[test]
fn dropping_the_handle_cancels_the_session_and_stops_every_stage() {
    let runtime = paused();
    let notes = Notes::default();
    runtime.block_on(async {
        let stage = AsyncNoting(Noting::new("b", &notes));
        let pipeline = row![Noting::new("a", &notes), stage, Stuck { at_end: false }];
        let session = pipeline.start(SessionConfig::default()).await.unwrap();
        session.queue(Frame::text("x")).await.unwrap();
        drop(session);
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    assert_eq!((notes.count("a: stop"), notes.count("b: stop")), (1, 1));
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
}

fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// Has jobs and timers at work all the time.
#[derive(Debug)]
struct Busy;

impl Processor for Busy {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        ctx.spawn_surviving(|_| std::future::pending());
        ctx.spawn(|output| async move {
            loop {
                output.send(Frame::text("tick")).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }
}

#[test]
fn r_54_two_thousand_sessions_started_and_dropped_leave_no_task() {
    let runtime = paused();
    runtime.block_on(async {
        for number in 0..2000_u32 {
            let stuck = Stuck { at_end: false };
            let fake = voxline_testkit::FakeStt::new().0;
            let pipeline = row![Busy, AsyncPass, fake, side_by_side([row![stuck], row![Busy]]), Pass];
            let session = pipeline.start(SessionConfig::default()).await.unwrap();
            session.queue(Frame::text("x")).await.unwrap();
            match number % 4 {
                0 => drop(session),
                1 => session.cancel(),
                2 => {
                    session.end().await.unwrap();
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    drop(session);
                }
                _ => {
                    session.cancel();
                    session.finished().await.unwrap();
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
}

#[test]
fn what_is_queued_after_the_end_is_refused() {
    let mut harness = Harness::new(row![AsyncPass, Slow(Duration::from_secs(1))]);
    harness.queue(Frame::text("x")).end();
    let refused = |harness: &Harness, frame: Frame| {
        matches!(harness.block_on(harness.session().queue(frame)), Err(Error::Ended))
    };
    assert!(refused(&harness, Frame::text("late")));
    assert!(harness.block_on(harness.session().end()).is_ok(), "a second end does nothing");
    let log = {
        harness.finish_outcome().unwrap();
        harness.log()
    };
    assert_eq!((log.texts(), log.count(FrameKind::End)), (vec!["x".to_owned()], 1));
    for kind in [
        FrameKind::Text,
        FrameKind::Interrupt,
        FrameKind::Error,
        FrameKind::BotStartedSpeaking,
        FrameKind::End,
    ] {
        assert!(refused(&harness, samples::frame(kind, "late")), "{kind:?} after the session");
    }
    assert!(harness.block_on(harness.session().end()).is_err());
}

/// Ends the session when it hears the word, and says goodbye before.
#[derive(Debug)]
struct HangsUp {
    up: bool,
}

impl Processor for HangsUp {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::Speak {
            ctx.push(Frame::text("goodbye"));
            if self.up {
                ctx.push_up(Frame::end())
            } else {
                ctx.push(Frame::end())
            }
            return Ok(());
        }
        ctx.push(frame);
        Ok(())
    }
}

#[test]
fn a_stage_can_end_the_session_and_the_end_goes_down_whichever_way_it_is_pushed() {
    for up in [false, true] {
        let mut harness = Harness::new(row![AsyncPass, HangsUp { up }, Slow(Duration::from_secs(1)), Pass]);
        harness.queue(Frame::speak("!")).advance(Duration::from_secs(2));
        assert_eq!(harness.log().to_string(), "started\n↓ Text \"goodbye\" g0\nended");
    }
    assert_eq!(Frame::end().with_direction(Direction::Up).direction(), Direction::Down);
}

#[test]
fn a_session_can_be_ended_again_and_again_and_waited_for_by_many() {
    let mut harness = Harness::new(Pipeline::builder().build().unwrap());
    harness.end();
    let session = harness.session();
    let outcomes = harness.block_on(async { tokio::join!(session.finished(), session.finished()) });
    assert_eq!((outcomes.0.unwrap(), outcomes.1.unwrap()), (Outcome::Ended, Outcome::Ended));
    session.cancel();
    assert_eq!(harness.finish_outcome().unwrap(), Outcome::Ended);
}

#[tokio::test(start_paused = true)]
async fn an_event_reader_that_comes_second_is_not_forgotten() {
    let session = Arc::new(row![Pass].start(SessionConfig::default()).await.unwrap());
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { while session.next_event().await.is_some() {} })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    session.cancel();
    let began = Instant::now();
    for reader in readers {
        tokio::time::timeout(Duration::from_secs(5), reader).await.expect("a reader hangs").unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_deadline_that_is_never_meant_to_come_is_taken_as_such() {
    let never = Duration::MAX;
    let config = SessionConfig {
        start_deadline: never,
        end_deadline: never,
        end_limit: never,
        cancel_deadline: never,
        live_audio_bound: never,
        ..SessionConfig::default()
    };
    let (stt, tts) =
        (voxline_testkit::FakeStt::new().0, voxline_testkit::FakeTts::speaking(Duration::from_secs(20)).0);
    let stt = stt.with_profile(|profile| profile.final_deadline = never);
    let tts = tts.with_profile(|profile| profile.first_audio_deadline = never);
    let finishing = Finishing { steps: 2, step: Duration::from_secs(60) };
    let mut harness = Harness::with_config(row![stt, tts, finishing, Postpones], config);
    harness.queue(samples::speech_started(0)).queue(samples::speech_stopped(10)).queue(Frame::speak("hello"));
    assert_eq!(harness.finish_outcome().map_err(|error| told(&error)), Ok(Outcome::Ended));
}

/// Wants all the time there is.
#[derive(Debug)]
struct Postpones;

#[async_trait]
impl AsyncProcessor for Postpones {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        ctx.push(frame).await;
        Ok(())
    }

    async fn end(&mut self, ctx: &mut AsyncContext) -> Result {
        ctx.postpone_end(Duration::MAX);
        Ok(())
    }
}

#[test]
fn a_session_that_is_over_is_not_interrupted() {
    let mut harness = Harness::new(Pass);
    harness.end().interrupt();
    assert_eq!(harness.log().to_string(), "started\nended");
}
