//! Settings in mid-call.

use std::any::Any;

use smallest_stt::{Endpoint, Keywords, Numerals, SttSettings};
use voxline_core::frame::{Change, Extension, Language, SttDelta};
use voxline_wire::{CloseReason, ConnectError};

use crate::support::{Rig, Sent, config, ms, secs};

const CLOSE_STREAM: &str = r#"{"type":"close_stream"}"#;

fn french() -> SttDelta {
    SttSettings::delta().language(Language::Fr).into()
}

#[test]
fn w34_r_10_a_change_goes_over_at_a_sample_boundary_without_loss_or_repetition() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.update(french());
    rig.speak(secs(0.5));
    assert_eq!(rig.query(2, "language").unwrap(), "fr");
    assert!(rig.answers().is_empty(), "not answered before it is so");
    rig.opened(2);
    rig.speak(secs(0.5));
    assert_eq!(rig.texts(1), [(24_000, CLOSE_STREAM.into())]);
    assert_eq!([rig.audio(1), rig.audio(2)].concat(), rig.given);
    rig.last(1, "before the change");
    rig.final_(2, "après");
    let texts: Vec<_> = rig.finals().into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["before the change", "après"]);
    assert_eq!(rig.sent[&1].last(), Some(&Sent::Close));
    assert_eq!(rig.connection(), ["connected", "disconnected", "connected"]);
    assert!(rig.answers()[0].reconnected);
}

#[test]
fn w34_the_new_connection_waits_for_the_last_words_of_the_old_one() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.update(french());
    rig.pass(ms(20));
    rig.opened(2);
    rig.final_(2, "after");
    assert!(rig.finals().is_empty());
    rig.pass(ms(1_999));
    rig.final_(1, "before");
    assert_eq!(rig.finals(), [("before".into(), None)]);
    rig.pass(ms(1));
    assert_eq!(rig.finals().len(), 2, "two seconds are the most");
}

#[test]
fn w34_what_was_held_is_not_lost_with_its_connection() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.update(french());
    rig.pass(ms(20));
    rig.opened(2);
    rig.final_(2, "held");
    rig.dropped(2);
    assert_eq!(rig.finals(), [("held".into(), None)]);
}

#[test]
fn r_10_a_change_in_mid_utterance_waits_for_its_end() {
    let mut rig = Rig::opened_rig();
    rig.speech_started(1);
    rig.speak(secs(0.5));
    rig.update(french());
    rig.speak(secs(2.0));
    rig.finalize(1);
    rig.speak(secs(0.2));
    assert_eq!(rig.requests.len(), 1);
    rig.answer(1, "all of it");
    rig.pass(ms(20));
    assert_eq!(rig.requests.len(), 2);
    rig.opened(2);
    assert_eq!(rig.finals(), [("all of it".into(), Some(1))]);
}

#[test]
fn r_12_a_change_in_mid_utterance_does_not_wait_for_ever() {
    let mut edges = Rig::opened_rig();
    edges.speech_started(1);
    edges.update(french());
    edges.speak(ms(2_980));
    assert_eq!(edges.requests.len(), 1);
    edges.speak(ms(40));
    assert_eq!(edges.requests.len(), 2);
}

#[test]
fn r_12_without_edges_of_speech_a_change_is_applied_within_two_seconds() {
    let mut rig = Rig::opened_rig();
    rig.interim(1, "I am");
    rig.update(french());
    for _ in 0..99 {
        rig.interim(1, "I am still");
        rig.pass(ms(20));
    }
    assert_eq!(rig.requests.len(), 1);
    rig.pass(ms(20));
    assert_eq!(rig.requests.len(), 2);
}

#[test]
fn r_11_changes_before_the_first_connection_are_part_of_it() {
    let mut rig = Rig::new();
    rig.speak(secs(0.1));
    rig.update(french());
    rig.update(SttSettings::delta().diarize(true));
    rig.pass(ms(20));
    assert_eq!(rig.sent[&1], [Sent::Abort]);
    assert_eq!(
        (rig.query(2, "language").unwrap(), rig.query(2, "diarize").unwrap()),
        ("fr".into(), "true".into())
    );
    rig.opened(2);
    assert_eq!((rig.requests.len(), rig.answers().len()), (2, 2));
    assert_eq!(rig.audio(2), rig.given);
    assert_eq!(rig.connection(), ["connected"]);
}

#[test]
fn r_17_a_burst_of_changes_is_one_reconnect_and_each_is_answered() {
    let mut rig = Rig::opened_rig();
    let mut asked = Vec::new();
    for milliseconds in [500, 600, 700] {
        asked.push(rig.update(SttSettings::delta().eou_timeout_ms(milliseconds)));
    }
    asked.push(rig.update(SttSettings::delta().numerals(Numerals::Never)));
    rig.pass(ms(20));
    rig.opened(2);
    assert_eq!(rig.requests.len(), 2);
    assert_eq!(
        (rig.query(2, "eou_timeout_ms").unwrap(), rig.query(2, "numerals").unwrap()),
        ("700".into(), "none".into())
    );
    let answers = rig.answers();
    assert_eq!(answers.iter().map(|answer| answer.update).collect::<Vec<_>>(), asked);
    assert_eq!(answers[1].changed[0].old.as_deref(), Some("500"));
    assert!(answers.iter().all(|answer| answer.reconnected && answer.changed.len() == 1));
}

#[test]
fn r_17_changes_while_one_is_on_its_way_are_gathered() {
    let mut rig = Rig::opened_rig();
    rig.update(french());
    rig.pass(ms(20));
    rig.update(SttSettings::delta().diarize(true));
    rig.update(SttSettings::delta().redact_pii(true));
    rig.pass(ms(500));
    assert_eq!(rig.requests.len(), 2);
    rig.opened(2);
    rig.pass(ms(20));
    assert_eq!((rig.answers().len(), rig.requests.len()), (1, 3));
    rig.opened(3);
    assert_eq!(rig.answers().len(), 3);
    assert_eq!(rig.query(3, "language").unwrap(), "fr");
}

#[test]
fn r_17_a_change_that_finds_no_connection_is_refused_within_five_seconds() {
    let mut rig = Rig::opened_rig();
    rig.update(french());
    rig.pass(ms(5_000));
    let answers = rig.answers();
    assert!(answers[0].changed.is_empty() && answers[0].rejected[0].field == "language");
    assert_eq!(rig.sent[&2], [Sent::Abort]);
    rig.final_(1, "still listening");
    assert_eq!(rig.heard().pop().unwrap().transcription.language, Some(Language::En));
    rig.speak(secs(0.1));
    assert_eq!(rig.audio(1), rig.given);
}

#[test]
fn r_17_a_change_the_service_refuses_leaves_the_connection_as_it_was() {
    let mut rig = Rig::opened_rig();
    rig.update(SttSettings::delta().model("pulse-9"));
    rig.pass(ms(20));
    rig.refused(2, 400);
    assert!(rig.answers()[0].rejected[0].reason.contains("400"));
    rig.speak(secs(1.0));
    assert_eq!(rig.audio(1), rig.given);
    assert!(rig.fatal().is_none());
    rig.update(SttSettings::delta().diarize(true));
    rig.pass(ms(20));
    assert_eq!(rig.query(3, "model").unwrap(), "pulse");
}

#[test]
fn a_failed_connect_for_a_change_is_tried_again() {
    let mut rig = Rig::opened_rig();
    rig.update(french());
    rig.pass(ms(20));
    rig.failed(2, ConnectError::Unreachable { reason: "down".into() });
    rig.pass(ms(500));
    rig.opened(3);
    assert_eq!(rig.query(3, "language").unwrap(), "fr");
    assert!(rig.answers()[0].reconnected);
}

#[test]
fn where_no_second_connection_is_allowed_the_old_one_ends_first_and_no_audio_is_lost() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.update(french());
    rig.pass(ms(20));
    rig.refused(2, 429);
    rig.speak(secs(0.5));
    assert_eq!(rig.texts(1), [(16_000, CLOSE_STREAM.into())]);
    rig.last(1, "before");
    rig.opened(3);
    assert_eq!(rig.query(3, "language").unwrap(), "fr");
    assert_eq!([rig.audio(1), rig.audio(3)].concat(), rig.given);
    assert!(rig.answers()[0].reconnected);
    assert_eq!(rig.connection(), ["connected", "disconnected", "connected"]);
}

#[test]
fn what_is_so_already_reconnects_nothing() {
    let mut rig = Rig::opened_rig();
    rig.update(SttSettings::delta().language(Language::En).diarize(false));
    rig.update(SttSettings::delta());
    rig.pass(secs(5.0));
    let answers = rig.answers();
    assert_eq!((answers.len(), rig.requests.len()), (2, 1));
    assert!(answers.iter().all(|answer| answer.changed.is_empty() && !answer.reconnected));
}

#[test]
fn a_burst_that_ends_where_it_began_reconnects_nothing() {
    let mut rig = Rig::opened_rig();
    rig.update(SttSettings::delta().diarize(true));
    rig.update(SttSettings::delta().clear("diarize"));
    rig.pass(secs(1.0));
    assert_eq!((rig.answers().len(), rig.requests.len()), (2, 1));
}

#[test]
fn values_that_cannot_work_are_rejected_and_the_rest_applied() {
    let mut rig = Rig::opened_rig();
    rig.update(SttSettings::delta().eou_timeout_ms(5).max_words(0).diarize(true));
    rig.pass(ms(20));
    rig.opened(2);
    let answer = rig.answers().pop().unwrap();
    assert_eq!(answer.changed.iter().map(|change| change.field).collect::<Vec<_>>(), ["diarize"]);
    assert_eq!(
        answer.rejected.iter().map(|one| one.field).collect::<Vec<_>>(),
        ["eou_timeout_ms", "max_words"]
    );
    assert!(answer.rejected[0].reason.contains("100 to 10000"));
}

#[test]
fn a_language_the_host_does_not_serve_is_rejected() {
    let mut rig = Rig::opened_rig();
    rig.update(SttSettings::delta().language(Language::Ja).diarize(true));
    rig.pass(ms(20));
    assert_eq!(rig.query(2, "language").unwrap(), "en");
    rig.opened(2);
    let answer = rig.answers().pop().unwrap();
    assert_eq!(answer.rejected[0].field, "language");
    assert!(answer.rejected[0].reason.contains("api.us.smallest.ai"));
}

#[test]
fn a_delta_of_another_provider_is_rejected() {
    let mut rig = Rig::opened_rig();
    let foreign: Box<dyn Any + Send + Sync> = Box::new(7);
    rig.update(SttDelta { extension: Some(Extension::new(foreign)), ..SttDelta::default() });
    assert_eq!(rig.answers()[0].rejected[0].field, "extension");
}

#[test]
fn common_fields_alone_work_without_knowing_the_provider() {
    let mut rig = Rig::opened_rig();
    rig.update(SttDelta { language: Change::Set(Language::De), ..SttDelta::default() });
    rig.pass(ms(20));
    assert_eq!(rig.query(2, "language").unwrap(), "de");
}

#[test]
fn what_the_endpoint_does_not_know_warns_and_reconnects_nothing() {
    let mut config = config();
    config.endpoint = Endpoint::Lightning;
    let mut rig = Rig::with(config, SttSettings::default());
    rig.opened(1);
    rig.update(SttSettings::delta().vad_events(true).keywords(Keywords::new().with("Voxline").unwrap()));
    rig.pass(secs(1.0));
    let answer = rig.answers().pop().unwrap();
    assert_eq!(rig.requests.len(), 1);
    assert_eq!(answer.warnings.iter().map(|one| one.field).collect::<Vec<_>>(), ["keywords", "vad_events"]);
    assert_eq!(answer.changed.len(), 2);
}

#[test]
fn a_change_while_there_is_no_connection_is_part_of_the_next() {
    let mut rig = Rig::opened_rig();
    rig.dropped(1);
    rig.update(french());
    assert_eq!(rig.answers().len(), 1);
    rig.pass(secs(1.0));
    assert_eq!(rig.query(2, "language").unwrap(), "fr");
}

#[test]
fn a_loss_while_a_change_is_on_its_way_makes_its_connection_the_one() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.update(french());
    rig.pass(ms(20));
    rig.dropped(1);
    rig.speak(secs(0.5));
    rig.opened(2);
    assert_eq!(rig.audio(2), rig.given);
    assert!(rig.answers()[0].reconnected);
    assert_eq!(rig.requests.len(), 2);
}

#[test]
fn settings_that_worked_come_back_when_the_changed_ones_are_not_served() {
    let mut rig = Rig::open_with(SttSettings::default());
    rig.final_(1, "hello");
    rig.update(SttSettings::delta().language(Language::Ta));
    rig.pass(ms(20));
    rig.opened(2);
    let error = r#"{"type":"error","error_code":"LANGUAGE_NOT_ENABLED_IN_REGION","message":"no"}"#;
    rig.last(1, "");
    rig.message(2, error);
    rig.peer_closed(2, 1000, "");
    rig.pass(secs(1.0));
    assert_eq!(rig.query(3, "language").unwrap(), "en");
    assert!(rig.fatal().is_none());
}

#[test]
fn a_change_at_the_end_is_refused() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(0.1));
    rig.update(french());
    rig.end();
    rig.update(french());
    let answers = rig.answers();
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().all(|answer| answer.changed.is_empty() && answer.rejected.len() == 1));
}

#[test]
fn words_lost_with_the_connection_that_was_leaving_are_told() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.update(french());
    rig.pass(ms(20));
    rig.opened(2);
    rig.closed(1, CloseReason::Dropped { reason: "reset".into() });
    assert!(rig.connection().contains(&"failed Unreachable".into()));
}
