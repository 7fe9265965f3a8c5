//! A sound that plays under everything else: an office, a line that is alive.
//!
//! It is a loop without an end and without a clock: whoever asks for so many samples gets the next so many,
//! alone or under a voice. Since every sample of an output is asked for once, it goes on without a seam
//! through answers, silence and interruptions.

use std::{fmt, sync::Arc};

use crate::{
    Pcm, SampleRate,
    mix::{self, MixError},
};

/// A loop of samples and the place in it.
#[derive(Clone)]
pub struct Background {
    samples: Arc<[i16]>,
    rate: SampleRate,
    at: usize,
}

impl Background {
    /// Plays `sound` over and over, mixed down, `gain` times as loud: from 0 for silence to 1 as it is. What lies
    /// outside counts as the nearer end, no number as 0. A sound without samples is silence.
    #[must_use]
    pub fn new(sound: &Pcm, gain: f32) -> Self {
        let gain = if gain.is_nan() { 0.0 } else { gain.clamp(0.0, 1.0) };
        let mono = mix::to_mono(sound);
        // A gain of at most one leaves every sample within its range.
        let samples = mono.samples().iter().map(|&sample| (f32::from(sample) * gain).round() as i16);
        Self { samples: samples.collect(), rate: sound.rate(), at: 0 }
    }

    /// Samples per second.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// A sound of any rate and number of channels, to be asked for at `rate`; else as [`new`](Self::new).
    ///
    /// # Errors
    /// When the rates cannot be converted.
    #[cfg(feature = "resample")]
    pub fn at_rate(sound: &Pcm, rate: SampleRate, gain: f32) -> Result<Self, crate::ResampleError> {
        use crate::Resampler as _;

        let mono = mix::to_mono(sound);
        if mono.rate() == rate {
            return Ok(Self::new(&mono, gain));
        }
        let mut resampler = crate::StreamResampler::new(mono.rate(), rate)?;
        let mut samples = Vec::new();
        resampler.push(mono.samples(), &mut samples);
        resampler.flush(&mut samples);
        Ok(Self::new(&Pcm::mono(samples, rate), gain))
    }

    /// The next sample: for who must not allocate.
    pub fn next_sample(&mut self) -> i16 {
        let Some(&sample) = self.samples.get(self.at) else { return 0 };
        self.at = (self.at + 1) % self.samples.len();
        sample
    }

    /// The next so many samples.
    #[must_use]
    pub fn take(&mut self, samples: usize) -> Pcm {
        let mut taken = vec![0; samples];
        self.add_to(&mut taken);
        Pcm::mono(taken, self.rate)
    }

    /// A mono chunk with the next samples under it, saturating.
    ///
    /// # Errors
    /// When the rates differ or the chunk is not mono; then no samples are used up.
    pub fn under(&mut self, voice: &Pcm) -> Result<Pcm, MixError> {
        if voice.rate() != self.rate {
            return Err(MixError::Rates { left: voice.rate(), right: self.rate });
        }
        if voice.channels() != 1 {
            return Err(MixError::NotMono(voice.channels()));
        }
        let mut samples = voice.samples().to_vec();
        self.add_to(&mut samples);
        Ok(Pcm::mono(samples, self.rate))
    }

    fn add_to(&mut self, samples: &mut [i16]) {
        let mut done = 0;
        while done < samples.len() && !self.samples.is_empty() {
            let added = mix::mix_into(&mut samples[done..], &self.samples[self.at..]);
            done += added;
            self.at = (self.at + added) % self.samples.len();
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Background({} samples, {})", self.samples.len(), self.rate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: SampleRate = SampleRate::HZ_16000;

    #[test]
    fn it_goes_on_where_it_was_whether_alone_or_under_a_voice() {
        let mut background = Background::new(&Pcm::mono([10_i16, 20, 30], RATE), 1.0);
        assert_eq!(background.take(2).samples(), [10, 20]);
        let voice = Pcm::mono([100_i16, 100, i16::MAX], RATE);
        assert_eq!(background.under(&voice).unwrap().samples(), [130, 110, i16::MAX]);
        assert_eq!(background.take(4).samples(), [30, 10, 20, 30]);
    }

    #[test]
    fn gain_is_held_between_silence_and_the_sound_itself() {
        let loud = Pcm::mono([i16::MAX, i16::MIN], RATE);
        let first = |gain| Background::new(&loud, gain).take(2).samples().to_vec();
        assert_eq!(first(7.0), [i16::MAX, i16::MIN]);
        assert_eq!(first(0.5), [16_384, -16_384]);
        assert_eq!((first(-1.0), first(f32::NAN)), (vec![0, 0], vec![0, 0]));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_uses_nothing_up() {
        let mut background = Background::new(&Pcm::mono([1_i16, 2], RATE), 1.0);
        let other = Pcm::mono([1_i16], SampleRate::HZ_8000);
        let stereo = Pcm::interleaved([1_i16, 1], RATE, 2).unwrap();
        assert!(background.under(&other).is_err() && background.under(&stereo).is_err());
        assert_eq!(background.take(1).samples(), [1]);
    }

    #[test]
    fn a_sound_without_samples_is_silence() {
        assert_eq!(Background::new(&Pcm::mono([0_i16; 0], RATE), 1.0).take(3).samples(), [0, 0, 0]);
    }

    proptest! {
        #[test]
        fn however_it_is_asked_for_the_loop_is_the_same(
            sound in prop::collection::vec(-1000_i16..1000, 1..20),
            lengths in prop::collection::vec(0_usize..50, 0..10),
        ) {
            let mut parts = Background::new(&Pcm::mono(sound, RATE), 1.0);
            let mut whole = parts.clone();
            let taken: Vec<i16> = lengths.iter().flat_map(|&n| parts.take(n).samples().to_vec()).collect();
            let mut single = whole.clone();
            let whole = whole.take(taken.len());
            prop_assert_eq!(&taken[..], whole.samples());
            let single: Vec<i16> = taken.iter().map(|_| single.next_sample()).collect();
            prop_assert_eq!(single, taken);
        }
    }
}
