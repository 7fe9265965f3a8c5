//! When there is speech: runs of loud frames, by level alone.
//!
//! A run begins with three loud frames in a row (a click is not speech). How much silence ends it is
//! the caller's question: it asks for [`SpeechTracker::silence_ms`]. Times are milliseconds of audio.

use super::audio::FRAME_MS;

/// Loud frames in a row that begin a run.
const ONSET_FRAMES: u64 = 3;

#[derive(Debug, Default)]
pub(super) struct SpeechTracker {
    now_ms: u64,
    loud_frames: u64,
    last_loud_ms: Option<u64>,
}

impl SpeechTracker {
    /// Takes one frame. `Some` with its beginning when speech has just been recognised: also at every
    /// new onset within what the caller takes for one run.
    pub(super) fn push(&mut self, loud: bool) -> Option<u64> {
        self.now_ms += FRAME_MS;
        if !loud {
            self.loud_frames = 0;
            return None;
        }
        self.loud_frames += 1;
        if self.loud_frames >= ONSET_FRAMES {
            self.last_loud_ms = Some(self.now_ms);
        }
        (self.loud_frames == ONSET_FRAMES).then(|| self.now_ms - ONSET_FRAMES * FRAME_MS)
    }

    /// Where the last speech ended; 0 before any.
    pub(super) fn last_loud_ms(&self) -> u64 {
        self.last_loud_ms.unwrap_or(0)
    }

    /// Audio since the last speech.
    pub(super) fn silence_ms(&self) -> u64 {
        self.now_ms - self.last_loud_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_begins_with_its_first_loud_frame_and_a_click_is_none() {
        let mut tracker = SpeechTracker::default();
        let frames = [false, true, true, false, true, true, true, true, false, false];
        let onsets: Vec<_> = frames.iter().filter_map(|loud| tracker.push(*loud)).collect();
        assert_eq!(onsets, [40]);
        assert_eq!((tracker.last_loud_ms(), tracker.silence_ms()), (80, 20));
    }
}
