//! One call: from frames with their times to what is to be written.
//!
//! Pure: `(now, input) → outputs`; `now` is the time since the session began. In: the audio of both sides and the
//! edges of speech, turns and playback. Out: [`Write`]s in order.
//! 1. Zero of the files is the beginning of the session, for both sides.
//! 2. A block is given out once both sides are known up to [`MARGIN`] after it. The user's audio is waited for
//!    no longer than the patience; then there is silence in its place.
//! 3. Held: between two blocks little more than [`BLOCK`], while audio is late the patience and that, and as
//!    long an answer as an output that does not play in real time plays at once.

use std::{collections::VecDeque, time::Duration};

use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    frame::{BotSpeech, ContextId},
    playout::Playback,
};

use crate::{
    RecorderConfig,
    bot::BotTrack,
    clips::{self, Clips},
    stats::Counted,
    timeline::{HISTORY, Placed, Side, Timeline},
    user::UserTrack,
};

/// How much is given out at a time.
const BLOCK: Duration = Duration::from_millis(500);
/// How far blocks stay behind what has come: what waits in a resampler, and an edge that comes a little late.
const MARGIN: Duration = Duration::from_millis(200);
/// From here on the user's audio is not early but read faster than time, and its clock is the call's.
const FAST: Duration = Duration::from_secs(1);

/// Something for the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// Both sides from frame `at` on: the frames follow those before.
    Call { at: u64, pcm: Pcm },
    /// The next frames of a clip, and whether they are the last of it.
    Clip { number: u32, side: Side, pcm: Pcm, last: bool },
}

#[derive(Debug)]
pub(crate) struct Recording {
    rate: SampleRate,
    patience: Duration,
    timeline: Timeline,
    user: UserTrack,
    bot: BotTrack,
    clips: Option<Clips>,
    now: Duration,
    writes: VecDeque<Write>,
    /// Empty between calls.
    placed: Vec<Placed>,
}

impl Recording {
    pub(crate) fn new(rate: SampleRate, config: &RecorderConfig) -> Self {
        Self {
            rate,
            patience: config.patience,
            timeline: Timeline::new(rate),
            user: UserTrack::new(rate, config.patience),
            bot: BotTrack::new(rate, config.lead),
            clips: config.clips.then(|| Clips::new(rate.samples_in(HISTORY))),
            now: Duration::ZERO,
            writes: VecDeque::new(),
            placed: Vec::new(),
        }
    }

    /// The user's audio, which begins at `pts` if that is known.
    pub(crate) fn handle_user_audio(&mut self, now: Duration, pts: Option<Duration>, pcm: &Pcm) {
        self.now = now;
        self.user.handle_audio(now, pts, pcm, &mut self.placed);
        self.put(Side::User);
        self.advance();
    }

    /// The bot's audio, on its way to the output.
    pub(crate) fn handle_bot_audio(&mut self, now: Duration, context: ContextId, pcm: Pcm) {
        self.now = now;
        let at = self.clock();
        self.bot.handle_audio(at, context, pcm);
        self.advance();
    }

    /// The output begins to play an answer.
    pub(crate) fn handle_bot_started(&mut self, now: Duration, context: ContextId) {
        self.now = now;
        let at = self.clock();
        self.bot.handle_started(at, context, &mut self.placed);
        self.put(Side::Bot);
        let from = self.rate.samples_in(at);
        self.clip(|clips| clips.answer_began(from));
    }

    /// The output has played an answer, or the part of it that was heard.
    pub(crate) fn handle_bot_stopped(&mut self, now: Duration, speech: &BotSpeech) {
        self.now = now;
        let at = self.clock();
        let end = self.bot.handle_stopped(at, speech, &mut self.placed);
        self.put(Side::Bot);
        if let Some(end) = end {
            let end = self.rate.samples_in(end);
            if speech.interrupted {
                self.timeline.cut(Side::Bot, end);
            }
            self.clip(|clips| clips.ended(Side::Bot, end));
        }
        self.advance();
    }

    /// Playback is held, or goes on.
    pub(crate) fn handle_playback(&mut self, now: Duration, playback: Playback) {
        self.now = now;
        let at = self.clock();
        self.bot.handle_playback(at, playback, &mut self.placed);
        self.put(Side::Bot);
    }

    /// What the bot says is over, as far as it has not been heard.
    pub(crate) fn handle_interrupt(&mut self, now: Duration) {
        self.now = now;
        self.advance();
        self.bot.handle_interrupt();
    }

    /// The user began to speak, at this place of its audio.
    pub(crate) fn handle_speech_started(&mut self, at: Duration) {
        let from = self.user.on_session_clock(at).saturating_sub(clips::MARGIN);
        let from = self.rate.samples_in(from);
        self.clip(|clips| clips.speech_began(from));
    }

    /// The user stopped, at this place of its audio.
    pub(crate) fn handle_speech_stopped(&mut self, at: Duration) {
        let to = self.rate.samples_in(self.user.on_session_clock(at) + clips::MARGIN);
        self.clip(|clips| clips.speech_ended(to));
    }

    /// The user took the floor.
    pub(crate) fn handle_turn_started(&mut self, now: Duration) {
        let from = self.rate.samples_in(now.saturating_sub(clips::MARGIN));
        self.clip(|clips| clips.turn_began(from));
    }

    /// The user gave it away.
    pub(crate) fn handle_turn_stopped(&mut self, now: Duration) {
        let to = self.rate.samples_in(now);
        self.clip(|clips| clips.ended(Side::User, to));
    }

    /// Time has passed.
    pub(crate) fn handle_time(&mut self, now: Duration) {
        self.now = now;
        self.advance();
    }

    /// The session is over: everything that was heard is given out.
    pub(crate) fn finish(&mut self) {
        self.advance();
        self.user.finish(&mut self.placed);
        self.put(Side::User);
        let heard = self.rate.samples_in(self.clock());
        if self.bot.is_playing() {
            self.timeline.cut(Side::Bot, heard);
        }
        let user = self.user.ended().map_or(0, |ended| self.rate.samples_in(ended));
        let end = if self.bot.is_playing() { heard.max(user) } else { self.timeline.end() };
        self.clip(|clips| clips.finish(end));
        self.give(end);
    }

    /// The next thing to write.
    pub(crate) fn poll_output(&mut self) -> Option<Write> {
        self.writes.pop_front()
    }

    pub(crate) fn counted(&self) -> Counted {
        Counted {
            written: self.rate.duration_of(self.timeline.taken()),
            late: self.rate.duration_of(self.timeline.late()),
            resyncs: self.user.resyncs(),
            overflowed: self.bot.overflowed(),
        }
    }

    /// How many frames are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> u64 {
        self.timeline.end() - self.timeline.base()
    }

    /// The time of the call: the session's, unless the user's audio is read faster than that.
    fn clock(&self) -> Duration {
        match self.user.ended() {
            Some(ended) if ended > self.now + FAST => ended,
            _ => self.now,
        }
    }

    fn advance(&mut self) {
        let now = self.clock();
        self.bot.advance(now, &mut self.placed);
        self.put(Side::Bot);
        let known = self.rate.samples_in(now).min(self.user.placed_to().unwrap_or(0));
        let waited_for = self.rate.samples_in(now.saturating_sub(self.patience));
        let until = known.max(waited_for).saturating_sub(self.rate.samples_in(MARGIN));
        if until >= self.timeline.taken() + self.rate.samples_in(BLOCK) {
            self.give(until);
        }
    }

    fn put(&mut self, side: Side) {
        for placed in self.placed.drain(..) {
            self.timeline.place(side, &placed);
        }
    }

    /// Gives everything up to `until` out, block by block.
    fn give(&mut self, until: u64) {
        let block = self.rate.samples_in(BLOCK).max(1);
        while self.timeline.taken() < until {
            self.give_block(until.min(self.timeline.taken() + block));
        }
        self.give_block(until);
    }

    fn give_block(&mut self, until: u64) {
        let at = self.timeline.taken();
        let frames = self.timeline.take(until);
        if let Some(pcm) = Pcm::interleaved(frames.as_flattened(), self.rate, 2)
            && !pcm.is_empty()
        {
            self.writes.push_back(Write::Call { at, pcm });
        }
        let (timeline, writes, rate) = (&self.timeline, &mut self.writes, self.rate);
        if let Some(clips) = &mut self.clips {
            clips.take(timeline.base(), timeline.taken(), |clip, from, to, last| {
                let pcm = Pcm::mono(timeline.taken_of(clip.side, from, to), rate);
                writes.push_back(Write::Clip { number: clip.number, side: clip.side, pcm, last });
            });
        }
    }

    fn clip(&mut self, change: impl FnOnce(&mut Clips)) {
        if let Some(clips) = &mut self.clips {
            change(clips);
        }
    }
}

#[cfg(test)]
mod tests;
