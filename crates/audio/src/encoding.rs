//! What the bytes of an audio stream mean.

/// How audio is written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Signed 16-bit PCM, little-endian.
    Linear16,
    /// Signed 32-bit PCM, little-endian.
    Linear32,
    /// G.711 A-law, one byte a sample.
    ALaw,
    /// G.711 µ-law, one byte a sample.
    MuLaw,
    /// Raw Opus packets, one a message.
    Opus,
    /// Opus in an Ogg container.
    OggOpus,
}

impl Encoding {
    /// The byte that repeated means silence; `None` where silence is not a constant byte (Opus).
    #[must_use]
    pub const fn silence_byte(self) -> Option<u8> {
        match self {
            Self::Linear16 | Self::Linear32 => Some(0),
            Self::ALaw => Some(0xD5),
            Self::MuLaw => Some(0xFF),
            Self::Opus | Self::OggOpus => None,
        }
    }

    /// Bytes of one sample of one channel; `None` where packets have no fixed size (Opus).
    #[must_use]
    pub const fn bytes_per_sample(self) -> Option<usize> {
        match self {
            Self::Linear16 => Some(2),
            Self::Linear32 => Some(4),
            Self::ALaw | Self::MuLaw => Some(1),
            Self::Opus | Self::OggOpus => None,
        }
    }
}
