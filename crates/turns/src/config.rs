//! How turns are taken: the parts to choose, with defaults that work.

use std::sync::Arc;

use crate::{
    Backchannels, ByService, Confirmed, Deadlines, Idle, Limits, MuteUser, StartTurn, StopTurn, Summarise,
    SummaryConfig, Transcript, UnlessByService, Voice,
};

/// What makes an answer count as said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitBy {
    /// Its playback: what was heard.
    #[default]
    Playback,
    /// Its text, as the model wrote it: where nothing is spoken.
    Text,
}

/// How turns are taken.
#[derive(Clone, Debug)]
pub struct TurnConfig {
    /// When the user takes the floor. Default: voice, and words; or when the service says so, if it decides on turns.
    pub start: Vec<Box<dyn StartTurn>>,
    /// When the turn is over. Default: when its words are confirmed complete; or when the service says so, if it
    /// decides on turns.
    pub stop: Vec<Box<dyn StopTurn>>,
    /// When the user is not listened to. Default: never.
    pub mute: Vec<Box<dyn MuteUser>>,
    /// What does not interrupt the bot.
    pub backchannels: Backchannels,
    /// What is done when nobody says anything. Default: nothing but telling so.
    pub idle: Idle,
    /// How long each state may last.
    pub deadlines: Deadlines,
    /// How long the conversation may become. Default: no limit.
    pub limits: Limits,
    /// What makes an answer count as said.
    pub commit: CommitBy,
    /// What stands behind the words of an answer that was cut.
    pub cut_note: String,
    /// Whether a message tells the model which tools came and went, when they change in mid-call. Default false: each
    /// request carries its tools anyway.
    pub tell_tools: bool,
    /// Who summarises older messages, and when. Default: nobody.
    pub summary: Option<(Arc<dyn Summarise>, SummaryConfig)>,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            start: vec![
                Box::new(ByService::default()),
                Box::new(UnlessByService::new(Voice::default())),
                Box::new(UnlessByService::new(Transcript::default())),
            ],
            stop: vec![Box::new(ByService::default()), Box::new(UnlessByService::new(Confirmed))],
            mute: Vec::new(),
            backchannels: Backchannels::default(),
            idle: Idle::default(),
            deadlines: Deadlines::default(),
            limits: Limits::default(),
            commit: CommitBy::default(),
            cut_note: "[the user interrupted here]".into(),
            tell_tools: false,
            summary: None,
        }
    }
}
