//! The caller: recorded speech with its pauses, over and over, 20 ms when 20 ms have been spoken.
//!
//! | frame | what happens |
//! |---|---|
//! | out: `InputAudio` | 640 bytes, timed by when its first sample was spoken, on the session's clock |
//! | anything else | passed on |

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use voxline_audio::{Pcm, SampleRate, WavReader};
use voxline_core::{Context, Error, Processor, Timer, frame::Frame, processor::Result};

const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: usize = 320;
const NEXT: Timer = Timer(0);
/// 14 s, three utterances, 6.3 s of it speech.
pub(crate) const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/assets/question.wav");

/// A recording, at 16 kHz.
#[derive(Clone)]
pub(crate) struct Recording(Arc<[i16]>);

impl Recording {
    pub(crate) fn load() -> Result<Self> {
        let mut reader = WavReader::open(SPEECH).map_err(Error::other)?;
        let mut samples = Vec::new();
        while let Some(pcm) = reader.read(4096).map_err(Error::other)? {
            samples.extend_from_slice(pcm.samples());
        }
        // Ends with silence, in whole frames.
        samples.resize((samples.len() + 16_000).next_multiple_of(SAMPLES), 0);
        Ok(Self(samples.into()))
    }
}

/// Speaks the recording, or nothing.
pub(crate) struct Caller {
    recording: Option<Recording>,
    /// Where in the recording it is, in samples.
    place: usize,
    phase: Duration,
    /// When the next frame has been spoken, and where that is on the session's clock.
    due: Option<(Instant, Duration)>,
}

impl Caller {
    /// Says nothing.
    pub(crate) fn silent() -> Self {
        Self { recording: None, place: 0, phase: Duration::ZERO, due: None }
    }

    /// The caller of that number: each is somewhere else in the recording and in its 20 ms.
    pub(crate) fn speaking(recording: Recording, number: usize) -> Self {
        let frames = recording.0.len() / SAMPLES;
        let place = number * 37 % frames * SAMPLES;
        let phase = Duration::from_micros(number as u64 * 7919 % 20_000);
        Self { recording: Some(recording), place, phase, due: None }
    }

    fn speak(&mut self, ctx: &mut Context<'_>) {
        let (Some(Recording(samples)), Some((mut at, mut pts))) = (&self.recording, self.due) else { return };
        while at <= ctx.now() {
            let chunk: Arc<[i16]> = samples[self.place..self.place + SAMPLES].into();
            self.place = (self.place + SAMPLES) % samples.len();
            ctx.push(Frame::input_audio(Pcm::mono(chunk, SampleRate::HZ_16000)).with_pts(pts - FRAME));
            (at, pts) = (at + FRAME, pts + FRAME);
        }
        self.due = Some((at, pts));
        ctx.set_timer(NEXT, at);
    }
}

impl Processor for Caller {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        if self.recording.is_some() {
            let wait = FRAME + self.phase;
            let at = ctx.now() + wait;
            self.due = Some((at, ctx.session_time() + wait));
            ctx.set_timer(NEXT, at);
        }
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.speak(ctx);
        Ok(())
    }
}
