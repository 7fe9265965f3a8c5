//! Markers of completeness on a whole line: what the model judges, what is spoken, and who is waited for.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use support::{Line, line, ms, takes};
use voxline_core::{
    error::ServiceError,
    frame::{Frame, FrameKind, LlmRequest, Payload, SettingsAnswer, ToolCall, ToolSpec, UpdateId},
    service::{LlmDelta, LlmEvent, LlmOutput, LlmProfile, LlmService, ServiceName, Tool, ToolError, Tools},
};
use voxline_testkit::{Harness, conformance};
use voxline_turns::{Completeness, Conversation, MarkerConfig, TurnConfig};

/// A model that says this, one answer after the other, a letter at a time; `!` stands for a call of the tool `time`.
#[derive(Clone, Debug)]
struct Says {
    answers: Arc<Mutex<Vec<&'static str>>>,
    asked: Arc<Mutex<Vec<LlmRequest>>>,
}

impl Says {
    fn new(answers: &[&'static str]) -> Self {
        let answers = Arc::new(Mutex::new(answers.iter().rev().copied().collect()));
        Self { answers, asked: Arc::default() }
    }

    /// The newest request, a message a line.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().last().unwrap().messages.iter().map(line).collect()
    }
}

#[async_trait]
impl LlmService for Says {
    fn name(&self) -> ServiceName {
        "says".into()
    }

    fn profile(&self) -> LlmProfile {
        LlmProfile { first_token_deadline: Duration::MAX, stall_deadline: Duration::MAX }
    }

    async fn respond(&self, request: LlmRequest, output: LlmOutput) -> Result<(), ServiceError> {
        self.asked.lock().unwrap().push(request);
        takes(ms(100)).await;
        let answer = self.answers.lock().unwrap().pop().unwrap_or("✓ What?");
        for letter in answer.chars() {
            output
                .send(match letter {
                    '!' => LlmEvent::Call(ToolCall {
                        id: "1".into(),
                        name: "time".into(),
                        arguments: "{}".into(),
                    }),
                    letter => LlmEvent::Text(letter.into()),
                })
                .await;
        }
        Ok(())
    }

    fn update(&self, update: UpdateId, _: &LlmDelta) -> SettingsAnswer {
        SettingsAnswer {
            update,
            service: "says".into(),
            changed: vec![],
            rejected: vec![],
            warnings: vec![],
            reconnected: false,
        }
    }
}

struct Time;

#[async_trait]
impl Tool for Time {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "time".into(), description: "The time.".into(), parameters: "{}".into() }
    }

    async fn call(&self, _: ToolCall) -> Result<String, ToolError> {
        Ok("noon".into())
    }
}

fn marked(answers: &[&'static str]) -> (Line, Says) {
    let says = Says::new(answers);
    let model = says.clone().with_tools(Tools::new().with(Time));
    let line = Line::between(TurnConfig::default(), false, |conversation, user| {
        user.then(model).then(conversation.markers(MarkerConfig::default()))
    });
    (line, says)
}

/// What the model said of the user's turns.
fn judged(line: &Line) -> Vec<Completeness> {
    let log = line.harness.log();
    let down = log.down().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Custom(custom) => custom.downcast_ref().copied(),
        _ => None,
    });
    down.collect()
}

conformance!(the_markers, || Conversation::new("").markers(MarkerConfig::default()));

#[test]
fn b_127_b_130_a_marker_that_says_complete_is_neither_spoken_nor_kept_and_the_answer_is() {
    let (mut line, says) = marked(&["✓ Good day.", " ✓Again."]);
    line.say("hello");
    line.harness.advance(Duration::from_secs(3));
    line.say("hello again");
    line.harness.advance(Duration::from_secs(3));
    let expected = ["user: hello", "assistant: Good day.", "user: hello again", "assistant: Again."];
    assert_eq!(line.talk(), expected);
    assert_eq!(judged(&line), [Completeness::Complete; 2]);
    assert_eq!(says.asked()[2], "assistant: ✓ Good day.", "the model sees how it began");
    let written = line.harness.log().to_string();
    assert!(!written.contains("TtsText \"✓"), "{written}");
}

/// What comes out of an answer in these pieces.
fn spoken(pieces: &[&str]) -> String {
    let mut harness = Harness::new(Conversation::new("").markers(MarkerConfig::default()));
    harness.queue(Payload::ResponseStarted);
    for piece in pieces {
        harness.queue(Frame::text(*piece));
    }
    harness.queue(Payload::ResponseEnded);
    harness.queue(Frame::text("Outside of answers nothing is cut: ✓."));
    harness.finish().texts().concat()
}

#[test]
fn b_127_however_an_answer_is_cut_into_pieces_its_marker_goes_and_the_rest_stays() {
    let outside = "Outside of answers nothing is cut: ✓.";
    for (answer, rest) in [
        ("  ✓ Good ✓ day.", "Good ✓ day."),
        ("✓", ""),
        (" ○ Good day.", ""),
        ("◐", ""),
        ("Good ○ day.", "Good ○ day."),
        (" ", ""),
    ] {
        for (at, _) in answer.char_indices() {
            let (one, other) = answer.split_at(at);
            assert_eq!(spoken(&[one, other]), format!("{rest}{outside}"), "{one:?} + {other:?}");
        }
    }
}

#[test]
fn b_130_who_breaks_off_is_waited_for_and_what_comes_joins_the_words_before() {
    let (mut line, says) = marked(&["○ I would have said this.", "✓ A table for two."]);
    line.say("I want to book");
    line.harness.advance(ms(4_900));
    assert_eq!(
        line.talk(),
        ["user: I want to book"],
        "nothing is said, and nothing is kept of the judgement"
    );
    line.say("a table for two");
    line.harness.advance(Duration::from_secs(20));
    assert_eq!(line.talk(), ["user: I want to book a table for two", "assistant: A table for two."]);
    assert_eq!(judged(&line), [Completeness::Short, Completeness::Complete]);
    assert_eq!(says.asked().last().unwrap(), "user: I want to book a table for two");
}

#[test]
fn b_130_after_a_short_or_a_long_wait_the_model_is_asked_again_once() {
    for (marker, wait) in [("○", 5_000), ("◐", 10_000)] {
        let (mut line, says) = marked(&[marker, "○ Take your time."]);
        line.say("let me see");
        line.harness.advance(ms(100 + wait - 1));
        let asked = || says.asked.lock().unwrap().len();
        assert_eq!(asked(), 1, "{marker}");
        line.harness.advance(ms(1));
        assert_eq!(asked(), 2, "{marker}");
        assert!(says.asked().last().unwrap().starts_with("system: The user has said nothing more."));
        line.harness.advance(Duration::from_secs(30));
        assert_eq!(asked(), 2, "asked again once, then whatever it says is spoken");
        assert_eq!(line.talk().last().unwrap(), "assistant: Take your time.");
    }
}

#[test]
fn b_130_a_voice_ends_the_wait_and_begins_it_anew_if_it_said_nothing() {
    let (mut line, says) = marked(&["○", "✓ Well?"]);
    line.say("let me see");
    line.harness.advance(ms(4_000));
    line.speak();
    line.harness.advance(ms(3_000));
    line.hush();
    line.confirm("");
    line.harness.advance(ms(4_999));
    assert_eq!(says.asked.lock().unwrap().len(), 1);
    line.harness.advance(ms(2));
    assert_eq!(says.asked.lock().unwrap().len(), 2);
    // So does an interruption by the application, for good.
    let (mut line, says) = marked(&["○"]);
    line.say("let me see");
    line.harness.advance(ms(4_000));
    line.harness.interrupt();
    line.harness.advance(Duration::from_secs(30));
    assert_eq!(says.asked.lock().unwrap().len(), 1);
}

#[test]
fn b_130_a_call_counts_as_complete_and_a_missing_marker_costs_nothing() {
    let (mut line, says) = marked(&["○!", "It is noon."]);
    line.say("what time is it");
    line.harness.advance(Duration::from_secs(30));
    assert_eq!(line.talk().last().unwrap(), "assistant: It is noon.");
    assert_eq!(says.asked.lock().unwrap().len(), 2);
    assert_eq!(line.harness.log().count(FrameKind::ToolSettled), 1);
}

#[test]
fn b_113_instructions_are_composed_and_survive_changes() {
    let (mut line, says) = marked(&["✓ One.", "✓ Two.", "✓ Three."]);
    let told = MarkerConfig::default().instructions;
    let first = |line: &mut Line| {
        line.say("next");
        line.harness.advance(Duration::from_secs(3));
        says.asked()[0].clone()
    };
    assert_eq!(first(&mut line), format!("system: Be kind.\n\n{told}"));
    line.conversation.set_instructions("Be brief.");
    assert_eq!(first(&mut line), format!("system: Be brief.\n\n{told}"));
    assert_eq!(line.talk()[..2], ["user: next", "assistant: One."]);
    line.conversation.set_instructions("");
    assert_eq!(first(&mut line), format!("system: {told}"));
    let saved = line.conversation.snapshot().messages;
    assert!(!saved.iter().any(|message| support::line(message).contains('✓')), "what is saved is clean");
}
