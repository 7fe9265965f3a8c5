//! Cleaning an answer's text before it is spoken.
//!
//! A [`TextFilter`] takes text as it comes and gives what can be spoken of it. What a chunk leaves undecided
//! (half a delimiter, a link without its end) is held back, never more than a bounded piece of it. Promises:
//! 1. however a text is cut into chunks, the same comes out; 2. the text held back at the end is given by
//!    `finish`, apart from what each filter says it drops; 3. text without anything to filter passes unchanged.
//!
//! A filter starts anew after `finish` and after `reset`.
//!
//! Each filter is a file: [`Markdown`], [`CodeBlocks`], [`Emoji`], [`PatternPairs`]; [`Filters`] puts them in
//! a row. The order is the user's: pairs that hold Markdown come before it.

mod code_blocks;
mod emoji;
mod inline;
mod markdown;
mod pattern_pairs;

#[cfg(test)]
mod tests;

use std::fmt;

pub use self::{
    code_blocks::CodeBlocks,
    emoji::Emoji,
    markdown::Markdown,
    pattern_pairs::{PatternAction, PatternItem, PatternPairs},
};

/// Changes text on its way to the synthesizer, as it comes.
pub trait TextFilter: Send {
    /// Takes text, and gives what can be said already. May be empty.
    fn push(&mut self, text: &str) -> String;

    /// The text is over: gives what was held back. The next text begins anew.
    fn finish(&mut self) -> String;

    /// Forgets what was held back, because the answer was interrupted. The next text begins anew.
    fn reset(&mut self);
}

/// Filters in a row.
#[derive(Default)]
pub struct Filters(Vec<Box<dyn TextFilter>>);

impl Filters {
    /// Adds a filter behind the others.
    pub fn push_filter(&mut self, filter: Box<dyn TextFilter>) {
        self.0.push(filter);
    }

    /// Whether text passes unchanged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TextFilter for Filters {
    fn push(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for filter in &mut self.0 {
            if text.is_empty() {
                break;
            }
            text = filter.push(&text);
        }
        text
    }

    fn finish(&mut self) -> String {
        let mut text = String::new();
        for filter in &mut self.0 {
            text = filter.push(&text) + &filter.finish();
        }
        text
    }

    fn reset(&mut self) {
        for filter in &mut self.0 {
            filter.reset();
        }
    }
}

impl FromIterator<Box<dyn TextFilter>> for Filters {
    fn from_iter<I: IntoIterator<Item = Box<dyn TextFilter>>>(filters: I) -> Self {
        Self(filters.into_iter().collect())
    }
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filters({})", self.0.len())
    }
}
