//! Playing an answer on a clock: what every output transport decides the same way.
//!
//! Pure: `(now, input) → outputs`. A [`Playout`] takes the audio of answers as it comes (in bursts, early
//! or late) and says what is to be written when, chunk by chunk, at most `lead` ahead of real time. It
//! knows how much of each answer has been *played*, which lags what has been written by the lead.
//!
//! Promises: 1. samples out equal samples in, in order, for each answer that is not interrupted; 2. after
//! [`interrupt`](Playout::interrupt) nothing of it is written, and what is written ahead of hearing is never more
//! than the lead and one [`PIECE`], however long the chunks that come; 3. started and stopped come once per answer,
//! stopped when its last sample has been played, and between them, with what is written, how far it is: once for each
//! [`SPEAKING`] at most; 4. a pause in the input moves the clock, it is not caught up;
//! 5. [`hold`](Playout::hold) stops the writing and [`resume`](Playout::resume) goes on with the very next
//! sample; what was written before is still heard; 6. nothing is held for longer than [`HOLD_LIMIT`].
//!
//! [`Playback`] is how a stage asks the output for it: on the signal lane, so that it overtakes audio.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use voxline_audio::Pcm;

use crate::{
    CustomFrame,
    frame::{BotSpeech, ContextId},
};

/// How long playback is held at most, whoever forgets to resume it.
pub const HOLD_LIMIT: Duration = Duration::from_secs(15);

/// The longest stretch that is written at once by a playout with a lead: longer chunks are cut.
pub const PIECE: Duration = Duration::from_millis(50);

/// What must have been played of an answer, at least, since it was last told how far it is.
pub const SPEAKING: Duration = Duration::from_millis(200);

/// A signal to the output: whether the answer goes on. Held playback that is interrupted is forgotten; held
/// playback that is resumed goes on with the next sample. Outputs that cannot hold pass it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playback {
    /// Write nothing more for now, and begin no answer.
    Hold,
    /// Go on.
    Resume,
}

impl CustomFrame for Playback {
    // It belongs to the answer that plays: after an interruption there is nothing to hold or resume.
    fn survives_interruption(&self) -> bool {
        false
    }

    fn is_signal(&self) -> bool {
        true
    }
}

/// What an output has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Play {
    /// The first sample of an answer is about to be played: tell it upstream.
    Started(BotSpeech),
    /// Write this now.
    Write(Pcm),
    /// Another [`SPEAKING`] of an answer was played: tell it upstream.
    Speaking(BotSpeech),
    /// An answer is over: tell it upstream.
    Stopped(BotSpeech),
}

/// The playing of answers, one after the other.
#[derive(Debug)]
pub struct Playout {
    lead: Option<Duration>,
    queue: VecDeque<Item>,
    outputs: VecDeque<Play>,
    current: Option<Current>,
    /// Until when nothing is written.
    held: Option<Instant>,
}

#[derive(Debug)]
enum Item {
    Audio(ContextId, Pcm),
    End(ContextId),
}

/// The answer that is being played.
#[derive(Debug)]
struct Current {
    context: ContextId,
    /// When its next sample is due to be heard: all written before is heard by then.
    heard_at: Instant,
    written: Duration,
    /// How much had been played when that was last told.
    told: Duration,
    /// No more audio of it will come.
    complete: bool,
}

impl Playout {
    /// Plays in real time, writing at most `lead` ahead of what is heard. `None` plays as fast as audio comes.
    #[must_use]
    pub fn new(lead: Option<Duration>) -> Self {
        Self { lead, queue: VecDeque::new(), outputs: VecDeque::new(), current: None, held: None }
    }

    /// Takes audio of an answer.
    pub fn handle_audio(&mut self, now: Instant, context: ContextId, pcm: Pcm) {
        if self.lead.is_some() && pcm.duration() > PIECE {
            self.queue.extend(pieces(&pcm).map(|piece| Item::Audio(context, piece)));
        } else {
            self.queue.push_back(Item::Audio(context, pcm));
        }
        self.advance(now);
    }

    /// All audio of an answer has come.
    pub fn handle_stopped(&mut self, now: Instant, context: ContextId) {
        self.queue.push_back(Item::End(context));
        self.advance(now);
    }

    /// No more audio will come of any answer. Nothing is held any more.
    pub fn finish(&mut self, now: Instant) {
        self.held = None;
        if let Some(context) = self.last_context() {
            self.handle_stopped(now, context);
        }
    }

    fn last_context(&self) -> Option<ContextId> {
        let queued = self.queue.back().map(|item| match item {
            Item::Audio(context, _) | Item::End(context) => *context,
        });
        queued.or(self.current.as_ref().map(|current| current.context))
    }

    /// Writes nothing more, until [`resume`](Self::resume) or [`HOLD_LIMIT`] has passed.
    pub fn hold(&mut self, now: Instant) {
        self.held = Some(now + HOLD_LIMIT);
    }

    /// Goes on where it was held.
    pub fn resume(&mut self, now: Instant) {
        self.held = None;
        self.advance(now);
    }

    /// Forgets everything that has not been written. The answer that was playing is stopped, with how much of
    /// it was heard.
    pub fn interrupt(&mut self, now: Instant) {
        self.outputs.retain(|play| !matches!(play, Play::Write(_) | Play::Speaking(_)));
        if let Some(speech) = self.position(now) {
            self.outputs.push_back(Play::Stopped(BotSpeech { interrupted: true, ..speech }));
        }
        self.queue.clear();
        self.current = None;
        self.held = None;
    }

    /// Call when the time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.held = self.held.filter(|&until| now < until);
        self.advance(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Play> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if let Some(until) = self.held {
            let stops =
                self.current.as_ref().filter(|current| current.complete).map(|current| current.heard_at);
            return Some(stops.map_or(until, |at| at.min(until)));
        }
        let (current, lead) = (self.current.as_ref()?, self.lead?);
        if current.complete || self.queue.is_empty() {
            return current.complete.then_some(current.heard_at);
        }
        current.heard_at.checked_sub(lead)
    }

    /// Whether everything that came has been played.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.queue.is_empty()
    }

    /// How much audio waits to be written.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        let audio = self.queue.iter().map(|item| match item {
            Item::Audio(_, pcm) => pcm.duration(),
            Item::End(_) => Duration::ZERO,
        });
        audio.sum()
    }

    /// How much of which answer has been heard.
    #[must_use]
    pub fn position(&self, now: Instant) -> Option<BotSpeech> {
        let current = self.current.as_ref()?;
        let played = current.played(now, self.lead);
        Some(BotSpeech { played, ..self.speech(current) })
    }

    /// What is known of an answer, all of it played.
    fn speech(&self, current: &Current) -> BotSpeech {
        let (mut received, mut complete) = (current.written, current.complete);
        for item in &self.queue {
            match item {
                Item::Audio(context, pcm) if *context == current.context => received += pcm.duration(),
                // The end of it, or the next answer.
                _ => complete = true,
            }
        }
        let received = u64::try_from(received.as_nanos()).unwrap_or(u64::MAX);
        BotSpeech { played: current.written, received, complete, ..BotSpeech::new(current.context) }
    }

    fn advance(&mut self, now: Instant) {
        loop {
            self.settle(now);
            if self.held.is_some() {
                return;
            }
            let Some(item) = self.queue.front() else { return };
            let context = match item {
                Item::Audio(context, _) | Item::End(context) => *context,
            };
            if self.current.as_ref().is_some_and(|current| current.context != context) {
                // The next answer: the one before gets no more audio.
                self.complete();
                if self.current.as_ref().is_some_and(|current| !current.is_heard(now, self.lead)) {
                    return;
                }
                continue;
            }
            match item {
                Item::End(_) => {
                    self.queue.pop_front();
                    self.complete();
                }
                Item::Audio(..) => {
                    if !self.write(now) {
                        return;
                    }
                }
            }
        }
    }

    /// Writes the chunk at the front, if it is time.
    fn write(&mut self, now: Instant) -> bool {
        let due = match (&self.current, self.lead) {
            (Some(current), Some(lead)) => current.heard_at <= now + lead,
            _ => true,
        };
        if !due {
            return false;
        }
        let Some(Item::Audio(context, pcm)) = self.queue.pop_front() else { return false };
        let current = self.current.get_or_insert_with(|| {
            self.outputs.push_back(Play::Started(BotSpeech::new(context)));
            Current { context, heard_at: now, written: Duration::ZERO, told: Duration::ZERO, complete: false }
        });
        // After a pause of the input the clock goes on from now.
        current.heard_at = current.heard_at.max(now) + pcm.duration();
        current.written += pcm.duration();
        self.outputs.push_back(Play::Write(pcm));
        self.tell(now);
        true
    }

    /// Says how far the answer is, if enough of it was played since that was last said.
    fn tell(&mut self, now: Instant) {
        let Some(current) = &mut self.current else { return };
        let played = current.played(now, self.lead);
        if played < current.told + SPEAKING {
            return;
        }
        current.told = played;
        self.outputs.extend(self.position(now).map(Play::Speaking));
    }

    fn complete(&mut self) {
        if let Some(current) = &mut self.current {
            current.complete = true;
        }
    }

    /// Stops the current answer once all of it has been heard.
    fn settle(&mut self, now: Instant) {
        if let Some(current) =
            self.current.take_if(|current| current.complete && current.is_heard(now, self.lead))
        {
            let speech = self.speech(&current);
            self.outputs.push_back(Play::Stopped(speech));
        }
    }
}

/// Cuts audio, so that an interruption finds little of it written.
fn pieces(pcm: &Pcm) -> impl Iterator<Item = Pcm> {
    let (rate, channels) = (pcm.rate(), pcm.channels());
    let frames = usize::try_from(rate.samples_in(PIECE)).unwrap_or(usize::MAX).max(1);
    let chunks = pcm.samples().chunks(frames.saturating_mul(usize::from(channels)));
    chunks.filter_map(move |chunk| Pcm::interleaved(chunk, rate, channels))
}

impl Current {
    fn is_heard(&self, now: Instant, lead: Option<Duration>) -> bool {
        lead.is_none() || self.heard_at <= now
    }

    fn played(&self, now: Instant, lead: Option<Duration>) -> Duration {
        match lead {
            None => self.written,
            Some(_) => self.written.saturating_sub(self.heard_at.saturating_duration_since(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use voxline_audio::SampleRate;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn chunk(n: u64) -> Pcm {
        let samples = SampleRate::HZ_16000.samples_in(ms(n)) as usize;
        Pcm::mono(vec![1; samples], SampleRate::HZ_16000)
    }

    fn outputs(playout: &mut Playout) -> Vec<String> {
        std::iter::from_fn(|| playout.poll_output())
            .map(|play| match play {
                Play::Started(speech) => format!("started {}", speech.context),
                Play::Write(pcm) => format!("write {:?}", pcm.duration()),
                Play::Speaking(speech) => format!("speaking {} at {:?}", speech.context, speech.played),
                Play::Stopped(speech) => {
                    let how = if speech.interrupted { "interrupted" } else { "stopped" };
                    format!("{how} {} after {:?}", speech.context, speech.played)
                }
            })
            .collect()
    }

    #[test]
    fn a_burst_is_written_at_the_pace_of_hearing_plus_the_lead() {
        let mut playout = Playout::new(Some(ms(40)));
        let start = Instant::now();
        for _ in 0..5 {
            playout.handle_audio(start, ContextId(1), chunk(20));
        }
        playout.handle_stopped(start, ContextId(1));
        assert_eq!(outputs(&mut playout), ["started ctx-1", "write 20ms", "write 20ms", "write 20ms"]);
        assert_eq!(playout.poll_timeout(), Some(start + ms(20)));
        playout.handle_timeout(start + ms(20));
        assert_eq!(outputs(&mut playout), ["write 20ms"]);
        playout.handle_timeout(start + ms(40));
        assert_eq!(outputs(&mut playout), ["write 20ms"]);
        assert_eq!(playout.poll_timeout(), Some(start + ms(100)));
        playout.handle_timeout(start + ms(100));
        assert_eq!(outputs(&mut playout), ["stopped ctx-1 after 100ms"]);
        assert!(playout.is_idle());
    }

    #[test]
    fn how_far_an_answer_is_is_told_five_times_a_second_while_it_is_heard() {
        let mut playout = Playout::new(Some(ms(40)));
        let start = Instant::now();
        for _ in 0..40 {
            playout.handle_audio(start, ContextId(1), chunk(20));
        }
        playout.handle_stopped(start, ContextId(1));
        let mut told = Vec::new();
        while let Some(at) = playout.poll_timeout() {
            playout.handle_timeout(at);
            told.extend(outputs(&mut playout).into_iter().filter(|line| line.starts_with("speaking")));
        }
        let expected = ["200ms", "400ms", "600ms"].map(|at| format!("speaking ctx-1 at {at}"));
        assert_eq!(told, expected, "and not when all is written, or over");
    }

    #[test]
    fn an_interruption_writes_nothing_more_and_says_how_much_was_heard() {
        let mut playout = Playout::new(Some(ms(40)));
        let start = Instant::now();
        for _ in 0..50 {
            playout.handle_audio(start, ContextId(1), chunk(20));
        }
        outputs(&mut playout);
        playout.handle_timeout(start + ms(20));
        playout.interrupt(start + ms(30));
        assert_eq!(outputs(&mut playout), ["interrupted ctx-1 after 30ms"]);
        assert!(playout.is_idle());
        playout.handle_timeout(start + ms(500));
        assert_eq!(outputs(&mut playout), [""; 0]);
    }

    #[test]
    fn the_next_answer_begins_when_the_one_before_has_been_heard() {
        let mut playout = Playout::new(Some(ms(40)));
        let start = Instant::now();
        playout.handle_audio(start, ContextId(1), chunk(20));
        playout.handle_audio(start, ContextId(2), chunk(20));
        assert_eq!(outputs(&mut playout), ["started ctx-1", "write 20ms"]);
        playout.handle_timeout(playout.poll_timeout().unwrap());
        assert_eq!(outputs(&mut playout), ["stopped ctx-1 after 20ms", "started ctx-2", "write 20ms"]);
    }

    #[test]
    fn held_playback_resumes_with_the_very_next_sample() {
        let mut playout = Playout::new(Some(ms(40)));
        let start = Instant::now();
        for _ in 0..5 {
            playout.handle_audio(start, ContextId(1), chunk(20));
        }
        playout.handle_stopped(start, ContextId(1));
        outputs(&mut playout);
        playout.hold(start + ms(10));
        playout.handle_timeout(start + ms(500));
        assert_eq!(outputs(&mut playout), [""; 0]);
        assert_eq!(playout.position(start + ms(500)).unwrap().played, ms(60), "what was written is heard");
        playout.resume(start + ms(500));
        assert_eq!(outputs(&mut playout), ["write 20ms", "write 20ms"]);
        playout.handle_timeout(playout.poll_timeout().unwrap());
        assert_eq!(outputs(&mut playout), ["stopped ctx-1 after 100ms"]);
    }

    #[test]
    fn an_answer_that_is_held_before_its_first_sample_does_not_start() {
        let mut playout = Playout::new(Some(ms(40)));
        let start = Instant::now();
        playout.hold(start);
        playout.handle_audio(start, ContextId(1), chunk(20));
        assert_eq!(outputs(&mut playout), [""; 0]);
        playout.interrupt(start + ms(10));
        playout.handle_audio(start + ms(20), ContextId(2), chunk(20));
        assert_eq!(outputs(&mut playout), ["started ctx-2", "write 20ms"]);
    }

    #[test]
    fn nothing_is_held_for_ever() {
        let mut playout = Playout::new(Some(ms(0)));
        let start = Instant::now();
        playout.hold(start);
        playout.handle_audio(start, ContextId(1), chunk(20));
        let until = playout.poll_timeout().unwrap();
        assert_eq!(until, start + HOLD_LIMIT);
        playout.handle_timeout(until);
        assert_eq!(outputs(&mut playout), ["started ctx-1", "write 20ms"]);
    }

    #[test]
    fn an_interruption_says_how_much_audio_had_come() {
        let mut playout = Playout::new(Some(ms(40)));
        let start = Instant::now();
        for _ in 0..5 {
            playout.handle_audio(start, ContextId(1), chunk(20));
        }
        let speech = playout.position(start + ms(30)).unwrap();
        assert_eq!((speech.played, speech.received(), speech.complete), (ms(30), ms(100), false));
        playout.handle_stopped(start + ms(30), ContextId(1));
        assert!(playout.position(start + ms(30)).unwrap().complete);
    }

    #[test]
    fn without_a_clock_everything_is_written_at_once() {
        let mut playout = Playout::new(None);
        let start = Instant::now();
        playout.handle_audio(start, ContextId(1), chunk(20));
        playout.handle_audio(start, ContextId(1), chunk(7));
        playout.handle_stopped(start, ContextId(1));
        assert_eq!(
            outputs(&mut playout),
            ["started ctx-1", "write 20ms", "write 7ms", "stopped ctx-1 after 27ms"]
        );
    }

    #[test]
    fn a_gap_in_the_input_moves_the_clock() {
        let mut playout = Playout::new(Some(ms(0)));
        let start = Instant::now();
        playout.handle_audio(start, ContextId(1), chunk(20));
        playout.handle_audio(start + ms(100), ContextId(1), chunk(20));
        playout.handle_stopped(start + ms(100), ContextId(1));
        assert_eq!(playout.poll_timeout(), Some(start + ms(120)));
        playout.handle_timeout(start + ms(120));
        let all = outputs(&mut playout);
        assert_eq!(all.last().map(String::as_str), Some("stopped ctx-1 after 40ms"));
    }
}
