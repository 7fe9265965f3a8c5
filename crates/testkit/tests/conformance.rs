//! The law must be able to catch those who break it: one lawbreaker for each point of it.

use voxline_core::{
    Context, Ending, Processor, Timer,
    frame::{Direction, Frame, FrameKind, Interrupt, KindSet, Payload, TextChunk},
    processor::Result,
};
use voxline_testkit::conformance;

/// What a lawbreaker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crime {
    Drops,
    Reorders,
    Duplicates,
    Turns,
    Alters,
    RemembersOldText,
    HoldsTheEnd,
    EndsTwice,
}

#[derive(Debug)]
struct Lawbreaker {
    crime: Crime,
    kept: Option<Frame>,
}

impl Lawbreaker {
    fn new(crime: Crime) -> Self {
        Self { crime, kept: None }
    }

    fn keep(&mut self, frame: Frame, ctx: &mut Context<'_>) {
        match self.kept.take() {
            Some(kept) => {
                ctx.push(frame);
                ctx.push(kept);
            }
            None => self.kept = Some(frame),
        }
    }
}

impl Processor for Lawbreaker {
    fn process(&mut self, mut frame: Frame, ctx: &mut Context<'_>) -> Result {
        let is_text = frame.kind() == FrameKind::Text;
        match self.crime {
            Crime::Drops if frame.kind() == FrameKind::Metrics => return Ok(()),
            Crime::Reorders => {
                self.keep(frame, ctx);
                return Ok(());
            }
            Crime::Duplicates if is_text => ctx.push(frame.clone()),
            Crime::Turns if is_text => frame = frame.with_direction(Direction::Up),
            Crime::Alters if is_text => frame.payload = Payload::Text(TextChunk::new("something else")),
            Crime::RemembersOldText => {
                if let Payload::Text(chunk) = &frame.payload {
                    self.kept.get_or_insert(Frame::text(chunk.text.clone()));
                    let now = ctx.now();
                    ctx.set_timer(Timer(0), now + std::time::Duration::from_secs(1));
                }
            }
            _ => {}
        }
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, _: &mut Context<'_>) -> Result {
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        // As new frames they belong to the new answer: only their words give them away.
        if let Some(kept) = self.kept.take() {
            ctx.push(kept);
        }
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        match self.crime {
            Crime::HoldsTheEnd => return Ok(Ending::Later),
            Crime::EndsTwice => ctx.push(Frame::end()),
            _ => {}
        }
        Ok(Ending::Now)
    }
}

/// Keeps frames of a batch and pushes them only when the answer is over: forgets those in hand at an interruption.
#[derive(Debug, Default)]
struct Forgetful {
    kept: Vec<Frame>,
}

impl Processor for Forgetful {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        self.kept.push(frame);
        if self.kept.len() >= 4 {
            self.kept.drain(..).for_each(|frame| ctx.push(frame));
        }
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, _: &mut Context<'_>) -> Result {
        self.kept.clear();
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        self.kept.drain(..).for_each(|frame| ctx.push(frame));
        Ok(Ending::Now)
    }
}

fn frames_pass(crime: Crime) {
    conformance::frames_pass(|| Lawbreaker::new(crime), KindSet::NONE);
}

#[test]
#[should_panic(expected = "and there left")]
fn a_frame_that_is_dropped_is_missed() {
    frames_pass(Crime::Drops);
}

#[test]
#[should_panic(expected = "and there left")]
fn frames_that_change_places_are_noticed() {
    frames_pass(Crime::Reorders);
}

#[test]
#[should_panic(expected = "and there left")]
fn a_frame_that_leaves_twice_is_noticed() {
    frames_pass(Crime::Duplicates);
}

#[test]
#[should_panic(expected = "and there left")]
fn a_frame_that_turns_round_is_noticed() {
    frames_pass(Crime::Turns);
}

#[test]
#[should_panic(expected = "and there left")]
fn a_frame_that_is_altered_is_noticed() {
    frames_pass(Crime::Alters);
}

#[test]
fn what_a_stage_says_it_consumes_is_not_held_against_it() {
    let consumed = KindSet::of(&[FrameKind::Text]);
    for crime in [Crime::Duplicates, Crime::Turns, Crime::Alters] {
        conformance::frames_pass(|| Lawbreaker::new(crime), consumed);
    }
}

#[test]
#[should_panic(expected = "left after the interruption")]
fn words_of_an_old_answer_are_noticed_in_a_new_frame() {
    conformance::nothing_old_leaves(|| Lawbreaker::new(Crime::RemembersOldText), KindSet::NONE);
}

#[test]
#[should_panic(expected = "and there left")]
fn survivors_that_are_forgotten_are_missed() {
    conformance::survivors_survive(Forgetful::default, KindSet::NONE);
}

#[test]
#[should_panic(expected = "the end did not finish within 5s: Lawbreaker")]
fn an_end_that_is_held_is_noticed() {
    conformance::end_is_not_stuck(|| Lawbreaker::new(Crime::HoldsTheEnd));
}

#[test]
#[should_panic(expected = "ends that left")]
fn a_second_end_is_noticed() {
    conformance::one_end_leaves(|| Lawbreaker::new(Crime::EndsTwice));
}
