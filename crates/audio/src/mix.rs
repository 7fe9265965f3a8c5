//! Several channels into one, two streams into one.
//!
//! Down-mixing averages: it never clips, and a voice on both channels keeps its level. Mixing adds: two
//! people who speak at once are both as loud as before, and what exceeds 16 bits saturates instead of
//! wrapping around. Streams that come in unequal chunks are cut to one length by a
//! [`Chunker`](crate::Chunker) first.

use crate::{Pcm, SampleRate};

/// Why two chunks could not be mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MixError {
    /// Resample one of them first.
    #[error("{left} and {right} cannot be mixed")]
    Rates {
        /// Rate of the first chunk.
        left: SampleRate,
        /// Rate of the second chunk.
        right: SampleRate,
    },
    /// Mix down with [`to_mono`] first.
    #[error("{0} channels cannot be mixed as one")]
    NotMono(u16),
}

/// All channels averaged into one; a mono chunk is shared, not copied.
#[must_use]
pub fn to_mono(pcm: &Pcm) -> Pcm {
    if pcm.channels() == 1 {
        return pcm.clone();
    }
    let frames = pcm.samples().chunks_exact(usize::from(pcm.channels()));
    Pcm::mono(frames.map(average).collect::<Vec<_>>(), pcm.rate())
}

/// The average of the samples of one frame, rounded to the nearest (halves away from zero); none is silence.
#[must_use]
pub fn average(frame: &[i16]) -> i16 {
    let count = frame.len() as i64;
    if count == 0 {
        return 0;
    }
    let sum: i64 = frame.iter().map(|&s| i64::from(s)).sum();
    // An average lies between its smallest and its largest sample.
    ((2 * sum + sum.signum() * count) / (2 * count)) as i16
}

/// The sum of two mono chunks, as long as the longer one; the shorter one ends in silence.
///
/// # Errors
/// When the rates differ or one is not mono.
pub fn mix(left: &Pcm, right: &Pcm) -> Result<Pcm, MixError> {
    if left.rate() != right.rate() {
        return Err(MixError::Rates { left: left.rate(), right: right.rate() });
    }
    if let Some(pcm) = [left, right].into_iter().find(|pcm| pcm.channels() != 1) {
        return Err(MixError::NotMono(pcm.channels()));
    }
    let (long, short) = if left.frames() < right.frames() { (right, left) } else { (left, right) };
    let mut samples = long.samples().to_vec();
    mix_into(&mut samples, short.samples());
    Ok(Pcm::mono(samples, left.rate()))
}

/// Adds `other` to `samples`, saturating, over the length they share. How many samples that were.
pub fn mix_into(samples: &mut [i16], other: &[i16]) -> usize {
    for (sample, &added) in samples.iter_mut().zip(other) {
        *sample = sample.saturating_add(added);
    }
    samples.len().min(other.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: SampleRate = SampleRate::HZ_16000;

    #[test]
    fn channels_are_averaged_frame_by_frame() {
        let stereo = Pcm::interleaved([100_i16, 300, i16::MAX, i16::MAX, i16::MIN, i16::MIN, 5, -5], RATE, 2);
        assert_eq!(to_mono(&stereo.unwrap()).samples(), [200, i16::MAX, i16::MIN, 0]);
        let three = Pcm::interleaved([1_i16, 1, 3, -1, -1, -3], RATE, 3).unwrap();
        assert_eq!(to_mono(&three).samples(), [2, -2]);
    }

    #[test]
    fn halves_go_away_from_zero_on_both_sides() {
        assert_eq!((average(&[0, 1]), average(&[0, -1]), average(&[])), (1, -1, 0));
    }

    #[test]
    fn a_mono_chunk_is_shared_and_not_copied() {
        let mono = Pcm::mono([1_i16, 2], RATE);
        assert!(std::ptr::eq(to_mono(&mono).samples(), mono.samples()));
    }

    #[test]
    fn two_streams_add_and_saturate_and_the_longer_one_goes_on() {
        let a = Pcm::mono([1_i16, 30_000, -30_000], RATE);
        let b = Pcm::mono([2_i16, 30_000, -30_000, 7], RATE);
        assert_eq!(mix(&a, &b).unwrap().samples(), [3, i16::MAX, i16::MIN, 7]);
        assert_eq!(mix(&b, &a), mix(&a, &b));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let mono = Pcm::mono([1_i16], RATE);
        let other = Pcm::mono([1_i16], SampleRate::HZ_8000);
        let stereo = Pcm::interleaved([1_i16, 1], RATE, 2).unwrap();
        assert_eq!(mix(&mono, &other), Err(MixError::Rates { left: RATE, right: SampleRate::HZ_8000 }));
        assert_eq!(mix(&mono, &stereo), Err(MixError::NotMono(2)));
    }

    proptest! {
        #[test]
        fn an_average_lies_within_its_frame(frame in prop::collection::vec(any::<i16>(), 1..40)) {
            let average = average(&frame);
            prop_assert!(frame.iter().min() <= Some(&average) && Some(&average) <= frame.iter().max());
        }
    }
}
