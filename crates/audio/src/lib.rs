//! PCM audio: samples in, samples out. Knows no frame, task or socket.
//!
//! - [`Pcm`]: a shared chunk of 16-bit samples that carries its [`SampleRate`] and channel count,
//!   so that a mismatch is refused where it happens instead of being heard.
//! - [`Encoding`]: what bytes on a wire mean, and what silence is in each of them.

mod pcm;
mod encoding;

pub use encoding::Encoding;
pub use pcm::{Pcm, SampleRate};
