//! The speaker as the output of a pipeline.
//!
//! | frame | what happens |
//! |---|---|
//! | `OutputAudio`, `TtsStopped` | played on the clock; audio is taken |
//! | `Custom(Playback)` | holds the answer or goes on with it, at the same sample; passed on |
//! | `Interrupt` | the speaker is silent within one of its own buffers, 10 to 40 ms |
//! | `End` | waits until everything has been played |
//! | out, both ways: `BotStartedSpeaking`, `BotStoppedSpeaking` | at the edges of playback, with the time played |
//! | out, both ways: `BotSpeaking` | between them, how far the answer is |
//! | anything else | passed on |
//!
//! What was played is known but for the device's own buffer, which the system does not tell.

use std::time::Duration;

use voxline_audio::{Pcm, Resampler as _, SampleRate, StreamResampler, mix};
use voxline_core::{
    Context, Ending, Error, Processor, Timer,
    frame::{Frame, Interrupt, Payload},
    playout::{Play, Playback, Playout},
    processor::Result,
};

use crate::{
    LocalError, LocalStats,
    device::{Keeper, Open},
    ring::Writer,
};

/// How far playback is written ahead of what is heard, unless it is set.
const LEAD: Duration = Duration::from_millis(150);
/// What the ring to the device has room for in any case.
const MOST_LEAD: Duration = Duration::from_secs(1);
/// Audio that may wait to be played before the input is held.
const WAITING: Duration = Duration::from_secs(300);
/// Time for the device to play what is in its own buffer, before it is closed.
const TAIL: Duration = Duration::from_millis(200);
/// Time asked for, beyond what is left to play, while the end waits.
const END_SLACK: Duration = Duration::from_secs(2);

const PLAY: Timer = Timer(0);
const CLOSE: Timer = Timer(1);

/// Plays to the speaker.
#[derive(Debug)]
pub struct LocalOutput {
    device: Open<Writer>,
    keeper: Option<Keeper>,
    stats: LocalStats,
    lead: Duration,
    playout: Playout,
    resampler: Option<StreamResampler>,
    ending: bool,
    told_lost: bool,
}

impl LocalOutput {
    pub(crate) fn new(device: Open<Writer>, keeper: Keeper, stats: LocalStats) -> Self {
        Self {
            device,
            keeper: Some(keeper),
            stats,
            lead: LEAD,
            playout: Playout::new(Some(LEAD)),
            resampler: None,
            ending: false,
            told_lost: false,
        }
    }

    /// Writes so far ahead of what is heard, at most 1 s. Default 150 ms: a stall of the program that is as long makes
    /// no gap, and held playback is still heard for as long. A recorder in the same pipeline must be told the same.
    #[must_use]
    pub fn with_lead(mut self, lead: Duration) -> Self {
        self.lead = lead.min(MOST_LEAD);
        self.playout = Playout::new(Some(self.lead));
        self
    }

    /// Does what the playout has decided.
    fn play(&mut self, ctx: &mut Context<'_>) -> Result {
        let mut outcome = Ok(());
        while let Some(play) = self.playout.poll_output() {
            match play {
                Play::Started(speech) => ctx.broadcast(Payload::BotStartedSpeaking(speech)),
                // Playback goes on: the clock and the edges do not depend on the device.
                Play::Write(pcm) => outcome = self.write(&pcm).and(outcome),
                Play::Speaking(speech) => ctx.broadcast(Payload::BotSpeaking(speech)),
                Play::Stopped(speech) => {
                    if !speech.interrupted {
                        self.flush();
                    }
                    ctx.broadcast(Payload::BotStoppedSpeaking(speech));
                }
            }
        }
        match self.playout.poll_timeout() {
            Some(at) => ctx.set_timer(PLAY, at),
            None => ctx.cancel_timer(PLAY),
        }
        if self.playout.waiting() > WAITING {
            ctx.hold_input();
        } else {
            ctx.release_input();
        }
        if self.ending && self.playout.is_idle() {
            let at = ctx.now() + TAIL;
            ctx.set_timer(CLOSE, at);
        }
        if self.stats.is_lost(false) && !std::mem::replace(&mut self.told_lost, true) {
            return Err(Error::other(LocalError::Lost { device: self.device.name.clone() }));
        }
        outcome
    }

    fn write(&mut self, pcm: &Pcm) -> Result {
        if self.resampler.as_ref().is_none_or(|resampler| resampler.input_rate() != pcm.rate()) {
            self.flush();
            self.resampler = Some(resampler(&self.device, pcm.rate())?);
        }
        let Some(resampler) = &mut self.resampler else { return Ok(()) };
        let mut samples = Vec::new();
        resampler.push(mix::to_mono(pcm).samples(), &mut samples);
        self.device.end.write(samples.into_iter());
        Ok(())
    }

    /// Plays what waits in the resampler.
    fn flush(&mut self) {
        if let Some(mut resampler) = self.resampler.take() {
            let mut samples = Vec::new();
            resampler.flush(&mut samples);
            self.device.end.write(samples.into_iter());
        }
    }
}

impl Processor for LocalOutput {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        match frame.payload {
            Payload::OutputAudio(spoken) => self.playout.handle_audio(now, spoken.context, spoken.pcm),
            Payload::TtsStopped(speech) => {
                self.playout.handle_stopped(now, speech.context);
                ctx.push(frame);
            }
            Payload::Custom(ref custom) if custom.downcast_ref::<Playback>().is_some() => {
                match custom.downcast_ref() {
                    Some(Playback::Hold) => self.playout.hold(now),
                    _ => self.playout.resume(now),
                }
                ctx.push(frame);
            }
            _ => {
                ctx.push(frame);
                return Ok(());
            }
        }
        self.play(ctx)
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        self.playout.interrupt(ctx.now());
        self.device.end.clear();
        self.resampler = None;
        self.play(ctx)
    }

    fn timeout(&mut self, timer: Timer, ctx: &mut Context<'_>) -> Result {
        if timer == CLOSE {
            ctx.finish_end();
            return Ok(());
        }
        self.playout.handle_timeout(ctx.now());
        self.play(ctx)
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        if self.playout.is_idle() && self.device.end.waiting() == 0 {
            return Ok(Ending::Now);
        }
        self.ending = true;
        self.playout.finish(ctx.now());
        ctx.postpone_end(self.playout.waiting() + self.lead + TAIL + END_SLACK);
        self.play(ctx)?;
        Ok(Ending::Later)
    }

    fn stop(&mut self) {
        self.device.end.clear();
        self.keeper = None;
        let (overrun, glitches) = (self.stats.overrun(), self.stats.glitches());
        tracing::debug!(overrun, glitches, too_long = self.device.end.dropped(), "the speaker is closed");
    }
}

fn resampler(device: &Open<Writer>, from: SampleRate) -> Result<StreamResampler> {
    StreamResampler::new(from, device.rate)
        .map_err(|source| Error::other(LocalError::Rate { device: device.name.clone(), source }))
}

#[cfg(test)]
mod tests {
    use voxline_core::frame::{BotSpeech, ContextId, FrameKind, RequestId, SpokenAudio};
    use voxline_testkit::{Harness, conformance};

    use super::*;
    use crate::{device::fake, ring::Reader};

    conformance!(
        local_output,
        || {
            let (device, keeper, _) = fake::speaker(SampleRate::HZ_48000);
            LocalOutput::new(device, keeper, LocalStats::default())
        },
        consumes: [FrameKind::OutputAudio],
    );

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn start() -> (Harness, Reader) {
        let (device, keeper, reader) = fake::speaker(SampleRate::HZ_48000);
        (Harness::new(LocalOutput::new(device, keeper, LocalStats::default())), reader)
    }

    /// An answer of so many chunks of 20 ms at 24 kHz.
    fn say(harness: &mut Harness, chunks: u32) {
        let (context, request) = (ContextId(1), RequestId(1));
        for _ in 0..chunks {
            let pcm = Pcm::mono(vec![700; 480], SampleRate::HZ_24000);
            harness.queue(Frame::new(Payload::OutputAudio(SpokenAudio { pcm, context, request })));
        }
        harness.queue(Frame::new(Payload::TtsStopped(BotSpeech::new(context))));
    }

    /// Lets a device of 48 kHz play for so long.
    fn hear(harness: &mut Harness, reader: &mut Reader, milliseconds: u64) -> usize {
        let mut heard = 0;
        for _ in 0..milliseconds / 10 {
            heard += reader.read(480, |_| {});
            harness.advance(ms(10));
        }
        heard
    }

    #[test]
    fn r_20_an_answer_comes_out_whole_at_the_rate_of_the_device() {
        let (mut harness, mut reader) = start();
        say(&mut harness, 50);
        let heard = hear(&mut harness, &mut reader, 1_100);
        assert_eq!(heard, 48_000);
        let log = harness.finish();
        assert_eq!(
            (log.count(FrameKind::BotStartedSpeaking), log.count(FrameKind::BotStoppedSpeaking)),
            (2, 2)
        );
    }

    #[test]
    fn r_24_no_more_than_the_lead_is_written_ahead() {
        let (mut harness, mut reader) = start();
        say(&mut harness, 250);
        let at_once = reader.read(usize::MAX, |_| {});
        assert!(at_once <= 48 * 190, "{at_once} samples");
        harness.interrupt();
    }

    #[test]
    fn another_lead_is_written_ahead_and_no_more() {
        for (lead, written) in [(0, 0..=50), (40, 40..=90), (400, 400..=450), (60_000, 1_000..=1_050)] {
            let (device, keeper, mut reader) = fake::speaker(SampleRate::HZ_48000);
            let output = LocalOutput::new(device, keeper, LocalStats::default()).with_lead(ms(lead));
            let mut harness = Harness::new(output);
            say(&mut harness, 250);
            let at_once = reader.read(usize::MAX, |_| {}) as u64 / 48;
            assert!(written.contains(&at_once), "{at_once} ms with a lead of {lead} ms");
        }
    }

    #[test]
    fn r_30_after_an_interruption_the_speaker_has_nothing_left_to_play() {
        let (mut harness, mut reader) = start();
        say(&mut harness, 250);
        hear(&mut harness, &mut reader, 500);
        harness.interrupt();
        assert_eq!(hear(&mut harness, &mut reader, 500), 0);
        let log = harness.finish();
        let stopped = log.up().into_iter().find_map(|frame| match frame.payload {
            Payload::BotStoppedSpeaking(speech) => Some(speech),
            _ => None,
        });
        let stopped = stopped.unwrap();
        assert!(stopped.interrupted && stopped.played == ms(500), "{stopped:?}");
    }

    #[test]
    fn the_end_waits_for_the_last_sample_and_for_the_device() {
        let (mut harness, _reader) = start();
        say(&mut harness, 100);
        harness.finish_outcome().unwrap();
        let elapsed = harness.elapsed();
        assert!(elapsed >= ms(2_000) + TAIL && elapsed < ms(2_000) + TAIL + ms(50), "{elapsed:?}");
    }

    #[test]
    fn a_lost_speaker_is_told_once() {
        let (device, keeper, _reader) = fake::speaker(SampleRate::HZ_48000);
        let stats = LocalStats::default();
        let mut harness = Harness::new(LocalOutput::new(device, keeper, stats.clone()));
        stats.lose(false);
        say(&mut harness, 3);
        let log = harness.finish().to_string();
        assert_eq!(log.matches("a speaker is lost").count(), 1, "{log}");
    }
}
