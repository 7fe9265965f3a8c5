//! What is done to an answer's text before it is spoken: cleaned by filters, cut into sentences.
//!
//! Pure and streaming. Both halves read character by character and keep only what is not decided yet, so
//! that 1. however a text is cut into chunks, the same comes out; 2. the work grows with the length of the
//! text and no faster; 3. nothing waits for a clock. A [`TtsStage`](crate::service::TtsStage) puts its text
//! through the filters it was given and, for services that do not take text as it is written, through
//! [`Sentences`].
//!
//! Read next: [`Sentences`], then [`TextFilter`].

mod chars;
mod filters;
mod sentences;

pub use filters::{
    CodeBlocks, Emoji, Filters, Markdown, PatternAction, PatternItem, PatternPairs, TextFilter,
};
pub use sentences::{Sentences, Splitting};
