//! Whose audio is it: with our names, with the service's, with none.

use std::time::Duration;

use voxline_core::service::TtsEvent;

use super::{Bench, config, enough};
use crate::settings::{Model, TtsSettings};

fn v2() -> Bench {
    Bench::with(config(), TtsSettings { model: Model::LightningV2, ..Default::default() }).opened(1)
}

fn unmatched(bench: &Bench) -> usize {
    bench.count(|event| matches!(event, TtsEvent::Unmatched))
}

#[test]
fn r_27_every_request_carries_our_name_and_audio_is_routed_by_it() {
    let mut bench = Bench::open();
    bench.speak(1, "One.");
    bench.chunk(1, 1, 0, 100);
    bench.speak(1, "Two.");
    bench.speak(1, "Three.");
    for (n, json) in bench.take_sent().into_iter().enumerate() {
        let message: serde_json::Value = serde_json::from_str(&json).unwrap();
        let id = message["request_id"].as_str().unwrap().to_owned();
        assert_eq!(id, format!("00005eed.1.{n}"));
        assert!(crate::message::is_token(&id));
    }
    bench.chunk(1, 1, 1, 100);
    bench.chunk(1, 1, 2, 100);
    let requests: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            TtsEvent::Audio { request, .. } => Some(request.0),
            _ => None,
        })
        .collect();
    assert_eq!(requests, [0, 1, 2]);
}

#[test]
fn r_27_audio_of_no_known_request_is_counted_and_dropped() {
    let mut bench = Bench::open();
    bench.chunk(1, 1, 0, 100);
    bench.nameless_chunk(1, Some("task_x"), 100);
    bench.say(1, "Hello.");
    bench.chunk(1, 1, 0, 100);
    bench.chunk(1, 1, 7, 100);
    bench.chunk(1, 9, 0, 100);
    bench.nameless_chunk(1, Some("task_y"), 100);
    let foreign = format!(
        r#"{{"external_request_id":"else.1.0","status":"chunk","data":{{"audio":"{}"}}}}"#,
        super::audio(9)
    );
    bench.text(1, &foreign);
    assert_eq!(bench.samples_of(1), 100);
    assert_eq!((unmatched(&bench), bench.session.counters.counts().unmatched), (6, 6));
}

#[test]
fn w70_without_names_one_request_is_out_at_a_time() {
    let mut bench = v2();
    bench.speak(1, "One.");
    bench.speak(1, "Two.");
    bench.finish(1);
    assert_eq!(bench.take_sent().len(), 1);
    bench.nameless_chunk(1, Some("a"), enough(3));
    bench.text(1, r#"{"request_id":"a","status":"complete","message":"All chunks sent","done":true}"#);
    assert_eq!(bench.take_sent().len(), 1);
    bench.nameless_chunk(1, Some("b"), enough(3));
    bench.text(1, r#"{"request_id":"b","status":"complete"}"#);
    assert!(bench.finished(1));
    assert_eq!(bench.samples_of(1), 2 * enough(3));
}

#[test]
fn w70_without_names_late_audio_of_an_answer_that_is_over_is_nobodys() {
    let mut bench = v2();
    bench.say(1, "One.");
    bench.nameless_chunk(1, Some("a"), enough(3));
    bench.wait(Duration::from_secs(1));
    assert!(bench.finished(1));
    bench.say(2, "Two.");
    bench.nameless_chunk(1, Some("a"), 500);
    bench.text(1, r#"{"request_id":"a","status":"complete"}"#);
    assert!(!bench.finished(2));
    bench.nameless_chunk(1, Some("b"), enough(3));
    bench.text(1, r#"{"request_id":"b","status":"complete"}"#);
    assert!(bench.finished(2));
    assert_eq!((bench.samples_of(2), unmatched(&bench)), (enough(3), 1));
}

#[test]
fn w70_the_services_name_may_change_within_a_request() {
    let mut bench = v2();
    bench.say(1, "A sentence in two halves.");
    bench.nameless_chunk(1, Some("a"), enough(10));
    bench.nameless_chunk(1, Some("b"), enough(10));
    bench.text(1, r#"{"request_id":"b","status":"complete"}"#);
    assert!(bench.finished(1), "{}", bench.log);
    assert_eq!(bench.samples_of(1), 2 * enough(10));
}

#[test]
fn without_any_name_an_unconfirmed_end_costs_a_new_line() {
    let mut bench = v2();
    bench.say(1, "One.");
    bench.nameless_chunk(1, None, enough(3));
    bench.wait(Duration::from_secs(1));
    assert!(bench.finished(1));
    assert_eq!(bench.connects, 2, "late audio could not be told from new");
}

#[test]
fn without_any_name_a_confirmed_end_keeps_the_line() {
    let mut bench = v2();
    bench.say(1, "One.");
    bench.nameless_chunk(1, None, enough(3));
    bench.text(1, r#"{"status":"complete"}"#);
    assert!(bench.finished(1));
    bench.say(2, "Two.");
    bench.text(1, r#"{"status":"complete"}"#);
    assert!(!bench.finished(2), "a second complete of the first");
    bench.nameless_chunk(1, None, enough(3));
    bench.text(1, r#"{"status":"complete"}"#);
    assert!(bench.finished(2));
    assert_eq!(bench.connects, 1);
}

#[test]
fn w87_answers_that_come_seconds_late_keep_their_order() {
    let mut bench = Bench::open();
    bench.speak(1, "One.");
    bench.chunk(1, 1, 0, 10);
    bench.speak(1, "Two.");
    bench.finish(1);
    bench.wait(Duration::from_millis(2_900));
    bench.chunk(1, 1, 0, enough(3));
    bench.wait(Duration::from_millis(2_900));
    bench.chunk(1, 1, 1, enough(3));
    bench.complete(1, 1, 1);
    assert!(bench.finished(1), "{}", bench.log);
    assert_eq!(bench.samples_of(1), 10 + 2 * enough(3));
}

#[test]
fn w60_text_is_escaped_whatever_is_in_it() {
    let text = "He said \"no\".\n\t\\ \u{0}\u{7f} 🙂 é \u{2028}";
    let mut bench = Bench::open();
    bench.speak(1, text);
    let sent = bench.take_sent();
    let message: serde_json::Value = serde_json::from_str(&sent[0]).unwrap();
    assert_eq!(message["text"], text);
}

#[test]
fn w62_a_complete_that_answers_a_keepalive_ends_nothing() {
    let mut bench = v2();
    bench.say(1, "A sentence of some length.");
    bench.nameless_chunk(1, Some("a"), 100);
    bench.text(1, r#"{"request_id":"keepalive","status":"complete"}"#);
    assert!(!bench.finished(1));
    bench.nameless_chunk(1, Some("a"), enough(30));
    bench.text(1, r#"{"request_id":"a","status":"complete"}"#);
    assert!(bench.finished(1));
    assert_eq!(bench.samples_of(1), 100 + enough(30));
}

#[test]
fn w72_a_nameless_complete_that_was_not_waited_for_is_not_taken_for_the_next() {
    let mut bench = v2();
    bench.speak(1, "One.");
    bench.nameless_chunk(1, None, enough(3));
    bench.wait(Duration::from_secs(1));
    bench.speak(1, "A second sentence.");
    bench.finish(1);
    bench.nameless_chunk(1, None, 100);
    bench.text(1, r#"{"status":"complete"}"#);
    assert!(!bench.finished(1), "it was of the first");
    bench.nameless_chunk(1, None, enough(20));
    bench.text(1, r#"{"status":"complete"}"#);
    assert!(bench.finished(1));
    assert_eq!(bench.samples_of(1), enough(3) + 100 + enough(20));
}
