//! Whatever clients send: no panic, no endless work, and the rules hold.
//!
//! Random steps for both directions and random text for every parser; a failure prints the smallest
//! input that shows it.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::Value;
use voxline_waves_sim::config::{SttOptions, TtsOptions};
use voxline_waves_sim::{
    Endpoint, Fault, Output, Script, ScriptPosition, SttQuery, SttState, TtsQuery, TtsState,
};

#[derive(Clone, Debug)]
enum Step {
    Audio(Vec<u8>),
    Loud(u16),
    Quiet(u16),
    Text(String),
    Later(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let control = prop::sample::select(vec![
        r#"{"type":"finalize"}"#,
        r#"{"type":"close_stream"}"#,
        r#"{"type":"keepalive"}"#,
        r#"{"type":7}"#,
        "[",
        "",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2_000).prop_map(Step::Audio),
        (0..3_000_u16).prop_map(Step::Loud),
        (0..3_000_u16).prop_map(Step::Quiet),
        control.prop_map(|text| Step::Text(text.to_owned())),
        ".{0,40}".prop_map(Step::Text),
        any::<u16>().prop_map(Step::Later),
    ]
}

fn request() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec![
        r#""continue":true"#,
        r#""continue":false"#,
        r#""flush":true"#,
        r#""context_id":"c""#,
        r#""context_close":true"#,
        r#""cancel_request":true"#,
        r#""speed":2"#,
        r#""sample_rate":8000"#,
        r#""output_format":"wav""#,
        r#""word_timestamps":true"#,
        r#""complete_backoff_ms":0"#,
        r#""max_buffer_flush_ms":10"#,
        r#""text":null"#,
        r#""voice_id":3"#,
        r#""type":"ping""#,
    ]);
    let speak = (".{0,20}", prop::collection::vec(field, 0..4)).prop_map(|(text, fields)| {
        let text = Value::from(text);
        let more: String = fields.iter().map(|field| format!(",{field}")).collect();
        format!(r#"{{"voice_id":"v","text":{text}{more}}}"#)
    });
    prop_oneof![4 => speak, 1 => ".{0,40}"]
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_transcriber_takes_anything_and_is_silent_after_the_last(
        steps in prop::collection::vec(step(), 0..24),
        endpoint in 0..3_usize,
        encoding in prop::sample::select(vec!["linear16", "linear32", "alaw", "mulaw", "opus"]),
    ) {
        let pairs = [("model", "pulse"), ("encoding", encoding), ("sample_rate", "8000"), ("vad_events", "true")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let query = SttQuery::parse(Endpoint::ALL[endpoint], &pairs, false, 10).unwrap();
        let script = Arc::new(Script::of(["one two three", "four"]));
        let mut state = SttState::new(query, SttOptions::default(), script, ScriptPosition(0), "s");
        let mut now = Duration::ZERO;
        let (mut last, mut closed, mut finals) = (false, false, 0);
        for step in steps {
            match step {
                Step::Audio(bytes) => state.handle_audio(now, &bytes),
                Step::Loud(count) => state.handle_audio(now, &[0x00, 0x20, 0x00, 0xE0].repeat(count.into())),
                Step::Quiet(count) => state.handle_audio(now, &vec![0; 8 * usize::from(count)]),
                Step::Text(text) => state.handle_control(now, &text),
                Step::Later(ms) => {
                    now += Duration::from_millis(ms.into());
                    state.handle_time(now);
                }
            }
            while let Some(output) = state.poll() {
                prop_assert!(!closed, "nothing follows a close");
                match output {
                    Output::Close { .. } => closed = true,
                    Output::Send(reply) => {
                        prop_assert!(!last, "nothing follows the last");
                        let json = json(&reply.text);
                        last = json["is_last"] == true;
                        finals += u32::from(json["is_final"] == true);
                    }
                }
            }
            prop_assert!(finals < 2_000);
        }
    }

    #[test]
    fn a_speaker_takes_anything_and_comes_to_rest(requests in prop::collection::vec(request(), 0..12)) {
        for endpoint in [Endpoint::TtsLive, Endpoint::LightningV31, Endpoint::LightningV2] {
            let query = TtsQuery::parse(endpoint, &[], false).unwrap();
            let mut state = TtsState::new(query, TtsOptions::default(), 7);
            let mut now = Duration::ZERO;
            let (mut chunks, mut completes, mut closed) = (0, 0, false);
            let mut drain = |state: &mut TtsState| {
                while let Some(output) = state.poll() {
                    assert!(!closed, "nothing follows a close");
                    match output {
                        Output::Close { .. } => closed = true,
                        Output::Send(reply) => {
                            let status = json(&reply.text)["status"].clone();
                            chunks += u32::from(status == "chunk");
                            completes += u32::from(status == "complete");
                        }
                    }
                }
            };
            for request in &requests {
                state.handle_request(now, request);
                drain(&mut state);
            }
            for _ in 0..100_000 {
                let Some(wake) = state.poll_wake() else { break };
                prop_assert!(wake >= now || now == Duration::ZERO, "time does not stand still");
                now = now.max(wake);
                state.handle_time(now);
                drain(&mut state);
            }
            prop_assert_eq!(state.poll_wake(), None, "idle in the end, and closed");
            prop_assert!(closed && (chunks == 0) == (completes == 0), "{} {}", chunks, completes);
        }
    }

    #[test]
    fn no_text_breaks_a_parser(text in ".{0,60}") {
        let _ = text.parse::<Fault>();
        let _ = Script::parse(&text);
        let _ = Script::parse(&format!("{{\"utterances\":[{text}]}}"));
    }
}
