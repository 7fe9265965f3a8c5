//! Streams as they come from servers, good and bad.

use super::*;

fn text(text: &str) -> LlmEvent {
    LlmEvent::Text(text.into())
}

fn call(id: &str, name: &str, arguments: &str) -> LlmEvent {
    LlmEvent::Call(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() })
}

/// Everything a stream of these events gives.
fn answer(events: &[&str]) -> Result<Vec<LlmEvent>, LlmError> {
    let mut assembler = Assembler::default();
    let mut told = Vec::new();
    for data in events {
        told.extend(assembler.handle_event("message", data)?);
    }
    told.extend(assembler.finish()?);
    Ok(told)
}

const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;

fn calls(deltas: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{deltas}]}}}}]}}"#)
}

#[test]
fn text_usage_and_the_end_are_read() {
    let told = answer(&[
        r#"{"id":"1","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"नम"}}],"usage":null}"#,
        r#"{"choices":[{"delta":{"content":"स्ते"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#,
        "[DONE]",
    ]);
    assert_eq!(told.unwrap(), [text("नम"), text("स्ते"), LlmEvent::Usage { prompt: 9, completion: 2 }]);
}

#[test]
fn what_is_unknown_or_of_the_wrong_type_is_ignored() {
    let told = answer(&[
        r#"{"choices":[{"index":"zero","delta":{"content":"a","audio":{}},"finish_reason":7}],"usage":"none"}"#,
        r#"{"choices":null}"#,
        r#"{"x_vendor":{"choices":[]}}"#,
        "[]",
        r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"b"},{"type":"image"}]}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"of another choice"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":null},"finish_reason":"some_new_reason"}]}"#,
    ]);
    assert_eq!(told.unwrap(), [text("a"), text("b")]);
}

#[test]
fn events_of_other_names_are_ignored_and_errors_are_not() {
    let mut assembler = Assembler::default();
    assert_eq!(assembler.handle_event("ping", "still here").unwrap(), []);
    assert_eq!(assembler.handle_event("ping", r#"{"type":"ping"}"#).unwrap(), []);
    let named = assembler.handle_event("error", r#"{"message":"out of memory"}"#);
    assert!(matches!(named, Err(LlmError::Server { message, .. }) if message == "out of memory"));
    assert!(matches!(assembler.handle_event("error", "oops"), Err(LlmError::Server { .. })));
    let inside = r#"{"error":{"message":"slow down","type":"tokens","code":"rate_limit_exceeded"}}"#;
    assert!(matches!(assembler.handle_event("message", inside), Err(LlmError::Overloaded { .. })));
    let numbered = r#"{"error":{"message":"no such model","code":404}}"#;
    let error = assembler.handle_event("message", numbered).unwrap_err();
    assert!(matches!(error, LlmError::Refused { status: Some(404), .. }));
}

#[test]
fn text_that_cannot_be_read_is_an_error_that_does_not_repeat_it() {
    let mut assembler = Assembler::default();
    for bad in [r#"{"choices":[{"delta":{"content":"secr"#, r#"{"choices":"secret"}"#] {
        let error = assembler.handle_event("message", bad).unwrap_err();
        assert!(matches!(error, LlmError::Protocol { .. }) && !error.to_string().contains("secr"), "{error}");
    }
}

#[test]
fn the_pieces_of_calls_are_joined_by_index() {
    let told = answer(&[
        &calls(r#"{"index":0,"id":"a","type":"function","function":{"name":"time_in","arguments":""}}"#),
        &calls(r#"{"index":1,"id":"b","function":{"name":"weather","arguments":"{\"ci"}}"#),
        &calls(
            r#"{"index":0,"function":{"arguments":"{\"city\":"}},{"index":1,"function":{"arguments":"ty\":1}"}}"#,
        ),
        &calls(r#"{"index":0,"function":{"arguments":"\"दिल्ली\"}"}}"#),
        FINISH,
        "[DONE]",
    ]);
    let mut told = told.unwrap();
    told.retain(|event| *event != LlmEvent::Progress);
    assert_eq!(told, [call("a", "time_in", r#"{"city":"दिल्ली"}"#), call("b", "weather", r#"{"city":1}"#)]);
}

#[test]
fn calls_without_indices_or_with_one_for_all_are_kept_apart() {
    let indexless = answer(&[
        &calls(r#"{"id":"a","function":{"name":"x","arguments":"{"}}"#),
        &calls(r#"{"function":{"arguments":"}"}}"#),
        &calls(r#"{"id":"b","function":{"name":"y","arguments":{"n":1}}}"#),
        FINISH,
    ]);
    let zeroes = answer(&[
        &calls(r#"{"index":0,"id":"a","function":{"name":"x","arguments":"{}"}}"#),
        &calls(r#"{"index":0,"id":"b","function":{"name":"y","arguments":"{\"n\":1}"}}"#),
        FINISH,
    ]);
    for told in [indexless, zeroes] {
        let mut told = told.unwrap();
        told.retain(|event| *event != LlmEvent::Progress);
        assert_eq!(told, [call("a", "x", "{}"), call("b", "y", r#"{"n":1}"#)]);
    }
}

#[test]
fn calls_without_ids_are_kept_apart_by_their_names() {
    let indexless = answer(&[
        &calls(r#"{"function":{"name":"x","arguments":"{\"n\""}}"#),
        &calls(r#"{"function":{"name":"x","arguments":":1}"}}"#),
        &calls(r#"{"function":{"name":"x","arguments":""}}"#),
        &calls(r#"{"function":{"name":"x","arguments":"{\"n\":2}"}}"#),
        FINISH,
    ]);
    let zeroes = answer(&[
        &calls(r#"{"index":0,"id":"","function":{"name":"x","arguments":{"n":1}}}"#),
        &calls(r#"{"index":0,"id":"","function":{"name":"x","arguments":{"n":2}}}"#),
        FINISH,
    ]);
    for told in [indexless, zeroes] {
        let mut told = told.unwrap();
        told.retain(|event| *event != LlmEvent::Progress);
        assert_eq!(told, [call("", "x", r#"{"n":1}"#), call("", "x", r#"{"n":2}"#)]);
    }
}

#[test]
fn r_39_a_call_without_an_end_marker_is_no_call() {
    let begun = calls(r#"{"index":0,"id":"a","function":{"name":"hang_up","arguments":"{}"}}"#);
    assert!(matches!(answer(&[&begun]), Err(LlmError::CutShort(None))));
    for cut in ["length", "content_filter"] {
        let finish = FINISH.replace("tool_calls", cut);
        assert!(matches!(answer(&[&begun, &finish]), Err(LlmError::Truncated { finish }) if finish == cut));
    }
    assert!(answer(&[&begun, "[DONE]"]).is_ok());
}

#[test]
fn a_call_without_a_name_is_an_error() {
    let nameless = calls(r#"{"index":0,"id":"a","function":{"arguments":"{}"}}"#);
    assert!(matches!(answer(&[&nameless, FINISH]), Err(LlmError::Protocol { .. })));
}

#[test]
fn thoughts_are_a_sign_of_life_and_nothing_more() {
    let told = answer(&[
        r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"delta":{"reasoning":"hm","content":""}}]}"#,
        r#"{"choices":[{"delta":{"refusal":"I cannot."}}]}"#,
    ]);
    assert_eq!(told.unwrap(), [LlmEvent::Progress, LlmEvent::Progress, text("I cannot.")]);
}

#[test]
fn an_answer_that_was_not_streamed_is_read_too() {
    let whole = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[
        {"id":"a","type":"function","function":{"name":"x","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let usage = LlmEvent::Usage { prompt: 1, completion: 2 };
    assert_eq!(answer(&[whole]).unwrap(), [text("hi"), usage, call("a", "x", "{}")]);
}
