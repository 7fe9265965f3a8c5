//! Any order of commands, messages, losses and time.
//!
//! Whatever happens: no panic, no empty message, each connection gets a contiguous piece of what was given, in
//! order and without repetition, and no byte between two of them is missing; each update is answered once;
//! connection events alternate; the session ends.

use proptest::prelude::*;
use smallest_stt::{Keepalive, SttSettings, session::SttSession};
use voxline_core::{
    frame::Language,
    service::{ConnectionEvent, SttEvent},
};
use voxline_wire::{ConnectError, Session};

use crate::support::{Rig, Sent, config, ms, secs};

/// The most samples of a step: with sixty steps every sample keeps a value of its own.
const LONGEST: usize = 1_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    Audio(usize),
    SpeechStarted,
    Finalize,
    Update(u8),
    Open,
    Fail(u16),
    Unreachable,
    Drop,
    PeerClose(u16),
    Interim,
    Final { from_finalize: bool, timed: bool, empty: bool },
    Last,
    Error,
    Garbage,
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_usize..LONGEST).prop_map(Step::Audio),
        2 => Just(Step::SpeechStarted),
        3 => Just(Step::Finalize),
        2 => (0_u8..6).prop_map(Step::Update),
        6 => Just(Step::Open),
        1 => prop::sample::select(vec![400, 429, 500]).prop_map(Step::Fail),
        1 => Just(Step::Unreachable),
        2 => Just(Step::Drop),
        1 => prop::sample::select(vec![1000, 1008, 1011]).prop_map(Step::PeerClose),
        2 => Just(Step::Interim),
        4 => any::<[bool; 3]>().prop_map(|[from_finalize, timed, empty]| Step::Final { from_finalize, timed, empty }),
        1 => Just(Step::Last),
        1 => Just(Step::Error),
        1 => Just(Step::Garbage),
        4 => (0_u64..4_000).prop_map(Step::Pass),
    ]
}

/// A world around a rig: which connections it was asked for, and how they are.
struct World {
    rig: Rig,
    connecting: Vec<u64>,
    open: Vec<u64>,
    seen: u64,
    utterance: u32,
    finals: u32,
    updates: usize,
}

impl World {
    fn new(keepalive: Keepalive) -> Self {
        let mut config = config();
        config.keepalive = keepalive;
        config.backoff.give_up_after = None;
        config.backoff.short_lived_limit = u32::MAX;
        let rig = Rig::with(config, SttSettings::default());
        Self { rig, connecting: Vec::new(), open: Vec::new(), seen: 0, utterance: 0, finals: 0, updates: 0 }
    }

    /// Follows what the session asked for.
    fn follow(&mut self) {
        while self.rig.requests.contains_key(&(self.seen + 1)) {
            self.seen += 1;
            self.connecting.push(self.seen);
        }
        let rig = &self.rig;
        let over = |id: &u64| {
            let sent = rig.sent.get(id).into_iter().flatten();
            sent.into_iter().any(|sent| matches!(sent, Sent::Close | Sent::Abort))
        };
        self.connecting.retain(|id| !over(id));
        self.open.retain(|id| !over(id));
    }

    fn step(&mut self, step: Step) {
        self.follow();
        let line = self.open.last().copied();
        match step {
            Step::Audio(samples) => self.rig.samples(samples),
            Step::SpeechStarted => {
                self.utterance += 1;
                self.rig.speech_started(self.utterance);
            }
            Step::Finalize => self.rig.finalize(self.utterance),
            Step::Update(which) => self.update(which),
            Step::Open => self.open_next(),
            Step::Fail(status) => {
                self.connecting.pop().into_iter().for_each(|id| self.rig.refused(id, status))
            }
            Step::Unreachable => {
                let error = ConnectError::Unreachable { reason: "down".into() };
                self.connecting.pop().into_iter().for_each(|id| self.rig.failed(id, error.clone()));
            }
            Step::Drop => self.open.pop().into_iter().for_each(|id| self.rig.dropped(id)),
            Step::PeerClose(code) => {
                let id = if self.open.is_empty() { None } else { Some(self.open.remove(0)) };
                id.into_iter().for_each(|id| self.rig.peer_closed(id, code, "concurrency_limit_reached"));
            }
            Step::Interim => line.into_iter().for_each(|id| self.rig.interim(id, "words")),
            Step::Final { from_finalize, timed, empty } => {
                line.into_iter().for_each(|id| self.final_(id, from_finalize, timed, empty));
            }
            Step::Last => line.into_iter().for_each(|id| self.rig.last(id, "last words")),
            Step::Error => line.into_iter().for_each(|id| self.rig.message(id, r#"{"error":"oh"}"#)),
            Step::Garbage => line.into_iter().for_each(|id| self.rig.message(id, "{oh")),
            Step::Pass(milliseconds) => self.rig.pass(ms(milliseconds)),
        }
        self.follow();
    }

    fn open_next(&mut self) {
        if let Some(id) = self.connecting.pop() {
            self.open.push(id);
            self.rig.opened(id);
        }
    }

    fn update(&mut self, which: u8) {
        self.updates += 1;
        let delta = SttSettings::delta();
        self.rig.update(match which {
            0 => delta.language(Language::Fr),
            1 => delta.language(Language::En),
            2 => delta.diarize(true),
            3 => delta.clear("diarize"),
            4 => delta.eou_timeout_ms(1),
            _ => delta,
        });
    }

    fn final_(&mut self, id: u64, from_finalize: bool, timed: bool, empty: bool) {
        self.finals += 1;
        let text = if empty { String::new() } else { format!("final {}", self.finals) };
        let end = f64::from(self.finals) * 0.1;
        let words = serde_json::json!([{ "word": text, "start": end - 0.1, "end": end }]);
        let words = if timed && !empty { words } else { serde_json::Value::Null };
        let message = serde_json::json!({
            "transcript": text, "is_final": true, "from_finalize": from_finalize, "words": words,
        });
        self.rig.says(id, message);
    }

    /// The end: the service answers everything from here on.
    fn end(&mut self) {
        self.rig.end();
        for _ in 0..40 {
            self.follow();
            while !self.connecting.is_empty() {
                self.open_next();
                self.follow();
            }
            for id in self.open.clone() {
                if self.rig.texts(id).iter().any(|(_, text)| text.contains("close_stream")) {
                    self.rig.last(id, "");
                }
            }
            self.rig.pass(secs(1.0));
        }
    }
}

/// Where a connection's audio stands in what was given: each sample is its own number.
fn place(rig: &Rig, id: u64) -> Option<std::ops::Range<usize>> {
    let audio = rig.audio(id);
    let first = audio.first_chunk().map(|first| usize::from(u16::from_le_bytes(*first)) * 2)?;
    let range = first..first + audio.len();
    assert_eq!(
        rig.given.get(range.clone()),
        Some(&audio[..]),
        "connection {id} got something else\n{}",
        rig.log()
    );
    Some(range)
}

/// Whether audio was sent without a gap from beginning to end, and each piece in order.
fn assert_all_was_sent(rig: &Rig) {
    let mut to = 0;
    for range in rig.sent.keys().filter_map(|id| place(rig, *id)) {
        assert!(range.start <= to, "{to}..{} is missing\n{}", range.start, rig.log());
        to = to.max(range.end);
    }
    let given_up = rig.fatal().is_some() || !rig.counts().dropped.is_zero();
    assert!(to == rig.given.len() || given_up, "the end is missing\n{}", rig.log());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn r_09_nothing_that_happens_breaks_the_promises(
        steps in prop::collection::vec(steps(), 0..60),
        silence in any::<bool>(),
    ) {
        // Silence is no audio of the caller's: where it is sent, what was sent cannot be compared.
        let mut world = World::new(if silence { Keepalive::Silence } else { Keepalive::Off });
        steps.into_iter().for_each(|step| world.step(step));
        world.end();
        let rig = &world.rig;
        if !silence {
            assert_all_was_sent(rig);
        }
        prop_assert_eq!(rig.answers().len(), world.updates, "{}", rig.log());
        let mut connected = false;
        for event in &rig.events {
            match event {
                SttEvent::Connection(ConnectionEvent::Connected) => {
                    prop_assert!(!connected, "connected twice\n{}", rig.log());
                    connected = true;
                }
                SttEvent::Connection(ConnectionEvent::Disconnected { .. }) => {
                    prop_assert!(connected, "disconnected twice\n{}", rig.log());
                    connected = false;
                }
                _ => {}
            }
        }
        prop_assert!(!connected && SttSession::is_finished(&rig.session), "not over\n{}", rig.log());
        for id in rig.sent.keys() {
            let goodbyes = rig.texts(*id).iter().filter(|(_, text)| text.contains("close_stream")).count();
            prop_assert!(goodbyes <= 1, "{goodbyes} goodbyes\n{}", rig.log());
        }
    }

    #[test]
    fn w19_without_losses_all_audio_arrives_whatever_the_settings_do(
        pieces in prop::collection::vec((0_usize..2_000, 0_u8..8, 0_u64..300), 1..40),
    ) {
        let mut world = World::new(Keepalive::Off);
        world.follow();
        world.open_next();
        for (samples, which, milliseconds) in pieces {
            world.step(Step::Audio(samples));
            if which < 4 {
                world.step(Step::Update(which));
            }
            if which == 7 {
                world.step(Step::Open);
            }
            world.step(Step::Pass(milliseconds));
        }
        world.end();
        let rig = &world.rig;
        let sent: Vec<u8> = rig.sent.keys().flat_map(|id| rig.audio(*id)).collect();
        prop_assert!(sent == rig.given, "{}", rig.log());
    }
}
