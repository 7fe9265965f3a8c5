//! Barge-in to silence: from `interrupt` to the output's knowing of it, inside the process.
//!
//! With empty queues, and with every queue full behind a stage that is busy for seconds. What the output
//! then plays is counted: it must be nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::mpsc;
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Pipeline, Processor, SessionConfig,
    frame::{ContextId, Frame, Interrupt, Payload, RequestId, SpokenAudio},
    processor::Result,
};

use crate::{row::Row, stages::AsyncPass};

const ROUNDS: usize = 200;

/// Works on each frame for a minute unless it is interrupted.
struct Busy;

#[async_trait]
impl AsyncProcessor for Busy {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        tokio::time::sleep(Duration::from_secs(60)).await;
        ctx.push(frame).await;
        Ok(())
    }
}

/// The output: tells when it hears of the interruption, and counts what it would play.
struct Output {
    heard: mpsc::UnboundedSender<Instant>,
    played: Arc<AtomicU32>,
}

impl Processor for Output {
    fn process(&mut self, frame: Frame, _: &mut Context<'_>) -> Result {
        if let Payload::OutputAudio(_) = frame.payload {
            self.played.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, _: &mut Context<'_>) -> Result {
        let _ = self.heard.send(Instant::now());
        Ok(())
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    vec![
        runtime.block_on(run("Voxline, empty queues", false)),
        runtime.block_on(run("Voxline, full queues and a stage busy for a minute", true)),
    ]
}

async fn run(name: &str, full: bool) -> Row {
    let mut took = Vec::with_capacity(ROUNDS);
    let mut stale = 0;
    for _ in 0..ROUNDS {
        #[expect(clippy::disallowed_methods, reason = "one value per round")]
        let (heard, mut hears) = mpsc::unbounded_channel();
        let played = Arc::new(AtomicU32::new(0));
        let output = Output { heard, played: played.clone() };
        let builder = Pipeline::builder().then(AsyncPass).then(AsyncPass);
        let builder = if full { builder.then(Busy) } else { builder.then(AsyncPass) };
        let pipeline = builder.then(AsyncPass).then(output).build().expect("a plain row builds");
        let session = pipeline.start(SessionConfig::default()).await.expect("the pipeline starts");
        if full {
            // Until nothing more goes in.
            while tokio::time::timeout(Duration::from_millis(5), session.queue(speech())).await.is_ok() {}
        }
        let before = played.load(Ordering::Relaxed);
        let began = Instant::now();
        session.interrupt();
        let at = hears.recv().await.expect("the output hears of it");
        took.push(at.saturating_duration_since(began));
        tokio::time::sleep(Duration::from_millis(2)).await;
        stale += played.load(Ordering::Relaxed) - before;
    }
    took.sort_unstable();
    let at = |share: f64| took[((ROUNDS - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    let numbers = [
        ("p50_us", at(0.5)),
        ("p99_us", at(0.99)),
        ("worst_us", at(1.0)),
        ("stale_frames_played", f64::from(stale)),
    ];
    Row::new("barge-in", name, &numbers)
}

fn speech() -> Frame {
    let pcm = Pcm::mono(vec![0; 480], SampleRate::HZ_24000);
    Frame::new(Payload::OutputAudio(SpokenAudio { pcm, context: ContextId(1), request: RequestId(1) }))
}
