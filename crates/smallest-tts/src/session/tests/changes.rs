//! Settings in mid-call.

use std::time::Duration;

use voxline_core::{
    frame::{Change, Extension, Language, TtsDelta},
    service::TtsEvent,
};

use super::{Bench, config, enough};
use crate::settings::{Model, TtsSettings};

const SECOND: Duration = Duration::from_secs(1);

fn answers(bench: &Bench) -> Vec<(u64, bool, usize, usize)> {
    bench
        .events
        .iter()
        .filter_map(|event| match event {
            TtsEvent::Answered(answer) => {
                Some((answer.update.0, answer.reconnected, answer.changed.len(), answer.rejected.len()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_change_in_the_message_holds_from_the_next_request_on() {
    let mut bench = Bench::open();
    bench.speak(1, "One.");
    bench.update(TtsSettings::delta().voice("meher").speed(1.5).language(Language::Hi).word_timestamps(true));
    bench.chunk(1, 1, 0, enough(3));
    bench.speak(1, "Two.");
    insta::assert_snapshot!(bench.log);
}

#[test]
fn a_change_of_model_on_the_same_socket_takes_no_reconnect() {
    let mut bench = Bench::open();
    bench.update(TtsDelta { model: Change::Set("lightning-v3.1-pro".into()), ..Default::default() });
    bench.say(1, "Hello.");
    assert_eq!(bench.connects, 1);
    assert!(bench.take_sent()[0].contains(r#""model":"lightning_v3.1_pro""#));
    assert_eq!(answers(&bench), [(1, false, 1, 0)]);
}

#[test]
fn r_10_a_change_of_socket_opens_the_new_line_before_the_old_is_given_up() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.chunk(1, 1, 0, 500);
    bench.update(TtsSettings::delta().model(Model::LightningV2).voice("emily").enhancement(1));
    bench.open_line(2);
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    bench.say(2, "Other.");
    insta::assert_snapshot!(bench.log);
}

#[test]
fn r_12_a_new_answer_waits_for_a_change_of_socket_but_not_for_long() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    bench.say(1, "Hello.");
    assert!(bench.take_sent().is_empty(), "it waits for the new voice");
    bench.wait(2 * SECOND);
    assert!(bench.take_sent()[0].contains(r#""model":"lightning_v3.1""#), "the old one speaks");
    bench.open_line(2);
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    bench.say(2, "Then.");
    assert!(!bench.take_sent()[0].contains("model"), "the new one speaks");
}

#[test]
fn r_17_a_change_whose_line_is_refused_is_taken_back() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    bench.refuse(2, 410, r#"{"error_code":"MODEL_DEPRECATED"}"#);
    assert_eq!(answers(&bench), [(1, false, 0, 1)]);
    bench.say(1, "Hello.");
    assert!(bench.take_sent()[0].contains("lightning_v3.1"), "the old line speaks on");
}

#[test]
fn r_17_a_change_whose_line_does_not_open_is_refused_in_time() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().idle_timeout(99 * SECOND));
    bench.wait(5 * SECOND);
    assert_eq!(answers(&bench), [(1, false, 0, 1)]);
    assert_eq!(bench.session.settings, bench.session.wanted);
}

#[test]
fn r_17_a_burst_of_changes_is_one_change_with_an_answer_each() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    for speed in 1..=10 {
        bench.update(TtsSettings::delta().speed(f64::from(speed) / 10.0));
    }
    assert_eq!(bench.connects, 2);
    bench.open_line(2);
    assert_eq!(answers(&bench).len(), 11);
    assert!(
        answers(&bench)
            .iter()
            .all(|&(_, reconnected, changed, rejected)| reconnected && changed == 1 && rejected == 0)
    );
}

#[test]
fn a_change_that_is_taken_back_before_it_held_costs_nothing() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    bench.update(TtsSettings::delta().model(Model::LightningV31));
    assert_eq!(answers(&bench), [(1, false, 1, 0), (2, false, 1, 0)]);
    bench.say(1, "Hello.");
    assert_eq!(bench.take_sent().len(), 1);
}

#[test]
fn r_11_changes_before_the_connect_are_merged_into_it() {
    let mut bench = Bench::new();
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    bench.update(TtsSettings::delta().voice("emily"));
    bench.open_line(2);
    bench.say(1, "Hello.");
    assert!(bench.take_sent()[0].starts_with(r#"{"voice_id":"emily","text":"Hello.","language":"en""#));
    assert_eq!(answers(&bench), [(1, false, 1, 0), (2, false, 1, 0)]);
}

#[test]
fn a_drop_in_mid_change_goes_on_with_the_new_line() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    bench.drop_line(1);
    bench.wait(SECOND);
    bench.open_line(2);
    bench.say(1, "Hello.");
    assert!(bench.sent.iter().any(|(line, text)| *line == 2 && !text.contains("model")), "{}", bench.log);
}

#[test]
fn an_interruption_in_mid_change_uses_the_new_line() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.chunk(1, 1, 0, 100);
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    bench.open_line(2);
    bench.interrupt(1);
    bench.say(2, "Next.");
    assert_eq!(bench.connects, 2);
    assert_eq!(bench.sent.last().unwrap().0, 2);
}

#[test]
fn w56_w57_values_out_of_range_are_refused_and_the_rest_holds() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().speed(2.5).voice("meher"));
    bench.update(TtsSettings::delta().speed(f64::NAN));
    bench.update(TtsSettings::delta().consistency(1.1).similarity(-0.1).enhancement(3));
    bench.update(TtsSettings::delta().max_buffer_flush_ms(1_001).complete_backoff_ms(10_001));
    bench.update(
        TtsSettings::delta().idle_timeout(Duration::ZERO).voice("  ").language(Language::from("e n")),
    );
    assert_eq!(
        answers(&bench),
        [(1, false, 1, 1), (2, false, 0, 1), (3, false, 0, 3), (4, false, 0, 2), (5, false, 0, 3)]
    );
}

#[test]
fn w56_parameters_of_v2_are_not_sent_elsewhere_and_the_answer_says_so() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().consistency(0.5).similarity(0.5).enhancement(1));
    bench.say(1, "Hello.");
    let sent = bench.take_sent();
    for field in ["consistency", "similarity", "enhancement"] {
        assert!(!sent[0].contains(field), "{sent:?}");
    }
    let warned: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            TtsEvent::Answered(answer) => Some(answer.warnings.iter().map(|w| w.field).collect::<Vec<_>>()),
            _ => None,
        })
        .collect();
    assert_eq!(warned, [["consistency", "similarity", "enhancement"]]);
}

#[test]
fn a_speed_only_v2_has_keeps_the_model_on_v2() {
    let settings = TtsSettings { model: Model::LightningV2, speed: Some(4.0), ..Default::default() };
    let mut bench = Bench::with(config(), settings).opened(1);
    bench.update(TtsSettings::delta().model(Model::LightningV31));
    assert_eq!(answers(&bench), [(1, false, 0, 1)]);
}

#[test]
fn a_foreign_extension_is_refused_and_the_common_fields_hold() {
    let mut bench = Bench::open();
    bench.update(TtsDelta {
        voice: Change::Set("meher".into()),
        extension: Some(Extension::new(7_u8)),
        ..Default::default()
    });
    assert_eq!(answers(&bench), [(1, false, 1, 1)]);
}

#[test]
fn an_update_that_changes_nothing_is_answered() {
    let mut bench = Bench::open();
    bench.update(TtsDelta::default());
    bench.update(TtsSettings::delta().clear_voice());
    assert_eq!(answers(&bench), [(1, false, 0, 0), (2, false, 0, 0)]);
}

#[test]
fn clearing_gives_a_setting_back_to_its_default() {
    let settings = TtsSettings {
        speed: Some(1.5),
        voice: "meher".into(),
        complete_backoff_ms: 900,
        ..Default::default()
    };
    let mut bench = Bench::with(config(), settings).opened(1);
    bench.update(TtsSettings::delta().clear_voice().speed(Change::Clear).complete_backoff_ms(Change::Clear));
    assert_eq!(bench.session.settings, TtsSettings::default());
}

#[test]
fn updates_after_the_end_are_answered_too() {
    let mut bench = Bench::open();
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    bench.end();
    bench.update(TtsSettings::delta().voice("meher"));
    assert_eq!(answers(&bench), [(1, false, 0, 1), (2, false, 0, 1)]);
}
