//! What is done when nobody says anything.
//!
//! Silence counts from the end of playback, not of sending, and while nobody owes anything. Each step waits for its
//! own time after the one before; a turn of the user begins anew. When the steps are used up, only
//! [`UserIdle`](crate::UserIdle) is told, at the pace of the last.

use std::{fmt, sync::Arc, time::Duration};

/// What is done after a time of silence.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdleAction {
    /// Only `UserIdle` is told, as it is with every other action.
    Tell,
    /// The bot says this.
    Speak(Arc<str>),
    /// The model is asked, after this instruction has been added to the conversation.
    Ask(Arc<str>),
    /// The bot says this, and the session ends.
    SpeakAndEnd(Arc<str>),
}

/// One step of growing impatience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleStep {
    /// How long nobody has said anything, since the step before.
    pub after: Duration,
    /// What is done then.
    pub action: IdleAction,
}

/// The steps, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Idle {
    steps: Vec<IdleStep>,
}

/// The time when there is no step.
const UNSET: Duration = Duration::from_secs(60);

impl Idle {
    /// No step: `UserIdle` is told once a minute.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more step.
    #[must_use]
    pub fn then(mut self, after: Duration, action: IdleAction) -> Self {
        self.steps.push(IdleStep { after, action });
        self
    }

    /// The step to take after `taken` steps have been.
    #[must_use]
    pub fn step(&self, taken: u32) -> IdleStep {
        match (self.steps.get(taken as usize), self.steps.last()) {
            (Some(step), _) => step.clone(),
            (None, Some(last)) => IdleStep { after: last.after, action: IdleAction::Tell },
            (None, None) => IdleStep { after: UNSET, action: IdleAction::Tell },
        }
    }
}

impl fmt::Debug for IdleAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tell => f.write_str("Tell"),
            Self::Speak(text) => write!(f, "Speak({} bytes)", text.len()),
            Self::Ask(text) => write!(f, "Ask({} bytes)", text.len()),
            Self::SpeakAndEnd(text) => write!(f, "SpeakAndEnd({} bytes)", text.len()),
        }
    }
}
