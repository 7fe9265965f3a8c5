//! Waits for a session to end, and for everything that may end it sooner.
//!
//! In: a running session. Out: how it ended. The first signal asks for an orderly stop where the command has
//! one; any other, and a reader of stdout that has gone, cancels: stages stop, files are finished.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use voxline::{
    core::{Error, Session, frame::ErrorReport, service::ToolFailure},
    smallest_tts::TtsError,
};

use crate::{
    chatter::Chatter,
    exit::{Code, Failure},
    files::OutputFile,
    signals::{Signal, Signals},
};

/// How long an orderly stop may take.
const GRACE: Duration = Duration::from_secs(10);
/// So many lost connections without progress are enough.
const LOSSES: u64 = 20;
/// Progress: so much more of the input, or a result.
const PROGRESS: Duration = Duration::from_secs(10);
/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(200);

/// How long a session may take to deliver what is outstanding. The services have deadlines of their own for making
/// progress; this is for what is long by nature: hours of speech.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// How a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself, and well.
    Done,
    /// Because a signal came.
    Signalled(Signal),
    /// Because nobody reads the results any more.
    Unread,
    /// Because connections were lost again and again, and nothing got through.
    Stuck,
    /// By an error.
    Failed(Arc<Error>),
}

impl Ended {
    /// The exit code, if it was no error.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Done | Self::Unread => Code::Ok,
            Self::Signalled(signal) => (*signal).into(),
            Self::Stuck => Code::Unreachable,
            Self::Failed(_) => Code::Internal,
        }
    }
}

/// Waits for the end. `position` moves the progress bar; `stop`, where there is one, ends the input.
pub(crate) async fn until_ended(
    session: &Session,
    chatter: &Chatter,
    signals: &mut Signals,
    position: impl Fn() -> Duration,
    stop: Option<&dyn Fn()>,
) -> Ended {
    let console = chatter.console();
    let mut ticks = tokio::time::interval(TICK);
    let mut stuck = Stuck::default();
    let mut cut = None;
    let mut grace = None;
    let outcome = loop {
        tokio::select! {
            outcome = session.finished() => break outcome,
            signal = signals.next() => match (cut.replace(Cut::Signal(signal)), stop) {
                (None, Some(stop)) => {
                    stop();
                    grace = Some(Instant::now() + GRACE);
                }
                _ => session.cancel(),
            },
            () = console.closed(), if cut.is_none() => {
                cut = Some(Cut::Unread);
                session.cancel();
            }
            now = ticks.tick() => {
                console.advance(position());
                if cut.is_none() && stuck.is_hopeless(position(), chatter) {
                    cut = Some(Cut::Stuck);
                    session.cancel();
                }
                if grace.is_some_and(|until| now >= until) {
                    session.cancel();
                }
            }
        }
    };
    match (outcome, cut) {
        (Err(error), _) => Ended::Failed(error),
        (Ok(_), Some(Cut::Signal(signal))) => Ended::Signalled(signal),
        (Ok(_), Some(Cut::Unread)) => Ended::Unread,
        (Ok(_), Some(Cut::Stuck)) => Ended::Stuck,
        (Ok(_), None) => Ended::Done,
    }
}

/// What cut a session short.
enum Cut {
    Signal(Signal),
    Unread,
    Stuck,
}

/// Notices connections that are lost again and again before anything gets through. Each of them looks alive to the
/// service's own record, since it answered something.
#[derive(Default)]
struct Stuck {
    position: Duration,
    results: u64,
    losses: u64,
}

impl Stuck {
    fn is_hopeless(&mut self, position: Duration, chatter: &Chatter) -> bool {
        let moved = position.saturating_sub(self.position) >= PROGRESS;
        if moved || chatter.results() != self.results {
            *self = Self { position, results: chatter.results(), losses: chatter.losses() };
        }
        chatter.losses() - self.losses >= LOSSES
    }
}

/// What becomes of a file that was written: it is kept, unless something is missing from it.
pub(crate) fn conclude(ended: Ended, chatter: &Chatter, output: OutputFile) -> Result<Code, Failure> {
    match outcome(&ended, chatter) {
        Ok(code) => {
            // Stopped before a word was said: whatever was there before is worth more.
            if matches!(ended, Ended::Done) || !output.duration().is_zero() {
                output.keep()?;
            }
            Ok(code)
        }
        Err(failure) => Err(match output.abandon() {
            Some(path) => failure.advise(format!("what was said until then is in {}", path.display())),
            None => failure,
        }),
    }
}

/// How the command ends after a session that ended so.
pub(crate) fn outcome(ended: &Ended, chatter: &Chatter) -> Result<Code, Failure> {
    match ended {
        Ended::Failed(error) => Err(Failure::from(&**error)),
        Ended::Stuck => Err(stuck()),
        _ => {
            let errors = chatter.errors();
            let report = errors.iter().find(|report| !is_passing(report));
            report.map_or(Ok(ended.code()), |report| Err(Failure::from(&*report.error)))
        }
    }
}

/// Why it was given up.
pub(crate) fn stuck() -> Failure {
    Failure::new(
        Code::Unreachable,
        format!("the connection was lost {LOSSES} times, and nothing got through"),
    )
    .advise("try again later")
}

/// Whether nothing is missing: the text concerned was sent again, or a tool failed and the model was told.
fn is_passing(report: &ErrorReport) -> bool {
    match &*report.error {
        Error::Service(error) => {
            matches!(error.source.downcast_ref(), Some(TtsError::Silent { resent: true, .. }))
        }
        Error::Other(error) => error.is::<ToolFailure>(),
        _ => false,
    }
}
