//! What a session tells the application.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use support::{AsyncPass, Pass};
use voxline_core::{
    Pipeline, SessionConfig, SessionEvent,
    frame::{Direction, Frame, FrameKind, KindSet},
};
use voxline_testkit::{Harness, samples};

async fn all_events(pipeline: Pipeline, config: SessionConfig, frames: Vec<Frame>) -> Vec<String> {
    let session = pipeline.start(config).await.unwrap();
    for frame in frames {
        session.queue(frame).await.unwrap();
        tokio::task::yield_now().await;
    }
    session.end().await.unwrap();
    session.finished().await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = session.next_event().await {
        events.push(name(&event));
    }
    assert_eq!(session.missed_events(), 0);
    events
}

fn name(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Started => "started".into(),
        SessionEvent::Interrupted(interrupt) => format!("interrupted g{}", interrupt.generation.0),
        SessionEvent::Reached(edge, frame) => format!("{edge:?} {}", voxline_testkit::render(frame)),
        SessionEvent::Finished(outcome) => format!("finished {}", outcome.is_ok()),
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn behaviour_44_a_session_tells_once_that_it_started_and_that_it_finished() {
    let events = all_events(row![Pass, AsyncPass], SessionConfig::default(), Vec::new()).await;
    assert_eq!(events, ["started", "finished true"]);
}

#[tokio::test(start_paused = true)]
async fn behaviour_45_frames_that_leave_are_told_for_the_kinds_asked_for_at_both_ends() {
    let kinds = [FrameKind::Text, FrameKind::BotStartedSpeaking, FrameKind::End];
    let config = SessionConfig { reached: KindSet::of(&kinds), ..SessionConfig::default() };
    let frames = vec![
        Frame::text("a"),
        Frame::speak("b"),
        samples::frame(FrameKind::BotStartedSpeaking, ""),
        Frame::text("up").with_direction(Direction::Up),
    ];
    let events = all_events(row![Pass], config, frames).await;
    assert_eq!(
        events,
        [
            "started",
            "Tail ↓ Text \"a\" g0",
            "Head ↑ BotStartedSpeaking ctx-1 g0",
            "Head ↑ Text \"up\" g0",
            "Tail ↓ End g0",
            "finished true"
        ]
    );
}

#[test]
fn behaviour_46_frames_queued_upstream_enter_at_the_output_end() {
    let notes = support::Notes::default();
    let (a, b) = (support::Noting::new("a", &notes), support::Noting::new("b", &notes));
    let mut harness = Harness::new(row![a, AsyncPass, b]);
    harness.queue(Frame::text("x").with_direction(Direction::Up));
    let seen: Vec<_> = notes.all().into_iter().filter(|note| note.contains("Text")).collect();
    assert_eq!(seen, ["b: ↑ Text \"x\" g0", "a: ↑ Text \"x\" g0"]);
    assert_eq!(harness.log().lines(), ["↑ Text \"x\" g0"]);
}

#[tokio::test(start_paused = true)]
async fn an_unread_session_keeps_the_newest_events_and_counts_the_rest() {
    let config = SessionConfig { reached: KindSet::of(&[FrameKind::Text]), ..SessionConfig::default() };
    let session = row![Pass].start(config).await.unwrap();
    for number in 0..1000 {
        session.queue(Frame::text(number.to_string())).await.unwrap();
    }
    session.end().await.unwrap();
    session.finished().await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = session.next_event().await {
        events.push(name(&event));
    }
    assert_eq!((events.len(), session.missed_events()), (256, 1002 - 256));
    assert_eq!(events[254..], ["Tail ↓ Text \"999\" g0", "finished true"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_every_event_and_its_panic_is_nobody_elses() {
    let count = Arc::new(Mutex::new(0));
    let counted = count.clone();
    let config = SessionConfig { reached: KindSet::ALL, ..SessionConfig::default() };
    let config = config.on_event(move |event| {
        *counted.lock().unwrap() += 1;
        assert!(!matches!(event, SessionEvent::Started), "at the start");
    });
    let session = row![Pass].start(config).await.unwrap();
    for _ in 0..1000 {
        session.queue(Frame::text("x")).await.unwrap();
    }
    session.end().await.unwrap();
    session.finished().await.unwrap();
    assert_eq!(*count.lock().unwrap(), 1003);
}
