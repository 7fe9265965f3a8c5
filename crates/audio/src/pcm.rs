//! A shared chunk of 16-bit PCM that knows its rate and its channel count.
//!
//! Cloning shares the samples. `Debug` prints the length, never the samples.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

/// Samples per second and channel, never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(NonZeroU32);

impl SampleRate {
    /// 8 kHz: telephony.
    pub const HZ_8000: Self = Self::new(8_000).expect("not zero");
    /// 16 kHz: what speech recognisers and detectors expect.
    pub const HZ_16000: Self = Self::new(16_000).expect("not zero");
    /// 24 kHz: what most synthesizers speak at.
    pub const HZ_24000: Self = Self::new(24_000).expect("not zero");
    /// 48 kHz: sound cards and WebRTC.
    pub const HZ_48000: Self = Self::new(48_000).expect("not zero");

    /// A rate of `hz` samples a second; `None` for zero.
    #[must_use]
    pub const fn new(hz: u32) -> Option<Self> {
        match NonZeroU32::new(hz) {
            Some(hz) => Some(Self(hz)),
            None => None,
        }
    }

    /// Samples per second.
    #[must_use]
    pub const fn hz(self) -> u32 {
        self.0.get()
    }

    /// How many samples of one channel `duration` holds, rounded down.
    #[must_use]
    pub const fn samples_in(self, duration: Duration) -> u64 {
        (duration.as_nanos() * self.hz() as u128 / 1_000_000_000) as u64
    }

    /// How long `samples` of one channel last, rounded down to a nanosecond.
    #[must_use]
    pub const fn duration_of(self, samples: u64) -> Duration {
        let nanos = samples as u128 * 1_000_000_000 / self.hz() as u128;
        Duration::from_nanos(nanos as u64)
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.hz())
    }
}

impl fmt::Debug for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A shared chunk of signed 16-bit PCM, channels interleaved.
#[derive(Clone, PartialEq, Eq)]
pub struct Pcm {
    samples: Arc<[i16]>,
    rate: SampleRate,
    channels: u16,
}

impl Pcm {
    /// One channel.
    #[must_use]
    pub fn mono(samples: impl Into<Arc<[i16]>>, rate: SampleRate) -> Self {
        Self { samples: samples.into(), rate, channels: 1 }
    }

    /// Several interleaved channels; `None` when `channels` is zero or does not divide the samples.
    #[must_use]
    pub fn interleaved(samples: impl Into<Arc<[i16]>>, rate: SampleRate, channels: u16) -> Option<Self> {
        let samples = samples.into();
        let whole = channels != 0 && samples.len().is_multiple_of(usize::from(channels));
        whole.then_some(Self { samples, rate, channels })
    }

    /// The samples, channels interleaved.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Samples per second and channel.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// How many channels are interleaved; at least one.
    #[must_use]
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// Samples of each channel.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels)
    }

    /// How long the chunk lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.rate.duration_of(self.frames() as u64)
    }

    /// Whether there is no sample in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

impl fmt::Debug for Pcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pcm({} samples, {}", self.frames(), self.rate)?;
        if self.channels > 1 {
            write!(f, ", {} channels", self.channels)?;
        }
        f.write_str(")")
    }
}
