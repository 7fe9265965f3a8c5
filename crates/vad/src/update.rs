//! Changing the parameters in mid-call.

use std::time::Duration;

use voxline_core::{
    CustomFrame,
    frame::{Changed, Frame},
};

use crate::{VadParams, VadParamsDelta};

/// Changes the parameters of every [`Vad`](crate::Vad) it passes, at its place among the audio.
///
/// It survives interruptions and travels on when it was applied. Each `Vad` answers with a `SettingsAnswered`
/// downstream that names the frame's id, or, when the result could not be used, with an error upstream that
/// carries a [`ParamsError`](crate::ParamsError); then nothing changes.
///
/// ```
/// use voxline_vad::{VadParamsDelta, VadUpdateParams};
///
/// let patient = VadParamsDelta { stop_window: Some(std::time::Duration::from_millis(800)), ..Default::default() };
/// let frame = voxline_core::frame::Frame::from(VadUpdateParams(patient)); // for Session::queue
/// assert!(frame.survives_interruption());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VadUpdateParams(pub VadParamsDelta);

impl CustomFrame for VadUpdateParams {
    fn name(&self) -> &'static str {
        "VadUpdateParams"
    }

    fn survives_interruption(&self) -> bool {
        true
    }
}

impl From<VadUpdateParams> for Frame {
    fn from(update: VadUpdateParams) -> Self {
        Self::custom(update)
    }
}

/// What is not the same in both.
pub(crate) fn changes(old: &VadParams, new: &VadParams) -> Vec<Changed> {
    let number =
        |field, value: fn(&VadParams) -> f32| (field, value(old).to_string(), value(new).to_string());
    let time = |field, value: fn(&VadParams) -> Duration| {
        (field, format!("{:?}", value(old)), format!("{:?}", value(new)))
    };
    let fields = [
        number("start_confidence", |p| p.start_confidence),
        number("keep_confidence", |p| p.keep_confidence),
        time("start_window", |p| p.start_window),
        time("stop_window", |p| p.stop_window),
        number("min_level_dbfs", |p| p.min_level_dbfs),
        time("pre_roll", |p| p.pre_roll),
        time("forced_stop", |p| p.forced_stop),
    ];
    let changed = fields.into_iter().filter(|(_, old, new)| old != new);
    changed.map(|(field, old, new)| Changed { field, old: Some(old), new: Some(new) }).collect()
}
