//! The same work by others: `peers/run` fetches, builds and runs them, and prints a row a line.
//!
//! `peers/run echo` builds them and prints how their echo servers are started, a line each: the name, `few` when one
//! process of it is full at few calls (else `many`), and the command's words, all parted by tabs.

use std::process::{Command, Stdio};

use crate::row::Row;

/// An echo server of somebody else.
pub(crate) struct EchoServer {
    pub(crate) name: String,
    /// Measured with few calls only.
    pub(crate) few: bool,
    words: Vec<String>,
}

impl EchoServer {
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t').map(str::to_owned);
        let (name, few) = (fields.next()?, fields.next()? == "few");
        let words: Vec<String> = fields.collect();
        (!words.is_empty()).then_some(Self { name, few, words })
    }
}

/// What the peers measured; what they could not do is said on the standard error.
pub(crate) fn rows() -> Vec<Row> {
    run(&[]).lines().filter_map(Row::from_json).collect()
}

/// Names and versions of the peers, as their packages are asked for.
pub(crate) fn versions() -> Vec<String> {
    run(&["versions"]).lines().map(str::to_owned).collect()
}

/// The peers' echo servers, built.
pub(crate) fn echo_servers() -> Vec<EchoServer> {
    run(&["echo"]).lines().filter_map(EchoServer::parse).collect()
}

fn run(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/run");
    let output = Command::new("bash").arg(script).args(arguments).stderr(Stdio::inherit()).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).into_owned()
}
