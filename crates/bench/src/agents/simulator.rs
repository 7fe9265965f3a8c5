//! The simulator of the speech services as a process of its own: this program, run again.
//!
//! It prints its address and ends when its standard input does. Its script is what the recorded caller says, over
//! and over; its services answer as fast as it can but for [`FIRST_CHUNK`], which figures subtract.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ExitCode, Stdio},
    time::Duration,
};

use tokio::sync::oneshot;
use voxline_waves_sim::{Script, SimConfig, WavesSim, config::Transcriber};

/// From a request of speech to its first audio, as the simulator keeps it.
pub(crate) const FIRST_CHUNK: Duration = Duration::from_millis(100);

/// How often the script is repeated: more utterances than any run hears.
const REPEATED: usize = 200;
const SAID: [&str; 3] = [
    "Hello there, can you hear me?",
    "Please tell me the weather in Delhi today.",
    "Thank you, that is all for now.",
];

/// A running simulator; ends with this value.
pub(crate) struct Simulator {
    process: Child,
    /// Its URL and key.
    reached_at: String,
}

impl Simulator {
    /// On the last core of the machine.
    pub(crate) fn start() -> Option<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut command = super::pinned(cores - 1);
        command.arg("--simulator").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().ok()?;
        let mut reached_at = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut reached_at).ok()?;
        Some(Self { process, reached_at: reached_at.trim().into() })
    }

    /// URL, key and process, with a space between them.
    pub(crate) fn address(&self) -> String {
        // `taskset` becomes the program it starts, so the process is the simulator's.
        format!("{} {}", self.reached_at, self.process.id())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// What the child does.
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
pub(crate) fn serve() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let simulator = WavesSim::start(config()).await.expect("a free port on loopback is there");
        println!("{} {}", simulator.url(), simulator.api_key());
        let (open, closed) = oneshot::channel::<()>();
        // Reading the standard input blocks a thread until the parent is done.
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            drop(open);
        });
        let _ = closed.await;
    });
    ExitCode::SUCCESS
}

fn config() -> SimConfig {
    let script = Script::of((0..REPEATED).flat_map(|_| SAID));
    let mut config = SimConfig::default().with_script(script);
    config.stt.transcriber = Transcriber::Script;
    config.stt.idle_timeout = None;
    config.tts.idle_timeout = Some(Duration::from_secs(3600));
    config.tts.first_chunk_latency = FIRST_CHUNK;
    config.limits.stt_connections = 100_000;
    config.limits.tts_connections = 100_000;
    config.limits.log_entries = 1000;
    config
}
