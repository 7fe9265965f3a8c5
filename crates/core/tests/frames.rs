//! What leaves stages as frames: broadcasts, filters, the order of a flush, and what recognisers say.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, CustomFrame, Pipeline, Processor,
    frame::{Direction, Frame, FrameKind, Payload},
    processor::Result,
    service::{
        ConnectionEvents, ServiceName, ServiceResult, ServiceTurn, SttAudio, SttCommand, SttEvent, SttIo,
        SttProfile, SttService, SttSetup,
    },
};
use voxline_testkit::{Act, FakeStt, Harness, samples};

/// Tells each transcription to both sides.
struct Both;

impl Processor for Both {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match &frame.payload {
            Payload::Transcription(_) => ctx.broadcast(frame.payload),
            _ => ctx.push(frame),
        }
        Ok(())
    }
}

#[test]
fn behaviour_7_a_broadcast_makes_two_frames_with_ids_of_their_own_and_shared_contents() {
    let mut harness = Harness::new(Both);
    let queued = samples::frame(FrameKind::Transcription, "hello");
    let before = queued.id();
    harness.queue(queued);
    let log = harness.finish();
    let heard = |frames: Vec<&Frame>| {
        let heard = frames.into_iter().find_map(|frame| match &frame.payload {
            Payload::Transcription(heard) => Some((frame.id(), frame.direction(), heard.clone())),
            _ => None,
        });
        heard.unwrap()
    };
    let (down, up) = (heard(log.down()), heard(log.up()));
    assert_eq!((down.1, up.1), (Direction::Down, Direction::Up));
    assert!(down.0 != up.0 && down.0 != before && up.0 != before, "three frames, three ids");
    assert!(Arc::ptr_eq(&down.2, &up.2), "the words are shared, not copied");
    assert_eq!(log.count(FrameKind::Transcription), 2);
}

/// Lets no text go down; a filter by direction is a stage like any other.
struct NoTextDown;

impl Processor for NoTextDown {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let stays = frame.kind() == FrameKind::Text && frame.direction() == Direction::Down;
        if !stays {
            ctx.push(frame);
        }
        Ok(())
    }
}

#[test]
fn behaviour_35_a_filter_by_direction_is_a_stage_of_ones_own_and_keeps_no_signal_back() {
    let pipeline = Pipeline::builder().then(NoTextDown).then(Both).build().unwrap();
    let mut harness = Harness::new(pipeline);
    harness.queue(Frame::text("down")).queue(Frame::text("up").with_direction(Direction::Up));
    harness.interrupt();
    harness.queue(Frame::speak("still here"));
    let log = harness.finish();
    assert_eq!(log.texts(), ["up"]);
    assert_eq!(log.count(FrameKind::Speak), 1);
    assert!(log.to_string().contains("interrupted g1"), "{log}");
}

/// Queued last, it has passed everything when it leaves.
#[derive(Debug)]
struct Flushed;

impl CustomFrame for Flushed {
    fn survives_interruption(&self) -> bool {
        true
    }
}

/// Takes a while for each text.
struct Slow;

#[async_trait]
impl AsyncProcessor for Slow {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() == FrameKind::Text {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ctx.push(frame).await;
        Ok(())
    }
}

#[test]
fn behaviour_55a_a_frame_that_is_queued_last_leaves_when_all_before_it_has_gone_through() {
    let mut harness = Harness::new(Pipeline::builder().then(Slow).then(Slow).build().unwrap());
    for _ in 0..20 {
        harness.queue(Frame::text("a"));
    }
    harness.queue(Frame::custom(Flushed)).advance(Duration::from_secs(10));
    let log = harness.log();
    assert_eq!(log.down().last().unwrap().kind(), FrameKind::Custom);
    assert_eq!(
        (log.count(FrameKind::Text), log.time_of(FrameKind::Custom)),
        (20, Some(Duration::from_millis(2_100)))
    );
}

#[test]
fn behaviour_61_a_recogniser_without_streaming_gathers_whole_segments_by_itself() {
    let mut gathered = Duration::ZERO;
    let (fake, _hand) = FakeStt::scripted(move |command| match command {
        SttCommand::SpeechStarted { .. } => {
            gathered = Duration::ZERO;
            Vec::new()
        }
        SttCommand::Audio { audio: SttAudio::Pcm(pcm), .. } => {
            gathered += pcm.duration();
            Vec::new()
        }
        // The segment is complete: all of its audio has been given.
        SttCommand::Finalize { utterance } => {
            vec![Act::Send(FakeStt::confirmed(&format!("{gathered:?}"), *utterance))]
        }
        _ => Vec::new(),
    });
    let mut harness = Harness::new(fake);
    for heard in [400, 240] {
        harness.queue(samples::input(100)).queue(samples::speech_started(0));
        harness.queue(samples::input(heard)).queue(samples::speech_stopped(heard));
    }
    let log = harness.finish();
    let heard = log.down().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Transcription(heard) => Some(heard.text.clone()),
        _ => None,
    });
    assert_eq!(heard.collect::<Vec<_>>(), ["400ms", "240ms"]);
}

/// A recogniser whose server decides on turns.
struct Deciding(FakeStt);

#[async_trait]
impl SttService for Deciding {
    fn name(&self) -> ServiceName {
        self.0.name()
    }

    fn profile(&self) -> SttProfile {
        self.0.profile()
    }

    fn decides_turns(&self) -> bool {
        true
    }

    fn connection_events(&self) -> ConnectionEvents {
        self.0.connection_events()
    }

    async fn run(self: Box<Self>, setup: SttSetup, io: SttIo) -> ServiceResult {
        Box::new(self.0).run(setup, io).await
    }
}

#[test]
fn b_120_b_121_what_a_recogniser_says_of_turns_leaves_in_order_with_its_words() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(Deciding(fake));
    hand.tell(SttEvent::Turn(ServiceTurn::Started));
    hand.tell(FakeStt::said("hello"));
    hand.tell(SttEvent::Turn(ServiceTurn::Ended));
    harness.settle();
    let log = harness.log();
    let told = log.down().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Custom(custom) => custom.downcast_ref::<ServiceTurn>().map(|turn| format!("{turn:?}")),
        Payload::Transcription(heard) => Some(heard.text.clone()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), ["Decides", "Started", "hello", "Ended"]);
    let (fake, _hand) = FakeStt::new();
    assert_eq!(Harness::new(fake).finish().count(FrameKind::Custom), 0, "the others say nothing");
}
