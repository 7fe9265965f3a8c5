//! How to reach the service and how to behave on the line: everything that does not change in mid-call.
//!
//! [`SttConfig`] has public fields and is checked once, into a `Line`: address, headers, encoding and
//! rate that are known to fit together. A `Line` and [`SttSettings`] give the request of a connection.
//! 1. The key is sent in the `Authorization` header and stands nowhere else.
//! 2. Clear text (`ws://`) goes to loopback addresses only, unless `allow_clear_text` is set.
//! 3. A path prefix of the base URL is kept; with or without a trailing slash it gives the same address.
//!
//! Read next: `query.rs`, how settings become a query.

use std::{env, net::IpAddr, time::Duration};

use url::{Host, Url};
use voxline_audio::{Encoding, SampleRate};
use voxline_wire::{BackoffPolicy, Request, Secret, WireConfig};

use crate::{error::SttError, language, query, settings::SttSettings};

/// Where the service is, unless another base URL is given.
pub const DEFAULT_BASE_URL: &str = "wss://api.smallest.ai";
/// The environment variable that holds the key.
pub const KEY_VARIABLE: &str = "SMALLEST_API_KEY";
const READ_BUFFER: usize = 1024;
/// The rates the service takes, in Hz (S-PULSE, S-LIGHT).
const RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

/// The three places speech-to-text is served at. Each has its own rules for `model`, `finalize`, `numerals`,
/// defaults and the text's field name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `stt/live`: the current one. `finalize` ends a turn, `close_stream` the session.
    #[default]
    Live,
    /// `pulse/get_text`: the one before, still served.
    Pulse,
    /// `lightning/get_text`: the oldest. `finalize` ends the session, so turns end by the service's own detection.
    Lightning,
}

impl Endpoint {
    /// Its path below the base URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Live => "/waves/v1/stt/live",
            Self::Pulse => "/waves/v1/pulse/get_text",
            Self::Lightning => "/waves/v1/lightning/get_text",
        }
    }

    /// Whether `finalize` ends a turn and leaves the session open.
    #[must_use]
    pub const fn finalize_keeps_open(self) -> bool {
        !matches!(self, Self::Lightning)
    }
}

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

    /// Checks that everything fits together, for a pipeline of this rate.
    pub(crate) fn line(&self, pipeline: SampleRate) -> Result<Line, SttError> {
        check_key(&self.api_key)?;
        let encoding = query::wire_name(self.encoding)
            .ok_or_else(|| invalid("encoding", "the service does not know this encoding".into()))?;
        let base = parse_base(&self.base_url, self.allow_clear_text)?;
        let region = Region::of(&base);
        let mut headers = vec![("Authorization", format!("Bearer {}", self.api_key.expose()))];
        if let Some(source) = &self.source {
            if source.is_empty() || !source.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(invalid("source", "only printable ASCII can be sent".into()));
            }
            headers.push(("X-Source", source.clone()));
        }
        let rate = choose_rate(self.sample_rate, self.encoding, pipeline)?;
        Ok(Line {
            base,
            region,
            endpoint: self.endpoint,
            encoding: self.encoding,
            encoding_name: encoding,
            rate,
            headers,
            key: self.api_key.clone(),
        })
    }
}

/// Where a connection leads, as far as languages are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// The vendor's default host: India or the United States, whichever is nearer.
    Nearest,
    /// The vendor's host in the United States.
    UnitedStates,
    /// Any other host: a proxy, an own installation, a test.
    Custom,
}

impl Region {
    fn of(base: &Url) -> Self {
        match base.host_str() {
            Some("api.smallest.ai") => Self::Nearest,
            Some("api.us.smallest.ai") => Self::UnitedStates,
            _ => Self::Custom,
        }
    }
}

/// A checked configuration: what every connection of a session has in common.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    base: Url,
    pub(crate) region: Region,
    pub(crate) endpoint: Endpoint,
    pub(crate) encoding: Encoding,
    encoding_name: &'static str,
    pub(crate) rate: SampleRate,
    headers: Vec<(&'static str, String)>,
    key: Secret,
}

impl Line {
    /// The request that opens a connection with these settings.
    pub(crate) fn request(&self, settings: &SttSettings) -> Request {
        Request { url: self.url(settings), headers: self.headers.clone() }
    }

    /// The address: base, endpoint and the settings as a query.
    pub(crate) fn url(&self, settings: &SttSettings) -> String {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{}", self.endpoint.path()));
        let pairs = query::pairs(self.endpoint, settings, self.encoding_name, self.rate);
        let query = query::encode(&pairs);
        url.set_query(Some(&query));
        url.into()
    }

    /// The path asked for, for errors.
    pub(crate) fn path(&self) -> String {
        format!("{}{}", self.base.path().trim_end_matches('/'), self.endpoint.path())
    }

    /// Why this host will not serve the language; only ever for the vendor's own hosts.
    pub(crate) fn refuses(&self, settings: &SttSettings) -> Option<SttError> {
        if self.region == Region::Custom {
            return None;
        }
        let reason = language::not_served(self.region, &settings.language)?;
        Some(SttError::Region { language: settings.language.code().to_owned(), reason: reason.to_owned() })
    }

    /// `text` without the key, should the peer have repeated it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let key = self.key.expose();
        if key.is_empty() { text.to_owned() } else { text.replace(key, "(hidden)") }
    }
}

fn check_key(key: &Secret) -> Result<(), SttError> {
    if key.is_empty() {
        return Err(SttError::MissingKey);
    }
    if !key.expose().bytes().all(|byte| matches!(byte, b'!'..=b'~')) || key.expose().contains(['"', '\'']) {
        let reason = "only printable ASCII without spaces and quotes can be a key".into();
        return Err(invalid("api_key", reason));
    }
    Ok(())
}

fn parse_base(text: &str, allow_clear_text: bool) -> Result<Url, SttError> {
    let text = text.trim();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("wss://{text}") };
    let (scheme, rest) = with_scheme.split_once("://").unwrap_or_default();
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "wss" | "https" => "wss",
        "ws" | "http" => "ws",
        _ => return Err(invalid("base_url", "the scheme must be wss, ws, https or http".into())),
    };
    let url = Url::parse(&format!("{scheme}://{rest}"))
        .map_err(|error| invalid("base_url", format!("not an address: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("base_url", "it must not hold a user name or password".into()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("base_url", "it must not hold a query or a fragment".into()));
    }
    if scheme == "ws" && !allow_clear_text && !is_loopback(&url) {
        let reason = "clear text (ws://) goes to this machine only; use wss://, or set allow_clear_text";
        return Err(invalid("base_url", reason.into()));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// The rate audio is sent at: the wanted one, else the pipeline's or the next the service knows.
fn choose_rate(
    wanted: Option<SampleRate>,
    encoding: Encoding,
    pipeline: SampleRate,
) -> Result<SampleRate, SttError> {
    if let Some(rate) = wanted {
        if RATES.contains(&rate.hz()) {
            return Ok(rate);
        }
        let reason = format!("the service takes 8000, 16000, 22050, 24000, 44100 or 48000 Hz, not {rate}");
        return Err(invalid("sample_rate", reason));
    }
    if matches!(encoding, Encoding::ALaw | Encoding::MuLaw) {
        return Ok(SampleRate::HZ_8000);
    }
    let hz = RATES.into_iter().find(|&hz| hz >= pipeline.hz()).unwrap_or(48_000);
    Ok(SampleRate::new(hz).unwrap_or(SampleRate::HZ_48000))
}

fn invalid(field: &'static str, reason: String) -> SttError {
    SttError::Invalid { field, reason }
}
