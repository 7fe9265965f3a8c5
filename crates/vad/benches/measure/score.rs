//! Edges and frames against the truth.
//!
//! Frames are judged by the detector alone, at `start_confidence`: a frame is right when the tick at its middle
//! says the same. Utterances and edges are those of the whole [`Analyser`], with its windows. A stretch that was
//! found belongs to the utterances it overlaps; edges are compared where one stretch and one utterance meet.

use std::{
    fmt,
    time::{Duration, Instant},
};

use voxline_audio::{Pcm, SampleRate};
use voxline_vad::{Analyser, Edge, Finding, Framer};

use crate::{conditions::Condition, detectors::Candidate, sounds::RATE};

#[derive(Default)]
pub(crate) struct Score {
    right: usize,
    wrong: usize,
    missed: usize,
    frames: usize,
    pub(crate) utterances: Utterances,
    pub(crate) onset: Delays,
    pub(crate) offset: Delays,
}

#[derive(Default)]
pub(crate) struct Utterances {
    pub(crate) whole: usize,
    pub(crate) split: usize,
    pub(crate) joined: usize,
    pub(crate) missed: usize,
    pub(crate) wrong: usize,
}

/// Distances from the true edge: negative is early.
#[derive(Default)]
pub(crate) struct Delays {
    /// Of the position told.
    pub(crate) at: Spread,
    /// Of the moment it was told.
    pub(crate) known: Spread,
}

/// Milliseconds.
#[derive(Default)]
pub(crate) struct Spread(Vec<f64>);

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f.write_str("–"),
            len => write!(f, "{:.0} / {:.0}", sorted[len / 2], sorted[len * 9 / 10]),
        }
    }
}

/// A stretch of speech as it was found.
struct Found {
    began: Duration,
    began_known: Duration,
    ended: Duration,
    ended_known: Duration,
}

impl Score {
    pub(crate) fn precision(&self) -> Option<f64> {
        ratio(self.right, self.right + self.wrong)
    }

    pub(crate) fn recall(&self) -> Option<f64> {
        ratio(self.right, self.right + self.missed)
    }

    pub(crate) fn false_share(&self) -> f64 {
        ratio(self.wrong, self.frames).unwrap_or_default()
    }
}

pub(crate) fn measure(candidate: &Candidate, condition: &Condition) -> Score {
    let mut score = Score::default();
    count_frames(candidate, condition, &mut score);
    let found = listen(candidate, condition);
    let overlaps = |found: &Found, &(began, ended): &(usize, usize)| {
        found.began < tick(ended) && tick(began) < found.ended
    };
    score.utterances.wrong =
        found.iter().filter(|found| !condition.utterances.iter().any(|one| overlaps(found, one))).count();
    for utterance in &condition.utterances {
        let parts: Vec<&Found> = found.iter().filter(|found| overlaps(found, utterance)).collect();
        match parts[..] {
            [] => score.utterances.missed += 1,
            [one] if condition.utterances.iter().filter(|other| overlaps(one, other)).count() == 1 => {
                score.utterances.whole += 1;
                score.onset.add(one.began, one.began_known, tick(utterance.0));
                score.offset.add(one.ended, one.ended_known, tick(utterance.1));
            }
            [_] => score.utterances.joined += 1,
            _ => score.utterances.split += 1,
        }
    }
    score
}

/// CPU for 20 ms of audio at 16 and 8 kHz, in µs: the best of several runs, so that neighbours do not count.
pub(crate) fn cost(candidate: &Candidate) -> [f64; 2] {
    [RATE, SampleRate::HZ_8000].map(|rate| {
        let mut random = fastrand::Rng::with_seed(crate::SEED);
        let chunks: Vec<Pcm> = (0..500)
            .map(|_| {
                let samples: Vec<i16> = (0..rate.hz() / 50).map(|_| random.i16(-3_000..3_000)).collect();
                Pcm::mono(samples, rate)
            })
            .collect();
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            let (mut analyser, mut findings) = (Analyser::new((candidate.make)()), Vec::new());
            let began = Instant::now();
            for chunk in &chunks {
                analyser.handle_audio(chunk, None, &mut findings);
            }
            best = best.min(began.elapsed().as_secs_f64() * 1e6 / chunks.len() as f64);
        }
        best
    })
}

impl Delays {
    fn add(&mut self, at: Duration, known: Duration, truth: Duration) {
        let distance = |time: Duration| (time.as_secs_f64() - truth.as_secs_f64()) * 1e3;
        self.at.0.push(distance(at));
        self.known.0.push(distance(known));
    }
}

fn count_frames(candidate: &Candidate, condition: &Condition, score: &mut Score) {
    let mut detector = (candidate.make)();
    let mut framer = Framer::new(detector.rate(), detector.frame_len());
    let mut frames = Vec::new();
    for chunk in chunks(&condition.pcm) {
        framer.push(&chunk, None, &mut frames).expect("the chunks are mono");
        for frame in frames.drain(..) {
            let middle = (frame.start + (frame.end - frame.start) / 2).as_millis() as usize / 10;
            let Some(&truth) = condition.truth.get(middle) else { continue };
            let heard = detector.detect(&frame.samples).expect("frames have the length it asks for")
                >= candidate.params.start_confidence;
            score.frames += 1;
            match (heard, truth) {
                (true, true) => score.right += 1,
                (true, false) => score.wrong += 1,
                (false, true) => score.missed += 1,
                (false, false) => {}
            }
        }
    }
}

fn listen(candidate: &Candidate, condition: &Condition) -> Vec<Found> {
    let mut analyser = Analyser::new((candidate.make)());
    analyser.set_params(candidate.params).expect("the candidates are valid");
    let mut findings = Vec::new();
    for chunk in chunks(&condition.pcm) {
        analyser.handle_audio(&chunk, None, &mut findings);
    }
    analyser.handle_ceased(Duration::ZERO, &mut findings);
    let (mut found, mut start) = (Vec::new(), None);
    for finding in findings {
        match finding {
            Finding::Edge(Edge::Started { at, confirmed_after }) => start = Some((at, at + confirmed_after)),
            Finding::Edge(Edge::Stopped { at, confirmed_after }) => {
                let (began, began_known) = start.take().expect("edges alternate");
                found.push(Found { began, began_known, ended: at, ended_known: at + confirmed_after });
            }
            Finding::Failed(error) => panic!("{}: {error}", condition.name),
        }
    }
    found
}

/// Chunks of 20 ms, as they come in a call.
fn chunks(pcm: &Pcm) -> impl Iterator<Item = Pcm> {
    pcm.samples().chunks(pcm.rate().hz() as usize / 50).map(|chunk| Pcm::mono(chunk, pcm.rate()))
}

fn tick(ticks: usize) -> Duration {
    Duration::from_millis(ticks as u64 * 10)
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
