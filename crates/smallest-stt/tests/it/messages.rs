//! Reading whatever the service may send.

use proptest::prelude::*;
use serde_json::{Value, json};
use smallest_stt::message::{ClientMessage, ServerMessage, SpokenSentence, SpokenWord, Transcript, seconds};

#[test]
fn the_three_messages_are_written_as_documented() {
    assert_eq!(ClientMessage::Finalize.text(), r#"{"type":"finalize"}"#);
    assert_eq!(ClientMessage::CloseStream.text(), r#"{"type":"close_stream"}"#);
    assert_eq!(ClientMessage::Keepalive.text(), r#"{"type":"keepalive"}"#);
}

#[test]
fn fields_of_another_type_are_absent() {
    let message = json!({ "transcript": 7, "transcription": "hello", "is_final": "true", "languages": "en", "words": {} });
    let Ok(ServerMessage::Transcript(transcript)) = ServerMessage::parse(&message.to_string()) else {
        panic!("not a transcript");
    };
    assert_eq!((transcript.text(), transcript.is_final), ("hello", true));
    assert!(transcript.words.is_empty() && transcript.languages.is_empty());
}

#[test]
fn times_that_cannot_be_are_absent() {
    for bad in [f64::NAN, f64::INFINITY, -0.1, 1e300] {
        assert_eq!(seconds(Some(bad)), None, "{bad}");
    }
    assert_eq!(seconds(Some(1.25)).unwrap().as_millis(), 1250);
}

/// Seconds with as many digits as the service gives: more would not survive being read as decimals.
fn milliseconds() -> impl Strategy<Value = f64> {
    (0..10_000_000_u32).prop_map(|milliseconds| f64::from(milliseconds) / 1000.0)
}

prop_compose! {
    fn words()(
        word in "\\PC{0,12}",
        start in prop::option::of(milliseconds()),
        end in prop::option::of(milliseconds()),
        confidence in prop::option::of((0..=100_u8).prop_map(|percent| f32::from(percent) / 100.0)),
        speaker in prop::option::of("\\PC{1,8}"),
    ) -> SpokenWord {
        SpokenWord { word, start, end, confidence, speaker, speaker_confidence: None }
    }
}

prop_compose! {
    fn transcripts()(
        texts in (prop::option::of("\\PC{0,40}"), prop::option::of("\\PC{0,40}")),
        flags in any::<[bool; 4]>(),
        words in prop::collection::vec(words(), 0..4),
        sentence in prop::option::of("\\PC{0,40}"),
        languages in prop::collection::vec("[a-z]{2}", 0..3),
    ) -> Transcript {
        let [is_final, is_last, from_finalize, speech_final] = flags;
        let sentence = sentence.map(|text| SpokenSentence { text, start: Some(0.5), end: None, speaker: None });
        Transcript {
            transcript: texts.0,
            transcription: texts.1,
            is_final,
            is_last,
            from_finalize,
            speech_final,
            words,
            language: languages.first().cloned(),
            languages,
            utterances: sentence.into_iter().collect(),
            ..Transcript::default()
        }
    }
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn names() -> impl Strategy<Value = String> {
    let known = [
        "type",
        "status",
        "error",
        "message",
        "error_code",
        "transcript",
        "transcription",
        "is_final",
        "is_last",
        "words",
        "word",
        "start",
        "end",
        "speaker",
        "utterances",
        "languages",
        "timestamp",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        "[a-z_]{1,6}".prop_map(|name| name)
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(transcript in transcripts()) {
        let text = serde_json::to_string(&transcript).unwrap();
        let read = ServerMessage::parse(&text).unwrap();
        prop_assert_eq!(read, ServerMessage::Transcript(Box::new(transcript)));
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,200}") {
        let _ = ServerMessage::parse(&text);
    }

    #[test]
    fn every_object_is_read_as_something(value in json_values()) {
        let read = ServerMessage::parse(&value.to_string());
        prop_assert_eq!(read.is_ok(), value.is_object());
    }
}
