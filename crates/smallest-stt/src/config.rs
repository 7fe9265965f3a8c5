//! How to reach the service and how to behave on the line: everything that does not change in mid-call.
//!
//! [`SttConfig`] has public fields with defaults that suit a live call. Nothing is checked here: that
//! happens when a session begins.
//!
//! Read next: `line.rs`, what a configuration is checked into.

use std::{env, time::Duration};

use voxline_audio::{Encoding, SampleRate};
use voxline_wire::{BackoffPolicy, Secret, WireConfig};

use crate::{endpoint::Endpoint, error::SttError};

/// Where the service is, unless another base URL is given.
pub const DEFAULT_BASE_URL: &str = "wss://api.smallest.ai";
/// The environment variable that holds the key.
pub const KEY_VARIABLE: &str = "SMALLEST_API_KEY";
const READ_BUFFER: usize = 1024;

/// What keeps an idle connection open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keepalive {
    /// 100 ms of silence: works everywhere, but is billed as audio. Opus has no silence byte: there the message is sent.
    #[default]
    Silence,
    /// `{"type":"keepalive"}`: costs nothing; not understood by every server.
    Message,
    /// Nothing. The connection is opened again when the service closes it.
    Off,
}

/// How to reach the service and how to behave on the line.
#[derive(Clone, Debug)]
pub struct SttConfig {
    /// The API key.
    pub api_key: Secret,
    /// Where the service is; `http(s)` is read as `ws(s)`, an address without a scheme as `wss`. [`DEFAULT_BASE_URL`].
    pub base_url: String,
    /// Which of the three endpoints. [`Endpoint::Live`].
    pub endpoint: Endpoint,
    /// How audio is sent. [`Encoding::Linear16`].
    pub encoding: Encoding,
    /// At which rate; `None` takes the pipeline's where the service knows it (8 kHz for A-law and µ-law).
    pub sample_rate: Option<SampleRate>,
    /// How long a final usually takes after the end of speech, 99th percentile: for metrics, and how long a
    /// turn waits for its final before the last interim is offered instead. 1.59 s.
    pub p99_latency: Duration,
    /// Whether clear text may leave the machine. `false`.
    pub allow_clear_text: bool,
    /// The `X-Source` header; `None` sends none. `voxline`.
    pub source: Option<String>,
    /// What keeps an idle connection open. [`Keepalive::Silence`].
    pub keepalive: Keepalive,
    /// Whether transcriptions carry the service's message as it came. `false`.
    pub raw: bool,
    /// Whether interims are withheld while `redact_pii` or `redact_pci` is on: the service redacts finals only. `false`.
    pub withhold_interims: bool,
    /// How much audio is kept while it is not yet covered by a final, to be sent again after a lost
    /// connection; beyond it the oldest is let go. 30 s.
    pub kept_audio: Duration,
    /// How long the end of the session waits for the last transcription without any progress. 5 s.
    pub close_within: Duration,
    /// When to connect again, and when to stop trying.
    pub backoff: BackoffPolicy,
    /// The socket's deadlines and bounds: connect 10 s, pings, close 2 s, the largest message, 4 MiB, and 1 KiB
    /// read at a time: messages are a few hundred bytes.
    pub wire: WireConfig,
}

impl SttConfig {
    /// The defaults, with this key.
    #[must_use]
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self {
            api_key: api_key.into(),
            base_url: DEFAULT_BASE_URL.to_owned(),
            endpoint: Endpoint::default(),
            encoding: Encoding::Linear16,
            sample_rate: None,
            p99_latency: Duration::from_millis(1590),
            allow_clear_text: false,
            source: Some("voxline".to_owned()),
            keepalive: Keepalive::default(),
            raw: false,
            withhold_interims: false,
            kept_audio: Duration::from_secs(30),
            close_within: Duration::from_secs(5),
            backoff: BackoffPolicy::default(),
            wire: WireConfig { read_buffer: READ_BUFFER, ..WireConfig::default() },
        }
    }

    /// The defaults, with the key from `SMALLEST_API_KEY`.
    ///
    /// # Errors
    /// [`SttError::MissingKey`] when the variable is unset or blank.
    pub fn from_env() -> Result<Self, SttError> {
        let key = env::var(KEY_VARIABLE).map(Secret::from).unwrap_or_else(|_| Secret::new(""));
        if key.is_empty() { Err(SttError::MissingKey) } else { Ok(Self::new(key)) }
    }
}
