//! The conversation's promises, by example and by property.

use std::time::Duration;

use proptest::prelude::*;
use voxline_core::frame::{BotSpeech, ChatMessage, ContextId, SpokenText, ToolCall, ToolOutcome, ToolResult};

use super::{Conversation, Limits, SavedConversation, Settled, SummaryConfig};

fn call(id: &str) -> ToolCall {
    ToolCall { id: id.into(), name: "time".into(), arguments: "{}".into() }
}

fn result(id: &str, outcome: ToolOutcome) -> ToolResult {
    ToolResult { call: call(id), outcome }
}

fn done(id: &str) -> ToolResult {
    result(id, ToolOutcome::Done("noon".into()))
}

fn say(conversation: &Conversation, context: u32, text: &str) {
    conversation.speak(&SpokenText { context: ContextId(context), text: text.into() });
    conversation.started(ContextId(context));
}

fn speech(context: u32, share: f64, interrupted: bool) -> BotSpeech {
    let length = Duration::from_secs(10);
    BotSpeech {
        played: length.mul_f64(share),
        received: length.as_nanos() as u64,
        complete: true,
        interrupted,
        ..BotSpeech::new(ContextId(context))
    }
}

/// A message a line, by its role's first letter.
fn lines(messages: &[ChatMessage]) -> Vec<String> {
    let line = |message: &ChatMessage| match message {
        ChatMessage::System { text } => format!("s {text}"),
        ChatMessage::User { text } => format!("u {text}"),
        ChatMessage::Assistant { text, calls } if calls.is_empty() => format!("a {text}"),
        ChatMessage::Assistant { calls, .. } => {
            format!("a calls {}", calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>().join(","))
        }
        ChatMessage::Tool { call, text } => format!("t {call}: {text}"),
        _ => "?".into(),
    };
    messages.iter().map(line).collect()
}

fn talk(conversation: &Conversation) -> Vec<String> {
    lines(&conversation.messages())
}

#[test]
fn a_call_that_runs_while_the_conversation_is_saved_or_replaced_is_no_result() {
    let conversation = Conversation::new("s");
    user(&conversation, "time?");
    conversation.calls(&[call("a")]);
    let loaded = Conversation::from(conversation.snapshot());
    assert_eq!(talk(&loaded).last().unwrap(), "t a: The result was lost.");
    conversation.replace(conversation.messages());
    assert_eq!(conversation.running_tools(), 1);
    assert_eq!(conversation.settle_call(&done("a")), Settled::All { worth: true, newest: true });
    assert_eq!(talk(&conversation).last().unwrap(), "t a: noon");
}

#[test]
fn news_that_nobody_has_answered_is_unanswered_and_instructions_are_not() {
    let conversation = Conversation::new("instructions");
    assert!(!conversation.is_unanswered());
    conversation.add(ChatMessage::Assistant { text: "hello".into(), calls: Vec::new() });
    assert!(!conversation.is_unanswered());
    conversation.add(ChatMessage::system("the user is silent"));
    assert!(conversation.is_unanswered());
}

#[test]
fn news_for_the_model_is_cut_away_and_instructions_are_not() {
    let conversation = Conversation::new("instructions");
    let limits = Limits { messages: Some(3), ..Limits::default() };
    for turn in 0..10 {
        user(&conversation, &format!("question {turn}"));
        conversation.add(ChatMessage::system(format!("news {turn}")));
        conversation.add(ChatMessage::Assistant { text: format!("answer {turn}"), calls: Vec::new() });
        conversation.trim(&limits);
    }
    assert_eq!(talk(&conversation), ["s instructions", "s news 9", "a answer 9"]);
}

fn user(conversation: &Conversation, text: &str) {
    conversation.add_user(text, &Limits::default());
}

#[test]
fn an_answer_is_in_it_once_its_playback_is_over_and_in_requests_before() {
    let conversation = Conversation::new("Be kind.");
    user(&conversation, "Hello?");
    say(&conversation, 1, "Hello there.");
    assert_eq!(talk(&conversation), ["s Be kind.", "u Hello?"]);
    assert_eq!(lines(&conversation.request().messages), ["s Be kind.", "u Hello?", "a Hello there."]);
    conversation.settle(&speech(1, 1.0, false));
    assert_eq!(talk(&conversation), ["s Be kind.", "u Hello?", "a Hello there."]);
}

#[test]
fn r_35_after_a_barge_in_it_holds_the_words_heard_and_a_note() {
    let conversation = Conversation::new("");
    conversation.lock().cut_note = "[cut]".into();
    user(&conversation, "Count.");
    say(&conversation, 1, "one two three four five six seven");
    let committed = conversation.settle(&speech(1, 0.4, true)).unwrap();
    assert!(committed.cut);
    assert_eq!(talk(&conversation), ["u Count.", "a one two three [cut]"]);
    assert_eq!(conversation.settle(&speech(1, 1.0, false)), None, "it is settled once");
    say(&conversation, 1, "eight");
    assert_eq!(talk(&conversation).len(), 2, "words of an answer that is over change nothing");
}

#[test]
fn an_answer_nobody_heard_leaves_nothing_and_the_users_words_join() {
    let conversation = Conversation::new("");
    user(&conversation, "I would like");
    conversation.speak(&SpokenText { context: ContextId(1), text: "Yes?".into() });
    conversation.interrupt();
    user(&conversation, "a coffee.");
    assert_eq!(talk(&conversation), ["u I would like a coffee."]);
    say(&conversation, 2, "Sure.");
    conversation.settle(&speech(2, 1.0, false));
    assert_eq!(talk(&conversation), ["u I would like a coffee.", "a Sure."]);
}

#[test]
fn what_was_heard_stands_before_what_the_user_said_next_however_late_it_is_known() {
    let conversation = Conversation::new("");
    say(&conversation, 1, "Welcome to the shop.");
    user(&conversation, "Hi.");
    conversation.settle(&speech(1, 1.0, false));
    assert_eq!(talk(&conversation), ["a Welcome to the shop.", "u Hi."]);
}

#[test]
fn b_123_a_call_has_a_placeholder_and_then_its_result_whatever_comes_between() {
    let conversation = Conversation::new("");
    conversation.calls(&[call("1"), call("2")]);
    assert_eq!(conversation.settle_call(&done("2")), Settled::Others);
    user(&conversation, "Still there?");
    let running = "t 1: The call is still running.";
    assert_eq!(talk(&conversation), ["a calls 1,2", running, "t 2: noon", "u Still there?"]);
    let all = Settled::All { worth: true, newest: true };
    assert_eq!(conversation.settle_call(&result("1", ToolOutcome::Failed)), all);
    assert_eq!(talk(&conversation)[1], "t 1: The tool failed.");
    assert!(talk(&conversation)[4].starts_with("s The call of "), "what comes late is told at the end");
}

#[test]
fn b_124_calls_of_one_answer_are_a_group_whatever_others_do() {
    let conversation = Conversation::new("");
    conversation.calls(&[call("1")]);
    conversation.calls(&[call("2"), call("3")]);
    assert_eq!(conversation.settle_call(&result("2", ToolOutcome::Cancelled)), Settled::Others);
    let newest = Settled::All { worth: false, newest: true };
    assert_eq!(conversation.settle_call(&result("3", ToolOutcome::Cancelled)), newest);
    assert_eq!(conversation.settle_call(&done("1")), Settled::All { worth: true, newest: false });
}

#[test]
fn r_38_a_call_is_settled_once_in_any_order() {
    let conversation = Conversation::new("");
    assert_eq!(conversation.settle_call(&done("1")), Settled::Unknown);
    assert_eq!(talk(&conversation), [""; 0]);
    conversation.calls(&[call("1")]);
    assert_eq!(talk(&conversation), ["a calls 1", "t 1: noon"]);
    assert_eq!(conversation.settle_call(&result("1", ToolOutcome::TimedOut)), Settled::Unknown);
    conversation.calls(&[call("1")]);
    assert_eq!(talk(&conversation), ["a calls 1", "t 1: noon"], "nor is it called twice");
}

#[test]
fn a_conversation_is_saved_and_loaded() {
    let conversation = Conversation::new("Be kind.");
    user(&conversation, "What time is it?");
    conversation.calls(&[call("1")]);
    conversation.settle_call(&done("1"));
    say(&conversation, 1, "Noon.");
    conversation.settle(&speech(1, 1.0, false));
    let json = serde_json::to_string(&conversation.snapshot()).unwrap();
    let saved: SavedConversation = serde_json::from_str(&json).unwrap();
    assert_eq!(Conversation::from(saved).messages(), conversation.messages());
}

#[test]
fn loaded_calls_without_results_are_lost_and_results_without_calls_are_left_out() {
    let orphan = ChatMessage::Tool { call: "0".into(), text: "what?".into() };
    let calls = ChatMessage::Assistant { text: String::new(), calls: vec![call("1")] };
    let conversation = Conversation::from(SavedConversation { messages: vec![orphan, calls] });
    assert_eq!(talk(&conversation), ["a calls 1", "t 1: The result was lost."]);
    assert_eq!(conversation.running_tools(), 0);
}

#[test]
fn b_115_messages_can_be_added_and_replaced() {
    let conversation = Conversation::new("Be kind.");
    conversation.add(ChatMessage::User { text: "Hi.".into() });
    say(&conversation, 1, "Hello.");
    conversation.replace([ChatMessage::System { text: "Be brief.".into() }]);
    conversation.settle(&speech(1, 1.0, false));
    assert_eq!(talk(&conversation), ["s Be brief.", "a Hello."]);
}

#[test]
fn b_129_a_summary_stands_where_the_old_messages_stood_and_a_stale_one_is_ignored() {
    let config = SummaryConfig { messages: 6, keep: 2, ..SummaryConfig::default() };
    let conversation = Conversation::new("Be kind.");
    for turn in 0..3 {
        user(&conversation, &format!("question {turn}"));
        conversation.add(ChatMessage::Assistant { text: format!("answer {turn}"), calls: vec![] });
    }
    let job = conversation.to_summarise(&config).unwrap();
    assert_eq!(lines(&job.messages), ["u question 0", "a answer 0", "u question 1", "a answer 1"]);
    user(&conversation, "meanwhile");
    assert!(conversation.summarised(&job, "They talked."));
    let expected = [
        "s Be kind.",
        "u Summary of the conversation so far: They talked.",
        "u question 2",
        "a answer 2",
        "u meanwhile",
    ];
    assert_eq!(talk(&conversation), expected);
    assert!(!conversation.summarised(&job, "Again."), "what it summarised is gone");
    assert!(conversation.to_summarise(&config).is_none());
}

#[test]
fn what_is_not_settled_is_not_summarised() {
    let config = SummaryConfig { messages: 1, keep: 1, ..SummaryConfig::default() };
    let conversation = Conversation::new("");
    user(&conversation, "a");
    conversation.add(ChatMessage::Assistant { text: "b".into(), calls: vec![] });
    conversation.calls(&[call("1")]);
    user(&conversation, "c");
    user(&conversation, "d");
    assert_eq!(lines(&conversation.to_summarise(&config).unwrap().messages), ["u a", "a b"]);
}

/// What may happen to a conversation.
#[derive(Clone, Debug)]
enum Act {
    User,
    Say(u32),
    Over(u32, f64),
    Interrupt,
    Calls(u8),
    Settle(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::User),
        (1..6_u32).prop_map(Act::Say),
        ((1..6_u32), 0.0..1.0_f64).prop_map(|(context, share)| Act::Over(context, share)),
        Just(Act::Interrupt),
        (0..6_u8).prop_map(Act::Calls),
        (0..6_u8).prop_map(Act::Settle),
    ]
}

/// Every call is followed by its results, and no result stands elsewhere.
fn is_well_formed(messages: &[ChatMessage]) -> bool {
    let mut owed: Vec<String> = Vec::new();
    for message in messages {
        match message {
            ChatMessage::Tool { call, .. } if owed.first() == Some(call) => {
                owed.remove(0);
            }
            _ if !owed.is_empty() => return false,
            ChatMessage::Tool { .. } => return false,
            ChatMessage::Assistant { calls, .. } => owed = calls.iter().map(|call| call.id.clone()).collect(),
            _ => {}
        }
    }
    owed.is_empty()
}

proptest! {
    #[test]
    fn calls_and_results_are_never_cut_apart(
        acts in proptest::collection::vec(act(), 0..60),
        messages in 1..12_usize,
        letters in 1..200_usize,
    ) {
        let limits = Limits { messages: Some(messages), letters: Some(letters) };
        let conversation = Conversation::new("system");
        for act in acts {
            match act {
                Act::User => { conversation.add_user("some words", &limits); }
                Act::Say(context) => say(&conversation, context, "an answer of words"),
                Act::Over(context, share) => { conversation.settle(&speech(context, share, share < 0.5)); }
                Act::Interrupt => conversation.interrupt(),
                Act::Calls(id) => conversation.calls(&[call(&id.to_string()), call(&format!("{id}b"))]),
                Act::Settle(id) => { conversation.settle_call(&done(&id.to_string())); }
            }
            conversation.trim(&limits);
            let request = conversation.request().messages;
            prop_assert!(is_well_formed(&request), "{:?}", lines(&request));
            prop_assert!(is_well_formed(&conversation.messages()));
            prop_assert_eq!(&lines(&request)[0], "s system");
        }
    }
}

#[test]
fn trimming_stops_at_the_limit_and_keeps_the_newest() {
    let limits = Limits { messages: Some(4), letters: None };
    let conversation = Conversation::new("system");
    for turn in 0..10 {
        conversation.add_user(&format!("question {turn}"), &limits);
        conversation.add(ChatMessage::Assistant { text: format!("answer {turn}"), calls: vec![] });
        conversation.trim(&limits);
    }
    assert_eq!(talk(&conversation), ["s system", "a answer 8", "u question 9", "a answer 9"]);
}
