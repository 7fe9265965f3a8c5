//! The scripted model, through its stage: which line it answers with, how fast, and what it calls.

use std::time::Duration;

use voxline_core::{
    frame::{ChatMessage, Frame, FrameKind, LlmRequest, Payload, ToolCall},
    service::LlmDelta,
};
use voxline_llm::{Reply, ScriptedLlm};
use voxline_testkit::Harness;

fn script() -> ScriptedLlm {
    ScriptedLlm::new()
        .opening("Hello!")
        .when("TIME", Reply::call("time_in", serde_json::json!({"city": "Delhi"})))
        .when("समय", "अभी।")
        .after("time_in", "It is {result} there.")
}

fn said(llm: ScriptedLlm, messages: Vec<ChatMessage>) -> String {
    let mut harness = Harness::new(llm);
    harness.queue(Payload::LlmRequest(Box::new(LlmRequest::new(messages))));
    harness.finish().texts().concat()
}

#[test]
fn the_last_words_choose_the_line() {
    assert_eq!(said(script(), vec![ChatMessage::system("Be kind.")]), "Hello!");
    assert_eq!(said(script(), vec![ChatMessage::user("समय क्या है?")]), "अभी।");
    let after = said(script(), vec![ChatMessage::user("समय?"), ChatMessage::assistant("अभी।")]);
    assert_eq!(after, "अभी।");
}

#[test]
fn without_a_line_it_says_what_it_is() {
    assert!(said(script(), vec![ChatMessage::user("hm")]).contains("script"));
}

#[test]
fn a_tools_result_is_woven_into_the_answer() {
    let call = ToolCall { id: "7".into(), name: "time_in".into(), arguments: "{}".into() };
    let messages = vec![
        ChatMessage::user("What time is it?"),
        ChatMessage::Assistant { text: String::new(), calls: vec![call] },
        ChatMessage::Tool { call: "7".into(), text: "16:30".into() },
    ];
    assert_eq!(said(script(), messages), "It is 16:30 there.");
}

#[test]
fn words_come_at_their_pace() {
    let llm = ScriptedLlm::new()
        .otherwise("one two three")
        .with_first_delay(Duration::from_millis(200))
        .with_word_delay(Duration::from_millis(50));
    let mut harness = Harness::new(llm);
    harness.queue(Payload::LlmRequest(Box::new(LlmRequest::new(vec![ChatMessage::user("?")]))));
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(harness.log().texts().concat());
        harness.advance(Duration::from_millis(if heard.len() == 1 { 200 } else { 50 }));
    }
    assert_eq!(heard, ["", "one ", "one two ", "one two three"]);
}

#[test]
fn a_script_has_no_settings() {
    let mut harness = Harness::new(script());
    let delta = LlmDelta { temperature: 0.5.into(), ..LlmDelta::default() };
    harness.queue(Frame::llm_settings(delta));
    let log = harness.finish();
    let answer = log.frames().find(|frame| frame.kind() == FrameKind::SettingsAnswered).unwrap();
    let Payload::SettingsAnswered(answer) = &answer.payload else { unreachable!() };
    assert_eq!(answer.rejected[0].field, "temperature");
}
