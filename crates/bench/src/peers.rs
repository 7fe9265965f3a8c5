//! The same work by others: `peers/run` fetches, builds and runs them, and prints a row a line.

use std::process::{Command, Stdio};

use crate::row::Row;

/// What the peers measured; what they could not do is said on the standard error.
pub(crate) fn rows() -> Vec<Row> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/run");
    let output = Command::new("bash").arg(script).stderr(Stdio::inherit()).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().filter_map(Row::from_json).collect()
}
