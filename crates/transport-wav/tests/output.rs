//! The output end: the background goes on under answers, between them and through an interruption.

use std::{path::PathBuf, time::Duration};

use tokio::time::sleep;
use voxline_audio::{Pcm, SampleRate, WavReader};
use voxline_core::{
    Pipeline, Session, SessionConfig,
    frame::{ContextId, Frame, Payload, RequestId, SpokenAudio},
};
use voxline_transport_wav::{Pace, WavOutput};

const RATE: SampleRate = SampleRate::HZ_16000;
/// The loop is a ramp whose length divides nothing else here.
const LOOP: usize = 701;
/// The voice is a step that no sample of the loop reaches.
const VOICE: i16 = 10_000;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn ramp() -> Pcm {
    Pcm::mono((0..LOOP).map(|at| at as i16).collect::<Vec<_>>(), RATE)
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

async fn start(output: WavOutput) -> Session {
    let config = SessionConfig { output_rate: RATE, ..SessionConfig::default() };
    let pipeline = Pipeline::builder().then(output).build().expect("one stage is enough");
    pipeline.start(config).await.expect("the directory can be written to")
}

/// Says so many chunks of 20 ms.
async fn say(session: &Session, context: u32, chunks: usize) {
    for _ in 0..chunks {
        let pcm = Pcm::mono(vec![VOICE; 320], RATE);
        let spoken = SpokenAudio { pcm, context: ContextId(context), request: RequestId(context) };
        session.queue(Frame::new(Payload::OutputAudio(spoken))).await.expect("the session runs");
    }
}

fn read(path: &PathBuf) -> Vec<i16> {
    let mut reader = WavReader::open(path).expect("the file was closed");
    let mut samples = Vec::new();
    while let Some(pcm) = reader.read(4096).expect("the file is sound") {
        samples.extend_from_slice(pcm.samples());
    }
    samples
}

/// The loop's place at each sample, whether there is a voice over it or not.
fn places(samples: &[i16]) -> Vec<usize> {
    samples.iter().map(|&sample| usize::try_from(sample % VOICE).expect("nothing is below zero")).collect()
}

#[tokio::test(start_paused = true)]
async fn r_29_the_background_has_no_gap_at_a_barge_in_and_ends_with_the_session() {
    let path = path("background.wav");
    let session = start(WavOutput::create(&path).with_background(ramp(), 1.0)).await;
    sleep(ms(310)).await;
    say(&session, 1, 50).await;
    sleep(ms(200)).await;
    session.interrupt();
    sleep(ms(400)).await;
    say(&session, 2, 5).await;
    sleep(ms(500)).await;
    session.end().await.expect("the session runs");
    session.finished().await.expect("nothing went wrong");
    let samples = read(&path);
    let expected: Vec<usize> = (0..samples.len()).map(|at| at % LOOP).collect();
    assert_eq!(places(&samples), expected);
    let voiced = samples.iter().filter(|&&sample| sample >= VOICE).count();
    assert!((320..50 * 320).contains(&(voiced - 5 * 320)), "the first answer was cut: {voiced} samples");
    let length = RATE.duration_of(samples.len() as u64);
    assert!(length >= ms(310 + 200 + 400 + 500), "it ends after {length:?}");
}

#[tokio::test(start_paused = true)]
async fn at_the_fast_pace_the_background_is_under_the_answers_only() {
    let path = path("fast.wav");
    let output = WavOutput::create(&path).with_pace(Pace::Fast).with_background(ramp(), 1.0);
    let session = start(output).await;
    sleep(ms(300)).await;
    say(&session, 1, 4).await;
    session.end().await.expect("the session runs");
    session.finished().await.expect("nothing went wrong");
    let samples = read(&path);
    assert_eq!(samples.len(), 4 * 320);
    assert!(samples.iter().enumerate().all(|(at, &sample)| sample == VOICE + (at % LOOP) as i16));
}

#[tokio::test(start_paused = true)]
async fn a_background_of_another_rate_is_resampled_and_mixed_down() {
    let path = path("rates.wav");
    let sound = Pcm::interleaved(vec![1000_i16; 2 * 8000], SampleRate::HZ_8000, 2).expect("two channels");
    let session = start(WavOutput::create(&path).with_background(sound, 0.5)).await;
    sleep(ms(800)).await;
    session.end().await.expect("the session runs");
    session.finished().await.expect("nothing went wrong");
    let samples = read(&path);
    assert!(RATE.duration_of(samples.len() as u64) >= ms(800));
    let middle = &samples[4000..8000];
    assert!(middle.iter().all(|sample| (490..=510).contains(sample)), "half as loud, in both channels");
}

#[tokio::test(start_paused = true)]
async fn r_20_without_a_background_the_samples_of_an_answer_are_all_there_is_of_sound() {
    let path = path("silence.wav");
    let session = start(WavOutput::create(&path)).await;
    sleep(ms(100)).await;
    say(&session, 1, 7).await;
    session.end().await.expect("the session runs");
    session.finished().await.expect("nothing went wrong");
    let samples = read(&path);
    assert_eq!(samples.iter().filter(|&&sample| sample == VOICE).count(), 7 * 320);
    assert!(samples.iter().all(|&sample| sample == VOICE || sample == 0));
}
