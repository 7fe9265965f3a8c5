//! The simulator's handle and its accept loop.
//!
//! One task accepts; it owns a task for each connection, so that dropping the handle ends them all.

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

use crate::config::SimConfig;
use crate::fault::Fault;
use crate::log::{Log, LogEntry};
use crate::shared::Shared;

/// Connections served at once, whatever they are; more wait to be accepted.
const MAX_CONNECTIONS: usize = 4_096;

/// How long a shutdown waits for clients to say goodbye.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// A running simulator of the Waves service on 127.0.0.1. Dropping it stops everything at once.
#[derive(Debug)]
#[must_use = "dropping the simulator stops it"]
pub struct WavesSim {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
}

/// Why a simulator could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The port is taken or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// Which port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The log file cannot be opened.
    #[error("cannot open the log file")]
    LogFile(#[source] io::Error),
    /// The key could not be sent in a header.
    #[error("the key must be visible ASCII without spaces")]
    BadKey,
}

impl WavesSim {
    /// Starts listening.
    ///
    /// # Errors
    /// A port that is taken, a log file that cannot be opened, a key no header can carry.
    pub async fn start(config: SimConfig) -> Result<Self, SimError> {
        let is_sound = |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !config.api_key.as_ref().is_none_or(is_sound) {
            return Err(SimError::BadKey);
        }
        let listen = |source| SimError::Listen { port: config.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await.map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        let log = Log::new(&config.limits, config.log_file.as_deref()).map_err(SimError::LogFile)?;
        let shared = Arc::new(Shared::new(config, log));
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, shared.clone(), stopped));
        Ok(Self { port, shared, stop: Some(stop), accepting })
    }

    /// `ws://127.0.0.1:PORT`, with the path prefix if one is set: a client's base URL.
    #[must_use]
    pub fn url(&self) -> String {
        let prefix = self.shared.config.path_prefix.trim_end_matches('/');
        format!("ws://127.0.0.1:{}{prefix}", self.port)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The key clients must present.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.shared.api_key.as_str()
    }

    /// What happened so far, in order.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared.log.snapshot()
    }

    /// Entries no longer in memory because there were too many.
    #[must_use]
    pub fn dropped_log_entries(&self) -> u64 {
        self.shared.log.dropped()
    }

    /// The first log entry that fits, past or to come within `limit`.
    pub async fn wait_for_log(
        &self,
        limit: Duration,
        fits: impl FnMut(&LogEntry) -> bool,
    ) -> Option<LogEntry> {
        self.shared.log.wait_for(limit, fits).await
    }

    /// How many sessions are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.open_connections()
    }

    /// Adds a fault for connections to come.
    pub fn inject(&self, fault: Fault) {
        self.shared.add_fault(fault);
    }

    /// Puts a fault on the connections that are open now and returns how many took it. What is said of
    /// beginnings means nothing then, except `close`, which closes; `nth` and `count` are not looked at.
    pub fn inject_now(&self, fault: &Fault) -> usize {
        self.shared.order_fault(fault)
    }

    /// Takes all faults away from connections to come.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// Stops accepting, closes every socket with 1001 and waits up to 3 s for clients to answer.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // It has already ended when nobody listens.
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(2 * SHUTDOWN_TIMEOUT, &mut self.accepting).await;
    }
}

impl Drop for WavesSim {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    let mut next_id = 1;
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(crate::arrival::serve(stream, next_id, shared.clone()));
                    next_id += 1;
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end give some back.
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    shared.order_shutdown();
    let goodbyes = async { while connections.join_next().await.is_some() {} };
    // Those that did not answer are aborted with the set.
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, goodbyes).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}
