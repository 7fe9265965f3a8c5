//! Waits for a session to end, and for everything that may end it sooner.
//!
//! In: a running session. Out: how it ended. The first signal asks for an orderly stop where the command has
//! one; any other, and a reader of stdout that has gone, cancels: stages stop, files are finished.

use std::{sync::Arc, time::Duration};

use voxline::core::{Error, Session};

use crate::{
    exit::Code,
    output::Console,
    signals::{Signal, Signals},
};

/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(200);

/// How long a session may take to deliver what is outstanding, in all. Each stage has a deadline of its own for
/// making progress; this is for what is long by nature: hours of speech.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself, and well.
    Done,
    /// Because a signal came.
    Signalled(Signal),
    /// Because nobody reads the results any more.
    Unread,
    /// By an error.
    Failed(Arc<Error>),
}

impl Ended {
    /// The exit code, if it was no error.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Done | Self::Unread => Code::Ok,
            Self::Signalled(signal) => (*signal).into(),
            Self::Failed(_) => Code::Internal,
        }
    }
}

/// Waits for the end. `position` moves the progress bar; `stop`, where there is one, ends the input.
pub(crate) async fn until_ended(
    session: &Session,
    console: &Console,
    signals: &mut Signals,
    position: impl Fn() -> Duration,
    stop: Option<&dyn Fn()>,
) -> Ended {
    let mut ticks = tokio::time::interval(TICK);
    let mut signalled = None;
    let mut unread = false;
    let outcome = loop {
        tokio::select! {
            outcome = session.finished() => break outcome,
            signal = signals.next() => match (signalled.replace(signal), stop) {
                (None, Some(stop)) => stop(),
                _ => session.cancel(),
            },
            () = console.closed(), if !unread => {
                unread = true;
                session.cancel();
            }
            _ = ticks.tick() => console.advance(position()),
        }
    };
    match (outcome, signalled) {
        (Err(error), _) => Ended::Failed(error),
        (Ok(_), Some(signal)) => Ended::Signalled(signal),
        (Ok(_), None) if unread => Ended::Unread,
        (Ok(_), None) => Ended::Done,
    }
}
