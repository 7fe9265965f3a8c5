//! What a service says of the user's turns, where it decides on them itself.
//!
//! Some recognisers end turns on their server. They say so once ([`SttService::decides_turns`](super::SttService)), and
//! then tell each turn; the stage passes both on as frames, in order with the words. Whoever keeps turns takes them:
//! a turn is told to the pipeline by that stage alone, so it is told once.

use crate::custom::CustomFrame;

/// What a service says of the user's turns. Travels down from its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceTurn {
    /// The service recommends that turns follow what it says.
    Decides,
    /// The user has taken the floor.
    Started,
    /// The user has given the floor away; all words of the turn have been told.
    Ended,
}

impl CustomFrame for ServiceTurn {
    fn survives_interruption(&self) -> bool {
        // It is the user's, like speech and words.
        true
    }
}
