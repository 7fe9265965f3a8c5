//! Where the user's audio belongs.
//!
//! In: chunks with their media timestamps, and when they came. Out: samples and their place.
//! 1. A timestamp decides, not the arrival: a stall and the burst after it change nothing.
//! 2. A clock that begins anew (it goes back by more than [`BACK`], or ahead of the session by more than
//!    [`AHEAD`]) is set by the arrival of that chunk, and counted. The same holds for a first chunk whose clock
//!    is not the session's.
//! 3. Without timestamps samples are counted from the first chunk on.

use std::time::Duration;

use voxline_audio::{Pcm, SampleRate};

use crate::{resampled::Resampled, timeline::Placed};

/// How far a timestamp may go back before its clock counts as another one.
const BACK: Duration = Duration::from_secs(1);
/// How far a timestamp may be ahead of the session, or of the audio before it.
const AHEAD: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct UserTrack {
    resampled: Resampled,
    patience: Duration,
    /// From the timestamps' clock to the session's, in nanoseconds.
    offset: i128,
    /// Where the last chunk ended, on the timestamps' clock.
    ended: Option<Duration>,
    resyncs: u64,
}

impl UserTrack {
    pub(crate) fn new(rate: SampleRate, patience: Duration) -> Self {
        Self { resampled: Resampled::new(rate), patience, offset: 0, ended: None, resyncs: 0 }
    }

    pub(crate) fn handle_audio(
        &mut self,
        now: Duration,
        pts: Option<Duration>,
        pcm: &Pcm,
        placed: &mut Vec<Placed>,
    ) {
        let arrived = now.saturating_sub(pcm.duration());
        let stamp = pts.or(self.ended).unwrap_or(arrived);
        if self.is_another_clock(now, stamp) {
            self.resyncs += u64::from(self.ended.is_some());
            self.offset = nanos(arrived) - nanos(stamp);
        }
        self.ended = Some(stamp + pcm.duration());
        self.resampled.push(self.on_session_clock(stamp), pcm, placed);
    }

    /// No more audio comes.
    pub(crate) fn finish(&mut self, placed: &mut Vec<Placed>) {
        self.resampled.finish(placed);
    }

    /// A time of the timestamps' clock on the session's.
    pub(crate) fn on_session_clock(&self, stamp: Duration) -> Duration {
        let at = (nanos(stamp) + self.offset).max(0);
        Duration::from_nanos(u64::try_from(at).unwrap_or(u64::MAX))
    }

    /// Where the last chunk ended, on the session's clock.
    pub(crate) fn ended(&self) -> Option<Duration> {
        self.ended.map(|ended| self.on_session_clock(ended))
    }

    /// Up to which frame audio has come.
    pub(crate) fn placed_to(&self) -> Option<u64> {
        self.resampled.given_to()
    }

    pub(crate) fn resyncs(&self) -> u64 {
        self.resyncs
    }

    fn is_another_clock(&self, now: Duration, stamp: Duration) -> bool {
        let at = self.on_session_clock(stamp);
        match self.ended {
            None => at > now + AHEAD || at + self.patience < now,
            Some(ended) => {
                let here = now.max(self.on_session_clock(ended));
                stamp + BACK < ended || at > here + AHEAD
            }
        }
    }
}

fn nanos(time: Duration) -> i128 {
    // A duration has fewer than 2^94 nanoseconds.
    time.as_nanos() as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// Where chunks of 20 ms are placed, in ms.
    fn places(chunks: impl IntoIterator<Item = (u64, Option<u64>)>) -> (Vec<u64>, u64) {
        let mut track = UserTrack::new(SampleRate::HZ_8000, Duration::from_secs(10));
        let mut places = Vec::new();
        for (now, pts) in chunks {
            let mut placed = Vec::new();
            track.handle_audio(ms(now), pts.map(ms), &Pcm::mono([1; 160], SampleRate::HZ_8000), &mut placed);
            places.extend(placed.iter().map(|placed| placed.at / 8));
        }
        (places, track.resyncs())
    }

    #[test]
    fn a_stall_and_its_burst_are_placed_by_their_timestamps() {
        let stalled =
            [(20, Some(0)), (40, Some(20)), (30_000, Some(40)), (30_000, Some(60)), (30_000, Some(80))];
        assert_eq!(places(stalled), (vec![0, 20, 40, 60, 80], 0));
    }

    #[test]
    fn a_gap_in_the_timestamps_is_a_gap() {
        assert_eq!(places([(20, Some(0)), (5_020, Some(5_000))]), (vec![0, 5_000], 0));
    }

    #[test]
    fn a_clock_that_begins_anew_is_set_by_its_arrival_and_counted() {
        let renewed =
            [(60_000, Some(59_980)), (61_000, Some(0)), (61_020, Some(20)), (61_040, Some(900_000))];
        assert_eq!(places(renewed), (vec![59_980, 60_980, 61_000, 61_020], 2));
    }

    #[test]
    fn a_clock_of_its_own_is_found_by_the_first_chunk() {
        assert_eq!(places([(40_000, Some(0)), (40_020, Some(20))]), (vec![39_980, 40_000], 0));
    }

    #[test]
    fn without_timestamps_samples_are_counted() {
        assert_eq!(places([(500, None), (500, None), (900, None)]), (vec![480, 500, 520], 0));
    }

    #[test]
    fn a_file_that_is_read_faster_than_time_is_followed() {
        let fast: Vec<_> = (0..2_000).map(|n| (n / 10, Some(20 * n))).collect();
        let expected: Vec<u64> = (0..2_000).map(|n| 20 * n).collect();
        assert_eq!(places(fast), (expected, 0));
    }
}
