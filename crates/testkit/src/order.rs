//! The order of an answer's frames, as a state machine that watches: R-57.
//!
//! Within a generation each answer is started, then heard and read, then stopped, and the end comes after all of
//! them. In: frames that travel downstream past one place, and interruptions. Out: what broke the order, as text.
//!
//! 1. An answer is started once, and stopped once after that; its audio and words lie between.
//! 2. The output's edges (`BotStartedSpeaking`, `BotStoppedSpeaking`) alternate, of one answer at a time;
//!    `BotSpeaking` comes between them.
//! 3. At the end of a session that ends in order no answer is open; nothing is spoken after it.
//! 4. An interruption closes every answer, but for playback: the output says itself that it has stopped. What is
//!    heard after it is another answer, whatever its name.
//!
//! [`Harness`](crate::Harness) holds every stage under test to it, by what leaves the pipeline and was not put in by
//! the test. A whole session is watched by [`Order::observer`], at every stage.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use voxline_core::{
    Observer,
    frame::{ContextId, Direction, Frame, FrameKind, Generation, KindSet, Payload},
    observe::Sighting,
};

use crate::render;

/// Watches the order of answers; clones watch together.
#[derive(Clone, Debug, Default)]
pub struct Order {
    // Written by whoever watches, read by the test; never held across an await.
    watched: Arc<Mutex<Watched>>,
}

#[derive(Debug, Default)]
struct Watched {
    /// The places frames pass, by the stage they come to.
    places: HashMap<String, Place>,
    broken: Vec<String>,
    seen: usize,
}

/// What has passed one place.
#[derive(Debug, Default)]
struct Place {
    generation: Generation,
    answers: BTreeMap<ContextId, Answer>,
    playing: Option<ContextId>,
    played: BTreeSet<ContextId>,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Open,
    Over,
}

impl Order {
    /// A frame passes on its way to this stage; empty where it leaves the pipeline.
    pub fn handle_frame(&self, to: &str, frame: &Frame) {
        if frame.direction() != Direction::Down {
            return;
        }
        let mut watched = self.lock();
        watched.seen += 1;
        let place = watched.places.entry(to.to_owned()).or_default();
        if let Err(rule) = place.pass(frame) {
            let line = format!("{} on its way to {to:?}: {rule}", render(frame));
            watched.broken.push(line);
        }
    }

    /// An observer for a session.
    #[must_use]
    pub fn observer(&self) -> impl Observer + use<> {
        Watching(self.clone())
    }

    /// What broke the order so far, one line each.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.lock().broken.clone()
    }

    /// Fails when the order was broken, or when nothing was seen at all.
    ///
    /// # Panics
    /// Then.
    #[track_caller]
    pub fn assert_kept(&self) {
        let watched = self.lock();
        assert!(watched.broken.is_empty(), "the order of an answer is broken (R-57):\n{:#?}", watched.broken);
        assert!(watched.seen > 0, "nothing was watched");
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn pass(&mut self, frame: &Frame) -> Result<(), &'static str> {
        if frame.generation() > self.generation {
            self.generation = frame.generation();
            self.answers.values_mut().for_each(|answer| *answer = Answer::Over);
            self.played.clear();
        }
        // What is older is dropped where it is looked at next, unless it survives.
        let old = frame.generation() < self.generation && !frame.survives_interruption();
        if old { Ok(()) } else { self.step(&frame.payload) }
    }

    fn step(&mut self, payload: &Payload) -> Result<(), &'static str> {
        let is_open = |context| self.answers.get(&context) == Some(&Answer::Open);
        match payload {
            Payload::TtsStarted(speech) => {
                not(self.ended, "an answer is started after the end")?;
                let before = self.answers.insert(speech.context, Answer::Open);
                not(before.is_some(), "an answer is started twice")
            }
            Payload::OutputAudio(audio) => not(!is_open(audio.context), "audio outside of its answer"),
            Payload::TtsWord(word) => not(!is_open(word.context), "a word outside of its answer"),
            Payload::TtsStopped(speech) => {
                let before = self.answers.insert(speech.context, Answer::Over);
                not(before != Some(Answer::Open), "an answer is stopped that is not open")
            }
            Payload::BotStartedSpeaking(speech) => {
                not(self.playing.replace(speech.context).is_some(), "playback begins within another")?;
                not(!self.played.insert(speech.context), "an answer is played twice")
            }
            Payload::BotSpeaking(speech) => {
                not(self.playing != Some(speech.context), "an answer goes on that is not played")
            }
            Payload::BotStoppedSpeaking(speech) => {
                let playing = self.playing.take();
                not(playing != Some(speech.context), "playback ends that has not begun")
            }
            Payload::End => {
                self.ended = true;
                let open = self.answers.values().any(|answer| *answer == Answer::Open);
                not(open, "the end comes within an answer")?;
                not(self.playing.is_some(), "the end comes while an answer is played")
            }
            _ => Ok(()),
        }
    }
}

fn not(broken: bool, rule: &'static str) -> Result<(), &'static str> {
    if broken { Err(rule) } else { Ok(()) }
}

struct Watching(Order);

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watching")
    }
}

impl Observer for Watching {
    fn interests(&self) -> KindSet {
        KindSet::of(&[
            FrameKind::TtsStarted,
            FrameKind::OutputAudio,
            FrameKind::TtsWord,
            FrameKind::TtsStopped,
            FrameKind::BotStartedSpeaking,
            FrameKind::BotSpeaking,
            FrameKind::BotStoppedSpeaking,
            FrameKind::End,
        ])
    }

    fn on_frame(&mut self, sighting: &Sighting, missed: u64) {
        if missed > 0 {
            self.0.lock().broken.push(format!("{missed} frames passed unseen"));
        } else {
            self.0.handle_frame(&sighting.to, &sighting.frame);
        }
    }
}
