//! Cold: from the start of the process to the first frame out of a pipeline of ten.

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

use tokio::sync::mpsc;
use voxline_core::{SessionConfig, frame::Frame};

use crate::{row::Row, stages};

const STARTS: usize = 20;

pub(crate) fn rows() -> Vec<Row> {
    let Ok(program) = std::env::current_exe() else { return Vec::new() };
    let mut took: Vec<f64> = (0..STARTS)
        .filter_map(|_| {
            let began = Instant::now();
            let status = Command::new(&program).arg("--first-frame").status().ok()?;
            status.success().then(|| began.elapsed().as_secs_f64() * 1e3)
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let Some(median) = took.get(took.len() / 2) else { return Vec::new() };
    let size = std::fs::metadata(&program).map_or(0, |file| file.len());
    let numbers = [("start_to_exit_ms", *median), ("binary_mib", size as f64 / 1048576.0)];
    vec![Row::new("cold", "Voxline, ten synchronous", &numbers)]
}

/// Lets one frame through a pipeline of ten.
pub(crate) fn first_frame() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let (done, mut finished) = mpsc::channel(1);
        let pipeline = stages::ten(0, stages::Sink { expected: 1, done });
        let session = pipeline.start(SessionConfig::default()).await.expect("the pipeline starts");
        session.queue(Frame::input_audio(stages::audio())).await.expect("the session runs");
        finished.recv().await;
    });
    ExitCode::SUCCESS
}
