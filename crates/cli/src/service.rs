//! The two services as the command line wants them: key, address, and how patient they are.
//!
//! Everything that can be checked without a connection is checked here.

use std::{env, time::Duration};

use voxline::smallest_stt::Secret;
use voxline::{
    smallest_stt::{self, SmallestStt, SttConfig, SttSettings},
    smallest_tts::{SmallestTts, TtsConfig},
};

use crate::exit::Failure;

/// The variable that holds the key.
pub(crate) const KEY_VARIABLE: &str = smallest_stt::KEY_VARIABLE;

/// Failed connects in a row until the command gives up: a wrong host should be known within seconds, a
/// service that restarts should be waited for.
const ATTEMPTS: u32 = 5;
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(3);

/// Where the service is, and what opens it.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) key: Secret,
    pub(crate) base_url: Option<String>,
}

impl Access {
    /// With the key of the environment.
    pub(crate) fn from_env(base_url: Option<String>) -> Result<Self, Failure> {
        let key = key().ok_or_else(|| {
            Failure::usage(format!("no API key: set {KEY_VARIABLE}")).advise(
                "without one: run `voxline sim`, set the variable to its api_key, and pass its url as --base-url",
            )
        })?;
        Ok(Self { key, base_url: base_url.map(with_scheme) })
    }

    pub(crate) fn stt(&self) -> SttConfig {
        let mut config = SttConfig::new(self.key.clone());
        if let Some(url) = &self.base_url {
            config.base_url.clone_from(url);
        }
        config.backoff.give_up_after = Some(ATTEMPTS);
        config.backoff.first = FIRST_DELAY;
        config.backoff.max = LONGEST_DELAY;
        config
    }

    pub(crate) fn tts(&self) -> TtsConfig {
        let mut config = TtsConfig::new(self.key.clone());
        if let Some(url) = &self.base_url {
            config.base_url.clone_from(url);
        }
        config.backoff.give_up_after = Some(ATTEMPTS);
        config.backoff.first = FIRST_DELAY;
        config.backoff.max = LONGEST_DELAY;
        config
    }
}

/// An address without a scheme is meant to be a safe one.
fn with_scheme(url: String) -> String {
    if url.contains("://") { url } else { format!("wss://{url}") }
}

/// The key of the environment, if there is one.
pub(crate) fn key() -> Option<Secret> {
    let key = env::var(KEY_VARIABLE).ok()?;
    let key = key.trim();
    (!key.is_empty()).then(|| Secret::new(key))
}

/// A recogniser whose settings are known to be usable.
pub(crate) fn recogniser(config: SttConfig, settings: SttSettings) -> Result<SmallestStt, Failure> {
    settings.validate()?;
    Ok(SmallestStt::with_config(config).with_settings(settings))
}

/// A synthesizer whose configuration and settings are known to be usable.
pub(crate) fn synthesizer(tts: SmallestTts) -> Result<SmallestTts, Failure> {
    tts.check()?;
    Ok(tts)
}
