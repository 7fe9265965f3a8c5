//! G.711: eight bits that sound like thirteen, as telephone networks carry them.
//!
//! One byte is one sample of one channel, in both laws. Encoding a decoded byte gives that byte again,
//! with one exception: µ-law has two zeros, and `0x7F` (minus zero) comes back as `0xFF`.
//! A-law has no zero at all: its quietest value, `0xD5`, decodes to 8.
//! The tables are those of ITU-T G.711, from `audio-codec-algorithms`.

/// One 16-bit sample as µ-law. Silence is `0xFF`.
#[must_use]
pub fn encode_mulaw(sample: i16) -> u8 {
    audio_codec_algorithms::encode_ulaw(sample)
}

/// One µ-law byte as a 16-bit sample, within ±32124.
#[must_use]
pub fn decode_mulaw(byte: u8) -> i16 {
    audio_codec_algorithms::decode_ulaw(byte)
}

/// One 16-bit sample as A-law. Silence is `0xD5`.
#[must_use]
pub fn encode_alaw(sample: i16) -> u8 {
    audio_codec_algorithms::encode_alaw(sample)
}

/// One A-law byte as a 16-bit sample, within ±32256; never zero.
#[must_use]
pub fn decode_alaw(byte: u8) -> i16 {
    audio_codec_algorithms::decode_alaw(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoding;

    #[test]
    fn silence_encodes_to_the_silence_byte_of_its_law() {
        assert_eq!(Some(encode_mulaw(0)), Encoding::MuLaw.silence_byte());
        assert_eq!(Some(encode_alaw(0)), Encoding::ALaw.silence_byte());
        assert_eq!(decode_mulaw(0xFF), 0);
        assert_eq!(decode_alaw(0xD5), 8);
    }

    #[test]
    fn the_ends_of_both_laws_are_those_of_the_recommendation() {
        assert_eq!((decode_mulaw(0x00), decode_mulaw(0x80)), (-32_124, 32_124));
        assert_eq!((decode_alaw(0x2A), decode_alaw(0xAA)), (-32_256, 32_256));
        assert_eq!((encode_mulaw(i16::MIN), encode_mulaw(i16::MAX)), (0x00, 0x80));
        assert_eq!((encode_alaw(i16::MIN), encode_alaw(i16::MAX)), (0x2A, 0xAA));
    }

    #[test]
    fn every_byte_survives_decoding_and_encoding_but_minus_zero() {
        for byte in 0..=u8::MAX {
            assert_eq!(encode_alaw(decode_alaw(byte)), byte);
            let expected = if byte == 0x7F { 0xFF } else { byte };
            assert_eq!(encode_mulaw(decode_mulaw(byte)), expected);
        }
    }

    #[test]
    fn a_sample_comes_back_within_a_sixteenth_of_its_size() {
        for sample in i16::MIN..=i16::MAX {
            // Half a step is 1/32 of the segment above the bias; the clipped top of µ-law loses 644.
            let allowed = (i32::from(sample).abs() / 16).max(17);
            for back in [decode_mulaw(encode_mulaw(sample)), decode_alaw(encode_alaw(sample))] {
                let error = (i32::from(back) - i32::from(sample)).abs();
                assert!(error <= allowed, "{sample} came back as {back}");
            }
        }
    }
}
