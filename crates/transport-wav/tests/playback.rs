//! Answers in the file, by the sample: whole, paced, told at their true edges, and gone when they are interrupted.
//!
//! Silence is zero in the file, and no sample of an answer is.

use std::{path::PathBuf, time::Duration};

use proptest::prelude::*;
use voxline_audio::{Pcm, SampleRate, WavReader};
use voxline_core::{
    Outcome, SessionConfig,
    frame::{BotSpeech, ContextId, Direction, Frame, FrameKind, Payload, RequestId, SpokenAudio},
    playout::{PIECE, Playback},
};
use voxline_testkit::{Harness, Log};
use voxline_transport_wav::{Pace, WavOutput};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn start(output: WavOutput, rate: SampleRate) -> Harness {
    Harness::with_config(output, SessionConfig { output_rate: rate, ..SessionConfig::default() })
}

/// A chunk of an answer; its samples count on from `first`, and none is zero.
fn chunk(context: u32, first: usize, length: usize, rate: SampleRate) -> Frame {
    let samples: Vec<i16> = (first..first + length).map(|at| (at % 30_000) as i16 + 1).collect();
    let (context, request) = (ContextId(context), RequestId(context));
    Frame::new(Payload::OutputAudio(SpokenAudio { pcm: Pcm::mono(samples, rate), context, request }))
}

fn complete(context: u32) -> Frame {
    Frame::new(Payload::TtsStopped(BotSpeech::new(ContextId(context))))
}

fn written(path: &PathBuf) -> Vec<i16> {
    let mut reader = WavReader::open(path).expect("the output has been closed");
    let mut samples = Vec::new();
    while let Some(pcm) = reader.read(4096).expect("it is sound") {
        samples.extend_from_slice(pcm.samples());
    }
    samples
}

fn stops(log: &Log) -> Vec<BotSpeech> {
    let stops = log.frames().filter_map(|frame| match frame.payload {
        Payload::BotStoppedSpeaking(speech) if frame.direction() == Direction::Down => Some(speech),
        _ => None,
    });
    stops.collect()
}

fn rate() -> impl Strategy<Value = SampleRate> {
    prop::sample::select(vec![SampleRate::HZ_24000, SampleRate::HZ_16000, SampleRate::HZ_8000])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r_20_r_23_the_file_holds_every_sample_once_and_the_edges_are_those_of_playback(
        answers in prop::collection::vec(prop::collection::vec((1_usize..4000, 0_u64..90), 1..12), 1..4),
        rate in rate(),
        fast: bool,
    ) {
        let path = path(&format!("whole-{}-{fast}.wav", rate.hz()));
        let pace = if fast { Pace::Fast } else { Pace::Realtime };
        let mut harness = start(WavOutput::create(&path).with_pace(pace), rate);
        let mut sent = Vec::new();
        for (context, chunks) in (1..).zip(&answers) {
            let (begins, mut first) = (harness.elapsed(), sent.len());
            let mut ends = begins;
            for &(length, pause) in chunks {
                ends = ends.max(harness.elapsed()) + rate.duration_of(length as u64);
                harness.queue(chunk(context, first, length, rate));
                harness.advance(ms(pause));
                first += length;
            }
            // An answer may go on until it is said to be complete.
            ends = ends.max(harness.elapsed());
            harness.queue(complete(context));
            sent.extend((sent.len()..first).map(|at| (at % 30_000) as i16 + 1));
            harness.advance(ends.saturating_sub(harness.elapsed()) + ms(50));
            let all = stops(&harness.log());
            prop_assert_eq!(all.len(), context as usize, "50 ms after the last sample it is told");
            let length: usize = chunks.iter().map(|(length, _)| length).sum();
            let stop = all[all.len() - 1];
            let played = rate.duration_of(length as u64);
            prop_assert!(stop.played.abs_diff(played) < ms(1) && !stop.interrupted && stop.complete, "{:?} of {:?}", stop, played);
            if !fast {
                harness.news();
            }
        }
        prop_assert_eq!(harness.finish_outcome().map_err(|error| error.to_string()), Ok(Outcome::Ended));
        let said: Vec<i16> = written(&path).into_iter().filter(|&sample| sample != 0).collect();
        prop_assert_eq!(said, sent);
    }

    #[test]
    fn r_23_the_stop_is_not_told_before_the_last_sample_was_heard(
        lengths in prop::collection::vec(1_usize..9000, 1..8),
        rate in rate(),
    ) {
        let mut harness = start(WavOutput::create(path(&format!("early-{}.wav", rate.hz()))), rate);
        let mut first = 0;
        for &length in &lengths {
            harness.queue(chunk(1, first, length, rate));
            first += length;
        }
        harness.queue(complete(1));
        let length = rate.duration_of(first as u64);
        harness.advance(length.saturating_sub(ms(2)));
        prop_assert_eq!(stops(&harness.log()).len(), 0, "told early");
        harness.advance(ms(52));
        prop_assert_eq!(stops(&harness.log()).len(), 1, "told late");
    }

    #[test]
    fn r_24_r_30_after_an_interruption_nothing_of_it_follows_and_no_more_than_the_lead_was_written_ahead(
        lengths in prop::collection::vec(1_usize..40_000, 1..6),
        at in 0_u64..900,
        rate in rate(),
        lead in prop::sample::select(vec![None, Some(0_u64), Some(40), Some(400)]),
        held: bool,
    ) {
        let path = path(&format!("cut-{}-{held}.wav", rate.hz()));
        let output = WavOutput::create(&path);
        let mut harness = start(lead.map_or(output, |lead| WavOutput::create(&path).with_lead(ms(lead))), rate);
        let mut first = 0;
        for &length in &lengths {
            harness.queue(chunk(1, first, length, rate));
            first += length;
        }
        harness.advance(ms(at));
        let over = harness.log().count(FrameKind::BotStoppedSpeaking) > 0;
        if held {
            harness.queue(Frame::custom(Playback::Hold));
        }
        let heard = rate.duration_of(first as u64).min(ms(at));
        harness.interrupt();
        // In the same moment, and of what was heard until then.
        let stop = stops(&harness.log());
        prop_assert_eq!(stop.len(), 1);
        prop_assert!(over || stop[0].interrupted && stop[0].played.abs_diff(heard) < ms(1), "{:?}, {:?}", stop, heard);
        harness.advance(ms(600)).queue(chunk(2, 29_998, 1, rate)).queue(complete(2));
        prop_assert_eq!(harness.finish_outcome().map_err(|error| error.to_string()), Ok(Outcome::Ended));
        let file = written(&path);
        let sounds: Vec<_> = file.iter().rev().copied().skip_while(|&sample| sample == 0).collect();
        let (next, before) = sounds.split_first().expect("something is heard");
        prop_assert_eq!(*next, 29_999, "the next answer is the last thing heard");
        let old = before.iter().filter(|&&sample| sample != 0).count();
        let ahead = rate.duration_of(old as u64).saturating_sub(heard);
        prop_assert!(ahead <= ms(lead.unwrap_or(150)) + PIECE, "{:?} of it was in the file beyond what was heard", ahead);
        prop_assert!(before.first() == Some(&0), "there is silence between them");
    }
}

/// What may happen before, at and after the first audio.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Hold,
    Resume,
    Interrupt,
    Audio,
    Complete,
    Control,
}

const DEEDS: [Deed; 6] =
    [Deed::Hold, Deed::Resume, Deed::Interrupt, Deed::Audio, Deed::Complete, Deed::Control];

/// All orders of these.
fn orders(deeds: &[Deed]) -> Vec<Vec<Deed>> {
    if deeds.is_empty() {
        return vec![Vec::new()];
    }
    let first = |index: usize| {
        let mut rest = deeds.to_vec();
        let deed = rest.remove(index);
        orders(&rest).into_iter().map(move |rest| [vec![deed], rest].concat())
    };
    (0..deeds.len()).flat_map(first).collect()
}

#[test]
fn r_34_no_order_of_hold_resume_interruption_and_control_leaves_the_output_stuck() {
    let rate = SampleRate::HZ_8000;
    for order in orders(&DEEDS) {
        let mut harness = start(WavOutput::create(path("stuck.wav")), rate);
        for deed in &order {
            let frame = match deed {
                Deed::Hold => Frame::custom(Playback::Hold),
                Deed::Resume => Frame::custom(Playback::Resume),
                Deed::Audio => chunk(1, 0, 1_600, rate),
                Deed::Complete => complete(1),
                Deed::Control => Frame::new(Payload::SttMute(false)),
                Deed::Interrupt => {
                    harness.session().interrupt();
                    continue;
                }
            };
            harness.queue_only(frame);
        }
        let outcome = harness.finish_outcome().map_err(|error| error.to_string());
        let (log, elapsed) = (harness.log(), harness.elapsed());
        assert_eq!(outcome, Ok(Outcome::Ended), "{order:?}:\n{log}");
        assert!(elapsed < Duration::from_secs(1), "{order:?}: over after {elapsed:?}");
        assert_eq!(log.count(FrameKind::SttMute), 1, "{order:?}:\n{log}");
        let (started, stopped) =
            (log.count(FrameKind::BotStartedSpeaking), log.count(FrameKind::BotStoppedSpeaking));
        assert_eq!(started, stopped, "{order:?}:\n{log}");
    }
}

#[test]
fn what_cannot_be_written_stops_neither_the_clock_nor_the_edges_and_is_told_once() {
    let (rate, other) = (SampleRate::HZ_16000, SampleRate::HZ_8000);
    let path = path("refused.wav");
    let mut harness = start(WavOutput::create(&path), rate);
    // Nothing of another rate fits into the file.
    for n in 0..50 {
        harness.queue(chunk(1, 160 * n, 160, other));
    }
    harness.queue(complete(1)).advance(ms(1_050));
    let log = harness.log();
    let stop = stops(&log);
    assert_eq!((stop.len(), stop[0].played, stop[0].interrupted), (1, ms(1_000), false));
    assert_eq!(log.count(FrameKind::Error), 1, "of fifty failures in a row the first is told:\n{log}");
    // What fits is written, in its place; a failure after that is another one.
    harness.queue(chunk(2, 0, 320, rate)).queue(complete(2)).advance(ms(50));
    harness.queue(chunk(3, 0, 160, other)).queue(complete(3));
    assert_eq!(harness.finish_outcome().map_err(|error| error.to_string()), Ok(Outcome::Ended));
    let log = harness.log();
    assert_eq!((stops(&log).len(), log.count(FrameKind::Error)), (3, 2), "{log}");
    let file = written(&path);
    let said = file.iter().position(|&sample| sample != 0);
    assert_eq!((said, &file[16_800..17_120]), (Some(16_800), &(1..=320).collect::<Vec<i16>>()[..]));
}
