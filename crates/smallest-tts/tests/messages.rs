//! The wire forms: what is written, and everything that can be read.

use proptest::prelude::*;
use serde_json::{Value, json};
use smallest_tts::message::{BadBase64, Failure, Ids, Incoming, Malformed, Request, is_token};
use voxline_core::ErrorCategory;

fn ids(server: &str, ours: Option<&str>) -> Ids {
    Ids { server: Some(server.into()), ours: ours.map(Into::into) }
}

#[test]
fn a_request_holds_what_is_set_and_nothing_else() {
    assert_eq!(Request { voice_id: "sophia", ..Request::default() }.to_json(), r#"{"voice_id":"sophia"}"#);
    let full = Request {
        voice_id: "v",
        text: Some("a \"b\" \n 🙂"),
        model: Some("lightning_v3.1"),
        language: Some("en"),
        sample_rate: Some(24_000),
        output_format: Some("pcm"),
        speed: Some(1.5),
        consistency: Some(0.5),
        similarity: Some(0.25),
        enhancement: Some(1),
        number_pronunciation_language: Some("hi"),
        math_notation: Some(false),
        word_timestamps: Some(true),
        more: Some(true),
        flush: Some(false),
        max_buffer_flush_ms: Some(0),
        complete_backoff_ms: Some(200),
        session_id: Some("s"),
        request_id: Some("r"),
        context_id: Some("c"),
        cancel_request: Some(true),
    };
    let written: Value = serde_json::from_str(&full.to_json()).unwrap();
    assert_eq!(
        written,
        json!({
            "voice_id": "v", "text": "a \"b\" \n 🙂", "model": "lightning_v3.1", "language": "en", "sample_rate": 24000,
            "output_format": "pcm", "speed": 1.5, "consistency": 0.5, "similarity": 0.25, "enhancement": 1,
            "number_pronunciation_language": "hi", "math_notation": false, "word_timestamps": true, "continue": true,
            "flush": false, "max_buffer_flush_ms": 0, "complete_backoff_ms": 200, "session_id": "s", "request_id": "r",
            "context_id": "c", "cancel_request": true
        })
    );
}

#[test]
fn the_documented_messages_are_read() {
    let chunk = r#"{"session_id":"ws_1","request_id":"task_1","external_request_id":"r.1","status":"chunk","data":{"audio":"AQID"}}"#;
    assert_eq!(
        Incoming::parse(chunk),
        Ok(Incoming::Chunk { ids: ids("task_1", Some("r.1")), audio: Ok(vec![1, 2, 3]) })
    );
    let word = r#"{"request_id":"task_1","status":"word_timestamp","data":{"id":5,"word":"$100","start":1.12,"end":1.92}}"#;
    assert_eq!(
        Incoming::parse(word),
        Ok(Incoming::Word { ids: ids("task_1", None), text: "$100".into(), start: 1.12, end: 1.92 })
    );
    for complete in [
        r#"{"request_id":"task_1","status":"complete"}"#,
        r#"{"request_id":"task_1","status":"complete","message":"All chunks sent","done":true}"#,
    ] {
        assert_eq!(Incoming::parse(complete), Ok(Incoming::Complete { ids: ids("task_1", None) }));
    }
    assert_eq!(Incoming::parse(r#"{"type":"pong"}"#), Ok(Incoming::Pong));
}

#[test]
fn w74_every_error_shape_gives_its_message_and_code() {
    for (shape, message, code) in [
        (r#"{"status":"error","message":"m"}"#, "m", None),
        (r#"{"status":"error","error":{"message":"m","code":"C"}}"#, "m", Some("C")),
        (r#"{"status":"error","message":"failed","errors":[{"message":"m","code":"C"}]}"#, "m", Some("C")),
        (r#"{"request_id":"r","status":"error","error":{"message":"m"}}"#, "m", None),
        (r#"{"status":"error","message":"failed","errors":["m"]}"#, "m", None),
        (r#"{"error":"m"}"#, "m", None),
        (r#"{"type":"error","error_code":"C","message":"m"}"#, "m", Some("C")),
        (r#"{"error":[{"code":"custom","path":["voice_id"],"message":"m"}]}"#, "m", Some("custom")),
        (r#"{"status":"error","error":{"code":429}}"#, "no reason given", Some("429")),
        (r#"{"status":"error"}"#, "no reason given", None),
    ] {
        let Ok(Incoming::Error { failure, .. }) = Incoming::parse(shape) else { panic!("{shape}") };
        assert_eq!(failure, Failure { message: message.into(), code: code.map(Into::into) }, "{shape}");
    }
}

#[test]
fn codes_say_what_can_be_done() {
    for (code, category) in [
        (Some("401"), ErrorCategory::Unauthorized),
        (Some("429"), ErrorCategory::Overloaded),
        (Some("CONTENT_FILTER_BLOCKED"), ErrorCategory::Refused),
        (Some("something else"), ErrorCategory::Server),
        (None, ErrorCategory::Server),
    ] {
        let failure = Failure { message: "429 unauthorized".into(), code: code.map(Into::into) };
        assert_eq!(failure.category(), category);
    }
}

#[test]
fn a_servers_long_words_are_cut() {
    let text = format!(r#"{{"status":"error","message":"{}"}}"#, "é".repeat(5_000));
    let Ok(Incoming::Error { failure, .. }) = Incoming::parse(&text) else { panic!() };
    assert_eq!(failure.message.chars().count(), 300);
}

#[test]
fn w69_bad_base64_is_told_from_no_audio() {
    let audio = |data: &str| match Incoming::parse(&format!(r#"{{"status":"chunk","data":{data}}}"#)) {
        Ok(Incoming::Chunk { audio, .. }) => audio,
        other => panic!("{other:?}"),
    };
    assert_eq!(audio(r#"{"audio":"AQI="}"#), Ok(vec![1, 2]));
    assert_eq!(audio(r#"{"audio":"AQI"}"#), Ok(vec![1, 2]), "padding may be missing");
    assert_eq!(audio(r#"{"audio":""}"#), Ok(vec![]));
    assert_eq!(audio("{}"), Ok(vec![]));
    assert_eq!(audio("null"), Ok(vec![]));
    assert_eq!(audio(r#"{"audio":"A"}"#), Err(BadBase64));
    assert_eq!(audio(r#"{"audio":"!!!!"}"#), Err(BadBase64));
    assert_eq!(audio(r#"{"audio":7}"#), Err(BadBase64));
}

#[test]
fn w77_what_is_not_known_is_ignored_and_what_is_no_object_is_malformed() {
    for text in [
        r#"{"status":"queued"}"#,
        "{}",
        r#"{"status":7}"#,
        r#"{"status":"word_timestamp","data":{"word":7}}"#,
    ] {
        assert_eq!(Incoming::parse(text), Ok(Incoming::Unknown), "{text}");
    }
    for text in ["", "null", "[]", "7", "{", "\u{0}", r#"{"status":"chunk""#] {
        assert_eq!(Incoming::parse(text), Err(Malformed), "{text}");
    }
}

#[test]
fn debug_shows_no_text_and_no_audio() {
    let request = Request { voice_id: "v", text: Some("sesame"), ..Request::default() };
    let word = Incoming::Word { ids: Ids::default(), text: "sesame".into(), start: 0.0, end: 1.0 };
    assert!(!format!("{request:?} {word:?}").contains("sesame"));
}

#[test]
fn w65_tokens_are_what_the_service_takes() {
    assert!(is_token("00005eed.1.0") && is_token(&"x".repeat(128)));
    for text in ["", "a b", "a/b", "ä", "a\n"] {
        assert!(!is_token(text), "{text}");
    }
    assert!(!is_token(&"x".repeat(129)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_a_server_sends_is_a_panic(text in "\\PC{0,200}") {
        let _ = Incoming::parse(&text);
    }

    #[test]
    fn no_shape_of_json_is_a_panic(
        status in prop_oneof![Just("chunk"), Just("word_timestamp"), Just("complete"), Just("error"), Just("x")],
        data in json_value(),
        error in json_value(),
    ) {
        let text = json!({"status": status, "data": data, "error": error, "errors": error, "request_id": data}).to_string();
        prop_assert!(Incoming::parse(&text).is_ok());
    }

    #[test]
    fn w60_any_text_survives_the_wire(text in any::<String>()) {
        let written = Request { voice_id: "v", text: Some(&text), ..Request::default() }.to_json();
        let read: Value = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read["text"].as_str(), Some(text.as_str()));
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z=+/]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("audio|word|start|end|message|code", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
