//! The tone plan: which frequency means what, and for how long.
//!
//! Sixteen data tones 140 Hz apart from 600 Hz carry four bits each. Two sync tones, one step below
//! and one above, are never used for data, so a word's beginning cannot be imitated by its contents.
//! A symbol lasts 10 ms; the ear looks at its middle 8 ms, in which tones 140 Hz apart are distinct.

/// Milliseconds of one symbol.
pub(super) const SYMBOL_MS: usize = 10;

/// Milliseconds at either end of a symbol the ear does not look at.
pub(super) const GUARD_MS: usize = 1;

/// How many data tones there are: one for each value of four bits.
pub(super) const DATA_TONES: usize = 16;

/// Index of the low sync tone.
pub(super) const LOW: usize = DATA_TONES;

/// Index of the high sync tone.
pub(super) const HIGH: usize = DATA_TONES + 1;

/// All tones.
pub(super) const TONES: usize = DATA_TONES + 2;

/// Hertz every tone is a multiple of; lets one sine table serve all of them.
pub(super) const GRID_HZ: u32 = 20;

/// The frequency of tone `index` in hertz.
pub(super) const fn frequency_hz(index: usize) -> u32 {
    match index {
        LOW => 460,
        HIGH => 2_840,
        data => 600 + 140 * data as u32,
    }
}

/// What every word begins with; the first symbol may be drawn out to fill time.
pub(super) const SYNC: [usize; 4] = [LOW, HIGH, LOW, HIGH];

/// The first sample of millisecond `ms` at `rate` samples a second.
pub(super) const fn sample_at(ms: u64, rate: u32) -> u64 {
    ms * rate as u64 / 1_000
}
