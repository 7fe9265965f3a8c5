//! The supervisor of one session: the only one who starts and ends it.
//!
//! Start, end, cancel and abort each have a deadline. An end drains in order; when it takes too long, or
//! when a stage fails, every inbox is closed: stages that wait are dropped where they wait, and each is
//! stopped. What does not stop within the cancel deadline is aborted, and named.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep_until, timeout},
};

use super::{
    Outcome, SessionConfig,
    events::SessionEvent,
    shared::{Mark, Shared},
};
use crate::{error::Error, processor::after};

/// How a session ended; errors are shared because several may ask.
pub(crate) type Ended = Result<Outcome, Arc<Error>>;

/// The tasks of a session and their deadlines.
pub(crate) struct Supervisor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stages: JoinSet<()>,
    pub(crate) observers: JoinSet<()>,
    pub(crate) config: Deadlines,
}

/// The deadlines of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    start: Duration,
    end: Duration,
    end_limit: Duration,
    cancel: Duration,
}

impl From<&SessionConfig> for Deadlines {
    fn from(config: &SessionConfig) -> Self {
        Self {
            start: config.start_deadline,
            end: config.end_deadline,
            end_limit: config.end_limit,
            cancel: config.cancel_deadline,
        }
    }
}

impl Supervisor {
    /// Waits until every stage has started, then lets frames flow.
    pub(crate) async fn start(&mut self) -> Result<(), Arc<Error>> {
        let all = async {
            loop {
                match self.shared.read(|board| board.failure.clone()) {
                    Some(error) => return Err(error),
                    None if self.shared.without(Mark::Started).is_empty() => return Ok(()),
                    None => self.shared.news.notified().await,
                }
            }
        };
        let outcome = match timeout(self.config.start, all).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Arc::new(Error::TimedOut {
                what: "the start",
                after: self.config.start,
                stages: self.shared.without(Mark::Started),
            })),
        };
        if let Err(error) = outcome {
            self.shared.close();
            self.join().await;
            return Err(error);
        }
        self.shared.inboxes().iter().for_each(|inbox| inbox.open());
        self.shared.events.emit(SessionEvent::Started);
        Ok(())
    }

    /// Watches over the session until it is over.
    pub(crate) async fn run(mut self, outcome: watch::Sender<Option<Ended>>) {
        let mut ended = self.watch().await;
        self.shared.close();
        let stuck = self.join().await;
        if ended.is_ok()
            && let Some(error) = self.shared.read(|board| board.failure.clone())
        {
            // A stage failed while it was stopped.
            ended = Err(error);
        }
        if ended.is_ok() && !stuck.is_empty() {
            let after = self.config.cancel;
            ended = Err(Arc::new(Error::TimedOut { what: "the stop", after, stages: stuck }));
        }
        // Observers see what was shown to them; one that does not come to an end is left behind.
        let seen = async { while self.observers.join_next().await.is_some() {} };
        let _ = timeout(self.config.cancel, seen).await;
        self.shared.events.emit(SessionEvent::Finished(ended.clone()));
        self.shared.events.close();
        outcome.send_replace(Some(ended));
    }

    /// Waits for a reason to end.
    async fn watch(&self) -> Ended {
        let mut since: Option<Instant> = None;
        loop {
            let now = tokio::time::Instant::now().into_std();
            let (failure, ended, cancelled, ending, postponed) = self.shared.read(|board| {
                (board.failure.clone(), board.ended, board.cancelled, board.ending, board.postponed)
            });
            if let Some(error) = failure {
                return Err(error);
            }
            if ended {
                return Ok(Outcome::Ended);
            }
            if cancelled {
                return Ok(Outcome::Cancelled);
            }
            if ending {
                since.get_or_insert(now);
            }
            let deadline = since.map(|since| {
                let due = after(since, self.config.end).max(postponed.unwrap_or(since));
                due.min(after(since, self.config.end_limit))
            });
            match deadline {
                None => self.shared.news.notified().await,
                Some(due) if due <= now => return Err(Arc::new(self.stuck_end())),
                Some(due) => tokio::select! {
                    () = self.shared.news.notified() => {}
                    () = sleep_until(due.into()) => {}
                },
            }
        }
    }

    fn stuck_end(&self) -> Error {
        let mut stages = self.shared.read(|board| board.holding.clone());
        if stages.is_empty() {
            // Those behind the first one only wait for it.
            stages = self.shared.without(Mark::Ended).into_iter().take(1).collect();
        }
        Error::TimedOut { what: "the end", after: self.config.end, stages }
    }

    /// Waits for the stages to stop, aborts those that do not, and names them.
    async fn join(&mut self) -> Vec<Arc<str>> {
        let all = async { while self.stages.join_next().await.is_some() {} };
        if timeout(self.config.cancel, all).await.is_ok() {
            return Vec::new();
        }
        let stuck = self.shared.without(Mark::Stopped);
        self.stages.abort_all();
        let aborted = async { while self.stages.join_next().await.is_some() {} };
        // A stage that blocks its thread cannot be aborted: it is left behind, and named.
        if timeout(self.config.cancel, aborted).await.is_err() {
            self.stages.detach_all();
        }
        stuck
    }
}
