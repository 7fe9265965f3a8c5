//! The simulator's handle and its accept loop.
//!
//! One task accepts, TCP connections and streams that are handed over; it owns a task for each, so that
//! dropping the handle ends them all.

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};

use crate::config::SimConfig;
use crate::fault::Fault;
use crate::log::{Log, LogEntry};
use crate::shared::Shared;
use crate::stream::Stream;

/// Connections served at once, whatever they are; more wait to be accepted.
const MAX_CONNECTIONS: usize = 4_096;

/// Streams handed over that may wait to be served; who hands over one more waits.
const WAITING_STREAMS: usize = 16;

/// How long a shutdown waits for clients to say goodbye.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// A running simulator of the Waves service, on 127.0.0.1 or in memory. Dropping it stops everything at once.
#[derive(Debug)]
#[must_use = "dropping the simulator stops it"]
pub struct WavesSim {
    port: Option<u16>,
    shared: Arc<Shared>,
    streams: mpsc::Sender<Stream>,
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
        check_key(&config)?;
        let listen = |source| SimError::Listen { port: config.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await.map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        Self::run(config, Some((listener, port)))
    }

    /// Starts without a socket: clients come by [`serve_stream`](Self::serve_stream) only. This is for
    /// paused time, which must not run over a real socket. Needs a tokio runtime with time.
    ///
    /// # Errors
    /// A log file that cannot be opened, a key no header can carry.
    pub fn start_in_memory(config: SimConfig) -> Result<Self, SimError> {
        check_key(&config)?;
        Self::run(config, None)
    }

    fn run(config: SimConfig, listener: Option<(TcpListener, u16)>) -> Result<Self, SimError> {
        let log = Log::new(&config.limits, config.log_file.as_deref()).map_err(SimError::LogFile)?;
        let shared = Arc::new(Shared::new(config, log));
        let (listener, port) = listener.unzip();
        let (stop, stopped) = oneshot::channel();
        let (streams, handed_over) = mpsc::channel(WAITING_STREAMS);
        let arrivals = Arrivals { listener, handed_over };
        let accepting = tokio::spawn(accept(arrivals, shared.clone(), stopped));
        Ok(Self { port, shared, streams, stop: Some(stop), accepting })
    }

    /// Serves a client over this stream, from the request's head on, as over a TCP connection: give the
    /// simulator one end of a `tokio::io::duplex` and a client the other. Waits while too many are served.
    ///
    /// A simulator that has stopped drops the stream.
    pub async fn serve_stream(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        // Its client sees the end of the stream, as of any server that is gone.
        let _ = self.streams.send(Stream::Memory(Box::new(stream))).await;
    }

    /// `ws://127.0.0.1:PORT`, with the path prefix if one is set: a client's base URL. Without a port when
    /// it listens on none: a client's connector decides then.
    #[must_use]
    pub fn url(&self) -> String {
        let prefix = self.shared.config.path_prefix.trim_end_matches('/');
        match self.port {
            Some(port) => format!("ws://127.0.0.1:{port}{prefix}"),
            None => format!("ws://127.0.0.1{prefix}"),
        }
    }

    /// The port it listens on; 0 in memory.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(0)
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

fn check_key(config: &SimConfig) -> Result<(), SimError> {
    let is_sound = |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    if config.api_key.as_ref().is_none_or(is_sound) { Ok(()) } else { Err(SimError::BadKey) }
}

/// Where clients come from.
struct Arrivals {
    listener: Option<TcpListener>,
    handed_over: mpsc::Receiver<Stream>,
}

impl Arrivals {
    /// The next client. Cancel safe.
    async fn next(&mut self) -> io::Result<Stream> {
        let tcp = async {
            match &self.listener {
                Some(listener) => listener.accept().await.map(|(stream, _)| Stream::tcp(stream)),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = tcp => accepted,
            Some(stream) = self.handed_over.recv() => Ok(stream),
        }
    }
}

async fn accept(mut arrivals: Arrivals, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    let mut next_id = 1;
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(ended) = connections.join_next() => report(ended),
            arrived = arrivals.next(), if connections.len() < MAX_CONNECTIONS => match arrived {
                Ok(stream) => {
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
    drop(arrivals);
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
