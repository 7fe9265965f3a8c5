//! Running a service beside a stage: its jobs, its command queue, its event handlers.
//!
//! The stage must not wait, and the service must not be waited for. Commands go through a bounded channel;
//! what does not fit stays in a backlog here, in order, and goes when the service has taken some.

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{ConnectionEvent, ConnectionEvents, ServiceIo, ServiceName, ServiceResult};
use crate::{
    error::{Error, ServiceError},
    frame::Metric,
    pipeline::Context,
    ring::Ring,
};

/// Commands and events that may be on their way.
const CHANNEL: usize = 64;
/// Connection events that may wait for a slow handler before the oldest is dropped.
const HANDLER_BOUND: usize = 64;

/// How long handlers of connection events may take for what is left when the service is gone.
const HANDLERS_DEADLINE: Duration = Duration::from_secs(1);

/// What comes back from a hosted service.
#[derive(Debug)]
pub(super) enum FromService<E> {
    Event(E),
    /// There is room for commands again.
    Room,
    /// Its run is over; nothing more comes of it.
    Finished(ServiceResult),
    /// The handlers have had all connection events, or took too long. Comes once, after `Finished`.
    Delivered,
}

/// A service that runs beside its stage.
#[derive(Debug)]
pub(super) struct Hosted<C> {
    commands: mpsc::Sender<C>,
    backlog: VecDeque<C>,
    awaiting_room: bool,
    handlers: Arc<Ring<ConnectionEvent>>,
    /// Tells the handlers' job that no more events come, when it is dropped.
    _open: oneshot::Sender<()>,
    connects: u64,
}

impl<C: Send + 'static> Hosted<C> {
    /// Starts the service's jobs.
    pub(super) fn start<E, F>(
        ctx: &mut Context<'_>,
        events: ConnectionEvents,
        run: impl FnOnce(ServiceIo<C, E>) -> F,
    ) -> Self
    where
        E: Send + 'static,
        F: Future<Output = ServiceResult> + Send + 'static,
    {
        let (commands, command_receiver) = mpsc::channel(CHANNEL);
        let (event_sender, event_receiver) = mpsc::channel(CHANNEL);
        let (done, outcome) = oneshot::channel();
        let run = run(ServiceIo { commands: command_receiver, events: event_sender });
        ctx.spawn_surviving(|_| async move {
            // The receiver goes only when the whole stage goes.
            let _ = done.send(run.await);
            Ok(())
        });
        ctx.spawn_surviving(|output| forward(event_receiver, outcome, output));
        let handlers = Arc::new(Ring::new(HANDLER_BOUND));
        let (open, closed) = oneshot::channel();
        let ring = handlers.clone();
        ctx.spawn_surviving(|output| deliver(ring, events, closed, output));
        Self { commands, backlog: VecDeque::new(), awaiting_room: false, handlers, _open: open, connects: 0 }
    }

    /// Gives the service a command, after all earlier ones.
    pub(super) fn send(&mut self, command: C, ctx: &mut Context<'_>) {
        self.backlog.push_back(command);
        self.flush(ctx);
    }

    /// Passes on what fits. Call it on [`FromService::Room`].
    pub(super) fn room(&mut self, ctx: &mut Context<'_>) {
        self.awaiting_room = false;
        self.flush(ctx);
    }

    /// Hands a connection event to the handlers, and counts connections opened anew.
    pub(super) fn handle(&mut self, event: ConnectionEvent, ctx: &mut Context<'_>) {
        if matches!(event, ConnectionEvent::Connected) {
            self.connects += 1;
            if self.connects > 1 {
                ctx.measure(Metric::Reconnects { stage: ctx.stage(), count: self.connects - 1 });
            }
        }
        self.handlers.push(event);
    }

    /// The service is gone: lets the handlers finish. [`FromService::Delivered`] follows.
    pub(super) fn close(self) {
        self.handlers.close();
    }

    /// The commands the service has not taken yet.
    pub(super) fn backlog(&mut self) -> &mut VecDeque<C> {
        &mut self.backlog
    }

    fn flush(&mut self, ctx: &mut Context<'_>) {
        if self.awaiting_room {
            return;
        }
        while let Some(command) = self.backlog.pop_front() {
            match self.commands.try_send(command) {
                Ok(()) => {}
                // The service is gone; its end is reported where it ended.
                Err(mpsc::error::TrySendError::Closed(_)) => self.backlog.clear(),
                Err(mpsc::error::TrySendError::Full(command)) => {
                    self.backlog.push_front(command);
                    self.await_room(ctx);
                    return;
                }
            }
        }
    }

    fn await_room(&mut self, ctx: &mut Context<'_>) {
        self.awaiting_room = true;
        let commands = self.commands.clone();
        ctx.spawn_surviving(|output| async move {
            // The permit is given back at once: the stage itself sends, in order.
            let _ = commands.reserve().await;
            output.send(FromServiceRoom).await
        });
    }
}

/// How a stage and its service part: the run is over, then the handlers have heard everything, then the end
/// may pass. Why a service gave up is reported last, for it may end the session.
#[derive(Debug)]
pub(super) struct Parting {
    over: bool,
    ending: bool,
    gave_up: Option<ServiceError>,
}

impl Default for Parting {
    /// No service runs yet.
    fn default() -> Self {
        Self { over: true, ending: false, gave_up: None }
    }
}

impl Parting {
    /// A service runs.
    pub(super) fn begin(&mut self) {
        self.over = false;
    }

    /// The service has been told that the end is near.
    pub(super) fn end(&mut self) {
        self.ending = true;
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    /// Whether nothing of a service is waited for.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// The run is over.
    pub(super) fn finished(&mut self, outcome: ServiceResult, service: &ServiceName, ctx: &mut Context<'_>) {
        match outcome {
            Err(error) => self.gave_up = Some(error),
            Ok(()) if !self.ending => {
                let what = format!("{service} stopped before the end of the session");
                ctx.report(Error::Unusable { what });
            }
            Ok(()) => {}
        }
    }

    /// The handlers have heard everything.
    pub(super) fn delivered(&mut self, ctx: &mut Context<'_>) {
        self.over = true;
        if let Some(error) = self.gave_up.take() {
            ctx.report(error);
        }
        ctx.finish_end();
    }
}

/// Sent by the job that waits for room; apart from [`FromService`] because it knows no event type.
#[derive(Debug)]
pub(super) struct FromServiceRoom;

/// Sent by the handlers' job, likewise.
#[derive(Debug)]
struct FromServiceDelivered;

/// What a job of a hosted service sent.
pub(super) fn receive<E: 'static>(event: crate::Event) -> Result<FromService<E>, Error> {
    let event = match event.downcast::<FromServiceRoom>() {
        Ok(FromServiceRoom) => return Ok(FromService::Room),
        Err(event) => event,
    };
    match event.downcast::<FromServiceDelivered>() {
        Ok(FromServiceDelivered) => Ok(FromService::Delivered),
        Err(event) => event
            .downcast()
            .map_err(|_| Error::Unusable { what: "a service stage got an item it does not know".into() }),
    }
}

/// Hands connection events to the handlers, one after the other.
async fn deliver(
    ring: Arc<Ring<ConnectionEvent>>,
    events: ConnectionEvents,
    closed: oneshot::Receiver<()>,
    output: crate::pipeline::JobOutput,
) -> Result<(), Error> {
    let all = async {
        while let Some(event) = ring.next().await {
            events.deliver(event).await;
        }
    };
    let late = async {
        // Nothing is ever sent: the other end goes when the service is gone.
        let _ = closed.await;
        tokio::time::sleep(HANDLERS_DEADLINE).await;
    };
    tokio::select! {
        biased;
        () = all => {}
        () = late => tracing::warn!(after = ?HANDLERS_DEADLINE, "a connection event handler did not finish"),
    }
    output.send(FromServiceDelivered).await
}

async fn forward<E: Send + 'static>(
    mut events: mpsc::Receiver<E>,
    outcome: oneshot::Receiver<ServiceResult>,
    output: crate::pipeline::JobOutput,
) -> Result<(), Error> {
    while let Some(event) = events.recv().await {
        output.send(FromService::Event(event)).await?;
    }
    // Without an outcome the run has panicked, which is reported as such.
    let Ok(outcome) = outcome.await else { return Ok(()) };
    output.send(FromService::<E>::Finished(outcome)).await
}
