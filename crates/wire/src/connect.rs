//! From a request to a byte stream: name, TCP, TLS.
//!
//! [`Connector`] is the seam: the driver upgrades whatever stream it gives, so a test hands it one end of
//! `tokio::io::duplex` and runs under paused time. [`TcpConnector`] is the real one.
//! 1. Every address a name has is tried, the next one after 250 ms or as soon as one fails: an IPv6
//!    network that swallows packets costs a quarter second, not the whole connect deadline.
//! 2. `TCP_NODELAY` is set: a 20 ms audio frame must not wait for the acknowledgement of the last one.
//! 3. The deadline is the driver's (`WireConfig::connect_within`); dropping the future gives up at once.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt as _},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::TlsConnector;
use url::Host;

use crate::{error::ConnectError, session::Request, target::Target, tls};

/// How long one address is tried alone before the next one joins (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A two-way byte stream: TCP, TLS over it, or a pipe in a test.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens the byte stream a WebSocket will run over.
pub trait Connector: Send + Sync + fmt::Debug {
    /// Opens a stream to where the request leads, TLS included. The upgrade is the driver's.
    ///
    /// The future is dropped when the connect deadline has passed or the session gives it up.
    fn connect<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectError>>;
}

/// Connects over TCP, and TLS for `wss`.
#[derive(Clone, Default)]
pub struct TcpConnector {
    tls: Option<Arc<ClientConfig>>,
}

impl TcpConnector {
    /// With the process's shared TLS configuration ([`tls::shared`]), built at the first `wss`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a TLS configuration of one's own.
    #[must_use]
    pub fn with_tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    async fn open(&self, request: &Request) -> Result<Box<dyn Stream>, ConnectError> {
        let target = Target::of(request)?;
        tracing::debug!(to = target.authority(), tls = target.tls, "connecting");
        let tcp = dial(addresses(&target).await?).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        if !target.tls {
            return Ok(Box::new(tcp));
        }
        let config = self.tls.clone().unwrap_or_else(tls::shared);
        let name = server_name(&target.host)?;
        match TlsConnector::from(config).connect(name, tcp).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(tls_failure(error)),
        }
    }
}

impl fmt::Debug for TcpConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConnector").field("own_tls", &self.tls.is_some()).finish()
    }
}

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectError>> {
        Box::pin(self.open(request))
    }
}

async fn addresses(target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match &target.host {
        Host::Ipv4(ip) => return Ok(vec![SocketAddr::from((*ip, target.port))]),
        Host::Ipv6(ip) => return Ok(vec![SocketAddr::from((*ip, target.port))]),
        Host::Domain(name) => name,
    };
    let found = lookup_host((name.as_str(), target.port)).await.map_err(unreachable)?;
    Ok(found.collect())
}

/// Tries the addresses in their order, each a head start after the one before; the first to answer wins.
async fn dial(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut trying = FuturesUnordered::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        let more = match waiting.next() {
            Some(address) => {
                trying.push(TcpStream::connect(address));
                waiting.len() > 0
            }
            None if trying.is_empty() => return Err(last),
            None => false,
        };
        tokio::select! {
            Some(result) = trying.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            },
            () = tokio::time::sleep(HEAD_START), if more => {}
        }
    }
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, ConnectError> {
    match host {
        Host::Ipv4(ip) => Ok(ServerName::from(std::net::IpAddr::from(*ip))),
        Host::Ipv6(ip) => Ok(ServerName::from(std::net::IpAddr::from(*ip))),
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|_| ConnectError::BadAddress { reason: format!("{name} is no host name for TLS") }),
    }
}

/// What the TLS library objects to is `Tls`; a line that broke meanwhile is not.
fn tls_failure(error: io::Error) -> ConnectError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(reason) => ConnectError::Tls { reason: reason.to_string() },
        None => ConnectError::Unreachable { reason: format!("during the TLS handshake: {error}") },
    }
}

fn unreachable(error: io::Error) -> ConnectError {
    ConnectError::Unreachable { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_refuses() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let there = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = there.local_addr().unwrap();
        let stream = dial(vec![gone, gone, address]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert_eq!(dial(vec![gone]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(dial(Vec::new()).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
