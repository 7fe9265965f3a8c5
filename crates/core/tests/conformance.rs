//! The framework's own stages, and compositions of plain ones, held to the law of processors.

mod support;

use std::time::Duration;

use support::{AsyncPass, Pass, Slow, side_by_side};
use voxline_core::{Pipeline, frame::FrameKind};
use voxline_testkit::{FakeStt, FakeTts, conformance};

fn row() -> Pipeline {
    row![Pass, AsyncPass, Pass, Pass, AsyncPass]
}

conformance!(a_synchronous_processor, || Pass);
conformance!(an_asynchronous_processor, || AsyncPass);
conformance!(a_slow_processor, || Slow(Duration::from_millis(20)));
conformance!(an_empty_pipeline, || row![]);
conformance!(a_row_of_both_tiers, row);
conformance!(a_nested_row, || row![row(), Pass, row![row(), AsyncPass]]);
conformance!(branches_side_by_side, || side_by_side([row![Pass], row(), row![], row![AsyncPass]]));
conformance!(branches_within_branches, || {
    row![Pass, side_by_side([side_by_side([row![], row![AsyncPass]]), row![Pass]]), AsyncPass]
});
conformance!(
    a_speech_to_text_stage,
    || FakeStt::hearing(["hello"]).0,
    consumes: [FrameKind::SttMute]
);
conformance!(a_text_to_speech_stage, || FakeTts::speaking(Duration::from_millis(50)).0);
