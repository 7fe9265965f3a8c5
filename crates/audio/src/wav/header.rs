//! What stands before the audio of a WAV file, read forgivingly.
//!
//! In: a reader at the beginning of the file. Out: a [`Header`], the reader at the first byte of audio.
//! Unknown chunks are skipped, byte rates ignored; sizes are believed only as far as they can be true.

use std::io::{self, Read};

use super::WavError;
use crate::SampleRate;

/// Sizes from here on are placeholders: programs that write to a pipe put 0x7FFFF000, 0x80000000 or
/// 0xFFFFFFFF there.
const PLACEHOLDER: u32 = 0x7FFF_0000;

const PCM: u16 = 0x0001;
const FLOAT: u16 = 0x0003;
const ALAW: u16 = 0x0006;
const MULAW: u16 = 0x0007;
const EXTENSIBLE: u16 = 0xFFFE;

/// The sub-format of an extended header is its tag followed by these bytes.
const SUB_FORMAT_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

/// How one sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleKind {
    /// Unsigned, 128 is silence.
    Int8,
    /// Signed little-endian of 2 to 4 bytes; the value sits this many bits below the top.
    Int {
        bytes: usize,
        shift: u32,
    },
    Float32,
    Float64,
    ALaw,
    MuLaw,
}

impl SampleKind {
    /// Bytes of one sample in the file.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Int8 | Self::ALaw | Self::MuLaw => 1,
            Self::Int { bytes, .. } => bytes,
            Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }
}

/// The `fmt ` chunk, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) kind: SampleKind,
    pub(super) channels: u16,
    pub(super) rate: SampleRate,
}

/// All that is known before the audio.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) format: Format,
    /// Bytes of audio; `None` where only the end of the file tells.
    pub(super) audio_bytes: Option<u32>,
}

impl Header {
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, WavError> {
        let riff_size = read_magic(reader)?;
        let mut position = 12_u64;
        let mut format = None;
        loop {
            let mut head = [0; 8];
            need(reader, &mut head)?;
            let (id, size) = (&head[..4], le_u32(&head[4..]));
            position += 8;
            match (id, format) {
                (b"fmt ", None) => format = Some(read_format(reader, size)?),
                (b"data", Some(format)) => {
                    return Ok(Self { format, audio_bytes: believed(size, riff_size, position) });
                }
                (b"data", None) => return Err(WavError::NotWav("its audio comes before its format")),
                _ => skip(reader, u64::from(size) + u64::from(size % 2))?,
            }
            position += u64::from(size) + u64::from(size % 2);
        }
    }
}

/// The size of the audio, if it can be true. A size of zero is true only where the file says by its own size
/// that other chunks follow or nothing does.
fn believed(size: u32, riff_size: u32, position: u64) -> Option<u32> {
    let file_end = u64::from(riff_size) + 8;
    let file_says_more = file_end > position && riff_size < PLACEHOLDER;
    match size {
        0 if !file_says_more => None,
        PLACEHOLDER.. => None,
        size => Some(size),
    }
}

/// The first twelve bytes; returns the size of the file as it says.
fn read_magic(reader: &mut impl Read) -> Result<u32, WavError> {
    let mut magic = [0; 12];
    let (got, result) = fill(reader, &mut magic);
    result.map_err(WavError::Unreadable)?;
    let begins = |wanted: &[u8; 4], at: usize| {
        let there = magic[..got].get(at..).unwrap_or_default();
        let length = there.len().min(4);
        there[..length] == wanted[..length]
    };
    if got == 0 {
        return Err(WavError::NoAudio);
    }
    if got >= 4 && begins(b"RF64", 0) {
        return Err(WavError::UnsupportedContainer("RF64"));
    }
    if got >= 4 && begins(b"RIFX", 0) {
        return Err(WavError::UnsupportedContainer("RIFX"));
    }
    if !begins(b"RIFF", 0) {
        return Err(WavError::NotWav("it does not begin with RIFF"));
    }
    if !begins(b"WAVE", 8) {
        return Err(WavError::NotWav("it is a RIFF file of another kind"));
    }
    if got < magic.len() { Err(WavError::Truncated) } else { Ok(le_u32(&magic[4..8])) }
}

fn read_format(reader: &mut impl Read, size: u32) -> Result<Format, WavError> {
    if size < 16 {
        return Err(WavError::NotWav("its format is too short"));
    }
    let mut bytes = [0; 40];
    let known = (size as usize).min(bytes.len());
    need(reader, &mut bytes[..known])?;
    skip(reader, u64::from(size) - known as u64 + u64::from(size % 2))?;

    let [mut tag, channels, align, bits] = [0, 2, 12, 14].map(|at| le_u16(&bytes[at..]));
    if tag == EXTENSIBLE && known == bytes.len() && bytes[26..] == SUB_FORMAT_TAIL {
        tag = le_u16(&bytes[24..]);
    }
    if channels == 0 {
        return Err(WavError::NotWav("it has no channels"));
    }
    let rate = SampleRate::new(le_u32(&bytes[4..])).ok_or(WavError::NotWav("its sample rate is zero"))?;
    let kind = sample_kind(tag, bits, align, channels).ok_or(WavError::UnsupportedFormat { tag, bits })?;
    Ok(Format { kind, channels, rate })
}

/// `None` where the numbers contradict each other or say something that is not read.
fn sample_kind(tag: u16, bits: u16, align: u16, channels: u16) -> Option<SampleKind> {
    if !align.is_multiple_of(channels) {
        return None;
    }
    let packed = bits.div_ceil(8);
    let container = if align == 0 { packed } else { align / channels };
    Some(match (tag, container, packed) {
        (PCM, 1, 1) => SampleKind::Int8,
        // 24 bits in 4 bytes: the value is at the bottom, unless the header counts the container's bits.
        (PCM, 2..=4, 1..) if packed <= container => {
            SampleKind::Int { bytes: usize::from(container), shift: u32::from(8 * (container - packed)) }
        }
        (FLOAT, 4, 4) => SampleKind::Float32,
        (FLOAT, 8, 8) => SampleKind::Float64,
        (ALAW, 1, 1) => SampleKind::ALaw,
        (MULAW, 1, 1) => SampleKind::MuLaw,
        _ => return None,
    })
}

/// Fills `buffer` as far as the reader has bytes; says how far that is, and whether an error stopped it.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

fn need(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), WavError> {
    let (got, result) = fill(reader, buffer);
    result.map_err(WavError::Unreadable)?;
    if got < buffer.len() { Err(WavError::Truncated) } else { Ok(()) }
}

/// A file that ends within what is skipped shows by the chunk that is missing then.
fn skip(reader: &mut impl Read, bytes: u64) -> Result<(), WavError> {
    io::copy(&mut reader.take(bytes), &mut io::sink()).map(|_| ()).map_err(WavError::Unreadable)
}

fn le_u16(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

fn le_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
