//! What a hop costs in memory: nothing, once a pipeline runs.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod support;

use allocation_counter::measure;
use support::{AsyncPass, Pass};
use tokio::runtime::{Builder, Runtime};
use voxline_core::{Pipeline, Session, SessionConfig, frame::Frame};
use voxline_testkit::samples;

const FRAMES: usize = 5000;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// Feeds frames of audio, each handled before the next comes, as in a call.
async fn feed(session: &Session, audio: &Frame, frames: usize) {
    for _ in 0..frames {
        session.queue(audio.clone()).await.unwrap();
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
}

/// Allocations that 5,000 frames need in a pipeline that has warmed up.
fn allocations(pipeline: Pipeline) -> u64 {
    let runtime = runtime();
    let audio = samples::input(20);
    let session = runtime.block_on(async {
        let session = pipeline.start(SessionConfig::default()).await.unwrap();
        feed(&session, &audio, 500).await;
        session
    });
    let counted = |frames| measure(|| runtime.block_on(feed(&session, &audio, frames))).count_total;
    // What entering the runtime needs is not the frames'.
    let entering = counted(FRAMES);
    counted(2 * FRAMES) - entering
}

#[test]
fn a_frame_through_ten_fused_stages_allocates_nothing() {
    let ten = row![Pass, Pass, Pass, Pass, Pass, Pass, Pass, Pass, Pass, Pass];
    assert_eq!(allocations(ten), 0);
}

#[test]
fn a_frame_over_a_link_allocates_nothing_but_what_asynchronous_work_is_boxed_in() {
    // An asynchronous processor's call is a boxed future: one for the work and one for the waiting after it.
    let allocations = allocations(row![Pass, AsyncPass, Pass]);
    assert!(allocations <= 2 * FRAMES as u64, "{allocations} allocations for {FRAMES} frames");
}
