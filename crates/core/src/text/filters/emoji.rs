//! Taking pictures out of a text, so that no synthesizer reads their names aloud.
//!
//! Removed are pictures with their skin tones, joiners, selectors, key caps and flags. Digits, `#`, `*`, `©`,
//! `®` and `™` stay, and so do joiners between letters, which Indic scripts need. Where a picture goes, the
//! space before it goes with it, if another space or a punctuation mark follows; no other space is touched.
//! A run of spaces is held back until the character after it comes; after [`HELD`] of them it is given.

use super::TextFilter;
use crate::text::chars;

/// Spaces that are held back at most.
const HELD: usize = 64;

/// Removes emoji.
#[derive(Debug, Default)]
pub struct Emoji {
    /// Spaces whose next character has not come.
    spaces: String,
    /// A picture stood where the text goes on.
    removed: bool,
    /// The last character was a picture or a part of one.
    in_picture: bool,
    /// Something was given.
    begun: bool,
}

impl Emoji {
    /// The filter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn step(&mut self, c: char, out: &mut String) {
        let joiner = c == '\u{200D}' && self.in_picture;
        if joiner || chars::is_emoji(c) || chars::is_emoji_part(c) {
            // A key cap is a part of a digit, which stays.
            self.removed |= chars::is_emoji(c);
            self.in_picture |= chars::is_emoji(c);
            return;
        }
        self.in_picture = false;
        if matches!(c, ' ' | '\u{A0}' | '\t') {
            let one_is_there = self.removed && (!self.spaces.is_empty() || !self.begun);
            if !one_is_there {
                self.spaces.push(c);
            }
            if self.spaces.len() >= HELD {
                self.release(out);
            }
            return;
        }
        if self.removed && (c == '\n' || matches!(c, '.' | ',' | '!' | '?' | ';' | ':' | '।' | '。')) {
            self.spaces.clear();
        }
        self.release(out);
        self.removed = false;
        out.push(c);
    }

    fn release(&mut self, out: &mut String) {
        self.begun = true;
        out.push_str(&self.spaces);
        self.spaces.clear();
    }
}

impl TextFilter for Emoji {
    fn push(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            self.step(c, &mut out);
        }
        out
    }

    fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.spaces);
        self.reset();
        rest
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
