//! WAV files as the two ends of a pipeline: [`WavInput`] plays a file into it, [`WavOutput`] records what
//! the bot says.
//!
//! ```no_run
//! # use voxline_core::{Pipeline, SessionConfig};
//! # use voxline_transport_wav::WavTransport;
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let transport = WavTransport::open("question.wav", "answer.wav")?;
//! let (input, output) = transport.split();
//! let pipeline = Pipeline::builder().then(input).then(output).build()?;
//! pipeline.start(SessionConfig::default()).await?.finished().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Any WAV is read: 8 to 32 bits, float, G.711, any rate (resampled to the session's), any number of
//! channels (mixed down). Reading and writing block their thread for a buffer of a local file at a time;
//! for files on slow network storage, copy them first.

mod input;
mod output;

use std::path::Path;

pub use input::{InputError, WavInput, WavInputCounters, WavInputStop};
pub use output::WavOutput;
pub use voxline_audio::WavError;

/// How fast a file is played into the pipeline, and an answer out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As a caller would speak, and hear.
    #[default]
    Realtime,
    /// As fast as the pipeline takes it.
    Fast,
}

/// A file to read and a file to write.
#[derive(Debug)]
pub struct WavTransport {
    input: WavInput,
    output: WavOutput,
}

impl WavTransport {
    /// Opens the input file and creates the output file, in real time.
    ///
    /// # Errors
    /// [`WavError`], by what is wrong with the input.
    pub fn open(input: impl AsRef<Path>, output: impl AsRef<Path>) -> Result<Self, WavError> {
        Ok(Self { input: WavInput::open(input)?, output: WavOutput::create(output) })
    }

    /// Plays at another pace, both ways.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.input = self.input.with_pace(pace);
        self.output = self.output.with_pace(pace);
        self
    }

    /// The two ends.
    #[must_use]
    pub fn split(self) -> (WavInput, WavOutput) {
        (self.input, self.output)
    }
}
