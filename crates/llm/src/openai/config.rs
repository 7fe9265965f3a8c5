//! Where the endpoint is and how it is used: what does not change during a call.
//!
//! In: an [`OpenAiConfig`] with public fields. Out: the address of the requests and what goes with them.
//! 1. The key goes into one header and nowhere else: not into an address, an error or `Debug`.
//! 2. Clear text goes to this machine only, unless allowed.
//! 3. `/chat/completions` follows the base URL, with or without a trailing slash.
//!
//! What can change in mid-call is in `settings.rs`.

use std::{sync::Arc, time::Duration};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::Url;
use voxline_wire::Secret;

use super::{ConfigError, HttpPool, RetryPolicy};

pub(super) const OPENAI_URL: &str = "https://api.openai.com/v1";
pub(super) const ELECTRON_URL: &str = "https://api.smallest.ai/waves/v1";
pub(super) const GROQ_URL: &str = "https://api.groq.com/openai/v1";
pub(super) const OLLAMA_URL: &str = "http://localhost:11434/v1";

/// The environment variable with OpenAI's key.
pub(super) const KEY_VARIABLE: &str = "OPENAI_API_KEY";
/// The environment variable with another base URL.
pub(super) const URL_VARIABLE: &str = "OPENAI_BASE_URL";
/// The environment variable with another model.
pub(super) const MODEL_VARIABLE: &str = "OPENAI_MODEL";

/// How long an answer may take. A `Duration::MAX` switches a deadline off. The deadline of the connect is the
/// pool's: [`PoolConfig::connect_within`](super::PoolConfig::connect_within).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the request to the first word or thought, retries included. 10 s.
    pub first_token: Duration,
    /// From one piece to the next. 5 s.
    pub stall: Duration,
    /// From the piece that says why the answer ended to the end of the stream; what is missing then is
    /// only the count of tokens. 1 s.
    pub finish: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            first_token: Duration::from_secs(10),
            stall: Duration::from_secs(5),
            finish: Duration::from_secs(1),
        }
    }
}

/// What the endpoint calls the limit of an answer's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaxTokensField {
    /// `max_tokens`: nearly everybody.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: OpenAI, whose newer models refuse the other.
    MaxCompletionTokens,
}

/// The configuration of a client.
#[derive(Clone, Debug)]
pub struct OpenAiConfig {
    /// What the service is called in metrics, errors and settings answers.
    pub name: Arc<str>,
    /// The key; none for servers that want none.
    pub api_key: Option<Secret>,
    /// The address up to the API, as the vendors give it: what `/chat/completions` follows.
    pub base_url: String,
    /// Whether `http://` may lead to another machine.
    pub allow_clear_text: bool,
    /// Further headers of every request, by name.
    pub headers: Vec<(String, Secret)>,
    /// What the endpoint calls the limit of an answer's tokens.
    pub max_tokens_field: MaxTokensField,
    /// Whether the count of tokens is asked for (`stream_options.include_usage`).
    pub usage: bool,
    /// How long an answer may take.
    pub deadlines: Deadlines,
    /// How often it is asked for.
    pub retry: RetryPolicy,
    /// The longest stream of an answer, in bytes. 8 MiB.
    pub max_answer: usize,
    /// The connections; the process's own unless given.
    pub pool: Option<HttpPool>,
}

impl OpenAiConfig {
    /// An endpoint without a key.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, base_url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            api_key: None,
            base_url: base_url.into(),
            allow_clear_text: false,
            headers: Vec::new(),
            max_tokens_field: MaxTokensField::default(),
            usage: true,
            deadlines: Deadlines::default(),
            retry: RetryPolicy::default(),
            max_answer: 8 * 1024 * 1024,
            pool: None,
        }
    }

    /// Whether everything in it can be used.
    ///
    /// # Errors
    /// What cannot, and why.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.url()?;
        self.header_map()?;
        Ok(())
    }

    /// Where requests go; it holds no secret.
    ///
    /// # Errors
    /// When the base URL cannot be used.
    pub fn url(&self) -> Result<String, ConfigError> {
        let bad = |reason: &str| ConfigError::BaseUrl { reason: reason.into() };
        let url = Url::parse(self.base_url.trim()).map_err(|error| bad(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("the scheme must be https or http"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it holds a user name or password; the key has a field of its own"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it ends in a query or fragment"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no host"))?;
        if url.scheme() == "http" && !self.allow_clear_text && !is_loopback(&url) {
            return Err(ConfigError::ClearText { host: host.to_owned() });
        }
        let base = url.as_str().trim_end_matches('/');
        Ok(format!("{}/chat/completions", base.strip_suffix("/chat/completions").unwrap_or(base)))
    }

    /// Whether requests stay on this machine.
    pub(super) fn is_on_this_machine(&self) -> bool {
        Url::parse(self.base_url.trim()).is_ok_and(|url| is_loopback(&url))
    }

    pub(super) fn header_map(&self) -> Result<HeaderMap, ConfigError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.api_key {
            let is_key = !key.is_empty() && key.expose().bytes().all(|byte| byte.is_ascii_graphic());
            let value = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
            let mut value = value.ok().filter(|_| is_key).ok_or(ConfigError::UnusableKey)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        for (name, text) in &self.headers {
            let bad = || ConfigError::Header { name: name.clone() };
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            let mut value = HeaderValue::from_str(text.expose()).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(headers)
    }

    /// Cuts every secret out of a text of the endpoint.
    pub(super) fn redact(&self, text: &str) -> String {
        let secrets = self.api_key.iter().chain(self.headers.iter().map(|(_, secret)| secret));
        let long = secrets.filter(|secret| secret.expose().len() >= 4);
        long.fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "(hidden)"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str) -> Result<String, ConfigError> {
        OpenAiConfig::new("test", base).url()
    }

    #[test]
    fn the_path_follows_every_way_to_write_the_base_url() {
        let wanted = "https://api.smallest.ai/waves/v1/chat/completions";
        for base in [ELECTRON_URL, "https://api.smallest.ai/waves/v1/", wanted] {
            assert_eq!(url(base).unwrap(), wanted, "{base}");
        }
        assert_eq!(url(OLLAMA_URL).unwrap(), "http://localhost:11434/v1/chat/completions");
    }

    #[test]
    fn clear_text_stays_on_this_machine_unless_allowed() {
        assert!(matches!(url("http://models.example/v1"), Err(ConfigError::ClearText { .. })));
        assert!(url("http://127.0.0.1:8000/v1").is_ok() && url("http://[::1]:8000/v1").is_ok());
        let config =
            OpenAiConfig { allow_clear_text: true, ..OpenAiConfig::new("test", "http://10.0.0.2:8000/v1") };
        assert!(config.check().is_ok());
    }

    #[test]
    fn addresses_that_hide_something_are_refused() {
        for base in ["", "api.openai.com", "ftp://a/v1", "https://me:pw@a/v1", "https://a/v1?key=1"] {
            assert!(matches!(url(base), Err(ConfigError::BaseUrl { .. })), "{base}");
        }
    }

    #[test]
    fn the_key_shows_itself_nowhere() {
        let mut config = OpenAiConfig::new("test", OPENAI_URL);
        config.api_key = Some("sk-sesame".into());
        config.headers.push(("api-key".into(), "open-sesame".into()));
        let headers = config.header_map().unwrap();
        assert_eq!(headers.len(), 2);
        assert!(!format!("{config:?} {headers:?}").contains("sesame"));
        assert_eq!(config.redact("bad key sk-sesame"), "bad key (hidden)");
        config.api_key = Some("two\nlines".into());
        assert_eq!(config.check(), Err(ConfigError::UnusableKey));
    }
}
