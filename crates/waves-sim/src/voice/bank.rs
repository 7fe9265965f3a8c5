//! A bank of tone detectors over a stream of samples.
//!
//! In: samples in pieces of any size. Out: for each millisecond, how strong each tone is and how much
//! energy there was, kept for as long as the ear may still look at it.
//! Strength is coherence: 1 for a pure tone filling the window, 0 for anything else, whatever the gain.

use std::{collections::VecDeque, f32::consts::TAU};

use super::tones::{GRID_HZ, TONES, frequency_hz, sample_at};

/// What one millisecond of audio holds.
#[derive(Clone, Copy, Debug)]
struct Block {
    tones: [(f32, f32); TONES],
    energy: f32,
    samples: u32,
}

impl Block {
    const EMPTY: Self = Self { tones: [(0.0, 0.0); TONES], energy: 0.0, samples: 0 };
}

/// The mean square below which a window counts as silence, in 16-bit units: about −80 dB.
const SILENCE: f32 = 10.0;

#[derive(Debug)]
pub(super) struct Bank {
    rate: u32,
    /// One turn in steps of the tones' common grid.
    table: Vec<(f32, f32)>,
    strides: [usize; TONES],
    phases: [usize; TONES],
    open: Block,
    blocks: VecDeque<Block>,
    /// The millisecond `blocks` begins at.
    first_ms: u64,
    samples_seen: u64,
}

impl Bank {
    pub(super) fn new(rate: u32) -> Self {
        // At a rate that is no multiple of the grid one table holds a turn of 1 Hz instead.
        let grid = if rate.is_multiple_of(GRID_HZ) { GRID_HZ } else { 1 };
        let steps = (rate / grid) as usize;
        let table = (0..steps).map(|step| (TAU * step as f32 / steps as f32).sin_cos()).collect();
        Self {
            rate,
            table,
            strides: std::array::from_fn(|tone| (frequency_hz(tone) / grid) as usize % steps),
            phases: [0; TONES],
            open: Block::EMPTY,
            blocks: VecDeque::new(),
            first_ms: 0,
            samples_seen: 0,
        }
    }

    /// Takes one sample; returns whether it completed a millisecond.
    pub(super) fn push(&mut self, sample: i16) -> bool {
        let value = f32::from(sample);
        if sample != 0 {
            for (sum, phase) in self.open.tones.iter_mut().zip(&self.phases) {
                let (sin, cos) = self.table[*phase];
                sum.0 += value * cos;
                sum.1 += value * sin;
            }
        }
        for (phase, stride) in self.phases.iter_mut().zip(&self.strides) {
            *phase += stride;
            if *phase >= self.table.len() {
                *phase -= self.table.len();
            }
        }
        self.open.energy += value * value;
        self.open.samples += 1;
        self.samples_seen += 1;
        let complete = self.samples_seen >= sample_at(self.end_ms() + 1, self.rate);
        if complete {
            self.blocks.push_back(std::mem::replace(&mut self.open, Block::EMPTY));
        }
        complete
    }

    /// The millisecond up to which audio was heard.
    pub(super) fn end_ms(&self) -> u64 {
        self.first_ms + self.blocks.len() as u64
    }

    /// How purely `tone` fills the `length` milliseconds from `start_ms`, 0 to 1.
    pub(super) fn coherence(&self, tone: usize, start_ms: u64, length: usize) -> f32 {
        let (mut sin, mut cos, mut energy, mut samples) = (0.0, 0.0, 0.0, 0_u32);
        for block in self.window(start_ms, length) {
            cos += block.tones[tone].0;
            sin += block.tones[tone].1;
            energy += block.energy;
            samples += block.samples;
        }
        if energy <= SILENCE * samples as f32 {
            return 0.0;
        }
        2.0 * (cos * cos + sin * sin) / (samples as f32 * energy)
    }

    /// Which of the first `count` tones is strongest in that window.
    pub(super) fn strongest(&self, count: usize, start_ms: u64, length: usize) -> usize {
        let power = |tone: usize| {
            let (cos, sin) = self.window(start_ms, length).fold((0.0, 0.0), |sum: (f32, f32), block| {
                (sum.0 + block.tones[tone].0, sum.1 + block.tones[tone].1)
            });
            cos * cos + sin * sin
        };
        (0..count).map(|tone| (tone, power(tone))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |best| best.0)
    }

    /// Forgets everything before `ms`.
    pub(super) fn forget_before(&mut self, ms: u64) {
        let count = (ms.saturating_sub(self.first_ms) as usize).min(self.blocks.len());
        self.blocks.drain(..count);
        self.first_ms += count as u64;
    }

    fn window(&self, start_ms: u64, length: usize) -> impl Iterator<Item = &Block> {
        let from = start_ms.saturating_sub(self.first_ms) as usize;
        self.blocks.iter().skip(from).take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::tones::{DATA_TONES, HIGH, LOW};

    fn heard(rate: u32, hz: f32) -> Bank {
        let mut bank = Bank::new(rate);
        for n in 0..rate / 10 {
            bank.push(((TAU * hz * n as f32 / rate as f32).sin() * 3_000.0) as i16);
        }
        bank
    }

    #[test]
    fn a_tone_is_told_from_its_neighbours_at_every_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000] {
            for tone in 0..DATA_TONES {
                let bank = heard(rate, frequency_hz(tone) as f32);
                assert_eq!(bank.end_ms(), 100, "{rate}");
                assert_eq!(bank.strongest(DATA_TONES, 21, 8), tone, "{rate}");
                assert!(bank.coherence(tone, 20, 10) > 0.9, "{rate}");
                assert!(bank.coherence(LOW, 20, 10) < 0.1 && bank.coherence(HIGH, 20, 10) < 0.1, "{rate}");
            }
        }
    }

    #[test]
    fn silence_holds_no_tone() {
        let mut bank = Bank::new(8_000);
        (0..800).for_each(|_| {
            bank.push(0);
        });
        assert_eq!(bank.coherence(LOW, 0, 10), 0.0);
    }

    #[test]
    fn forgetting_keeps_the_timeline() {
        let mut bank = heard(16_000, frequency_hz(3) as f32);
        bank.forget_before(60);
        assert_eq!(bank.end_ms(), 100);
        assert_eq!(bank.strongest(DATA_TONES, 80, 8), 3);
    }
}
