//! What an idle pipeline holds in memory, and what it costs to start one.
//!
//! Each shape is measured in a process of its own: one that has run before hands its memory on.

use std::process::{Command, ExitCode};

use tokio::sync::mpsc;
use voxline_core::SessionConfig;

use crate::{cpu, row::Row, stages};

const PIPELINES: usize = 2000;
const SHAPES: [(&str, usize); 3] =
    [("Voxline, ten synchronous", 0), ("Voxline, one asynchronous", 1), ("Voxline, ten asynchronous", 10)];

pub(crate) fn rows() -> Vec<Row> {
    let Ok(program) = std::env::current_exe() else { return Vec::new() };
    let measure = |tasks: usize| Command::new(&program).args(["--idle", &tasks.to_string()]).output().ok();
    SHAPES
        .iter()
        .filter_map(|&(_, tasks)| Row::from_json(String::from_utf8_lossy(&measure(tasks)?.stdout).trim()))
        .collect()
}

/// Measures the shape with so many asynchronous stages, and prints its row.
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
pub(crate) fn measure(tasks: &str) -> ExitCode {
    let Some((name, tasks)) = SHAPES.iter().find(|(_, shape)| shape.to_string() == tasks) else {
        return ExitCode::from(2);
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    println!("{}", runtime.block_on(run(name, *tasks)).to_json());
    ExitCode::SUCCESS
}

async fn run(name: &str, tasks: usize) -> Row {
    let before = cpu::resident_kib();
    let used = cpu::used();
    let mut sessions = Vec::new();
    for _ in 0..PIPELINES {
        let (done, _finished) = mpsc::channel(1);
        let pipeline = stages::ten(tasks, stages::Sink { expected: usize::MAX, done });
        sessions.push(pipeline.start(SessionConfig::default()).await.expect("the pipeline starts"));
    }
    let kib = (cpu::resident_kib() - before) as f64 / PIPELINES as f64;
    let each = (cpu::used() - used) / PIPELINES as u32;
    let numbers = [("kib", kib), ("start_cpu_us", each.as_secs_f64() * 1e6)];
    Row::new("idle", name, &numbers).with_pipelines(PIPELINES)
}
