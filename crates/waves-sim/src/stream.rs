//! What a client is served over: a TCP connection, or a stream in memory.
//!
//! Reads and writes are passed on as they are. The one difference: only TCP can be reset; a stream in
//! memory ends instead, which its client cannot tell from a drop.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Bytes both ways, of any kind.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// One client's stream.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Memory(Box<dyn ByteStream>),
}

impl Stream {
    /// A TCP connection, on which small messages do not wait for acknowledgements.
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        // Failing to set it costs only time.
        let _ = stream.set_nodelay(true);
        Self::Tcp(stream)
    }

    /// Makes its drop a reset, where there is such a thing.
    pub(crate) fn reset_on_drop(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_zero_linger(),
            Self::Memory(_) => Ok(()),
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut dyn ByteStream> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream),
            Self::Memory(stream) => Pin::new(&mut **stream),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Stream(tcp)",
            Self::Memory(_) => "Stream(memory)",
        })
    }
}
