//! The harness and its logs: virtual time, steps, and text that holds still.

use std::time::Duration;

use voxline_core::{
    Context, Error, Processor, SessionConfig, Timer,
    frame::{Frame, FrameKind},
    processor::Result,
};
use voxline_testkit::{Act, FakeStt, FakeTts, Harness, render, samples};

/// Says each text again after a second.
#[derive(Debug, Default)]
struct Echo {
    heard: Vec<Frame>,
}

impl Processor for Echo {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::Text {
            self.heard.push(frame.clone());
            let now = ctx.now();
            ctx.set_timer(Timer(0), now + Duration::from_secs(1));
        }
        ctx.push(frame);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.heard.drain(..).for_each(|frame| ctx.push(frame));
        Ok(())
    }
}

#[test]
fn a_log_shows_what_left_in_lines_that_hold_still() {
    let mut harness = Harness::new(Echo::default());
    harness.queue(Frame::text("hello")).queue(samples::input(20).live().with_pts(Duration::from_millis(40)));
    harness.queue(samples::frame(FrameKind::Error, "no reason")).advance(Duration::from_secs(2)).interrupt();
    harness.queue(samples::transcription("goodbye"));
    let log = harness.finish();
    assert_eq!(
        log.timed(),
        "     0ns started
     0ns ↓ Text \"hello\" g0
     0ns ↓ InputAudio 20ms g0 live @40ms
     0ns ↑ Error sample: no reason g0
      1s ↓ Text \"hello\" g0
      2s interrupted g1 Application
      2s ↓ Transcription \"goodbye\" utt-1 confirmed g1
      2s ended"
    );
    assert_eq!(log.time_of(FrameKind::Transcription), Some(Duration::from_secs(2)));
    assert_eq!((log.down().len(), log.up().len(), log.count(FrameKind::Text)), (4, 1, 2));
}

#[test]
fn an_hour_passes_at_once_and_timers_come_when_they_are_due() {
    let mut harness = Harness::new(Echo::default());
    harness.queue(Frame::text("a")).advance(Duration::from_millis(999));
    assert_eq!(harness.news().texts(), ["a"]);
    harness.advance(Duration::from_millis(1));
    assert_eq!(harness.news().texts(), ["a"]);
    harness.advance(Duration::from_secs(3600));
    assert_eq!(harness.news().texts(), [""; 0]);
    assert_eq!(harness.elapsed(), Duration::from_secs(3601));
}

/// Fails to start.
#[derive(Debug)]
struct Refuses;

impl Processor for Refuses {
    fn start(&mut self, _: &mut Context<'_>) -> Result {
        Err(Error::Unusable { what: "not today".into() })
    }

    fn process(&mut self, _: Frame, _: &mut Context<'_>) -> Result {
        Ok(())
    }
}

#[test]
fn a_stage_that_does_not_start_is_an_error_for_those_who_ask() {
    assert!(matches!(Harness::try_new(Refuses, SessionConfig::default()), Err(Error::Start { .. })));
}

#[test]
#[should_panic(expected = "the stage did not start: Refuses failed to start: not today")]
fn and_a_panic_for_those_who_do_not() {
    let _ = Harness::new(Refuses);
}

#[test]
#[should_panic(expected = "Text was refused: the session has ended")]
fn a_frame_for_a_session_that_is_over_fails_the_test() {
    Harness::new(Echo::default()).end().queue(Frame::text("late"));
}

#[test]
fn every_kind_of_frame_has_a_sample_that_renders_and_carries_its_text() {
    for &kind in FrameKind::ALL {
        let frame = samples::frame(kind, "the text");
        assert_eq!(frame.kind(), kind);
        let line = render(&frame);
        assert!(line.contains(kind.name()), "{line}");
        assert!(line.ends_with(" g0"), "{line}");
    }
    let carry = [FrameKind::Text, FrameKind::Speak, FrameKind::TtsWord, FrameKind::Transcription];
    for kind in carry {
        assert!(render(&samples::frame(kind, "the text")).contains("the text"), "{kind:?}");
    }
}

#[test]
fn a_fake_follows_its_script_and_the_test_may_direct_it() {
    let (fake, hand) = FakeStt::hearing(["hello"]);
    let mut harness = Harness::new(fake);
    harness.queue(samples::speech_started(0)).queue(samples::speech_stopped(300));
    hand.act(Act::Wait(Duration::from_secs(2)));
    hand.tell(FakeStt::said("by hand"));
    harness.settle();
    let log = harness.finish();
    assert_eq!(log.count(FrameKind::Transcription), 2, "{log}");
    assert_eq!(hand.taken().len(), 3);
}

#[test]
fn a_fake_that_speaks_takes_its_time_and_forgets_at_an_interruption() {
    let (fake, _hand) = FakeTts::speaking(Duration::from_secs(1));
    let mut harness = Harness::new(fake);
    harness.queue(Frame::speak("one")).queue(Frame::speak("two")).advance(Duration::from_millis(1500));
    assert_eq!(harness.log().count(FrameKind::OutputAudio), 1);
    harness.interrupt().queue(Frame::speak("three"));
    let log = harness.finish();
    assert_eq!(log.count(FrameKind::OutputAudio), 2);
    assert_eq!(log.time_of(FrameKind::OutputAudio), Some(Duration::from_secs(1)));
}
