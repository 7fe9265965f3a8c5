//! Samples and bytes: what comes back is what went in, however the bytes are cut.

use std::time::Duration;

use proptest::prelude::*;
use voxline_audio::{
    ByteJoiner, CodecError, Encoding, Pcm, SampleRate,
    convert::{self, f32_to_i16, f32_to_i32, i16_to_f32, i16_to_i32, i32_to_f32, i32_to_i16},
};

const PCM: [Encoding; 4] = [Encoding::Linear16, Encoding::Linear32, Encoding::ALaw, Encoding::MuLaw];
const OPUS: [Encoding; 2] = [Encoding::Opus, Encoding::OggOpus];

/// Cuts `data` at the given lengths, over and over.
fn cut<'a, T>(mut data: &'a [T], lengths: &[usize]) -> Vec<&'a [T]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if data.is_empty() || lengths.iter().all(|l| *l == 0) {
            break;
        }
        let (piece, rest) = data.split_at((*length).min(data.len()));
        pieces.push(piece);
        data = rest;
    }
    pieces
}

#[test]
fn every_sample_survives_the_way_through_float_and_32_bits() {
    for sample in i16::MIN..=i16::MAX {
        assert_eq!(f32_to_i16(i16_to_f32(sample)), sample);
        assert_eq!(i32_to_i16(i16_to_i32(sample)), sample);
        assert_eq!(f32_to_i32(i16_to_f32(sample)), i16_to_i32(sample));
        assert_eq!(i32_to_f32(i16_to_i32(sample)), i16_to_f32(sample));
    }
}

#[test]
fn floats_outside_the_scale_saturate_and_those_that_are_no_number_are_silent() {
    assert_eq!((f32_to_i16(1.0), f32_to_i16(-1.0)), (i16::MAX, i16::MIN));
    assert_eq!((f32_to_i16(1e30), f32_to_i16(-1e30)), (i16::MAX, i16::MIN));
    assert_eq!((f32_to_i32(7.0), f32_to_i32(-7.0)), (i32::MAX, i32::MIN));
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!((f32_to_i16(odd), f32_to_i32(odd)), (0, 0));
    }
}

#[test]
fn floats_go_to_the_nearest_step_and_not_towards_zero() {
    assert_eq!(f32_to_i16(0.6 / 32_768.0), 1);
    assert_eq!(f32_to_i16(-0.6 / 32_768.0), -1);
    assert_eq!(f32_to_i16(0.4 / 32_768.0), 0);
}

#[test]
fn linear_bytes_are_little_endian_and_16_bits_sit_on_top_of_32() {
    let pcm = Pcm::mono([0x0102_i16, -2], SampleRate::HZ_16000);
    assert_eq!(convert::encode(&pcm, Encoding::Linear16).unwrap()[..], [2, 1, 0xFE, 0xFF]);
    assert_eq!(convert::encode(&pcm, Encoding::Linear32).unwrap()[..], [0, 0, 2, 1, 0, 0, 0xFE, 0xFF]);
}

#[test]
fn opus_is_refused_by_name() {
    let pcm = Pcm::mono([0_i16], SampleRate::HZ_48000);
    for encoding in OPUS {
        assert_eq!(convert::encode(&pcm, encoding), Err(CodecError::NotPcm(encoding)));
        assert_eq!(convert::decode(&[0], encoding, SampleRate::HZ_48000), Err(CodecError::NotPcm(encoding)));
        assert_eq!(ByteJoiner::new(encoding).err(), Some(CodecError::NotPcm(encoding)));
        assert_eq!(convert::silence(encoding, SampleRate::HZ_48000, Duration::from_millis(20)), None);
    }
}

#[test]
fn a_partial_sample_is_an_error_that_says_its_size() {
    let error = convert::decode(&[0; 7], Encoding::Linear32, SampleRate::HZ_8000).unwrap_err();
    assert_eq!(error, CodecError::PartialSample { encoding: Encoding::Linear32, left_over: 3 });
    assert_eq!(error.to_string(), "3 bytes at the end are not a whole sample of Linear32");
}

#[test]
fn silence_has_the_length_asked_for_and_decodes_to_silence() {
    for encoding in PCM {
        let bytes = convert::silence(encoding, SampleRate::HZ_8000, Duration::from_millis(20)).unwrap();
        let pcm = convert::decode(&bytes, encoding, SampleRate::HZ_8000).unwrap();
        assert_eq!(pcm.duration(), Duration::from_millis(20));
        assert!(pcm.samples().iter().all(|s| s.abs() <= 8), "{encoding:?}");
    }
    assert_eq!(
        convert::silence(Encoding::Linear16, SampleRate::HZ_8000, Duration::ZERO).map(|b| b.len()),
        Some(0)
    );
    assert_eq!(convert::silence(Encoding::Linear16, SampleRate::HZ_8000, Duration::MAX), None);
}

#[test]
fn a_joiner_says_what_was_left_over_and_starts_anew() {
    let mut joiner = ByteJoiner::new(Encoding::Linear16).unwrap();
    let mut out = Vec::new();
    joiner.push(&[1, 0, 9], &mut out);
    assert_eq!((joiner.held(), out.as_slice()), (1, [1].as_slice()));
    assert_eq!(joiner.finish(), 1);
    joiner.push(&[2, 0], &mut out);
    assert_eq!((joiner.finish(), out.as_slice()), (0, [1, 2].as_slice()));
}

proptest! {
    #[test]
    fn linear_samples_come_back_however_their_bytes_are_cut(
        samples in prop::collection::vec(any::<i16>(), 0..400),
        cuts in prop::collection::vec(0_usize..23, 1..12),
        left_over in prop::collection::vec(any::<u8>(), 0..4),
        encoding in prop::sample::select(&[Encoding::Linear16, Encoding::Linear32][..]),
    ) {
        let size = encoding.bytes_per_sample().unwrap();
        let left_over = &left_over[..left_over.len().min(size - 1)];
        let mut bytes = Vec::new();
        convert::encode_samples(&samples, encoding, &mut bytes).unwrap();
        bytes.extend_from_slice(left_over);
        prop_assume!(cuts.iter().any(|c| *c > 0));

        let mut joiner = ByteJoiner::new(encoding).unwrap();
        let mut out = Vec::new();
        for piece in cut(&bytes, &cuts) {
            joiner.push(piece, &mut out);
        }
        prop_assert_eq!(joiner.finish(), left_over.len());
        prop_assert_eq!(out, samples);
    }

    #[test]
    fn coded_bytes_decode_to_the_same_samples_in_one_piece_and_in_many(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        cuts in prop::collection::vec(0_usize..9, 1..6),
        encoding in prop::sample::select(&PCM[..]),
    ) {
        prop_assume!(cuts.iter().any(|c| *c > 0));
        let whole = &bytes[..bytes.len() - bytes.len() % encoding.bytes_per_sample().unwrap()];
        let at_once = convert::decode(whole, encoding, SampleRate::HZ_8000).unwrap();
        let mut joiner = ByteJoiner::new(encoding).unwrap();
        let mut out = Vec::new();
        for piece in cut(&bytes, &cuts) {
            joiner.push(piece, &mut out);
        }
        prop_assert_eq!(joiner.finish(), bytes.len() - whole.len());
        prop_assert_eq!(out.as_slice(), at_once.samples());
    }
}
