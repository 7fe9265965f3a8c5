//! How a call is recorded.

use std::time::Duration;

use voxline_audio::SampleRate;

/// How a call is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderConfig {
    /// The rate of the files; `None` takes the higher one of the session's input and output. Default `None`.
    pub rate: Option<SampleRate>,
    /// Whether each turn is written to a file of its own, too, under `turns/`. Default off.
    pub clips: bool,
    /// How long the user's audio may be late and still find its place. So much of the call is held in memory at
    /// most, while audio is late. At least 1 s, at most 60 s; default 10 s.
    pub patience: Duration,
    /// How far ahead of what is heard the output writes, which decides what is still heard when playback is
    /// held. At most 1 s; default 150 ms, as the outputs have it.
    pub lead: Duration,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self { rate: None, clips: false, patience: Duration::from_secs(10), lead: Duration::from_millis(150) }
    }
}

impl RecorderConfig {
    /// The same with its times in their ranges.
    pub(crate) fn clamped(self) -> Self {
        let patience = self.patience.clamp(Duration::from_secs(1), Duration::from_secs(60));
        Self { patience, lead: self.lead.min(Duration::from_secs(1)), ..self }
    }
}
