//! Bytes of any encoding as frames of 10 ms.
//!
//! In: binary messages cut anywhere. Out: frames with their samples and whether they are loud.
//! Opus is not decoded: each message counts as one packet of 20 ms, loud unless it is as small as the
//! packets by which encoders say that nothing is to be heard.

use voxline_audio::{ByteJoiner, Encoding, Level};

/// Milliseconds of a frame.
pub(super) const FRAME_MS: u64 = 10;

/// Frames of one Opus packet.
const FRAMES_PER_PACKET: usize = 2;

/// An Opus packet of at most so many bytes is silence (discontinuous transmission).
const SILENT_PACKET_BYTES: usize = 8;

/// Ten milliseconds of audio.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) loud: bool,
    /// Empty for Opus.
    pub(super) samples: Vec<i16>,
}

/// Cuts one connection's audio into frames.
#[derive(Debug)]
pub(super) struct FrameCutter {
    /// `None` for Opus.
    joiner: Option<ByteJoiner>,
    rate: u32,
    level_dbfs: f32,
    pending: Vec<i16>,
    frames: u64,
}

impl FrameCutter {
    pub(super) fn new(encoding: Encoding, rate: u32, level_dbfs: f32) -> Self {
        let joiner = ByteJoiner::new(encoding).ok();
        Self { joiner, rate, level_dbfs, pending: Vec::new(), frames: 0 }
    }

    /// The frames that `bytes` complete.
    pub(super) fn cut(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let Some(joiner) = &mut self.joiner else {
            let frame = || Frame { loud: bytes.len() > SILENT_PACKET_BYTES, samples: Vec::new() };
            let frames = if bytes.is_empty() { 0 } else { FRAMES_PER_PACKET };
            return std::iter::repeat_with(frame).take(frames).collect();
        };
        joiner.push(bytes, &mut self.pending);
        let mut frames = Vec::new();
        let mut taken = 0;
        while let Some(samples) = self.pending.get(taken..taken + self.next_length()) {
            let loud = Level::of(samples).rms_dbfs() >= self.level_dbfs;
            frames.push(Frame { loud, samples: samples.to_vec() });
            taken += samples.len();
            self.frames += 1;
        }
        self.pending.drain(..taken);
        frames
    }

    /// What is left at the end, shorter than a frame.
    pub(super) fn rest(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.pending)
    }

    /// Samples of the next frame: 220 and 221 in turns at 22,050 Hz.
    fn next_length(&self) -> usize {
        let at = |frame: u64| frame * FRAME_MS * u64::from(self.rate) / 1_000;
        (at(self.frames + 1) - at(self.frames)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_do_not_depend_on_how_the_bytes_are_cut() {
        let bytes: Vec<u8> = (0..22_050_u32 * 2).map(|n| (n * 7) as u8).collect();
        for chunk in [1, 3, 320, 4_096, 44_100] {
            let mut cutter = FrameCutter::new(Encoding::Linear16, 22_050, -45.0);
            let frames: Vec<_> = bytes.chunks(chunk).flat_map(|chunk| cutter.cut(chunk)).collect();
            assert_eq!(frames.len(), 100, "{chunk}");
            assert_eq!(frames.iter().map(|frame| frame.samples.len()).sum::<usize>(), 22_050);
        }
    }

    #[test]
    fn silence_is_quiet_in_every_encoding() {
        for encoding in [Encoding::Linear16, Encoding::Linear32, Encoding::ALaw, Encoding::MuLaw] {
            let byte = encoding.silence_byte().unwrap();
            let bytes = vec![byte; 80 * encoding.bytes_per_sample().unwrap()];
            let frames = FrameCutter::new(encoding, 8_000, -45.0).cut(&bytes);
            assert_eq!(frames.len(), 1, "{encoding:?}");
            assert!(!frames[0].loud, "{encoding:?}");
        }
    }

    #[test]
    fn an_opus_packet_is_twenty_milliseconds() {
        let mut cutter = FrameCutter::new(Encoding::Opus, 48_000, -45.0);
        assert_eq!(cutter.cut(&[1; 60]).iter().filter(|frame| frame.loud).count(), 2);
        assert_eq!(cutter.cut(&[1; 3]).iter().filter(|frame| !frame.loud).count(), 2);
        assert!(cutter.cut(&[]).is_empty());
    }
}
