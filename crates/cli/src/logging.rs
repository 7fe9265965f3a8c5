//! Diagnostics through `tracing`, to stderr.
//!
//! The level is `-v`'s, else what `VOXLINE_LOG` says, else `warn`. `-v` raises Voxline's own crates only; the
//! variable takes any filter of `tracing-subscriber`. Keys are never logged, transcripts and texts at TRACE only.

use std::io;

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::output::Console;

/// The variable that holds a filter.
const VARIABLE: &str = "VOXLINE_LOG";

/// Begins logging. Called once.
pub(crate) fn init(verbose: u8, console: &Console) {
    let level = match verbose {
        0 => None,
        1 => Some("info"),
        2 => Some("debug"),
        _ => Some("trace"),
    };
    let variable = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let asked = level.is_some() || variable.is_some();
    let filter = match (level, variable) {
        (Some(level), _) => EnvFilter::new(format!("warn,voxline={level},smallest={level}")),
        (None, Some(text)) => EnvFilter::new(text),
        (None, None) => EnvFilter::new("warn"),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(console.is_stderr_terminal())
        .with_writer(BesideBar(console.clone()));
    // Who asked for a log wants to know when and where; a lone warning should read like one.
    if asked { lines.init() } else { lines.without_time().with_target(false).init() }
}

/// Writes to stderr without tearing a progress bar that is shown there.
struct BesideBar(Console);

impl<'a> MakeWriter<'a> for BesideBar {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self(self.0.clone())
    }
}

impl io::Write for BesideBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_stderr(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
