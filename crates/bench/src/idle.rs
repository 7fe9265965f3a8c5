//! What an idle pipeline holds in memory.

use tokio::sync::mpsc;
use voxline_core::SessionConfig;

use super::{cpu, stages};

const PIPELINES: usize = 2000;

pub(crate) fn rows() -> Vec<String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    [("ten synchronous", 0), ("one asynchronous in the middle", 1), ("ten asynchronous", 10)]
        .into_iter()
        .map(|(name, tasks)| runtime.block_on(run(name, tasks)))
        .collect()
}

async fn run(name: &str, tasks: usize) -> String {
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
    drop(sessions);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    format!("idle, {name:32} {kib:6.1} KiB a pipeline, {each:?} CPU to start one")
}
