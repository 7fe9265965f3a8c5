//! What the pipeline hands over, as the bytes that will be sent.
//!
//! Samples are mixed down to one channel, resampled to the line's rate and encoded. Encoded audio of the line's own
//! encoding and rate passes untouched; anything else is refused, once for each kind of misfit.
//! 1. A byte that is not yet a whole sample is kept and goes out in front of the next.
//! 2. One resampler for the whole stream. At the end of an utterance it gives what it holds, so that `finalize`
//!    follows every sample of it; the seam lies in the silence that ended the utterance.
//! 3. Times follow the input: a sample stands where it was heard, whatever the filter's delay.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use voxline_audio::{Encoding, Pcm, Resampler, SampleRate, StreamResampler, convert, mix};
use voxline_core::{frame::EncodedAudio, service::SttAudio};

use super::{
    opus::{self, Pages},
    ring::{Chunk, Measure},
};
use crate::error::SttError;

/// Input that is off its expected place by more than this has a gap.
const GAP: Duration = Duration::from_millis(50);

/// Turns audio into chunks.
#[derive(Debug)]
pub(super) struct Intake {
    encoding: Encoding,
    rate: SampleRate,
    measure: Measure,
    stream: Option<Stream>,
    /// The beginning of a sample whose end has not come yet.
    partial: BytesMut,
    pages: Pages,
    headers: BytesMut,
}

/// Samples of one rate on their way through the resampler.
#[derive(Debug)]
struct Stream {
    resampler: StreamResampler,
    /// Where the stream begins, and how many samples went in and came out since.
    base: Duration,
    taken: u64,
    given: u64,
    /// What comes out of the resampler; empty between calls.
    samples: Vec<i16>,
}

impl Intake {
    pub(super) fn new(encoding: Encoding, rate: SampleRate) -> Self {
        let measure = match encoding.bytes_per_sample() {
            Some(size) => Measure { sample: Some(size), hz: rate.hz() },
            None => Measure { sample: None, hz: opus::HZ },
        };
        let (partial, headers) = (BytesMut::new(), BytesMut::new());
        Self { encoding, rate, measure, stream: None, partial, pages: Pages::default(), headers }
    }

    pub(super) fn measure(&self) -> Measure {
        self.measure
    }

    /// What every connection must be given before any audio: the header pages of Ogg.
    pub(super) fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// Takes audio that begins at `at`.
    pub(super) fn take(&mut self, audio: &SttAudio, at: Duration) -> Result<Vec<Chunk>, SttError> {
        match audio {
            SttAudio::Pcm(pcm) => self.pcm(pcm, at),
            SttAudio::Encoded(audio) => self.encoded(audio, at),
        }
    }

    /// The end of an utterance: gives what the resampler holds.
    pub(super) fn flush(&mut self) -> Vec<Chunk> {
        let Some(mut stream) = self.stream.take() else { return Vec::new() };
        stream.resampler.flush(&mut stream.samples);
        stream.chunk(self.encoding).into_iter().collect()
    }

    /// The end of everything: also gives an incomplete page. The number of bytes that never became a sample.
    pub(super) fn finish(&mut self, at: Duration) -> (Vec<Chunk>, usize) {
        let mut chunks = self.flush();
        chunks.extend(self.pages.finish().map(|bytes| Chunk { bytes, at, ticks: 0 }));
        (chunks, self.partial.split().len())
    }

    fn pcm(&mut self, pcm: &Pcm, at: Duration) -> Result<Vec<Chunk>, SttError> {
        if self.encoding.bytes_per_sample().is_none() {
            return Err(misfit(format!(
                "samples cannot be sent as {:?}: pass encoded packets",
                self.encoding
            )));
        }
        if pcm.is_empty() {
            return Ok(Vec::new());
        }
        let mono = mix::to_mono(pcm);
        let mut chunks = Vec::new();
        if self.stream.as_ref().is_some_and(|stream| !stream.follows(pcm.rate(), at)) {
            chunks.extend(self.flush());
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                let resampler =
                    StreamResampler::new(pcm.rate(), self.rate).map_err(|error| misfit(error.to_string()))?;
                empty.insert(Stream { resampler, base: at, taken: 0, given: 0, samples: Vec::new() })
            }
        };
        stream.resampler.push(mono.samples(), &mut stream.samples);
        stream.taken += mono.samples().len() as u64;
        chunks.extend(stream.chunk(self.encoding));
        Ok(chunks)
    }

    fn encoded(&mut self, audio: &EncodedAudio, at: Duration) -> Result<Vec<Chunk>, SttError> {
        if audio.encoding != self.encoding || audio.rate != self.rate {
            return Err(misfit(format!(
                "{:?} at {} was given, but the line carries {:?} at {}: set `encoding` and `sample_rate` to match",
                audio.encoding, audio.rate, self.encoding, self.rate
            )));
        }
        match (self.encoding, self.measure.sample) {
            (Encoding::OggOpus, _) => Ok(self.ogg(&audio.bytes, at)),
            (_, None) => {
                let ticks = opus::packet_ticks(&audio.bytes);
                Ok(vec![Chunk { bytes: audio.bytes.clone(), at, ticks }])
            }
            (_, Some(size)) => Ok(vec![self.whole_samples(&audio.bytes, size, at)]),
        }
    }

    fn whole_samples(&mut self, bytes: &Bytes, size: usize, at: Duration) -> Chunk {
        let bytes = if self.partial.is_empty() && bytes.len().is_multiple_of(size) {
            bytes.clone()
        } else {
            self.partial.extend_from_slice(bytes);
            let whole = self.partial.len() / size * size;
            self.partial.split_to(whole).freeze()
        };
        let ticks = (bytes.len() / size) as u64;
        Chunk { bytes, at, ticks }
    }

    fn ogg(&mut self, bytes: &[u8], mut at: Duration) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        for page in self.pages.push(bytes) {
            if page.header {
                self.headers.extend_from_slice(&page.bytes);
                continue;
            }
            chunks.push(Chunk { bytes: page.bytes, at, ticks: page.ticks });
            at += self.measure.time(page.ticks);
        }
        chunks
    }
}

impl Stream {
    fn follows(&self, rate: SampleRate, at: Duration) -> bool {
        let expected = self.base + rate.duration_of(self.taken);
        rate == self.resampler.input_rate() && expected.abs_diff(at) <= GAP
    }

    fn chunk(&mut self, encoding: Encoding) -> Option<Chunk> {
        let mut bytes = Vec::new();
        let ticks = self.samples.len() as u64;
        // Refused only for Opus, which never gets here: there is no such stream.
        let encoded = convert::encode_samples(&self.samples, encoding, &mut bytes);
        self.samples.clear();
        encoded.ok()?;
        if bytes.is_empty() {
            return None;
        }
        let at = self.base + self.resampler.output_rate().duration_of(self.given);
        self.given += ticks;
        Some(Chunk { bytes: bytes.into(), at, ticks })
    }
}

fn misfit(reason: String) -> SttError {
    SttError::Input { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(3);

    fn encoded(bytes: &[u8], encoding: Encoding, rate: SampleRate) -> SttAudio {
        SttAudio::Encoded(EncodedAudio { bytes: bytes.to_vec().into(), encoding, rate })
    }

    fn bytes(chunks: &[Chunk]) -> Vec<u8> {
        chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect()
    }

    #[test]
    fn w21_an_odd_byte_waits_for_the_rest_of_its_sample() {
        let mut intake = Intake::new(Encoding::Linear16, SampleRate::HZ_8000);
        let mut sent = Vec::new();
        for piece in [&[1_u8, 2, 3][..], &[4], &[5], &[], &[6, 7]] {
            let audio = encoded(piece, Encoding::Linear16, SampleRate::HZ_8000);
            sent.extend(bytes(&intake.take(&audio, START).unwrap()));
            assert!(sent.len().is_multiple_of(2));
        }
        assert_eq!(sent, [1, 2, 3, 4, 5, 6]);
        assert_eq!(intake.finish(START).1, 1);
    }

    #[test]
    fn encoded_audio_of_another_kind_is_refused() {
        let mut intake = Intake::new(Encoding::MuLaw, SampleRate::HZ_8000);
        assert!(intake.take(&encoded(&[1], Encoding::ALaw, SampleRate::HZ_8000), START).is_err());
        assert!(intake.take(&encoded(&[1], Encoding::MuLaw, SampleRate::HZ_16000), START).is_err());
        assert!(intake.take(&encoded(&[1], Encoding::MuLaw, SampleRate::HZ_8000), START).is_ok());
        let pcm = SttAudio::Pcm(Pcm::mono(vec![0; 80], SampleRate::HZ_8000));
        assert!(Intake::new(Encoding::Opus, SampleRate::HZ_48000).take(&pcm, START).is_err());
    }

    #[test]
    fn samples_are_resampled_without_loss_or_shift() {
        let mut intake = Intake::new(Encoding::Linear16, SampleRate::HZ_16000);
        let mut chunks = Vec::new();
        for index in 0..50 {
            let pcm = Pcm::mono(vec![100; 960], SampleRate::HZ_48000);
            let at = START + Duration::from_millis(20) * index;
            chunks.extend(intake.take(&SttAudio::Pcm(pcm), at).unwrap());
        }
        chunks.extend(intake.flush());
        assert_eq!(bytes(&chunks).len(), 2 * 16_000);
        let mut expected = START;
        for chunk in &chunks {
            assert!(chunk.at.abs_diff(expected) < Duration::from_micros(100));
            expected += intake.measure().time(chunk.ticks);
        }
    }

    #[test]
    fn stereo_is_mixed_down_and_a_gap_is_kept() {
        let mut intake = Intake::new(Encoding::Linear16, SampleRate::HZ_8000);
        let pcm = || SttAudio::Pcm(Pcm::interleaved(vec![2, 4, 6, 8], SampleRate::HZ_8000, 2).unwrap());
        assert_eq!(bytes(&intake.take(&pcm(), START).unwrap()), [3, 0, 7, 0]);
        let later = START + Duration::from_secs(9);
        assert_eq!(intake.take(&pcm(), later).unwrap()[0].at, later);
    }

    #[test]
    fn header_pages_of_ogg_are_kept_apart() {
        use crate::session::opus::tests::page;
        let mut intake = Intake::new(Encoding::OggOpus, SampleRate::HZ_48000);
        let headers = [page(0, 19), page(0, 8)].concat();
        let stream = [headers.clone(), page(960, 7), page(2880, 9)].concat();
        let audio = encoded(&stream, Encoding::OggOpus, SampleRate::HZ_48000);
        let chunks = intake.take(&audio, START).unwrap();
        assert_eq!(intake.headers(), headers);
        assert_eq!(bytes(&chunks), [page(960, 7), page(2880, 9)].concat());
        assert_eq!(chunks[1].at, START + Duration::from_millis(20));
    }
}
