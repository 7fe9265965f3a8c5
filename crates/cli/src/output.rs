//! Stdout and stderr: the one place that writes to them.
//!
//! In: events, failures, notes. Out: on stdout a line for each result, on stderr everything else.
//! 1. A line is written whole, also when several tasks print.
//! 2. Writing waits for a slow reader, so that nothing is lost; the pipeline waits with it.
//! 3. When the reader of stdout has gone, [`Console::closed`] tells; that is no error. Any other failure to
//!    write is one, told by [`Console::flush`].
//! 4. A progress bar steps aside for every line.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::watch;

use crate::{
    exit::{Code, Failure},
    progress::Progress,
};

/// Where everything is printed. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Console(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    json: bool,
    stderr_terminal: bool,
    // Written from handlers on several tasks; held for one line, never across an await.
    progress: Mutex<Progress>,
    /// How stdout failed, if it has.
    broken: watch::Sender<Option<Arc<io::Error>>>,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self(Arc::new(Inner {
            json,
            stderr_terminal: io::stderr().is_terminal(),
            progress: Mutex::default(),
            broken: watch::Sender::new(None),
        }))
    }

    pub(crate) fn is_json(&self) -> bool {
        self.0.json
    }

    pub(crate) fn is_stderr_terminal(&self) -> bool {
        self.0.stderr_terminal
    }

    /// Prints a result: the object in JSON mode, else the text if there is one.
    pub(crate) fn print(&self, object: &impl Serialize, text: Option<String>) {
        let line = if self.0.json { json(object) } else { text };
        let Some(mut line) = line else { return };
        line.push('\n');
        let outcome = self.progress().suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush())
        });
        if let Err(error) = outcome {
            self.0.broken.send_if_modified(|broken| {
                let first = broken.is_none();
                broken.get_or_insert_with(|| Arc::new(error));
                first
            });
        }
    }

    /// Tells a person something on stderr.
    pub(crate) fn note(&self, text: &str) {
        // Without a stderr there is nobody to tell.
        let _ = self.write_stderr(format!("voxline: {text}\n").as_bytes());
    }

    /// Tells a person what went wrong.
    pub(crate) fn complain(&self, failure: &Failure) {
        self.note(&failure.to_string());
    }

    /// Waits until stdout takes nothing any more.
    pub(crate) async fn closed(&self) {
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.0.broken.subscribe().wait_for(Option::is_some).await;
    }

    /// Whether all results were written; a reader that has gone is as good.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        match &*self.0.broken.borrow() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Code::Internal, format!("the results cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Shows a bar for work on `name`, where stderr is a terminal.
    pub(crate) fn begin(&self, name: &str, total: Option<Duration>) {
        *self.progress() = Progress::begin(name, total);
    }

    /// Moves the bar.
    pub(crate) fn advance(&self, to: Duration) {
        self.progress().advance(to);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        *self.progress() = Progress::default();
    }

    pub(crate) fn write_stderr(&self, bytes: &[u8]) -> io::Result<()> {
        self.progress().suspend(|| io::stderr().lock().write_all(bytes))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(object: &impl Serialize) -> Option<String> {
    serde_json::to_string(object)
        .inspect_err(|error| tracing::error!(%error, "a result cannot be written as JSON"))
        .ok()
}
