//! Audio payloads that are more than bare PCM.

use std::{fmt, time::Duration};

use bytes::Bytes;
use voxline_audio::{Encoding, Pcm, SampleRate};

use super::{ContextId, RequestId};

/// Audio in an encoding Voxline does not open: telephony and Opus, passed through untouched.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedAudio {
    /// The bytes, as they came.
    pub bytes: Bytes,
    /// What they mean.
    pub encoding: Encoding,
    /// The rate of the sound they hold.
    pub rate: SampleRate,
}

impl fmt::Debug for EncodedAudio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} bytes, {})", self.encoding, self.bytes.len(), self.rate)
    }
}

/// A chunk of what the bot says, and which answer and request it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenAudio {
    /// The samples.
    pub pcm: Pcm,
    /// The answer.
    pub context: ContextId,
    /// The request to the synthesizer.
    pub request: RequestId,
}

/// How long a packet of Opus is taken to last: what every telephony and WebRTC sender uses.
const OPUS_PACKET: Duration = Duration::from_millis(20);

impl EncodedAudio {
    /// How long it lasts. Exact for encodings of fixed sample size; Opus counts as 20 ms a packet.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self.encoding.bytes_per_sample() {
            Some(size) => self.rate.duration_of((self.bytes.len() / size) as u64),
            None => OPUS_PACKET,
        }
    }
}
