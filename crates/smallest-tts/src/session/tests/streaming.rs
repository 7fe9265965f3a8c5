//! Text as the model writes it, and the golden forms of every message.

use std::time::Duration;

use super::{Bench, config, enough};
use crate::{
    endpoint::{Endpoint, TextMode},
    settings::{Model, TtsSettings},
};
use voxline_core::frame::Language;

fn streaming(text: TextMode) -> Bench {
    let mut config = config();
    config.text = text;
    Bench::with(config, TtsSettings::default()).opened(1)
}

#[test]
fn text_is_continued_and_flushed_at_the_end_of_the_answer() {
    let mut bench = streaming(TextMode::Stream);
    for piece in ["Hel", "lo ", "there."] {
        bench.speak(1, piece);
    }
    bench.finish(1);
    bench.chunk(1, 1, 0, enough(10));
    bench.complete(1, 1, 0);
    insta::assert_snapshot!(bench.log);
}

#[test]
fn blanks_between_words_are_not_lost() {
    let mut bench = streaming(TextMode::Stream);
    for piece in ["\n", "Hello", " ", "there", "\n"] {
        bench.speak(1, piece);
    }
    let spoken: String = bench
        .take_sent()
        .iter()
        .map(|json| {
            let message: serde_json::Value = serde_json::from_str(json).unwrap();
            message["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(spoken, "\nHello there");
}

#[test]
fn a_complete_of_what_was_released_early_does_not_end_the_answer() {
    let mut bench = streaming(TextMode::Stream);
    bench.speak(1, "A first sentence that is released. ");
    bench.chunk(1, 1, 0, 800);
    bench.speak(1, "A second one that comes later.");
    bench.finish(1);
    bench.complete(1, 1, 0);
    assert!(!bench.finished(1));
    bench.chunk(1, 1, 0, enough(60));
    bench.complete(1, 1, 0);
    assert!(bench.finished(1));
}

#[test]
fn a_stream_longer_than_a_request_may_be_is_cut() {
    let mut bench = streaming(TextMode::Stream);
    bench.speak(1, "Hello. ");
    bench.chunk(1, 1, 0, enough(5));
    for _ in 0..25 {
        bench.speak(1, "Fifty characters of text, or very nearly as many. ");
    }
    let flushes = bench.take_sent().iter().filter(|text| text.contains(r#""flush":true"#)).count();
    assert_eq!(flushes, 1);
}

#[test]
fn no_keepalive_is_sent_while_the_service_holds_text_for_more() {
    let mut bench = streaming(TextMode::Stream);
    bench.speak(1, "Hello, ");
    bench.take_sent();
    bench.wait(Duration::from_secs(50));
    assert!(bench.take_sent().is_empty());
}

#[test]
fn w63_w64_a_context_is_closed_exactly_once_and_never_flushed() {
    let mut bench = streaming(TextMode::Contexts);
    bench.speak(1, "Hello ");
    bench.speak(1, "there.");
    bench.finish(1);
    bench.chunk(1, 1, 0, enough(10));
    bench.complete(1, 1, 0);
    bench.wait(Duration::from_secs(1));
    insta::assert_snapshot!(bench.log);
    assert!(bench.finished(1));
}

#[test]
fn w67_an_interruption_cancels_the_open_context() {
    let mut bench = streaming(TextMode::Contexts);
    bench.speak(1, "Hello ");
    bench.interrupt(1);
    insta::assert_snapshot!(bench.log);
}

#[test]
fn contexts_are_refused_where_the_service_has_none() {
    let mut bench = streaming(TextMode::Contexts);
    bench.update(TtsSettings::delta().model(Model::LightningV2));
    assert!(bench.log.contains("contexts are on tts/live only"), "{}", bench.log);
}

#[test]
fn w55_w59_the_golden_form_of_a_request_on_each_endpoint() {
    let full = TtsSettings {
        voice: "meher".into(),
        language: Language::Hi,
        speed: Some(1.25),
        consistency: Some(0.5),
        similarity: Some(0.0),
        enhancement: Some(2),
        number_pronunciation_language: Some(Language::En),
        math_notation: Some(true),
        word_timestamps: true,
        max_buffer_flush_ms: Some(100),
        complete_backoff_ms: 150,
        ..TtsSettings::default()
    };
    let mut forms = String::new();
    for (endpoint, model) in [
        (Endpoint::Live, Model::LightningV31Pro),
        (Endpoint::V31, Model::LightningV31),
        (Endpoint::V2, Model::LightningV2),
    ] {
        for settings in [TtsSettings::default(), full.clone()] {
            let mut config = config();
            config.endpoint = Some(endpoint);
            config.session_id = Some("call-1".into());
            let mut bench = Bench::with(config, TtsSettings { model: model.clone(), ..settings }).opened(1);
            bench.say(1, "Hi.");
            bench.nameless_chunk(1, None, enough(2));
            bench.text(1, r#"{"status":"complete"}"#);
            bench.wait(Duration::from_secs(30));
            forms.push_str(&format!("{endpoint:?}\n{}\n", bench.take_sent().join("\n")));
        }
    }
    insta::assert_snapshot!(forms);
}
