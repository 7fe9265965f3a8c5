//! The six socket endpoints of Waves and their paths.
//!
//! The current host serves them under `/waves/v1/`, the old one (`waves-api.smallest.ai`) under
//! `/api/v1/`; the simulator answers both.

use std::{fmt, str::FromStr};

/// One of the service's WebSocket endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// `stt/live`: the current speech-to-text.
    SttLive,
    /// `pulse/get_text`: speech-to-text, still served beside `stt/live`.
    Pulse,
    /// `lightning/get_text`: the legacy speech-to-text, where `finalize` ends the stream.
    Lightning,
    /// `tts/live`: the current text-to-speech.
    TtsLive,
    /// `lightning-v3.1/get_speech/stream`: superseded text-to-speech.
    LightningV31,
    /// `lightning-v2/get_speech/stream`: retired text-to-speech.
    LightningV2,
}

/// What an endpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Audio up, text down.
    SpeechToText,
    /// Text up, audio down.
    TextToSpeech,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 6] =
        [Self::SttLive, Self::Pulse, Self::Lightning, Self::TtsLive, Self::LightningV31, Self::LightningV2];

    /// The endpoint at `path` (without its query), `None` for anything else.
    ///
    /// Exact: one slash between segments, none at the end, the version prefix of either host.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/waves/v1/").or_else(|| path.strip_prefix("/api/v1/"))?;
        Self::ALL.into_iter().find(|endpoint| endpoint.tail() == rest)
    }

    /// The path on the current host.
    #[must_use]
    pub fn path(self) -> String {
        format!("/waves/v1/{}", self.tail())
    }

    /// Which way the speech goes.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::SttLive | Self::Pulse | Self::Lightning => Direction::SpeechToText,
            Self::TtsLive | Self::LightningV31 | Self::LightningV2 => Direction::TextToSpeech,
        }
    }

    /// Its name in fault specifications and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SttLive => "stt_live",
            Self::Pulse => "pulse",
            Self::Lightning => "lightning",
            Self::TtsLive => "tts_live",
            Self::LightningV31 => "v31",
            Self::LightningV2 => "v2",
        }
    }

    const fn tail(self) -> &'static str {
        match self {
            Self::SttLive => "stt/live",
            Self::Pulse => "pulse/get_text",
            Self::Lightning => "lightning/get_text",
            Self::TtsLive => "tts/live",
            Self::LightningV31 => "lightning-v3.1/get_speech/stream",
            Self::LightningV2 => "lightning-v2/get_speech/stream",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such endpoint: one of stt_live, pulse, lightning, tts_live, v31, v2")]
pub struct UnknownEndpoint;

impl FromStr for Endpoint {
    type Err = UnknownEndpoint;

    fn from_str(name: &str) -> Result<Self, UnknownEndpoint> {
        Self::ALL.into_iter().find(|endpoint| endpoint.name() == name).ok_or(UnknownEndpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_found_on_both_hosts() {
        for endpoint in Endpoint::ALL {
            let path = endpoint.path();
            assert_eq!(Endpoint::at(&path), Some(endpoint));
            assert_eq!(Endpoint::at(&path.replace("/waves/", "/api/")), Some(endpoint));
            assert_eq!(endpoint.name().parse(), Ok(endpoint));
        }
    }

    #[test]
    fn a_path_must_be_exact() {
        for path in ["/", "/waves/v1/stt", "/waves/v1/stt/live/", "//waves/v1/stt/live", "/waves/v2/stt/live"]
        {
            assert_eq!(Endpoint::at(path), None, "{path}");
        }
    }
}
