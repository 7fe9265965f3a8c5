//! What a hop costs with full queues.

use std::time::Duration;

use tokio::sync::mpsc;
use voxline_core::{SessionConfig, frame::Frame};

use crate::{cpu, floor, row::Row, stages};

const FRAMES: usize = 200_000;
/// The least of so many repeats counts: other load only ever adds.
const REPEATS: usize = 3;
const SUBJECTS: [&str; 5] = [
    "Voxline, ten synchronous",
    "bare calls, ten",
    "Voxline, ten asynchronous",
    "bare queue of two lanes, ten tasks",
    "bare tokio queue, ten tasks",
];

pub(crate) fn rows() -> Vec<Row> {
    let mut best = [Duration::MAX; SUBJECTS.len()];
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    for _ in 0..REPEATS {
        for (kind, best) in best.iter_mut().enumerate() {
            let before = cpu::used();
            match kind {
                0 => runtime.block_on(voxline(0)),
                1 => floor::direct_ten(FRAMES),
                2 => runtime.block_on(voxline(10)),
                3 => runtime.block_on(floor::lanes_ten(FRAMES)),
                _ => runtime.block_on(floor::mpsc_ten(FRAMES)),
            }
            *best = (*best).min(cpu::used() - before);
        }
    }
    let hop = |total: Duration| total.as_nanos() as f64 / FRAMES as f64 / 10.0;
    SUBJECTS.iter().zip(best).map(|(name, total)| Row::new("hop", name, &[("cpu_ns", hop(total))])).collect()
}

async fn voxline(tasks: usize) {
    let (done, mut finished) = mpsc::channel(1);
    let pipeline = stages::ten(tasks, stages::Sink { expected: FRAMES, done });
    let session = pipeline.start(SessionConfig::default()).await.expect("the pipeline starts");
    let pcm = stages::audio();
    for _ in 0..FRAMES {
        session.queue(Frame::input_audio(pcm.clone())).await.expect("the session runs");
    }
    finished.recv().await;
}
