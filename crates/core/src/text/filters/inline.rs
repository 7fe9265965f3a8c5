//! The marks of Markdown within a line: emphasis, code, links, escapes.
//!
//! Character by character. Held back are a run of signs until the character after it, and the text of a link
//! until it is known to be one, at most [`LINK_TEXT`] bytes and never beyond the line: a line break releases
//! everything. The address of a link is dropped up to its bracket or the end of the line.

/// Bytes of a link's text that are held back.
const LINK_TEXT: usize = 512;
/// Signs in a row that stand for a line, not for emphasis.
const LINE_OF_SIGNS: usize = 5;

/// A line being read.
#[derive(Default)]
pub(super) struct Inline {
    /// The character before.
    previous: Option<char>,
    /// Signs that are not judged yet, how many, and the character before them.
    run: Option<(char, usize, Option<char>)>,
    /// Backticks that opened code.
    code: Option<usize>,
    /// A star opened emphasis.
    emphasis: bool,
    escaped: bool,
    /// A `!` that may belong to a picture.
    bang: bool,
    link: Link,
}

#[derive(Clone, Debug, Default)]
enum Link {
    #[default]
    None,
    /// Behind `[`.
    Text(Held),
    /// Behind `]`.
    Closed(Held),
    /// Within the address, and its open brackets.
    Address { depth: usize, outer: usize },
    /// Within the name of an address given elsewhere.
    Name,
    /// Behind a link that stands within another one's text.
    Within { outer: usize },
}

/// What may be the text of a link.
#[derive(Clone, Debug, Default)]
struct Held {
    text: String,
    /// Brackets that were opened just before.
    outer: usize,
    /// A `!` stands before it.
    picture: bool,
}

impl Inline {
    pub(super) fn step(&mut self, c: char, out: &mut String) {
        match std::mem::take(&mut self.link) {
            Link::None => self.plain(c, out),
            Link::Text(held) => self.link_text(held, c, out),
            Link::Closed(held) => self.link_closed(held, c, out),
            Link::Address { depth, outer } => self.address(depth, outer, c, out),
            Link::Name => match c {
                ']' => {}
                '\n' => self.plain(c, out),
                _ => self.link = Link::Name,
            },
            Link::Within { outer } if c == ']' && outer > 0 => {
                self.link = Link::Closed(Held { outer: outer - 1, ..Held::default() });
            }
            Link::Within { .. } => self.plain(c, out),
        }
    }

    /// Gives what is held back: nothing will follow.
    pub(super) fn finish(&mut self, out: &mut String) {
        match std::mem::take(&mut self.link) {
            Link::Text(held) => self.literal(&held, false, out),
            Link::Closed(held) if !held.text.starts_with('^') => self.literal(&held, true, out),
            _ => {}
        }
        self.release(None, out);
        *self = Self::default();
    }

    fn link_text(&mut self, mut held: Held, c: char, out: &mut String) {
        match c {
            ']' => self.link = Link::Closed(held),
            '[' if matches!(held.text.as_str(), "" | "!") && held.outer < LINE_OF_SIGNS => {
                let picture = held.text == "!";
                self.link = Link::Text(Held { text: String::new(), outer: held.outer + 1, picture });
            }
            _ if matches!(c, '\n' | '[') || held.text.len() >= LINK_TEXT => {
                self.literal(&held, false, out);
                self.step(c, out);
            }
            _ => {
                held.text.push(c);
                self.link = Link::Text(held);
            }
        }
    }

    fn link_closed(&mut self, held: Held, c: char, out: &mut String) {
        match c {
            '(' => {
                self.words(&held.text, out);
                self.link = Link::Address { depth: 0, outer: held.outer };
            }
            '[' => {
                self.words(&held.text, out);
                self.link = Link::Name;
            }
            _ if held.text.starts_with('^') => self.step(c, out),
            _ => {
                self.literal(&held, true, out);
                self.step(c, out);
            }
        }
    }

    fn address(&mut self, depth: usize, outer: usize, c: char, out: &mut String) {
        self.link = match c {
            '\n' => return self.plain(c, out),
            ')' if depth == 0 && outer > 0 => Link::Within { outer },
            ')' if depth == 0 => Link::None,
            ')' => Link::Address { depth: depth - 1, outer },
            '(' => Link::Address { depth: depth + 1, outer },
            _ => Link::Address { depth, outer },
        };
    }

    /// Brackets that were no link.
    fn literal(&mut self, held: &Held, closed: bool, out: &mut String) {
        for _ in 0..held.outer {
            self.give('[', out);
        }
        if held.picture {
            self.give('!', out);
        }
        self.give('[', out);
        self.words(&held.text, out);
        if closed {
            self.give(']', out);
        }
    }

    /// Text that was held back. It holds no bracket that opens.
    fn words(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            self.plain(c, out);
        }
    }

    fn plain(&mut self, c: char, out: &mut String) {
        if let Some((sign, count, _)) = &mut self.run
            && *sign == c
            && !self.escaped
        {
            *count += 1;
            return;
        }
        if std::mem::take(&mut self.escaped) {
            if !c.is_ascii_punctuation() {
                self.put('\\', out);
            } else {
                return self.put(c, out);
            }
        }
        let picture = self.bang && c == '[';
        self.bang &= !picture;
        self.release(Some(c), out);
        let code = self.code.is_some();
        match c {
            '`' => self.run = Some((c, 1, self.previous)),
            '*' | '_' | '~' if !code => self.run = Some((c, 1, self.previous)),
            '\\' if !code => self.escaped = true,
            '!' if !code => self.bang = true,
            '[' if !code => self.link = Link::Text(Held { picture, ..Held::default() }),
            '\n' => {
                self.code = None;
                self.emphasis &= self.previous != Some('\n');
                self.put(c, out);
            }
            _ => self.put(c, out),
        }
    }

    /// Gives a character that is no sign.
    fn give(&mut self, c: char, out: &mut String) {
        self.release(Some(c), out);
        self.put(c, out);
    }

    fn put(&mut self, c: char, out: &mut String) {
        out.push(c);
        self.previous = Some(c);
    }

    /// Judges what is held back, now that the next character is known.
    fn release(&mut self, next: Option<char>, out: &mut String) {
        if std::mem::take(&mut self.bang) {
            self.put('!', out);
        }
        if next.is_none() && std::mem::take(&mut self.escaped) {
            self.put('\\', out);
        }
        let Some((sign, count, before)) = self.run.take() else { return };
        let dropped = match sign {
            '`' => self.backticks(count),
            '*' => self.stars(count, before, next),
            '~' => count >= 2 && !(is_blank(before) && is_blank(next)),
            _ => !(is_word(before) && is_word(next) || is_blank(before) && is_blank(next)),
        };
        if !dropped && count < LINE_OF_SIGNS {
            out.extend(std::iter::repeat_n(sign, count));
            self.previous = Some(sign);
        }
    }

    /// Whether backticks open or close code.
    fn backticks(&mut self, count: usize) -> bool {
        match self.code {
            Some(open) if open != count => return false,
            Some(_) => self.code = None,
            None => self.code = Some(count),
        }
        true
    }

    /// Whether stars are emphasis.
    fn stars(&mut self, count: usize, before: Option<char>, next: Option<char>) -> bool {
        if is_blank(before) && is_blank(next) {
            return false;
        }
        let opens = !is_blank(next) && !is_word(before);
        if count == 1 && !opens && !self.emphasis {
            // A product, or a footnote.
            return false;
        }
        self.emphasis = opens || is_word(next) && !self.emphasis;
        true
    }
}

fn is_blank(c: Option<char>) -> bool {
    c.is_none_or(char::is_whitespace)
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}
