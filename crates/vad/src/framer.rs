//! Frames for a detector out of audio of any kind.
//!
//! In: audio of any chunk length, rate and channel count, with or without positions. Out: [`DetectorFrame`]s
//! of the length and rate a detector needs, channels averaged, each with its position.
//! 1. Every sample is in exactly one frame; up to one frame of them waits for more audio or the
//!    [`finish`](Framer::finish).
//! 2. Frames do not depend on how the audio was cut. Resampling delays them by up to 30 ms more; positions
//!    are those of the sound, not of its arrival.
//! 3. Positions count samples. A chunk that says it is more than [`JUMP`] off begins a new count there, as
//!    does one with another rate: what came before it is finished first.

use std::{sync::Arc, time::Duration};

use voxline_audio::{Chunker, Pcm, Resampler as _, SampleRate, StreamResampler, mix};

use crate::VadError;

/// How far the position of a chunk may be off the count of samples. Less is jitter of its stamp.
pub const JUMP: Duration = Duration::from_millis(50);

/// One frame for a detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectorFrame {
    /// As many as the detector needs, one channel, at its rate.
    pub samples: Arc<[i16]>,
    /// Where the frame begins, on the clock of the input audio.
    pub start: Duration,
    /// Where it ends.
    pub end: Duration,
}

/// Makes frames of one stream.
#[derive(Debug)]
pub struct Framer {
    rate: SampleRate,
    chunker: Chunker,
    /// `None` before the first audio, after the last, and for audio that cannot be resampled.
    resampler: Option<StreamResampler>,
    /// Where the next input is.
    input: Clock,
    /// Where the next sample for the chunker is.
    output: Clock,
    ready: Vec<i16>,
}

/// A position that moves by samples, without adding up rounding errors.
#[derive(Clone, Copy, Debug)]
struct Clock {
    origin: Duration,
    rate: SampleRate,
    samples: u64,
}

impl Framer {
    /// Frames of `frame_len` samples at `rate`; a length of zero is taken for one.
    #[must_use]
    pub fn new(rate: SampleRate, frame_len: usize) -> Self {
        let chunker = Chunker::new(frame_len.max(1)).expect("at least one sample");
        let clock = Clock::new(Duration::ZERO, rate);
        Self { rate, chunker, resampler: None, input: clock, output: clock, ready: Vec::new() }
    }

    /// Takes the next audio, beginning at position `at` if that is known, and appends the frames it completes.
    ///
    /// # Errors
    /// [`VadError::Rate`] for a rate that cannot be resampled. That audio is passed over; its time is counted.
    pub fn push(
        &mut self,
        pcm: &Pcm,
        at: Option<Duration>,
        frames: &mut Vec<DetectorFrame>,
    ) -> Result<(), VadError> {
        if pcm.is_empty() {
            return Ok(());
        }
        let expected = self.input.position();
        let at = at.filter(|at| at.abs_diff(expected) > JUMP);
        let goes_on = self.resampler.as_ref().is_some_and(|_| self.input.rate == pcm.rate()) && at.is_none();
        let begun = if goes_on { Ok(()) } else { self.begin(pcm.rate(), at.unwrap_or(expected), frames) };
        self.input.advance(pcm.frames());
        begun?;
        if let Some(resampler) = &mut self.resampler {
            resampler.push(mix::to_mono(pcm).samples(), &mut self.ready);
        }
        self.cut(frames);
        Ok(())
    }

    /// Ends the stream: what waits becomes a last frame, filled up with silence. More audio begins another
    /// stream, whose positions go on from here.
    pub fn finish(&mut self, frames: &mut Vec<DetectorFrame>) {
        self.end(frames);
        let waiting = self.chunker.waiting();
        if waiting == 0 {
            return;
        }
        let end = self.output.position();
        self.ready.resize(self.chunker.size() - waiting, 0);
        self.cut(frames);
        if let Some(last) = frames.last_mut() {
            last.end = end;
        }
    }

    /// Where the next sample of the input is, unless it will say otherwise.
    #[must_use]
    pub fn position(&self) -> Duration {
        self.input.position()
    }

    fn begin(
        &mut self,
        rate: SampleRate,
        at: Duration,
        frames: &mut Vec<DetectorFrame>,
    ) -> Result<(), VadError> {
        self.end(frames);
        self.input = Clock::new(at, rate);
        self.output = Clock::new(at, self.rate);
        self.resampler = Some(StreamResampler::new(rate, self.rate)?);
        Ok(())
    }

    fn end(&mut self, frames: &mut Vec<DetectorFrame>) {
        if let Some(mut resampler) = self.resampler.take() {
            resampler.flush(&mut self.ready);
            self.cut(frames);
        }
    }

    fn cut(&mut self, frames: &mut Vec<DetectorFrame>) {
        let (len, waiting) = (self.chunker.size(), self.chunker.waiting());
        let lasts = self.rate.duration_of(len as u64);
        for (index, samples) in self.chunker.push(&self.ready).enumerate() {
            // Less than a frame waited, so even the first ends after it.
            let end = self.output.after((index + 1) * len - waiting);
            frames.push(DetectorFrame { samples, start: end.saturating_sub(lasts), end });
        }
        self.output.advance(self.ready.len());
        self.ready.clear();
    }
}

impl Clock {
    fn new(origin: Duration, rate: SampleRate) -> Self {
        Self { origin, rate, samples: 0 }
    }

    fn position(&self) -> Duration {
        self.after(0)
    }

    /// The position `samples` later.
    fn after(&self, samples: usize) -> Duration {
        self.origin.saturating_add(self.rate.duration_of(self.samples + samples as u64))
    }

    fn advance(&mut self, samples: usize) {
        self.samples += samples as u64;
    }
}

#[cfg(test)]
mod tests;
