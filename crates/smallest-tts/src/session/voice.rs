//! The audio of one answer: bytes as they come, samples at the pipeline's rate, and how much it was.
//!
//! 1. Bytes of one request are joined across chunks, so that no sample is torn; a request that begins
//!    while half a sample waits drops that half and counts it.
//! 2. One resampler for the whole answer: no seam between its requests.
//! 3. `delivered` is what went out; `received` is what came, at the service's rate, and is what the
//!    service's word times count in.

use std::time::Duration;

use voxline_audio::{ByteJoiner, Encoding, Pcm, Resampler as _, SampleRate, StreamResampler};
use voxline_core::frame::RequestId;

use crate::error::ConfigError;

/// The two rates of a session's audio.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// What the service is asked for.
    pub(crate) service: SampleRate,
    /// What the pipeline gets.
    pub(crate) pipeline: SampleRate,
}

impl Rates {
    /// # Errors
    /// When no resampler leads from the one to the other.
    pub(crate) fn check(self) -> Result<(), ConfigError> {
        StreamResampler::new(self.service, self.pipeline)?;
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Voice {
    rates: Rates,
    joiner: ByteJoiner,
    /// None where the rates are equal.
    resampler: Option<StreamResampler>,
    request: Option<RequestId>,
    received: u64,
    delivered: u64,
    left_over: u64,
}

/// What a chunk became.
#[derive(Debug)]
pub(super) struct Heard {
    /// Samples at the service's rate that the chunk completed.
    pub(super) samples: u64,
    /// What is ready for the pipeline.
    pub(super) pcm: Option<Pcm>,
}

impl Voice {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            rates,
            joiner: ByteJoiner::new(Encoding::Linear16).expect("linear16 is coded sample by sample"),
            resampler: (rates.service != rates.pipeline)
                .then(|| StreamResampler::new(rates.service, rates.pipeline).ok())
                .flatten(),
            request: None,
            received: 0,
            delivered: 0,
            left_over: 0,
        }
    }

    pub(super) fn push(&mut self, request: RequestId, bytes: &[u8]) -> Heard {
        if self.request.replace(request).is_some_and(|last| last != request) {
            self.left_over += self.joiner.finish() as u64;
        }
        let mut samples = Vec::with_capacity(bytes.len() / 2 + 1);
        self.joiner.push(bytes, &mut samples);
        let count = samples.len() as u64;
        self.received += count;
        if let Some(resampler) = &mut self.resampler {
            let mut resampled = Vec::new();
            resampler.push(&samples, &mut resampled);
            samples = resampled;
        }
        Heard { samples: count, pcm: self.give(samples) }
    }

    /// The rest of it.
    pub(super) fn finish(&mut self) -> Option<Pcm> {
        self.left_over += self.joiner.finish() as u64;
        let mut samples = Vec::new();
        if let Some(resampler) = &mut self.resampler {
            resampler.flush(&mut samples);
        }
        self.give(samples)
    }

    /// How much the service sent.
    pub(super) fn received(&self) -> Duration {
        self.rates.service.duration_of(self.received)
    }

    /// How much went to the pipeline.
    pub(super) fn delivered(&self) -> Duration {
        self.rates.pipeline.duration_of(self.delivered)
    }

    /// The request the last audio was of.
    pub(super) fn request(&self) -> Option<RequestId> {
        self.request
    }

    /// Bytes that never became a sample, since this was last asked.
    pub(super) fn take_left_over(&mut self) -> u64 {
        std::mem::take(&mut self.left_over)
    }

    fn give(&mut self, samples: Vec<i16>) -> Option<Pcm> {
        self.delivered += samples.len() as u64;
        (!samples.is_empty()).then(|| Pcm::mono(samples, self.rates.pipeline))
    }
}
