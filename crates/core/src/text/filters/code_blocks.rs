//! Dropping blocks of code, or saying a phrase in their place.
//!
//! A block is what stands between two fences of three or more backticks, or of three or more tildes at the
//! beginning of a line. A fence at the beginning of a line, after spaces, quote marks and the mark of a list
//! item, is closed by one at the beginning of a line; a fence within a line by the next one. A block that is
//! not closed reaches to the end. The phrase is said when the block begins.

use std::{fmt, sync::Arc};

use super::TextFilter;

/// The characters of a fence.
const FENCE: usize = 3;

/// Drops blocks of code.
#[derive(Clone, Default)]
pub struct CodeBlocks {
    phrase: Option<Arc<str>>,
    /// A run of backticks or tildes that is not over: its character and length.
    run: Option<(char, usize)>,
    block: Option<Block>,
    /// What stands before the run in its line is only spaces and marks. The opposite of a new line.
    inside_line: bool,
}

/// The block that is open.
#[derive(Clone, Copy, Debug)]
struct Block {
    fence: (char, usize),
    /// It began at the beginning of a line.
    whole_lines: bool,
    /// The line of its opening fence is not over.
    opening: bool,
}

impl CodeBlocks {
    /// Drops them without a word.
    #[must_use]
    pub fn dropped() -> Self {
        Self::default()
    }

    /// Says this in the place of each.
    #[must_use]
    pub fn replaced_by(phrase: impl Into<Arc<str>>) -> Self {
        Self { phrase: Some(phrase.into()), ..Self::default() }
    }

    fn step(&mut self, c: char, out: &mut String) {
        match self.run {
            Some((mark, length)) if mark == c => self.run = Some((mark, length + 1)),
            _ => {
                self.end_run(out);
                if c == '`' || c == '~' {
                    self.run = Some((c, 1));
                } else {
                    self.plain(c, out);
                }
            }
        }
    }

    /// The run of backticks is over.
    fn end_run(&mut self, out: &mut String) {
        let Some((mark, length)) = self.run.take() else { return };
        if let Some(block) = self.block {
            let at_place = !block.whole_lines || block.opening || !self.inside_line;
            if block.fence.0 == mark && length >= block.fence.1 && at_place {
                self.block = None;
            }
        } else if length >= FENCE && (mark == '`' || !self.inside_line) {
            let whole_lines = !self.inside_line;
            self.block = Some(Block { fence: (mark, length), whole_lines, opening: true });
            out.push_str(self.phrase.as_deref().unwrap_or_default());
        } else {
            out.extend(std::iter::repeat_n(mark, length));
        }
        self.inside_line = true;
    }

    fn plain(&mut self, c: char, out: &mut String) {
        if c == '\n' {
            self.inside_line = false;
            if let Some(block) = &mut self.block {
                block.opening = false;
            }
        } else if !(c.is_whitespace() || matches!(c, '>' | '-' | '*' | '+' | '.' | ')') || c.is_ascii_digit())
        {
            self.inside_line = true;
        }
        if self.block.is_none() {
            out.push(c);
        }
    }
}

impl TextFilter for CodeBlocks {
    fn push(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            self.step(c, &mut out);
        }
        out
    }

    fn finish(&mut self) -> String {
        let mut out = String::new();
        self.end_run(&mut out);
        self.reset();
        out
    }

    fn reset(&mut self) {
        *self = Self { phrase: self.phrase.take(), ..Self::default() };
    }
}

impl fmt::Debug for CodeBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeBlocks").field("phrase", &self.phrase).field("block", &self.block).finish()
    }
}
