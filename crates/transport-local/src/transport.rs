//! Both ends of a pipeline on the devices of this machine.

use voxline_audio::Pcm;

use crate::{LocalError, LocalInput, LocalOutput, LocalStats, device};

/// Which devices. Names as [`devices`](crate::devices) lists them; `None` is the system's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalConfig {
    /// To listen to.
    pub input: Option<String>,
    /// To play to.
    pub output: Option<String>,
}

/// A microphone and a speaker.
///
/// ```no_run
/// # use voxline_core::{Pipeline, SessionConfig};
/// # use voxline_transport_local::{LocalConfig, LocalTransport, MuteWhileBotSpeaks};
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let (input, output) = LocalTransport::open(LocalConfig::default())?.split();
/// let pipeline = Pipeline::builder().then(input).then(MuteWhileBotSpeaks::default()).then(output).build()?;
/// pipeline.start(SessionConfig::default()).await?.finished().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LocalTransport {
    input: LocalInput,
    output: LocalOutput,
    stats: LocalStats,
}

impl LocalTransport {
    /// Opens the devices, which begin to run. Blocks while the system opens them, at most five seconds: call it
    /// before the session begins. They are closed when both ends are gone.
    ///
    /// # Errors
    /// [`LocalError`], by what can be done about it.
    pub fn open(config: LocalConfig) -> Result<Self, LocalError> {
        Self::with(config, None)
    }

    /// As [`open`](Self::open), with a sound that the speaker plays over and over under everything, `gain` times as
    /// loud (0 to 1), as long as the devices are open: it has no seam at an interruption.
    ///
    /// # Errors
    /// As [`open`](Self::open); and when the sound cannot be brought to the rate of the device.
    pub fn open_with_background(config: LocalConfig, sound: Pcm, gain: f32) -> Result<Self, LocalError> {
        Self::with(config, Some((sound, gain)))
    }

    fn with(config: LocalConfig, background: Option<(Pcm, f32)>) -> Result<Self, LocalError> {
        let stats = LocalStats::default();
        let opened = device::open(config, background, stats.clone())?;
        Ok(Self {
            input: LocalInput::new(opened.input, opened.keeper.clone(), stats.clone()),
            output: LocalOutput::new(opened.output, opened.keeper, stats.clone()),
            stats,
        })
    }

    /// A handle to the counters.
    #[must_use]
    pub fn stats(&self) -> LocalStats {
        self.stats.clone()
    }

    /// The two ends.
    #[must_use]
    pub fn split(self) -> (LocalInput, LocalOutput) {
        (self.input, self.output)
    }
}
