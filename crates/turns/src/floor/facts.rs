//! What is known of both sides at this moment.

use std::time::Instant;

use super::{Bot, Floor, Scene, said::Said};
use crate::Backchannels;

#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) user_speaks: bool,
    pub(super) turn_open: bool,
    /// Since when the bot speaks.
    pub(super) playing: Option<Instant>,
    /// The bot was cut while it spoke; the output has not said yet how much was heard.
    pub(super) cut: bool,
    /// An answer is owed.
    pub(super) owes: bool,
    /// Its text is there, its first sample is not.
    pub(super) unspoken: bool,
    pub(super) tools: usize,
    pub(super) bot_turns: u32,
    /// There is a detector: edges that services find do not count.
    pub(super) detector: bool,
}

impl Facts {
    pub(super) fn bot(&self) -> Bot {
        match self.playing {
            Some(since) => Bot::Speaks { since },
            None if self.owes || self.unspoken || self.tools > 0 => Bot::Thinks,
            None => Bot::Silent,
        }
    }

    /// Who owes the next move. `settling`: a turn is over, and what was heard of the bot is not known; `doubt`: the
    /// bot is held.
    pub(super) fn floor(&self, settling: bool, doubt: bool) -> Floor {
        match self.bot() {
            _ if settling => Floor::Settling,
            _ if self.turn_open && self.user_speaks => Floor::User,
            _ if self.turn_open => Floor::Pause,
            _ if doubt => Floor::Doubt,
            Bot::Speaks { .. } => Floor::BotSpeaks,
            Bot::Thinks if self.owes || self.unspoken => Floor::Bot,
            Bot::Thinks => Floor::Tools,
            Bot::Silent => Floor::Open,
        }
    }

    pub(super) fn scene<'a>(&self, said: &'a Said, backchannels: &Backchannels) -> Scene<'a> {
        Scene {
            bot: self.bot(),
            bot_turns: self.bot_turns,
            tools: self.tools,
            user_speaks: self.user_speaks,
            turn_open: self.turn_open,
            said: said.text(),
            guess: said.rest(),
            utterance: said.utterance(),
            settled: said.is_settled(),
            acknowledges: backchannels.judge(said.utterance()),
        }
    }

    /// The answer is over before its time.
    pub(super) fn cut(&mut self) {
        self.cut |= self.playing.take().is_some();
        (self.owes, self.unspoken) = (false, false);
    }
}
