//! The command line, as clap reads it.
//!
//! Values are checked here where the check needs nothing else; what depends on endpoint and model is checked
//! by the services' own settings, before any connection. Keys are never arguments: other users of the machine
//! can read those.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use voxline::{smallest_stt, smallest_tts, wav};
use voxline_waves_sim::Fault;

/// Speech to text, text to speech and voice agents on Smallest AI's Waves.
#[derive(Debug, Parser)]
#[command(name = "voxline", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Log more to stderr: -v info, -vv debug, -vvv trace (with transcripts). Default: VOXLINE_LOG, or warn.
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
The API key is read from SMALLEST_API_KEY, that of a language model from OPENAI_API_KEY.
Exit codes: 0 ok, 1 internal, 2 usage, 3 refused by the service, 4 unreachable, 5 bad input, 130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write down what is said in WAV files.
    Transcribe(TranscribeArgs),
    /// Say a text into a WAV file.
    Say(SayArgs),
    /// Let an agent talk with a recorded caller, or with you: a parrot, or a language model.
    Agent(AgentArgs),
    /// Run a simulator of the Waves service on loopback.
    Sim(SimArgs),
}

impl Command {
    /// Whether results are printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Transcribe(args) => args.json,
            Self::Say(args) => args.json,
            Self::Agent(args) => args.json,
            Self::Sim(_) => true,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TranscribeArgs {
    /// WAV files, one after the other, each in a session of its own.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The language spoken: a code such as en, or multi, multi-eu, multi-indic and the like.
    #[arg(long, value_name = "CODE", default_value = "en")]
    pub(crate) language: String,
    /// Which of the service's sockets.
    #[arg(long, value_enum, default_value_t = SttEndpoint::Live)]
    pub(crate) endpoint: SttEndpoint,
    /// Where the service is; a path in it is kept.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Ask for the times of words.
    #[arg(long)]
    pub(crate) word_timestamps: bool,
    /// Ask for the times of sentences.
    #[arg(long)]
    pub(crate) sentence_timestamps: bool,
    /// Ask for everything said so far with each final.
    #[arg(long)]
    pub(crate) full_transcript: bool,
    /// Tell speakers apart.
    #[arg(long)]
    pub(crate) diarize: bool,
    /// Replace names, addresses and the like.
    #[arg(long)]
    pub(crate) redact_pii: bool,
    /// Replace card numbers and the like.
    #[arg(long)]
    pub(crate) redact_pci: bool,
    /// Whether spoken numbers are written as digits.
    #[arg(long, value_enum, value_name = "V")]
    pub(crate) numerals: Option<Numerals>,
    /// Words to expect, each with a boost if wanted: "Voxline:2,small language model".
    #[arg(long, value_name = "S")]
    pub(crate) keywords: Option<smallest_stt::Keywords>,
    /// Write numbers, dates and amounts as such.
    #[arg(long)]
    pub(crate) itn: bool,
    /// How fast the files are played to the service.
    #[arg(long, value_enum, default_value_t = Pace::Realtime)]
    pub(crate) pace: Pace,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SayArgs {
    /// What to say.
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: String,
    /// The WAV file to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The voice.
    #[arg(long)]
    pub(crate) voice: Option<String>,
    /// The model: lightning_v3.1, lightning_v3.1_pro or lightning_v2.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// The language to speak.
    #[arg(long, value_name = "CODE")]
    pub(crate) language: Option<String>,
    /// Speed, 0.5 to 2 (lightning_v2: 0.1 to 5).
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) speed: Option<f64>,
    /// Against repeated and skipped words, 0 to 1; lightning_v2 only.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) consistency: Option<f64>,
    /// To the reference of the voice, 0 to 1; lightning_v2 only.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) similarity: Option<f64>,
    /// Of the sound, 0 to 2; lightning_v2 only.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) enhancement: Option<u8>,
    /// The rate of the file, 8000 to 48000 Hz. Rates the service does not speak at are resampled.
    #[arg(long, value_name = "N", default_value_t = 24_000, allow_negative_numbers = true,
          value_parser = clap::value_parser!(u32).range(8_000..=48_000))]
    pub(crate) sample_rate: u32,
    /// Which of the service's sockets. Default: the model's.
    #[arg(long, value_enum)]
    pub(crate) endpoint: Option<TtsEndpoint>,
    /// Where the service is; a path in it is kept.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Ask for the times of words, and print them.
    #[arg(long)]
    pub(crate) word_timestamps: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// What the caller says.
    #[arg(long, value_name = "FILE", required_unless_present = "mic", requires = "output")]
    pub(crate) input: Option<PathBuf>,
    /// Where the agent's side of the call is written.
    #[arg(long, value_name = "FILE", required_unless_present = "mic")]
    pub(crate) output: Option<PathBuf>,
    /// Talk by microphone and speaker instead, until Ctrl-C. Needs a build with the feature local-audio.
    #[arg(long, conflicts_with_all = ["input", "output", "pace"])]
    pub(crate) mic: bool,
    /// With --mic: listen while the agent speaks, so that it can be interrupted. Without headphones it hears itself.
    #[arg(long, requires = "mic", conflicts_with_all = ["input", "output"])]
    pub(crate) headphones: bool,
    /// Where the service is. Without it and without a key, a simulator inside this process.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// How fast the call goes. At the fast pace the caller does not interrupt the agent.
    #[arg(long, value_enum, default_value_t = Pace::Realtime)]
    pub(crate) pace: Pace,
    /// Who answers.
    #[arg(long, value_enum, default_value_t = Llm::Parrot)]
    pub(crate) llm: Llm,
    /// The model, with --llm openai. Default: OPENAI_MODEL, or the client's own.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Instructions to the model; not for the parrot.
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// Record both sides of the call, and what was said, into this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// The port on 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// The key clients must present; one is made up otherwise. It is no secret: it opens this simulator only.
    #[arg(long, value_name = "K")]
    pub(crate) api_key: Option<String>,
    /// What is said in the audio that clients send: JSON, or text with an utterance a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// What is to go wrong, such as "429,count=1" or "drop=received:64k,endpoint=stt"; can be repeated.
    #[arg(long, value_name = "SPEC")]
    pub(crate) fault: Vec<Fault>,
    /// Append what was received and done to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// As a caller would speak.
    Realtime,
    /// As fast as the service takes it.
    Fast,
}

impl From<Pace> for wav::Pace {
    fn from(pace: Pace) -> Self {
        match pace {
            Pace::Realtime => Self::Realtime,
            Pace::Fast => Self::Fast,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Llm {
    /// Repeats what was said; keeps no conversation.
    Parrot,
    /// Follows a small script, offline.
    Scripted,
    /// Any OpenAI-compatible endpoint: OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL.
    #[value(name = "openai")]
    OpenAi,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SttEndpoint {
    /// stt/live, the current one.
    Live,
    /// pulse/get_text.
    Pulse,
    /// lightning/get_text.
    Lightning,
}

impl From<SttEndpoint> for smallest_stt::Endpoint {
    fn from(endpoint: SttEndpoint) -> Self {
        match endpoint {
            SttEndpoint::Live => Self::Live,
            SttEndpoint::Pulse => Self::Pulse,
            SttEndpoint::Lightning => Self::Lightning,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TtsEndpoint {
    /// tts/live, the current one.
    Live,
    /// lightning-v3.1/get_speech/stream.
    #[value(name = "v3.1")]
    V31,
    /// lightning-v2/get_speech/stream.
    V2,
}

impl From<TtsEndpoint> for smallest_tts::Endpoint {
    fn from(endpoint: TtsEndpoint) -> Self {
        match endpoint {
            TtsEndpoint::Live => Self::Live,
            TtsEndpoint::V31 => Self::V31,
            TtsEndpoint::V2 => Self::V2,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Numerals {
    /// By context.
    Auto,
    /// Always.
    #[value(alias = "true")]
    Always,
    /// Never.
    #[value(aliases = ["false", "none"])]
    Never,
}

impl From<Numerals> for smallest_stt::Numerals {
    fn from(numerals: Numerals) -> Self {
        match numerals {
            Numerals::Auto => Self::Auto,
            Numerals::Always => Self::Always,
            Numerals::Never => Self::Never,
        }
    }
}
