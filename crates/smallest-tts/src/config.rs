//! Where the service is and how it is used: what does not change during a call.
//!
//! In: a [`TtsConfig`] with public fields. Out: the upgrade request of each connection.
//! 1. The key goes into one header and nowhere else: not into an address, an error or `Debug`.
//! 2. `https` becomes `wss`, `http` becomes `ws`; clear text goes to this machine only, unless allowed.
//! 3. A base address with or without a trailing slash gives the same path; a path in it is kept.
//!
//! What can change in mid-call is in `settings`. Read next: `settings/mod.rs`.

use std::time::Duration;

use url::Url;
use voxline_audio::SampleRate;
use voxline_wire::{BackoffPolicy, Request, Secret, WireConfig};

use crate::{
    endpoint::{Endpoint, TextMode},
    error::ConfigError,
    message::is_token,
    settings::{Model, TtsSettings},
};

/// The production host.
pub const DEFAULT_BASE_URL: &str = "wss://api.smallest.ai";

/// The environment variable [`TtsConfig::from_env`] reads.
pub const KEY_VARIABLE: &str = "SMALLEST_API_KEY";

/// The rates the service speaks at, in Hz.
pub const SERVICE_RATES: [u32; 4] = [8_000, 16_000, 24_000, 44_100];

/// How long the session waits for what. Each has a default that suits a live call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From text sent to its first audio, and from one chunk to the next while more must come. 3 s.
    pub first_audio: Duration,
    /// Without a word from the service, an answer whose text must have been spoken is over after this. 800 ms.
    pub quiet: Duration,
    /// How long the text of an answer waits for a connection. 8 s: the pipeline itself gives an answer up
    /// after three times `first_audio`, and could not say why.
    pub connection: Duration,
    /// How long a change of settings may take that needs a new connection. 5 s.
    pub change: Duration,
    /// How long a new answer waits for such a change before it is spoken with the old settings. 2 s.
    pub hold: Duration,
    /// After `End`: how long without any progress until what is outstanding is given up. 5 s.
    pub end: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_audio: Duration::from_secs(3),
            quiet: Duration::from_millis(800),
            connection: Duration::from_secs(8),
            change: Duration::from_secs(5),
            hold: Duration::from_secs(2),
            end: Duration::from_secs(5),
        }
    }
}

/// The configuration of a synthesizer.
#[derive(Clone, Debug)]
pub struct TtsConfig {
    /// The key.
    pub api_key: Secret,
    /// The address up to the API: a host, or a host and a path. A path that ends in `/waves/v1` or, as on
    /// the old host, `/api/v1` is taken as the API's root; after any other, `/waves/v1` follows.
    pub base_url: String,
    /// Whether `ws://` may lead to another machine.
    pub allow_clear_text: bool,
    /// The socket to use; by default the model's name decides.
    pub endpoint: Option<Endpoint>,
    /// The value of the `X-Source` header; none: the header is not sent.
    pub source: Option<String>,
    /// How text becomes requests.
    pub text: TextMode,
    /// The rate asked of the service; by default the pipeline's, or the next higher the service has.
    pub sample_rate: Option<SampleRate>,
    /// A name of the session for the vendor's own records (`session_id`), 1 to 128 of `A-Z a-z 0-9 _ - .`.
    pub session_id: Option<String>,
    /// The longest text of one request, in characters; longer text is cut at sentences, words, or anywhere.
    pub max_request_chars: usize,
    /// How many bytes of text may wait to be spoken; an answer that goes beyond fails.
    pub max_queued_text: usize,
    /// How much audio may wait for the pipeline; an answer that goes beyond fails.
    pub max_held_audio: Duration,
    /// The deadlines.
    pub patience: Patience,
    /// How a lost connection is opened again.
    pub backoff: BackoffPolicy,
    /// The sockets: connect, liveness and message limits.
    pub wire: WireConfig,
}

impl TtsConfig {
    /// The defaults, with this key.
    #[must_use]
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self {
            api_key: api_key.into(),
            base_url: DEFAULT_BASE_URL.into(),
            allow_clear_text: false,
            endpoint: None,
            source: Some("voxline".into()),
            text: TextMode::default(),
            sample_rate: None,
            session_id: None,
            max_request_chars: 1_000,
            max_queued_text: 1024 * 1024,
            max_held_audio: Duration::from_secs(300),
            patience: Patience::default(),
            backoff: BackoffPolicy::default(),
            wire: WireConfig::default(),
        }
    }

    /// The defaults, with the key of the environment variable `SMALLEST_API_KEY`.
    ///
    /// # Errors
    /// [`ConfigError::NoKey`] when it is not set or blank.
    pub fn from_env() -> Result<Self, ConfigError> {
        match std::env::var(KEY_VARIABLE) {
            Ok(key) if !key.trim().is_empty() => Ok(Self::new(key)),
            _ => Err(ConfigError::NoKey { variable: KEY_VARIABLE }),
        }
    }

    /// Whether everything in it can be used.
    ///
    /// # Errors
    /// What cannot, and why.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.api_key.is_empty() {
            return Err(ConfigError::NoKey { variable: KEY_VARIABLE });
        }
        if !self.api_key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::UnusableKey);
        }
        self.root()?;
        if let Some(rate) = self.sample_rate
            && !SERVICE_RATES.contains(&rate.hz())
        {
            return Err(ConfigError::SampleRate { asked: rate });
        }
        if self.session_id.as_deref().is_some_and(|id| !is_token(id)) {
            return Err(ConfigError::SessionId);
        }
        if self.source.as_deref().is_some_and(|source| !source.bytes().all(|b| (b' '..=b'~').contains(&b))) {
            return Err(ConfigError::Source);
        }
        Ok(())
    }

    /// The socket for a model.
    ///
    /// The current one, unless the model is the one only the old sockets have, or the base address is the
    /// old host's (`/api/v1`), where the current one never was.
    #[must_use]
    pub fn endpoint_for(&self, model: &Model) -> Endpoint {
        if let Some(endpoint) = self.endpoint {
            return endpoint;
        }
        match model {
            Model::LightningV2 => Endpoint::V2,
            _ if self.is_old_root() => Endpoint::V31,
            _ => Endpoint::Live,
        }
    }

    /// The rate to ask of the service for a pipeline of rate `pipeline`: the same where the service has it,
    /// otherwise the next higher, otherwise the highest.
    #[must_use]
    pub fn service_rate(&self, pipeline: SampleRate) -> SampleRate {
        let hz = SERVICE_RATES.into_iter().find(|&hz| hz >= pipeline.hz()).unwrap_or(44_100);
        self.sample_rate.or_else(|| SampleRate::new(hz)).unwrap_or(SampleRate::HZ_24000)
    }

    /// The address of the socket for these settings; it holds no secret.
    ///
    /// # Errors
    /// When the base address cannot be used.
    pub fn url(&self, settings: &TtsSettings) -> Result<String, ConfigError> {
        let endpoint = self.endpoint_for(&settings.model);
        let path = match endpoint {
            Endpoint::Live => "tts/live".to_owned(),
            Endpoint::V31 => format!("{}/get_speech/stream", settings.model.url_name()),
            Endpoint::V2 => "lightning-v2/get_speech/stream".to_owned(),
        };
        let timeout = settings.idle_timeout_on(endpoint).as_secs();
        Ok(format!("{}/{path}?timeout={timeout}", self.root()?))
    }

    /// The upgrade request for these settings.
    ///
    /// # Errors
    /// When the base address cannot be used.
    pub(crate) fn request(&self, settings: &TtsSettings) -> Result<Request, ConfigError> {
        let mut headers = vec![("Authorization", format!("Bearer {}", self.api_key.expose()))];
        if let Some(source) = &self.source {
            headers.push(("X-Source", source.clone()));
        }
        Ok(Request { url: self.url(settings)?, headers })
    }

    fn is_old_root(&self) -> bool {
        self.base_url.trim_end_matches('/').ends_with("/api/v1")
    }

    /// The API's root as a `ws` or `wss` address without a trailing slash.
    fn root(&self) -> Result<String, ConfigError> {
        let bad = |reason: &str| ConfigError::BaseUrl { reason: reason.into() };
        let url = Url::parse(self.base_url.trim()).map_err(|error| bad(&error.to_string()))?;
        let scheme = match url.scheme() {
            "wss" | "https" => "wss",
            "ws" | "http" => "ws",
            _ => return Err(bad("the scheme must be wss, https, ws or http")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it holds a user name or password; the key has a field of its own"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it ends in a query or fragment"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no host"))?;
        if scheme == "ws" && !self.allow_clear_text && !is_loopback(&url) {
            return Err(ConfigError::ClearText { host: host.to_owned() });
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = url.path().trim_end_matches('/');
        let is_root = path.ends_with("/waves/v1") || path.ends_with("/api/v1");
        Ok(format!("{scheme}://{host}{port}{path}{}", if is_root { "" } else { "/waves/v1" }))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
