//! Writes 16-bit audio, mono unless told otherwise, to a WAV file that can be played at any moment.
//!
//! 1. The header is brought up to date with every second of audio, at [`WavWriter::flush`], at
//!    [`WavWriter::close`] and when the writer is dropped: a program that dies loses a second at most.
//! 2. Audio of another rate or with other channels is refused, never bent.
//!
//! Dropping cannot tell of a failure; [`WavWriter::close`] does.

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Seek, Write},
    path::Path,
    time::Duration,
};

use super::WavError;
use crate::{Pcm, SampleRate};

/// What the sizes in the header can hold, with room for the header itself.
const MOST_BYTES: u64 = u32::MAX as u64 - 64;

/// Writes 16-bit samples as a WAV file.
pub struct WavWriter<W: Write + Seek> {
    hound: hound::WavWriter<W>,
    rate: SampleRate,
    channels: u16,
    /// In frames: samples of each channel.
    written: u64,
    /// Frames since the header was last brought up to date.
    unsaved: u64,
}

impl WavWriter<BufWriter<File>> {
    /// Creates the file, or empties it, and writes its header.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn create(path: impl AsRef<Path>, rate: SampleRate) -> Result<Self, WavError> {
        Self::create_interleaved(path, rate, 1)
    }

    /// The same with several channels, which every chunk then has.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn create_interleaved(
        path: impl AsRef<Path>,
        rate: SampleRate,
        channels: u16,
    ) -> Result<Self, WavError> {
        let file = File::create(path).map_err(WavError::Unwritable)?;
        Self::new_interleaved(BufWriter::new(file), rate, channels)
    }
}

impl<W: Write + Seek> WavWriter<W> {
    /// Writes the header; `writer` should be buffered and at its beginning.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn new(writer: W, rate: SampleRate) -> Result<Self, WavError> {
        Self::new_interleaved(writer, rate, 1)
    }

    /// The same with several channels, which every chunk then has.
    ///
    /// # Errors
    /// [`WavError::Unwritable`], also for no channel at all.
    pub fn new_interleaved(writer: W, rate: SampleRate, channels: u16) -> Result<Self, WavError> {
        // The header counts bytes a second in 32 bits and those of a frame in 16, and hound multiplies without a
        // look.
        let bytes_a_second = rate.hz().checked_mul(2 * u32::from(channels));
        if channels == 0 || channels > u16::MAX / 2 || bytes_a_second.is_none() {
            let what = format!("{channels} channels at {rate}");
            return Err(WavError::Unwritable(io::Error::new(io::ErrorKind::InvalidInput, what)));
        }
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate.hz(),
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut hound = hound::WavWriter::new(writer, spec).map_err(unwritable)?;
        hound.flush().map_err(unwritable)?;
        Ok(Self { hound, rate, channels, written: 0, unsaved: 0 })
    }

    /// Appends a chunk at the file's rate, with its channels.
    ///
    /// # Errors
    /// [`WavError::WrongRate`], [`WavError::WrongChannels`] and [`WavError::Full`] before anything is written;
    /// [`WavError::Unwritable`].
    pub fn write(&mut self, pcm: &Pcm) -> Result<(), WavError> {
        if pcm.rate() != self.rate {
            return Err(WavError::WrongRate { expected: self.rate, got: pcm.rate() });
        }
        if pcm.channels() != self.channels {
            return Err(WavError::WrongChannels { expected: self.channels, got: pcm.channels() });
        }
        let frames = pcm.frames() as u64;
        if 2 * u64::from(self.channels) * (self.written + frames) > MOST_BYTES {
            return Err(WavError::Full);
        }
        for &sample in pcm.samples() {
            self.hound.write_sample(sample).map_err(unwritable)?;
        }
        self.written += frames;
        self.unsaved += frames;
        if self.unsaved >= u64::from(self.rate.hz()) { self.flush() } else { Ok(()) }
    }

    /// Brings the header up to date and hands everything to the file.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn flush(&mut self) -> Result<(), WavError> {
        self.unsaved = 0;
        self.hound.flush().map_err(unwritable)
    }

    /// Completes the file. Dropping the writer does as much, but silently.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn close(self) -> Result<(), WavError> {
        self.hound.finalize().map_err(unwritable)
    }

    /// Samples a second of the file.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples of each channel written so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.written
    }

    /// How long the file is by now.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.rate.duration_of(self.written)
    }
}

impl<W: Write + Seek> fmt::Debug for WavWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WavWriter({}, {} channels, {} samples)", self.rate, self.channels, self.written)
    }
}

/// Of hound's errors only those of the system can happen for whole frames of 16 bits.
fn unwritable(error: hound::Error) -> WavError {
    WavError::Unwritable(match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    })
}
