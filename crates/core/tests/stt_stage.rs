//! The stage around speech-to-text services, with a fake one behind it: utterances, finals, mute, settings, backlogs.

mod support;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use proptest::prelude::*;
use support::{Pass, told};
use voxline_core::{
    Error, ErrorCategory, Outcome, ServiceError, SessionConfig,
    frame::{
        Frame, FrameKind, Metric, Payload, ServiceTarget, SettingsUpdate, SttDelta, Transcription,
        UtteranceId,
    },
    service::{ConnectionEvent, Heard, SttAudio, SttCommand, SttEvent, SttService},
};
use voxline_testkit::{Act, FakeStt, Harness, Log, Puppet, samples};

type Hand = Puppet<SttCommand, SttEvent>;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// What the fake was given, in brief; audio in one line for as much as came in a row.
fn taken(hand: &Hand) -> Vec<String> {
    let mut lines: Vec<(String, Duration)> = Vec::new();
    for command in hand.taken() {
        let (line, audio) = match command {
            SttCommand::Audio { audio: SttAudio::Pcm(pcm), .. } => ("audio".to_owned(), pcm.duration()),
            SttCommand::Audio { audio: SttAudio::Encoded(encoded), .. } => {
                ("encoded".into(), encoded.duration())
            }
            SttCommand::SpeechStarted { utterance } => (format!("started {utterance}"), Duration::ZERO),
            SttCommand::Finalize { utterance } => (format!("finalize {utterance}"), Duration::ZERO),
            SttCommand::Update { .. } => ("update".into(), Duration::ZERO),
            SttCommand::End => ("end".into(), Duration::ZERO),
        };
        match lines.last_mut() {
            Some((last, sum)) if *last == line && !audio.is_zero() => *sum += audio,
            _ => lines.push((line, audio)),
        }
    }
    let show = |(line, audio): (String, Duration)| {
        if audio.is_zero() { line } else { format!("{line} {audio:?}") }
    };
    lines.into_iter().map(show).collect()
}

/// The transcriptions that left, as lines.
fn words(log: &Log) -> Vec<String> {
    let transcriptions = log
        .frames()
        .filter(|frame| matches!(frame.kind(), FrameKind::Transcription | FrameKind::InterimTranscription));
    transcriptions.map(|frame| voxline_testkit::render(frame).replace(" g0", "")).collect()
}

fn dropped(log: &Log) -> u64 {
    let metrics = log.frames().filter_map(|frame| match &frame.payload {
        Payload::Metrics(metric) => Some(&**metric),
        _ => None,
    });
    metrics.map(|metric| if let Metric::Dropped { frames, .. } = metric { *frames } else { 0 }).sum()
}

/// One utterance: half a second of audio between two edges of the detector.
fn speak(harness: &mut Harness, from: u64) {
    harness.queue(samples::input(100)).queue(samples::speech_started(from));
    harness.queue(samples::input(400)).queue(samples::speech_stopped(from + 400));
}

#[test]
fn r_41_finalize_is_asked_once_for_each_stop_after_the_audio_it_covers() {
    let (fake, hand) = FakeStt::hearing(["one", "two"]);
    let mut harness = Harness::new(row![Pass, fake, Pass]);
    speak(&mut harness, 0);
    speak(&mut harness, 500);
    harness.queue(samples::speech_stopped(1000)).queue(samples::input(20));
    harness.finish();
    assert_eq!(
        taken(&hand),
        [
            "audio 100ms",
            "started utt-1",
            "audio 400ms",
            "finalize utt-1",
            "audio 100ms",
            "started utt-2",
            "audio 400ms",
            "finalize utt-2",
            "audio 20ms",
            "end"
        ]
    );
}

#[test]
fn r_40_a_confirmed_final_releases_the_turn_at_once_even_when_it_is_empty() {
    for text in ["hello", ""] {
        let (fake, _hand) = FakeStt::hearing([text]);
        let mut harness = Harness::new(fake);
        speak(&mut harness, 0);
        let log = harness.log();
        assert_eq!(words(&log), [format!("↓ Transcription {text:?} utt-1 confirmed")]);
        assert_eq!(log.time_of(FrameKind::Transcription), Some(Duration::ZERO));
    }
}

#[test]
fn r_44_several_finals_of_one_utterance_are_confirmed_once() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    harness.queue(samples::speech_started(0));
    hand.tell(FakeStt::said("one"));
    hand.tell(FakeStt::interim("tw"));
    harness.settle().queue(samples::speech_stopped(400));
    hand.tell(FakeStt::confirmed("two", UtteranceId(1)));
    harness.settle();
    assert_eq!(
        words(&harness.log()),
        [
            "↓ Transcription \"one\" utt-1",
            "↓ InterimTranscription \"tw\" utt-1",
            "↓ Transcription \"two\" utt-1 confirmed"
        ]
    );
    harness.advance(ms(5000));
    assert_eq!(words(&harness.finish()).len(), 3);
}

#[test]
fn r_41_at_the_deadline_the_last_interim_is_offered_as_final_and_says_so() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    speak(&mut harness, 0);
    hand.tell(FakeStt::interim("hel"));
    hand.tell(FakeStt::interim("hello"));
    harness.advance(ms(999));
    assert_eq!(harness.log().count(FrameKind::Transcription), 0);
    harness.advance(ms(2));
    let log = harness.log();
    assert_eq!(words(&log)[2..], ["↓ Transcription \"hello\" utt-1 fallback"]);
    assert_eq!(log.time_of(FrameKind::Transcription), Some(ms(1000)));
}

#[test]
fn at_the_deadline_a_turn_without_a_word_is_released_too() {
    let (fake, _hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    speak(&mut harness, 0);
    harness.advance(ms(1001));
    assert_eq!(words(&harness.log()), ["↓ Transcription \"\" utt-1 fallback"]);
}

#[test]
fn a_service_that_confirms_nothing_settles_an_utterance_with_its_first_final_after_the_stop() {
    let (fake, hand) = FakeStt::new();
    let fake = fake.with_profile(|profile| profile.confirms_finalize = false);
    let mut harness = Harness::new(fake);
    harness.queue(samples::speech_started(0));
    hand.tell(FakeStt::said("early"));
    harness.settle().queue(samples::speech_stopped(400));
    hand.tell(FakeStt::said("late"));
    harness.advance(ms(2000));
    let expected = ["↓ Transcription \"early\" utt-1", "↓ Transcription \"late\" utt-1 confirmed"];
    assert_eq!(words(&harness.log()), expected);
}

#[test]
fn a_final_that_comes_too_late_is_dropped_and_counted_and_ends_no_later_turn() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    speak(&mut harness, 0);
    harness.advance(ms(1100)).queue(samples::speech_started(2000));
    hand.tell(FakeStt::confirmed("too late", UtteranceId(1)));
    harness.settle();
    let log = harness.log();
    assert_eq!(words(&log), ["↓ Transcription \"\" utt-1 fallback"]);
    assert_eq!(dropped(&log), 1);
}

#[test]
fn a_final_that_confirms_an_utterance_nobody_knows_is_dropped_and_counted() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    harness.queue(samples::speech_started(0));
    hand.tell(FakeStt::confirmed("whose?", UtteranceId(77)));
    harness.settle();
    let log = harness.log();
    assert_eq!((words(&log), dropped(&log)), (vec![], 1));
}

#[test]
fn the_words_of_an_utterance_are_not_lost_when_the_next_begins_before_its_final() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    speak(&mut harness, 0);
    hand.tell(FakeStt::interim("hello"));
    harness.advance(ms(300)).queue(samples::speech_started(700));
    hand.tell(interim_at("there", 800));
    harness.advance(ms(2000));
    let log = harness.log();
    assert_eq!(
        words(&log),
        [
            "↓ InterimTranscription \"hello\" utt-1",
            "↓ InterimTranscription \"there\" utt-2",
            "↓ Transcription \"hello\" utt-1 fallback"
        ]
    );
    harness.queue(samples::speech_stopped(1100)).advance(ms(1100));
    assert_eq!(words(&harness.log())[3..], ["↓ Transcription \"there\" utt-2 fallback"]);
}

/// An interim whose last word ends at so many milliseconds.
fn interim_at(text: &str, end: u64) -> SttEvent {
    let end = Some(ms(end));
    let transcription = Transcription { text: text.into(), end, ..Transcription::default() };
    SttEvent::Heard(Box::new(Heard { transcription, is_final: false, confirms: None }))
}

#[test]
fn r_44_words_are_bound_to_the_utterance_in_whose_audio_they_are() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    speak(&mut harness, 0);
    harness.queue(samples::speech_started(700));
    hand.tell(interim_at("of the first", 450));
    hand.tell(interim_at("of the second", 900));
    harness.settle();
    assert_eq!(
        words(&harness.log()),
        ["↓ InterimTranscription \"of the first\" utt-1", "↓ InterimTranscription \"of the second\" utt-2"]
    );
}

#[test]
fn r_43_words_without_any_edge_of_speech_pass() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    hand.tell(FakeStt::said("yes"));
    harness.settle();
    assert_eq!(words(&harness.log()), ["↓ Transcription \"yes\" utt-0"]);
}

#[test]
fn while_muted_the_service_hears_nothing_and_is_asked_for_nothing() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    harness.queue(samples::input(20)).queue(Frame::new(Payload::SttMute(true)));
    speak(&mut harness, 0);
    harness.queue(Frame::new(Payload::SttMute(false))).queue(samples::input(40));
    harness.advance(ms(3000));
    assert_eq!(taken(&hand), ["audio 60ms"]);
    let log = harness.finish();
    // The audio and the edges pass all the same, and no turn is ended by what was not heard.
    assert_eq!((log.count(FrameKind::InputAudio), log.count(FrameKind::SpeechStopped)), (4, 1));
    assert_eq!(words(&log), [""; 0]);
}

#[test]
fn an_utterance_that_is_muted_in_part_is_asked_for() {
    let (fake, hand) = FakeStt::hearing(["half a word", "the other half"]);
    let mut harness = Harness::new(fake);
    harness.queue(samples::speech_started(0)).queue(samples::input(100));
    harness.queue(Frame::new(Payload::SttMute(true))).queue(samples::speech_stopped(400));
    harness.queue(samples::speech_started(500)).queue(samples::input(100));
    harness.queue(Frame::new(Payload::SttMute(false))).queue(samples::input(100));
    harness.queue(samples::speech_stopped(900));
    assert_eq!(
        words(&harness.log()),
        [
            "↓ Transcription \"half a word\" utt-1 confirmed",
            "↓ Transcription \"the other half\" utt-2 confirmed"
        ]
    );
    assert_eq!(taken(&hand).iter().filter(|line| line.starts_with("finalize")).count(), 2);
}

#[test]
fn an_interruption_destroys_nothing_of_what_the_user_says() {
    let (fake, _hand) = FakeStt::hearing(["hello"]);
    let mut harness = Harness::new(fake);
    harness.queue_only(samples::speech_started(0)).queue_only(samples::input(200));
    harness.session().interrupt();
    harness.queue_only(samples::speech_stopped(200));
    harness.session().interrupt();
    harness.settle().advance(ms(10));
    let log = harness.finish();
    assert_eq!(log.count(FrameKind::Transcription), 1, "{log}");
}

fn update(target: ServiceTarget) -> Frame {
    let delta = SttDelta { model: "other".to_owned().into(), ..SttDelta::default() };
    Frame::new(Payload::SttUpdateSettings(Box::new(SettingsUpdate { target, delta })))
}

fn answers(log: &Log) -> Vec<String> {
    let answers = log.frames().filter(|frame| frame.kind() == FrameKind::SettingsAnswered);
    answers.map(voxline_testkit::render).collect()
}

#[test]
fn an_update_is_answered_once_each_way_and_passed_on_if_it_aims_at_others_too() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    harness.queue(update(ServiceTarget::All));
    let log = harness.log();
    assert_eq!(answers(&log), ["↑ SettingsAnswered by fake-stt g0", "↓ SettingsAnswered by fake-stt g0"]);
    assert_eq!(log.count(FrameKind::SttUpdateSettings), 1);
    harness.queue(update(ServiceTarget::Named("fake-stt".into())));
    assert_eq!(harness.log().count(FrameKind::SttUpdateSettings), 1, "it was for this service alone");
    harness.queue(update(ServiceTarget::Named("another".into())));
    let log = harness.finish();
    assert_eq!((log.count(FrameKind::SttUpdateSettings), answers(&log).len()), (2, 4));
    assert_eq!(taken(&hand), ["update", "update", "end"]);
}

#[test]
fn r_17_an_update_the_service_does_not_answer_is_refused_after_five_seconds_and_only_once() {
    let (fake, hand) = FakeStt::scripted(|command| match command {
        SttCommand::Update { .. } => vec![Act::Wait(Duration::ZERO)],
        _ => Vec::new(),
    });
    let mut harness = Harness::new(fake);
    harness.queue(update(ServiceTarget::All)).advance(ms(2000));
    harness.queue(update(ServiceTarget::All)).advance(ms(3001));
    let refused = "SettingsAnswered by fake-stt refused *: the service did not answer within 5 s g0";
    assert_eq!(answers(&harness.log()), [format!("↑ {refused}"), format!("↓ {refused}")]);
    // Now both come: the first too late, the second in time.
    for command in hand.taken() {
        let SttCommand::Update { update, .. } = command else { continue };
        hand.tell(SttEvent::Answered(Box::new(answer(update))));
    }
    harness.advance(ms(10_000));
    let all = answers(&harness.log());
    assert_eq!(all[2..], ["↑ SettingsAnswered by fake-stt g0", "↓ SettingsAnswered by fake-stt g0"]);
}

fn answer(update: voxline_core::frame::UpdateId) -> voxline_core::frame::SettingsAnswer {
    voxline_core::frame::SettingsAnswer {
        update,
        service: "fake-stt".into(),
        changed: Vec::new(),
        rejected: Vec::new(),
        warnings: Vec::new(),
        reconnected: false,
    }
}

#[test]
fn an_update_is_refused_at_once_when_the_service_is_gone_or_goes() {
    let (fake, hand) = FakeStt::scripted(|command| match command {
        SttCommand::Update { .. } => vec![Act::Wait(Duration::ZERO)],
        _ => Vec::new(),
    });
    let mut harness = Harness::new(fake);
    harness.queue(update(ServiceTarget::All));
    hand.act(Act::Return(Ok(())));
    harness.settle().queue(update(ServiceTarget::All));
    let refused = "SettingsAnswered by fake-stt refused *: the service has stopped g0";
    let each = [format!("↑ {refused}"), format!("↓ {refused}")];
    assert_eq!(answers(&harness.log()), [each.clone(), each].concat());
    harness.advance(ms(60_000));
    assert_eq!(answers(&harness.finish()).len(), 4);
}

#[test]
fn r_11_audio_that_comes_before_the_service_takes_any_is_given_in_full_and_in_order() {
    let (fake, hand) = FakeStt::new();
    hand.act(Act::Stall);
    let mut harness = Harness::new(fake);
    for number in 0..500 {
        harness.queue(samples::input(20).live().with_pts(ms(20 * number)));
    }
    assert_eq!(hand.taken().len(), 0);
    hand.act(Act::Resume);
    harness.settle();
    let positions = hand.taken().into_iter().map(|command| match command {
        SttCommand::Audio { at, .. } => at,
        other => panic!("{other:?}"),
    });
    assert_eq!(positions.collect::<Vec<_>>(), (0..500).map(|number| ms(20 * number)).collect::<Vec<_>>());
}

#[test]
fn live_audio_nobody_takes_is_kept_for_thirty_seconds_and_then_the_oldest_is_dropped_and_counted() {
    let (fake, hand) = FakeStt::new();
    hand.act(Act::Stall);
    let mut harness = Harness::new(fake);
    for number in 0..2000 {
        harness.queue(samples::input(20).live().with_pts(ms(20 * number)));
    }
    hand.act(Act::Resume);
    harness.settle();
    let log = harness.finish();
    let kept = hand.taken().iter().filter(|command| matches!(command, SttCommand::Audio { .. })).count();
    // Thirty seconds in the backlog, and what was on its way to the service already.
    assert!((1500..=1600).contains(&kept), "{kept} chunks were kept");
    assert_eq!(dropped(&log), 2000 - kept as u64);
    assert_eq!(log.count(FrameKind::InputAudio), 2000, "what is not heard passes all the same");
}

#[test]
fn other_audio_nobody_takes_makes_its_producer_wait_and_nothing_is_lost() {
    let (fake, hand) = FakeStt::new();
    hand.act(Act::Stall);
    let mut harness = Harness::new(fake);
    let taken = harness.block_on(async {
        for number in 0..10_000_usize {
            let queued = harness.session().queue(samples::input(20));
            if tokio::time::timeout(ms(10), queued).await.is_err() {
                return number;
            }
        }
        10_000
    });
    assert!(taken < 400, "{taken} chunks were taken");
    hand.act(Act::Resume);
    harness.settle();
    for _ in 0..1000 {
        harness.queue(samples::input(20));
    }
    let log = harness.finish();
    assert_eq!(dropped(&log), 0);
    let given = hand.taken().iter().filter(|command| matches!(command, SttCommand::Audio { .. })).count();
    assert_eq!(given, taken + 1000);
}

#[test]
fn an_end_behind_audio_that_a_slow_service_takes_is_not_given_up_while_it_takes_some() {
    // Takes audio in real time.
    let (fake, hand) = FakeStt::scripted(|command| match command {
        SttCommand::Audio { .. } => vec![Act::Stall, Act::Wait(ms(100)), Act::Resume],
        _ => Vec::new(),
    });
    let mut harness = Harness::new(fake);
    for _ in 0..400 {
        harness.queue_only(samples::input(100));
    }
    assert_eq!(harness.finish_outcome().map_err(|error| told(&error)), Ok(Outcome::Ended));
    let given = hand.taken().iter().filter(|command| matches!(command, SttCommand::Audio { .. })).count();
    assert_eq!(given, 400);
}

#[test]
fn what_was_not_settled_at_the_end_is_offered_before_the_end_leaves() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    speak(&mut harness, 0);
    hand.tell(FakeStt::interim("hello"));
    harness.settle().queue(samples::speech_started(1000));
    hand.tell(interim_at("there", 1200));
    let log = harness.settle().end().log();
    assert_eq!(
        words(&log)[2..],
        ["↓ Transcription \"hello\" utt-1 fallback", "↓ Transcription \"there\" utt-2 fallback"]
    );
    assert!(log.to_string().ends_with("ended"), "{log}");
}

#[test]
fn what_a_service_gives_after_the_end_is_asked_leaves_before_the_end() {
    let (fake, _hand) = FakeStt::scripted(|command| match command {
        SttCommand::End => vec![
            Act::Wait(ms(3000)),
            Act::Send(FakeStt::confirmed("last words", UtteranceId(1))),
            Act::Wait(ms(3000)),
            Act::Return(Ok(())),
        ],
        _ => Vec::new(),
    });
    let fake = fake.with_profile(|profile| profile.final_deadline = ms(10_000));
    let mut harness = Harness::new(fake);
    speak(&mut harness, 0);
    let log = harness.finish();
    assert_eq!(words(&log), ["↓ Transcription \"last words\" utt-1 confirmed"]);
    assert!(log.to_string().ends_with("ended"), "{log}");
}

#[test]
fn behaviour_62_all_audio_that_was_heard_is_reported_as_used() {
    let (fake, _hand) = FakeStt::hearing(["one"]);
    let mut harness = Harness::new(fake);
    speak(&mut harness, 0);
    harness.queue(samples::input(300));
    let log = harness.finish();
    let used = log.frames().filter_map(|frame| match &frame.payload {
        Payload::Metrics(metric) => match &**metric {
            Metric::Usage { usage, .. } => Some(usage.audio),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(used.sum::<Duration>(), ms(800));
}

fn failure(fatal: bool) -> ServiceError {
    let source: Box<dyn std::error::Error + Send + Sync> = "no such model".into();
    ServiceError {
        service: "fake-stt".into(),
        category: ErrorCategory::Refused,
        fatal,
        source: source.into(),
    }
}

#[test]
fn a_failure_is_reported_and_only_a_fatal_one_ends_the_session() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    hand.tell(SttEvent::Failed(failure(false)));
    harness.settle();
    assert_eq!(harness.log().lines(), ["↑ Error fake-stt: fake-stt: no such model g0"]);
    hand.act(Act::Return(Err(failure(true))));
    harness.settle();
    let error = harness.finish_outcome().unwrap_err();
    assert!(
        matches!(&*error, Error::Service(error) if error.category == ErrorCategory::Refused),
        "{error:?}"
    );
}

#[test]
fn a_service_that_stops_by_itself_is_reported_and_the_end_passes_all_the_same() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    hand.act(Act::Return(Ok(())));
    harness.settle().queue(samples::input(20));
    let log = harness.finish();
    assert_eq!(
        log.lines(),
        [
            "↑ Error fake-stt: fake-stt stopped before the end of the session g0",
            "↓ InputAudio 20ms g0",
            "↓ End g0"
        ]
    );
}

#[test]
fn a_service_that_panics_ends_the_session_by_name() {
    let (fake, hand) = FakeStt::new();
    let mut harness = Harness::new(fake);
    hand.act(Act::Panic("out of ears"));
    harness.settle();
    assert_eq!(told(&harness.finish_outcome().unwrap_err()), "fake-stt panicked: out of ears");
}

#[test]
fn a_service_that_never_returns_is_given_up_by_name() {
    let (fake, _hand) = FakeStt::scripted(|command| match command {
        SttCommand::End => vec![Act::Wait(Duration::ZERO)],
        _ => Vec::new(),
    });
    let mut harness = Harness::new(row![Pass, fake, Pass]);
    let error = harness.finish_outcome().unwrap_err();
    assert!(told(&error).ends_with(": fake-stt"), "{error}");
    assert!(harness.elapsed() <= ms(10_000), "after {:?}", harness.elapsed());
}

#[test]
fn connection_events_come_once_and_in_order_and_the_last_before_the_session_is_over() {
    let (fake, _hand) = FakeStt::scripted(|command| match command {
        SttCommand::End => {
            let reason = "bye".into();
            vec![
                Act::Send(SttEvent::Connection(ConnectionEvent::Disconnected { reason })),
                Act::Return(Ok(())),
            ]
        }
        SttCommand::SpeechStarted { .. } => vec![Act::Send(SttEvent::Connection(ConnectionEvent::Connected))],
        _ => Vec::new(),
    });
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = |line: &str| seen.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    let events = fake.connection_events();
    let noted = seen.clone();
    events
        .on_connected(move || noted.lock().unwrap_or_else(PoisonError::into_inner).push("connected".into()));
    events.on_connected(|| panic!("a handler of another mind"));
    let noted = seen.clone();
    events.on_event(move |event| {
        let noted = noted.clone();
        async move {
            tokio::time::sleep(ms(100)).await;
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{event:?}"));
        }
    });
    let mut harness = Harness::new(fake);
    harness.queue(samples::speech_started(0));
    harness.finish_outcome().unwrap();
    note("over");
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(seen, ["connected", "Connected", "Disconnected { reason: \"bye\" }", "over"]);
}

#[test]
fn a_handler_that_never_returns_does_not_hold_the_end() {
    let (fake, hand) = FakeStt::new();
    fake.connection_events().on_event(|_| std::future::pending());
    let mut harness = Harness::new(fake);
    hand.tell(SttEvent::Connection(ConnectionEvent::Connected));
    harness.settle();
    assert_eq!(harness.finish_outcome().map_err(|error| told(&error)), Ok(Outcome::Ended));
    assert!(harness.elapsed() < ms(5000), "after {:?}", harness.elapsed());
}

fn random_events() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((0..9_u8, 0..1500_u64), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_utterance_that_is_complete_is_settled_once_whatever_happens(events in random_events()) {
        let (fake, hand) = FakeStt::new();
        let mut harness = Harness::with_config(fake, SessionConfig::default());
        let (mut speaking, mut completed, mut position) = (false, 0_u32, 0_u64);
        for (what, time) in events {
            position += 20;
            match what {
                0 | 1 if !speaking => {
                    harness.queue(samples::speech_started(position));
                    speaking = true;
                }
                0 | 1 => {
                    harness.queue(samples::speech_stopped(position));
                    speaking = false;
                    completed += 1;
                }
                2 => hand.tell(FakeStt::interim("interim")),
                3 => hand.tell(FakeStt::said("said")),
                4 => hand.tell(FakeStt::confirmed("confirmed", UtteranceId(completed.max(1)))),
                5 => { harness.interrupt(); }
                _ => { harness.advance(ms(time)); }
            }
            harness.settle();
        }
        harness.advance(ms(5000));
        let log = harness.finish();
        let mut settled = std::collections::BTreeMap::<u32, u32>::new();
        for frame in log.frames() {
            if let Payload::Transcription(heard) = &frame.payload && (heard.confirmed || heard.fallback) {
                *settled.entry(heard.utterance.0).or_default() += 1;
            }
        }
        prop_assert!(settled.values().all(|&times| times == 1), "{settled:?}\n{log}");
        let missing: Vec<_> = (1..=completed).filter(|id| !settled.contains_key(id)).collect();
        prop_assert!(missing.is_empty(), "{missing:?} of {completed} were not settled\n{log}");
    }
}
