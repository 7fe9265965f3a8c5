//! Microphone and speaker as the two ends of a pipeline.
//!
//! Off by default: the feature `local-audio` builds the devices, by the `cpal` crate, and needs a system library to
//! build (on Debian and Ubuntu: `apt-get install libasound2-dev pkg-config`; on macOS and Windows nothing). Without
//! it there is only [`MuteWhileBotSpeaks`] here, and the crate builds everywhere.
//!
//! ```text
//!  device ─callback─▶ ring ─every 10 ms─▶ LocalInput ─▶ MuteWhileBotSpeaks ─▶ … ─▶ LocalOutput ─▶ ring ─callback─▶ device
//! ```
//! - `LocalTransport::open` opens the devices and gives the two ends; `devices` lists what there is.
//! - The callbacks of the devices never wait, allocate or lock: they copy samples between a device and a ring.
//! - [`MuteWhileBotSpeaks`] keeps the speaker out of the microphone, where nothing else does.
//!
//! Read next: [`MuteWhileBotSpeaks`], then `transport.rs`.

#[cfg(any(test, feature = "local-audio"))]
mod clock;
#[cfg(feature = "local-audio")]
mod device;
#[cfg(feature = "local-audio")]
mod error;
#[cfg(feature = "local-audio")]
mod input;
mod mute;
#[cfg(feature = "local-audio")]
mod output;
#[cfg(any(test, feature = "local-audio"))]
mod ring;
#[cfg(feature = "local-audio")]
mod stats;
#[cfg(feature = "local-audio")]
mod transport;

pub use self::mute::MuteWhileBotSpeaks;
#[cfg(feature = "local-audio")]
pub use self::{
    device::{DeviceInfo, devices},
    error::LocalError,
    input::LocalInput,
    output::LocalOutput,
    stats::LocalStats,
    transport::{LocalConfig, LocalTransport},
};
