//! The one `unsafe` of the crate: the C detector may move between threads.
//!
//! The `webrtc-vad` crate's type is `!Send` only because it holds a raw pointer. A detector travels with the
//! task of its pipeline, which any worker thread may run, and each safe way around that costs more than it
//! saves: a thread for every call, two thread switches for every 20 ms of audio, or a fresh detector on every
//! frame, which gives other answers since it learns the noise of the room.
//!
//! Moving it is sound, by reading libfvad as bundled with `webrtc-vad` 0.4.0 (the dependency is held to that
//! version by the lock file; read `fvad.c`, `vad/*.c` and `signal_processing/*.c` again before raising it):
//! 1. The pointer owns one `malloc`ed struct of plain numbers, handed out to nobody; `free` may run anywhere.
//! 2. The library has no static data that is not `const`, no thread-local, no thread, no callback, no errno.
//! 3. [`Instance`] is not `Sync` and is reached by `&mut` only: one thread at a time touches the struct.

use std::fmt;

use webrtc_vad::{SampleRate, Vad, VadMode};

/// One C detector.
pub(super) struct Instance(Vad);

#[expect(unsafe_code, reason = "the raw pointer inside is owned alone and not tied to a thread, see above")]
// SAFETY: see the three points above.
unsafe impl Send for Instance {}

impl Instance {
    pub(super) fn new() -> Self {
        Self(Vad::new())
    }

    /// Forgets everything and says rate and mode again, since a reset alone means 8 kHz and mode 0.
    pub(super) fn reset(&mut self, rate: SampleRate, mode: VadMode) {
        self.0.reset();
        self.0.set_sample_rate(rate);
        self.0.set_mode(mode);
    }

    /// Whether `frame` is speech; `None` for a length it does not take.
    pub(super) fn is_voice(&mut self, frame: &[i16]) -> Option<bool> {
        // The crate indexes the first sample before it looks at the length.
        if frame.is_empty() { None } else { self.0.is_voice_segment(frame).ok() }
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Instance")
    }
}
