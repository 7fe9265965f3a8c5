//! What an idle pipeline holds in memory.

use tokio::sync::mpsc;
use voxline_core::SessionConfig;

use crate::{cpu, row::Row, stages};

const PIPELINES: usize = 2000;

pub(crate) fn rows() -> Vec<Row> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    [("Voxline, ten synchronous", 0), ("Voxline, one asynchronous", 1), ("Voxline, ten asynchronous", 10)]
        .into_iter()
        .map(|(name, tasks)| runtime.block_on(run(name, tasks)))
        .collect()
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
    drop(sessions);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let numbers = [("kib", kib), ("start_cpu_us", each.as_secs_f64() * 1e6)];
    Row::new("idle", name, &numbers).with_pipelines(PIPELINES)
}
