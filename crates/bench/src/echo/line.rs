//! A caller's socket, shared by the task that reads it and the last stage, which writes it.
//!
//! 1. A frame is written where it comes out of the pipeline: by one system call, without waking another task.
//! 2. Nobody waits under the lock. What the kernel does not take at once, the reader's task writes when it can.
//! 3. What waits to be written has a bound; beyond it the newest audio is dropped and counted.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Error, Message, protocol::WebSocketConfig},
};

/// A message is 168 bytes with its header; six of them in one read are as many as a stalled call ever has.
const READ_BUFFER: usize = 1024;
/// A second of audio may wait to be written.
const WRITE_BOUND: usize = 50 * 164;

/// A caller's socket.
#[derive(Clone)]
// Reader and writer are stages of one call on different tasks, and the WebSocket has one state. The lock is held
// for one read or one write, never while anything waits.
pub(crate) struct Line(Arc<Mutex<Shared>>);

struct Shared {
    socket: WebSocketStream<TcpStream>,
    /// The reader's task, woken when the kernel takes more.
    reader: Waker,
    /// Something waits to be written.
    behind: bool,
    /// Frames that found no room.
    dropped: u64,
}

/// The bounds of the library's buffers, for every subject of the bench alike.
pub(crate) fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BOUND)
        .max_message_size(Some(8 * 1024))
        .max_frame_size(Some(8 * 1024))
}

impl Line {
    /// Answers the caller's upgrade.
    pub(crate) async fn accept(stream: TcpStream) -> Result<Self, Error> {
        let socket = accept_async_with_config(stream, Some(socket_config())).await?;
        let reader = Waker::noop().clone();
        Ok(Self(Arc::new(Mutex::new(Shared { socket, reader, behind: false, dropped: 0 }))))
    }

    /// The next audio of the caller; `None` when the call is over.
    pub(crate) async fn hear(&self) -> Option<Bytes> {
        std::future::poll_fn(|cx| self.poll_hear(cx)).await
    }

    fn poll_hear(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut shared = self.shared();
        if !shared.reader.will_wake(cx.waker()) {
            shared.reader = cx.waker().clone();
        }
        if shared.behind {
            shared.behind = shared.socket.poll_flush_unpin(cx).is_pending();
        }
        loop {
            match std::task::ready!(shared.socket.poll_next_unpin(cx)) {
                Some(Ok(Message::Binary(bytes))) => return Poll::Ready(Some(bytes)),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Poll::Ready(None),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Writes audio to the caller, as far as the kernel takes it.
    pub(crate) fn say(&self, bytes: Bytes) {
        let shared = &mut *self.shared();
        match shared.socket.start_send_unpin(Message::Binary(bytes)) {
            Ok(()) => {
                let mut cx = Context::from_waker(&shared.reader);
                shared.behind = shared.socket.poll_ready_unpin(&mut cx).is_pending();
            }
            Err(Error::WriteBufferFull(_)) => shared.dropped += 1,
            // The call is over: the reader hears of it.
            Err(_) => {}
        }
    }

    /// How many frames found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared().dropped
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
