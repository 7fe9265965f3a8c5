//! The stage around text-to-speech services, with a fake one behind it: answers, interruption, watchdog, the end.

mod support;

use std::time::Duration;

use proptest::prelude::*;
use support::{Pass, told};
use voxline_core::{
    ErrorCategory, Outcome, ServiceError,
    frame::{
        ContextId, Frame, FrameKind, Generation, Metric, Payload, ServiceTarget, SettingsUpdate, Speak,
        TtsDelta,
    },
    service::{TtsCommand, TtsEvent},
};
use voxline_testkit::{Act, FakeTts, Harness, Log, Puppet, samples};

type Hand = Puppet<TtsCommand, TtsEvent>;

const ONE: ContextId = ContextId(1);
const TWO: ContextId = ContextId(2);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// What the fake was given, in brief.
fn taken(hand: &Hand) -> Vec<String> {
    let commands = hand.taken().into_iter();
    let lines = commands.map(|command| match command {
        TtsCommand::Speak { context, text } => format!("{context} {text:?}"),
        TtsCommand::Finish { context } => format!("{context} finish"),
        TtsCommand::Interrupt { through } => format!("interrupt {through}"),
        TtsCommand::Update { .. } => "update".into(),
        TtsCommand::End => "end".into(),
    });
    lines.collect()
}

/// What was spoken, without measurements and texts.
fn spoken(log: &Log) -> Vec<String> {
    let kinds = [FrameKind::TtsStarted, FrameKind::OutputAudio, FrameKind::TtsWord, FrameKind::TtsStopped];
    let frames = log.frames().filter(|frame| kinds.contains(&frame.kind()));
    frames.map(|frame| voxline_testkit::render(frame).replace("↓ ", "")).collect()
}

fn text(text: &str) -> Frame {
    Frame::text(text)
}

/// An answer of a model, in pieces.
fn answer(pieces: &[&str]) -> Vec<Frame> {
    let mut frames = vec![Frame::new(Payload::ResponseStarted)];
    frames.extend(pieces.iter().map(|piece| text(piece)));
    frames.push(Frame::new(Payload::ResponseEnded));
    frames
}

fn queue_all(harness: &mut Harness, frames: Vec<Frame>) {
    for frame in frames {
        harness.queue(frame);
    }
}

#[test]
fn an_answer_is_given_as_it_is_written_and_finished_when_it_is_complete() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(row![Pass, fake, Pass]);
    queue_all(&mut harness, answer(&["Hello ", "there", " ", ", you", "  "]));
    queue_all(&mut harness, answer(&["Bye."]));
    assert_eq!(
        taken(&hand),
        [
            "ctx-1 \"Hello \"",
            "ctx-1 \"there\"",
            "ctx-1 \" , you\"",
            "ctx-1 finish",
            "ctx-2 \"Bye.\"",
            "ctx-2 finish"
        ]
    );
}

#[test]
fn a_service_that_wants_sentences_gets_them_whole() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake.with_profile(|profile| profile.streams_text = false));
    queue_all(&mut harness, answer(&["Hel", "lo. How are", " you? I am", " fine"]));
    assert_eq!(
        taken(&hand),
        ["ctx-1 \"Hello.\"", "ctx-1 \"How are you?\"", "ctx-1 \"I am fine\"", "ctx-1 finish"]
    );
}

#[test]
fn blank_text_is_an_answer_of_nothing() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["", " ", "\n"]));
    queue_all(&mut harness, answer(&[]));
    harness.queue(Frame::speak("  ")).queue(text(""));
    let log = harness.finish();
    assert_eq!(taken(&hand), ["end"]);
    assert_eq!(spoken(&log), [""; 0]);
    assert!(log.to_string().ends_with("ended"), "{log}");
}

#[test]
fn text_outside_of_an_answer_and_speak_are_answers_of_their_own() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    harness.queue(text("One.")).queue(Frame::speak("Two."));
    assert_eq!(taken(&hand), ["ctx-1 \"One.\"", "ctx-1 finish", "ctx-2 \"Two.\"", "ctx-2 finish"]);
}

#[test]
fn a_speak_amid_an_answer_comes_in_its_place_and_what_follows_is_not_lost() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    harness.queue(Frame::new(Payload::ResponseStarted)).queue(text("first"));
    harness.queue(Frame::speak("between")).queue(text("second")).queue(Frame::new(Payload::ResponseEnded));
    assert_eq!(
        taken(&hand),
        [
            "ctx-1 \"first\"",
            "ctx-1 finish",
            "ctx-2 \"between\"",
            "ctx-2 finish",
            "ctx-3 \"second\"",
            "ctx-3 finish"
        ]
    );
}

#[test]
fn r_57_an_answer_is_started_then_heard_and_read_then_stopped() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["Hello."]));
    hand.tell(FakeTts::audio(ONE, 100));
    hand.tell(FakeTts::word(ONE, "Hello.", 0, 200));
    hand.tell(FakeTts::audio(ONE, 100));
    hand.tell(TtsEvent::Finished { context: ONE });
    harness.settle();
    assert_eq!(
        spoken(&harness.log()),
        [
            "TtsStarted ctx-1 g0",
            "OutputAudio 100ms ctx-1 req-1 g0",
            "TtsWord \"Hello.\" 0ns..200ms ctx-1 g0",
            "OutputAudio 100ms ctx-1 req-1 g0",
            "TtsStopped ctx-1 g0"
        ]
    );
}

#[test]
fn r_57_a_word_that_comes_before_the_audio_does_not_come_before_the_start() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["Hello."]));
    hand.tell(FakeTts::word(ONE, "Hello.", 0, 200));
    harness.advance(ms(500));
    hand.tell(FakeTts::audio(ONE, 100));
    hand.tell(TtsEvent::Finished { context: ONE });
    harness.settle();
    let log = harness.log();
    assert_eq!(
        spoken(&log),
        [
            "TtsStarted ctx-1 g0",
            "TtsWord \"Hello.\" 0ns..200ms ctx-1 g0",
            "OutputAudio 100ms ctx-1 req-1 g0",
            "TtsStopped ctx-1 g0"
        ]
    );
    let first = metrics(&log).into_iter().find_map(|metric| match metric {
        Metric::TimeToFirstByte { value, .. } => Some(value),
        _ => None,
    });
    assert_eq!(first, Some(ms(500)));
}

fn metrics(log: &Log) -> Vec<Metric> {
    let metrics = log.frames().filter_map(|frame| match &frame.payload {
        Payload::Metrics(metric) => Some(Metric::clone(metric)),
        _ => None,
    });
    metrics.collect()
}

#[test]
fn an_answer_that_fails_is_stopped_and_reported_and_the_next_is_spoken() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["One."]));
    queue_all(&mut harness, answer(&["Two."]));
    hand.tell(FakeTts::audio(ONE, 100));
    hand.tell(TtsEvent::Failed { context: Some(ONE), delivered: ms(100), error: failure(false) });
    hand.tell(FakeTts::audio(TWO, 100));
    hand.tell(TtsEvent::Finished { context: TWO });
    harness.settle();
    let log = harness.finish();
    assert_eq!(
        spoken(&log),
        [
            "TtsStarted ctx-1 g0",
            "OutputAudio 100ms ctx-1 req-1 g0",
            "TtsStopped ctx-1 g0",
            "TtsStarted ctx-2 g0",
            "OutputAudio 100ms ctx-2 req-2 g0",
            "TtsStopped ctx-2 g0"
        ]
    );
    assert_eq!(log.count(FrameKind::Error), 1);
}

fn failure(fatal: bool) -> ServiceError {
    let source: Box<dyn std::error::Error + Send + Sync> = "no such voice".into();
    ServiceError {
        service: "fake-tts".into(),
        category: ErrorCategory::Refused,
        fatal,
        source: source.into(),
    }
}

#[test]
fn what_is_written_after_an_answer_has_failed_is_spoken_as_another() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    harness.queue(Frame::new(Payload::ResponseStarted)).queue(text("One,"));
    hand.tell(TtsEvent::Failed { context: Some(ONE), delivered: ms(0), error: failure(false) });
    harness.settle().queue(text(" two")).queue(Frame::new(Payload::ResponseEnded));
    assert_eq!(taken(&hand), ["ctx-1 \"One,\"", "ctx-2 \" two\"", "ctx-2 finish"]);
}

#[test]
fn r_31_nothing_of_an_answer_leaves_after_an_interruption_whatever_the_service_still_delivers() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(row![fake, Pass]);
    queue_all(&mut harness, answer(&["One."]));
    harness.queue(Frame::new(Payload::ResponseStarted)).queue(text("Two"));
    hand.tell(FakeTts::audio(ONE, 100));
    harness.settle().news();
    harness.interrupt();
    for context in [ONE, TWO] {
        hand.tell(FakeTts::audio(context, 100));
        hand.tell(FakeTts::word(context, "late", 0, 100));
        hand.tell(TtsEvent::Finished { context });
    }
    harness.settle().queue(text("three")).advance(ms(20));
    hand.tell(FakeTts::audio(ContextId(3), 100));
    harness.settle();
    let news = harness.news();
    assert_eq!(spoken(&news), ["TtsStarted ctx-3 g1", "OutputAudio 100ms ctx-3 req-3 g1"]);
    assert_eq!(taken(&hand)[3..], ["interrupt ctx-2", "ctx-3 \"three\"", "ctx-3 finish"]);
}

#[test]
fn an_interruption_takes_back_what_the_service_has_not_taken_yet() {
    let (fake, hand) = FakeTts::new();
    hand.act(Act::Stall);
    let mut harness = Harness::new(fake);
    for number in 0..100 {
        harness.queue(Frame::speak(number.to_string()));
    }
    harness.interrupt().queue(Frame::speak("new"));
    hand.act(Act::Resume);
    harness.settle();
    let taken = taken(&hand);
    let at = taken.iter().position(|line| line == "interrupt ctx-100").expect("it is told");
    assert!(at <= 64, "{at} commands came before the interruption");
    assert_eq!(taken[at + 1..], ["ctx-101 \"new\"", "ctx-101 finish"]);
}

#[test]
fn a_producer_waits_for_a_service_that_takes_nothing_and_goes_on_after_an_interruption() {
    let (fake, hand) = FakeTts::new();
    hand.act(Act::Stall);
    let mut harness = Harness::new(fake.with_profile(|profile| profile.first_audio_deadline = ms(1_000_000)));
    let full = harness.block_on(async {
        for number in 0..10_000_usize {
            let queued = harness.session().queue(Frame::speak(number.to_string()));
            if tokio::time::timeout(ms(10), queued).await.is_err() {
                return number;
            }
        }
        10_000
    });
    assert!(full < 1000, "{full} texts were taken");
    harness.interrupt().queue(Frame::speak("new"));
    assert!(harness.log().count(FrameKind::Speak) > 0);
    hand.act(Act::Resume);
    harness.settle();
    assert_eq!(taken(&hand).last().map(|line| line.ends_with("finish")), Some(true));
    assert!(taken(&hand).iter().any(|line| line.ends_with("\"new\"")), "{:?}", taken(&hand).last());
}

#[test]
fn r_03_an_answer_whose_audio_does_not_come_is_given_up_and_the_next_is_spoken() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["One."]));
    queue_all(&mut harness, answer(&["Two."]));
    harness.advance(ms(8_999));
    assert_eq!(harness.log().count(FrameKind::Error), 0);
    harness.advance(ms(2));
    let log = harness.log();
    let error = "↑ Error fake-tts: the synthesizer's audio did not finish within 9s: fake-tts g0";
    assert_eq!(log.up().into_iter().map(voxline_testkit::render).collect::<Vec<_>>(), [error]);
    assert_eq!(taken(&hand).last().unwrap(), "interrupt ctx-1");
    hand.tell(FakeTts::audio(TWO, 100));
    hand.tell(TtsEvent::Finished { context: TWO });
    harness.settle();
    let log = harness.finish();
    let two = ["TtsStarted ctx-2 g0", "OutputAudio 100ms ctx-2 req-2 g0", "TtsStopped ctx-2 g0"];
    assert_eq!(spoken(&log), two);
}

#[test]
fn behaviour_86_an_answer_whose_text_is_still_being_written_is_not_given_up_once_it_is_heard() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    harness.queue(Frame::new(Payload::ResponseStarted)).queue(text("Let me see. "));
    hand.tell(FakeTts::audio(ONE, 100));
    // A tool takes its time.
    harness.advance(ms(60_000)).queue(text("There it is.")).queue(Frame::new(Payload::ResponseEnded));
    harness.advance(ms(5_000));
    hand.tell(FakeTts::audio(ONE, 100));
    hand.tell(TtsEvent::Finished { context: ONE });
    harness.settle();
    let log = harness.log();
    assert_eq!(log.count(FrameKind::Error), 0, "{log}");
    assert_eq!((log.count(FrameKind::OutputAudio), log.count(FrameKind::TtsStopped)), (2, 1));
    assert_eq!(taken(&hand), ["ctx-1 \"Let me see. \"", "ctx-1 \"There it is.\"", "ctx-1 finish"]);
}

#[test]
fn an_answer_that_is_heard_but_never_finished_is_given_up_after_its_text_is_complete() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["One."]));
    hand.tell(FakeTts::audio(ONE, 100));
    harness.advance(ms(9_001));
    let log = harness.log();
    assert_eq!((log.count(FrameKind::Error), log.count(FrameKind::TtsStopped)), (1, 1), "{log}");
}

#[test]
fn behaviour_86_a_long_answer_that_keeps_coming_is_never_given_up() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["A very long story."]));
    for _ in 0..100 {
        hand.tell(FakeTts::audio(ONE, 100));
        harness.advance(ms(5_000));
    }
    hand.tell(TtsEvent::Finished { context: ONE });
    let log = harness.settle().log();
    assert_eq!((log.count(FrameKind::Error), log.count(FrameKind::OutputAudio)), (0, 100));
}

#[test]
fn the_end_waits_until_everything_is_spoken_however_long_that_takes() {
    let (fake, _hand) = FakeTts::speaking(ms(4_000));
    let fake_ends = row![fake];
    let mut harness = Harness::new(fake_ends);
    for number in 0..10 {
        harness.queue_only(Frame::speak(format!("{number}.")));
    }
    let log = harness.finish();
    assert_eq!(log.count(FrameKind::OutputAudio), 10, "{log}");
    assert!(log.to_string().ends_with("ended"), "{log}");
}

#[test]
fn an_answer_without_an_end_is_finished_by_the_end_of_the_input() {
    let (fake, hand) = FakeTts::speaking(ms(10));
    let fake = fake.with_profile(|profile| profile.streams_text = false);
    let mut harness = Harness::new(fake);
    harness.queue(Frame::new(Payload::ResponseStarted)).queue(text("half a sen"));
    let log = harness.finish();
    assert_eq!(taken(&hand), ["ctx-1 \"half a sen\"", "ctx-1 finish", "end"]);
    assert_eq!(log.count(FrameKind::TtsStopped), 1);
}

#[test]
fn behaviour_85_an_interruption_before_any_audio_leaves_nothing_waiting() {
    let (fake, _hand) = FakeTts::speaking(ms(1_000));
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["One."]));
    harness.queue(samples::frame(FrameKind::SttMute, "")).interrupt();
    harness.queue(Frame::speak("Two."));
    let log = harness.finish();
    let two = ["TtsStarted ctx-2 g1", "OutputAudio 100ms ctx-2 req-2 g1", "TtsStopped ctx-2 g1"];
    assert_eq!(spoken(&log), two);
}

#[test]
fn a_service_that_is_gone_speaks_no_more_and_everything_passes() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    queue_all(&mut harness, answer(&["One."]));
    hand.tell(FakeTts::audio(ONE, 100));
    hand.act(Act::Return(Err(failure(false))));
    harness.settle();
    queue_all(&mut harness, answer(&["Two."]));
    let log = harness.finish();
    assert_eq!(spoken(&log).last().map(String::as_str), Some("TtsStopped ctx-1 g0"));
    assert_eq!((log.texts(), log.count(FrameKind::Error)), (vec!["One.".into(), "Two.".into()], 1));
    assert!(log.to_string().ends_with("ended"), "{log}");
}

#[test]
fn a_fatal_failure_and_a_panic_end_the_session_by_name() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    hand.tell(TtsEvent::Failed { context: None, delivered: ms(0), error: failure(true) });
    harness.settle();
    assert_eq!(told(&harness.finish_outcome().unwrap_err()), "fake-tts: no such voice: no such voice");
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    hand.act(Act::Panic("hoarse"));
    harness.settle();
    assert_eq!(told(&harness.finish_outcome().unwrap_err()), "fake-tts panicked: hoarse");
}

#[test]
fn updates_are_answered_once_and_keep_their_place_between_the_texts() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    let update = |target| {
        let delta = TtsDelta { voice: "other".to_owned().into(), ..TtsDelta::default() };
        Frame::new(Payload::TtsUpdateSettings(Box::new(SettingsUpdate { target, delta })))
    };
    harness.queue_only(Frame::speak("One.")).queue_only(update(ServiceTarget::All));
    harness.queue_only(Frame::speak("Two.")).queue(update(ServiceTarget::Named("fake-tts".into())));
    let log = harness.log();
    assert_eq!(
        taken(&hand),
        ["ctx-1 \"One.\"", "ctx-1 finish", "update", "ctx-2 \"Two.\"", "ctx-2 finish", "update"]
    );
    assert_eq!((log.count(FrameKind::SettingsAnswered), log.count(FrameKind::TtsUpdateSettings)), (4, 1));
    // An interruption takes texts back, never settings.
    hand.act(Act::Stall);
    harness.settle();
    for _ in 0..100 {
        harness.queue(Frame::speak("x"));
    }
    harness.queue(update(ServiceTarget::All)).interrupt();
    hand.act(Act::Resume);
    harness.settle();
    assert_eq!(taken(&hand).iter().filter(|line| *line == "update").count(), 3);
}

#[test]
fn audio_of_no_known_answer_is_counted() {
    let (fake, hand) = FakeTts::new();
    let mut harness = Harness::new(fake);
    hand.tell(TtsEvent::Unmatched);
    hand.tell(TtsEvent::Unmatched);
    let log = harness.settle().log();
    let unmatched = metrics(&log).into_iter().filter_map(|metric| match metric {
        Metric::Unmatched { chunks, .. } => Some(chunks),
        _ => None,
    });
    assert_eq!(unmatched.collect::<Vec<_>>(), [1, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r_57_started_and_stopped_bracket_every_answer_whatever_happens(
        events in prop::collection::vec((0..9_u8, 0..4_u32, 0..4000_u64), 1..80)
    ) {
        let (fake, hand) = FakeTts::new();
        let mut harness = Harness::new(fake);
        for (what, context, time) in events {
            let context = ContextId(context);
            match what {
                0 => { harness.queue(Frame::new(Payload::ResponseStarted)); }
                1 => { harness.queue(text("some text. ")); }
                2 => { harness.queue(Frame::new(Payload::ResponseEnded)); }
                3 => { harness.queue(Frame::new(Payload::Speak(Box::new(Speak { text: "say".into() })))); }
                4 => hand.tell(FakeTts::audio(context, 20)),
                5 => hand.tell(FakeTts::word(context, "word", 0, 20)),
                6 => hand.tell(TtsEvent::Finished { context }),
                7 => { harness.interrupt(); }
                _ => { harness.advance(ms(time)); }
            }
            harness.settle();
        }
        let outcome = harness.finish_outcome().map_err(|error| error.to_string());
        let log = harness.log();
        prop_assert_eq!(outcome, Ok(Outcome::Ended), "{}", log);
        let (mut open, mut over) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        let mut generation = Generation(0);
        for frame in log.frames() {
            if frame.generation() > generation {
                generation = frame.generation();
                over.append(&mut open);
            }
            match &frame.payload {
                Payload::TtsStarted(speech) => {
                    prop_assert!(!over.contains(&speech.context), "started anew: {}\n{}", speech.context, log);
                    prop_assert!(open.insert(speech.context), "started twice: {}\n{}", speech.context, log);
                }
                Payload::OutputAudio(audio) => {
                    prop_assert!(open.contains(&audio.context), "audio outside: {}\n{}", audio.context, log);
                }
                Payload::TtsWord(word) => {
                    prop_assert!(open.contains(&word.context), "a word outside: {}\n{}", word.context, log);
                }
                Payload::TtsStopped(speech) => {
                    prop_assert!(open.remove(&speech.context), "stopped twice: {}\n{}", speech.context, log);
                    over.insert(speech.context);
                }
                _ => {}
            }
        }
        prop_assert!(open.is_empty(), "never stopped: {open:?}\n{log}");
    }
}
