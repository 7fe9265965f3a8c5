//! Samples as other samples, samples as bytes, bytes as samples.
//!
//! Sample types follow the scales of `dasp`: full scale is ±1.0 in `f32`, and the top 16 bits in `i32`.
//! 1. `i16` → `f32` or `i32` → `i16` and `i16` → bytes → `i16` give the same samples (PCM; G.711 loses).
//! 2. No input panics: floats outside ±1.0 saturate, those that are no finite number become silence.
//! 3. A byte stream may be cut anywhere: [`ByteJoiner`] keeps what is not yet a whole sample and says at
//!    the end how many bytes never became one.
//!
//! Opus is not PCM: packets pass through the pipeline untouched, so here it is refused.

use std::time::Duration;

use bytes::Bytes;
use dasp::Sample;

use crate::{Encoding, Pcm, SampleRate, g711};

/// The most bytes [`silence`] makes in one go: half an hour of 16 kHz in 16 bits.
pub const MOST_SILENCE_BYTES: usize = 60 << 20;

/// Why samples and bytes could not be turned into one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Not an encoding of single samples; pass the packets through untouched.
    #[error("{0:?} is not coded sample by sample")]
    NotPcm(Encoding),
    /// The bytes end within a sample; join them with what follows, by a [`ByteJoiner`].
    #[error("{left_over} bytes at the end are not a whole sample of {encoding:?}")]
    PartialSample {
        /// What the bytes were taken for.
        encoding: Encoding,
        /// How many bytes the last, partial sample has.
        left_over: usize,
    },
}

/// The samples of `pcm` (channels interleaved, as they are) as bytes.
///
/// # Errors
/// [`CodecError::NotPcm`] for Opus.
pub fn encode(pcm: &Pcm, encoding: Encoding) -> Result<Bytes, CodecError> {
    let mut bytes = Vec::new();
    encode_samples(pcm.samples(), encoding, &mut bytes)?;
    Ok(bytes.into())
}

/// Appends the bytes of `samples` to `out`.
///
/// # Errors
/// [`CodecError::NotPcm`] for Opus; `out` is untouched then.
pub fn encode_samples(samples: &[i16], encoding: Encoding, out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.reserve(samples.len() * sample_size(encoding)?);
    match encoding {
        Encoding::Linear16 => out.extend(samples.iter().flat_map(|s| s.to_le_bytes())),
        Encoding::Linear32 => out.extend(samples.iter().flat_map(|&s| i16_to_i32(s).to_le_bytes())),
        Encoding::ALaw => out.extend(samples.iter().map(|&s| g711::encode_alaw(s))),
        Encoding::MuLaw => out.extend(samples.iter().map(|&s| g711::encode_mulaw(s))),
        Encoding::Opus | Encoding::OggOpus => return Err(CodecError::NotPcm(encoding)),
    }
    Ok(())
}

/// The samples that `bytes` hold, as one mono chunk.
///
/// # Errors
/// [`CodecError::NotPcm`] for Opus, [`CodecError::PartialSample`] when the bytes end within a sample.
pub fn decode(bytes: &[u8], encoding: Encoding, rate: SampleRate) -> Result<Pcm, CodecError> {
    let left_over = bytes.len() % sample_size(encoding)?;
    if left_over != 0 {
        return Err(CodecError::PartialSample { encoding, left_over });
    }
    let mut samples = Vec::new();
    decode_whole(bytes, encoding, &mut samples);
    Ok(Pcm::mono(samples, rate))
}

/// `duration` of silence of one channel, rounded down to whole samples.
///
/// `None` where silence is not a constant byte (Opus), and beyond [`MOST_SILENCE_BYTES`].
#[must_use]
pub fn silence(encoding: Encoding, rate: SampleRate, duration: Duration) -> Option<Bytes> {
    let byte = encoding.silence_byte()?;
    let samples = usize::try_from(rate.samples_in(duration)).ok()?;
    let bytes = samples.checked_mul(encoding.bytes_per_sample()?)?;
    (bytes <= MOST_SILENCE_BYTES).then(|| vec![byte; bytes].into())
}

/// Joins pieces of a byte stream, cut anywhere, into whole samples.
///
/// At most three bytes wait for the next piece.
#[derive(Clone, Debug)]
pub struct ByteJoiner {
    encoding: Encoding,
    size: usize,
    waiting: [u8; 4],
    held: usize,
}

impl ByteJoiner {
    /// For a stream of `encoding`.
    ///
    /// # Errors
    /// [`CodecError::NotPcm`] for Opus.
    pub fn new(encoding: Encoding) -> Result<Self, CodecError> {
        Ok(Self { encoding, size: sample_size(encoding)?, waiting: [0; 4], held: 0 })
    }

    /// Takes the next piece, of any length, and appends the samples it completes to `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<i16>) {
        if self.held > 0 {
            let (head, rest) = bytes.split_at(bytes.len().min(self.size - self.held));
            self.waiting[self.held..self.held + head.len()].copy_from_slice(head);
            self.held += head.len();
            bytes = rest;
            if self.held < self.size {
                return;
            }
            decode_whole(&self.waiting[..self.size], self.encoding, out);
        }
        let (whole, tail) = bytes.split_at(bytes.len() - bytes.len() % self.size);
        decode_whole(whole, self.encoding, out);
        self.waiting[..tail.len()].copy_from_slice(tail);
        self.held = tail.len();
    }

    /// How many bytes wait for the rest of their sample.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Ends the stream: drops what waits, says how many bytes that were, and is ready for another stream.
    pub fn finish(&mut self) -> usize {
        std::mem::take(&mut self.held)
    }
}

/// `bytes` must be whole samples; Opus gives nothing. Both are the callers' checks.
fn decode_whole(bytes: &[u8], encoding: Encoding, out: &mut Vec<i16>) {
    match encoding {
        Encoding::Linear16 => {
            out.extend(bytes.as_chunks::<2>().0.iter().map(|&b| i16::from_le_bytes(b)));
        }
        Encoding::Linear32 => {
            out.extend(bytes.as_chunks::<4>().0.iter().map(|&b| i32_to_i16(i32::from_le_bytes(b))));
        }
        Encoding::ALaw => out.extend(bytes.iter().map(|&b| g711::decode_alaw(b))),
        Encoding::MuLaw => out.extend(bytes.iter().map(|&b| g711::decode_mulaw(b))),
        Encoding::Opus | Encoding::OggOpus => {}
    }
}

fn sample_size(encoding: Encoding) -> Result<usize, CodecError> {
    encoding.bytes_per_sample().ok_or(CodecError::NotPcm(encoding))
}

/// Within ±1.0; exact.
#[must_use]
pub fn i16_to_f32(sample: i16) -> f32 {
    sample.to_sample()
}

/// To the nearest step; saturates, and what is not finite becomes silence.
#[must_use]
pub fn f32_to_i16(sample: f32) -> i16 {
    if !sample.is_finite() {
        return 0;
    }
    // dasp cuts towards zero, which bends quiet signals: the value is put on a 16-bit step beforehand.
    let steps = (sample * 32_768.0).round();
    (steps / 32_768.0).to_sample()
}

/// The sample in the upper 16 bits; exact.
#[must_use]
pub fn i16_to_i32(sample: i16) -> i32 {
    sample.to_sample()
}

/// The upper 16 bits.
#[must_use]
pub fn i32_to_i16(sample: i32) -> i16 {
    sample.to_sample()
}

/// Within ±1.0, to the 24 bits an `f32` holds.
#[must_use]
pub fn i32_to_f32(sample: i32) -> f32 {
    sample.to_sample()
}

/// To the 24 bits an `f32` holds; saturates, and what is not finite becomes silence.
#[must_use]
pub fn f32_to_i32(sample: f32) -> i32 {
    if sample.is_finite() { sample.to_sample() } else { 0 }
}
