//! Whole agent sessions, against a simulator of the speech services in a process of its own.
//!
//! | figure | what |
//! |---|---|
//! | `idle session` | memory and tasks of a session that does nothing, both sockets open; its start and its end |
//! | `sessions` | sessions in mid-call on one core: CPU per session-second, and how late what is due comes |
//! | `voice to voice` | from the end of the caller's speech to the answer, beyond what the services take |
//!
//! The processes: this one looks on; a child serves the simulator, on the last core; another child holds the
//! sessions, on the first core, in one thread. Whoever else talks to the simulator (a peer) does it in the same way.

mod agent;
mod caller;
mod idle;
mod lateness;
mod probe;
mod sessions;
mod simulator;
mod speaker;

use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
};

pub(crate) use simulator::serve;

use crate::row::Row;
use simulator::Simulator;

pub(crate) fn idle_rows() -> Vec<Row> {
    // The slope between the two is what a session takes, without what the process takes.
    [50, 500].into_iter().filter_map(|sessions| child("idle", sessions)).collect()
}

pub(crate) fn session_rows() -> Vec<Row> {
    sessions::rows(|sessions| child("sessions", sessions))
}

/// The same sessions held by Pipecat.
pub(crate) fn peer_rows() -> Vec<Row> {
    sessions::peer_rows(&[2, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32], |sessions| {
        let simulator = Simulator::start()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/run");
        let mut command = on_core(0, "bash".as_ref());
        command.args([script, "sessions", &sessions.to_string(), "10", caller::SPEECH]);
        command.args(simulator.address().split(' ').take(2)).stderr(Stdio::inherit());
        Row::from_json(String::from_utf8_lossy(&command.output().ok()?.stdout).trim())
    })
}

pub(crate) fn voice_rows() -> Vec<Row> {
    [1, 100].into_iter().filter_map(|sessions| child("voice", sessions)).collect()
}

/// Measures so many sessions in a process of their own, beside a fresh simulator.
#[expect(clippy::print_stderr, reason = "says what could not be measured")]
fn child(figure: &str, sessions: usize) -> Option<Row> {
    let simulator = Simulator::start()?;
    let mut command = pinned(0);
    command.arg("--agents").arg(format!("{figure} {sessions} {}", simulator.address()));
    let output = command.output().ok()?;
    let row = Row::from_json(String::from_utf8_lossy(&output.stdout).trim());
    if row.is_none() {
        eprintln!("{figure} of {sessions} gave nothing: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    row
}

/// This program once more, on that core.
fn pinned(core: usize) -> Command {
    on_core(core, &std::env::current_exe().unwrap_or_else(|_| "voxline-bench".into()))
}

/// A program on that core of the machine only; on any where there is no `taskset`.
fn on_core(core: usize, program: &Path) -> Command {
    if Command::new("taskset").arg("--version").output().is_err() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// What the child does: `figure sessions url key process` of a simulator.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the parent process reads it")]
pub(crate) fn measure(order: &str) -> ExitCode {
    let words: Vec<&str> = order.split(' ').collect();
    let &[figure, sessions, url, key, process] = words.as_slice() else { return ExitCode::from(2) };
    let (Ok(sessions), Ok(process)) = (sessions.parse(), process.parse()) else { return ExitCode::from(2) };
    let services = agent::Services { url: url.into(), key: key.into(), process };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let row = match figure {
        "idle" => runtime.block_on(idle::run(&services, sessions)),
        "sessions" => runtime.block_on(sessions::run(&services, sessions, "sessions")),
        "voice" => runtime.block_on(sessions::run(&services, sessions, "voice to voice")),
        _ => return ExitCode::from(2),
    };
    match row {
        Ok(row) => println!("{}", row.to_json()),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
