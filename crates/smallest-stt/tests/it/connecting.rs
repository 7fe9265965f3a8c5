//! How connections fail, end and come back.

use smallest_stt::SttSettings;
use voxline_core::{
    frame::Language,
    service::{ConnectionEvent, SttEvent},
};
use voxline_wire::{CloseReason, ConnectError, Session};

use crate::support::{Rig, Sent, config, ms, secs};

/// Lets each new connection open and at once be closed like this, until none comes for ten minutes.
fn closing_at_once(rig: &mut Rig, code: u16, reason: &str) -> usize {
    let mut id = 1;
    while rig.requests.contains_key(&id) && id < 50 {
        rig.opened(id);
        rig.peer_closed(id, code, reason);
        id += 1;
        rig.pass(secs(600.0));
    }
    rig.requests.len()
}

#[test]
fn w10_permanent_refusals_end_it_at_the_first_attempt() {
    for (status, category) in
        [(400, "Refused"), (401, "Unauthorized"), (403, "Forbidden"), (404, "Refused"), (410, "Refused")]
    {
        let mut rig = Rig::new();
        rig.refused(1, status);
        rig.pass(secs(600.0));
        assert_eq!(rig.requests.len(), 1, "{status}");
        assert_eq!(rig.connection(), [format!("fatal {category}")]);
        assert!(rig.fatal().unwrap().contains(&format!("body of {status}")));
        assert!(rig.session.is_finished());
    }
}

#[test]
fn r_16_a_retired_address_names_the_settings_to_change() {
    for status in [404, 410] {
        let mut rig = Rig::new();
        rig.refused(1, status);
        let text = rig.fatal().unwrap();
        for part in ["/waves/v1/stt/live", "base_url", "endpoint"] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn w11_w12_w13_failures_that_may_pass_are_retried_with_growing_waits() {
    let failures = [
        ConnectError::Refused { status: 429, body: String::new(), retry_after: None },
        ConnectError::Refused { status: 503, body: String::new(), retry_after: None },
        ConnectError::Unreachable { reason: "refused".into() },
        ConnectError::TimedOut { after: secs(10.0) },
    ];
    for failure in failures {
        let mut rig = Rig::new();
        rig.failed(1, failure.clone());
        for (id, wait) in [(2, 500), (3, 1_000), (4, 2_000)] {
            rig.pass(ms(wait - 1));
            assert!(!rig.requests.contains_key(&id), "{failure}: {id} too early");
            rig.pass(ms(1));
            assert!(rig.requests.contains_key(&id), "{failure}: {id} too late");
            rig.failed(id, failure.clone());
        }
        assert!(rig.fatal().is_none());
    }
}

#[test]
fn w11_retry_after_is_honoured() {
    let mut rig = Rig::new();
    rig.failed(1, ConnectError::Refused { status: 429, body: String::new(), retry_after: Some(secs(9.0)) });
    rig.pass(ms(8_999));
    assert_eq!(rig.requests.len(), 1);
    rig.pass(ms(1));
    assert_eq!(rig.requests.len(), 2);
}

#[test]
fn w12_it_gives_up_when_nobody_answers_for_long() {
    let mut rig = Rig::new();
    for id in 1..50 {
        if rig.requests.contains_key(&id) {
            rig.failed(id, ConnectError::Unreachable { reason: "refused".into() });
            rig.pass(secs(120.0));
        }
    }
    assert_eq!(rig.requests.len(), 10);
    assert!(rig.fatal().unwrap().contains("10 attempts"));
    assert!(rig.session.is_finished());
}

#[test]
fn w14_r_06_connections_that_end_at_once_are_no_success() {
    let mut rig = Rig::new();
    assert_eq!(closing_at_once(&mut rig, 1011, ""), 5);
    assert!(rig.fatal().unwrap().contains("5 connections in a row ended at once"));
    let expected = ["connected", "disconnected", "Unreachable"];
    assert_eq!(rig.connection()[..3], expected);
}

#[test]
fn w15_a_full_account_backs_off_and_a_forbidden_one_ends() {
    for reason in ["concurrency_limit_reached", "rate_limit_exceeded"] {
        let mut rig = Rig::new();
        rig.opened(1);
        rig.peer_closed(1, 1008, reason);
        assert_eq!(rig.connection(), ["connected", "disconnected", "Overloaded"]);
        rig.pass(secs(1.0));
        assert_eq!(rig.requests.len(), 2);
    }
    let mut forbidden = Rig::new();
    assert_eq!(closing_at_once(&mut forbidden, 1008, "forbidden"), 1);
    assert_eq!(forbidden.connection(), ["connected", "disconnected", "fatal Forbidden"]);
}

#[test]
fn r_05_other_policy_closes_end_it_after_three() {
    let mut rig = Rig::new();
    assert_eq!(closing_at_once(&mut rig, 1008, "house rules"), 3);
    assert!(rig.fatal().unwrap().contains("house rules"));
}

#[test]
fn r_05_an_overloaded_account_is_not_taken_for_a_permanent_error() {
    let mut rig = Rig::new();
    assert_eq!(closing_at_once(&mut rig, 1008, "concurrency_limit_reached"), 10);
    assert!(rig.fatal().unwrap().contains("over the limit"));
}

#[test]
fn w52_a_close_without_a_word_is_explained_where_it_is_known_and_not_retried_for_ever() {
    let mut config = config();
    config.base_url = "wss://proxy.example".into();
    let mut rig = Rig::with(config, SttSettings { language: Language::Ja, ..SttSettings::default() });
    assert_eq!(closing_at_once(&mut rig, 1000, ""), 3);
    assert!(rig.fatal().unwrap().contains("api.us.smallest.ai"));
    let hint = |event: &SttEvent| matches!(event, SttEvent::Connection(ConnectionEvent::Error(error)) if format!("{error:?}").contains("East Asian"));
    assert_eq!(rig.events.iter().filter(|event| hint(event)).count(), 3);
}

#[test]
fn w81_r_10_audio_that_no_final_covers_is_sent_again_after_a_loss() {
    for reason in [
        CloseReason::Dropped { reason: "reset".into() },
        CloseReason::Peer { code: 1006, reason: String::new() },
        CloseReason::Peer { code: 1000, reason: String::new() },
        CloseReason::Stalled { after: secs(2.0) },
        CloseReason::Unresponsive { after: secs(9.0) },
        CloseReason::TooLarge { size: 20_000_000, limit: 4_194_304 },
        CloseReason::Protocol { reason: "reserved bits".into() },
    ] {
        let mut rig = Rig::opened_rig();
        rig.speak(secs(2.0));
        rig.closed(1, reason.clone());
        rig.speak(secs(1.0));
        rig.pass(secs(1.0));
        rig.opened(2);
        rig.speak(secs(1.0));
        assert_eq!(rig.audio(2), rig.given, "{reason}");
        assert_eq!(rig.counts().reconnects, 1);
    }
}

#[test]
fn r_10_audio_that_a_final_covers_is_not_sent_again() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(2.0));
    let words = serde_json::json!([{ "word": "Hello.", "start": 0.2, "end": 1.0 }]);
    rig.says(1, serde_json::json!({ "transcript": "Hello.", "is_final": true, "words": words }));
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    assert_eq!(rig.audio(2), rig.given[16_000..]);
}

#[test]
fn r_10_a_final_without_times_covers_all_but_the_last_half_second() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(2.0));
    rig.final_(1, "Hello.");
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    assert_eq!(rig.audio(2), rig.given[24_000..]);
}

#[test]
fn r_10_words_said_again_after_a_resend_are_not_told_twice() {
    let mut rig = Rig::open_with(SttSettings { finalize_on_words: true, ..SttSettings::default() });
    rig.speak(secs(4.0));
    rig.final_(1, "I would like to go to the");
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    rig.final_(2, "to the station please");
    let texts: Vec<_> = rig.finals().into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["I would like to go to the", "station please"]);
}

#[test]
fn r_04_w84_idle_closes_over_hours_leave_the_session_alive() {
    let mut rig = Rig::new();
    for id in 1..=50 {
        rig.opened(id);
        rig.pass(secs(180.0));
        rig.peer_closed(id, 1000, "idle");
        rig.pass(ms(1));
    }
    assert_eq!(rig.counts().reconnects, 49);
    assert!(rig.fatal().is_none() && rig.requests.contains_key(&51));
}

#[test]
fn r_07_speech_right_after_an_idle_close_loses_no_word() {
    let mut rig = Rig::opened_rig();
    rig.pass(secs(600.0));
    rig.peer_closed(1, 1000, "idle");
    let idle = rig.audio(1).len();
    rig.speak(secs(1.0));
    rig.opened(2);
    assert_eq!((rig.audio(1).len(), rig.audio(2)), (idle, rig.given.clone()));
}

#[test]
fn w84_only_an_answer_or_some_life_clears_the_record() {
    let mut rig = Rig::new();
    for id in 1..=3 {
        rig.opened(id);
        rig.peer_closed(id, 1011, "");
        rig.pass(secs(60.0));
    }
    rig.opened(4);
    rig.interim(4, "hello");
    rig.peer_closed(4, 1011, "");
    rig.pass(secs(1.0));
    for id in 5..=8 {
        rig.opened(id);
        rig.peer_closed(id, 1011, "");
        rig.pass(secs(60.0));
    }
    assert!(rig.fatal().is_none(), "four in a row since the answer");
    rig.opened(9);
    rig.peer_closed(9, 1011, "");
    assert!(rig.fatal().is_some());
}

#[test]
fn r_14_twenty_lost_connections_lose_no_transcript() {
    let mut rig = Rig::new();
    for id in 1..=20 {
        rig.opened(id);
        rig.speech_started(id as u32);
        rig.speak(secs(1.0));
        rig.finalize(id as u32);
        rig.answer(id, &format!("sentence {id}"));
        rig.dropped(id);
        rig.pass(secs(1.0));
    }
    let expected: Vec<_> = (1..=20).map(|id| (format!("sentence {id}"), Some(id))).collect();
    assert_eq!(rig.finals(), expected);
}

#[test]
fn w85_the_end_during_a_wait_ends_at_once() {
    let mut rig = Rig::opened_rig();
    rig.dropped(1);
    rig.end();
    assert!(rig.session.is_finished());
    rig.pass(secs(60.0));
    assert_eq!(rig.requests.len(), 1);
}

#[test]
fn w85_a_connect_on_its_way_is_dropped_at_the_end() {
    let mut rig = Rig::opened_rig();
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.end();
    assert_eq!(rig.sent[&2], [Sent::Abort]);
    assert!(rig.session.is_finished());
}

#[test]
fn a_loss_after_the_goodbye_sends_the_rest_again_on_a_new_connection() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.end();
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    assert_eq!(rig.audio(2), rig.given);
    assert_eq!(rig.texts(2), [(16_000, r#"{"type":"close_stream"}"#.into())]);
    rig.last(2, "Hello.");
    assert!(rig.session.is_finished());
}

#[test]
fn a_normal_close_after_the_goodbye_is_the_end() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.end();
    rig.final_(1, "Hello.");
    rig.peer_closed(1, 1000, "");
    assert!(rig.session.is_finished());
    assert_eq!(rig.connection(), ["connected", "disconnected"]);
}

#[test]
fn w87_what_comes_late_is_told_in_the_order_it_came() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.pass(secs(9.0));
    for index in 0..20 {
        rig.final_(1, &format!("sentence {index}"));
    }
    let texts: Vec<_> = rig.finals().into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, (0..20).map(|index| format!("sentence {index}")).collect::<Vec<_>>());
}

#[test]
fn w89_connection_events_alternate_and_carry_the_reason() {
    let mut rig = Rig::opened_rig();
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.failed(2, ConnectError::Unreachable { reason: "down".into() });
    rig.pass(secs(2.0));
    rig.opened(3);
    rig.speak(secs(1.0));
    rig.end();
    rig.last(3, "");
    let expected = ["connected", "disconnected", "Unreachable", "Unreachable", "connected", "disconnected"];
    assert_eq!(rig.connection(), expected);
    let reasons: Vec<_> = rig
        .events
        .iter()
        .filter_map(|event| match event {
            SttEvent::Connection(ConnectionEvent::Disconnected { reason }) => Some(reason.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, ["dropped without a close: reset", "closed by us"]);
}

#[test]
fn what_comes_from_a_connection_that_was_given_up_is_ignored() {
    let mut rig = Rig::opened_rig();
    rig.dropped(1);
    rig.message(1, r#"{"transcript":"ghost","is_final":true}"#);
    rig.closed(99, CloseReason::Local);
    assert!(rig.heard().is_empty());
}
