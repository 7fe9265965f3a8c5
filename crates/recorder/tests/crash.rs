//! A program that is killed amid a call leaves files that can be used: this test again, in a process that is killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and its helpers with it")]
#![expect(clippy::print_stdout, reason = "how the process that will be killed tells how far it is")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use voxline_core::{
    Pipeline, SessionConfig,
    frame::{BotSpeech, ContextId, Frame, Payload, SpokenText, Transcription},
};
use voxline_recorder::{Recorder, RecorderConfig, Transcript};
use voxline_testkit::{Harness, samples};

mod support;
use support::{RATE, Speaker, folder, mono, ms, pcm, spans, spoken, stereo};

const NAME: &str = "what_was_recorded_before_a_program_is_killed_can_be_used";
/// Set in the process that is killed: the folder it records into.
const FOLDER: &str = "VOXLINE_TEST_CRASH";
const TOLD: &str = "five seconds are recorded";

#[test]
fn what_was_recorded_before_a_program_is_killed_can_be_used() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return record(Path::new(&folder));
    }
    let folder = folder("killed");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(FOLDER, &folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap()).lines().any(|line| line.unwrap().ends_with(TOLD));
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(told && !status.success(), "it was killed amid the call: {status}");

    let (user, bot) = stereo(&folder.join("call.wav"));
    assert!(user.len() >= 5 * 16_000, "{} frames", user.len());
    assert_eq!(spans(&user, 100), [(3_000, user.len() as u64 / 16)]);
    assert_eq!(spans(&bot, 7), [(1_000, 2_000)]);
    assert_eq!(spans(&mono(&folder.join("turns/0001-bot.wav")), 7), [(0, 1_000)]);
    let turn = mono(&folder.join("turns/0002-user.wav"));
    assert!(turn.len() >= 16_000, "{} frames of the turn that went on", turn.len());
    assert_eq!(spans(&turn, 100), [(300, turn.len() as u64 / 16)]);
    let transcript = fs::read_to_string(folder.join("transcript.jsonl")).unwrap();
    let texts: Vec<_> = transcript
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].clone())
        .collect();
    assert_eq!(texts, ["What time is it?", "It is noon."]);
}

/// Records a call that goes on until the process is killed, or nobody listens to it any more.
fn record(folder: &Path) {
    let recorder = Recorder::create(folder).with_config(RecorderConfig { clips: true, ..Default::default() });
    let config = SessionConfig { output_rate: RATE, ..SessionConfig::default() }
        .with_observer(Transcript::create(folder).unwrap());
    let pipeline = Pipeline::builder().then(recorder).then(Speaker::new()).build().unwrap();
    let mut harness = Harness::with_config(pipeline, config);
    let context = ContextId(1);
    let question = Transcription { text: "What time is it?".into(), ..Transcription::default() };
    harness.queue(Frame::new(Payload::Transcription(Arc::new(question))));
    listen(&mut harness, 0, 1_000, 0);
    let text = "It is noon.".into();
    harness.queue(Frame::new(Payload::TtsText(Box::new(SpokenText { context, text }))));
    harness.queue(spoken(1, 1_000, 7)).queue(Frame::new(Payload::TtsStopped(BotSpeech::new(context))));
    listen(&mut harness, 1_000, 3_000, 0);
    listen(&mut harness, 3_000, 3_240, 100);
    harness.queue(Frame::new(Payload::SpeechStarted(Box::new(samples::edge(3_000)))));
    harness.queue(Frame::new(Payload::UserStartedSpeaking));
    listen(&mut harness, 3_240, 6_500, 100);
    // Another thread writes: it has done so once it shows.
    harness.block_on(async {
        while !is_there(folder) {
            tokio::task::yield_now().await;
        }
    });
    println!("{TOLD}");
    listen(&mut harness, 6_500, 120_000, 100);
    let _ = std::io::stdin().read(&mut [0]);
}

/// Whether all that is looked for afterwards is on disk.
fn is_there(folder: &Path) -> bool {
    let call = fs::read(folder.join("call.wav")).unwrap();
    let announced = call.get(40..44).map_or(0, |size| u32::from_le_bytes(size.try_into().unwrap()));
    let transcript = fs::read_to_string(folder.join("transcript.jsonl")).unwrap();
    let turn = fs::metadata(folder.join("turns/0002-user.wav")).map_or(0, |file| file.len());
    announced >= 4 * 16 * 5_000 && transcript.lines().count() == 2 && turn >= 2 * 16 * 1_500
}

/// The user says `value` from `from` to `to` of the session, on time.
fn listen(harness: &mut Harness, from: u64, to: u64, value: i16) {
    for at in (from..to).step_by(20) {
        harness.advance(ms(at + 20).saturating_sub(harness.elapsed()));
        harness.queue(Frame::input_audio(pcm(20, value)).with_pts(ms(at)));
    }
}
