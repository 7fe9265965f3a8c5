//! The connection: lost, refused, idle, ended.

use std::time::Duration;

use voxline_core::{
    ErrorCategory,
    service::{ConnectionEvent, TtsEvent},
};
use voxline_wire::{CloseReason, ConnectError, Happened, Session as _};

use super::{Bench, enough};

const SECOND: Duration = Duration::from_secs(1);

fn errors(bench: &Bench) -> usize {
    bench.count(|event| {
        matches!(event, TtsEvent::Connection(ConnectionEvent::Error(_)) | TtsEvent::Failed { .. })
    })
}

fn fatal(bench: &Bench) -> Option<ErrorCategory> {
    bench.events.iter().find_map(|event| match event {
        TtsEvent::Failed { context: None, error, .. } if error.fatal => Some(error.category),
        _ => None,
    })
}

#[test]
fn w73_a_close_after_complete_is_normal_and_the_line_is_opened_again() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    bench.close(1, 1000, "");
    bench.open_line(2);
    bench.say(2, "Again.");
    bench.chunk(2, 2, 0, enough(5));
    bench.complete(2, 2, 0);
    insta::assert_snapshot!(bench.log);
    assert_eq!(errors(&bench), 0);
}

#[test]
fn w73_no_close_after_complete_is_normal_too() {
    let mut bench = Bench::open();
    for context in 1..5 {
        bench.say(context, "Hello.");
        bench.chunk(1, context, 0, enough(5));
        bench.complete(1, context, 0);
        assert!(bench.finished(context));
    }
    assert_eq!(bench.connects, 1);
}

#[test]
fn a_close_after_complete_in_mid_answer_goes_on_with_the_next_sentence() {
    let mut bench = Bench::open();
    bench.speak(1, "Hello.");
    bench.chunk(1, 1, 0, enough(5));
    bench.speak(1, "Again.");
    bench.finish(1);
    bench.complete(1, 1, 0);
    bench.close(1, 1000, "");
    bench.open_line(2);
    bench.chunk(2, 1, 2, enough(5));
    bench.complete(2, 1, 2);
    assert!(bench.finished(1), "{}", bench.log);
    assert_eq!(bench.samples_of(1), 2 * enough(5));
}

#[test]
fn a_normal_close_without_complete_ends_an_answer_that_was_spoken() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there.");
    bench.chunk(1, 1, 0, enough(10));
    bench.close(1, 1000, "");
    assert!(bench.finished(1));
    assert_eq!(bench.session.counters.counts().assumed_complete, 1);
}

#[test]
fn r_15_a_normal_close_before_the_text_was_spoken_fails_the_answer() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there.");
    bench.chunk(1, 1, 0, enough(10) - 1);
    bench.close(1, 1000, "");
    assert!(!bench.finished(1));
    assert!(
        bench.failure(1).unwrap().starts_with("Unreachable: the connection ended before"),
        "{}",
        bench.log
    );
}

#[test]
fn r_15_a_drop_before_complete_fails_even_an_answer_that_may_have_been_spoken() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there.");
    bench.chunk(1, 1, 0, 10 * enough(10));
    bench.drop_line(1);
    assert!(!bench.finished(1) && bench.failure(1).is_some());
}

#[test]
fn w76_a_drop_before_any_audio_sends_the_text_again_once() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there.");
    bench.drop_line(1);
    bench.wait(SECOND);
    bench.open_line(2);
    let sent = bench.take_sent();
    assert!(sent.len() == 2 && sent[1].contains("00005eed.1.1"), "{sent:?}");
    bench.drop_line(2);
    assert!(bench.failure(1).is_some(), "the second loss is final");
}

#[test]
fn w76_audio_already_delivered_is_never_asked_for_again() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there, this is long.");
    bench.chunk(1, 1, 0, 80);
    bench.drop_line(1);
    bench.wait(SECOND);
    bench.open_line(2);
    assert_eq!(bench.take_sent().len(), 1);
    assert!(bench.failure(1).is_some());
}

#[test]
fn w75_an_idle_close_makes_no_error_and_reconnects() {
    let mut bench = Bench::open();
    bench.wait(20 * SECOND);
    bench.text(1, r#"{"status":"error","message":"Connection timed out after 60 seconds of inactivity"}"#);
    bench.close(1, 1008, "idle");
    bench.wait(SECOND);
    bench.open_line(2);
    assert_eq!(errors(&bench), 0, "{}", bench.log);
    assert_eq!(bench.count(|event| matches!(event, TtsEvent::Connection(ConnectionEvent::Connected))), 2);
}

#[test]
fn w62_r_08_the_keepalive_goes_out_every_30_s_in_the_form_that_cannot_speak() {
    let mut bench = Bench::open();
    bench.wait(Duration::from_millis(29_999));
    assert!(bench.take_sent().is_empty());
    bench.wait(31 * SECOND);
    let keepalive = r#"{"voice_id":"sophia","text":" ","model":"lightning_v3.1","language":"en"}"#;
    assert_eq!(bench.take_sent(), [keepalive, keepalive]);
}

#[test]
fn w62_a_short_idle_timeout_is_kept_alive_at_half_of_it() {
    let settings = crate::TtsSettings { idle_timeout: 10 * SECOND, ..Default::default() };
    let mut bench = Bench::with(super::config(), settings).opened(1);
    bench.wait(5 * SECOND);
    assert_eq!(bench.take_sent().len(), 1);
}

#[test]
fn r_04_r_07_a_line_that_closes_idle_for_hours_stays_in_use() {
    let mut bench = Bench::open();
    for line in 1..200 {
        bench.wait(60 * SECOND);
        bench.close(line, 1000, "idle");
        bench.wait(SECOND);
        bench.open_line(line + 1);
    }
    bench.say(1, "Still here.");
    bench.chunk(200, 1, 0, enough(9));
    bench.complete(200, 1, 0);
    assert!(bench.finished(1));
    assert_eq!(errors(&bench), 0);
}

#[test]
fn w10_permanent_refusals_end_the_service_after_one_attempt_with_a_typed_error() {
    for (status, category) in [
        (400, ErrorCategory::Refused),
        (401, ErrorCategory::Unauthorized),
        (403, ErrorCategory::Forbidden),
        (404, ErrorCategory::Refused),
        (410, ErrorCategory::Refused),
    ] {
        let mut bench = Bench::new();
        bench.say(1, "Hello.");
        bench.refuse(1, status, "no");
        assert_eq!(fatal(&bench), Some(category), "{status}");
        assert!(bench.failure(1).is_some(), "{status}");
        assert!(bench.session.is_finished());
        assert_eq!(bench.connects, 1);
    }
}

#[test]
fn r_16_a_retired_model_is_named_with_what_the_service_recommends() {
    let mut bench = Bench::new();
    bench.refuse(1, 410, r#"{"error_code":"MODEL_DEPRECATED","recommended_endpoint":"/waves/v1/tts/live"}"#);
    insta::assert_snapshot!(bench.log);
}

#[test]
fn w11_w12_temporary_refusals_are_tried_again_later() {
    for status in [429, 500, 502, 503] {
        let mut bench = Bench::new();
        bench.refuse(1, status, "later");
        assert!(fatal(&bench).is_none() && bench.connects == 1, "{status}");
        bench.wait(SECOND);
        assert_eq!(bench.connects, 2, "{status}");
    }
    let mut bench = Bench::new();
    bench.unreachable(1);
    bench.wait(SECOND);
    assert_eq!(bench.connects, 2);
}

#[test]
fn w11_retry_after_is_honoured() {
    let mut bench = Bench::new();
    let error = ConnectError::Refused { status: 429, body: String::new(), retry_after: Some(7 * SECOND) };
    bench.happen(1, Happened::Failed(error), "refused 429, retry after 7 s");
    bench.wait(Duration::from_millis(6_999));
    assert_eq!(bench.connects, 1);
    bench.wait(Duration::from_millis(1));
    assert_eq!(bench.connects, 2);
}

#[test]
fn w14_r_05_connections_that_end_at_once_are_given_up() {
    let mut bench = Bench::new();
    for line in 1..100 {
        if bench.session.is_finished() {
            break;
        }
        bench.open_line(line);
        bench.close(line, 1000, "");
        bench.wait(60 * SECOND);
    }
    assert_eq!(fatal(&bench), Some(ErrorCategory::Unreachable));
    assert_eq!(bench.connects, 5);
}

#[test]
fn r_06_a_service_that_accepts_and_closes_is_asked_ten_times_a_minute_at_most() {
    let mut config = super::config();
    config.backoff.short_lived_limit = u32::MAX;
    config.backoff.give_up_after = None;
    let mut bench = Bench::with(config, crate::TtsSettings::default());
    let mut at = Vec::new();
    for line in 1..60 {
        at.push(bench.now.duration_since(bench.start));
        bench.open_line(line);
        bench.close(line, 1000, "");
        while u64::from(bench.connects) == line {
            bench.wait(Duration::from_millis(50));
        }
    }
    assert!(at.windows(11).all(|eleven| eleven[10] - eleven[0] >= 59 * SECOND), "{at:?}");
}

#[test]
fn w15_a_close_for_concurrency_backs_off_and_forbidden_is_final() {
    let mut bench = Bench::open();
    bench.close(1, 1008, "concurrency_limit_reached");
    assert!(fatal(&bench).is_none());
    bench.wait(SECOND);
    assert_eq!(bench.connects, 2);
    bench.open_line(2);
    bench.close(2, 1008, "forbidden");
    assert_eq!(fatal(&bench), Some(ErrorCategory::Forbidden));
}

#[test]
fn an_error_about_a_limit_makes_the_next_connect_wait() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.text(1, r#"{"status":"error","error":{"message":"too many","code":"429"}}"#);
    assert!(bench.failure(1).unwrap().starts_with("Overloaded"));
    assert_eq!(bench.connects, 1);
    bench.wait(SECOND);
    assert_eq!(bench.connects, 2);
}

#[test]
fn text_without_a_line_to_speak_over_fails_in_time() {
    let mut bench = Bench::new();
    bench.say(1, "Hello.");
    bench.wait(8 * SECOND);
    assert!(bench.failure(1).unwrap().starts_with("Unreachable: no connection within 8s"));
}

#[test]
fn w81_every_abnormal_end_of_a_line_reconnects() {
    let reasons = [
        CloseReason::Dropped { reason: "reset".into() },
        CloseReason::Stalled { after: SECOND },
        CloseReason::Unresponsive { after: SECOND },
        CloseReason::Protocol { reason: "garbage".into() },
        CloseReason::TooLarge { size: 20_000_000, limit: 4_194_304 },
        CloseReason::Peer { code: 1011, reason: String::new() },
    ];
    for reason in reasons {
        let mut bench = Bench::open();
        bench.say(1, "Hello.");
        let shown = reason.to_string();
        bench.happen(1, Happened::Closed(reason), &shown);
        bench.wait(SECOND);
        assert_eq!(bench.connects, 2, "{shown}");
        assert_eq!(errors(&bench), 1, "{shown}");
    }
}

#[test]
fn w89_connection_events_alternate_whatever_happens() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.interrupt(1);
    bench.open_line(2);
    bench.drop_line(1);
    bench.drop_line(2);
    bench.wait(SECOND);
    bench.refuse(3, 503, "");
    bench.wait(2 * SECOND);
    bench.open_line(4);
    bench.end();
    bench.close(4, 1000, "");
    let kinds: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            TtsEvent::Connection(ConnectionEvent::Connected) => Some("connected"),
            TtsEvent::Connection(ConnectionEvent::Disconnected { .. }) => Some("disconnected"),
            TtsEvent::Connection(ConnectionEvent::Error(_)) => Some("error"),
            _ => None,
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "connected",
            "disconnected",
            "connected",
            "error",
            "disconnected",
            "error",
            "connected",
            "disconnected"
        ]
    );
}

#[test]
fn w85_an_end_while_waiting_to_reconnect_is_over_at_once() {
    let mut bench = Bench::new();
    bench.refuse(1, 503, "");
    bench.end();
    assert!(bench.session.is_finished());
    bench.wait(60 * SECOND);
    assert_eq!(bench.connects, 1);
}

#[test]
fn w77_w78_w79_what_is_not_understood_is_counted_and_ignored() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    for text in [
        "",
        "{",
        "null",
        "[]",
        r#"{"status":"dancing"}"#,
        r#"{"type":"pong"}"#,
        "{}",
        r#"{"status":"chunk"}"#,
    ] {
        bench.text(1, text);
    }
    bench.binary(1, b"\x00\x01");
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    assert!(bench.finished(1));
    let counts = bench.session.counters.counts();
    assert_eq!((counts.malformed, counts.binary), (4, 1));
}

#[test]
fn w90_counters_tell_what_was_done() {
    let mut bench = Bench::open();
    bench.say(1, "Grüße.");
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    bench.close(1, 1000, "");
    let counts = bench.session.counters.counts();
    assert_eq!((counts.requests, counts.characters, counts.chunks), (1, 6, 1));
    assert_eq!((counts.audio_bytes, counts.reconnects), (2 * enough(5) as u64, 1));
}

#[test]
fn w92_neither_the_key_nor_the_text_is_in_what_can_be_logged() {
    let mut bench = Bench::new();
    bench.speak(1, "open sesame twice");
    let shown = format!("{:?}", bench.session.config);
    assert!(!shown.contains("sk_sesame"), "{shown}");
    bench.refuse(1, 401, "no");
    let errors: String = bench.events.iter().map(|event| format!("{event:?}")).collect();
    assert!(!errors.contains("sesame"), "{errors}");
}
