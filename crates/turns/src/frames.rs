//! Frames of this crate: what the aggregators tell, and what they are told.

use std::time::Duration;

use voxline_core::{CustomFrame, frame::ChatMessage};

use crate::{Backchannels, Deadlines, Idle, MuteUser, StartTurn, StopTurn};

/// Changes of turn-taking in mid-call. What is `None` stays as it is; strategies begin anew. Reaches the user's
/// aggregator in order with audio and transcripts, and is passed on.
#[derive(Clone, Debug, Default)]
pub struct TurnUpdate {
    /// When the user takes the floor.
    pub start: Option<Vec<Box<dyn StartTurn>>>,
    /// When the turn is over.
    pub stop: Option<Vec<Box<dyn StopTurn>>>,
    /// When the user is not listened to.
    pub mute: Option<Vec<Box<dyn MuteUser>>>,
    /// What does not interrupt.
    pub backchannels: Option<Backchannels>,
    /// What is done when nobody says anything.
    pub idle: Option<Idle>,
    /// How long each state may last.
    pub deadlines: Option<Deadlines>,
}

impl CustomFrame for TurnUpdate {
    fn survives_interruption(&self) -> bool {
        true
    }
}

/// Answer the conversation as it is: for a greeting, or after a message was added. Travels down to the user's
/// aggregator, which takes it. While the user has the floor it waits for the end of the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerNow;

impl CustomFrame for AnswerNow {}

/// A message was added to the conversation, for captions and records. Travels down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAdded {
    /// The message as it stands; what the user adds to a message before any answer was heard is told with all of it.
    pub message: ChatMessage,
    /// Whether the bot was cut: the message holds what was heard.
    pub cut: bool,
}

impl CustomFrame for MessageAdded {
    fn survives_interruption(&self) -> bool {
        true
    }
}

/// Nobody has said anything for a time. Travels down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserIdle {
    /// How many times in a row.
    pub times: u32,
    /// The silence since the time before, or since somebody spoke.
    pub silent_for: Duration,
}

impl CustomFrame for UserIdle {
    fn survives_interruption(&self) -> bool {
        true
    }
}

/// Whether the user is listened to has changed. Travels both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserMuted(pub bool);

impl CustomFrame for UserMuted {
    fn survives_interruption(&self) -> bool {
        true
    }
}

/// How the bot's move goes, as the end of the pipeline sees it. Travels up, from the assistant's aggregator to the
/// user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotProgress {
    /// The model was asked again.
    Asked,
    /// The answer's text is complete.
    Ended {
        /// Whether there is something in it to be spoken.
        speaks: bool,
    },
    /// Calls of tools began or were settled.
    Tools {
        /// How many are running now.
        running: usize,
    },
}

impl CustomFrame for BotProgress {
    fn survives_interruption(&self) -> bool {
        // Tools outlive the answer they were called in; the rest is about that answer.
        matches!(self, Self::Tools { .. })
    }
}
