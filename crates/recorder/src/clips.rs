//! Where the turns of a call begin and end, for clips of each.
//!
//! In: the edges of the user's speech and turn and those of the bot's playback, with their places. Out: clips in
//! order, and for each stretch of the timeline that is taken, what of it belongs to which clip.
//! 1. A turn of the user begins [`MARGIN`] before the first speech of it. It ends with the turn, if somebody in
//!    the pipeline says when turns end, else with the speech.
//! 2. A clip of the bot is one answer, as far as it was heard.
//! 3. At most one clip of each side is open at a time.

use std::time::Duration;

use crate::timeline::Side;

/// Audio around the speech of a turn that belongs to it.
pub(crate) const MARGIN: Duration = Duration::from_millis(300);

/// One turn, in frames of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clip {
    pub(crate) number: u32,
    pub(crate) side: Side,
    pub(crate) from: u64,
    /// `None` while it goes on.
    pub(crate) to: Option<u64>,
    /// How far it has been given out.
    pub(crate) given: u64,
}

/// The clips that are not complete.
#[derive(Debug, Default)]
pub(crate) struct Clips {
    open: Vec<Clip>,
    count: u32,
    /// Somebody says when turns end.
    turns: bool,
}

impl Clips {
    /// A turn, or speech that begins one.
    pub(crate) fn began(&mut self, side: Side, from: u64) {
        if self.open.iter().any(|clip| clip.side == side && clip.to.is_none()) {
            return;
        }
        self.count += 1;
        self.open.push(Clip { number: self.count, side, from, to: None, given: from });
    }

    /// The turn of the user has begun, says a turn strategy.
    pub(crate) fn turn_began(&mut self, from: u64) {
        self.turns = true;
        self.began(Side::User, from);
    }

    /// Speech of the user is over: the end of the turn where no strategy says otherwise.
    pub(crate) fn speech_ended(&mut self, to: u64) {
        if !self.turns {
            self.ended(Side::User, to);
        }
    }

    pub(crate) fn ended(&mut self, side: Side, to: u64) {
        let running = self.open.iter_mut().find(|clip| clip.side == side && clip.to.is_none());
        if let Some(clip) = running {
            clip.to = Some(to.max(clip.from));
        }
    }

    /// The timeline has been taken up to `taken`, and holds what it has from `held` on. Gives each clip and the
    /// frames of it that can be read now; a clip that is complete then is given for the last time.
    pub(crate) fn take(&mut self, held: u64, taken: u64, mut give: impl FnMut(&Clip, u64, u64, bool)) {
        for clip in &mut self.open {
            let from = clip.given.max(held);
            let to = clip.to.unwrap_or(taken).min(taken).max(from);
            let complete = clip.to.is_some_and(|end| end <= taken);
            if from < to || complete {
                give(clip, from, to, complete);
            }
            clip.given = to.max(clip.given);
        }
        self.open.retain(|clip| clip.to.is_none_or(|end| end > taken));
    }

    /// Nothing more comes: what is open ends here.
    pub(crate) fn finish(&mut self, at: u64) {
        for clip in &mut self.open {
            clip.to = Some(clip.to.unwrap_or(at).min(at).max(clip.from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(clips: &mut Clips, held: u64, taken: u64) -> Vec<String> {
        let mut told = Vec::new();
        clips.take(held, taken, |clip, from, to, complete| {
            let end = if complete { "." } else { "" };
            told.push(format!("{} {:?} {from}..{to}{end}", clip.number, clip.side));
        });
        told
    }

    #[test]
    fn without_turns_each_speech_is_a_clip() {
        let mut clips = Clips::default();
        clips.began(Side::User, 100);
        assert_eq!(taken(&mut clips, 0, 150), ["1 User 100..150"]);
        clips.speech_ended(300);
        assert_eq!(taken(&mut clips, 0, 250), ["1 User 150..250"]);
        assert_eq!(taken(&mut clips, 100, 400), ["1 User 250..300."]);
        assert_eq!(taken(&mut clips, 100, 500), [""; 0]);
    }

    #[test]
    fn a_turn_of_several_stretches_of_speech_is_one_clip() {
        let mut clips = Clips::default();
        clips.began(Side::User, 100);
        clips.turn_began(150);
        clips.speech_ended(200);
        clips.began(Side::User, 260);
        clips.ended(Side::User, 400);
        assert_eq!(taken(&mut clips, 0, 1_000), ["1 User 100..400."]);
    }

    #[test]
    fn both_sides_may_speak_at_once_and_the_end_closes_both() {
        let mut clips = Clips::default();
        clips.began(Side::Bot, 0);
        clips.began(Side::User, 50);
        clips.finish(80);
        assert_eq!(taken(&mut clips, 0, 80), ["1 Bot 0..80.", "2 User 50..80."]);
    }

    #[test]
    fn what_is_no_longer_held_is_not_part_of_a_clip() {
        let mut clips = Clips::default();
        clips.began(Side::User, 10);
        assert_eq!(taken(&mut clips, 40, 100), ["1 User 40..100"]);
    }
}
