//! Timers and jobs of synchronous processors.

mod support;

use std::time::Duration;

use support::AsyncPass;
use voxline_core::{
    Context, Event, Processor, SessionConfig, SessionEvent, Timer,
    frame::{Frame, FrameKind},
    processor::Result,
};
use voxline_testkit::Harness;

/// Sets a timer for now, again and again.
#[derive(Debug)]
struct Impatient(u32);

impl Processor for Impatient {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        self.timeout(Timer(7), ctx)
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }

    fn timeout(&mut self, timer: Timer, ctx: &mut Context<'_>) -> Result {
        self.0 += 1;
        let now = ctx.now();
        ctx.set_timer(timer, now);
        Ok(())
    }
}

#[test]
fn a_timer_set_for_now_again_and_again_keeps_nobody_else_from_working() {
    let mut harness = Harness::new(row![Impatient(0), AsyncPass]);
    harness.queue(Frame::text("x"));
    assert_eq!(harness.finish().texts(), ["x"]);
}

/// Gives its last item and ends in the same breath.
#[derive(Debug)]
struct LastWords;

impl Processor for LastWords {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::Speak {
            ctx.spawn(|output| async move {
                output.send(Frame::text("first")).await?;
                output.send(Frame::text("last")).await
            });
            return Ok(());
        }
        ctx.push(frame);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_item_of_a_job_that_ends_is_lost() {
    const JOBS: usize = 20_000;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(4 * JOBS);
    let config = SessionConfig {
        reached: voxline_core::frame::KindSet::of(&[FrameKind::Text]),
        ..SessionConfig::default()
    };
    let config = config.on_event(move |event| {
        if matches!(event, SessionEvent::Reached(..)) {
            sender.try_send(()).unwrap();
        }
    });
    let session = row![LastWords].start(config).await.unwrap();
    let arrived = tokio::spawn(async move {
        let mut count = 0;
        while count < 2 * JOBS && receiver.recv().await.is_some() {
            count += 1;
        }
        count
    });
    for _ in 0..JOBS {
        session.queue(Frame::speak("!")).await.unwrap();
    }
    let arrived =
        tokio::time::timeout(Duration::from_secs(30), arrived).await.expect("items were lost").unwrap();
    assert_eq!(arrived, 2 * JOBS);
    session.cancel();
    session.finished().await.unwrap();
}

/// Starts a job with a `Speak` that says two things at once, and aborts it at the first.
#[derive(Debug)]
struct ChangesItsMind;

impl Processor for ChangesItsMind {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::Speak {
            ctx.spawn(|output| async move {
                output.send(Frame::text("one")).await?;
                output.send(Frame::text("two")).await
            });
            return Ok(());
        }
        ctx.push(frame);
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        ctx.abort(event.job);
        ctx.push(event.downcast::<Frame>().expect("the job sends frames"));
        Ok(())
    }
}

#[test]
fn nothing_more_of_a_job_comes_after_it_is_aborted() {
    let mut harness = Harness::new(ChangesItsMind);
    harness.queue(Frame::speak("!"));
    assert_eq!(harness.finish().texts(), ["one"]);
}
