//! The recorder before an output, in paused time, down to the files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and its helpers with it")]

use std::fs;

use tokio::time::{Instant, sleep_until};
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    Pipeline, SessionConfig,
    frame::{BotSpeech, ContextId, Frame, Payload},
    playout::Playback,
};
use voxline_recorder::{Recorder, RecorderConfig};
use voxline_testkit::{Harness, samples};

mod support;
use support::{RATE, Speaker, folder, mono, ms, pcm, spans, spoken, stereo};

fn harness(recorder: Recorder) -> Harness {
    let config = SessionConfig { output_rate: RATE, ..SessionConfig::default() };
    Harness::with_config(Pipeline::builder().then(recorder).then(Speaker::new()).build().unwrap(), config)
}

/// The user says `value` from `from` to `to` of the session, on time.
fn listen(harness: &mut Harness, from: u64, to: u64, value: i16) {
    for at in (from..to).step_by(20) {
        harness.advance((ms(at + 20)).saturating_sub(harness.elapsed()));
        harness.queue(Frame::input_audio(pcm(20, value)).with_pts(ms(at)));
    }
}

fn tts_stopped(context: u32) -> Frame {
    Frame::new(Payload::TtsStopped(BotSpeech::new(ContextId(context))))
}

#[test]
fn a_call_with_a_barge_in_is_recorded_as_it_was_heard() {
    let folder = folder("barge-in");
    let recorder = Recorder::create(&folder);
    let stats = recorder.stats();
    let mut harness = harness(recorder);
    listen(&mut harness, 0, 1_000, 100);
    harness.queue(spoken(1, 3_000, 7)).queue(tts_stopped(1));
    listen(&mut harness, 1_000, 1_600, 200);
    harness.interrupt();
    listen(&mut harness, 1_600, 2_000, 300);
    harness.queue(spoken(2, 500, 8)).queue(tts_stopped(2));
    listen(&mut harness, 2_000, 3_000, 400);
    harness.finish();

    let (user, bot) = stereo(&folder.join("call.wav"));
    assert_eq!((user.len(), bot.len()), (48_000, 48_000));
    assert_eq!(spans(&user, 200), [(1_000, 1_600)]);
    assert_eq!(spans(&user, 300), [(1_600, 2_000)]);
    assert_eq!(spans(&bot, 7), [(1_000, 1_600)]);
    assert_eq!(spans(&bot, 8), [(2_000, 2_500)]);
    assert_eq!((stats.written(), stats.late(), stats.dropped_blocks()), (ms(3_000), ms(0), 0));
}

#[test]
fn held_playback_is_a_gap_in_the_recording_and_goes_on_at_the_same_sample() {
    let folder = folder("held");
    let mut harness = harness(Recorder::create(&folder));
    for _ in 0..50 {
        harness.queue_only(spoken(1, 20, 7));
    }
    harness.queue(tts_stopped(1));
    listen(&mut harness, 0, 300, 1);
    harness.queue(Frame::custom(Playback::Hold));
    listen(&mut harness, 300, 1_000, 1);
    harness.queue(Frame::custom(Playback::Resume));
    listen(&mut harness, 1_000, 2_500, 1);
    harness.finish();

    let (_, bot) = stereo(&folder.join("call.wav"));
    let heard = spans(&bot, 7);
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(heard.iter().map(|(from, to)| to - from).sum::<u64>(), 1_000, "{heard:?}");
    assert_eq!((heard[0].0, heard[1].0), (0, 1_000), "{heard:?}");
}

#[test]
fn the_end_of_a_call_waits_for_the_last_answer_and_has_all_of_it() {
    let folder = folder("last-answer");
    let mut harness = harness(Recorder::create(&folder));
    harness.queue(spoken(1, 2_345, 7)).queue(tts_stopped(1));
    harness.finish();
    let (_, bot) = stereo(&folder.join("call.wav"));
    assert_eq!(spans(&bot, 7), [(0, 2_345)]);
}

#[test]
fn the_file_can_be_played_while_the_call_goes_on() {
    let folder = folder("crash");
    let mut harness = harness(Recorder::create(&folder));
    listen(&mut harness, 0, 5_000, 100);
    // Blocks are written by another thread: it has handed over everything once the last one shows.
    let path = folder.join("call.wav");
    let copy = harness.block_on(async {
        loop {
            let bytes = fs::read(&path).unwrap();
            let announced = bytes.get(40..44).map_or(0, |size| u32::from_le_bytes(size.try_into().unwrap()));
            if announced >= 4 * 16 * 4_000 {
                break bytes;
            }
            tokio::task::yield_now().await;
        }
    });
    let crashed = folder.join("crashed.wav");
    fs::write(&crashed, copy).unwrap();
    let (user, _) = stereo(&crashed);
    assert!(user.len() >= 64_000, "at most a second of five is missing: {}", user.len());
    assert_eq!(spans(&user, 100), [(0, user.len() as u64 / 16)]);
    harness.finish();
}

#[test]
fn each_turn_is_a_file_of_its_own_when_asked_for() {
    let folder = folder("turns");
    let config = RecorderConfig { clips: true, ..Default::default() };
    let mut harness = harness(Recorder::create(&folder).with_config(config));
    listen(&mut harness, 0, 1_000, 0);
    listen(&mut harness, 1_000, 1_240, 100);
    harness.queue(Frame::new(Payload::SpeechStarted(Box::new(samples::edge(1_000)))));
    listen(&mut harness, 1_240, 2_000, 100);
    listen(&mut harness, 2_000, 2_300, 0);
    harness.queue(Frame::new(Payload::SpeechStopped(Box::new(samples::edge(2_000)))));
    harness.queue(spoken(1, 400, 7)).queue(tts_stopped(1));
    listen(&mut harness, 2_300, 3_500, 0);
    harness.finish();

    let mut names: Vec<_> = fs::read_dir(folder.join("turns"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["0001-user.wav", "0002-bot.wav"]);
    assert_eq!(spans(&mono(&folder.join("turns/0001-user.wav")), 100), [(300, 1_300)]);
    assert_eq!(spans(&mono(&folder.join("turns/0002-bot.wav")), 7), [(0, 400)]);
}

#[test]
fn sides_of_different_rates_share_the_higher_one() {
    let folder = folder("rates");
    let config = SessionConfig { input_rate: SampleRate::HZ_8000, ..SessionConfig::default() };
    let pipeline = Pipeline::builder().then(Recorder::create(&folder)).then(Speaker::new()).build().unwrap();
    let mut harness = Harness::with_config(pipeline, config);
    for at in (0..1_000).step_by(20) {
        harness.advance(ms(20));
        let chunk = Pcm::mono(vec![500; 160], SampleRate::HZ_8000);
        harness.queue(Frame::input_audio(chunk).with_pts(ms(at)));
    }
    harness.finish();
    let bytes = fs::read(folder.join("call.wav")).unwrap();
    assert_eq!(u32::from_le_bytes(bytes[24..28].try_into().unwrap()), 24_000);
    let (user, _) = stereo(&folder.join("call.wav"));
    assert_eq!(user.len(), 24_000);
}

#[test]
fn a_folder_that_cannot_be_made_keeps_the_session_from_starting() {
    let folder = folder("in-the-way");
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&folder);
    fs::write(&folder, "a file").unwrap();
    let refused = Harness::try_new(Recorder::create(folder.join("call")), SessionConfig::default());
    let error = refused.err().unwrap();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("in-the-way/call cannot be made"), "{source}");
    fs::remove_file(&folder).unwrap();
}

/// R-28, the whole stage: an hour in paused time, with stalls of up to nine seconds and the bursts after them.
#[test]
fn r_28_an_hour_of_a_session_is_an_hour_on_disk() {
    let folder = folder("hour");
    let seed = 28;
    let mut random = fastrand::Rng::with_seed(seed);
    // Two samples a millisecond, so that an hour is a small file.
    let rate = SampleRate::new(2_000).unwrap();
    let recorder =
        Recorder::create(&folder).with_config(RecorderConfig { rate: Some(rate), ..Default::default() });
    let stats = recorder.stats();
    let harness = harness(recorder);
    let mut stalled_until = 0;
    let chunks: Vec<(u64, u64)> = (0..36_000_u64)
        .map(|chunk| {
            if random.u16(..600) == 0 {
                stalled_until = 100 * chunk + random.u64(200..9_000);
            }
            (100 * chunk, (100 * chunk + 100 + random.u64(..30)).max(stalled_until))
        })
        .collect();
    harness.block_on(async {
        let began = Instant::now();
        for (pts, arrival) in chunks {
            sleep_until(began + ms(arrival)).await;
            let mut samples = vec![0; 200];
            samples[0] = if pts % 60_000 == 0 { 1_000 } else { 0 };
            let frame = Frame::input_audio(Pcm::mono(samples, rate)).with_pts(ms(pts));
            harness.session().queue(frame).await.unwrap();
        }
    });
    harness.finish();
    let (user, _) = stereo(&folder.join("call.wav"));
    let marks: Vec<u64> = (0_u64..).zip(&user).filter(|&(_, &s)| s == 1_000).map(|(n, _)| n / 2).collect();
    assert_eq!(marks.len(), 60, "seed {seed}");
    for (mark, truth) in marks.into_iter().zip((0..).step_by(60_000)) {
        assert!(mark.abs_diff(truth) < 20, "seed {seed}: {truth} ms stands at {mark} ms");
    }
    assert_eq!(user.len() / 2, 3_600_000, "seed {seed}");
    assert_eq!((stats.late(), stats.resyncs(), stats.dropped_blocks()), (ms(0), 0, 0), "seed {seed}");
    fs::remove_dir_all(&folder).unwrap();
}
