//! The calls of tools that are not settled yet: a state machine for each, and their order.
//!
//! ```text
//!            begin                 start                      outcome, deadline,
//!  (the model) ──▶ Waiting ────────────────▶ Running ─────── cancellation ──▶ settled
//!                     └───────────────── cancellation ───────────────────────▶ settled
//! ```
//!
//! In: what happened, with the time. Out: [`Action`]s, to be taken until there are none.
//! 1. A call is settled exactly once, in whatever order outcome, deadline and cancellation come: a settled
//!    call is forgotten, so what comes later finds nothing.
//! 2. A call that is cancelled before it was started is never started; detached calls are not cancelled by
//!    an interruption.
//! 3. In sequence, a call starts when the one before it, of the same answer, is settled.
//! 4. A running call has a deadline, so with time every call is settled.

use std::{collections::VecDeque, time::Instant};

use super::super::tools::{AtInterruption, ToolOrder, ToolPolicy};
use crate::frame::{ChatMessage, ToolCall, ToolOutcome, ToolResult};

/// The longest deadline.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Names a call within its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallKey(u64);

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Run the call.
    Start(CallKey, ToolCall),
    /// Stop what runs it.
    Stop(CallKey),
    /// Tell of it.
    Settle(ToolResult),
}

/// The calls that are not settled.
#[derive(Debug, Default)]
pub(super) struct Calls {
    next: u64,
    open: Vec<Call>,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
struct Call {
    key: CallKey,
    call: ToolCall,
    policy: ToolPolicy,
    /// The key of the first call of its answer, when these run in sequence.
    sequence: Option<CallKey>,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Running { due: Instant },
}

impl Calls {
    /// Gives calls an id of their own where the model did not, so that each result finds its call: one that no open
    /// call has, and none of the conversation that was asked.
    pub(super) fn name_apart(&self, calls: Vec<ToolCall>, asked: &[ChatMessage]) -> Vec<ToolCall> {
        let mut named: Vec<ToolCall> = Vec::with_capacity(calls.len());
        for mut call in calls {
            let is_taken = |id: &str| {
                id.trim().is_empty()
                    || self.has_id(id)
                    || named.iter().any(|earlier| earlier.id == id)
                    || asked.iter().any(|message| has_call(message, id))
            };
            if is_taken(&call.id) {
                let base = if call.id.trim().is_empty() { "call" } else { &call.id };
                let free = (2..).map(|n| format!("{base}_{n}")).find(|id| !is_taken(id));
                call.id = free.unwrap_or_default();
            }
            named.push(call);
        }
        named
    }

    /// The calls of an answer that ended well, in the order the model wrote them.
    pub(super) fn begin(&mut self, now: Instant, calls: Vec<(ToolCall, ToolPolicy)>, order: ToolOrder) {
        let first = CallKey(self.next);
        for (call, policy) in calls {
            let key = CallKey(self.next);
            self.next += 1;
            let sequence = (order == ToolOrder::Sequential).then_some(first);
            self.open.push(Call { key, call, policy, sequence, state: State::Waiting });
        }
        self.start_ready(now);
    }

    /// A call ended by itself.
    pub(super) fn handle_outcome(&mut self, now: Instant, key: CallKey, outcome: ToolOutcome) {
        self.settle(key, outcome);
        self.start_ready(now);
    }

    /// The answer was interrupted.
    pub(super) fn handle_interrupt(&mut self, now: Instant) {
        self.cancel(now, |call| call.policy.at_interruption == AtInterruption::Cancel);
    }

    /// The session will not wait any longer.
    pub(super) fn handle_end(&mut self, now: Instant) {
        self.cancel(now, |_| true);
    }

    /// Time has passed. Gives the calls that took too long.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<(ToolCall, ToolPolicy)> {
        let is_late = |call: &&Call| matches!(call.state, State::Running { due } if due <= now);
        let late: Vec<_> = self.open.iter().filter(is_late).map(|call| call.key).collect();
        let mut told = Vec::new();
        for key in late {
            self.actions.push_back(Action::Stop(key));
            told.extend(self.settle(key, ToolOutcome::TimedOut));
        }
        self.start_ready(now);
        told
    }

    /// The next thing to do.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.open.iter().filter_map(|call| match call.state {
            State::Running { due } => Some(due),
            State::Waiting => None,
        });
        due.min()
    }

    /// Whether every call is settled.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a call of this id is open.
    fn has_id(&self, id: &str) -> bool {
        self.open.iter().any(|call| call.call.id == id)
    }

    fn cancel(&mut self, now: Instant, which: impl Fn(&Call) -> bool) {
        let cancelled = self.open.iter().filter(|call| which(call));
        let cancelled: Vec<_> =
            cancelled.map(|call| (call.key, matches!(call.state, State::Running { .. }))).collect();
        for (key, runs) in cancelled {
            if runs {
                self.actions.push_back(Action::Stop(key));
            }
            self.settle(key, ToolOutcome::Cancelled);
        }
        self.start_ready(now);
    }

    /// Settles a call, if it is open.
    fn settle(&mut self, key: CallKey, outcome: ToolOutcome) -> Option<(ToolCall, ToolPolicy)> {
        let index = self.open.iter().position(|call| call.key == key)?;
        let Call { call, policy, .. } = self.open.remove(index);
        self.actions.push_back(Action::Settle(ToolResult { call: call.clone(), outcome }));
        Some((call, policy))
    }

    /// Starts the calls that wait for nothing.
    fn start_ready(&mut self, now: Instant) {
        for index in 0..self.open.len() {
            let sequence = self.open[index].sequence;
            let waits = sequence.is_some() && self.open[..index].iter().any(|call| call.sequence == sequence);
            let call = &mut self.open[index];
            if matches!(call.state, State::Waiting) && !waits {
                call.state = State::Running { due: now + call.policy.deadline.min(LONGEST) };
                self.actions.push_back(Action::Start(call.key, call.call.clone()));
            }
        }
    }
}

fn has_call(message: &ChatMessage, id: &str) -> bool {
    matches!(message, ChatMessage::Assistant { calls, .. } if calls.iter().any(|call| call.id == id))
}

#[cfg(test)]
mod tests;
