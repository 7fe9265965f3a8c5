//! The output: plays what the bot says on the clock, 40 ms at a time, to nobody.
//!
//! | frame | what happens |
//! |---|---|
//! | `OutputAudio` | cut and played when it is due; taken |
//! | `TtsStopped` | the end of the answer; passed on |
//! | `InputAudio`, `SpeechStopped` | when the end of the caller's speech could be known; passed on |
//! | `Interrupt` | what has not been played is forgotten |
//! | out, both ways: `BotStartedSpeaking`, `BotStoppedSpeaking` | at the edges of playback |
//!
//! Counts how late it writes, and how long answers took.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use voxline_audio::{Chunker, Pcm};
use voxline_core::{
    Context, Processor, Timer,
    frame::{Frame, Interrupt, Payload},
    playout::{Play, Playout},
    processor::Result,
};

use super::agent::Delays;

/// How far playback is written ahead of what is heard.
const LEAD: Duration = Duration::from_millis(40);
const WRITE: Duration = Duration::from_millis(40);
const PLAY: Timer = Timer(0);

pub(crate) struct Speaker {
    playout: Playout,
    chunker: Option<Chunker>,
    due: Option<Instant>,
    /// When the caller's latest frame was due, on the session's clock.
    heard_to: Duration,
    /// When the end of the caller's speech could be known, on the session's clock.
    known: Option<Duration>,
    delays: Delays,
}

impl Speaker {
    pub(crate) fn new(delays: &Delays) -> Self {
        Self {
            playout: Playout::new(Some(LEAD)),
            chunker: None,
            due: None,
            heard_to: Duration::ZERO,
            known: None,
            delays: delays.clone(),
        }
    }

    fn play(&mut self, ctx: &mut Context<'_>) {
        while let Some(play) = self.playout.poll_output() {
            match play {
                Play::Started(speech) => {
                    if let Some(known) = self.known.take() {
                        self.delays.answer.count(ctx.session_time().saturating_sub(known));
                    }
                    ctx.broadcast(Payload::BotStartedSpeaking(speech));
                }
                // Where a transport would hand it to its socket.
                Play::Write(pcm) => {
                    self.delays.played.fetch_add(pcm.duration().as_micros() as u64, Relaxed);
                }
                Play::Speaking(speech) => ctx.broadcast(Payload::BotSpeaking(speech)),
                Play::Stopped(speech) => ctx.broadcast(Payload::BotStoppedSpeaking(speech)),
            }
        }
        self.due = self.playout.poll_timeout();
        match self.due {
            Some(at) => ctx.set_timer(PLAY, at),
            None => ctx.cancel_timer(PLAY),
        }
    }
}

impl Processor for Speaker {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        self.chunker = Chunker::new(ctx.session().output_rate.samples_in(WRITE) as usize);
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        match &frame.payload {
            Payload::OutputAudio(spoken) => {
                let Some(chunker) = &mut self.chunker else { return Ok(()) };
                for chunk in chunker.push(spoken.pcm.samples()) {
                    self.playout.handle_audio(now, spoken.context, Pcm::mono(chunk, spoken.pcm.rate()));
                }
                self.play(ctx);
                return Ok(());
            }
            Payload::TtsStopped(speech) => {
                self.chunker.as_mut().and_then(Chunker::flush);
                self.playout.handle_stopped(now, speech.context);
                self.play(ctx);
            }
            Payload::InputAudio(pcm) => self.heard_to = frame.pts().unwrap_or_default() + pcm.duration(),
            // Follows the audio that confirmed it.
            Payload::SpeechStopped(_) => self.known = Some(self.heard_to),
            _ => {}
        }
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        self.playout.interrupt(ctx.now());
        self.play(ctx);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        if let Some(due) = self.due {
            self.delays.output.count(ctx.now().saturating_duration_since(due));
        }
        self.playout.handle_timeout(ctx.now());
        self.play(ctx);
        Ok(())
    }
}
