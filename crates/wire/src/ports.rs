//! Where commands come from and where events go: two small traits, and both for tokio's channels.
//!
//! They are polled rather than awaited, so that the driver waits for everything at one place and drops no
//! half-done send. A pipeline's own lanes implement them directly.

use std::{
    fmt,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::{
    self, OwnedPermit,
    error::{SendError, TrySendError},
};

/// A source of commands.
pub trait Commands: Send {
    /// What it gives.
    type Command;

    /// The next command; `None` once and for all when no more will come. On `Pending` it wakes the task
    /// when there is one.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::Command>>;
}

impl<C: Send> Commands for mpsc::Receiver<C> {
    type Command = C;

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<C>> {
        self.poll_recv(cx)
    }
}

/// A receiver of events.
pub trait Events<E>: Send {
    /// Whether one event can be taken now: `true`, or `false` once and for all when nobody listens any
    /// more. On `Pending` it wakes the task when it is ready.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool>;

    /// Takes one event, right after `poll_ready` gave `true`.
    fn send(&mut self, event: E);
}

/// A bounded tokio channel as a receiver of events. It holds one place of the channel in reserve.
pub struct Outbox<E> {
    state: State<E>,
}

enum State<E> {
    Idle(mpsc::Sender<E>),
    Waiting(BoxFuture<'static, Result<OwnedPermit<E>, SendError<()>>>),
    Ready(OwnedPermit<E>),
    /// Nobody listens.
    Closed,
}

impl<E: Send + 'static> Outbox<E> {
    /// Events go to this channel, each as soon as there is room.
    #[must_use]
    pub fn new(sender: mpsc::Sender<E>) -> Self {
        Self { state: State::Idle(sender) }
    }
}

impl<E: Send + 'static> From<mpsc::Sender<E>> for Outbox<E> {
    fn from(sender: mpsc::Sender<E>) -> Self {
        Self::new(sender)
    }
}

impl<E> fmt::Debug for Outbox<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle(_) => "idle",
            State::Waiting(_) => "waiting",
            State::Ready(_) => "ready",
            State::Closed => "closed",
        };
        f.debug_tuple("Outbox").field(&state).finish()
    }
}

impl<E: Send + 'static> Events<E> for Outbox<E> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Closed) {
                State::Idle(sender) => match sender.try_reserve_owned() {
                    Ok(permit) => State::Ready(permit),
                    Err(TrySendError::Full(sender)) => State::Waiting(Box::pin(sender.reserve_owned())),
                    Err(TrySendError::Closed(_)) => State::Closed,
                },
                State::Waiting(mut reserve) => match reserve.as_mut().poll(cx) {
                    Poll::Ready(Ok(permit)) => State::Ready(permit),
                    Poll::Ready(Err(SendError(()))) => State::Closed,
                    Poll::Pending => {
                        self.state = State::Waiting(reserve);
                        return Poll::Pending;
                    }
                },
                State::Ready(permit) => {
                    self.state = State::Ready(permit);
                    return Poll::Ready(true);
                }
                State::Closed => return Poll::Ready(false),
            };
        }
    }

    fn send(&mut self, event: E) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Ready(permit) => self.state = State::Idle(permit.send(event)),
            // Not asked for readiness first: the event has no place. Keep the state, lose the event.
            other => self.state = other,
        }
    }
}

/// Events for nobody: each is dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ignore;

impl<E> Events<E> for Ignore {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(true)
    }

    fn send(&mut self, _: E) {}
}
