//! Taking Markdown out of a text, so that no synthesizer reads its signs aloud.
//!
//! | in the text | spoken |
//! |---|---|
//! | `# Title`, `> quote`, `- item`, `- [x] done` | the words; numbers of lists stay |
//! | `**bold**`, `_it_`, `~~gone~~`, `` `code` ``, `\*` | the words, the sign |
//! | `[text](address)`, `![picture](address)`, `[text][id]` | the text; of `[^1]` nothing |
//! | a fenced block of code | nothing, or a phrase |
//! | a row of a table | its cells, with commas between them |
//! | a rule, an underline, the second row of a table | nothing |
//!
//! Signs that are none stay: `2 * 3`, `snake_case`, `-5`, `#1`. A sign is judged by the characters around it,
//! not by whether it is closed later, so that text does not wait. Tables are known by a bar at the beginning
//! of each row. HTML is left to [`PatternPairs`](super::PatternPairs).

use std::fmt;

use super::{CodeBlocks, TextFilter, inline::Inline};

/// Characters at the beginning of a line that are held back; a longer run of signs is a rule.
const HELD: usize = 128;

/// Removes Markdown.
#[derive(Default)]
pub struct Markdown {
    code: CodeBlocks,
    line: Line,
    /// The beginning of a line, while it may be a mark. Begins with no white space.
    held: String,
    /// The line is an item of a list.
    item: bool,
    inline: Inline,
}

#[derive(Clone, Copy, Debug, Default)]
enum Line {
    #[default]
    Start,
    Text,
    Row(Row),
    /// Nothing of it is spoken.
    Rule,
}

/// A row of a table.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    said: bool,
    /// A bar, and a space, came after what was said.
    bar: bool,
    space: bool,
}

/// What the beginning of a line is.
#[derive(Debug, PartialEq)]
enum Begin {
    /// It is not known yet.
    More,
    Text,
    /// A mark that is dropped; another may follow.
    Mark,
    /// The mark of an item, and what was read after it.
    Item(String),
    /// The mark of a quote, and the character after it, which is no space.
    Quote(char),
    Row,
    Rule,
    /// A line that is dropped, and over.
    Dropped,
}

impl Markdown {
    /// Drops blocks of code.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Treats blocks of code like this.
    #[must_use]
    pub fn with_code_blocks(mut self, code: CodeBlocks) -> Self {
        self.code = code;
        self
    }

    fn step(&mut self, c: char, out: &mut String) {
        match self.line {
            Line::Start => self.start(c, out),
            Line::Text => self.text(c, out),
            Line::Row(row) => self.row(row, c, out),
            Line::Rule if c == '\n' => self.line = Line::Start,
            Line::Rule => {}
        }
    }

    fn text(&mut self, c: char, out: &mut String) {
        self.inline.step(c, out);
        if c == '\n' {
            self.line = Line::Start;
            self.item = false;
        }
    }

    fn start(&mut self, c: char, out: &mut String) {
        if self.held.is_empty() && c.is_whitespace() {
            // Nothing is held within a line here: the line break has released it.
            self.inline.step(c, out);
            self.item &= c != '\n';
            return;
        }
        self.held.push(c);
        let begin = match begin(&self.held, self.item) {
            Begin::More if self.held.len() < HELD => return,
            Begin::More => Begin::Rule,
            begin => begin,
        };
        let held = std::mem::take(&mut self.held);
        match begin {
            Begin::More => {}
            Begin::Mark => self.item = false,
            Begin::Item(rest) => {
                self.item = true;
                for c in rest.chars() {
                    self.step(c, out);
                }
            }
            Begin::Quote(next) => self.start(next, out),
            Begin::Dropped => self.item = false,
            Begin::Rule => self.line = Line::Rule,
            Begin::Text | Begin::Row => {
                self.line = if begin == Begin::Row { Line::Row(Row::default()) } else { Line::Text };
                for c in held.chars() {
                    self.step(c, out);
                }
            }
        }
    }

    fn row(&mut self, mut row: Row, c: char, out: &mut String) {
        match c {
            '\n' => {
                if row.said {
                    self.inline.step('\n', out);
                }
                self.line = Line::Start;
                return;
            }
            '|' => row.bar = true,
            ' ' | '\t' => row.space = true,
            _ => {
                let between = match (row.said, row.bar, row.space) {
                    (true, true, _) => ", ",
                    (true, false, true) => " ",
                    _ => "",
                };
                for c in between.chars().chain([c]) {
                    self.inline.step(c, out);
                }
                row = Row { said: true, bar: false, space: false };
            }
        }
        self.line = Line::Row(row);
    }
}

/// What a line begins with. `text` is not empty and begins with no white space.
fn begin(text: &str, item: bool) -> Begin {
    let mut chars = text.chars();
    let (Some(first), last) = (chars.next(), chars.next_back()) else { return Begin::More };
    match first {
        '>' => match last {
            None => Begin::More,
            Some(' ') => Begin::Mark,
            Some(next) => Begin::Quote(next),
        },
        '#' => match (text.trim_start_matches('#'), text.len()) {
            ("", 1..=6) => Begin::More,
            (" " | "\t", _) => Begin::Mark,
            ("\n", _) => Begin::Dropped,
            _ => Begin::Text,
        },
        '|' if text.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t')) => Begin::More,
        '|' if last == Some('\n') => Begin::Dropped,
        '|' => Begin::Row,
        '[' if item => task(text),
        '-' | '*' | '+' | '_' | '=' => signs(text, first),
        _ => Begin::Text,
    }
}

/// The box of a task: `[ ] ` or `[x] `.
fn task(text: &str) -> Begin {
    match text {
        "[ ] " | "[x] " | "[X] " => Begin::Mark,
        "[" | "[ " | "[x" | "[X" | "[ ]" | "[x]" | "[X]" => Begin::More,
        _ => Begin::Text,
    }
}

/// A line that begins with a sign of rules, items and emphasis.
fn signs(text: &str, sign: char) -> Begin {
    let rest = text.trim_start_matches([sign, ' ', '\t']);
    if rest.is_empty() {
        return Begin::More;
    }
    let before = &text[..text.len() - rest.len()];
    let count = before.chars().filter(|&c| c == sign).count();
    let bullet = matches!(sign, '-' | '*' | '+');
    let after = text.strip_prefix(sign).unwrap_or_default();
    let bullet = bullet && after.starts_with([' ', '\t', '\n']);
    let after = after.trim_start_matches([' ', '\t']);
    match rest {
        "\n" if count >= 2 || bullet => Begin::Dropped,
        _ if bullet => Begin::Item(after.to_owned()),
        _ => Begin::Text,
    }
}

impl TextFilter for Markdown {
    fn push(&mut self, text: &str) -> String {
        let text = self.code.push(text);
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            self.step(c, &mut out);
        }
        out
    }

    fn finish(&mut self) -> String {
        let mut out = String::new();
        for c in self.code.finish().chars() {
            self.step(c, &mut out);
        }
        if !self.held.is_empty() {
            // The end of the text is the end of a line, only that no line break is spoken.
            let held = std::mem::take(&mut self.held);
            if begin(&format!("{held}\n"), self.item) == Begin::Text {
                for c in held.chars() {
                    self.inline.step(c, &mut out);
                }
            }
        }
        self.inline.finish(&mut out);
        self.reset();
        out
    }

    fn reset(&mut self) {
        self.code.reset();
        *self = Self { code: std::mem::take(&mut self.code), ..Self::default() };
    }
}

impl fmt::Debug for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Markdown").field("code", &self.code).field("line", &self.line).finish_non_exhaustive()
    }
}
