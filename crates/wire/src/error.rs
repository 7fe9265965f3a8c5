//! Why a connection could not be opened, and why one ended.

use std::time::Duration;

/// Why a connection could not be opened.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not one a WebSocket can be opened to.
    #[error("cannot connect to this address: {reason}")]
    BadAddress {
        /// What is wrong with it.
        reason: String,
    },
    /// The server answered the upgrade with an HTTP status.
    #[error("refused with HTTP status {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body's beginning, as text, at most 1 KiB.
        body: String,
        /// The `Retry-After` header, when it held a number of seconds.
        retry_after: Option<Duration>,
    },
    /// Nobody answers there: name resolution, TCP refused, reset or unreachable.
    #[error("unreachable: {reason}")]
    Unreachable {
        /// What the system said.
        reason: String,
    },
    /// TLS failed: certificate or protocol.
    #[error("TLS failed: {reason}")]
    Tls {
        /// What went wrong.
        reason: String,
    },
    /// The handshake did not finish in time.
    #[error("no answer to the connect within {after:?}")]
    TimedOut {
        /// The connect deadline.
        after: Duration,
    },
    /// The peer does not speak WebSocket.
    #[error("the peer does not speak WebSocket: {reason}")]
    NotWebSocket {
        /// What was wrong with its answer.
        reason: String,
    },
    /// We gave it up before it was open: `Abort`, `Close` with nothing to send, or shutdown.
    #[error("given up before the connection was open")]
    Cancelled,
}

/// Why an open connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer sent a close frame (1005 when it carried no code).
    #[error("closed by the peer with code {code}{}{reason}", if reason.is_empty() { "" } else { ": " })]
    Peer {
        /// The WebSocket close code.
        code: u16,
        /// The reason the peer gave.
        reason: String,
    },
    /// We closed it, and the peer answered or its time ran out.
    #[error("closed by us")]
    Local,
    /// The stream ended without a close frame, or was reset.
    #[error("dropped without a close: {reason}")]
    Dropped {
        /// What the system said.
        reason: String,
    },
    /// The peer stopped reading: a write made no progress in time.
    #[error("the peer stopped reading: no write progress within {after:?}")]
    Stalled {
        /// The write deadline.
        after: Duration,
    },
    /// The peer stopped answering pings.
    #[error("the peer stopped answering: no pong within {after:?}")]
    Unresponsive {
        /// The pong deadline.
        after: Duration,
    },
    /// A message was larger than the limit.
    #[error("a message of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its size, as far as known.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The peer broke the WebSocket protocol.
    #[error("the peer broke the WebSocket protocol: {reason}")]
    Protocol {
        /// How.
        reason: String,
    },
}
