//! A WAV file as the output of a pipeline.
//!
//! | frame | what happens |
//! |---|---|
//! | `OutputAudio`, `TtsStopped` | played on the clock, written to the file; taken |
//! | `Custom(Playback)` | holds the answer or goes on with it, at the same sample; passed on |
//! | `Interrupt` | what has not been played is forgotten |
//! | `End` | waits until everything has been played |
//! | out, both ways: `BotStartedSpeaking`, `BotStoppedSpeaking` | at the true edges of playback, with the time played |
//! | out, both ways: `BotSpeaking` | between them, how far the answer is |
//! | anything else | passed on |
//!
//! In real time the file is the call's own timeline: silence where the bot is silent, or the background, if there
//! is one, up to the end of the session. It is written when something happens and not by a timer, so that it costs
//! nothing meanwhile, and goes on at the same sample through answers, pauses and interruptions. At the fast pace
//! answers stand one after the other, with the background under them. The file has the session's output rate, 16 bit, one channel.
//!
//! A file that cannot be written any more stops nothing else: answers are played on the clock and told as ever. Of
//! failures in a row the first is reported, and what could not be written is missing in the file, up to where the
//! next answer begins.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    time::Duration,
};

use voxline_audio::{Background, Pcm, WavWriter};
use voxline_core::{
    Context, Ending, Error, Processor, Timer,
    frame::{Frame, Interrupt, Payload},
    playout::{Play, Playback, Playout},
    processor::Result,
};

use crate::Pace;

/// How far playback is written ahead of what is heard, unless it is set.
const LEAD: Duration = Duration::from_millis(150);
/// Audio that may wait to be played before the input is held.
const WAITING: Duration = Duration::from_secs(300);
/// Time asked for, beyond what is left to play, while the end waits.
const END_SLACK: Duration = Duration::from_secs(2);
/// Silence written at a time.
const SILENCE_CHUNK: u64 = 4800;

const PLAY: Timer = Timer(0);

/// Records what the bot says.
#[derive(Debug)]
pub struct WavOutput {
    path: PathBuf,
    pace: Pace,
    lead: Duration,
    playout: Playout,
    writer: Option<WavWriter<BufWriter<File>>>,
    /// The sound to play and how loud, and from the start on the playing of it.
    sound: Option<(Pcm, f32)>,
    background: Option<Background>,
    /// The last write failed.
    failing: bool,
    /// The failure to be told.
    untold: Option<Error>,
    ending: bool,
}

impl WavOutput {
    /// Writes to this file, which is created, or replaced, when the session starts.
    pub fn create(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            pace: Pace::Realtime,
            lead: LEAD,
            playout: Playout::new(Some(LEAD)),
            writer: None,
            sound: None,
            background: None,
            failing: false,
            untold: None,
            ending: false,
        }
    }

    /// Plays at another pace.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self.playout = Playout::new((pace == Pace::Realtime).then_some(self.lead));
        self
    }

    /// Writes so far ahead of what is heard, in real time. Default 150 ms: a stall as long makes no gap, and as much
    /// of an answer that is interrupted may be in the file.
    #[must_use]
    pub fn with_lead(mut self, lead: Duration) -> Self {
        self.lead = lead;
        let pace = self.pace;
        self.with_pace(pace)
    }

    /// Plays this under the answers and between them, over and over, `gain` times as loud (0 to 1). It may have any
    /// rate and any number of channels.
    #[must_use]
    pub fn with_background(mut self, sound: Pcm, gain: f32) -> Self {
        self.sound = Some((sound, gain));
        self
    }

    /// Does what the playout has decided. A file that fails does not stop it.
    fn play(&mut self, ctx: &mut Context<'_>) -> Result {
        while let Some(play) = self.playout.poll_output() {
            match play {
                Play::Started(speech) => {
                    self.catch_up(ctx);
                    ctx.broadcast(Payload::BotStartedSpeaking(speech));
                }
                Play::Write(pcm) => self.write_voice(&pcm),
                Play::Speaking(speech) => ctx.broadcast(Payload::BotSpeaking(speech)),
                Play::Stopped(speech) => ctx.broadcast(Payload::BotStoppedSpeaking(speech)),
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
            self.play_out_background(ctx);
            ctx.finish_end();
        }
        self.untold.take().map_or(Ok(()), Err)
    }

    fn write_voice(&mut self, pcm: &Pcm) {
        let mixed = match &mut self.background {
            Some(background) => background.under(pcm).map_err(Error::other),
            None => Ok(pcm.clone()),
        };
        self.write(mixed);
    }

    /// The background goes on to the end of the session.
    fn play_out_background(&mut self, ctx: &mut Context<'_>) {
        if self.background.is_some() {
            self.catch_up(ctx);
        }
    }

    /// Fills the file with silence or the background up to now, so that it is the call's timeline.
    fn catch_up(&mut self, ctx: &mut Context<'_>) {
        let Some(writer) = &self.writer else { return };
        if self.pace == Pace::Fast {
            return;
        }
        let rate = writer.rate();
        let mut missing = rate.samples_in(ctx.session_time()).saturating_sub(writer.frames());
        while missing > 0 {
            let count = missing.min(SILENCE_CHUNK);
            let pcm = match &mut self.background {
                Some(background) => background.take(count as usize),
                None => Pcm::mono(vec![0; count as usize], rate),
            };
            if !self.write(Ok(pcm)) {
                return;
            }
            missing -= count;
        }
    }

    /// Writes to the file; whether it is there now. Of failures in a row the first is told.
    fn write(&mut self, pcm: Result<Pcm>) -> bool {
        let Some(writer) = &mut self.writer else { return false };
        let written = pcm.and_then(|pcm| writer.write(&pcm).map_err(Error::other));
        let failed_before = std::mem::replace(&mut self.failing, written.is_err());
        self.untold = self.untold.take().or(written.err().filter(|_| !failed_before));
        !self.failing
    }
}

impl Processor for WavOutput {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        let rate = ctx.session().output_rate;
        if let Some((sound, gain)) = self.sound.take() {
            self.background = Some(Background::at_rate(&sound, rate, gain).map_err(Error::other)?);
        }
        self.writer = Some(WavWriter::create(&self.path, rate).map_err(Error::other)?);
        Ok(())
    }

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
                    _ => {
                        self.catch_up(ctx);
                        self.playout.resume(now);
                    }
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
        self.play(ctx)
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.playout.handle_timeout(ctx.now());
        self.play(ctx)
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        if self.playout.is_idle() {
            self.play_out_background(ctx);
            return self.untold.take().map_or(Ok(Ending::Now), Err);
        }
        self.ending = true;
        self.playout.finish(ctx.now());
        ctx.postpone_end(self.playout.waiting() + self.lead + END_SLACK);
        // An error returned here would end the session without what is still to be played.
        if let Err(error) = self.play(ctx) {
            ctx.report(error);
        }
        Ok(if self.playout.is_idle() { Ending::Now } else { Ending::Later })
    }

    fn stop(&mut self) {
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.close()
        {
            tracing::error!(%error, "the output file could not be finished");
        }
    }
}
