//! The `voxline` command: `transcribe`, `say`, `agent` and `sim`.
//!
//! In: arguments, the key of `SMALLEST_API_KEY`, WAV files. Out: results on stdout (text, or with `--json` one
//! object a line), everything else on stderr, and an exit code ([`exit::Code`]).
//! 1. Stdout carries results only; a reader that goes away ends the command quietly.
//! 2. A failure is one or two lines: what was wrong, and what to do.
//! 3. An interrupt ends the work in order: what has been heard and said so far is kept.
//!
//! Everything is built on the public API of `voxline`. Read next: `args.rs`, then `transcribe.rs`.

mod agent;
mod args;
mod backpressure;
mod chatter;
mod courtesy;
mod ends;
mod events;
mod exit;
mod files;
mod logging;
mod model;
mod output;
mod progress;
mod run;
mod say;
mod service;
mod signals;
mod sim;
mod transcribe;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Cli, Command},
    exit::{Code, Failure},
    output::Console,
    signals::Signals,
};

/// Worker threads: a slow reader of stdout holds one, the other goes on listening for signals.
const LEAST_WORKERS: usize = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(cli.command.is_json());
    logging::init(cli.verbose, &console);
    let workers = std::thread::available_parallelism().map_or(LEAST_WORKERS, usize::from).max(LEAST_WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(execute(cli.command, &console));
            // A file that blocks its thread (a pipe nobody writes to) must not keep the program.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Failure::new(Code::Internal, format!("cannot start: {error}"))),
    };
    let code = match outcome.and_then(|code| console.flush().map(|()| code)) {
        Ok(code) => code,
        Err(failure) => {
            console.complain(&failure);
            failure.code
        }
    };
    code.into()
}

async fn execute(command: Command, console: &Console) -> Result<Code, Failure> {
    let mut signals = Signals::listen()?;
    match command {
        Command::Transcribe(args) => Box::pin(transcribe::run(args, console, &mut signals)).await,
        Command::Say(args) => Box::pin(say::run(args, console, &mut signals)).await,
        Command::Agent(args) => Box::pin(agent::run(args, console, &mut signals)).await,
        Command::Sim(args) => Box::pin(sim::run(args, console, &mut signals)).await,
    }
}
