//! What stands between two delimiters: removed, kept without them, or handed over as an item of its own.
//!
//! For text that is not to be spoken (`<think>…</think>`), for marks (`<voice>narrator</voice>`) and the like.
//! Delimiters are exact texts, not patterns of characters; the first that is complete counts, and among those
//! that become complete at once the one that was added first. Pairs do not nest. Half a delimiter at the end
//! of a chunk is held back. At the end of the text a pair that is not closed is dropped with all that follows
//! its opening delimiter, unless its text is kept, because half of a thought or of a command is of no use; half
//! a delimiter was none and is given. An item of over [`LONGEST_ITEM`] bytes is dropped.

use std::{fmt, sync::Arc};

use super::TextFilter;

/// Bytes of an item that are collected.
pub(super) const LONGEST_ITEM: usize = 16 * 1024;

/// What becomes of the text between two delimiters. The delimiters themselves are never spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternAction {
    /// It is dropped.
    Remove,
    /// It stays in the text, as it comes.
    Keep,
    /// It is given as an item of its own, when it is complete.
    HandOver,
}

/// A piece of text, or what was between two delimiters.
#[derive(Clone, PartialEq, Eq)]
pub enum PatternItem {
    /// Text to speak.
    Text(String),
    /// A match of a pair whose action is [`HandOver`](PatternAction::HandOver).
    Match {
        /// The opening delimiter of the pair.
        pair: Arc<str>,
        /// The text between.
        text: String,
    },
}

type Handler = Box<dyn FnMut(&str, &str) + Send>;

/// Pairs of delimiters. As a [`TextFilter`] it hands items over to the handler; who wants them in the order of
/// the text asks [`push_items`](Self::push_items) instead.
#[derive(Default)]
pub struct PatternPairs {
    pairs: Vec<Pair>,
    handler: Option<Handler>,
    /// What may be the beginning of a delimiter.
    held: String,
    /// Which pair is open.
    open: Option<usize>,
    /// The text of the open pair, if it is handed over.
    item: String,
}

#[derive(Debug)]
struct Pair {
    open: Arc<str>,
    close: Arc<str>,
    action: PatternAction,
}

impl PatternPairs {
    /// No pairs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair. One with an empty delimiter never matches.
    #[must_use]
    pub fn with_pair(mut self, open: &str, close: &str, action: PatternAction) -> Self {
        if !open.is_empty() && !close.is_empty() {
            self.pairs.push(Pair { open: open.into(), close: close.into(), action });
        }
        self
    }

    /// Calls this with the opening delimiter and the text of each item that is handed over. It is called while
    /// text is taken and must not block.
    #[must_use]
    pub fn on_match(mut self, handler: impl FnMut(&str, &str) + Send + 'static) -> Self {
        self.handler = Some(Box::new(handler));
        self
    }

    /// Takes text, and gives text and items in their order. The handler is not called.
    pub fn push_items(&mut self, text: &str) -> Vec<PatternItem> {
        let mut items = Vec::new();
        for c in text.chars() {
            self.step(c, &mut items);
        }
        items
    }

    fn step(&mut self, c: char, items: &mut Vec<PatternItem>) {
        if self.held.is_empty() && !self.may_begin(c) {
            return self.plain(c, items);
        }
        self.held.push(c);
        while !self.held.is_empty() {
            match self.open {
                Some(open) if *self.pairs[open].close == *self.held => {
                    self.held.clear();
                    return self.close(open, items);
                }
                Some(open) if self.pairs[open].close.starts_with(&self.held) => return,
                Some(_) => {}
                None => {
                    if let Some(pair) = self.pairs.iter().position(|pair| *pair.open == *self.held) {
                        self.open = Some(pair);
                        self.held.clear();
                        return;
                    }
                    if self.pairs.iter().any(|pair| pair.open.starts_with(&self.held)) {
                        return;
                    }
                }
            }
            let first = self.held.remove(0);
            self.plain(first, items);
        }
    }

    /// Whether a delimiter that is waited for begins with this character.
    fn may_begin(&self, c: char) -> bool {
        match self.open {
            Some(open) => self.pairs[open].close.starts_with(c),
            None => self.pairs.iter().any(|pair| pair.open.starts_with(c)),
        }
    }

    /// A character that belongs to no delimiter.
    fn plain(&mut self, c: char, items: &mut Vec<PatternItem>) {
        match self.open.map(|open| self.pairs[open].action) {
            None | Some(PatternAction::Keep) => match items.last_mut() {
                Some(PatternItem::Text(text)) => text.push(c),
                _ => items.push(PatternItem::Text(c.into())),
            },
            Some(PatternAction::HandOver) if self.item.len() <= LONGEST_ITEM => self.item.push(c),
            Some(_) => {}
        }
    }

    fn close(&mut self, open: usize, items: &mut Vec<PatternItem>) {
        self.open = None;
        let text = std::mem::take(&mut self.item);
        let pair = &self.pairs[open];
        if pair.action == PatternAction::HandOver && text.len() <= LONGEST_ITEM {
            items.push(PatternItem::Match { pair: pair.open.clone(), text });
        }
    }

    /// The text of the items; the rest goes to the handler.
    fn hand_over(&mut self, items: Vec<PatternItem>) -> String {
        let mut spoken = String::new();
        for item in items {
            match item {
                PatternItem::Text(text) => spoken.push_str(&text),
                PatternItem::Match { pair, text } => {
                    if let Some(handler) = &mut self.handler {
                        handler(&pair, &text);
                    }
                }
            }
        }
        spoken
    }
}

impl TextFilter for PatternPairs {
    fn push(&mut self, text: &str) -> String {
        let items = self.push_items(text);
        self.hand_over(items)
    }

    fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        let spoken = self.open.is_none_or(|open| self.pairs[open].action == PatternAction::Keep);
        self.reset();
        if spoken { held } else { String::new() }
    }

    fn reset(&mut self) {
        self.held.clear();
        self.item.clear();
        self.open = None;
    }
}

impl fmt::Debug for PatternItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Match { pair, text } => write!(f, "Match({pair}, {} bytes)", text.len()),
        }
    }
}

impl fmt::Debug for PatternPairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternPairs").field("pairs", &self.pairs).field("open", &self.open).finish()
    }
}
