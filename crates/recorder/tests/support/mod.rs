//! A folder for each test, and an output that plays as every output does.

#![allow(dead_code, reason = "each test binary uses a part")]
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    Context, Ending, Processor, Timer,
    frame::{ContextId, Frame, Interrupt, Payload, RequestId, SpokenAudio},
    playout::{Play, Playback, Playout},
    processor::Result,
};

pub(crate) const RATE: SampleRate = SampleRate::HZ_16000;

/// An empty folder of this name.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may not be there yet.
    let _ = fs::remove_dir_all(&folder);
    folder
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) fn pcm(milliseconds: u64, value: i16) -> Pcm {
    Pcm::mono(vec![value; RATE.samples_in(ms(milliseconds)) as usize], RATE)
}

/// A piece of an answer.
pub(crate) fn spoken(context: u32, milliseconds: u64, value: i16) -> Frame {
    let (context, request) = (ContextId(context), RequestId(0));
    Frame::new(Payload::OutputAudio(SpokenAudio { pcm: pcm(milliseconds, value), context, request }))
}

/// Both channels of a stereo file, read without trusting the crate under test.
pub(crate) fn stereo(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let bytes = fs::read(path).unwrap();
    assert_eq!((&bytes[..4], &bytes[8..12], &bytes[36..40]), (&b"RIFF"[..], &b"WAVE"[..], &b"data"[..]));
    let announced = u32::from_le_bytes(bytes[40..44].try_into().unwrap()) as usize;
    let samples: Vec<i16> =
        bytes[44..44 + announced].chunks(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    (samples.iter().step_by(2).copied().collect(), samples.iter().skip(1).step_by(2).copied().collect())
}

/// The samples of a file of one channel.
pub(crate) fn mono(path: &Path) -> Vec<i16> {
    let mut reader = voxline_audio::WavReader::open(path).unwrap();
    let mut samples = Vec::new();
    while let Some(pcm) = reader.read(4_096).unwrap() {
        samples.extend_from_slice(pcm.samples());
    }
    samples
}

/// Stretches of a value, in ms at 16 kHz.
pub(crate) fn spans(samples: &[i16], value: i16) -> Vec<(u64, u64)> {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for (n, _) in (0_u64..).zip(samples).filter(|&(_, &sample)| sample == value) {
        match spans.last_mut() {
            Some((_, end)) if *end == n => *end += 1,
            _ => spans.push((n, n + 1)),
        }
    }
    spans.into_iter().map(|(from, to)| (from / 16, to / 16)).collect()
}

/// Plays to nobody, in real time.
pub(crate) struct Speaker(Playout, bool);

impl Speaker {
    pub(crate) fn new() -> Self {
        Self(Playout::new(Some(ms(150))), false)
    }

    fn play(&mut self, ctx: &mut Context<'_>) {
        while let Some(play) = self.0.poll_output() {
            match play {
                Play::Started(speech) => ctx.broadcast(Payload::BotStartedSpeaking(speech)),
                Play::Stopped(speech) => ctx.broadcast(Payload::BotStoppedSpeaking(speech)),
                Play::Write(_) | Play::Speaking(_) => {}
            }
        }
        match self.0.poll_timeout() {
            Some(at) => ctx.set_timer(Timer(0), at),
            None => ctx.cancel_timer(Timer(0)),
        }
        if self.1 && self.0.is_idle() {
            ctx.finish_end();
        }
    }
}

impl Processor for Speaker {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        match frame.payload {
            Payload::OutputAudio(spoken) => self.0.handle_audio(now, spoken.context, spoken.pcm),
            Payload::TtsStopped(speech) => self.0.handle_stopped(now, speech.context),
            Payload::Custom(ref custom) if custom.downcast_ref::<Playback>().is_some() => {
                match custom.downcast_ref() {
                    Some(Playback::Hold) => self.0.hold(now),
                    _ => self.0.resume(now),
                }
                ctx.push(frame);
            }
            _ => ctx.push(frame),
        }
        self.play(ctx);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        self.0.interrupt(ctx.now());
        self.play(ctx);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.0.handle_timeout(ctx.now());
        self.play(ctx);
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        self.1 = true;
        self.0.finish(ctx.now());
        ctx.postpone_end(self.0.waiting() + ms(2_000));
        self.play(ctx);
        Ok(if self.0.is_idle() { Ending::Now } else { Ending::Later })
    }
}
