//! Samples as the bytes of a chunk.
//!
//! In: 16-bit samples of one request. Out: PCM, µ-law, A-law, or a WAV that begins with its header and
//! goes on as PCM.

use voxline_audio::{Encoding, convert};

use super::request::Format;

/// Encodes one stream's samples; a WAV begins with its header.
#[derive(Debug)]
pub(super) struct Encoder {
    format: Format,
    rate: u32,
    begun: bool,
}

impl Encoder {
    pub(super) fn new(format: Format, rate: u32) -> Self {
        Self { format, rate, begun: false }
    }

    pub(super) fn encode(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.format == Format::Wav && !std::mem::replace(&mut self.begun, true) {
            bytes.extend_from_slice(&wav_header(self.rate));
        }
        let encoding = match self.format {
            Format::Pcm | Format::Wav => Encoding::Linear16,
            Format::MuLaw => Encoding::MuLaw,
            Format::ALaw => Encoding::ALaw,
        };
        convert::encode_samples(samples, encoding, &mut bytes)
            .expect("none of the formats is Opus, which is all that is refused");
        bytes
    }
}

/// The header of a WAV whose length is not known yet, as streams have it.
fn wav_header(rate: u32) -> [u8; 44] {
    let mut header = *b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0data\xff\xff\xff\xff";
    header[24..28].copy_from_slice(&rate.to_le_bytes());
    header[28..32].copy_from_slice(&(rate * 2).to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_differ_in_bytes_and_a_wav_has_one_header() {
        let samples = [0_i16, 1_000, -1_000];
        assert_eq!(Encoder::new(Format::Pcm, 8_000).encode(&samples).len(), 6);
        assert_eq!(Encoder::new(Format::MuLaw, 8_000).encode(&samples)[0], 0xFF);
        assert_eq!(Encoder::new(Format::ALaw, 8_000).encode(&samples)[0], 0xD5);
        let mut wav = Encoder::new(Format::Wav, 24_000);
        let first = wav.encode(&samples);
        assert_eq!((first.len(), &first[..4], &first[36..40]), (50, &b"RIFF"[..], &b"data"[..]));
        assert_eq!(wav.encode(&samples).len(), 6);
    }
}
