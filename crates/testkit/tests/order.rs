//! The watcher of the order of answers notices what it is there for, and every harness has one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use voxline_core::{
    Context, Outcome, Pipeline, Processor, SessionConfig,
    frame::{BotSpeech, ContextId, Direction, Frame, FrameKind, Payload},
    processor::Result,
};
use voxline_testkit::{Harness, Order, samples};

/// Makes frames of an answer of its own for each `Text`: `+` starts it, `.` is audio, `w` a word, `-` stops it;
/// `>` and `<` are the output's edges.
#[derive(Debug)]
struct Spells;

impl Processor for Spells {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let Payload::Text(chunk) = &frame.payload else {
            ctx.push(frame);
            return Ok(());
        };
        for letter in chunk.text.chars() {
            ctx.push_down(payload(letter));
        }
        Ok(())
    }
}

fn payload(letter: char) -> Payload {
    let speech = BotSpeech::new(ContextId(1));
    match letter {
        '+' => Payload::TtsStarted(speech),
        '-' => Payload::TtsStopped(speech),
        '>' => Payload::BotStartedSpeaking(speech),
        '<' => Payload::BotStoppedSpeaking(speech),
        '.' => samples::frame(FrameKind::OutputAudio, "").payload,
        'w' => samples::frame(FrameKind::TtsWord, "word").payload,
        other => panic!("no frame is called {other}"),
    }
}

/// What a harness says of a stage that spells this.
fn harness_of(spelled: &str) -> std::result::Result<(), String> {
    let run = catch_unwind(AssertUnwindSafe(|| drop(Harness::new(Spells).run([Frame::text(spelled)]))));
    run.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn r_57_every_harness_notices_an_answer_out_of_order() {
    assert_eq!(harness_of("+..w.->.<".replace('.', "").as_str()), Ok(()));
    assert_eq!(harness_of("+.w.-><"), Ok(()));
    let broken = [
        (".", "audio outside of its answer"),
        ("w+", "a word outside of its answer"),
        ("+-.", "audio outside of its answer"),
        ("+.-w", "a word outside of its answer"),
        ("+-+-", "an answer is started twice"),
        ("+--", "an answer is stopped that is not open"),
        ("+.", "the end comes within an answer"),
        (">>", "playback begins within another"),
        ("<", "playback ends that has not begun"),
        ("><><", "an answer is played twice"),
        (">", "the end comes while an answer is played"),
    ];
    for (spelled, rule) in broken {
        let said = harness_of(spelled).expect_err(spelled);
        assert!(said.contains(rule), "{spelled}: {said}");
    }
}

#[test]
fn an_interruption_closes_answers_and_playback_says_so_itself() {
    let mut harness = Harness::new(Spells);
    harness.queue(Frame::text("+.>")).interrupt();
    harness.queue(Frame::text("<"));
    assert_eq!(harness.finish_outcome().unwrap(), Outcome::Ended);
    assert_eq!(harness.log().count(FrameKind::BotStoppedSpeaking), 1);
}

#[tokio::test(start_paused = true)]
async fn an_observer_watches_at_every_stage() {
    for (spelled, kept) in [("+.-", true), ("+-.", false)] {
        let order = Order::default();
        let pipeline = Pipeline::builder().then(Spells).then(Spells).build().unwrap();
        let config = SessionConfig::default().with_observer(order.observer());
        let session = pipeline.start(config).await.unwrap();
        session.queue(Frame::text(spelled).with_direction(Direction::Down)).await.unwrap();
        session.end().await.unwrap();
        session.finished().await.unwrap();
        let broken = order.broken();
        assert_eq!(broken.is_empty(), kept, "{broken:?}");
        // At the stage after, and where it leaves.
        assert_eq!(broken.len(), if kept { 0 } else { 2 }, "{broken:?}");
    }
}

#[test]
#[should_panic(expected = "nothing was watched")]
fn a_watcher_that_saw_nothing_says_so() {
    Order::default().assert_kept();
}
