//! Tools in a conversation: results that come at once, late, over the user, or never.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::time::Duration;

use async_trait::async_trait;
use support::{Echo, Line, ms, takes};
use voxline_core::{
    frame::{Change, Frame, FrameKind, ToolCall, ToolSpec},
    service::{AtInterruption, LlmDelta, LlmService, Tool, ToolError, ToolPolicy, Tools},
};
use voxline_turns::{DuringTools, TurnConfig};

/// A tool that takes two seconds.
struct Time(ToolPolicy);

#[async_trait]
impl Tool for Time {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "time".into(), description: "The time.".into(), parameters: "{}".into() }
    }

    fn policy(&self) -> ToolPolicy {
        self.0
    }

    async fn call(&self, _: ToolCall) -> Result<String, ToolError> {
        takes(Duration::from_secs(2)).await;
        Ok("noon".into())
    }
}

fn with_policy(config: TurnConfig, policy: ToolPolicy) -> Line {
    let tools = Tools::new().with(Time(policy));
    Line::with(config, Echo { thinks: ms(300) }.with_tools(tools), false)
}

fn with_time(config: TurnConfig) -> Line {
    with_policy(config, ToolPolicy::default())
}

/// A call that goes on when the user speaks.
fn detached() -> Line {
    let policy = ToolPolicy { at_interruption: AtInterruption::GoOn, ..ToolPolicy::default() };
    with_policy(TurnConfig::default(), policy)
}

#[test]
fn b_123_a_tools_result_is_kept_and_answered() {
    let mut line = with_time(TurnConfig::default());
    line.say("what time is it");
    line.harness.advance(ms(1000));
    assert_eq!(line.talk()[1..], ["assistant calls time", "tool: The call is still running."]);
    line.harness.advance(Duration::from_secs(5));
    assert_eq!(line.talk()[1..], ["assistant calls time", "tool: noon", "assistant: It is noon."]);
}

#[test]
fn r_38_a_call_whose_id_was_there_before_is_another_call() {
    let mut line = with_time(TurnConfig::default());
    for _ in 0..2 {
        line.say("what time is it");
        line.harness.advance(Duration::from_secs(8));
    }
    let turn = ["user: what time is it", "assistant calls time", "tool: noon", "assistant: It is noon."];
    assert_eq!(line.talk(), [turn, turn].concat(), "the model of this test names every call alike");
}

#[test]
fn b_124_a_cancelled_tool_is_not_answered_by_itself() {
    let mut line = with_time(TurnConfig::default());
    line.say("what time is it");
    line.harness.advance(ms(1000));
    line.say("never mind");
    line.harness.advance(Duration::from_secs(10));
    let expected = [
        "user: what time is it",
        "assistant calls time",
        "tool: The call was cancelled.",
        "user: never mind",
        "assistant: echo: never mind",
    ];
    assert_eq!(line.talk(), expected);
}

#[test]
fn b_145_the_user_is_muted_while_tools_run() {
    let mut line = with_time(TurnConfig { mute: vec![Box::new(DuringTools)], ..TurnConfig::default() });
    line.say("what time is it");
    line.harness.advance(ms(800));
    line.say("never mind");
    line.harness.advance(Duration::from_secs(5));
    assert_eq!(line.talk().last().unwrap(), "assistant: It is noon.");
}

#[test]
fn b_124_a_result_that_comes_while_the_user_has_the_floor_waits_for_the_turn() {
    let mut line = detached();
    line.say("what time is it");
    line.harness.advance(ms(1_500));
    line.speak();
    line.guess("no hurry");
    line.harness.advance(ms(2_000));
    let log = line.harness.log();
    assert_eq!((log.count(FrameKind::ToolSettled), log.count(FrameKind::ResponseStarted)), (1, 1));
    line.hush();
    line.confirm("no hurry");
    line.harness.advance(Duration::from_secs(5));
    let expected = [
        "user: what time is it",
        "assistant calls time",
        "tool: noon",
        "user: no hurry",
        "assistant: echo: no hurry",
    ];
    assert_eq!(line.talk(), expected);
    assert_eq!(line.harness.log().count(FrameKind::ResponseStarted), 2, "one answer for both");
}

#[test]
fn a_voice_without_words_that_interrupts_an_unheard_answer_does_not_cost_it() {
    let mut line = detached();
    line.say("what time is it");
    line.harness.advance(ms(1_500));
    line.speak();
    // Long enough to count as an interruption by its voice alone.
    line.harness.advance(ms(2_000));
    line.hush();
    line.confirm("");
    line.harness.advance(Duration::from_secs(5));
    assert_eq!(line.talk()[1..], ["assistant calls time", "tool: noon", "assistant: It is noon."]);
}

#[test]
fn b_123_a_detached_result_that_comes_late_is_told_by_itself_once_nobody_speaks() {
    let mut line = detached();
    line.say("what time is it");
    line.harness.advance(ms(350));
    line.speak();
    line.guess("thanks");
    line.hush();
    line.confirm("thanks");
    // Thought, then twelve letters: the result comes over the answer to "thanks".
    line.harness.advance(ms(300 + 50));
    assert_eq!(line.harness.log().count(FrameKind::ToolSettled), 0);
    line.harness.advance(Duration::from_secs(10));
    let talk = line.talk();
    assert_eq!(talk[..4], ["user: what time is it", "assistant calls time", "tool: noon", "user: thanks"]);
    let spoken: Vec<_> = talk[4..].iter().filter(|line| line.starts_with("assistant")).collect();
    assert_eq!(spoken, ["assistant: echo: thanks", "assistant: By the way, it is noon."]);
    assert_eq!(line.harness.log().count(FrameKind::ResponseStarted), 3);
}

/// A tool of this name, which does nothing.
struct Named(&'static str);

#[async_trait]
impl Tool for Named {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: self.0.into(), description: "".into(), parameters: "{}".into() }
    }

    async fn call(&self, _: ToolCall) -> Result<String, ToolError> {
        Ok(String::new())
    }
}

fn named(names: &[&'static str]) -> Tools {
    names.iter().fold(Tools::new(), |tools, name| tools.with(Named(name)))
}

#[test]
fn b_128_a_message_tells_once_which_tools_came_and_went() {
    for tell_tools in [true, false] {
        let config = TurnConfig { tell_tools, ..TurnConfig::default() };
        let model = Echo { thinks: ms(300) }.with_tools(named(&["old", "kept"]));
        let mut line = Line::with(config, model, false);
        for _ in 0..2 {
            let tools = Change::Set(named(&["zebra", "kept", "ape"]));
            line.harness.queue(Frame::llm_settings(LlmDelta { tools, ..LlmDelta::default() }));
        }
        let told = ["system: You can now also call: ape, zebra. You can no longer call: old."];
        assert_eq!(line.talk(), if tell_tools { &told[..] } else { &[] });
        // Tools of the requests are told of in the same way.
        let before = line.talk().len();
        let spec = Named("asked").spec();
        line.conversation.set_tools([spec.clone()]);
        line.conversation.set_tools([spec]);
        let news = line.talk().split_off(before);
        assert_eq!(news, if tell_tools { vec!["system: You can now also call: asked."] } else { vec![] });
    }
}
