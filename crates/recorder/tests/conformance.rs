//! The recorder is held to the law of processors: it takes nothing away.

use std::sync::atomic::{AtomicU32, Ordering};

use voxline_audio::SampleRate;
use voxline_recorder::{Recorder, RecorderConfig};
use voxline_testkit::conformance;

mod support;
use support::folder;

/// Tests run side by side: each recorder has a folder of its own.
fn recorder(clips: bool) -> Recorder {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = folder(&format!("conformance/{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let config = RecorderConfig { rate: SampleRate::new(2_000), clips, ..Default::default() };
    Recorder::create(folder).with_config(config)
}

conformance!(whole_calls, || recorder(false));
conformance!(whole_calls_and_clips, || recorder(true));
