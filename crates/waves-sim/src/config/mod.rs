//! Everything that can be set on a simulator.
//!
//! [`SimConfig::default`] follows the documents. Where they are silent or contradict one another the
//! choice is a field here, in [`SttOptions`] or in [`TtsOptions`], and its documentation says so.

mod stt;
mod tts;

use std::{path::PathBuf, sync::Arc, time::Duration};

pub use stt::{
    ScriptScope, SilenceClock, SpeakerLabels, SttOptions, TextFields, Transcriber, UnknownControl,
};
pub use tts::{BareFlush, CloseAfterComplete, TtsOptions, WhitespaceText};

use crate::{Endpoint, Fault, Script};

/// How the simulator behaves. Public fields over [`Default`]; `with_*` for what is set most.
#[derive(Clone)]
pub struct SimConfig {
    /// TCP port on 127.0.0.1. Default 0: any free one.
    pub port: u16,
    /// The key clients must present. Default none: one is generated (`sk_` and 40 hex digits).
    pub api_key: Option<String>,
    /// Whether `?token=` or `?api_key=` may carry the key, as browsers do. Default no.
    pub accept_query_key: bool,
    /// A path before `/waves`, as behind a reverse proxy, e.g. `/voice`. Default empty.
    pub path_prefix: String,
    /// Refuse what the service silently reads as something else: missing or unknown `language`, booleans
    /// other than `true` and `false`, telephony encodings at another rate than 8000, idle timeouts
    /// outside 20 to 60 s on the older endpoints. Default no.
    pub strict_query: bool,
    /// Endpoints that answer `410 MODEL_DEPRECATED`. Default none, so that old clients can be tried.
    pub retired: Vec<Endpoint>,
    /// Where the simulated host stands, which decides the languages it serves. Default anywhere.
    pub region: Region,
    /// Limits of the account and of messages.
    pub limits: Limits,
    /// How often the server pings, if at all. Default never.
    pub ping_interval: Option<Duration>,
    /// How long one write may make no progress before the connection is dropped. Default 10 s.
    pub write_timeout: Duration,
    /// Faults from the beginning; more can be added by [`crate::WavesSim::inject`].
    pub faults: Vec<Fault>,
    /// A file to append the log to, one JSON object a line.
    pub log_file: Option<PathBuf>,
    /// What is said in the audio clients send.
    pub script: Arc<Script>,
    /// Speech-to-text behaviour.
    pub stt: SttOptions,
    /// Text-to-speech behaviour.
    pub tts: TtsOptions,
    /// Seed of generated ids and of a generated key. Default none: random.
    pub seed: Option<u64>,
}

/// Limits, as documented for the Standard plan where a document has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open speech-to-text sockets. Default 100.
    pub stt_connections: usize,
    /// Open text-to-speech sockets. Default 5: one concurrency unit.
    pub tts_connections: usize,
    /// How a speech-to-text socket over the limit is refused. Default [`OverLimit::Close1008`].
    pub stt_over_limit: OverLimit,
    /// How a text-to-speech socket over the limit is refused. Default [`OverLimit::Http429`].
    pub tts_over_limit: OverLimit,
    /// Entries of `keywords`. Default 10,000 (an older page says 100).
    pub keywords: usize,
    /// Bytes of one message from a client; longer ones end the connection with 1009. Default 1 MiB.
    pub message_bytes: usize,
    /// Log entries kept in memory; the oldest go first and are counted. Default 100,000.
    pub log_entries: usize,
    /// Bytes of log text kept in memory, likewise. Default 64 MiB.
    pub log_bytes: usize,
}

/// How a connection over the limit is refused: the documents show both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// HTTP 429 with `Retry-After: 1` instead of the upgrade.
    Http429,
    /// The upgrade succeeds, then close 1008 `concurrency_limit_reached`.
    Close1008,
}

/// Where the simulated host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// Serves every language.
    Anywhere,
    /// The default host as seen from India: East Asian languages drop the connection without a frame.
    India,
    /// The US host: South Indian languages get `LANGUAGE_NOT_ENABLED_IN_REGION` and a close.
    UnitedStates,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            port: 0,
            api_key: None,
            accept_query_key: false,
            path_prefix: String::new(),
            strict_query: false,
            retired: Vec::new(),
            region: Region::Anywhere,
            limits: Limits::default(),
            ping_interval: None,
            write_timeout: Duration::from_secs(10),
            faults: Vec::new(),
            log_file: None,
            script: Arc::default(),
            stt: SttOptions::default(),
            tts: TtsOptions::default(),
            seed: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stt_connections: 100,
            tts_connections: 5,
            stt_over_limit: OverLimit::Close1008,
            tts_over_limit: OverLimit::Http429,
            keywords: 10_000,
            message_bytes: 1 << 20,
            log_entries: 100_000,
            log_bytes: 64 << 20,
        }
    }
}

impl SimConfig {
    /// Listens on this port instead of any free one.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Expects this key instead of a generated one.
    #[must_use]
    pub fn with_api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// What is said in the audio clients send.
    #[must_use]
    pub fn with_script(mut self, script: Script) -> Self {
        self.script = Arc::new(script);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Appends the log to this file, one JSON object a line.
    #[must_use]
    pub fn with_log_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.log_file = Some(path.into());
        self
    }

    /// Speech-to-text behaviour.
    #[must_use]
    pub fn with_stt(mut self, options: SttOptions) -> Self {
        self.stt = options;
        self
    }

    /// Text-to-speech behaviour.
    #[must_use]
    pub fn with_tts(mut self, options: TtsOptions) -> Self {
        self.tts = options;
        self
    }
}

impl std::fmt::Debug for SimConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimConfig")
            .field("port", &self.port)
            .field("api_key", &self.api_key.as_ref().map(|_| "hidden"))
            .field("path_prefix", &self.path_prefix)
            .field("strict_query", &self.strict_query)
            .field("retired", &self.retired)
            .field("region", &self.region)
            .field("limits", &self.limits)
            .field("faults", &self.faults)
            .field("script", &self.script)
            .field("stt", &self.stt)
            .field("tts", &self.tts)
            .finish_non_exhaustive()
    }
}
