//! The transcript of a call, as the observer writes it.

use std::{fs, sync::Arc};

use voxline_core::{
    Pipeline, SessionConfig,
    frame::{BotSpeech, ContextId, Frame, Payload, SpokenText, Transcription, UtteranceId},
};
use voxline_recorder::{Recorder, Transcript};
use voxline_testkit::Harness;

mod support;
use support::{RATE, Speaker, folder, ms, spoken};

fn heard(text: &str, start: u64, end: u64) -> Frame {
    Frame::new(Payload::Transcription(Arc::new(Transcription {
        text: text.into(),
        utterance: UtteranceId(1),
        start: Some(ms(start)),
        end: Some(ms(end)),
        confirmed: true,
        ..Transcription::default()
    })))
}

fn said(context: u32, text: &str) -> Frame {
    Frame::new(Payload::TtsText(Box::new(SpokenText { context: ContextId(context), text: text.into() })))
}

fn complete(context: u32) -> Frame {
    Frame::new(Payload::TtsStopped(BotSpeech::new(ContextId(context))))
}

#[test]
fn a_call_reads_as_it_was_heard() {
    let folder = folder("transcript");
    let config = SessionConfig { output_rate: RATE, ..SessionConfig::default() }
        .with_observer(Transcript::create(&folder).unwrap());
    // Two stages: each sees every frame, and each line is written once.
    let pipeline = Pipeline::builder().then(Recorder::create(&folder)).then(Speaker::new()).build().unwrap();
    let mut harness = Harness::with_config(pipeline, config);
    harness.queue(heard("What time is it?", 200, 1_400));
    harness.advance(ms(2_000));
    harness.queue(said(1, "It is half past three in Delhi.")).queue(spoken(1, 2_000, 7)).queue(complete(1));
    harness.advance(ms(1_000)).interrupt();
    harness.queue(heard("  ", 0, 0)).queue(heard("Thank you!", 3_000, 3_600));
    harness.queue(said(2, "You are")).queue(said(2, " welcome.")).queue(spoken(2, 800, 7)).queue(complete(2));
    harness.finish();

    let text = fs::read_to_string(folder.join("transcript.txt")).unwrap();
    let expected = "00:00:00.2 user: What time is it?\n\
                    00:00:02.0 bot: It is half past –\n\
                    00:00:03.0 user: Thank you!\n\
                    00:00:03.0 bot: You are welcome.\n";
    assert_eq!(text, expected);
    let json = fs::read_to_string(folder.join("transcript.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[1]["interrupted"], &lines[1]["unheard"]), (&true.into(), &"three in Delhi.".into()));
    assert_eq!((&lines[0]["at"], &lines[0]["end"]), (&0.2.into(), &1.4.into()));
}

#[test]
fn a_folder_that_cannot_be_made_is_a_typed_error() {
    let folder = folder("transcript-in-the-way");
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, "a file").unwrap();
    let error = Transcript::create(folder.join("call")).unwrap_err();
    assert!(matches!(error, voxline_recorder::RecordError::Folder { .. }), "{error}");
    fs::remove_file(&folder).unwrap();
}
