//! The work of `voxline-bench hop|paced|idle`, done by rustvani: ten pass-through processors, frames of 20 ms.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rustvani::{
    PipelineParams, PipelineTask, Result,
    frames::{
        AudioRawData, Frame, FrameDirection, FrameHandler, FrameInner, FrameProcessor, PassthroughHandler,
        SystemFrame,
    },
    system_clock,
};
use tokio::sync::Notify;

#[path = "../../../src/cpu.rs"]
mod cpu;
mod echo;

/// Counts what arrives, and when.
struct Count {
    count: Arc<AtomicUsize>,
    expected: usize,
    done: Arc<Notify>,
    sent: Arc<Mutex<Vec<Instant>>>,
    latencies: Arc<Mutex<Vec<u32>>>,
}

#[async_trait]
impl FrameHandler for Count {
    async fn on_process_frame(
        &self,
        processor: &FrameProcessor,
        frame: Frame,
        direction: FrameDirection,
    ) -> Result<()> {
        if let FrameInner::System(SystemFrame::InputAudioRaw(_)) = &frame.inner {
            let number = self.count.fetch_add(1, Ordering::Relaxed);
            if let Some(sent) = self.sent.lock().unwrap().get(number) {
                self.latencies.lock().unwrap().push(sent.elapsed().as_micros() as u32);
            }
            if number + 1 == self.expected {
                self.done.notify_one();
            }
            return Ok(());
        }
        processor.push_frame(frame, direction).await
    }
}

struct Call {
    queue: tokio::sync::mpsc::Sender<(Frame, FrameDirection)>,
    count: Arc<AtomicUsize>,
    done: Arc<Notify>,
    sent: Arc<Mutex<Vec<Instant>>>,
}

fn call(expected: usize, latencies: Arc<Mutex<Vec<u32>>>) -> Call {
    let (count, done, sent) = (Arc::default(), Arc::new(Notify::new()), Arc::default());
    let last =
        Count { count: Arc::clone(&count), expected, done: done.clone(), sent: Arc::clone(&sent), latencies };
    let mut stages: Vec<_> =
        (0..10).map(|_| FrameProcessor::new("pass", Box::new(PassthroughHandler), false)).collect();
    stages.push(FrameProcessor::new("count", Box::new(last), false));
    let task = PipelineTask::new(stages, PipelineParams::default());
    let queue = task.push_sender();
    tokio::spawn(async move {
        let _ = task.run(system_clock(), None).await;
    });
    Call { queue, count, done, sent }
}

fn audio() -> Frame {
    Frame::input_audio_raw(AudioRawData::new(vec![0; 640], 16_000, 1))
}

async fn hop() -> Duration {
    const FRAMES: usize = 50_000;
    let call = call(FRAMES, Arc::default());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = cpu::used();
    for _ in 0..FRAMES {
        let _ = call.queue.send((audio(), FrameDirection::Downstream)).await;
    }
    call.done.notified().await;
    (cpu::used() - before) / FRAMES as u32 / 10
}

async fn paced(pipelines: usize) -> String {
    const SECONDS: usize = 5;
    let latencies: Arc<Mutex<Vec<u32>>> = Arc::default();
    let calls: Vec<_> = (0..pipelines).map(|_| call(usize::MAX, latencies.clone())).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = cpu::used();
    let feeds: Vec<_> = calls
        .into_iter()
        .enumerate()
        .map(|(number, call)| {
            tokio::spawn(async move {
                let phase = Duration::from_micros((number as u64 * 7919) % 20_000);
                let mut ticks =
                    tokio::time::interval_at(tokio::time::Instant::now() + phase, Duration::from_millis(20));
                for _ in 0..SECONDS * 50 {
                    ticks.tick().await;
                    call.sent.lock().unwrap().push(Instant::now());
                    let _ = call.queue.send((audio(), FrameDirection::Downstream)).await;
                }
                call
            })
        })
        .collect();
    let mut frames = 0;
    for feed in feeds {
        frames += feed.await.unwrap().count.load(Ordering::Relaxed);
    }
    let used = cpu::used() - before;
    let mut latencies = std::mem::take(&mut *latencies.lock().unwrap());
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    let each = used.as_secs_f64() * 1e6 / frames as f64;
    let (p50, p99, p999, worst) = (at(0.5), at(0.99), at(0.999), at(1.0));
    format!(
        r#"{{"figure":"paced","subject":"rustvani","pipelines":{pipelines},"cpu_us_per_frame":{each:.2},"p50_us":{p50},"p99_us":{p99},"p99.9_us":{p999},"worst_us":{worst}}}"#
    )
}

async fn idle() -> String {
    const PIPELINES: usize = 1000;
    let before = cpu::resident_kib();
    let calls: Vec<_> = (0..PIPELINES).map(|_| call(usize::MAX, Arc::default())).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let kib = (cpu::resident_kib() - before) as f64 / PIPELINES as f64;
    drop(calls);
    format!(r#"{{"figure":"idle","subject":"rustvani","pipelines":{PIPELINES},"kib":{kib:.1}}}"#)
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("echo") {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(cores).enable_all().build();
        return runtime.unwrap().block_on(echo::serve());
    }
    let single = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("{}", single.block_on(idle()));
    let best = (0..3).map(|_| single.block_on(hop())).min().unwrap();
    println!(r#"{{"figure":"hop","subject":"rustvani","cpu_ns":{}}}"#, best.as_nanos());
    for pipelines in [100, 500, 1000] {
        println!("{}", multi.block_on(paced(pipelines)));
    }
}
