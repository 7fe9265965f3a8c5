//! Connections, shared by every session of the process.
//!
//! 1. One pool unless told otherwise: a new session finds a connection open. Over HTTP/2 all its answers share
//!    one, and a barge-in costs the stream, not the connection.
//! 2. TLS is the WebSockets' own configuration ([`voxline_wire::tls`]): ring, the machine's roots, read once,
//!    and nothing that depends on a process-wide default.
//! 3. What runs on this machine is never asked through a proxy, whatever the environment says: a proxy would have
//!    the conversation and the key in clear text.
//! 4. No redirect is followed: a key goes where it was meant to go.
//!
//! A pool belongs to the runtime that uses it first: connections die with it. Tests make their own.

use std::{fmt, sync::OnceLock, time::Duration};

use super::ConfigError;

/// How connections are opened and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// From the start of a connect (name, TCP, TLS) to its end. 3 s.
    pub connect_within: Duration,
    /// How long a connection without use is kept. 90 s.
    pub idle: Duration,
    /// Whether `HTTPS_PROXY` and its kin are honoured, for other machines than this one. They are.
    pub proxy: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { connect_within: Duration::from_secs(3), idle: Duration::from_secs(90), proxy: true }
    }
}

/// A pool of connections. Cloning shares it.
#[derive(Clone)]
pub struct HttpPool {
    client: reqwest::Client,
    /// For this machine.
    direct: reqwest::Client,
}

impl HttpPool {
    /// A pool of its own.
    ///
    /// # Errors
    /// [`ConfigError::Pool`] when the HTTP client cannot be made of it.
    pub fn new(config: &PoolConfig) -> Result<Self, ConfigError> {
        let mut tls = (*voxline_wire::tls::shared()).clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let builder = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .connect_timeout(config.connect_within)
                .pool_idle_timeout(config.idle)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(Duration::from_secs(5))
                .http2_keep_alive_timeout(Duration::from_secs(5))
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .user_agent(concat!("voxline/", env!("CARGO_PKG_VERSION")))
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| ConfigError::Pool { reason: error.to_string() })
        };
        let direct = build(builder().no_proxy())?;
        let client = if config.proxy { build(builder())? } else { direct.clone() };
        Ok(Self { client, direct })
    }

    /// The process's pool, made on first use.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn shared() -> Result<Self, ConfigError> {
        static SHARED: OnceLock<Result<HttpPool, ConfigError>> = OnceLock::new();
        SHARED.get_or_init(|| Self::new(&PoolConfig::default())).clone()
    }

    /// The connections to this machine, or to others.
    pub(super) fn client(&self, to_this_machine: bool) -> &reqwest::Client {
        if to_this_machine { &self.direct } else { &self.client }
    }
}

impl fmt::Debug for HttpPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpPool")
    }
}
