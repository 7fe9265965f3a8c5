//! Whole sessions as text: what went in (`<`), what came out (`>`), and when.

use serde_json::json;
use smallest_stt::SttSettings;
use voxline_core::frame::Language;

use crate::support::{Rig, secs};

#[test]
fn a_call_of_two_turns() {
    let mut rig = Rig::opened_rig();
    rig.speech_started(1);
    rig.samples(8_000);
    rig.interim(1, "good mor");
    rig.finalize(1);
    rig.answer(1, "Good morning.");
    rig.pass(secs(11.0));
    rig.speech_started(2);
    rig.samples(8_000);
    rig.finalize(2);
    let words = json!([{ "word": "Bye.", "start": 1.2, "end": 1.7 }]);
    rig.says(1, json!({ "transcript": "Bye.", "is_final": true, "from_finalize": true, "words": words }));
    rig.end();
    rig.last(1, "");
    insta::assert_snapshot!(rig.log());
}

#[test]
fn a_line_that_breaks_in_mid_utterance() {
    let mut rig = Rig::opened_rig();
    rig.speech_started(1);
    rig.samples(8_000);
    rig.interim(1, "good");
    rig.dropped(1);
    rig.samples(8_000);
    rig.finalize(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    rig.answer(2, "Good morning.");
    rig.end();
    rig.last(2, "");
    insta::assert_snapshot!(rig.log());
}

#[test]
fn a_change_of_language_in_mid_call() {
    let mut rig = Rig::opened_rig();
    rig.speech_started(1);
    rig.samples(8_000);
    rig.update(SttSettings::delta().language(Language::Fr).word_timestamps(true));
    rig.finalize(1);
    rig.pass(secs(0.1));
    rig.answer(1, "Let us speak French.");
    rig.pass(secs(0.1));
    rig.samples(800);
    rig.opened(2);
    rig.samples(800);
    rig.last(1, "");
    rig.final_(2, "Bonjour.");
    insta::assert_snapshot!(rig.log());
}

#[test]
fn an_account_at_its_limit() {
    let mut rig = Rig::new();
    rig.samples(800);
    rig.opened(1);
    rig.peer_closed(1, 1008, "concurrency_limit_reached");
    rig.pass(secs(1.0));
    rig.opened(2);
    rig.peer_closed(2, 1008, "forbidden");
    insta::assert_snapshot!(rig.log());
}
