//! Any order of commands, messages, losses and time, against a small model of what must hold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use voxline_core::service::{ConnectionEvent, TtsEvent};
use voxline_wire::{ConnectionId, Session as _};

use super::{Bench, config};
use crate::{
    endpoint::TextMode,
    settings::{Model, TtsSettings},
};
use std::time::Duration;

#[derive(Clone, Debug)]
enum Step {
    Speak(u32, usize),
    Finish(u32),
    Interrupt(u32),
    Voice(u8),
    Model(bool),
    Open,
    Refuse(u16),
    Chunk(u32, u32, usize),
    Nameless(u8, usize),
    Complete(u32, u32),
    BareComplete,
    Error(u32),
    BadAudio(u32),
    Garbage,
    Close(u16),
    Drop,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6_u32, 0..60_usize).prop_map(|(c, n)| Step::Speak(c, n)),
        3 => (1..6_u32).prop_map(Step::Finish),
        1 => (1..6_u32).prop_map(Step::Interrupt),
        1 => (0..4_u8).prop_map(Step::Voice),
        1 => any::<bool>().prop_map(Step::Model),
        4 => Just(Step::Open),
        1 => prop_oneof![Just(429), Just(503), Just(410)].prop_map(Step::Refuse),
        8 => (1..6_u32, 0..4_u32, 0..4000_usize).prop_map(|(c, r, n)| Step::Chunk(c, r, n)),
        2 => (0..3_u8, 0..4000_usize).prop_map(|(i, n)| Step::Nameless(i, n)),
        4 => (1..6_u32, 0..4_u32).prop_map(|(c, r)| Step::Complete(c, r)),
        1 => Just(Step::BareComplete),
        1 => (1..6_u32).prop_map(Step::Error),
        1 => (1..6_u32).prop_map(Step::BadAudio),
        1 => Just(Step::Garbage),
        1 => prop_oneof![Just(1000), Just(1008), Just(1011)].prop_map(Step::Close),
        1 => Just(Step::Drop),
        3 => (0..4_000_u64).prop_map(Step::Wait),
    ]
}

/// What the world knows: which lines there are, and what was asked.
#[derive(Default)]
struct World {
    dialled: Vec<u64>,
    open: Vec<u64>,
    interrupted: u32,
    spoken: BTreeSet<u32>,
    updates: u64,
}

impl World {
    /// Reads from the log which lines were asked for and given up since `from`.
    fn see(&mut self, log: &str) {
        for line in log.lines().filter_map(|line| line.trim().strip_prefix("-> #")) {
            let (id, what) = line.split_once(' ').unwrap();
            let id: u64 = id.parse().unwrap();
            match what {
                what if what.starts_with("connect") => self.dialled.push(id),
                "close" | "abort" => {
                    self.dialled.retain(|line| *line != id);
                    self.open.retain(|line| *line != id);
                }
                _ => {
                    assert!(self.open.contains(&id), "sent on a line that is not open: {line}");
                }
            }
        }
    }
}

fn play(bench: &mut Bench, world: &mut World, step: &Step) {
    let line = world.open.first().copied();
    match *step {
        Step::Speak(context, n) => {
            world.spoken.insert(context);
            bench.speak(context, &"word ".repeat(n / 5 + 1));
        }
        Step::Finish(context) => {
            world.spoken.insert(context);
            bench.finish(context);
        }
        Step::Interrupt(through) => {
            world.interrupted = world.interrupted.max(through);
            bench.interrupt(through);
        }
        Step::Voice(n) => {
            world.updates += 1;
            bench.update(TtsSettings::delta().voice(format!("voice-{n}")));
        }
        Step::Model(v2) => {
            world.updates += 1;
            bench.update(TtsSettings::delta().model(if v2 {
                Model::LightningV2
            } else {
                Model::LightningV31
            }));
        }
        Step::Open => {
            if let Some(id) = world.dialled.pop() {
                world.open.push(id);
                bench.open_line(id);
            }
        }
        Step::Refuse(status) => {
            if let Some(id) = world.dialled.pop() {
                bench.refuse(id, status, "no");
            }
        }
        Step::Wait(ms) => bench.wait(Duration::from_millis(ms)),
        Step::Close(code) => {
            if let Some(id) = line {
                world.open.retain(|line| *line != id);
                bench.close(id, code, "");
            }
        }
        Step::Drop => {
            if let Some(id) = line {
                world.open.retain(|line| *line != id);
                bench.drop_line(id);
            }
        }
        _ => {
            if let Some(id) = line {
                say(bench, id, step);
            }
        }
    }
}

/// What the service says.
fn say(bench: &mut Bench, line: u64, step: &Step) {
    match *step {
        Step::Chunk(context, request, n) => bench.chunk(line, context, request, n),
        Step::Nameless(id, n) => {
            bench.nameless_chunk(line, (id > 0).then_some(if id == 1 { "a" } else { "b" }), n)
        }
        Step::Complete(context, request) => bench.complete(line, context, request),
        Step::BareComplete => bench.text(line, r#"{"status":"complete"}"#),
        Step::Error(context) => {
            bench.text(
                line,
                &format!(
                    r#"{{"external_request_id":"00005eed.{context}.0","status":"error","message":"no"}}"#
                ),
            );
        }
        Step::BadAudio(context) => bench.text(
            line,
            &format!(
                r#"{{"external_request_id":"00005eed.{context}.0","status":"chunk","data":{{"audio":"?"}}}}"#
            ),
        ),
        _ => bench.text(line, "\u{0}{"),
    }
}

/// What must hold of the events, at any time.
fn check(bench: &Bench, world: &World, ended: bool) -> Result<(), TestCaseError> {
    let mut ends: BTreeMap<u32, u32> = BTreeMap::new();
    let mut connected = false;
    for event in &bench.events {
        match event {
            TtsEvent::Finished { context } | TtsEvent::Failed { context: Some(context), .. } => {
                *ends.entry(context.0).or_default() += 1;
            }
            TtsEvent::Audio { context, .. } | TtsEvent::Word { context, .. } => {
                prop_assert!(
                    !ends.contains_key(&context.0),
                    "{context} went on after its end\n{}",
                    bench.log
                );
            }
            TtsEvent::Connection(ConnectionEvent::Connected) => {
                prop_assert!(!connected, "connected twice\n{}", bench.log);
                connected = true;
            }
            TtsEvent::Connection(ConnectionEvent::Disconnected { .. }) => {
                prop_assert!(connected, "disconnected twice\n{}", bench.log);
                connected = false;
            }
            _ => {}
        }
    }
    prop_assert!(ends.values().all(|count| *count == 1), "an answer ended twice: {ends:?}\n{}", bench.log);
    let answered = bench.count(|event| matches!(event, TtsEvent::Answered(_))) as u64;
    prop_assert!(answered <= world.updates);
    if ended {
        prop_assert_eq!(answered, world.updates, "{}", &bench.log);
    }
    Ok(())
}

fn run(mode: TextMode, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut config = config();
    config.text = mode;
    let mut bench = Bench::with(config, TtsSettings::default());
    let mut world = World::default();
    let mut seen = 0;
    let mut begun = BTreeSet::new();
    let mut newest = 0;
    world.see(&bench.log);
    seen = bench.log.len().max(seen);
    for step in steps {
        if bench.session.is_finished() {
            break;
        }
        // A name counts as begun when it is later than all before: the pipeline counts its answers up.
        if let Step::Speak(context, _) | Step::Finish(context) = step
            && *context > newest.max(world.interrupted)
        {
            newest = *context;
            begun.insert(*context);
        }
        let before = bench.events.len();
        play(&mut bench, &mut world, step);
        world.see(&bench.log[seen..]);
        seen = bench.log.len();
        for event in &bench.events[before..] {
            if let TtsEvent::Audio { context, .. }
            | TtsEvent::Finished { context }
            | TtsEvent::Word { context, .. } = event
            {
                prop_assert!(
                    context.0 > world.interrupted,
                    "{context} after its interruption\n{}",
                    bench.log
                );
            }
        }
        if let Step::Interrupt(through) = step {
            begun.retain(|context| context > through);
        }
        check(&bench, &world, false)?;
    }
    bench.end();
    bench.wait(Duration::from_secs(60));
    for id in world.open.clone() {
        bench.close(id, 1000, "");
    }
    prop_assert!(bench.session.is_finished(), "{}", bench.log);
    prop_assert!(bench.session.poll_timeout().is_none());
    check(&bench, &world, true)?;
    for context in begun.into_iter().filter(|context| *context > world.interrupted) {
        prop_assert!(
            bench.finished(context) || bench.failure(context).is_some(),
            "{context} never ended\n{}",
            bench.log
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_keeps_the_promises(steps in prop::collection::vec(step(), 0..60)) {
        run(TextMode::Sentences, &steps)?;
    }

    #[test]
    fn any_order_of_events_keeps_the_promises_of_streams(steps in prop::collection::vec(step(), 0..60)) {
        run(TextMode::Stream, &steps)?;
    }

    #[test]
    fn any_order_of_events_keeps_the_promises_of_contexts(steps in prop::collection::vec(step(), 0..60)) {
        run(TextMode::Contexts, &steps)?;
    }

    #[test]
    fn audio_arrives_as_it_was_sent(
        cuts in prop::collection::vec(1..977_usize, 1..40),
        sentences in 1..6_u32,
    ) {
        let mut bench = Bench::open();
        let mut sent = Vec::new();
        let mut value = 0_i16;
        for request in 0..sentences {
            bench.speak(1, "A sentence.");
            let bytes: Vec<u8> = (0..cuts.iter().sum::<usize>() / 2 + 3_000).flat_map(|_| {
                value = value.wrapping_add(1);
                sent.push(value);
                value.to_le_bytes()
            }).collect();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().copied().chain([usize::MAX]) {
                use base64::Engine as _;
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                rest = after;
                let audio = base64::engine::general_purpose::STANDARD.encode(piece);
                let json = format!(r#"{{"external_request_id":"00005eed.1.{request}","status":"chunk","data":{{"audio":"{audio}"}}}}"#);
                bench.session.handle_connection(bench.now, ConnectionId(1), voxline_wire::Happened::Message(voxline_wire::Message::Text(json)));
                bench.drain();
            }
        }
        bench.finish(1);
        bench.complete(1, 1, sentences - 1);
        prop_assert!(bench.finished(1));
        let heard: Vec<i16> = bench.events.iter().flat_map(|event| match event {
            TtsEvent::Audio { pcm, .. } => pcm.samples().to_vec(),
            _ => Vec::new(),
        }).collect();
        prop_assert_eq!(heard, sent);
    }
}
