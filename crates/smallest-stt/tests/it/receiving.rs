//! What comes in: transcriptions in all their forms, edges, errors, garbage.

use serde_json::json;
use smallest_stt::SttSettings;
use voxline_core::{
    frame::{EdgeSource, Language},
    service::SttEvent,
};

use crate::support::{Rig, config, ms, secs};

#[test]
fn w35_w36_the_text_has_two_names_and_may_come_with_little_else() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.says(1, json!({ "transcription": "one", "is_final": true }));
    rig.says(1, json!({ "transcript": "two", "transcription": "other", "is_final": true }));
    rig.message(1, r#"{"session_id":"s","transcript":"three","is_final":true,"is_last":false}"#);
    let texts: Vec<_> = rig.finals().into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["one", "two", "three"]);
}

#[test]
fn w37_missing_and_null_fields_are_absent() {
    let mut rig = Rig::opened_rig();
    let nothing = json!({
        "transcript": "hello", "is_final": null, "is_last": null, "language": null, "languages": null,
        "words": null, "utterances": null, "redacted_entities": null, "never_heard_of": { "a": [1] },
    });
    rig.says(1, nothing);
    assert_eq!((rig.interims(), rig.finals()), (vec!["hello".into()], vec![]));
}

#[test]
fn w38_empty_and_blank_texts_make_no_event() {
    let mut rig = Rig::opened_rig();
    for text in ["", "  ", "\n\t"] {
        rig.interim(1, text);
        rig.final_(1, text);
    }
    assert!(rig.heard().is_empty());
}

#[test]
fn w39_w40_partials_replace_one_another_and_a_final_needs_none() {
    let mut rig = Rig::opened_rig();
    rig.interim(1, "hel");
    rig.interim(1, "hello");
    rig.final_(1, "Hello.");
    rig.final_(1, "Without partials.");
    assert_eq!(rig.interims(), ["hel", "hello"]);
    assert_eq!(rig.finals(), [("Hello.".into(), None), ("Without partials.".into(), None)]);
}

#[test]
fn w41_finals_between_two_finalizes_are_all_kept_in_order() {
    let mut rig = Rig::opened_rig();
    rig.speech_started(1);
    rig.speak(secs(3.0));
    rig.final_(1, "one two");
    rig.final_(1, "three four");
    rig.finalize(1);
    rig.answer(1, "five");
    let expected =
        [("one two".to_owned(), None), ("three four".to_owned(), None), ("five".to_owned(), Some(1))];
    assert_eq!(rig.finals(), expected);
}

#[test]
fn w42_the_race_of_finalize_and_endpointing_gives_one_final() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.finalize(1);
    rig.final_(1, "Hello.");
    rig.pass(ms(150));
    rig.answer(1, "Hello.");
    assert_eq!(rig.finals(), [("Hello.".into(), Some(1))]);
    assert_eq!(rig.counts().duplicates, 1);
}

#[test]
fn w42_a_duplicate_that_answers_the_finalize_still_settles_the_utterance() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.final_(1, "Hello.");
    rig.finalize(1);
    rig.pass(ms(150));
    rig.answer(1, "Hello.");
    assert_eq!(rig.finals(), [("Hello.".into(), None), (String::new(), Some(1))]);
    assert_eq!(rig.counts().duplicates, 1);
}

#[test]
fn w42_the_same_words_later_are_no_duplicate() {
    let mut rig = Rig::opened_rig();
    rig.final_(1, "Yes.");
    rig.pass(ms(201));
    rig.final_(1, "Yes.");
    assert_eq!(rig.finals().len(), 2);
}

#[test]
fn w45_the_last_message_may_repeat_the_last_text() {
    let mut rig = Rig::opened_rig();
    rig.final_(1, "Goodbye.");
    rig.end();
    rig.pass(secs(1.0));
    rig.last(1, "Goodbye.");
    assert_eq!((rig.finals().len(), rig.counts().duplicates), (1, 1));
    let mut again = Rig::opened_rig();
    again.final_(1, "Bye.");
    again.interim(1, "bye");
    again.end();
    again.pass(secs(1.0));
    again.last(1, "Bye.");
    assert_eq!(again.finals().len(), 2);
}

#[test]
fn w43_an_answer_without_from_finalize_confirms() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.finalize(1);
    rig.final_(1, "Hello.");
    assert_eq!(rig.finals(), [("Hello.".into(), Some(1))]);
}

#[test]
fn w44_r_40_an_empty_answer_settles_the_utterance_at_once() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.final_(1, "Hello.");
    rig.finalize(1);
    rig.pass(ms(300));
    rig.answer(1, "");
    assert_eq!(rig.finals(), [("Hello.".into(), None), (String::new(), Some(1))]);
}

#[test]
fn w44_r_44_a_late_final_belongs_to_its_own_utterance() {
    let mut rig = Rig::opened_rig();
    rig.speech_started(1);
    rig.speak(secs(1.0));
    rig.finalize(1);
    rig.speech_started(2);
    rig.speak(secs(1.0));
    rig.answer(1, "the first");
    rig.finalize(2);
    rig.answer(1, "the second");
    assert_eq!(rig.finals(), [("the first".into(), Some(1)), ("the second".into(), Some(2))]);
}

#[test]
fn w45_is_last_ends_the_connection_even_unasked() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(6.0));
    rig.last(1, "That was it.");
    rig.pass(secs(1.0));
    assert!(rig.requests.contains_key(&2));
    rig.opened(2);
    rig.speak(secs(0.1));
    assert_eq!(rig.finals().len(), 1);
    assert_eq!(rig.connection(), ["connected", "disconnected", "connected"]);
    let resent = rig.audio(2);
    assert!(rig.given.ends_with(&resent) && resent.len() >= 1_600);
}

#[test]
fn w46_words_sentences_languages_and_speakers_are_exposed() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(2.0));
    rig.says(
        1,
        json!({
            "type": "transcription", "status": "success", "session_id": "s", "transcript": "Hello there. ",
            "is_final": true, "language": "fr", "languages": ["fr", "en"],
            "words": [
                { "word": "Hello", "start": 0.5, "end": 0.9, "confidence": 0.97, "speaker": 0, "speaker_confidence": 0.6 },
                { "word": "there.", "start": 1.0, "end": 1.4, "confidence": null, "speaker": "speaker_1" },
                { "word": "lost", "start": "soon" },
                "garbage",
            ],
            "utterances": [{ "text": "Hello there.", "start": 0.5, "end": 1.4, "speaker": 0 }],
        }),
    );
    let heard = rig.heard().pop().unwrap().transcription;
    assert_eq!(heard.text, "Hello there.");
    assert_eq!((heard.start, heard.end), (Some(ms(500)), Some(ms(1_400))));
    assert_eq!(heard.languages, [Language::Fr, Language::En]);
    let speakers: Vec<_> = heard.words.iter().map(|word| word.speaker.as_deref()).collect();
    assert_eq!(speakers, [Some("0"), Some("speaker_1")]);
    assert_eq!((heard.words[0].confidence, heard.words[1].confidence), (Some(0.97), None));
    assert_eq!((heard.sentences.len(), heard.sentences[0].end), (1, ms(1_400)));
}

#[test]
fn w47_redacted_entities_are_exposed_and_partials_can_be_withheld() {
    let settings = SttSettings { redact_pii: true, ..SttSettings::default() };
    let mut config = config();
    config.withhold_interims = true;
    let mut rig = Rig::with(config, settings);
    rig.opened(1);
    rig.interim(1, "I am Hans");
    let redacted = json!(["[FIRSTNAME_1]"]);
    rig.says(
        1,
        json!({ "transcript": "I am [FIRSTNAME_1]", "is_final": true, "redacted_entities": redacted }),
    );
    assert!(rig.interims().is_empty());
    assert_eq!(rig.heard()[0].transcription.redacted_entities, ["[FIRSTNAME_1]"]);
}

#[test]
fn w48_edges_are_told_by_their_type_on_the_session_clock() {
    let mut rig = Rig::opened_rig();
    rig.at = secs(5.0);
    rig.speak(secs(2.0));
    rig.says(1, json!({ "type": "speech_started", "session_id": "s", "timestamp": 0.25 }));
    rig.says(1, json!({ "type": "speech_ended", "session_id": "s", "timestamp": 1.5 }));
    let edges: Vec<_> = rig
        .events
        .iter()
        .filter_map(|event| match event {
            SttEvent::SpeechStarted(edge) => Some(("started", *edge)),
            SttEvent::SpeechStopped(edge) => Some(("stopped", *edge)),
            _ => None,
        })
        .collect();
    assert_eq!(
        edges.iter().map(|(name, edge)| (*name, edge.at)).collect::<Vec<_>>(),
        [("started", ms(5_250)), ("stopped", ms(6_500))]
    );
    assert_eq!((edges[1].1.source, edges[1].1.confirmed_after), (EdgeSource::Service, ms(500)));
    assert!(rig.heard().is_empty());
}

#[test]
fn w49_w78_w79_what_means_nothing_is_ignored_and_counted() {
    let mut rig = Rig::opened_rig();
    for text in ["", "{", "[]", "null", "\"text\"", "12", "{\"a\":}"] {
        rig.message(1, text);
    }
    rig.message(1, r#"{"type":"pong"}"#);
    rig.message(1, r#"{"type":"news","is_final":true,"transcript":"no"}"#);
    rig.message(1, "{}");
    rig.binary(1, &[0, 1, 2]);
    assert!(rig.heard().is_empty());
    assert_eq!(rig.connection(), ["connected"]);
    let counts = rig.counts();
    assert_eq!((counts.malformed, counts.unexpected_binary, counts.messages), (7, 1, 11));
    rig.final_(1, "still here");
    assert_eq!(rig.finals().len(), 1);
}

#[test]
fn w50_errors_in_every_shape_are_told_with_their_code() {
    let mut rig = Rig::opened_rig();
    for error in [
        json!({ "type": "error", "status": "error", "message": "too loud" }),
        json!({ "error": "too loud" }),
        json!({ "status": "error", "error": { "message": "too loud", "code": "LOUD" } }),
        json!({ "type": "error", "error_code": "LOUD", "message": "too loud" }),
    ] {
        rig.says(1, error);
    }
    let texts: Vec<_> = rig
        .events
        .iter()
        .filter_map(|event| if let SttEvent::Failed(error) = event { Some(error.to_string()) } else { None })
        .collect();
    assert_eq!(texts.len(), 4);
    assert!(texts.iter().all(|text| text.contains("too loud")), "{texts:?}");
    assert!(texts[2..].iter().all(|text| text.contains("LOUD")), "{texts:?}");
    assert_eq!(rig.counts().errors, 4);
}

#[test]
fn w51_a_language_the_region_does_not_serve_is_terminal() {
    let mut rig = Rig::open_with(SttSettings { language: Language::Ta, ..SttSettings::default() });
    let error =
        json!({ "type": "error", "error_code": "LANGUAGE_NOT_ENABLED_IN_REGION", "message": "not here" });
    rig.says(1, error);
    assert!(rig.fatal().unwrap().contains("ta is not served here: not here"));
    assert!(voxline_wire::Session::is_finished(&rig.session));
    rig.pass(secs(600.0));
    assert_eq!(rig.requests.len(), 1);
}

#[test]
fn w53_times_after_a_reconnect_continue_on_the_session_clock() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(4.0));
    rig.finalize(1);
    rig.answer(1, "The first.");
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    rig.speak(secs(2.0));
    let words = json!([{ "word": "second", "start": 0.5, "end": 1.0 }]);
    rig.says(2, json!({ "transcript": "second", "is_final": true, "words": words }));
    let heard = rig.heard().pop().unwrap().transcription;
    assert_eq!((heard.start, heard.end), (Some(ms(4_500)), Some(ms(5_000))));
}

#[test]
fn w54_the_language_of_a_final_overrides_the_one_asked_for_in_the_event() {
    let mut rig = Rig::opened_rig();
    rig.says(1, json!({ "transcript": "hej", "is_final": true, "language": "da" }));
    rig.final_(1, "hello");
    let languages: Vec<_> = rig.heard().into_iter().map(|heard| heard.transcription.language).collect();
    assert_eq!(languages, [Some(Language::Da), Some(Language::En)]);
    assert_eq!(rig.requests.len(), 1);
}

#[test]
fn the_full_transcript_is_gathered_over_all_connections() {
    let mut rig = Rig::open_with(SttSettings { full_transcript: true, ..SttSettings::default() });
    rig.final_(1, "One.");
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    rig.final_(2, "Two.");
    let full: Vec<_> =
        rig.heard().into_iter().filter_map(|heard| heard.transcription.full_transcript).collect();
    assert_eq!(full, ["One.", "One. Two."]);
}

#[test]
fn the_message_as_it_came_is_there_on_request() {
    let mut config = config();
    config.raw = true;
    let mut rig = Rig::with(config, SttSettings::default());
    rig.opened(1);
    let message = r#"{"transcript":"hello","is_final":true,"news":1}"#;
    rig.message(1, message);
    assert_eq!(rig.heard()[0].transcription.raw.as_deref(), Some(message));
    let mut plain = Rig::opened_rig();
    plain.message(1, message);
    assert_eq!(plain.heard()[0].transcription.raw, None);
}

#[test]
fn w92_events_show_no_words_when_logged() {
    let mut rig = Rig::opened_rig();
    rig.final_(1, "sesame");
    assert!(!format!("{:?}", rig.events).contains("sesame"));
}
