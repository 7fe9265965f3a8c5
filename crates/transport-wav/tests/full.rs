//! A disk that is full amid an answer: this test again, in a process whose files may not grow.
#![cfg(unix)]

use std::{path::PathBuf, process::Command, time::Duration};

use voxline_audio::{Pcm, SampleRate, WavReader};
use voxline_core::{
    Outcome, SessionConfig,
    frame::{BotSpeech, ContextId, Direction, Frame, FrameKind, Payload, RequestId, SpokenAudio},
};
use voxline_testkit::Harness;
use voxline_transport_wav::WavOutput;

const RATE: SampleRate = SampleRate::HZ_16000;
const NAME: &str = "an_answer_is_played_to_its_end_though_the_disk_is_full";
/// Set in the process whose files may not grow.
const IS_CHILD: &str = "VOXLINE_TEST_FULL_DISK";
const ANSWER: Duration = Duration::from_secs(10);

#[test]
fn an_answer_is_played_to_its_end_though_the_disk_is_full() {
    if std::env::var_os(IS_CHILD).is_some() {
        return play();
    }
    // Writing more than the limit, 16 to 32 kB of 320, is an error, once its signal is ignored.
    let script = r#"trap '' XFSZ; ulimit -f 32; exec "$0" "$@""#;
    let test = std::env::current_exe().expect("a test has a file");
    let mut child = Command::new("sh");
    child.args(["-c", script]).arg(test).args([NAME, "--exact"]);
    let output = child.env(IS_CHILD, "1").output().expect("there is a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

fn play() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("full.wav");
    let config = SessionConfig { output_rate: RATE, ..SessionConfig::default() };
    let mut harness = Harness::with_config(WavOutput::create(&path), config);
    let context = ContextId(1);
    let chunks = RATE.samples_in(ANSWER) / 320;
    for _ in 0..chunks {
        let pcm = Pcm::mono(vec![700; 320], RATE);
        harness.queue(Frame::new(Payload::OutputAudio(SpokenAudio { pcm, context, request: RequestId(1) })));
    }
    harness.queue(Frame::new(Payload::TtsStopped(BotSpeech::new(context))));
    harness.advance(ANSWER + Duration::from_millis(50));
    let log = harness.log();
    let stop = log.frames().find_map(|frame| match frame.payload {
        Payload::BotStoppedSpeaking(speech) if frame.direction() == Direction::Down => Some(speech),
        _ => None,
    });
    let stop = stop.expect("the edge is told");
    assert!(stop.played == ANSWER && !stop.interrupted, "{stop:?}");
    // Once, or again where a buffer took a chunk after the first failure.
    assert!((1..=2).contains(&log.count(FrameKind::Error)), "{log}");
    assert_eq!(harness.finish_outcome().map_err(|error| error.to_string()), Ok(Outcome::Ended));
    let mut reader = WavReader::open(&path).expect("what was written before can be played");
    let pcm = reader.read(1_000).expect("it is sound").expect("it is not empty");
    assert!(pcm.samples().iter().all(|&sample| sample == 700));
}
