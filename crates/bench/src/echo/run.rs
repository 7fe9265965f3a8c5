//! One point of the echo: starts a server and the callers, and reads what the server used meanwhile.
//!
//! A server prints `host:port` when it listens; it is killed at the end. What cannot be measured is said on the
//! standard error and left out.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::{cpu, row::Row};

/// A process that ends with the value.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(command: &mut Command) -> Option<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().ok()?;
        let lines = BufReader::new(child.stdout.take()?).lines();
        Some(Self { child, lines })
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next()?.ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets so many calls talk to `server` for so many seconds.
#[expect(clippy::print_stderr, reason = "a subject that is missing in the table must be missed")]
pub(crate) fn measure(name: &str, server: &mut Command, calls: usize, seconds: usize) -> Option<Row> {
    let row = attempt(server, calls, seconds);
    match &row {
        Some(row) => eprintln!("echo, {name}, {calls} calls: {:?}", row.numbers),
        None => eprintln!("echo, {name}, {calls} calls: not measured"),
    }
    row.map(|row| Row { subject: name.into(), ..row })
}

fn attempt(server: &mut Command, calls: usize, seconds: usize) -> Option<Row> {
    let mut server = Process::start(server)?;
    let address = server.line()?;
    let id = server.child.id();
    let empty = resident_kib(id);
    let program = std::env::current_exe().ok()?;
    let arguments = ["--echo-load", &address, &calls.to_string(), &seconds.to_string()];
    let mut load = Process::start(Command::new(program).args(arguments))?;
    (load.line()? == "connected").then_some(())?;
    let before = cpu::used_by(id);
    (load.line()? == "sent").then_some(())?;
    let used = cpu::used_by(id) - before;
    let kib = resident_kib(id).saturating_sub(empty) as f64 / calls as f64;
    let mut row = Row::from_json(&load.line()?)?.with_pipelines(calls);
    let milliseconds = used.as_secs_f64() * 1e3 / (calls * seconds) as f64;
    row.numbers.push(("cpu_ms_per_call_second".into(), milliseconds));
    row.numbers.push(("kib_per_call".into(), kib));
    Some(row)
}

/// Resident memory of a process in KiB.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
