//! Echo: WebSocket calls of 50 µ-law frames a second through five real processors and back.
//!
//! | part | what |
//! |---|---|
//! | `server` | Voxline's server, and the same socket without a pipeline: the floor |
//! | `line`, `stages` | the caller's socket; the five processors |
//! | `load`, `audio`, `replies` | the callers, in their own process |
//! | `run` | one server, one load, and what the kernel counted of the server meanwhile |
//!
//! At each number of calls all subjects have their turn one after another, so that what else runs on the machine is
//! the same for each. CPU is the server's, from the first frame to the last.

mod audio;
mod line;
mod load;
mod replies;
mod run;
mod server;
mod stages;

use std::process::{Command, ExitCode};

use crate::{peers, row::Row};

const CALLS: [usize; 4] = [50, 200, 500, 1000];
/// Pipecat is measured with these: one process of it is full near 25.
const FEW_CALLS: [usize; 2] = [10, 25];
const SECONDS: usize = 10;

const SUBJECTS: [(&str, &str); 4] = [
    ("bare socket, no pipeline", "bare"),
    ("Voxline, five processors", "voxline"),
    ("bare socket, a runtime per core", "bare-cores"),
    ("Voxline, a runtime per core", "voxline-cores"),
];

/// Measures every subject at every number of calls.
pub(crate) fn rows(peers: bool) -> Vec<Row> {
    let Ok(program) = std::env::current_exe() else { return Vec::new() };
    let others = if peers { peers::echo_servers() } else { Vec::new() };
    let mut rows = Vec::new();
    for calls in CALLS.into_iter().chain(FEW_CALLS.into_iter().filter(|_| peers)) {
        let few = FEW_CALLS.contains(&calls);
        let own = SUBJECTS.iter().filter(|_| !few).map(|&(name, mode)| {
            let mut server = Command::new(&program);
            server.args(["--echo-server", mode]);
            (name.to_owned(), server)
        });
        let peers = others.iter().filter(|other| other.few == few);
        let peers = peers.map(|other| (other.name.clone(), other.command()));
        for (name, mut server) in own.chain(peers) {
            rows.extend(run::measure(&name, &mut server, calls, SECONDS));
        }
    }
    rows
}

/// Runs this process as a server or as the callers, as its arguments say; `None` if they say neither.
pub(crate) fn part(arguments: &[String]) -> Option<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--echo-server", subject] => Some(server::serve(subject)),
        ["--echo-load", address, calls, seconds] => {
            Some(load::run(address, calls.parse().ok()?, seconds.parse().ok()?))
        }
        _ => None,
    }
}
