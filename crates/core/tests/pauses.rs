//! Pausing, resuming, interrupting and what must pass meanwhile, in every order: R-34. Nothing gets stuck.
//!
//! Three places can pause: playback that is held ([`Playout`]), a stage that holds its input, and the inbox under
//! both, which `loom.rs` checks under every interleaving of threads. Here every order of events is tried.

mod support;

use std::time::{Duration, Instant};

use support::{AsyncPass, Pass};
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    Context, CustomFrame, Outcome, Pipeline, Processor, SessionConfig,
    frame::{ContextId, Frame, FrameKind, Interrupt, Payload},
    playout::{HOLD_LIMIT, Play, Playout},
    processor::Result,
};
use voxline_testkit::Harness;

const RATE: SampleRate = SampleRate::HZ_8000;
const LEAD: Duration = Duration::from_millis(150);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What can happen to playback.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Audio(u32),
    Complete(u32),
    Hold,
    Resume,
    Interrupt,
    Pass,
}

const EVENTS: [Event; 8] = [
    Event::Audio(1),
    Event::Complete(1),
    Event::Audio(2),
    Event::Complete(2),
    Event::Hold,
    Event::Resume,
    Event::Interrupt,
    Event::Pass,
];

/// Plays a sequence of events, an instant apart, and says what is wrong with what it leads to.
fn play(events: &[Event]) -> std::result::Result<(), String> {
    let (mut now, mut playout) = (Instant::now(), Playout::new(Some(LEAD)));
    let mut written = Duration::ZERO;
    let mut audio = Duration::ZERO;
    for event in events {
        now += ms(1);
        match *event {
            Event::Audio(context) => {
                audio += ms(200);
                let pcm = Pcm::mono(vec![1; 1600], RATE);
                playout.handle_audio(now, ContextId(context), pcm);
            }
            Event::Complete(context) => playout.handle_stopped(now, ContextId(context)),
            Event::Hold => playout.hold(now),
            Event::Resume => playout.resume(now),
            Event::Interrupt => {
                playout.interrupt(now);
                if !playout.is_idle() || playout.poll_timeout().is_some() {
                    return Err("an interruption leaves something".into());
                }
            }
            Event::Pass => now += ms(300),
        }
        written += drain(&mut playout);
        if !playout.waiting().is_zero() && playout.poll_timeout().is_none() {
            return Err("audio waits, and nobody will look at it again".into());
        }
    }
    // Left alone, everything that came is played, whether it was said to be complete or not.
    let until = now + HOLD_LIMIT + audio + ms(500);
    let mut steps = 0;
    while let Some(due) = playout.poll_timeout() {
        now = now.max(due);
        playout.handle_timeout(now);
        written += drain(&mut playout);
        steps += 1;
        if now > until || steps > 100 {
            return Err(format!("it is still busy {:?} too late, after {steps} steps", now - until));
        }
    }
    if !playout.waiting().is_zero() {
        return Err("audio was never written".into());
    }
    let whole = !events.contains(&Event::Interrupt);
    if whole && written != audio {
        return Err(format!("{written:?} of {audio:?} were written"));
    }
    playout.finish(now);
    playout.handle_timeout(now + HOLD_LIMIT);
    if playout.is_idle() { Ok(()) } else { Err("it does not end".into()) }
}

fn drain(playout: &mut Playout) -> Duration {
    let plays = std::iter::from_fn(|| playout.poll_output());
    plays.map(|play| if let Play::Write(pcm) = play { pcm.duration() } else { Duration::ZERO }).sum()
}

#[test]
fn r_34_no_order_of_events_leaves_playback_stuck() {
    const LENGTH: u32 = 6;
    let mut tried = 0;
    for number in 0..EVENTS.len().pow(LENGTH) {
        let digit = |place: u32| number / EVENTS.len().pow(place) % EVENTS.len();
        let events: Vec<Event> = (0..LENGTH).map(|place| EVENTS[digit(place)]).collect();
        if let Err(wrong) = play(&events) {
            panic!("{events:?}: {wrong}");
        }
        tried += 1;
    }
    assert_eq!(tried, 262_144);
}

/// Pauses its input and goes on, as it is told by signals.
#[derive(Debug)]
struct Pausing;

/// Tells it.
#[derive(Debug)]
struct Tell(bool);

impl CustomFrame for Tell {
    // As `Playback`: it belongs to the answer, and does not outlive it.
    fn survives_interruption(&self) -> bool {
        false
    }

    fn is_signal(&self) -> bool {
        true
    }
}

/// Must pass, whatever is paused or interrupted.
#[derive(Debug)]
struct Control;

impl CustomFrame for Control {
    fn survives_interruption(&self) -> bool {
        true
    }
}

impl Processor for Pausing {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::Custom(custom) = &frame.payload
            && let Some(Tell(pause)) = custom.downcast_ref()
        {
            if *pause { ctx.hold_input() } else { ctx.release_input() }
        }
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        // Whoever holds lets go: what it waited for belongs to an answer that is over.
        ctx.release_input();
        Ok(())
    }
}

/// What is done to a pipeline.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Pause,
    Resume,
    Interrupt,
    Control,
    Text,
}

/// All orders of these.
fn orders(deeds: &[Deed]) -> Vec<Vec<Deed>> {
    if deeds.is_empty() {
        return vec![Vec::new()];
    }
    let first = |index: usize| {
        let mut rest = deeds.to_vec();
        let deed = rest.remove(index);
        orders(&rest).into_iter().map(move |rest| [vec![deed], rest].concat())
    };
    (0..deeds.len()).flat_map(first).collect()
}

fn rows() -> [Pipeline; 3] {
    [row![Pausing], row![Pass, Pausing, Pass], row![AsyncPass, Pausing, AsyncPass, Pass]]
}

#[test]
fn r_34_no_order_of_pause_resume_interruption_and_control_leaves_a_pipeline_stuck() {
    let orders = orders(&[Deed::Pause, Deed::Resume, Deed::Interrupt, Deed::Control, Deed::Text]);
    for (order, settles) in orders.iter().flat_map(|order| [(order, false), (order, true)]) {
        for (index, row) in rows().into_iter().enumerate() {
            let config = SessionConfig { link_bound: 2, ..SessionConfig::default() };
            let mut harness = Harness::with_config(row, config);
            let mut paused = false;
            for deed in order {
                match deed {
                    Deed::Pause => paused = true,
                    Deed::Resume | Deed::Interrupt => paused = false,
                    Deed::Control | Deed::Text => {}
                }
                deal(&mut harness, *deed);
                if settles {
                    harness.settle();
                }
            }
            let outcome = harness.finish_outcome();
            let (log, elapsed) = (harness.log(), harness.elapsed());
            let what = format!("{order:?}, settled in between: {settles}, in row {index}:\n{log}");
            // A pause that nobody ends is the stage's own fault. Even then the session is over, and names it.
            let ended = matches!(outcome, Ok(Outcome::Ended));
            assert!(ended || paused, "{outcome:?} after {what}");
            assert!(elapsed <= Duration::from_secs(10), "it took {elapsed:?}: {what}");
            if ended {
                let controls = log.frames().filter(|frame| is_control(frame)).count();
                assert_eq!(controls, 1, "{what}");
                assert!(log.count(FrameKind::Text) <= 1, "{what}");
            }
        }
    }
}

fn deal(harness: &mut Harness, deed: Deed) {
    let frame = match deed {
        Deed::Pause => Frame::custom(Tell(true)),
        Deed::Resume => Frame::custom(Tell(false)),
        Deed::Control => Frame::custom(Control),
        Deed::Text => Frame::text("text"),
        Deed::Interrupt => return harness.session().interrupt(),
    };
    harness.queue_only(frame);
}

fn is_control(frame: &Frame) -> bool {
    matches!(&frame.payload, Payload::Custom(custom) if custom.downcast_ref::<Control>().is_some())
}
