//! What can go wrong while a call is recorded. None of it touches the call, except before it begins.

use std::{io, path::PathBuf};

use voxline_audio::WavError;

/// Why a call, or the rest of it, is not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The folder cannot be made: check the path and who may write there. Keeps the session from starting.
    #[error("the folder {path} cannot be made")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A sound file cannot be written, or is full. What was written before can be played.
    #[error("{path} cannot be written")]
    Wav {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: WavError,
    },
    /// The transcript cannot be written.
    #[error("{path} cannot be written")]
    Text {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The disk did not keep up; what did not fit into memory is silence in the recording.
    #[error("the disk is too slow: {dropped} blocks were not written")]
    TooSlow {
        /// Blocks, half a second each, since the last report.
        dropped: u64,
    },
}
