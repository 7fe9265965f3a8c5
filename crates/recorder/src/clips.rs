//! Where the turns of a call begin and end, for clips of each.
//!
//! In: the edges of the user's speech and turn and those of the bot's playback, with their places. Out: clips in
//! order, and for each stretch of the timeline that is taken, what of it belongs to which clip.
//! 1. A turn of the user begins [`MARGIN`] before the first speech of it, and ends with the turn, if somebody in the
//!    pipeline says when turns begin and end.
//! 2. Speech that nobody calls a turn (a cough, a "mm-hm", a pipeline without turns) is a clip of its own. It can be
//!    called one until other speech begins, and no longer than a grace after its end: as long as the timeline still
//!    holds what follows it.
//! 3. A clip of the bot is one answer, as far as it was heard.
//! 4. At most one clip of each side goes on at a time.

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
    /// Where the speech ended that nobody has called a turn yet. It ends there unless somebody does.
    silent_from: Option<u64>,
    /// An answer, or speech that was called a turn.
    is_turn: bool,
}

/// The clips that are not complete.
#[derive(Debug)]
pub(crate) struct Clips {
    open: Vec<Clip>,
    count: u32,
    grace: u64,
}

impl Clips {
    /// Speech may be called a turn until so much of the timeline after it has been taken.
    pub(crate) fn new(grace: u64) -> Self {
        Self { open: Vec::new(), count: 0, grace }
    }

    /// Speech of the user, which may begin a turn.
    pub(crate) fn speech_began(&mut self, from: u64) {
        match self.running(Side::User) {
            // What was said before led to no turn.
            Some(clip) if clip.silent_from.is_some() => clip.to = clip.silent_from,
            Some(_) => return,
            None => {}
        }
        self.open(Side::User, from, false);
    }

    /// Speech of the user is over: the end of the clip, unless it is called a turn.
    pub(crate) fn speech_ended(&mut self, to: u64) {
        if let Some(clip) = self.running(Side::User).filter(|clip| !clip.is_turn) {
            clip.silent_from = Some(to.max(clip.from));
        }
    }

    /// The turn of the user has begun, says a turn strategy.
    pub(crate) fn turn_began(&mut self, from: u64) {
        match self.running(Side::User) {
            Some(clip) => (clip.is_turn, clip.silent_from) = (true, None),
            None => self.open(Side::User, from, true),
        }
    }

    /// The bot is heard.
    pub(crate) fn answer_began(&mut self, from: u64) {
        if self.running(Side::Bot).is_none() {
            self.open(Side::Bot, from, true);
        }
    }

    /// The turn of the user, or the answer of the bot, is over.
    pub(crate) fn ended(&mut self, side: Side, to: u64) {
        if let Some(clip) = self.running(side) {
            clip.to = Some(to.max(clip.from));
        }
    }

    fn running(&mut self, side: Side) -> Option<&mut Clip> {
        self.open.iter_mut().find(|clip| clip.side == side && clip.to.is_none())
    }

    fn open(&mut self, side: Side, from: u64, is_turn: bool) {
        self.count += 1;
        let clip = Clip { number: self.count, side, from, to: None, given: from, silent_from: None, is_turn };
        self.open.push(clip);
    }

    /// The timeline has been taken up to `taken`, and holds what it has from `held` on. Gives each clip and the
    /// frames of it that can be read now; a clip that is complete then is given for the last time.
    pub(crate) fn take(&mut self, held: u64, taken: u64, mut give: impl FnMut(&Clip, u64, u64, bool)) {
        for clip in &mut self.open {
            if clip.silent_from.is_some_and(|end| end.saturating_add(self.grace) < taken) {
                clip.to = clip.to.or(clip.silent_from);
            }
            let from = clip.given.max(held);
            let to = clip.to.or(clip.silent_from).unwrap_or(taken).min(taken).max(from);
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
            clip.to = Some(clip.to.or(clip.silent_from).unwrap_or(at).min(at).max(clip.from));
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
        let mut clips = Clips::new(100);
        clips.speech_began(100);
        assert_eq!(taken(&mut clips, 0, 150), ["1 User 100..150"]);
        clips.speech_ended(300);
        assert_eq!(taken(&mut clips, 0, 250), ["1 User 150..250"]);
        assert_eq!(taken(&mut clips, 100, 400), ["1 User 250..300"]);
        assert_eq!(taken(&mut clips, 300, 401), ["1 User 300..300."], "somebody might have called it a turn");
        assert_eq!(taken(&mut clips, 300, 500), [""; 0]);
    }

    #[test]
    fn speech_that_led_to_no_turn_ends_where_it_ended_when_other_speech_begins() {
        let mut clips = Clips::new(1_000);
        clips.speech_began(100);
        clips.speech_ended(200);
        assert_eq!(taken(&mut clips, 0, 300), ["1 User 100..200"]);
        clips.speech_began(400);
        clips.turn_began(450);
        clips.speech_ended(500);
        assert_eq!(taken(&mut clips, 0, 600), ["1 User 200..200.", "2 User 400..600"]);
        clips.ended(Side::User, 700);
        assert_eq!(taken(&mut clips, 0, 800), ["2 User 600..700."]);
    }

    #[test]
    fn speech_that_is_called_a_turn_after_its_end_is_part_of_it_without_a_gap() {
        let mut clips = Clips::new(1_000);
        clips.speech_began(100);
        clips.speech_ended(200);
        assert_eq!(taken(&mut clips, 0, 900), ["1 User 100..200"]);
        clips.turn_began(1_000);
        clips.ended(Side::User, 1_050);
        assert_eq!(taken(&mut clips, 100, 1_100), ["1 User 200..1050."]);
    }

    #[test]
    fn a_turn_of_several_stretches_of_speech_is_one_clip() {
        let mut clips = Clips::new(10);
        clips.speech_began(100);
        clips.turn_began(150);
        clips.speech_ended(200);
        clips.speech_began(260);
        clips.ended(Side::User, 400);
        assert_eq!(taken(&mut clips, 0, 1_000), ["1 User 100..400."]);
    }

    #[test]
    fn both_sides_may_speak_at_once_and_the_end_closes_both() {
        let mut clips = Clips::new(10);
        clips.answer_began(0);
        clips.speech_began(50);
        clips.finish(80);
        assert_eq!(taken(&mut clips, 0, 80), ["1 Bot 0..80.", "2 User 50..80."]);
    }

    #[test]
    fn what_is_no_longer_held_is_not_part_of_a_clip() {
        let mut clips = Clips::new(10);
        clips.speech_began(10);
        assert_eq!(taken(&mut clips, 40, 100), ["1 User 40..100"]);
    }
}
