//! Watching without taking part.

mod support;

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use support::{AsyncPass, Pass, Sightings, Slow};
use voxline_core::{
    Observer, Outcome, SessionConfig,
    frame::{Frame, FrameKind, KindSet},
    observe::{OBSERVER_BOUND, Sighting},
};
use voxline_testkit::{Harness, samples};

#[test]
fn an_observer_sees_each_frame_once_a_stage_and_once_where_it_leaves() {
    let seen = Sightings::default();
    let config = SessionConfig::default().with_observer(seen.observer());
    let mut harness = Harness::with_config(row![Pass, AsyncPass, Pass, Pass], config);
    harness.queue(Frame::text("a")).queue(samples::frame(FrameKind::BotStartedSpeaking, ""));
    harness.finish();
    let to = |kind: FrameKind| {
        let of_kind = seen.all().into_iter().filter(move |(seen, _)| *seen == kind);
        of_kind.map(|(_, to)| to).collect::<Vec<_>>()
    };
    assert_eq!(to(FrameKind::Text), ["Pass", "AsyncPass", "Pass #2", "Pass #3", ""]);
    assert_eq!(to(FrameKind::BotStartedSpeaking), ["Pass #3", "Pass #2", "AsyncPass", "Pass", ""]);
    assert_eq!(to(FrameKind::End), ["Pass", "AsyncPass", "Pass #2", "Pass #3", ""]);
}

#[test]
fn an_observer_does_not_see_what_an_interruption_has_dropped() {
    let seen = Sightings::default();
    let config = SessionConfig::default().with_observer(seen.observer());
    let mut harness = Harness::with_config(row![Slow(Duration::from_secs(1)), Pass], config);
    harness.queue(Frame::text("a")).interrupt();
    harness.finish();
    let texts = seen.all().into_iter().filter(|(kind, _)| *kind == FrameKind::Text).count();
    assert_eq!(texts, 1);
}

/// Sees frames of one kind only, and notes the virtual time.
struct Picky {
    times: Arc<Mutex<Vec<Duration>>>,
}

impl Observer for Picky {
    fn interests(&self) -> KindSet {
        KindSet::of(&[FrameKind::Text])
    }

    fn on_frame(&mut self, sighting: &Sighting, _: u64) {
        assert_eq!(sighting.frame.kind(), FrameKind::Text);
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(sighting.at);
    }
}

#[test]
fn an_observer_sees_the_kinds_it_asks_for_on_the_sessions_clock() {
    let times: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let config = SessionConfig::default().with_observer(Picky { times: times.clone() });
    let mut harness = Harness::with_config(Pass, config);
    harness.advance(Duration::from_secs(3)).queue(Frame::text("a")).queue(Frame::speak("b"));
    harness.finish();
    assert_eq!(*times.lock().unwrap(), [Duration::from_secs(3); 2]);
}

/// Panics at the first frame.
struct Panics;

impl Observer for Panics {
    fn on_frame(&mut self, _: &Sighting, _: u64) {
        panic!("I have seen too much");
    }
}

#[test]
fn an_observer_that_panics_ends_only_its_own_watching() {
    let seen = Sightings::default();
    let config = SessionConfig::default().with_observer(Panics).with_observer(seen.observer());
    let log = Harness::with_config(Pass, config).run([Frame::text("a"), Frame::text("b")]);
    assert_eq!(log.texts(), ["a", "b"]);
    assert_eq!(seen.all().iter().filter(|(kind, _)| *kind == FrameKind::Text).count(), 4);
}

#[test]
fn every_observer_sees_all_of_a_session_that_ends_at_once() {
    let seen: Vec<Sightings> = (0..3).map(|_| Sightings::default()).collect();
    let config =
        seen.iter().fold(SessionConfig::default(), |config, seen| config.with_observer(seen.observer()));
    Harness::with_config(Pass, config).run((0..100).map(|number| Frame::text(number.to_string())));
    for seen in seen {
        assert_eq!(seen.all().len(), 202, "100 texts and the end, at the stage and where they leave");
    }
}

/// Blocks its thread at the first frame, then counts what it sees and what it has missed.
struct Blocks {
    blocked: mpsc::Receiver<()>,
    seen: Arc<Mutex<(u64, u64)>>,
}

impl Observer for Blocks {
    fn interests(&self) -> KindSet {
        KindSet::of(&[FrameKind::Text])
    }

    fn on_frame(&mut self, _: &Sighting, missed: u64) {
        // Only the first waits: the sender is gone afterwards.
        let _ = self.blocked.recv();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = (seen.0 + 1, missed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_observer_that_is_slow_never_slows_the_pipeline_and_is_told_what_it_missed() {
    const FRAMES: u64 = 5000;
    let (release, blocked) = mpsc::channel();
    let seen: Arc<Mutex<(u64, u64)>> = Arc::default();
    let config = SessionConfig::default().with_observer(Blocks { blocked, seen: seen.clone() });
    let session = row![Pass].start(config).await.unwrap();
    for _ in 0..FRAMES {
        session.queue(Frame::text("x")).await.unwrap();
    }
    session.end().await.unwrap();
    tokio::spawn(async move { drop(release) });
    assert_eq!(session.finished().await.unwrap(), Outcome::Ended);
    let (seen, missed) = *seen.lock().unwrap();
    assert_eq!(seen + missed, 2 * FRAMES, "each text is seen at its stage and where it leaves");
    assert!(seen >= OBSERVER_BOUND as u64, "{seen} were seen");
}
