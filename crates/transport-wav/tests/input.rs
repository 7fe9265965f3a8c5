//! The input end: every sample in order, an early end, and what is said of a file that is cut short.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use voxline_audio::{Pcm, SampleRate, WavWriter};
use voxline_core::{
    Pipeline, SessionConfig, SessionEvent,
    error::Error,
    frame::{FrameKind, KindSet, Payload},
};
use voxline_transport_wav::{InputError, Pace, WavInput};

const RATE: SampleRate = SampleRate::HZ_16000;

/// A file of so many samples, each with its number in it.
fn file(name: &str, samples: usize) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut writer = WavWriter::create(&path, RATE).expect("the directory can be written to");
    let counted: Vec<i16> = (0..samples).map(|at| at as i16).collect();
    writer.write(&Pcm::mono(counted, RATE)).expect("there is room");
    writer.close().expect("there is room");
    path
}

/// What came out of an input: its samples and its errors.
#[derive(Default)]
struct Out {
    samples: Vec<i16>,
    errors: Vec<Arc<Error>>,
}

async fn play(input: WavInput) -> Out {
    let out: Arc<Mutex<Out>> = Arc::default();
    let taken = out.clone();
    let config = SessionConfig { reached: KindSet::of(&[FrameKind::InputAudio]), ..SessionConfig::default() };
    let config = config.on_event(move |event| {
        let mut out = taken.lock().expect("no holder panics");
        match event {
            SessionEvent::Reached(_, frame) => {
                if let Payload::InputAudio(pcm) = &frame.payload {
                    out.samples.extend_from_slice(pcm.samples());
                }
            }
            SessionEvent::Error(report) => out.errors.push(report.error.clone()),
            _ => {}
        }
    });
    let pipeline = Pipeline::builder().then(input).build().expect("one stage is enough");
    let session = pipeline.start(config).await.expect("the file is sound");
    session.finished().await.expect("it ends by itself");
    std::mem::take(&mut *out.lock().expect("no holder panics"))
}

#[tokio::test(start_paused = true)]
async fn r_20_every_sample_comes_out_in_order_at_either_pace() {
    let path = file("whole.wav", 10_001);
    for pace in [Pace::Realtime, Pace::Fast] {
        let input = WavInput::open(&path).unwrap().with_pace(pace).with_silence(Duration::ZERO);
        assert_eq!((input.rate(), input.announced_duration()), (RATE, Some(RATE.duration_of(10_001))));
        let counters = input.counters();
        let out = play(input).await;
        let samples: Vec<i16> = (0..10_001).map(|at| at as i16).collect();
        assert_eq!(out.samples, samples, "{pace:?}");
        assert_eq!(counters.audio(), RATE.duration_of(10_001));
        assert!(out.errors.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_input_in_order() {
    let input =
        WavInput::open(file("stopped.wav", 160_000)).unwrap().with_silence(Duration::from_millis(100));
    let (stopper, counters) = (input.stopper(), input.counters());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        stopper.stop();
    });
    let out = play(input).await;
    let heard = RATE.samples_in(counters.audio()) as usize;
    assert!((32_000..48_000).contains(&heard), "{heard}");
    assert_eq!(out.samples.len(), heard + 1_600);
    assert_eq!(out.samples[..heard], (0..heard).map(|at| at as i16).collect::<Vec<_>>());
    assert!(out.samples[heard..].iter().all(|&sample| sample == 0));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_cut_short_gives_what_it_has_and_says_what_is_missing() {
    let path = file("cut.wav", 32_000);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 32_000]).unwrap();
    let input = WavInput::open(&path).unwrap().with_pace(Pace::Fast).with_silence(Duration::ZERO);
    let out = play(input).await;
    assert_eq!(out.samples.len(), 16_000);
    let [error] = &out.errors[..] else { panic!("{:?}", out.errors) };
    let Error::Other(error) = &**error else { panic!("{error:?}") };
    let Some(InputError::CutShort { announced, present }) = error.downcast_ref() else { panic!("{error:?}") };
    assert_eq!((*announced, *present), (Duration::from_secs(2), Duration::from_secs(1)));
}
