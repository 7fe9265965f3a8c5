//! One connection from its request to its end, as one value that the driver polls.
//!
//! In: messages and the wish to close. Out, in this order: one `Opened` or `Failed`; after `Opened` any
//! number of `Message`, then one `Closed`. Messages may be given before it is open; they wait in its queue.
//!
//! It is no task: it lives in the driver's, so that its queue needs no lock, a full queue is seen at
//! once, a dropped driver leaves nothing behind, and a message costs no second wake-up.

use std::{
    task::{Context, Poll, ready},
    time::Instant,
};

use futures_util::future::BoxFuture;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::{
    config::WireConfig,
    error::{CloseReason, ConnectError},
    meter::Meter,
    outgoing::{Outgoing, size},
    session::{ConnectionId, Happened, Message, Request},
    socket::{Socket, WebSocket},
    upgrade::upgrade,
};

pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    stage: Stage,
    queue: Outgoing,
    close_asked: bool,
    /// The size of a message given to us that is over the limit.
    too_large: Option<usize>,
    config: WireConfig,
}

enum Stage {
    Connecting(BoxFuture<'static, Result<WebSocket, ConnectError>>),
    Open(Box<Socket>),
}

impl Connection {
    /// Begins to connect. Nothing happens before the first poll.
    pub(crate) fn new(id: ConnectionId, request: Box<Request>, config: &WireConfig) -> Self {
        config.stats.connecting();
        Self {
            id,
            stage: Stage::Connecting(Box::pin(open(request, config.clone()))),
            queue: Outgoing::new(config.queue_messages, config.queue_bytes),
            close_asked: false,
            too_large: None,
            config: config.clone(),
        }
    }

    /// Whether a message can be given now: it fits the queue, or would not be written anyway.
    pub(crate) fn has_room(&self, message: &Message) -> bool {
        !self.takes() || self.queue.has_room(message)
    }

    /// Takes a message to write after all others.
    pub(crate) fn send(&mut self, message: Message) {
        if !self.takes() {
            self.config.stats.dropped(1);
        } else if size(&message) > self.config.max_message {
            self.config.stats.dropped(1);
            self.too_large.get_or_insert(size(&message));
        } else {
            self.queue.push(message);
        }
    }

    /// Closes after all messages given so far.
    pub(crate) fn close(&mut self) {
        self.close_asked = true;
        if let Stage::Open(socket) = &mut self.stage {
            socket.close();
        }
    }

    /// Ends it now; what waits is dropped. Gives what there is to tell.
    pub(crate) fn abort(self) -> Happened {
        match self.stage {
            Stage::Connecting(_) => Happened::Failed(ConnectError::Cancelled),
            Stage::Open(_) => {
                self.config.stats.closed();
                Happened::Closed(CloseReason::Local)
            }
        }
    }

    /// Does what can be done now. After `Failed` or `Closed` it is not polled again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Happened> {
        let happened = match &mut self.stage {
            Stage::Connecting(opening) => {
                if self.close_asked && self.queue.is_empty() {
                    return Poll::Ready(Happened::Failed(ConnectError::Cancelled));
                }
                match ready!(opening.as_mut().poll(cx)) {
                    Ok(ws) => self.opened(ws, now),
                    Err(error) => Happened::Failed(error),
                }
            }
            Stage::Open(socket) => match self.too_large.take() {
                Some(size) => {
                    socket.leave(cx, CloseCode::Away);
                    Happened::Closed(CloseReason::TooLarge { size, limit: self.config.max_message })
                }
                None => ready!(socket.poll(cx, &mut self.queue, now)),
            },
        };
        if matches!(happened, Happened::Closed(_)) {
            self.config.stats.closed();
        }
        Poll::Ready(happened)
    }

    /// When to poll again, if nothing moves before. A connect keeps its own time.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Connecting(_) => None,
            Stage::Open(socket) => Some(socket.wake_at()),
        }
    }

    fn opened(&mut self, ws: WebSocket, now: Instant) -> Happened {
        let WireConfig { liveness, close_within, stats, .. } = &self.config;
        stats.opened();
        let mut socket = Socket::new(ws, *liveness, *close_within, stats.clone(), now);
        if self.close_asked {
            socket.close();
        }
        self.stage = Stage::Open(Box::new(socket));
        Happened::Opened
    }

    fn takes(&self) -> bool {
        let writes = match &self.stage {
            Stage::Connecting(_) => true,
            Stage::Open(socket) => socket.may_write(),
        };
        writes && !self.close_asked && self.too_large.is_none()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.config.stats.dropped(self.queue.len());
    }
}

async fn open(request: Box<Request>, config: WireConfig) -> Result<WebSocket, ConnectError> {
    let connecting = async {
        let stream = config.connector.connect(&request).await?;
        upgrade(Meter::new(stream), &request, config.socket()).await
    };
    match tokio::time::timeout(config.connect_within, connecting).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::TimedOut { after: config.connect_within }),
    }
}
