//! What can go wrong with the devices of this machine.

use std::time::Duration;

use voxline_audio::ResampleError;

/// Why there is no sound, by what can be done about it. `Display` names the device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// There is no such device, or none at all: plug one in, or choose another name. Over SSH and in containers
    /// there usually is none.
    #[error("{}", missing(direction, .name.as_deref(), .there))]
    NoDevice {
        /// `input` or `output`.
        direction: &'static str,
        /// The name that was asked for; `None` for the default.
        name: Option<String>,
        /// What there is.
        there: Vec<String>,
    },
    /// Another program has it: close that, and try again.
    #[error("{device} is in use")]
    Busy {
        /// Its name.
        device: String,
    },
    /// The system does not let this program have it: allow the microphone, or join the group `audio`.
    #[error("{device} may not be used by this program")]
    Denied {
        /// Its name.
        device: String,
    },
    /// The device offers no format that is understood here.
    #[error("{device} offers no usable format: {what}")]
    Format {
        /// Its name.
        device: String,
        /// What it offers, or what the system says.
        what: String,
    },
    /// The rate of the device and that of the session do not go together.
    #[error("{device} cannot be resampled")]
    Rate {
        /// Its name.
        device: String,
        /// Why.
        #[source]
        source: ResampleError,
    },
    /// The device was unplugged, or its stream broke, while it was used. Open it again.
    #[error("{device} is lost")]
    Lost {
        /// Its name.
        device: String,
    },
    /// The system did not open the devices in time. Its sound server may hang.
    #[error("the devices were not opened within {after:?}")]
    TimedOut {
        /// The deadline.
        after: Duration,
    },
    /// Something else the system says.
    #[error("{device}: {what}")]
    System {
        /// Its name.
        device: String,
        /// What the system says.
        what: String,
    },
}

impl LocalError {
    /// What an error of the library means for the caller.
    pub(crate) fn of(device: &str, error: &cpal::Error) -> Self {
        use cpal::ErrorKind as Kind;

        let device = device.to_owned();
        match error.kind() {
            Kind::DeviceBusy => Self::Busy { device },
            Kind::PermissionDenied => Self::Denied { device },
            Kind::DeviceNotAvailable | Kind::StreamInvalidated => Self::Lost { device },
            Kind::UnsupportedConfig => Self::Format { device, what: error.to_string() },
            _ => Self::System { device, what: error.to_string() },
        }
    }
}

/// Where one was named, with the others. The system's list has much that is no device, so without a name it only
/// confuses.
fn missing(direction: &str, name: Option<&str>, there: &[String]) -> String {
    let Some(name) = name else { return format!("no default {direction} device") };
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    format!("no {direction} device named \"{name}\"; there are: {there}")
}
