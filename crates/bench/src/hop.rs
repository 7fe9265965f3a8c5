//! What a hop costs with full queues.

use std::time::Duration;

use tokio::sync::mpsc;
use voxline_core::{SessionConfig, frame::Frame};

use crate::{cpu, floor, row::Row, stages};

const FRAMES: usize = 200_000;
/// The least of so many repeats counts: other load only ever adds.
const REPEATS: usize = 3;

pub(crate) fn rows() -> Vec<Row> {
    let mut best = [Duration::MAX; 3];
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    for _ in 0..REPEATS {
        for (kind, best) in best.iter_mut().enumerate() {
            let before = cpu::used();
            match kind {
                0 => runtime.block_on(voxline(0)),
                1 => runtime.block_on(voxline(10)),
                _ => runtime.block_on(floor::mpsc_ten(FRAMES)),
            }
            *best = (*best).min(cpu::used() - before);
        }
    }
    let hop = |total: Duration| total.as_nanos() as f64 / FRAMES as f64 / 10.0;
    let names = ["Voxline, ten synchronous", "Voxline, ten asynchronous", "bare tokio, ten tasks"];
    names.iter().zip(best).map(|(name, total)| Row::new("hop", name, &[("cpu_ns", hop(total))])).collect()
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
