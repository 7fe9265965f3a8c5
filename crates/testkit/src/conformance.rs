//! The law of processors, as checks that hold any stage to it. `docs/processors.md` states it in words.
//!
//! [`conformance!`](crate::conformance!) makes a module of tests, one for each point of the law, from a way to
//! make the stage: a processor of either tier, a service, or a pipeline. Each check runs over several
//! interleavings; what differs between them follows from a seed, which a failure names.
//!
//! A stage that takes, answers or replaces frames of some kinds names these; all others must pass. Frames a
//! stage makes itself are not held against it, unless they speak of an answer that is over.

use std::collections::HashSet;

use voxline_core::{
    Outcome, SessionEvent,
    frame::{Direction, Frame, FrameId, FrameKind, Generation, KindSet, Payload},
    pipeline::IntoStage,
};

use crate::{Harness, Log, render, samples};

/// Holds a stage to the law of processors, with a module of tests.
///
/// ```
/// # use voxline_core::{Context, Processor, frame::{Frame, FrameKind}, processor::Result};
/// # struct DropText;
/// # impl Processor for DropText {
/// #     fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
/// #         if frame.kind() != FrameKind::Text { ctx.push(frame); }
/// #         Ok(())
/// #     }
/// # }
/// voxline_testkit::conformance!(drop_text, || DropText, consumes: [FrameKind::Text]);
/// ```
#[macro_export]
macro_rules! conformance {
    ($name:ident, $make:expr $(,)?) => {
        $crate::conformance!($name, $make, consumes: []);
    };
    ($name:ident, $make:expr, consumes: [$($kind:expr),* $(,)?] $(,)?) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "the stage may need none of them")]
            use super::*;

            fn consumed() -> $crate::core::frame::KindSet {
                $crate::core::frame::KindSet::of(&[$($kind),*])
            }

            #[test]
            fn frames_it_does_not_consume_pass_unchanged_and_in_order() {
                $crate::conformance::frames_pass($make, consumed());
            }

            #[test]
            fn one_end_leaves_for_the_one_that_came() {
                $crate::conformance::one_end_leaves($make);
            }

            #[test]
            fn nothing_of_an_old_answer_leaves_after_an_interruption() {
                $crate::conformance::nothing_old_leaves($make, consumed());
            }

            #[test]
            fn survivors_survive_an_interruption_in_order() {
                $crate::conformance::survivors_survive($make, consumed());
            }

            #[test]
            fn nothing_leaves_before_the_start_or_after_the_stop() {
                $crate::conformance::silent_outside_of_its_life($make);
            }

            #[test]
            fn the_end_is_not_stuck() {
                $crate::conformance::end_is_not_stuck($make);
            }
        }
    };
}

/// Interleavings each check tries.
const SEEDS: u64 = 24;
/// In every text of an answer that is about to be interrupted.
const OLD: &str = "of the old answer";

/// Frames of kinds the stage does not consume pass unchanged, in order, in their direction.
///
/// # Panics
/// When they do not.
#[track_caller]
pub fn frames_pass<M, S: IntoStage<M>>(make: impl Fn() -> S, consumed: KindSet) {
    for seed in 0..SEEDS {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut frames = both_ways("a text");
        random.shuffle(&mut frames);
        let mut harness = Harness::new(make());
        for frame in &frames {
            harness.queue_only(frame.clone());
            maybe_settle(&mut harness, &mut random);
        }
        let log = settled(harness);
        for direction in [Direction::Down, Direction::Up] {
            for signals in [true, false] {
                let lane = |frame: &&Frame| {
                    frame.direction() == direction
                        && frame.payload.is_signal() == signals
                        && !consumed.contains(frame.kind())
                };
                let came: Vec<&Frame> = frames.iter().filter(lane).collect();
                compare(&came, &log, seed);
            }
        }
    }
}

/// Exactly one end leaves for the one that came.
///
/// # Panics
/// When none leaves, or more.
#[track_caller]
pub fn one_end_leaves<M, S: IntoStage<M>>(make: impl Fn() -> S) {
    let mut harness = Harness::new(make());
    harness.queue(Frame::text("something to say."));
    let outcome = harness.finish_outcome();
    assert_eq!(outcome.map_err(|error| error.to_string()), Ok(Outcome::Ended), "{}", harness.log());
    assert_eq!(harness.log().count(FrameKind::End), 1, "ends that left:\n{}", harness.log());
}

/// After an interruption, nothing of the answer before leaves.
///
/// # Panics
/// When something does.
#[track_caller]
pub fn nothing_old_leaves<M, S: IntoStage<M>>(make: impl Fn() -> S, consumed: KindSet) {
    for seed in 0..SEEDS {
        let (log, after) = interrupted(make(), seed);
        let frames: Vec<&Frame> = log.events().skip(after).filter_map(reached).collect();
        for frame in &frames {
            let old = frame.generation() < Generation(1) || speaks_of_the_old(frame);
            let stale = old && !frame.survives_interruption();
            assert!(!stale, "{} left after the interruption (seed {seed}):\n{log}", render(frame));
        }
        let new = samples::every_kind("").into_iter().map(|frame| frame.kind());
        for kind in new.filter(|&kind| !consumed.contains(kind)) {
            let came = frames.iter().any(|frame| frame.kind() == kind && frame.generation() == Generation(1));
            assert!(came, "no {kind:?} of the new answer left (seed {seed}):\n{log}");
        }
    }
}

/// What survives an interruption leaves once, in order.
///
/// # Panics
/// When something is lost or reordered.
#[track_caller]
pub fn survivors_survive<M, S: IntoStage<M>>(make: impl Fn() -> S, consumed: KindSet) {
    for seed in 0..SEEDS {
        let survivors = |frame: &Frame| frame.survives_interruption() && !consumed.contains(frame.kind());
        let mut harness = Harness::new(make());
        let mut random = fastrand::Rng::with_seed(seed);
        let mut frames = both_ways(OLD);
        random.shuffle(&mut frames);
        let at = random.usize(..frames.len());
        for (index, frame) in frames.iter().enumerate() {
            if index == at {
                harness.session().interrupt();
            }
            harness.queue_only(frame.clone());
            maybe_settle(&mut harness, &mut random);
        }
        harness.session().interrupt();
        let log = settled(harness);
        for direction in [Direction::Down, Direction::Up] {
            for signals in [true, false] {
                let lane = |frame: &&Frame| {
                    frame.direction() == direction && frame.payload.is_signal() == signals && survivors(frame)
                };
                compare(&frames.iter().filter(lane).collect::<Vec<_>>(), &log, seed);
            }
        }
    }
}

/// Nothing leaves before the session has started, nor after it is over.
///
/// # Panics
/// When something does.
#[track_caller]
pub fn silent_outside_of_its_life<M, S: IntoStage<M>>(make: impl Fn() -> S) {
    let mut harness = Harness::new(make());
    for frame in both_ways("a text") {
        harness.queue(frame);
    }
    // How it ends is the business of other checks.
    let _ = harness.finish_outcome();
    harness.advance(std::time::Duration::from_secs(600));
    let log = harness.log();
    let events: Vec<&SessionEvent> = log.events().collect();
    let started = events.iter().position(|event| matches!(event, SessionEvent::Started));
    let finished = events.iter().position(|event| matches!(event, SessionEvent::Finished(_)));
    let left: Vec<usize> = (0..events.len()).filter(|&index| reached(events[index]).is_some()).collect();
    assert!(left.iter().all(|&index| Some(index) > started), "before the start:\n{log}");
    assert!(left.iter().all(|&index| finished.is_none_or(|end| index < end)), "after the stop:\n{log}");
}

/// The end passes in time: at once, amid an answer, and after an interruption.
///
/// # Panics
/// When it does not.
#[track_caller]
pub fn end_is_not_stuck<M, S: IntoStage<M>>(make: impl Fn() -> S) {
    let ended = |mut harness: Harness, when: &str| {
        let outcome = harness.finish_outcome().map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(Outcome::Ended), "the end that came {when}:\n{}", harness.log());
    };
    ended(Harness::new(make()), "at once");
    let mut amid = Harness::new(make());
    for kind in [FrameKind::ResponseStarted, FrameKind::Text, FrameKind::SpeechStarted, FrameKind::InputAudio]
    {
        amid.queue_only(samples::frame(kind, "half a sentence"));
    }
    ended(amid, "amid an answer");
    let mut after = Harness::new(make());
    after.queue(samples::frame(FrameKind::Speak, "a whole sentence.")).interrupt();
    ended(after, "after an interruption");
}

/// A log of old frames, an interruption, and new frames; and how many events came before the interruption's own.
fn interrupted<M, S: IntoStage<M>>(stage: S, seed: u64) -> (Log, usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut harness = Harness::new(stage);
    let (mut old, mut new) = (samples::every_kind(OLD), samples::every_kind("of the new answer"));
    random.shuffle(&mut old);
    random.shuffle(&mut new);
    for frame in old {
        harness.queue_only(frame);
        maybe_settle(&mut harness, &mut random);
    }
    harness.session().interrupt();
    let after = harness.log().events().count();
    for frame in new {
        harness.queue_only(frame);
        maybe_settle(&mut harness, &mut random);
    }
    (settled(harness), after)
}

/// One frame of every kind in each direction.
fn both_ways(text: &str) -> Vec<Frame> {
    let down = samples::every_kind(text).into_iter().map(|frame| frame.with_direction(Direction::Down));
    let up = samples::every_kind(text).into_iter().map(|frame| frame.with_direction(Direction::Up));
    down.chain(up).collect()
}

/// Gives a stage a minute for what it has taken, then ends it. What still travels upstream when the end leaves at
/// the output is not waited for by a session, so it must have left before.
fn settled(mut harness: Harness) -> Log {
    harness.advance(std::time::Duration::from_secs(60));
    harness.finish()
}

/// Now and then, lets what was queued be handled before the next frame comes.
fn maybe_settle(harness: &mut Harness, random: &mut fastrand::Rng) {
    if random.u8(..8) == 0 {
        harness.settle();
    }
}

/// Of the frames that left, those that came are the same, in the same order.
#[track_caller]
fn compare(came: &[&Frame], log: &Log, seed: u64) {
    let ids: HashSet<FrameId> = came.iter().map(|frame| frame.id()).collect();
    let left: Vec<&Frame> = log.frames().filter(|frame| ids.contains(&frame.id())).collect();
    let lines = |frames: &[&Frame]| frames.iter().map(|frame| content(frame)).collect::<Vec<_>>().join("\n");
    let same_ids = came.iter().map(|frame| frame.id()).eq(left.iter().map(|frame| frame.id()));
    let (came, left) = (lines(came), lines(&left));
    let same = same_ids && came == left;
    assert!(same, "seed {seed}: there came\n{came}\n\nand there left\n{left}\n\nof all this\n{log}");
}

/// What a frame carries, as text. Without its generation, which is decided when it is queued.
fn content(frame: &Frame) -> String {
    let generation = format!(" g{}", frame.generation().0);
    format!("{} {:?}", render(frame).replace(&generation, ""), frame.payload)
}

fn speaks_of_the_old(frame: &Frame) -> bool {
    match &frame.payload {
        Payload::Text(chunk) => chunk.text.contains(OLD),
        Payload::Speak(speak) => speak.text.contains(OLD),
        Payload::TtsText(spoken) => spoken.text.contains(OLD),
        Payload::TtsWord(word) => word.text.contains(OLD),
        _ => false,
    }
}

fn reached(event: &SessionEvent) -> Option<&Frame> {
    match event {
        SessionEvent::Reached(_, frame) => Some(frame),
        _ => None,
    }
}
