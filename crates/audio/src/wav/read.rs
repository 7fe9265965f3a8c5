//! Reads a WAV file block by block, as mono 16-bit samples.
//!
//! In: integers of 8 to 32 bits, floats of 32 and 64, G.711; any number of channels, averaged; any rate,
//! reported. Out: [`Pcm`] chunks of one channel.
//! 1. Every whole frame that is in the file comes out, also when the file ends early: then
//!    [`WavReader::truncation`] says what is missing.
//! 2. No file makes it panic, loop, or hold more than a block beyond what was asked for.
//! 3. Floats outside ±1.0 saturate, those that are no finite number become silence.
//!
//! A file without a single frame is refused when it is opened.

use std::{
    fmt,
    fs::File,
    io::{BufReader, ErrorKind, Read},
    path::Path,
    time::Duration,
};

use dasp::Sample;

use super::{
    WavError,
    header::{Format, Header, SampleKind, fill},
};
use crate::{Pcm, SampleRate, convert, g711, mix};

/// Bytes read from the file at a time, at least one frame.
const BLOCK_BYTES: usize = 16 << 10;

/// A file that ends before the audio its header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Frames the header announces.
    pub announced: u64,
    /// Frames that were there, and came out.
    pub read: u64,
}

/// Reads the samples of a WAV file, mixed down to one channel.
pub struct WavReader<R> {
    reader: R,
    format: Format,
    /// Frames announced; `None` where the header does not know.
    announced: Option<u64>,
    /// The first frame, read to know that there is one.
    first: Option<i16>,
    read: u64,
    left_over: usize,
    ended: bool,
    /// Told once the samples read before it are out.
    failure: Option<WavError>,
}

impl WavReader<BufReader<File>> {
    /// Opens a file and reads what stands before its audio.
    ///
    /// # Errors
    /// [`WavError`] says what to do about the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WavError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => WavError::Missing(error),
            _ => WavError::Unreadable(error),
        })?;
        Self::new(BufReader::new(file))
    }
}

impl<R: Read> WavReader<R> {
    /// Reads what stands before the audio; the reader should be buffered.
    ///
    /// # Errors
    /// [`WavError`] says what to do about the file.
    pub fn new(mut reader: R) -> Result<Self, WavError> {
        let Header { format, audio_bytes } = Header::read(&mut reader)?;
        let frame_bytes = format.kind.size() as u64 * u64::from(format.channels);
        let announced = audio_bytes.map(|bytes| u64::from(bytes) / frame_bytes);
        let mut wav = Self {
            reader,
            format,
            announced,
            first: None,
            read: 0,
            left_over: 0,
            ended: false,
            failure: None,
        };
        let mut first = Vec::with_capacity(1);
        wav.read_block(1, &mut first);
        wav.first = first.pop();
        match (wav.first, wav.failure.take(), announced) {
            (Some(_), ..) => Ok(wav),
            (None, Some(failure), _) => Err(failure),
            (None, None, Some(1..)) => Err(WavError::Truncated),
            (None, None, _) => Err(WavError::NoAudio),
        }
    }

    /// The next samples, at most `max_frames` (at least one) of them; `None` at the end.
    ///
    /// # Errors
    /// [`WavError::Unreadable`], after all samples that could be read came out.
    pub fn read(&mut self, max_frames: usize) -> Result<Option<Pcm>, WavError> {
        let max_frames = max_frames.max(1);
        let mut samples: Vec<i16> = self.first.take().into_iter().collect();
        while !self.ended && samples.len() < max_frames {
            let block = (BLOCK_BYTES / self.frame_bytes()).clamp(1, max_frames - samples.len());
            self.read_block(block, &mut samples);
        }
        if samples.is_empty() {
            return self.failure.take().map_or(Ok(None), Err);
        }
        Ok(Some(Pcm::mono(samples, self.format.rate)))
    }

    /// Reads up to `frames` frames in one go, and notices the end.
    fn read_block(&mut self, frames: usize, samples: &mut Vec<i16>) {
        let left = self.announced.map_or(u64::MAX, |announced| announced - self.read);
        let frames = frames.min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut bytes = vec![0; frames * self.frame_bytes()];
        let (got, result) = fill(&mut self.reader, &mut bytes);
        let whole = bytes[..got].chunks_exact(self.frame_bytes());
        self.left_over = whole.remainder().len();
        let kind = self.format.kind;
        let mut frame = Vec::with_capacity(usize::from(self.format.channels));
        samples.extend(whole.map(|bytes| {
            frame.clear();
            frame.extend(bytes.chunks_exact(kind.size()).map(|sample| decode(kind, sample)));
            mix::average(&frame)
        }));
        self.read += (got / self.frame_bytes()) as u64;
        self.ended = got < bytes.len() || self.announced == Some(self.read);
        self.failure = result.err().map(WavError::Unreadable);
    }

    fn frame_bytes(&self) -> usize {
        self.format.kind.size() * usize::from(self.format.channels)
    }
}

impl<R> WavReader<R> {
    /// Samples per second, as the file says.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.format.rate
    }

    /// Channels in the file; what is read has one.
    #[must_use]
    pub fn channels(&self) -> u16 {
        self.format.channels
    }

    /// Frames the header announces; `None` for a file that was written to a pipe and does not know.
    #[must_use]
    pub fn announced_frames(&self) -> Option<u64> {
        self.announced
    }

    /// How long the file says it is; `None` as for [`WavReader::announced_frames`].
    #[must_use]
    pub fn announced_duration(&self) -> Option<Duration> {
        self.announced.map(|frames| self.format.rate.duration_of(frames))
    }

    /// Whether the file ended before the audio it announces. Known when [`WavReader::read`] has given `None`.
    #[must_use]
    pub fn truncation(&self) -> Option<Truncation> {
        let announced = self.announced.filter(|announced| self.ended && self.read < *announced)?;
        Some(Truncation { announced, read: self.read })
    }

    /// Bytes at the very end that were no whole frame and were left out.
    #[must_use]
    pub fn left_over_bytes(&self) -> usize {
        self.left_over
    }
}

impl<R> fmt::Debug for WavReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WavReader({:?}, frame {} of {:?})", self.format, self.read, self.announced)
    }
}

/// One sample of `kind.size()` bytes.
fn decode(kind: SampleKind, bytes: &[u8]) -> i16 {
    match (kind, bytes) {
        (SampleKind::Int8, &[byte]) => byte.to_sample(),
        (SampleKind::ALaw, &[byte]) => g711::decode_alaw(byte),
        (SampleKind::MuLaw, &[byte]) => g711::decode_mulaw(byte),
        (SampleKind::Int { shift, .. }, _) => {
            let mut top = [0; 4];
            top[4 - bytes.len()..].copy_from_slice(bytes);
            convert::i32_to_i16(i32::from_le_bytes(top) << shift)
        }
        (SampleKind::Float32, &[a, b, c, d]) => convert::f32_to_i16(f32::from_le_bytes([a, b, c, d])),
        (SampleKind::Float64, &[a, b, c, d, e, f, g, h]) => {
            convert::f32_to_i16(f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32)
        }
        // The caller cuts pieces of the kind's size; one of any other size would be silence.
        _ => 0,
    }
}
