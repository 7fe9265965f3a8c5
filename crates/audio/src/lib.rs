//! PCM audio: samples in, samples out. Knows no frame, task or socket; only `wav` knows a file.
//!
//! - [`Pcm`]: a shared chunk of 16-bit samples that carries its [`SampleRate`] and channel count,
//!   so that a mismatch is refused where it happens instead of being heard.
//! - [`Encoding`]: what bytes on a wire mean, and what silence is in each of them.
//! - [`convert`]: samples to samples of another type, samples to bytes and back; a [`ByteJoiner`] turns
//!   a byte stream cut anywhere into whole samples.
//! - [`g711`]: A-law and µ-law, a byte at a time.
//! - [`chunk`]: a [`Chunker`] cuts a stream of any chunk lengths into chunks of one length.
//! - [`mix`]: channels into one, two streams into one.
//! - [`Background`]: a loop that plays under everything else.
//! - [`level`]: how loud a chunk is, or the last moments of a stream.
//! - `resample` (feature): another sample rate, for streams of any chunk length.
//! - `wav` (feature): WAV files, read forgivingly and written so that they always play.
//!
//! Everything is a plain value that is given input and gives output: no clock, no task, no lock.
//! Without features only the types, the conversions and the measures are built.
//! Start reading at [`Pcm`], then [`convert`].

mod background;
pub mod chunk;
pub mod convert;
mod encoding;
pub mod g711;
pub mod level;
pub mod mix;
mod pcm;
#[cfg(feature = "resample")]
pub mod resample;
#[cfg(feature = "wav")]
pub mod wav;

pub use background::Background;
pub use chunk::Chunker;
pub use convert::{ByteJoiner, CodecError};
pub use encoding::Encoding;
pub use level::{Level, LevelMeter};
pub use mix::MixError;
pub use pcm::{Pcm, SampleRate};
#[cfg(feature = "resample")]
pub use resample::{ResampleError, Resampler, StreamResampler};
#[cfg(feature = "wav")]
pub use wav::{Truncation, WavError, WavReader, WavWriter};
