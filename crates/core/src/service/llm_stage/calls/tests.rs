//! Calls under every order of events, R-37 and R-38.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use proptest::prelude::*;

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

fn call(id: &str) -> ToolCall {
    ToolCall { id: id.into(), name: "tool".into(), arguments: "{}".into() }
}

fn policy(at_interruption: AtInterruption) -> ToolPolicy {
    ToolPolicy { deadline: DEADLINE, at_interruption }
}

fn actions(calls: &mut Calls) -> Vec<Action> {
    std::iter::from_fn(|| calls.poll_action()).collect()
}

fn settled(id: &str, outcome: ToolOutcome) -> Action {
    Action::Settle(ToolResult { call: call(id), outcome })
}

fn done() -> ToolOutcome {
    ToolOutcome::Done("42".into())
}

#[test]
fn ids_of_the_conversation_are_taken() {
    let earlier = |id: &str| ChatMessage::Assistant { text: String::new(), calls: vec![call(id)] };
    let asked = [ChatMessage::user("again"), earlier("a"), earlier("call_2")];
    let named = Calls::default().name_apart(vec![call("a"), call(""), call("b")], &asked);
    let ids: Vec<_> = named.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["a_2", "call_3", "b"]);
}

#[test]
fn parallel_calls_start_at_once_and_settle_as_they_end() {
    let (now, mut calls) = (Instant::now(), Calls::default());
    let both = vec![(call("a"), ToolPolicy::default()), (call("b"), ToolPolicy::default())];
    calls.begin(now, both, ToolOrder::Parallel);
    let (a, b) = (CallKey(0), CallKey(1));
    assert_eq!(actions(&mut calls), [Action::Start(a, call("a")), Action::Start(b, call("b"))]);
    calls.handle_outcome(now, b, done());
    calls.handle_outcome(now, a, ToolOutcome::Failed);
    assert_eq!(actions(&mut calls), [settled("b", done()), settled("a", ToolOutcome::Failed)]);
    assert!(calls.is_empty() && calls.poll_timeout().is_none());
}

#[test]
fn sequential_calls_wait_for_the_one_before_and_survive_its_deadline() {
    let (now, mut calls) = (Instant::now(), Calls::default());
    let both = vec![(call("a"), ToolPolicy::default()), (call("b"), ToolPolicy::default())];
    calls.begin(now, both, ToolOrder::Sequential);
    assert_eq!(actions(&mut calls), [Action::Start(CallKey(0), call("a"))]);
    let due = calls.poll_timeout().unwrap();
    assert_eq!(due, now + DEADLINE);
    assert_eq!(calls.handle_timeout(due), [(call("a"), ToolPolicy::default())]);
    let expected =
        [Action::Stop(CallKey(0)), settled("a", ToolOutcome::TimedOut), Action::Start(CallKey(1), call("b"))];
    assert_eq!(actions(&mut calls), expected);
}

#[test]
fn an_interruption_cancels_what_may_be_cancelled_and_starts_nothing_of_it() {
    let (now, mut calls) = (Instant::now(), Calls::default());
    let cancel = policy(AtInterruption::Cancel);
    let row = vec![(call("a"), cancel), (call("b"), cancel), (call("c"), policy(AtInterruption::GoOn))];
    calls.begin(now, row, ToolOrder::Sequential);
    actions(&mut calls);
    calls.handle_interrupt(now);
    let expected = [
        Action::Stop(CallKey(0)),
        settled("a", ToolOutcome::Cancelled),
        settled("b", ToolOutcome::Cancelled),
        Action::Start(CallKey(2), call("c")),
    ];
    assert_eq!(actions(&mut calls), expected);
}

#[test]
fn an_outcome_after_the_settling_changes_nothing() {
    let (now, mut calls) = (Instant::now(), Calls::default());
    calls.begin(now, vec![(call("a"), ToolPolicy::default())], ToolOrder::Parallel);
    calls.handle_interrupt(now);
    actions(&mut calls);
    calls.handle_outcome(now, CallKey(0), done());
    calls.handle_timeout(now + DEADLINE);
    calls.handle_end(now);
    assert_eq!(actions(&mut calls), []);
}

#[derive(Clone, Debug)]
enum Input {
    Begin { detached: Vec<bool>, sequential: bool },
    Outcome { of: usize },
    Pass { seconds: u64 },
    Interrupt,
    End,
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let input = prop_oneof![
        (prop::collection::vec(any::<bool>(), 1..4), any::<bool>())
            .prop_map(|(detached, sequential)| Input::Begin { detached, sequential }),
        (0..12_usize).prop_map(|of| Input::Outcome { of }),
        (0..12_u64).prop_map(|seconds| Input::Pass { seconds }),
        Just(Input::Interrupt),
        Just(Input::End),
    ];
    prop::collection::vec(input, 0..40)
}

/// What the stage would have seen so far.
#[derive(Default)]
struct Seen {
    detached: HashMap<String, bool>,
    sequence_of: HashMap<String, Option<usize>>,
    started: HashSet<String>,
    settled: HashSet<String>,
    interrupted: HashSet<String>,
}

impl Seen {
    fn take(&mut self, calls: &mut Calls) {
        while let Some(action) = calls.poll_action() {
            match action {
                Action::Start(_, call) => {
                    assert!(self.started.insert(call.id.clone()), "{} was started twice", call.id);
                    assert!(!self.settled.contains(&call.id), "{} was started after it settled", call.id);
                    assert!(!self.interrupted.contains(&call.id), "{} of a discarded answer", call.id);
                    let sequence = self.sequence_of[&call.id];
                    let running = self.started.difference(&self.settled);
                    let beside = running.filter(|id| **id != call.id && self.sequence_of[*id] == sequence);
                    assert!(sequence.is_none() || beside.count() == 0, "{} runs beside another", call.id);
                }
                Action::Stop(key) => assert!(self.started.contains(&key.0.to_string())),
                Action::Settle(result) => {
                    let id = result.call.id;
                    assert!(self.settled.insert(id.clone()), "{id} was settled twice");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn r_37_r_38_each_call_settles_exactly_once_in_any_order_of_events(inputs in inputs()) {
        let mut now = Instant::now();
        let (mut calls, mut seen, mut next) = (Calls::default(), Seen::default(), 0_usize);
        for (step, input) in inputs.into_iter().enumerate() {
            match input {
                Input::Begin { detached, sequential } => {
                    let order = if sequential { ToolOrder::Sequential } else { ToolOrder::Parallel };
                    let mut row = Vec::new();
                    for detached in detached {
                        let id = next.to_string();
                        next += 1;
                        seen.detached.insert(id.clone(), detached);
                        seen.sequence_of.insert(id.clone(), sequential.then_some(step));
                        let at = if detached { AtInterruption::GoOn } else { AtInterruption::Cancel };
                        row.push((call(&id), policy(at)));
                    }
                    calls.begin(now, row, order);
                }
                Input::Outcome { of } => calls.handle_outcome(now, CallKey(of as u64), done()),
                Input::Pass { seconds } => {
                    now += Duration::from_secs(seconds);
                    calls.handle_timeout(now);
                }
                Input::Interrupt => {
                    let waiting = seen.detached.iter().filter(|&(_, detached)| !detached);
                    seen.interrupted.extend(waiting.map(|(id, _)| id.clone()));
                    calls.handle_interrupt(now);
                }
                Input::End => calls.handle_end(now),
            }
            seen.take(&mut calls);
        }
        // Time alone settles what is left: no call waits for ever.
        while let Some(due) = calls.poll_timeout() {
            calls.handle_timeout(due);
            seen.take(&mut calls);
        }
        prop_assert!(calls.is_empty());
        prop_assert_eq!(seen.settled.len(), next);
    }
}
