//! What strategies hear of, and what they see when they do.

use std::time::{Duration, Instant};

use voxline_core::{
    frame::{SpeechEdge, Transcription},
    service::ServiceTurn,
};

use crate::Acknowledges;

/// Something that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Cue<'a> {
    /// Somebody began to speak.
    SpeechStarted(&'a SpeechEdge),
    /// Somebody stopped speaking.
    SpeechStopped(&'a SpeechEdge),
    /// A guess at what is being said.
    Interim(&'a Transcription),
    /// What was said.
    Final(&'a Transcription),
    /// What the speech-to-text service says of turns. `Decides` is told again when strategies change.
    ServiceTurn(ServiceTurn),
    /// What came in: samples, interleaved if there are several channels.
    Audio {
        /// The samples.
        samples: &'a [i16],
        /// Samples a second, of all channels together.
        rate: u32,
    },
    /// The bot began to speak.
    BotStarted,
    /// The bot stopped speaking, or was cut.
    BotStopped,
    /// Tools began to run, or were settled.
    Tools,
    /// A turn of the user began.
    TurnStarted,
    /// It ended.
    TurnStopped,
}

impl Cue<'_> {
    /// Whether it is a transcript without a word: no sign that anybody goes on.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Interim(heard) | Self::Final(heard) if heard.text.trim().is_empty())
    }
}

/// What the bot does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bot {
    /// Nothing, and nothing is owed.
    Silent,
    /// It owes an answer, or tools are running for it.
    Thinks,
    /// It speaks, and has since then.
    Speaks {
        /// When its first sample was played.
        since: Instant,
    },
}

/// What holds at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What the bot does.
    pub bot: Bot,
    /// How many answers of the bot are over, heard to the end or cut.
    pub bot_turns: u32,
    /// How many calls of tools are running.
    pub tools: usize,
    /// Whether somebody speaks, as the detector has it.
    pub user_speaks: bool,
    /// Whether the user's turn is open.
    pub turn_open: bool,
    /// The words of the turn so far; a last guess is not among them.
    pub said: &'a str,
    /// That last guess.
    pub guess: &'a str,
    /// The words of the newest utterance, a last guess among them.
    pub utterance: &'a str,
    /// Whether the words of the newest utterance are complete: its service confirmed that, or was given up.
    pub settled: bool,
    /// Whether the newest utterance is nothing but an acknowledgement.
    pub acknowledges: Acknowledges,
}

impl Scene<'_> {
    /// Whether the bot has the floor: it speaks, or owes an answer.
    #[must_use]
    pub fn bot_has_floor(&self) -> bool {
        self.bot != Bot::Silent
    }

    /// How long the bot has been speaking; none if it does not.
    #[must_use]
    pub fn bot_speaks_for(&self, now: Instant) -> Option<Duration> {
        match self.bot {
            Bot::Speaks { since } => Some(now.saturating_duration_since(since)),
            _ => None,
        }
    }
}
