//! Text to tones, word by word.
//!
//! In: text, a sample rate, a speed. Out: 16-bit samples of one word (or piece of a long word) at a
//! time, so a text of any length needs the memory of one word.
//!
//! Pace: a word takes [`CHARACTER_MS`] for each character and the space after it, divided by the
//! speed, filled up by drawing out its first tone. It cannot be shorter than its symbols, which for
//! English words allows a speed of about 1.7.

use std::{f64::consts::TAU, ops::Range};

use super::tones::{SYMBOL_MS, SYNC, frequency_hz, sample_at};
use super::word::{Piece, pieces, symbols};

/// Milliseconds of one character at speed 1: about 15 characters a second.
const CHARACTER_MS: f64 = 65.0;

/// Milliseconds of silence after a word.
const GAP_MS: usize = 20;

/// Milliseconds of silence at the end of a text: room for a resampler's delay.
const TAIL_MS: usize = 60;

/// The longest a first tone is drawn out, in symbols: 4 s.
const MAX_DRAWL: usize = 400;

/// Peak of the tones: about −10 dB of full scale, −13 dB RMS, as loud as close speech.
const AMPLITUDE: f64 = 0.32 * 32_767.0;

/// Milliseconds over which a word fades in and out.
const FADE_MS: u64 = 2;

/// A text being spoken. An iterator over its words.
#[derive(Debug)]
pub struct Speaker {
    text: String,
    rate: u32,
    speed: f64,
    /// Where in `text` the next word begins; past its end when only the tail is left.
    next: usize,
    pending: std::collections::VecDeque<SpokenWord>,
    position_ms: u64,
    finished: bool,
}

/// One word (or piece of a long one) as audio.
#[derive(Clone, PartialEq)]
pub struct SpokenWord {
    /// Its text, a substring of what was asked for. Empty for a second space and for the tail.
    pub text: String,
    /// Whether it continues the piece before.
    pub glued: bool,
    /// Milliseconds from the beginning of the text's audio at which it sounds.
    pub span_ms: Range<u64>,
    /// Its samples, with the silence after it. Consecutive words' samples are joined without a gap.
    pub samples: Vec<i16>,
}

impl std::fmt::Debug for SpokenWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SpokenWord({:?} at {:?} ms, {} samples)", self.text, self.span_ms, self.samples.len())
    }
}

impl Speaker {
    /// Speaks `text` at `rate` samples a second, `speed` times as fast as usual.
    ///
    /// A speed that is not a positive number counts as 1, a rate of 0 as 8000.
    #[must_use]
    pub fn new(text: impl Into<String>, rate: u32, speed: f64) -> Self {
        Self {
            text: text.into(),
            rate: if rate == 0 { 8_000 } else { rate },
            speed: if speed.is_finite() && speed > 0.0 { speed } else { 1.0 },
            next: 0,
            pending: std::collections::VecDeque::new(),
            position_ms: 0,
            finished: false,
        }
    }

    /// All samples at once, for texts of bounded length.
    #[must_use]
    pub fn samples(self) -> Vec<i16> {
        self.flat_map(|word| word.samples).collect()
    }

    fn speak_next_word(&mut self) {
        let rest = self.text.get(self.next..).unwrap_or_default();
        let end = rest.find(' ').unwrap_or(rest.len());
        let word = rest[..end].to_owned();
        self.next += end + 1;
        for piece in pieces(&word) {
            let spoken = self.speak(piece);
            self.pending.push_back(spoken);
        }
    }

    fn speak(&mut self, piece: Piece<'_>) -> SpokenWord {
        let tones = symbols(piece);
        let shortest_ms = (SYNC.len() + tones.len()) * SYMBOL_MS + GAP_MS;
        let characters = piece.text.chars().count() + usize::from(!piece.glued);
        let natural_ms = (characters as f64 * CHARACTER_MS / self.speed) as usize;
        let drawl = (natural_ms.saturating_sub(shortest_ms) / SYMBOL_MS).min(MAX_DRAWL);
        let order: Vec<usize> = std::iter::repeat_n(SYNC[0], drawl).chain(SYNC).chain(tones).collect();

        let start_ms = self.position_ms;
        let end_ms = start_ms + (order.len() * SYMBOL_MS) as u64;
        self.position_ms = end_ms + GAP_MS as u64;
        let mut samples = tones_to_samples(&order, start_ms, self.rate);
        samples.resize(self.samples_between(start_ms, self.position_ms), 0);
        SpokenWord { text: piece.text.to_owned(), glued: piece.glued, span_ms: start_ms..end_ms, samples }
    }

    fn tail(&mut self) -> SpokenWord {
        let start_ms = self.position_ms;
        self.position_ms += TAIL_MS as u64;
        let samples = vec![0; self.samples_between(start_ms, self.position_ms)];
        SpokenWord { text: String::new(), glued: true, span_ms: start_ms..start_ms, samples }
    }

    fn samples_between(&self, start_ms: u64, end_ms: u64) -> usize {
        (sample_at(end_ms, self.rate) - sample_at(start_ms, self.rate)) as usize
    }
}

impl Iterator for Speaker {
    type Item = SpokenWord;

    fn next(&mut self) -> Option<SpokenWord> {
        if self.pending.is_empty() && self.next <= self.text.len() && !self.text.is_empty() {
            self.speak_next_word();
        }
        match self.pending.pop_front() {
            Some(word) => Some(word),
            None if self.finished || self.text.is_empty() => None,
            None => {
                self.finished = true;
                Some(self.tail())
            }
        }
    }
}

/// The tones in order with continuous phase, faded at both ends, starting at `start_ms` of the timeline.
fn tones_to_samples(order: &[usize], start_ms: u64, rate: u32) -> Vec<i16> {
    let origin = sample_at(start_ms, rate);
    let at = |ms: usize| (sample_at(start_ms + ms as u64, rate) - origin) as usize;
    let length = at(order.len() * SYMBOL_MS);
    let fade = sample_at(FADE_MS, rate).max(1) as usize;
    let mut phase = 0.0_f64;
    let mut samples = Vec::with_capacity(length);
    for (index, &tone) in order.iter().enumerate() {
        let step = TAU * f64::from(frequency_hz(tone)) / f64::from(rate);
        while samples.len() < at((index + 1) * SYMBOL_MS) {
            let edge = samples.len().min(length - 1 - samples.len());
            let gain = (edge as f64 / fade as f64).min(1.0);
            samples.push((AMPLITUDE * gain * phase.sin()).round() as i16);
            phase = (phase + step) % TAU;
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str, speed: f64) -> f64 {
        Speaker::new(text, 16_000, speed).samples().len() as f64 / 16_000.0
    }

    #[test]
    fn the_pace_is_that_of_speech() {
        let text = "the quick brown fox jumps over the lazy dog and goes home";
        let per_character = seconds(text, 1.0) / text.len() as f64;
        assert!((0.06..0.08).contains(&per_character), "{per_character} s a character");
    }

    #[test]
    fn speed_scales_the_length() {
        let text = "every sentence takes twice the time at half the speed";
        assert!((1.9..2.1).contains(&(seconds(text, 0.5) / seconds(text, 1.0))));
        assert!((0.6..0.72).contains(&(seconds(text, 1.5) / seconds(text, 1.0))));
    }

    #[test]
    fn words_are_the_words_of_the_text_in_order_and_do_not_overlap() {
        let words: Vec<_> = Speaker::new("one two  three", 8_000, 1.0).collect();
        let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "", "three", ""]);
        assert!(words.windows(2).all(|pair| pair[0].span_ms.end <= pair[1].span_ms.start));
    }

    #[test]
    fn nothing_is_said_for_an_empty_text() {
        assert_eq!(Speaker::new("", 8_000, 1.0).next(), None);
    }
}
