//! What a driver can be told: deadlines, bounds, how to connect, where to count.

use std::{sync::Arc, time::Duration};

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::{
    connect::{Connector, TcpConnector},
    liveness::LivenessPolicy,
    stats::WireStats,
};

/// Write buffer of a socket; it grows to this only when the stream takes nothing.
const WRITE_BUFFER: usize = 8 * 1024;
/// Room for frame headers and control frames beside a message.
const OVERHEAD: usize = 1024;

/// The configuration of a driver. Every field has a default that suits a live call.
///
/// A `Duration::MAX` switches a deadline off.
#[derive(Clone, Debug)]
pub struct WireConfig {
    /// How a stream is opened; [`TcpConnector`] by default.
    pub connector: Arc<dyn Connector>,
    /// From the start of a connect (name, TCP, TLS, upgrade) to its `Opened`. 10 s.
    pub connect_within: Duration,
    /// Pings and the write deadline: half-open is noticed within 9 s, a stalled write within 2 s.
    pub liveness: LivenessPolicy,
    /// From our close frame to the peer's. 2 s.
    pub close_within: Duration,
    /// From the end of the commands, the loss of the event receiver, or the session's being finished, to
    /// the return of the driver. 5 s.
    pub shutdown_within: Duration,
    /// The largest message, in either direction, in bytes; a larger one ends the connection as
    /// [`TooLarge`](crate::CloseReason::TooLarge). 4 MiB.
    pub max_message: usize,
    /// Messages that may wait to be written, for each connection. 256: 5 s of 20 ms audio frames.
    pub queue_messages: usize,
    /// Bytes that may wait to be written, for each connection; one message may exceed it, alone. 256 KiB.
    pub queue_bytes: usize,
    /// How much is read from a socket at a time, in bytes: taken by every open connection. Best a little more than
    /// a usual message; larger ones take more reads. 4 KiB.
    pub read_buffer: usize,
    /// Where to count. Keep a clone to read it.
    pub stats: WireStats,
}

impl Default for WireConfig {
    fn default() -> Self {
        Self {
            connector: Arc::new(TcpConnector::new()),
            connect_within: Duration::from_secs(10),
            liveness: LivenessPolicy::default(),
            close_within: Duration::from_secs(2),
            shutdown_within: Duration::from_secs(5),
            max_message: 4 * 1024 * 1024,
            queue_messages: 256,
            queue_bytes: 256 * 1024,
            read_buffer: 4 * 1024,
            stats: WireStats::new(),
        }
    }
}

impl WireConfig {
    /// The bounds of one socket. The write buffer can hold the largest message beside a full small buffer,
    /// and no more is ever put there: the queue before it waits until it has drained.
    pub(crate) fn socket(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(self.read_buffer)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(self.max_message.saturating_add(WRITE_BUFFER + OVERHEAD))
            .max_message_size(Some(self.max_message))
            .max_frame_size(Some(self.max_message))
    }
}
