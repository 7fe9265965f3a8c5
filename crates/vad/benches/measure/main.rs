//! Measures the detectors on speech whose truth is known, and prints Markdown tables: `docs/vad.md` shows them.
//!
//! ```sh
//! cargo bench -p voxline-vad --bench measure
//! ```
//! Needs `espeak-ng` on the path: it speaks the sentences of `speech.rs`. Everything else is computed: noise,
//! telephone, music, clicks, tones. Nothing is downloaded, and nothing stays but a few files in the system's
//! folder for temporary ones, which are removed. All chance comes from one seed, so two runs differ in CPU time
//! only, and in the speech of another version of espeak-ng.
//!
//! `speech` makes utterances and a recording with their truth, `sounds` everything that is not speech,
//! `conditions` puts both together, `detectors` lists who is measured, `score` compares edges with the truth.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

mod conditions;
mod detectors;
mod score;
mod sounds;
mod speech;

use std::{mem::size_of, process::ExitCode};

use conditions::{Condition, Kind};
use detectors::Candidate;
use score::Score;

const SEED: u64 = 20;

fn main() -> ExitCode {
    // Test runners start benchmarks too, without this argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("measures only as `cargo bench -p voxline-vad --bench measure`");
        return ExitCode::SUCCESS;
    }
    let recording = match speech::recording(SEED) {
        Ok(recording) => recording,
        Err(error) => {
            eprintln!("no speech to measure with: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "{} utterances in {} voices, {:.0} s, {:.0} s of it speech; seed {SEED}; {}\n",
        recording.utterances.len(),
        speech::VOICES.len(),
        recording.duration_secs(),
        recording.speech_secs(),
        speech::version(),
    );
    let conditions = conditions::all(&recording, SEED);
    let candidates = detectors::all();
    let scores: Vec<Vec<Score>> = candidates
        .iter()
        .map(|candidate| conditions.iter().map(|condition| score::measure(candidate, condition)).collect())
        .collect();
    print_frames(&candidates, &conditions, &scores);
    print_utterances(&candidates, &conditions, &scores);
    print_edges(&candidates, &conditions, &scores);
    print_other_sounds(&candidates, &conditions, &scores);
    print_cost(&candidates);
    ExitCode::SUCCESS
}

fn print_frames(candidates: &[Candidate], conditions: &[Condition], scores: &[Vec<Score>]) {
    println!("### Frames: precision / recall\n");
    table(candidates, conditions, scores, Kind::Speech, |score| {
        format!("{} / {}", share(score.precision()), share(score.recall()))
    });
}

fn print_utterances(candidates: &[Candidate], conditions: &[Condition], scores: &[Vec<Score>]) {
    println!("### Utterances: found whole / split / joined to another / missed / false\n");
    table(candidates, conditions, scores, Kind::Speech, |score| {
        let u = &score.utterances;
        format!("{} / {} / {} / {} / {}", u.whole, u.split, u.joined, u.missed, u.wrong)
    });
}

fn print_edges(candidates: &[Candidate], conditions: &[Condition], scores: &[Vec<Score>]) {
    println!("### Onset, in ms: where it was put, and when it was known (median / p90)\n");
    table(candidates, conditions, scores, Kind::Speech, |score| {
        format!("{}, {}", score.onset.at, score.onset.known)
    });
    println!("### Offset, in ms: where it was put, and when it was known (median / p90)\n");
    table(candidates, conditions, scores, Kind::Speech, |score| {
        format!("{}, {}", score.offset.at, score.offset.known)
    });
}

fn print_other_sounds(candidates: &[Candidate], conditions: &[Condition], scores: &[Vec<Score>]) {
    println!("### A minute without speech: share of frames taken for it, and false utterances\n");
    table(candidates, conditions, scores, Kind::Other, |score| {
        format!("{:.0} %, {}", 100.0 * score.false_share(), score.utterances.wrong)
    });
}

fn print_cost(candidates: &[Candidate]) {
    println!("### Cost\n");
    println!("| detector | CPU for 20 ms of 16 kHz audio | CPU for 20 ms of 8 kHz audio |\n|---|--:|--:|");
    for candidate in candidates.iter().filter(|candidate| candidate.is_first_of_its_kind) {
        let [wide, narrow] = score::cost(candidate);
        println!("| {} | {wide:.1} µs | {narrow:.1} µs |", candidate.detector_name);
    }
    println!("\nAn earshot model has {} bytes of state of its own.", size_of::<earshot::Detector>());
}

/// One row a candidate, one column a condition of this kind.
fn table(
    candidates: &[Candidate],
    conditions: &[Condition],
    scores: &[Vec<Score>],
    kind: Kind,
    cell: impl Fn(&Score) -> String,
) {
    let shown: Vec<usize> = (0..conditions.len()).filter(|&index| conditions[index].kind == kind).collect();
    let names: Vec<&str> = shown.iter().map(|&index| conditions[index].name.as_str()).collect();
    println!("| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for (candidate, scores) in candidates.iter().zip(scores) {
        let cells: Vec<String> = shown.iter().map(|&index| cell(&scores[index])).collect();
        println!("| {} | {} |", candidate.name, cells.join(" | "));
    }
    println!();
}

/// `.97`, and `–` where there is nothing to divide by.
fn share(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value > 0.995 => "1.0".into(),
        Some(value) => format!("{value:.2}").trim_start_matches('0').into(),
    }
}
