//! The detector in a pipeline: what leaves it, in which order.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and its helpers with it")]

mod support;

use std::time::Duration;

use proptest::prelude::*;
use support::{Call, RATE, loudness, render};
use voxline_audio::{Encoding, Pcm, SampleRate, g711};
use voxline_core::{
    Pipeline, SessionConfig, SessionEvent,
    frame::{BotSpeech, ContextId, EncodedAudio, Frame, Payload},
};
use voxline_vad::{Detector, EnergyVad, Vad, VadError, VadParams, VadParamsDelta, VadUpdateParams};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn params() -> VadParams {
    VadParams { start_window: ms(40), stop_window: ms(60), pre_roll: ms(30), ..Default::default() }
}

fn vad() -> Vad {
    Vad::new(EnergyVad::default()).with_params(params())
}

fn bot(payload: fn(BotSpeech) -> Payload) -> Frame {
    payload(BotSpeech::new(ContextId(1))).into()
}

#[tokio::test(start_paused = true)]
async fn an_edge_follows_the_audio_that_confirmed_it() {
    let call = Call::start(vad()).await;
    call.say("..SSSSSS........SSSS").await;
    let expected = [
        "audio 6",
        "started 20/40",
        "audio 8",
        "stopped 80/60",
        "audio 6",
        "started 160/40",
        "stopped 200/0",
        "Ended",
    ];
    assert_eq!(call.log().await, expected);
}

#[tokio::test(start_paused = true)]
async fn audio_passes_unchanged_and_in_order() {
    let call = Call::start(vad()).await;
    for n in 0..200_i16 {
        call.queue(Frame::input_audio(Pcm::mono(vec![n * 100; usize::from(n.unsigned_abs()) % 37], RATE)))
            .await;
    }
    let events = call.finish().await;
    let passed: Vec<_> = events.iter().filter_map(audio).collect();
    assert_eq!(passed.len(), 200);
    for (n, pcm) in passed.iter().enumerate() {
        assert_eq!(pcm.samples(), vec![n as i16 * 100; n % 37]);
    }
}

fn audio(event: &SessionEvent) -> Option<Pcm> {
    match event {
        SessionEvent::Reached(_, Frame { payload: Payload::InputAudio(pcm), .. }) => Some(pcm.clone()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn r_42_speech_is_stopped_when_audio_ceases_within_it() {
    let call = Call::start(vad()).await;
    call.say("SSSSSS").await;
    call.wait(ms(999)).await;
    call.say("S").await;
    call.wait(ms(5_000)).await;
    call.say("SSSS....").await;
    let expected = [
        "audio 4",
        "started 0/40",
        "audio 3",
        "stopped 70/1000",
        "audio 4",
        "started 70/40",
        "audio 4",
        "stopped 110/40",
        "Ended",
    ];
    assert_eq!(call.log().await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_beginning_of_speech_is_forgotten_when_audio_ceases_within_it() {
    let call = Call::start(vad()).await;
    call.say("SSS").await;
    call.wait(ms(2_000)).await;
    call.say("SSS").await;
    assert_eq!(call.log().await, ["audio 6", "Ended"]);
}

#[tokio::test(start_paused = true)]
async fn positions_are_presentation_times_where_there_are_any() {
    let call = Call::start(vad()).await;
    for (letter, n) in "..SSSS".chars().zip(0..) {
        let frame = Frame::input_audio(Pcm::mono([loudness(letter); 160], RATE));
        call.queue(frame.with_pts(ms(7_000 + n * 10))).await;
    }
    assert_eq!(call.log().await, ["audio 6", "started 7020/40", "stopped 7060/0", "Ended"]);
}

#[tokio::test(start_paused = true)]
async fn parameters_change_in_mid_speech_at_their_place_among_the_audio() {
    let call = Call::start(vad()).await;
    call.say("SSSSS..").await;
    let stop_window = Some(ms(100));
    call.queue(VadUpdateParams(VadParamsDelta { stop_window, ..Default::default() })).await;
    call.say("........").await;
    let expected = [
        "audio 4",
        "started 0/40",
        "audio 3",
        "Custom",
        "answered stop_window \"100ms\"",
        "audio 8",
        "stopped 50/100",
        "Ended",
    ];
    assert_eq!(call.log().await, expected);
}

#[tokio::test(start_paused = true)]
async fn parameters_that_cannot_be_used_are_answered_with_an_error_and_change_nothing() {
    let call = Call::start(vad()).await;
    let (start_confidence, start_window) = (Some(1.5), Some(ms(10)));
    call.queue(VadUpdateParams(VadParamsDelta { start_confidence, start_window, ..Default::default() }))
        .await;
    call.wait(ms(1)).await;
    call.say("SSSS").await;
    let log = call.log().await;
    assert!(log.contains(&"error start_confidence must be above 0 and at most 1".to_owned()), "{log:?}");
    assert!(log.contains(&"started 0/40".to_owned()), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_with_unusable_parameters_does_not_start() {
    let vad = vad().with_params(VadParams { forced_stop: Duration::ZERO, ..params() });
    let pipeline = Pipeline::builder().then(vad).build().unwrap();
    let error = pipeline.start(SessionConfig::default()).await.unwrap_err();
    assert!(error.to_string().contains("Vad"), "{error}");
}

#[derive(Debug)]
struct Broken;

impl Detector for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn rate(&self) -> SampleRate {
        RATE
    }

    fn frame_len(&self) -> usize {
        160
    }

    fn detect(&mut self, frame: &[i16]) -> Result<f32, VadError> {
        // Silence has no probability here; everything else is speech.
        match frame[0] {
            0 => Ok(f32::NAN),
            _ => Ok(1.0),
        }
    }

    fn reset(&mut self) {}
}

#[tokio::test(start_paused = true)]
async fn r_45_a_failing_detector_is_reported_once_a_second_with_the_count_and_speech_stops() {
    let call = Call::start(Vad::new(Broken).with_params(params())).await;
    call.say("SSSS").await;
    call.say(".................").await;
    call.wait(ms(900)).await;
    call.say("..").await;
    call.wait(ms(200)).await;
    call.say("...").await;
    let log = call.log().await;
    let errors: Vec<_> = log.iter().filter(|line| line.starts_with("error")).collect();
    let text = |count| format!("error could not listen for speech, {count} times since the last report");
    assert_eq!(errors, [&text(1), &text(19), &text(2)]);
    assert!(log.contains(&"stopped 40/60".to_owned()), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn r_25_a_gate_withholds_silence_and_lets_the_pre_roll_through() {
    let call = Call::start(vad().gate(true)).await;
    let mut next = 0_i16;
    let letters = ".".repeat(40) + "SSSSSS" + &".".repeat(40);
    for letter in letters.chars() {
        // Each sample of the silence is told from the others by its value, of 1 to 6,400: too quiet at first.
        let quiet: Vec<i16> = (0..160).map(|n| (next + n) % 50).collect();
        next += 160;
        let samples = if letter == 'S' { vec![8_000; 160] } else { quiet };
        call.queue(Frame::input_audio(Pcm::mono(samples, RATE))).await;
    }
    let events = call.finish().await;
    let expected = ["audio 7", "started 400/40", "audio 8", "stopped 460/60", "Ended"];
    assert_eq!(render(&events), expected);

    // By sample index: what comes out begins exactly one pre-roll before the first sample of speech.
    let first = events.iter().find_map(|event| match event {
        SessionEvent::Reached(_, frame) if matches!(frame.payload, Payload::InputAudio(_)) => frame.pts(),
        _ => None,
    });
    assert_eq!(first, Some(ms(400) - params().pre_roll));
    let passed: Vec<i16> = events.iter().filter_map(audio).flat_map(|pcm| pcm.samples().to_vec()).collect();
    let (begin, speech) = (370 * 16, 400 * 16);
    let pre_roll: Vec<i16> = (begin..speech).map(|n: i16| n % 50).collect();
    assert_eq!(passed[..480], pre_roll);
    assert!(passed[480..480 + 960].iter().all(|&sample| sample == 8_000));
}

#[tokio::test(start_paused = true)]
async fn a_gate_lets_a_word_through_that_the_end_cuts_short() {
    let call = Call::start(vad().gate(true)).await;
    call.say("..........SS").await;
    let log = call.log().await;
    assert_eq!(log, ["audio 12", "Ended"]);
}

#[tokio::test(start_paused = true)]
async fn speech_interrupts_the_bot_only_when_asked_to_and_while_it_speaks() {
    for (interrupts, speaks, expected) in [(true, true, true), (true, false, false), (false, true, false)] {
        let call = Call::start(vad().interrupts(interrupts)).await;
        call.queue(bot(Payload::BotStartedSpeaking)).await;
        if !speaks {
            call.queue(bot(Payload::BotStoppedSpeaking)).await;
        }
        call.wait(ms(1)).await;
        call.say("SSSSSS").await;
        let log = call.log().await;
        assert_eq!(
            log.contains(&"interrupted UserSpoke".to_owned()),
            expected,
            "{interrupts} {speaks} {log:?}"
        );
        assert!(log.contains(&"started 0/40".to_owned()), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn telephone_audio_is_heard_and_passed_on_untouched() {
    let call = Call::start(vad()).await;
    for letter in "..SSSS".chars() {
        let bytes = vec![g711::encode_mulaw(loudness(letter)); 80].into();
        let audio = EncodedAudio { bytes, encoding: Encoding::MuLaw, rate: SampleRate::HZ_8000 };
        call.queue(Payload::InputEncoded(Box::new(audio))).await;
    }
    call.say("...").await;
    let log = call.log().await;
    assert_eq!(log.iter().filter(|line| *line == "InputEncoded").count(), 6);
    assert!(log.iter().any(|line| line.starts_with("started")), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn opus_passes_unheard_through_a_gate_too() {
    let call = Call::start(vad().gate(true)).await;
    let audio =
        EncodedAudio { bytes: vec![0xFC; 7].into(), encoding: Encoding::Opus, rate: SampleRate::HZ_48000 };
    call.queue(Payload::InputEncoded(Box::new(audio))).await;
    assert_eq!(call.log().await, ["InputEncoded", "Ended"]);
}

#[derive(Clone, Debug)]
enum Input {
    Audio { samples: usize, loud: bool, hz: u32, stereo: bool, pts: Option<u64> },
    Wait(u64),
    Interrupt,
}

fn any_input() -> impl Strategy<Value = Input> {
    let rate = prop::sample::select(vec![1, 4_000, 8_000, 16_000, 44_100, 400_000]);
    let audio = (0..1_500_usize, any::<bool>(), rate, any::<bool>(), prop::option::of(0..20_000_u64));
    prop_oneof![
        8 => audio.prop_map(|(samples, loud, hz, stereo, pts)| Input::Audio { samples, loud, hz, stereo, pts }),
        1 => (0..3_000_u64).prop_map(Input::Wait),
        1 => Just(Input::Interrupt),
    ]
}

async fn run(inputs: &[Input], vad: Vad) -> Vec<SessionEvent> {
    let call = Call::start(vad).await;
    for input in inputs {
        match *input {
            Input::Wait(time) => call.wait(ms(time)).await,
            Input::Interrupt => call.session.interrupt(),
            Input::Audio { samples, loud, hz, stereo, pts } => {
                let samples = vec![if loud { 9_000 } else { 0 }; samples * if stereo { 2 } else { 1 }];
                let rate = SampleRate::new(hz).unwrap();
                let pcm = Pcm::interleaved(samples, rate, if stereo { 2 } else { 1 }).unwrap();
                let frame = Frame::input_audio(pcm);
                call.queue(match pts {
                    Some(pts) => frame.with_pts(ms(pts)),
                    None => frame,
                })
                .await;
            }
        }
    }
    call.finish().await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_input_makes_it_panic_lose_audio_or_forget_an_edge(
        inputs in prop::collection::vec(any_input(), 0..40),
        gate in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let events = runtime.block_on(run(&inputs, vad().gate(gate).interrupts(true)));

        let given: Vec<usize> = inputs.iter().filter_map(|input| match input {
            Input::Audio { samples, .. } => Some(*samples),
            _ => None,
        }).collect();
        let passed: Vec<usize> = events.iter().filter_map(audio).map(|pcm| pcm.frames()).collect();
        if gate {
            let mut rest = given.iter();
            prop_assert!(passed.iter().all(|p| rest.any(|g| g == p)), "{:?} from {:?}", passed, given);
        } else {
            prop_assert_eq!(passed, given);
        }
        let log = render(&events);
        let edges: Vec<_> = log.iter().filter(|l| l.starts_with("started") || l.starts_with("stopped")).collect();
        prop_assert!(edges.len() % 2 == 0, "{:?}", log);
        for (index, edge) in edges.iter().enumerate() {
            prop_assert_eq!(edge.starts_with("started"), index % 2 == 0, "{:?}", log);
        }
        prop_assert_eq!(log.last().map(String::as_str), Some("Ended"));
    }
}
