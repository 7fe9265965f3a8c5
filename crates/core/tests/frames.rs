//! What leaves a stage as frames: broadcasts, and what a recogniser says of turns.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use voxline_core::{
    Context, Processor,
    frame::{Direction, Frame, FrameKind, Payload},
    processor::Result,
    service::{
        ConnectionEvents, ServiceName, ServiceResult, ServiceTurn, SttEvent, SttIo, SttProfile, SttService,
        SttSetup,
    },
};
use voxline_testkit::{FakeStt, Harness, samples};

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
