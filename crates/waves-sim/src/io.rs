//! One wait on a socket: for whatever it is ready for first.
//!
//! Sending comes before flushing and flushing before reading, and none of them waits for another.

use std::{future::poll_fn, pin::Pin, task::Context, task::Poll};

use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message},
};

use crate::stream::Stream;

/// What a socket is ready for, or what became of it.
pub(crate) enum IoEvent {
    Message(Message),
    /// There is room for one message.
    MayWrite,
    Flushed,
    Failed(Error),
    Ended,
}

/// What is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Messages,
    /// Bytes, to be thrown away.
    Discard,
    Nothing,
}

/// The socket for one wait.
pub(crate) struct Io<'a> {
    pub(crate) socket: &'a mut WebSocketStream<Stream>,
    pub(crate) may_send: bool,
    pub(crate) flush: bool,
    pub(crate) reads: Reads,
}

impl Io<'_> {
    /// The next event. Cancel safe: nothing is taken without being returned.
    pub(crate) async fn next(mut self) -> IoEvent {
        poll_fn(move |cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<IoEvent> {
        let mut socket = Pin::new(&mut *self.socket);
        if self.may_send
            && let Poll::Ready(result) = socket.as_mut().poll_ready(cx)
        {
            return Poll::Ready(result.map_or_else(IoEvent::Failed, |()| IoEvent::MayWrite));
        }
        if self.flush
            && let Poll::Ready(result) = socket.as_mut().poll_flush(cx)
        {
            return Poll::Ready(result.map_or_else(IoEvent::Failed, |()| IoEvent::Flushed));
        }
        match self.reads {
            Reads::Nothing => Poll::Pending,
            Reads::Discard => self.poll_discard(cx),
            Reads::Messages => socket.poll_next(cx).map(|next| match next {
                Some(Ok(message)) => IoEvent::Message(message),
                Some(Err(error)) => IoEvent::Failed(error),
                None => IoEvent::Ended,
            }),
        }
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<IoEvent> {
        let mut bytes = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(self.socket.get_mut()).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(IoEvent::Ended),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(IoEvent::Failed(error.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
