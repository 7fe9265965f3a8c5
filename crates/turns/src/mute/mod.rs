//! When the user is not listened to.
//!
//! Every strategy sees every cue; the user is muted while any of them says so. A cue is judged with the state
//! before it. While muted, speech edges, transcripts and input audio do not leave the user's aggregator.

mod bot_speech;
mod first_turn;
mod tools;
mod when;

use std::{fmt, time::Instant};

pub use bot_speech::WhileBotSpeaks;
pub use first_turn::UntilFirstBotTurn;
pub use tools::DuringTools;
pub use when::MuteWhen;

use crate::floor::{Cue, Scene};

/// Decides when the user is not listened to.
pub trait MuteUser: fmt::Debug + Send + Sync + 'static {
    /// Whether the user is muted, from now on. Called for every cue but audio, and once at the beginning (`None`).
    fn is_muted(&mut self, now: Instant, cue: Option<&Cue<'_>>, scene: &Scene<'_>) -> bool;

    /// The same strategy once more, for updates in mid-call.
    fn boxed(&self) -> Box<dyn MuteUser>;
}

impl Clone for Box<dyn MuteUser> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}
