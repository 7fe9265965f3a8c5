//! Where the bot's audio belongs: where it was heard.
//!
//! In: audio on its way to the output, the output's own edges of playback, and whether playback is held. Out:
//! samples and their place.
//! 1. An answer begins where the output says it does. From there its audio is laid end to end; audio that came
//!    later than it was due begins where it came, as it did in the output.
//! 2. An answer that was interrupted ends where the output says it was heard to.
//! 3. Nothing is placed further ahead than `lead`: what was not heard is never on disk.
//! 4. Held: at most [`WAITING`] of audio, shared with the output; the oldest is forgotten first, and counted.
//!
//! The clock is that of [`voxline_core::playout`], which every output plays by.

use std::{collections::VecDeque, time::Duration};

use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    frame::{BotSpeech, ContextId},
    playout::{HOLD_LIMIT, Playback},
};

use crate::{resampled::Resampled, timeline::Placed};

/// Audio that may wait to be played: as much as outputs let wait.
const WAITING: Duration = Duration::from_secs(300);
/// A chunk is placed in pieces of this length, so that a long one is not placed far ahead.
const PIECE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct BotTrack {
    lead: Duration,
    resampled: Resampled,
    queue: VecDeque<Waiting>,
    waiting: Duration,
    playing: Option<Playing>,
    held_until: Option<Duration>,
    overflowed: Duration,
}

/// A chunk of which some frames have been placed.
#[derive(Debug)]
struct Waiting {
    context: ContextId,
    pcm: Pcm,
    placed: usize,
    came: Duration,
}

#[derive(Debug)]
struct Playing {
    context: ContextId,
    /// Where its next sample is heard.
    next: Duration,
    placed: Duration,
    /// It was interrupted: nothing more is placed until the output has said how much was heard.
    cut: bool,
}

impl BotTrack {
    pub(crate) fn new(rate: SampleRate, lead: Duration) -> Self {
        Self {
            lead,
            resampled: Resampled::new(rate),
            queue: VecDeque::new(),
            waiting: Duration::ZERO,
            playing: None,
            held_until: None,
            overflowed: Duration::ZERO,
        }
    }

    /// Audio goes to the output.
    pub(crate) fn handle_audio(&mut self, now: Duration, context: ContextId, pcm: Pcm) {
        self.waiting += pcm.duration();
        self.queue.push_back(Waiting { context, pcm, placed: 0, came: now });
        while self.waiting > WAITING
            && let Some(oldest) = self.pop()
        {
            self.overflowed += oldest;
        }
    }

    /// The first sample of an answer is heard.
    pub(crate) fn handle_started(&mut self, now: Duration, context: ContextId, placed: &mut Vec<Placed>) {
        self.resampled.finish(placed);
        // What stands before it was never played.
        while self.queue.front().is_some_and(|chunk| chunk.context != context) {
            self.pop();
        }
        self.held_until = None;
        self.playing = Some(Playing { context, next: now, placed: Duration::ZERO, cut: false });
        self.advance(now, placed);
    }

    /// An answer is over. Gives where its last sample was heard.
    pub(crate) fn handle_stopped(
        &mut self,
        now: Duration,
        speech: &BotSpeech,
        placed: &mut Vec<Placed>,
    ) -> Option<Duration> {
        self.playing.as_ref().filter(|playing| playing.context == speech.context)?;
        // The output has played more than is due here where it does not play in real time.
        let all = if speech.interrupted { speech.played } else { Duration::MAX };
        while self.playing.as_ref().is_some_and(|playing| playing.placed < all) && self.place(now, placed) {}
        self.resampled.finish(placed);
        let playing = self.playing.take()?;
        if speech.interrupted {
            while self.queue.front().is_some_and(|chunk| chunk.context == speech.context) {
                self.pop();
            }
            let unheard = playing.placed.saturating_sub(speech.played);
            return Some(playing.next.saturating_sub(unheard));
        }
        Some(playing.next)
    }

    /// The answer is over as far as it has not been heard.
    pub(crate) fn handle_interrupt(&mut self) {
        self.held_until = None;
        if let Some(playing) = &mut self.playing {
            playing.cut = true;
        }
    }

    /// Playback is held, or goes on.
    pub(crate) fn handle_playback(&mut self, now: Duration, playback: Playback, placed: &mut Vec<Placed>) {
        self.advance(now, placed);
        match playback {
            Playback::Hold => self.held_until = Some(now + HOLD_LIMIT),
            Playback::Resume => self.resume(now),
        }
        self.advance(now, placed);
    }

    /// Places what is heard, or about to be.
    pub(crate) fn advance(&mut self, now: Duration, placed: &mut Vec<Placed>) {
        if let Some(until) = self.held_until {
            if now < until {
                return;
            }
            self.resume(until);
        }
        while self.playing.as_ref().is_some_and(|playing| !playing.cut && playing.next <= now + self.lead)
            && self.place(now, placed)
        {}
    }

    /// Whether an answer is being played.
    pub(crate) fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// Audio that was forgotten.
    pub(crate) fn overflowed(&self) -> Duration {
        self.overflowed
    }

    fn resume(&mut self, at: Duration) {
        self.held_until = None;
        if let Some(playing) = &mut self.playing {
            playing.next = playing.next.max(at);
        }
    }

    /// Places the next piece of the answer that is played; whether there was one.
    fn place(&mut self, now: Duration, placed: &mut Vec<Placed>) -> bool {
        let (Some(playing), Some(chunk)) = (&mut self.playing, self.queue.front_mut()) else { return false };
        if chunk.context != playing.context {
            return false;
        }
        let piece = chunk.next_piece();
        let at = playing.next.max(chunk.came.min(now));
        playing.next = at + piece.duration();
        playing.placed += piece.duration();
        self.resampled.push(at, &piece, placed);
        if chunk.placed == chunk.pcm.frames() {
            self.pop();
        }
        true
    }

    /// Forgets the chunk at the front; how much of it was still to be placed.
    fn pop(&mut self) -> Option<Duration> {
        let chunk = self.queue.pop_front()?;
        self.waiting = self.waiting.saturating_sub(chunk.pcm.duration());
        let left = chunk.pcm.frames() - chunk.placed;
        Some(chunk.pcm.rate().duration_of(left as u64))
    }
}

impl Waiting {
    fn next_piece(&mut self) -> Pcm {
        let (rate, channels) = (self.pcm.rate(), usize::from(self.pcm.channels()));
        let longest = usize::try_from(rate.samples_in(PIECE)).unwrap_or(usize::MAX).max(1);
        let len = longest.min(self.pcm.frames() - self.placed);
        if len == self.pcm.frames() {
            self.placed = len;
            return self.pcm.clone();
        }
        let samples = &self.pcm.samples()[self.placed * channels..(self.placed + len) * channels];
        self.placed += len;
        Pcm::interleaved(samples, rate, self.pcm.channels()).expect("whole frames")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_8000;
    const FIRST: ContextId = ContextId(1);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn pcm(milliseconds: u64) -> Pcm {
        Pcm::mono(vec![1; RATE.samples_in(ms(milliseconds)) as usize], RATE)
    }

    fn heard(played: u64) -> BotSpeech {
        BotSpeech { played: ms(played), interrupted: true, ..BotSpeech::new(FIRST) }
    }

    /// From where to where samples were placed, in ms, pieces joined.
    fn spans(placed: &[Placed]) -> Vec<(u64, u64)> {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for piece in placed {
            let (from, to) = (piece.at / 8, (piece.at + piece.samples.len() as u64) / 8);
            match spans.last_mut() {
                Some((_, end)) if *end == from => *end = to,
                _ => spans.push((from, to)),
            }
        }
        spans
    }

    #[test]
    fn an_answer_is_laid_out_from_where_it_started_and_no_further_than_the_lead() {
        let (mut track, mut placed) = (BotTrack::new(RATE, ms(150)), Vec::new());
        track.handle_audio(ms(1_000), FIRST, pcm(2_000));
        track.advance(ms(1_000), &mut placed);
        assert_eq!(spans(&placed), [], "nothing is heard before the output says so");
        track.handle_started(ms(1_005), FIRST, &mut placed);
        assert_eq!(spans(&placed), [(1_005, 1_205)]);
        track.advance(ms(2_000), &mut placed);
        assert_eq!(spans(&placed), [(1_005, 2_205)]);
        let speech = BotSpeech { played: ms(2_000), complete: true, ..BotSpeech::new(FIRST) };
        assert_eq!(track.handle_stopped(ms(3_005), &speech, &mut placed), Some(ms(3_005)));
        assert_eq!(spans(&placed), [(1_005, 3_005)]);
    }

    #[test]
    fn audio_that_came_late_begins_where_it_came() {
        let (mut track, mut placed) = (BotTrack::new(RATE, ms(150)), Vec::new());
        track.handle_audio(ms(0), FIRST, pcm(100));
        track.handle_started(ms(0), FIRST, &mut placed);
        track.handle_audio(ms(400), FIRST, pcm(100));
        // Looked at long after: only when it came counts.
        track.advance(ms(900), &mut placed);
        assert_eq!(spans(&placed), [(0, 100), (400, 500)]);
    }

    #[test]
    fn an_interrupted_answer_ends_where_it_was_heard_to() {
        let (mut track, mut placed) = (BotTrack::new(RATE, ms(150)), Vec::new());
        track.handle_audio(ms(0), FIRST, pcm(5_000));
        track.handle_started(ms(0), FIRST, &mut placed);
        track.advance(ms(730), &mut placed);
        track.handle_interrupt();
        track.advance(ms(900), &mut placed);
        assert_eq!(track.handle_stopped(ms(900), &heard(735), &mut placed), Some(ms(735)));
        assert_eq!(spans(&placed), [(0, 900)], "the rest is the timeline's to cut");
        assert_eq!(track.waiting, Duration::ZERO);
    }

    #[test]
    fn held_playback_stops_after_what_was_written_and_goes_on_where_it_is_resumed() {
        let (mut track, mut placed) = (BotTrack::new(RATE, ms(100)), Vec::new());
        track.handle_audio(ms(0), FIRST, pcm(1_000));
        track.handle_started(ms(0), FIRST, &mut placed);
        track.handle_playback(ms(300), Playback::Hold, &mut placed);
        track.advance(ms(2_000), &mut placed);
        track.handle_playback(ms(2_000), Playback::Resume, &mut placed);
        track.handle_stopped(ms(2_500), &BotSpeech::new(FIRST), &mut placed);
        assert_eq!(spans(&placed), [(0, 500), (2_000, 2_500)]);
    }

    #[test]
    fn an_output_that_does_not_play_in_real_time_is_believed() {
        let (mut track, mut placed) = (BotTrack::new(RATE, ms(100)), Vec::new());
        track.handle_audio(ms(0), FIRST, pcm(3_000));
        track.handle_started(ms(0), FIRST, &mut placed);
        track.handle_interrupt();
        assert_eq!(track.handle_stopped(ms(1), &heard(2_500), &mut placed), Some(ms(2_500)));
        assert_eq!(spans(&placed), [(0, 2_500)]);
    }

    #[test]
    fn audio_that_nobody_plays_is_forgotten_and_counted() {
        let mut track = BotTrack::new(RATE, ms(100));
        for n in 0..310 {
            track.handle_audio(ms(n), FIRST, pcm(1_000));
        }
        assert_eq!((track.waiting, track.overflowed()), (WAITING, ms(10_000)));
    }
}
