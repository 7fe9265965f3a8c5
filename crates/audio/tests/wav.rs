//! WAV files as they are met: well-formed, cut, lying, of every sample format, and no WAV at all.
#![cfg(feature = "wav")]

use std::{
    fs,
    io::{self, Cursor, Read},
    path::PathBuf,
    time::Duration,
};

use proptest::prelude::*;
use voxline_audio::{Pcm, SampleRate, Truncation, WavError, WavReader, WavWriter};

const RATE: SampleRate = SampleRate::HZ_16000;

/// A path in the directory of temporary files that no other test of this process uses.
fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("voxline-audio-{}-{name}", std::process::id()))
}

fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = [id.as_slice(), &(body.len() as u32).to_le_bytes(), body].concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WAVE".to_vec(), chunks.concat()].concat();
    chunk(b"RIFF", &body)
}

/// A `fmt ` chunk of 16 kHz.
fn format(tag: u16, channels: u16, bits: u16, container: u16) -> Vec<u8> {
    let align = channels * container;
    let mut body = Vec::new();
    for number in [tag, channels, 16_000, 0, 0, 0, align, bits] {
        body.extend(number.to_le_bytes());
    }
    chunk(b"fmt ", &body)
}

fn file(tag: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    riff(&[format(tag, channels, bits, bits / 8), chunk(b"data", data)])
}

fn le(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

fn open(bytes: &[u8]) -> Result<WavReader<Cursor<Vec<u8>>>, WavError> {
    WavReader::new(Cursor::new(bytes.to_vec()))
}

fn read_all<R: Read>(reader: &mut WavReader<R>, block: usize) -> Vec<i16> {
    let mut samples = Vec::new();
    while let Some(pcm) = reader.read(block).expect("a readable file") {
        assert!(pcm.frames() <= block && pcm.channels() == 1 && pcm.rate() == reader.rate());
        samples.extend_from_slice(pcm.samples());
    }
    samples
}

fn samples_of(bytes: &[u8]) -> Vec<i16> {
    read_all(&mut open(bytes).expect("a wav file"), 1_000)
}

#[test]
fn every_sample_format_comes_out_as_16_bits() {
    let expected = [0, 256, -256, i16::MIN, 32_512];
    assert_eq!(samples_of(&file(1, 1, 8, &[128, 129, 127, 0, 255])), expected);
    assert_eq!(samples_of(&file(1, 1, 16, &le(&expected))), expected);
    let int = |bytes: usize| -> Vec<u8> {
        let wide = |s: &i16| (i32::from(*s) << 16).to_le_bytes()[4 - bytes..].to_vec();
        expected.iter().flat_map(wide).collect()
    };
    assert_eq!(samples_of(&file(1, 1, 24, &int(3))), expected);
    assert_eq!(samples_of(&file(1, 1, 32, &int(4))), expected);
    let floats: Vec<u8> = expected.iter().flat_map(|&s| (f32::from(s) / 32_768.0).to_le_bytes()).collect();
    assert_eq!(samples_of(&file(3, 1, 32, &floats)), expected);
    let doubles: Vec<u8> = expected.iter().flat_map(|&s| (f64::from(s) / 32_768.0).to_le_bytes()).collect();
    assert_eq!(samples_of(&file(3, 1, 64, &doubles)), expected);
    assert_eq!(samples_of(&file(6, 1, 8, &[0xD5, 0x2A])), [8, -32_256]);
    assert_eq!(samples_of(&file(7, 1, 8, &[0xFF, 0x80])), [0, 32_124]);
}

#[test]
fn small_values_in_large_containers_keep_their_size() {
    let in_four: Vec<u8> = [0x0012_3456_i32, -0x0012_3456].iter().flat_map(|s| s.to_le_bytes()).collect();
    let bytes = riff(&[format(1, 1, 24, 4), chunk(b"data", &in_four)]);
    assert_eq!(samples_of(&bytes), [0x1234, -0x1235]);
    let bytes = riff(&[format(1, 1, 8, 2), chunk(b"data", &[0x34, 0x00])]);
    assert_eq!(samples_of(&bytes), [0x3400]);
}

#[test]
fn an_extended_header_is_read_by_its_sub_format() {
    let tail = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
    let mut body = format(0xFFFE, 1, 32, 4)[8..].to_vec();
    body.extend([22, 0, 32, 0, 4, 0, 0, 0, 3, 0]);
    body.extend(tail);
    let bytes = riff(&[chunk(b"fmt ", &body), chunk(b"data", &0.5_f32.to_le_bytes())]);
    assert_eq!(samples_of(&bytes), [16_384]);
}

#[test]
fn floats_that_are_no_number_are_silent_and_loud_ones_saturate() {
    let floats = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9, -1e9, f32::MIN_POSITIVE];
    let bytes: Vec<u8> = floats.iter().flat_map(|f| f.to_le_bytes()).collect();
    assert_eq!(samples_of(&file(3, 1, 32, &bytes)), [0, 0, 0, i16::MAX, i16::MIN, 0]);
}

#[test]
fn channels_are_mixed_down_and_rates_reported() {
    let bytes = file(1, 2, 16, &le(&[100, 300, -5, -7]));
    let mut reader = open(&bytes).unwrap();
    assert_eq!((reader.channels(), reader.rate()), (2, RATE));
    assert_eq!(reader.announced_duration(), Some(Duration::from_micros(125)));
    assert_eq!(read_all(&mut reader, 1), [200, -6]);
    assert_eq!(samples_of(&file(1, 6, 16, &le(&[6, 6, 6, 12, 12, 12]))), [9]);
}

#[test]
fn other_chunks_and_their_padding_are_skipped_wherever_they_stand() {
    let bytes = riff(&[
        chunk(b"JUNK", &[1, 2, 3]),
        format(1, 1, 16, 2),
        chunk(b"LIST", b"odd"),
        chunk(b"data", &le(&[7, 8])),
        chunk(b"id3 ", &[9; 11]),
    ]);
    assert_eq!(samples_of(&bytes), [7, 8]);
}

#[test]
fn sizes_of_a_stream_mean_the_end_of_the_file() {
    let data = le(&[1, 2, 3]);
    for size in [0, u32::MAX, 0x7FFF_F000, 0x8000_0000] {
        for riff_size in [0, 36, u32::MAX, size.saturating_add(36)] {
            let mut bytes = file(1, 1, 16, &data);
            bytes[40..44].copy_from_slice(&size.to_le_bytes());
            bytes[4..8].copy_from_slice(&riff_size.to_le_bytes());
            let mut reader = open(&bytes).unwrap();
            assert_eq!(reader.announced_frames(), None);
            assert_eq!(read_all(&mut reader, 2), [1, 2, 3], "data {size:#x}, riff {riff_size:#x}");
            assert_eq!(reader.truncation(), None);
        }
    }
}

#[test]
fn a_true_size_of_zero_does_not_turn_other_chunks_into_audio() {
    let bytes = riff(&[format(1, 1, 16, 2), chunk(b"data", &[]), chunk(b"LIST", &[1; 20])]);
    assert!(matches!(open(&bytes), Err(WavError::NoAudio)));
}

#[test]
fn a_cut_file_gives_what_it_has_and_says_what_is_missing() {
    let whole = file(1, 2, 16, &le(&[1, 1, 2, 2, 3, 3, 4, 4]));
    let mut reader = open(&whole[..whole.len() - 5]).unwrap();
    assert_eq!(reader.truncation(), None);
    assert_eq!(read_all(&mut reader, 100), [1, 2]);
    assert_eq!(reader.truncation(), Some(Truncation { announced: 4, read: 2 }));
    assert_eq!(reader.left_over_bytes(), 3);
    assert!(reader.read(100).unwrap().is_none());
}

#[test]
fn a_file_cut_anywhere_in_its_first_bytes_is_named_for_what_it_is() {
    let whole = file(1, 1, 16, &le(&[5; 100]));
    for length in 0..60 {
        match (length, open(&whole[..length])) {
            (0, Err(WavError::NoAudio)) | (1..46, Err(WavError::Truncated)) => {}
            (46.., Ok(mut reader)) => {
                let there = (length - 44) / 2;
                assert_eq!(read_all(&mut reader, 7), vec![5; there]);
                assert_eq!(reader.truncation(), Some(Truncation { announced: 100, read: there as u64 }));
            }
            (_, other) => panic!("{length} bytes gave {other:?}"),
        }
    }
}

#[test]
fn what_is_no_wav_is_refused_with_the_reason() {
    let told = |bytes: &[u8]| open(bytes).map(|_| ()).unwrap_err().to_string();
    assert_eq!(told(b""), "there is no audio in the file");
    assert_eq!(told(b"Hello, this is a text"), "not a wav file: it does not begin with RIFF");
    assert_eq!(told(b"R2"), "not a wav file: it does not begin with RIFF");
    assert_eq!(told(b"RIFF\x10\0\0\0AVI LIST"), "not a wav file: it is a RIFF file of another kind");
    assert_eq!(told(b"RF64\xff\xff\xff\xffWAVEds64"), "RF64 files are not supported, only RIFF");
    assert_eq!(told(b"RIFX\x10\0\0\0WAVEfmt "), "RIFX files are not supported, only RIFF");
    assert_eq!(told(&file(1, 1, 16, &[])), "there is no audio in the file");
    assert_eq!(told(&file(0x55, 1, 16, &[0; 4])), "unsupported samples: format 0x0055 with 16 bits");
    assert_eq!(told(&file(1, 1, 64, &[0; 8])), "unsupported samples: format 0x0001 with 64 bits");
    assert_eq!(told(&file(1, 0, 16, &[0; 4])), "not a wav file: it has no channels");
    let no_format = riff(&[chunk(b"data", &[0; 4]), format(1, 1, 16, 2)]);
    assert_eq!(told(&no_format), "not a wav file: its audio comes before its format");
    assert_eq!(told(&riff(&[chunk(b"fmt ", &[1; 14])])), "not a wav file: its format is too short");
    let no_data = riff(&[format(1, 1, 16, 2), chunk(b"LIST", &[0; 4])]);
    assert_eq!(told(&no_data), "the wav file ends before its audio begins");
    let mut no_rate = file(1, 1, 16, &[0; 4]);
    no_rate[24..28].fill(0);
    assert_eq!(told(&no_rate), "not a wav file: its sample rate is zero");
}

#[test]
fn a_missing_file_and_a_directory_are_told_apart() {
    assert!(matches!(WavReader::open(scratch("missing.wav")), Err(WavError::Missing(_))));
    assert!(matches!(WavReader::open(std::env::temp_dir()), Err(WavError::Unreadable(_))));
    let nowhere = scratch("missing").join("out.wav");
    assert!(matches!(WavWriter::create(nowhere, RATE), Err(WavError::Unwritable(_))));
}

/// Gives its bytes in small pieces, with interruptions, and then fails.
struct Failing(Cursor<Vec<u8>>, bool);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = buffer.len().min(3);
        match self.0.read(&mut buffer[..length])? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            read => Ok(read),
        }
    }
}

#[test]
fn samples_read_before_a_failure_come_out_before_it() {
    let whole = file(1, 1, 16, &le(&[1, 2, 3, 4]));
    let mut reader = WavReader::new(Failing(Cursor::new(whole[..49].to_vec()), false)).unwrap();
    assert_eq!(reader.read(10).unwrap().unwrap().samples(), [1, 2]);
    assert!(matches!(reader.read(10), Err(WavError::Unreadable(_))));
    assert!(reader.read(10).unwrap().is_none());
}

#[test]
fn a_written_file_reads_back_sample_by_sample() {
    let path = scratch("round-trip.wav");
    let samples: Vec<i16> = (0..50_000).map(|n| (n % 65_536 - 32_768) as i16).collect();
    let mut writer = WavWriter::create(&path, RATE).unwrap();
    for piece in samples.chunks(777) {
        writer.write(&Pcm::mono(piece, RATE)).unwrap();
    }
    assert_eq!((writer.frames(), writer.duration()), (50_000, Duration::from_millis(3_125)));
    writer.close().unwrap();
    let mut reader = WavReader::open(&path).unwrap();
    assert_eq!(reader.announced_frames(), Some(50_000));
    assert_eq!(read_all(&mut reader, 320), samples);
    fs::remove_file(path).unwrap();
}

#[test]
fn the_file_is_playable_before_it_is_closed_and_after_a_drop() {
    let path = scratch("unclosed.wav");
    let announced = || WavReader::open(&path).ok().and_then(|reader| reader.announced_frames());
    let mut writer = WavWriter::create(&path, RATE).unwrap();
    assert!(matches!(WavReader::open(&path), Err(WavError::NoAudio)));
    writer.write(&Pcm::mono(vec![1; 15_999], RATE)).unwrap();
    assert_ne!(announced(), Some(15_999));
    writer.write(&Pcm::mono([1], RATE)).unwrap();
    assert_eq!(announced(), Some(16_000), "a second of audio brings the header up to date");
    writer.write(&Pcm::mono([2, 2], RATE)).unwrap();
    writer.flush().unwrap();
    assert_eq!(announced(), Some(16_002));
    writer.write(&Pcm::mono([3], RATE)).unwrap();
    drop(writer);
    assert_eq!(announced(), Some(16_003));
    fs::remove_file(path).unwrap();
}

#[test]
fn two_channels_stay_two_channels() {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new_interleaved(&mut bytes, RATE, 2).unwrap();
    assert!(matches!(
        writer.write(&Pcm::mono([4], RATE)),
        Err(WavError::WrongChannels { expected: 2, got: 1 })
    ));
    writer.write(&Pcm::interleaved([10_i16, 20, 30, 50], RATE, 2).unwrap()).unwrap();
    assert_eq!(writer.frames(), 2);
    writer.close().unwrap();
    let mut reader = WavReader::new(Cursor::new(bytes.into_inner())).unwrap();
    assert_eq!((reader.channels(), reader.announced_frames()), (2, Some(2)));
    assert_eq!(read_all(&mut reader, 5), [15, 40]);
    for channels in [0, u16::MAX] {
        let refused = WavWriter::new_interleaved(Cursor::new(Vec::new()), RATE, channels);
        assert!(matches!(refused, Err(WavError::Unwritable(_))), "{channels} channels");
    }
}

#[test]
fn audio_that_does_not_fit_the_file_is_refused_and_leaves_it_as_it_was() {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, RATE).unwrap();
    let wrong = writer.write(&Pcm::mono([1], SampleRate::HZ_8000)).unwrap_err();
    assert_eq!(wrong.to_string(), "audio of 8000 Hz does not fit into a file of 16000 Hz");
    let stereo = Pcm::interleaved([1_i16, 1], RATE, 2).unwrap();
    assert!(matches!(writer.write(&stereo), Err(WavError::WrongChannels { expected: 1, got: 2 })));
    writer.write(&Pcm::mono([4], RATE)).unwrap();
    writer.close().unwrap();
    assert_eq!(samples_of(&bytes.into_inner()), [4]);
    let absurd = SampleRate::new(u32::MAX).unwrap();
    assert!(matches!(WavWriter::new(Cursor::new(Vec::new()), absurd), Err(WavError::Unwritable(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), block in 0_usize..50) {
        let mut reader = match open(&bytes) {
            Ok(reader) => reader,
            Err(_) => return Ok(()),
        };
        while reader.read(block).unwrap().is_some() {}
    }

    #[test]
    fn no_damage_to_a_header_makes_the_reader_panic_or_invent_samples(
        damage in prop::collection::vec((0_usize..60, any::<u8>()), 1..6),
        channels in 1_u16..4,
        bits in prop::sample::select(&[8_u16, 16, 24, 32][..]),
    ) {
        let mut bytes = file(1, channels, bits, &[0x55; 240]);
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        if let Ok(mut reader) = open(&bytes) {
            let mut read = 0;
            while let Some(pcm) = reader.read(usize::MAX).unwrap() {
                read += pcm.frames();
            }
            prop_assert!(0 < read && read <= bytes.len());
        }
    }

    #[test]
    fn any_block_length_gives_the_same_samples(
        samples in prop::collection::vec(any::<i16>(), 1..500),
        block in 1_usize..60,
    ) {
        prop_assert_eq!(read_all(&mut open(&file(1, 1, 16, &le(&samples))).unwrap(), block), samples);
    }
}
