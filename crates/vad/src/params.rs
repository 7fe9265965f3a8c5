//! When a probability becomes speech, and when speech is over.
//!
//! [`VadParams`] is checked once, where it is handed over; [`VadParamsDelta`] changes some of it in mid-call.
//!
//! What the defaults find of 60 synthetic utterances in 6 voices, one to ten words each, by earshot, whole and
//! nothing else: 59 in quiet, 60 as 8 kHz µ-law, 58 and 59 at 20 and 10 dB above white noise, 56 when 18 dB
//! quieter. What is missed is mostly a short "Stop"; a `start_window` of 160 ms finds the one in quiet.
//! The end is right to 2 ms in quiet (median; 60 ms late at 10 dB). What the alternatives cost there:
//! - `stop_window` 200 ms splits 2 utterances of 60 in quiet and 3 of a quiet talker's; 300 ms splits none.
//! - `keep_confidence` 0.35 keeps speech going for 340 ms (median; seconds at worst) in white noise at 10 dB.
//! - `start_confidence` 0.7 misses 3 in quiet; 0.5 misses none, and splits 2 in white noise at 10 dB.

use std::{ops::RangeInclusive, time::Duration};

use crate::ParamsError;

/// How edges are made of probabilities and levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VadParams {
    /// From which probability on a frame can begin speech. Above 0, at most 1.
    pub start_confidence: f32,
    /// From which probability on a frame keeps speech going once it has begun. Above 0, at most
    /// [`start_confidence`](Self::start_confidence): the distance keeps doubt from toggling.
    pub keep_confidence: f32,
    /// How long speech must have lasted before it is believed, up to 5 s. A quarter of it may be missed.
    pub start_window: Duration,
    /// How long speech must be over before that is believed, up to 10 s. Counted from the last speech, not
    /// from when the detector notices: its [`hangover`](crate::Detector::hangover) is not waited for again.
    pub stop_window: Duration,
    /// Below this level a frame is not speech, whatever the detector says. Root mean square, −120 to 0 dBFS.
    pub min_level_dbfs: f32,
    /// How much audio before the beginning of speech belongs to it, up to 5 s. A gate lets it through; without
    /// a gate audio is never withheld, and there is nothing to let through.
    pub pre_roll: Duration,
    /// How long audio may stop arriving within speech before speech counts as over, 50 ms to 60 s.
    pub forced_stop: Duration,
}

impl Default for VadParams {
    /// For conversation, as measured above.
    fn default() -> Self {
        Self {
            start_confidence: 0.6,
            keep_confidence: 0.5,
            start_window: Duration::from_millis(200),
            stop_window: Duration::from_millis(300),
            min_level_dbfs: -60.0,
            pre_roll: Duration::from_millis(300),
            forced_stop: Duration::from_secs(1),
        }
    }
}

impl VadParams {
    /// Whether they can be used.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn check(&self) -> Result<(), ParamsError> {
        let share = |value: f32| value > 0.0 && value <= 1.0;
        let ms = |value: Duration, range: RangeInclusive<u64>| {
            range.contains(&u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
        };
        let checks = [
            (share(self.start_confidence), "start_confidence", "above 0 and at most 1"),
            (
                share(self.keep_confidence) && self.keep_confidence <= self.start_confidence,
                "keep_confidence",
                "above 0 and at most start_confidence",
            ),
            (ms(self.start_window, 0..=5_000), "start_window", "at most 5 s"),
            (ms(self.stop_window, 0..=10_000), "stop_window", "at most 10 s"),
            ((-120.0..=0.0).contains(&self.min_level_dbfs), "min_level_dbfs", "from -120 to 0"),
            (ms(self.pre_roll, 0..=5_000), "pre_roll", "at most 5 s"),
            (ms(self.forced_stop, 50..=60_000), "forced_stop", "from 50 ms to 60 s"),
        ];
        match checks.into_iter().find(|(good, ..)| !good) {
            Some((_, field, accepted)) => Err(ParamsError { field, accepted }),
            None => Ok(()),
        }
    }
}

/// What changes of [`VadParams`]; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VadParamsDelta {
    /// See [`VadParams::start_confidence`].
    pub start_confidence: Option<f32>,
    /// See [`VadParams::keep_confidence`].
    pub keep_confidence: Option<f32>,
    /// See [`VadParams::start_window`].
    pub start_window: Option<Duration>,
    /// See [`VadParams::stop_window`].
    pub stop_window: Option<Duration>,
    /// See [`VadParams::min_level_dbfs`].
    pub min_level_dbfs: Option<f32>,
    /// See [`VadParams::pre_roll`].
    pub pre_roll: Option<Duration>,
    /// See [`VadParams::forced_stop`].
    pub forced_stop: Option<Duration>,
}

impl VadParamsDelta {
    /// `params` with this change.
    ///
    /// # Errors
    /// When the result could not be used; then nothing of the change should be.
    pub fn apply_to(&self, params: &VadParams) -> Result<VadParams, ParamsError> {
        let changed = VadParams {
            start_confidence: self.start_confidence.unwrap_or(params.start_confidence),
            keep_confidence: self.keep_confidence.unwrap_or(params.keep_confidence),
            start_window: self.start_window.unwrap_or(params.start_window),
            stop_window: self.stop_window.unwrap_or(params.stop_window),
            min_level_dbfs: self.min_level_dbfs.unwrap_or(params.min_level_dbfs),
            pre_roll: self.pre_roll.unwrap_or(params.pre_roll),
            forced_stop: self.forced_stop.unwrap_or(params.forced_stop),
        };
        changed.check().map(|()| changed)
    }
}

impl From<VadParams> for VadParamsDelta {
    /// Every field set.
    fn from(params: VadParams) -> Self {
        Self {
            start_confidence: Some(params.start_confidence),
            keep_confidence: Some(params.keep_confidence),
            start_window: Some(params.start_window),
            stop_window: Some(params.stop_window),
            min_level_dbfs: Some(params.min_level_dbfs),
            pre_roll: Some(params.pre_roll),
            forced_stop: Some(params.forced_stop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_used() {
        assert_eq!(VadParams::default().check(), Ok(()));
    }

    #[test]
    fn each_field_out_of_range_is_named() {
        let seconds = Duration::from_secs;
        let none = VadParamsDelta::default;
        let table = [
            ("start_confidence", VadParamsDelta { start_confidence: Some(0.0), ..none() }),
            ("start_confidence", VadParamsDelta { start_confidence: Some(1.01), ..none() }),
            ("start_confidence", VadParamsDelta { start_confidence: Some(f32::NAN), ..none() }),
            ("keep_confidence", VadParamsDelta { keep_confidence: Some(0.61), ..none() }),
            ("keep_confidence", VadParamsDelta { keep_confidence: Some(-0.0), ..none() }),
            ("keep_confidence", VadParamsDelta { start_confidence: Some(0.2), ..none() }),
            ("start_window", VadParamsDelta { start_window: Some(seconds(6)), ..none() }),
            ("stop_window", VadParamsDelta { stop_window: Some(seconds(11)), ..none() }),
            ("min_level_dbfs", VadParamsDelta { min_level_dbfs: Some(0.1), ..none() }),
            ("min_level_dbfs", VadParamsDelta { min_level_dbfs: Some(f32::NAN), ..none() }),
            ("pre_roll", VadParamsDelta { pre_roll: Some(Duration::MAX), ..none() }),
            ("forced_stop", VadParamsDelta { forced_stop: Some(Duration::ZERO), ..none() }),
        ];
        for (field, delta) in table {
            let refused = delta.apply_to(&VadParams::default()).map_err(|error| error.field);
            assert_eq!(refused, Err(field), "{delta:?}");
        }
    }

    #[test]
    fn a_delta_changes_only_what_it_names() {
        let params = VadParams::default();
        assert_eq!(VadParamsDelta::default().apply_to(&params), Ok(params));
        let delta = VadParamsDelta { start_confidence: Some(0.9), ..Default::default() };
        assert_eq!(delta.apply_to(&params), Ok(VadParams { start_confidence: 0.9, ..params }));
        let other = VadParams { pre_roll: Duration::ZERO, min_level_dbfs: -90.0, ..params };
        assert_eq!(VadParamsDelta::from(other).apply_to(&params), Ok(other));
    }
}
