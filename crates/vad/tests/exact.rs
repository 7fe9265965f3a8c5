//! By the sample: what a detector is given of any input, and what of the beginning of speech is let through.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use voxline_audio::{Pcm, SampleRate};
use voxline_core::frame::{Frame, FrameKind, Payload, SpeechEdge};
use voxline_testkit::{Harness, Log};
use voxline_vad::{Analyser, Detector, EnergyVad, Finding, Vad, VadError, VadParams};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A detector of exact frames, which keeps what it is given and refuses what it is not made for.
#[derive(Debug)]
struct Exact {
    rate: SampleRate,
    len: usize,
    // Written by the detector, read by the test.
    given: Arc<Mutex<Vec<i16>>>,
}

/// This sample at the beginning of a frame makes it fail.
const POISON: i16 = -32_000;

impl Detector for Exact {
    fn name(&self) -> &'static str {
        "exact"
    }

    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn frame_len(&self) -> usize {
        self.len
    }

    fn detect(&mut self, frame: &[i16]) -> Result<f32, VadError> {
        assert_eq!(frame.len(), self.len, "frames are exact");
        self.given.lock().expect("no holder panics").extend(frame);
        if frame[0] == POISON {
            return Err(VadError::Refused { detector: "exact" });
        }
        Ok(0.0)
    }

    fn reset(&mut self) {}
}

fn rates() -> impl Strategy<Value = SampleRate> {
    let all = [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate::HZ_48000];
    prop::sample::select(all.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r_45_any_input_becomes_exact_frames_and_each_sample_is_judged_once(
        cuts in prop::collection::vec(0_usize..6000, 1..20),
        rate in rates(),
        frame in prop::sample::select(vec![10_u64, 20, 30]),
    ) {
        let given = Arc::default();
        let len = rate.samples_in(ms(frame)) as usize;
        let mut analyser = Analyser::new(Exact { rate, len, given: Arc::clone(&given) });
        let mut findings = Vec::new();
        let mut sent: Vec<i16> = Vec::new();
        for cut in cuts {
            let samples: Vec<i16> = (0..cut).map(|at| ((sent.len() + at) % 30_000) as i16).collect();
            analyser.handle_audio(&Pcm::mono(samples.clone(), rate), None, &mut findings);
            sent.extend(samples);
            let whole = sent.len() / len * len;
            prop_assert_eq!(&given.lock().unwrap()[..], &sent[..whole], "whole frames are judged at once");
        }
        analyser.handle_ceased(ms(1_000), &mut findings);
        let judged = given.lock().unwrap().clone();
        prop_assert_eq!(&judged[..sent.len()], &sent[..], "and the rest at the end");
        prop_assert!(judged.len() - sent.len() < len && judged[sent.len()..].iter().all(|&sample| sample == 0));
        prop_assert_eq!(findings, Vec::new());
    }

    #[test]
    fn r_45_input_of_another_rate_is_judged_at_the_detectors_own(
        lengths in prop::collection::vec(1_usize..6000, 1..12),
        input in rates(),
        rate in rates(),
        frame in prop::sample::select(vec![10_u64, 20, 30]),
    ) {
        let given = Arc::default();
        let len = rate.samples_in(ms(frame)) as usize;
        let mut analyser = Analyser::new(Exact { rate, len, given: Arc::clone(&given) });
        let mut findings = Vec::new();
        for &length in &lengths {
            analyser.handle_audio(&Pcm::mono(vec![1_000; length], input), None, &mut findings);
        }
        analyser.handle_ceased(ms(1_000), &mut findings);
        let time = input.duration_of(lengths.iter().sum::<usize>() as u64);
        let judged = rate.duration_of(given.lock().unwrap().len() as u64);
        prop_assert!(judged + ms(1) >= time && judged <= time + ms(frame + 1), "{:?} of {:?}", judged, time);
        prop_assert_eq!(findings, Vec::new());
    }

    #[test]
    fn r_45_every_error_of_the_detector_is_told(poisoned in prop::collection::vec(any::<bool>(), 1..60)) {
        let rate = SampleRate::HZ_16000;
        let mut analyser = Analyser::new(Exact { rate, len: 160, given: Arc::default() });
        let mut findings = Vec::new();
        for &poison in &poisoned {
            let samples = vec![if poison { POISON } else { 0 }; 160];
            analyser.handle_audio(&Pcm::mono(samples, rate), None, &mut findings);
        }
        let told = findings.iter().filter(|finding| matches!(finding, Finding::Failed(_))).count();
        prop_assert_eq!(told, poisoned.iter().filter(|&&poison| poison).count());
    }

    #[test]
    fn r_25_what_follows_gets_the_pre_roll_and_the_start_window_before_speech_is_known(
        pre_roll in prop::sample::select(vec![0_u64, 30, 100, 300, 1_000]),
        start_window in prop::sample::select(vec![20_u64, 40, 200, 1_200]),
        silence in 1_500_u64..3_000,
        cut in 1_usize..900,
        gated: bool,
    ) {
        let rate = SampleRate::HZ_16000;
        let params = VadParams { pre_roll: ms(pre_roll), start_window: ms(start_window), ..VadParams::default() };
        let vad = Vad::new(EnergyVad::default().with_rate(rate)).with_params(params).gate(gated);
        let mut harness = Harness::new(vad);
        // Too quiet to be speech, and each sample of a long stretch has a number of its own.
        let onset = rate.samples_in(ms(silence)) as usize;
        let speech = rate.samples_in(ms(start_window + 400)) as usize;
        let sample = |at: usize| if at < onset { (at % 29) as i16 } else { 8_000 + (at % 997) as i16 };
        let all: Vec<i16> = (0..onset + speech).map(sample).collect();
        for samples in all.chunks(cut) {
            harness.queue(Frame::input_audio(Pcm::mono(samples, rate)));
        }
        let log = harness.log();
        let (before, edge) = until_started(&log);
        let after: Vec<i16> = samples_of(&log);
        // All that leaves is one stretch, up to the last sample, and so is what leaves ahead of the edge.
        let first = all.len() - after.len();
        prop_assert_eq!(&after[..], &all[first..]);
        prop_assert!(first <= onset.saturating_sub(rate.samples_in(ms(pre_roll)) as usize), "clipped: {} of {}", first, onset);
        if !gated {
            prop_assert_eq!(first, 0);
        }
        let held = rate.duration_of(before as u64);
        prop_assert!(held >= ms(pre_roll) + edge.confirmed_after, "{:?} was let through before {:?}", held, edge);
        prop_assert!(edge.confirmed_after >= ms(start_window), "{:?}", edge);
        prop_assert!(edge.at.abs_diff(ms(silence)) <= ms(20), "{:?} for {} ms", edge, silence);
    }
}

/// How many samples left before speech was said to have started, and what was said.
fn until_started(log: &Log) -> (usize, SpeechEdge) {
    let mut samples = 0;
    for frame in log.frames() {
        match &frame.payload {
            Payload::InputAudio(pcm) => samples += pcm.frames(),
            Payload::SpeechStarted(edge) => return (samples, **edge),
            _ => {}
        }
    }
    panic!("speech was not found:\n{log}");
}

fn samples_of(log: &Log) -> Vec<i16> {
    let audio = log.frames().filter_map(|frame| match &frame.payload {
        Payload::InputAudio(pcm) => Some(pcm.samples().to_vec()),
        _ => None,
    });
    audio.flatten().collect()
}

#[test]
fn r_42_audio_that_ceases_for_a_second_within_speech_forces_the_stop() {
    let rate = SampleRate::HZ_16000;
    let mut harness = Harness::new(Vad::new(EnergyVad::default().with_rate(rate)));
    for _ in 0..50 {
        harness.queue(Frame::input_audio(Pcm::mono(vec![8_000; 320], rate))).advance(ms(20));
    }
    assert_eq!(harness.log().count(FrameKind::SpeechStarted), 1);
    // The last audio came 20 ms ago.
    harness.advance(ms(979));
    assert_eq!(harness.log().count(FrameKind::SpeechStopped), 0);
    harness.advance(ms(1));
    assert_eq!(harness.log().count(FrameKind::SpeechStopped), 1);
    harness.advance(ms(60_000));
    assert_eq!(harness.finish().count(FrameKind::SpeechStopped), 1, "once");
}
