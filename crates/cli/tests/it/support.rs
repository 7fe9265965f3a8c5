//! Runs the built command against a simulator in this process, and makes the files it is given.
//!
//! Every wait has a deadline; a child that is not waited for is killed.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use voxline::audio::WavReader;
use voxline_waves_sim::{LogEvent, Script, SimConfig, WavesSim};

/// Longer than any command here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Three utterances of real speech.
pub(crate) const QUESTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/assets/question.wav");
pub(crate) const UTTERANCES: [&str; 3] =
    ["Hello there, can you hear me?", "What is the weather?", "Thank you."];

/// A simulator that hears the utterances in the recording.
pub(crate) async fn simulator() -> WavesSim {
    simulator_with(SimConfig::default()).await
}

pub(crate) async fn simulator_with(config: SimConfig) -> WavesSim {
    WavesSim::start(config.with_script(Script::of(UTTERANCES))).await.unwrap()
}

/// A simulator in which this goes wrong.
pub(crate) async fn faulty(faults: &[&str]) -> WavesSim {
    let faults = faults.iter().map(|spec| spec.parse().unwrap());
    simulator_with(SimConfig { faults: faults.collect(), ..SimConfig::default() }).await
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The objects it printed; every line must be one.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Those of one kind.
    pub(crate) fn events_named(&self, name: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == name).collect()
    }

    /// The last object, which must be the summary.
    pub(crate) fn summary(&self) -> Value {
        let last = self.events().pop().unwrap_or_else(|| panic!("nothing was printed: {}", self.stderr));
        assert_eq!(last["event"], "summary");
        last
    }

    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// That it failed so, and told it to a person in a line or two.
    #[track_caller]
    pub(crate) fn assert_failed(&self, code: i32, says: &str) {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.contains(says), "{says:?} is not in {:?}", self.stderr);
        for debris in ["panicked", "RUST_BACKTRACE", "Error {", "Err(", "Some("] {
            assert!(!self.stderr.contains(debris), "{debris:?} is in {:?}", self.stderr);
        }
        let from_clap = self.stderr.starts_with("error: ");
        let told = self.stderr.lines().filter(|line| !line.ends_with("; trying again"));
        assert!(from_clap || told.count() <= 2, "too long: {:?}", self.stderr);
    }
}

/// A command with a clean environment.
pub(crate) fn voxline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voxline"));
    command.args(args);
    for name in ["SMALLEST_API_KEY", "VOXLINE_LOG", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

pub(crate) async fn finish(mut command: Command) -> Ran {
    let output = timeout(DEADLINE, command.output()).await.expect("the command hangs").unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a command without a key.
pub(crate) async fn run(args: &[&str]) -> Ran {
    finish(voxline(args)).await
}

/// Runs a command against this simulator, with its key.
pub(crate) async fn run_on(sim: &WavesSim, args: &[&str]) -> Ran {
    finish(on(sim, args)).await
}

pub(crate) fn on(sim: &WavesSim, args: &[&str]) -> Command {
    let mut command = voxline(args);
    command.args(["--base-url", &sim.url()]).env("SMALLEST_API_KEY", sim.api_key());
    command
}

/// A command that is still running.
pub(crate) struct Running {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    seen: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdout, seen: String::new() }
    }

    /// The next line of stdout.
    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(DEADLINE, self.stdout.next_line()).await.expect("no line comes").unwrap();
        let line = line.expect("stdout has ended");
        self.seen += &format!("{line}\n");
        line
    }

    /// Reads up to an event of this name.
    pub(crate) async fn until(&mut self, event: &str) {
        while serde_json::from_str::<Value>(&self.line().await).unwrap()["event"] != event {}
    }

    /// Sends a signal by its name, and waits for the end.
    pub(crate) async fn signal(mut self, name: &str) -> Ran {
        let id = self.child.id().expect("it is still running").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().await.unwrap();
        assert!(sent.success());
        let mut stderr = String::new();
        let rest = async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                self.seen += &format!("{line}\n");
            }
            self.child.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = timeout(DEADLINE, rest).await.expect("the command does not stop");
        Ran { code: status.code().unwrap_or(-1), stdout: self.seen, stderr }
    }
}

/// The queries of the connections that were opened, in order.
pub(crate) fn opened(sim: &WavesSim) -> Vec<(String, std::collections::BTreeMap<String, String>)> {
    let opened = sim.log().into_iter().filter_map(|entry| match entry.event {
        LogEvent::Opened { path, query, .. } => Some((path, query)),
        _ => None,
    });
    opened.collect()
}

/// The bodies of the requests to speak, in order.
pub(crate) fn requests(sim: &WavesSim) -> Vec<Value> {
    let requests = sim.log().into_iter().filter_map(|entry| match entry.event {
        LogEvent::Request { body } => Some(body),
        _ => None,
    });
    requests.collect()
}

/// A directory of this test's own.
pub(crate) fn directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("voxline-cli-{}-{number}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The samples of a WAV file and their rate.
pub(crate) fn samples(path: impl AsRef<Path>) -> (Vec<i16>, u32) {
    let mut reader = WavReader::open(path).unwrap();
    let mut samples = Vec::new();
    while let Some(pcm) = reader.read(65_536).unwrap() {
        samples.extend_from_slice(pcm.samples());
    }
    (samples, reader.rate().hz())
}

/// How samples are written in a made WAV file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Samples {
    Int8,
    Int16,
    Int24,
    Float32,
}

/// Makes a WAV file by hand, so that it can be as odd as wished: `announced` bytes of audio in the header.
pub(crate) fn write_wav(
    path: &Path,
    mono: &[i16],
    rate: u32,
    channels: u16,
    kind: Samples,
    announced: Option<u32>,
) {
    let (tag, bits) = match kind {
        Samples::Int8 => (1_u16, 8_u16),
        Samples::Int16 => (1, 16),
        Samples::Int24 => (1, 24),
        Samples::Float32 => (3, 32),
    };
    let mut data = Vec::new();
    for &sample in mono {
        for _ in 0..channels {
            match kind {
                Samples::Int8 => data.push(((sample >> 8) + 128) as u8),
                Samples::Int16 => data.extend(sample.to_le_bytes()),
                Samples::Int24 => data.extend(&(i32::from(sample) << 8).to_le_bytes()[..3]),
                Samples::Float32 => data.extend((f32::from(sample) / 32_768.0).to_le_bytes()),
            }
        }
    }
    let frame = channels * bits / 8;
    let size = announced.unwrap_or(data.len() as u32);
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + size).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(size.to_le_bytes());
    file.extend(data);
    std::fs::write(path, file).unwrap();
}

/// The first utterance of the recording, and its rate.
pub(crate) fn first_utterance() -> (Vec<i16>, u32) {
    let (mut samples, rate) = samples(QUESTION);
    samples.truncate(4 * rate as usize);
    (samples, rate)
}
