//! Held playback: it goes on at the same sample, the file stays the call's timeline, and the end does not wait.

use std::{path::PathBuf, time::Duration};

use voxline_audio::{Pcm, SampleRate, WavReader};
use voxline_core::{
    Pipeline, Session, SessionConfig,
    frame::{BotSpeech, ContextId, Frame, Payload, RequestId, SpokenAudio},
    playout::Playback,
};
use voxline_transport_wav::WavOutput;

const RATE: SampleRate = SampleRate::HZ_8000;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

async fn started(path: &PathBuf) -> Session {
    let pipeline = Pipeline::builder().then(WavOutput::create(path)).build().expect("one stage is enough");
    let config = SessionConfig { output_rate: RATE, ..SessionConfig::default() };
    pipeline.start(config).await.expect("the directory can be written to")
}

/// So many chunks of 20 ms, whose samples are numbered from one, and the end of the answer.
fn spoken(chunks: i16) -> Vec<Frame> {
    let samples = |chunk: i16| (chunk * 160 + 1..=(chunk + 1) * 160).collect::<Vec<_>>();
    let audio = |chunk| {
        let (context, request) = (ContextId(1), RequestId(1));
        Frame::new(Payload::OutputAudio(SpokenAudio {
            pcm: Pcm::mono(samples(chunk), RATE),
            context,
            request,
        }))
    };
    let stopped = Frame::new(Payload::TtsStopped(BotSpeech::new(ContextId(1))));
    (0..chunks).map(audio).chain([stopped]).collect()
}

fn written(path: &PathBuf) -> Vec<i16> {
    let mut reader = WavReader::open(path).expect("the output has been closed");
    let mut samples = Vec::new();
    while let Some(pcm) = reader.read(4096).expect("it is sound") {
        samples.extend_from_slice(pcm.samples());
    }
    samples
}

#[tokio::test(start_paused = true)]
async fn r_36_held_playback_resumes_at_the_same_sample_after_silence() {
    let path = path("held.wav");
    let session = started(&path).await;
    for frame in spoken(50) {
        session.queue(frame).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    session.queue(Frame::custom(Playback::Hold)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1000)).await;
    session.queue(Frame::custom(Playback::Resume)).await.unwrap();
    session.end().await.unwrap();
    session.finished().await.unwrap();

    let samples = written(&path);
    let said: Vec<i16> = samples.iter().copied().filter(|&sample| sample != 0).collect();
    assert_eq!(said, (1..=8000).collect::<Vec<_>>(), "every sample once, in order");
    let first = samples.iter().position(|&sample| sample != 0).unwrap();
    let silence = samples[first..].iter().filter(|&&sample| sample == 0).count();
    // Held for a second, of which what had been written ahead was still heard: 150 ms and up to one chunk.
    let millis = silence / 8;
    assert!((825..=850).contains(&millis), "{millis} ms of silence in between");
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_anybody_to_resume() {
    let path = path("ended.wav");
    let session = started(&path).await;
    session.queue(Frame::custom(Playback::Hold)).await.unwrap();
    for frame in spoken(10) {
        session.queue(frame).await.unwrap();
    }
    session.end().await.unwrap();
    session.finished().await.unwrap();
    let said = written(&path).into_iter().filter(|&sample| sample != 0).count();
    assert_eq!(said, 1600);
}
