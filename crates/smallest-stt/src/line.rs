//! A configuration that has been checked: address, headers, encoding and rate that are known to fit together.
//!
//! A `Line` and settings give the request of a connection.
//! 1. The key is sent in the `Authorization` header and stands nowhere else.
//! 2. Clear text (`ws://`) goes to loopback addresses only, unless `allow_clear_text` is set.
//! 3. A path prefix of the base URL is kept; with or without a trailing slash it gives the same address.
//!
//! Read next: `query.rs`, how settings become a query.

use std::net::IpAddr;

use url::{Host, Url};
use voxline_audio::{Encoding, SampleRate};
use voxline_wire::{Request, Secret};

use crate::{
    config::SttConfig,
    endpoint::{Place, Region},
    error::SttError,
    query,
    settings::SttSettings,
};

/// The rates the service takes, in Hz (S-PULSE, S-LIGHT).
const RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

/// A checked configuration: what every connection of a session has in common.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    base: Url,
    pub(crate) place: Place,
    pub(crate) encoding: Encoding,
    encoding_name: &'static str,
    pub(crate) rate: SampleRate,
    headers: Vec<(&'static str, String)>,
    key: Secret,
}

impl Line {
    /// Checks that everything fits together, for a pipeline of this rate.
    pub(crate) fn new(config: &SttConfig, pipeline: SampleRate) -> Result<Self, SttError> {
        check_key(&config.api_key)?;
        let encoding = query::wire_name(config.encoding)
            .ok_or_else(|| invalid("encoding", "the service does not know this encoding".into()))?;
        let base = parse_base(&config.base_url, config.allow_clear_text)?;
        let mut headers = vec![("Authorization", format!("Bearer {}", config.api_key.expose()))];
        if let Some(source) = &config.source {
            if source.is_empty() || !source.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(invalid("source", "only printable ASCII can be sent".into()));
            }
            headers.push(("X-Source", source.clone()));
        }
        let rate = choose_rate(config.sample_rate, config.encoding, pipeline)?;
        Ok(Self {
            place: Place { endpoint: config.endpoint, region: Region::of(&base) },
            base,
            encoding: config.encoding,
            encoding_name: encoding,
            rate,
            headers,
            key: config.api_key.clone(),
        })
    }

    /// The request that opens a connection with these settings.
    pub(crate) fn request(&self, settings: &SttSettings) -> Request {
        Request { url: self.url(settings), headers: self.headers.clone() }
    }

    /// The address: base, endpoint and the settings as a query.
    pub(crate) fn url(&self, settings: &SttSettings) -> String {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{}", self.place.endpoint.path()));
        let pairs = query::pairs(self.place.endpoint, settings, self.encoding_name, self.rate);
        let query = query::encode(&pairs);
        url.set_query(Some(&query));
        url.into()
    }

    /// The path asked for, for errors.
    pub(crate) fn path(&self) -> String {
        format!("{}{}", self.base.path().trim_end_matches('/'), self.place.endpoint.path())
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
