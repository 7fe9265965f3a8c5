//! The guard: what hot paths cost in instructions, held against a baseline. Instructions do not depend on how busy
//! the machine is, so this can run beside anything.
//!
//! `voxline-bench guard` runs each work twice under callgrind, once and three times as often, in a process of its own,
//! and subtracts: what starting up costs falls out, and no toggle has to name a function that the compiler may inline.
//! A count above its baseline by more than the tolerance fails. `guard --write` writes the baseline anew.
//!
//! Counts are those of one compiler. With another than the baseline's they are held only within [`LOOSE`].

mod works;

use std::{
    collections::BTreeMap,
    process::{Command, ExitCode},
};

use serde_json::{Value, json};

use works::WORKS;

/// With the compiler of the baseline.
const TIGHT: f64 = 1.05;
/// With any other.
const LOOSE: f64 = 1.5;
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/guard.json");

/// Counts by work.
type Counts = BTreeMap<String, u64>;

/// Runs the guard, or one of its works, as the arguments say; `None` if they say neither.
pub(crate) fn part(arguments: &[String]) -> Option<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["guard"] => Some(check()),
        ["guard", "--write"] => Some(write()),
        ["--guarded", name, times] => {
            let work = WORKS.iter().find(|work| work.name == name)?;
            (work.run)(times.parse().ok()?);
            Some(ExitCode::SUCCESS)
        }
        _ => None,
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]
fn check() -> ExitCode {
    let Some((written, baseline)) = read() else {
        eprintln!("{BASELINE} cannot be read; write it with: voxline-bench guard --write");
        return ExitCode::FAILURE;
    };
    let Some(counts) = count() else { return ExitCode::FAILURE };
    let running = compiler();
    let limit = if running == written { TIGHT } else { LOOSE };
    if running != written {
        println!("The baseline is of {written}, this is {running}: only a factor of {LOOSE} is checked.");
    }
    let mut failed = false;
    for (name, count) in &counts {
        let Some(&before) = baseline.get(name) else {
            println!("{name}: {count} instructions, and no baseline");
            failed = true;
            continue;
        };
        let factor = *count as f64 / before as f64;
        let verdict = if factor > limit { "TOO MANY" } else { "ok" };
        println!(
            "{name}: {count} instructions, baseline {before} ({:+.1} %): {verdict}",
            factor * 100.0 - 100.0
        );
        failed |= factor > limit;
    }
    if failed {
        eprintln!(
            "If that is meant: cargo run --release -p voxline-bench -- guard --write, and say in the commit why."
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "it is a command")]
fn write() -> ExitCode {
    let Some(counts) = count() else { return ExitCode::FAILURE };
    let text = format!("{:#}\n", json!({ "compiler": compiler(), "instructions": counts }));
    match std::fs::write(BASELINE, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{BASELINE} cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The compiler and the counts of the baseline.
fn read() -> Option<(String, Counts)> {
    let value: Value = serde_json::from_str(&std::fs::read_to_string(BASELINE).ok()?).ok()?;
    let counts = value.get("instructions")?.as_object()?.iter();
    let counts = counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect();
    Some((value.get("compiler")?.as_str()?.to_owned(), counts))
}

/// Instructions of each work, once.
#[expect(clippy::print_stderr, reason = "it is a command")]
fn count() -> Option<Counts> {
    let mut counts = Counts::new();
    for work in &WORKS {
        let runs = (instructions(work.name, work.times), instructions(work.name, 3 * work.times));
        let (Some(once), Some(thrice)) = runs else {
            eprintln!("{} cannot be counted; is valgrind there?", work.name);
            return None;
        };
        counts.insert(work.name.to_owned(), thrice.saturating_sub(once) / (2 * u64::from(work.times)));
    }
    Some(counts)
}

/// Instructions of a process that does the work so often, as callgrind says at its end: `Collected : 123`.
fn instructions(work: &str, times: u32) -> Option<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe().ok()?).args(["--guarded", work, &times.to_string()]);
    let output = valgrind.output().ok().filter(|output| output.status.success())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn compiler() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
