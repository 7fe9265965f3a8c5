//! The simulator's voice: speech that carries its own text in tones, and the ear that reads it back.
//!
//! Text → audio → text is exact for any UTF-8 text when the audio path is sound, and visibly damaged
//! when it is not: a garbled word becomes [`DAMAGED`], a word that never arrived is missing.
//! The tones lie between 460 and 2,840 Hz, so they survive 8 kHz telephony, µ-law and A-law,
//! resampling, gain changes, any chunking and moderate noise.
//!
//! - [`Speaker`] turns text into 16-bit samples at any rate, word by word, at a speaking pace.
//! - [`Listener`] takes samples in pieces of any size and gives [`Heard`] words as they end.
//! - `tones.rs` has the tone plan, `word.rs` the framing of one word. Read next: `word.rs`.

mod bank;
mod listen;
mod speak;
mod tones;
mod word;

pub use listen::{Heard, Listener};
pub use speak::{Speaker, SpokenWord};

/// What stands for a word that was heard but whose checksum did not match.
pub const DAMAGED: &str = "\u{FFFD}";

/// Puts heard words back together: words are joined by one space, glued pieces by nothing.
///
/// For an undamaged recording of one text this gives exactly that text.
#[must_use]
pub fn text_of<'a>(heard: impl IntoIterator<Item = &'a Heard>) -> String {
    let mut text = String::new();
    for (index, word) in heard.into_iter().enumerate() {
        if index > 0 && !word.glued {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}
