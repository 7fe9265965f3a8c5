//! WAV files: any of them into mono 16-bit samples, and 16-bit samples into files that always play.
//!
//! [`WavReader`] reads the RIFF chunks by itself. `hound` refuses what this crate must read: sizes of
//! `0xFFFFFFFF` and 0, as programs write that stream to a pipe, a cut last frame, chunks of odd length, 32-bit
//! PCM with an extended header, G.711. Writing is `hound`'s, behind [`WavWriter`].
//!
//! Both block on the file: a task of a runtime reads and writes small blocks, or does so on a blocking thread.
//! RIFF and its `fmt ` chunk: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft,
//! 1991) and the documentation of `WAVEFORMATEXTENSIBLE`.

mod header;
mod read;
mod write;

use std::io;

use crate::SampleRate;
pub use read::{Truncation, WavReader};
pub use write::WavWriter;

/// Why a WAV file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// There is no such file: check the name.
    #[error("no such file")]
    Missing(#[source] io::Error),
    /// The file is there, but the system refused or failed to read it.
    #[error("the file cannot be read")]
    Unreadable(#[source] io::Error),
    /// Something else than a WAV file; what follows says why.
    #[error("not a wav file: {0}")]
    NotWav(&'static str),
    /// A WAV file that ends before its audio begins: fetch it again.
    #[error("the wav file ends before its audio begins")]
    Truncated,
    /// A relative of WAV that is not read (RF64, RIFX): convert it.
    #[error("{0} files are not supported, only RIFF")]
    UnsupportedContainer(&'static str),
    /// Samples written in a way that is not read: convert the file to 16-bit PCM.
    #[error("unsupported samples: format {tag:#06x} with {bits} bits")]
    UnsupportedFormat {
        /// The format tag of the `fmt ` chunk, or of its extension.
        tag: u16,
        /// Bits of a sample as the header has it.
        bits: u16,
    },
    /// A sound file in all respects, but of zero length; an empty file too.
    #[error("there is no audio in the file")]
    NoAudio,
    /// The system refused or failed to write the file.
    #[error("the file cannot be written")]
    Unwritable(#[source] io::Error),
    /// The chunk has another rate than the file: resample it.
    #[error("audio of {got} does not fit into a file of {expected}")]
    WrongRate {
        /// Rate of the file.
        expected: SampleRate,
        /// Rate of the chunk.
        got: SampleRate,
    },
    /// The chunk has other channels than the file: mix it.
    #[error("audio of {got} channels does not fit into a file of {expected}")]
    WrongChannels {
        /// Channels of the file.
        expected: u16,
        /// Channels of the chunk.
        got: u16,
    },
    /// WAV ends at 4 GiB: begin another file.
    #[error("the file has reached the 4 GiB a wav file can have")]
    Full,
}
