//! What the callers of the echo say: 20 ms of µ-law at 8 kHz a message, a second of voice and a second of silence.
//!
//! Every call of every subject hears the same, so that detectors and meters have real work.

use voxline_audio::g711;

/// Bytes of one message: 20 ms at 8 kHz.
pub(crate) const FRAME: usize = 160;
/// Messages until the voice repeats itself.
pub(crate) const PERIOD: usize = 100;

/// The `n`-th message: a buzz of 120 Hz that swells four times a second, or silence.
pub(crate) fn frame(n: usize) -> [u8; FRAME] {
    let n = n % PERIOD;
    std::array::from_fn(|sample| {
        let at = (n * FRAME + sample) as f64 / 8000.0;
        if n >= PERIOD / 2 {
            return g711::encode_mulaw(0);
        }
        let swell = 0.6 + 0.4 * (at * 4.0 * std::f64::consts::TAU).sin();
        let buzz: f64 =
            (1..=6).map(|k| (at * 120.0 * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k)).sum();
        g711::encode_mulaw((buzz * swell * 6000.0) as i16)
    })
}
