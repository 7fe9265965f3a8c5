//! What is guarded: hops, a tick at the pace of calls, and the parts that every call needs all the time.
//!
//! Everything runs on one thread, so that the same instructions run in the same order each time.

use std::time::Duration;

use tokio::{runtime::Builder, sync::mpsc};
use voxline_core::{SessionConfig, frame::Frame};

use crate::{parts::PARTS, stages};

/// A guarded work.
pub(super) struct Work {
    pub(super) name: &'static str,
    /// How often in the shorter of the two runs.
    pub(super) times: u32,
    /// Does it so often.
    pub(super) run: fn(u32),
}

pub(super) const WORKS: [Work; 9] = [
    Work { name: "frame through ten fused stages", times: 1000, run: |times| queued(0, times) },
    Work { name: "frame through ten asynchronous stages", times: 500, run: |times| queued(10, times) },
    Work { name: "tick through ten fused stages, paced", times: 200, run: |times| paced(0, times) },
    Work { name: "tick through one asynchronous stage, paced", times: 200, run: |times| paced(1, times) },
    Work { name: "VAD, 20 ms", times: 50, run: |times| part("VAD earshot at 16 kHz, 20 ms", times) },
    Work { name: "transcription", times: 200, run: |times| part("parse a transcription of 9 words", times) },
    Work {
        name: "message of speech",
        times: 100,
        run: |times| part("parse and decode 100 ms of speech at 24 kHz", times),
    },
    Work { name: "1,000 characters", times: 20, run: |times| part("split 1,000 characters, English", times) },
    Work { name: "µ-law, 1 s", times: 20, run: |times| part("encode µ-law, 1 s", times) },
];

fn part(name: &str, times: u32) {
    let part = PARTS.iter().find(|part| part.name == name).expect("the guarded parts are in the list");
    let mut work = (part.make)();
    (0..times).for_each(|_| work());
}

/// Frames through ten stages with full queues.
fn queued(tasks: usize, times: u32) {
    run(tasks, times, Duration::ZERO);
}

/// Frames that come one by one, each after the last has gone through.
fn paced(tasks: usize, times: u32) {
    run(tasks, times, Duration::from_millis(1));
}

fn run(tasks: usize, times: u32, every: Duration) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let (done, mut finished) = mpsc::channel(1);
        let sink = stages::Sink { expected: times as usize, done };
        let session =
            stages::ten(tasks, sink).start(SessionConfig::default()).await.expect("the pipeline starts");
        let pcm = stages::audio();
        for _ in 0..times {
            if !every.is_zero() {
                tokio::time::sleep(every).await;
            }
            session.queue(Frame::input_audio(pcm.clone())).await.expect("the session runs");
        }
        finished.recv().await;
    });
}
