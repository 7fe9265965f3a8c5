//! What a frame costs at the pace of real calls: many pipelines, 50 frames a second each.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use voxline_core::{
    Context, Processor, Session, SessionConfig,
    frame::{Frame, Payload},
    processor::Result,
};

use crate::{cpu, row::Row, stages};

const SECONDS: u64 = 4;

/// Samples of one run.
type Latencies = Arc<Mutex<Vec<u32>>>;

/// Measures how long a frame took, by its presentation time.
struct Clocked {
    latencies: Latencies,
}

impl Processor for Clocked {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let (Payload::InputAudio(_), Some(sent)) = (&frame.payload, frame.pts()) {
            let took = ctx.session_time().saturating_sub(sent);
            self.latencies.lock().expect("no panic under it").push(took.as_micros() as u32);
        }
        Ok(())
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let mut rows = Vec::new();
    for (name, tasks) in
        [("Voxline, ten synchronous", 0), ("Voxline, one asynchronous", 1), ("Voxline, ten asynchronous", 10)]
    {
        for pipelines in [100, 500, 1000, 2000] {
            rows.push(runtime.block_on(run(name, tasks, pipelines)));
        }
    }
    rows
}

async fn run(name: &str, tasks: usize, pipelines: usize) -> Row {
    let latencies: Latencies = Arc::default();
    latencies.lock().expect("no panic under it").reserve(pipelines * 60 * SECONDS as usize);
    let before = cpu::used();
    let mut feeds = Vec::new();
    for number in 0..pipelines {
        let latencies = latencies.clone();
        let config = SessionConfig::default();
        let began = Instant::now();
        let session =
            stages::ten(tasks, Clocked { latencies }).start(config).await.expect("the pipeline starts");
        feeds.push(tokio::spawn(feed(session, began, number)));
    }
    let mut frames = 0;
    for feed in feeds {
        frames += feed.await.expect("a feed ends");
    }
    let used = cpu::used() - before;
    let mut latencies = std::mem::take(&mut *latencies.lock().expect("no panic under it"));
    latencies.sort_unstable();
    let at = |share: f64| f64::from(latencies[((latencies.len() - 1) as f64 * share) as usize]);
    let each = used.as_secs_f64() * 1e6 / f64::from(frames);
    let numbers = [
        ("cpu_us_per_frame", each),
        ("p50_us", at(0.5)),
        ("p99_us", at(0.99)),
        ("p99.9_us", at(0.999)),
        ("worst_us", at(1.0)),
    ];
    Row::new("paced", name, &numbers).with_pipelines(pipelines)
}

async fn feed(session: Session, began: Instant, number: usize) -> u32 {
    let pcm = stages::audio();
    let phase = Duration::from_micros((number as u64 * 7919) % 20_000);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + phase, Duration::from_millis(20));
    let mut frames = 0;
    for _ in 0..SECONDS * 50 {
        ticks.tick().await;
        let frame = Frame::input_audio(pcm.clone()).with_pts(began.elapsed());
        session.queue(frame).await.expect("the session runs");
        frames += 1;
    }
    frames
}
