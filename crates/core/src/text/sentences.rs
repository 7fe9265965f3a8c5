//! Cutting a stream of text into sentences, for synthesizers that want them whole.
//!
//! Promises: 1. the sentences put together are the text, to the last space; none of them is blank, a text
//! that is blank altogether gives none; 2. however the text is cut into chunks, the sentences are the same;
//! 3. the work grows with the text and no faster: 10 ns a character in English, 12 in Hindi and Chinese, 6 where
//! nothing ends (release, one core of a shared server); 4. no sentence has many more characters than
//! [`Splitting::longest`]; 5. no cut falls within a character, nor between a letter and its marks.
//!
//! A sentence leaves when the first character of the next one comes, because only that tells "3.5" and
//! "Dr. Rao" from an end. Terminators without a second use (danda, CJK, Ethiopic and others) end a sentence
//! without a space, a line break always does; Thai and Lao end phrases at spaces. Short brackets are
//! not cut. Read next: `end`, which judges terminators, and `words`, what a full stop means.

mod end;
mod words;

#[cfg(test)]
mod tests;

use std::{fmt, num::NonZeroUsize};

use self::end::{End, Mark, Verdict};
use super::chars::{self, Class};

/// Characters from which a phrase of Thai or Lao is a sentence of its own.
const PHRASE: usize = 40;
/// Words that end Thai sentences of any length.
const POLITE: [&str; 6] = ["ครับ", "ค่ะ", "คะ", "จ้ะ", "จ้า", "ฮะ"];
/// Characters a bracket or quote holds together.
const BRACKETED: usize = 120;
/// Characters of the next word that are waited for, where it decides.
const NEXT_WORD: usize = 12;
/// Characters beyond the longest sentence among which a place to cut is looked for.
const SLACK: usize = 64;

/// How text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Splitting {
    /// Characters after which a sentence is cut where it does not end: after a comma, else after a space, else
    /// between two letters.
    pub longest: NonZeroUsize,
    /// Releases the first clause of a text at a comma, semicolon, colon or dash, once it has so many
    /// characters, so that the first audio leaves early. `None` waits for the sentence.
    pub first_clause: Option<NonZeroUsize>,
}

impl Default for Splitting {
    fn default() -> Self {
        Self { longest: const { NonZeroUsize::new(400).expect("not zero") }, first_clause: None }
    }
}

/// Text that is not a whole sentence yet.
#[derive(Default)]
pub struct Sentences {
    splitting: Splitting,
    text: String,
    piece: Piece,
    /// The first sentence of the text has left.
    begun: bool,
}

/// What has been read of the sentence that is being collected. Positions are bytes from its beginning.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    read: usize,
    /// Characters, leading white space apart; other white space counts as one.
    chars: usize,
    /// A letter or digit was among them.
    said: bool,
    last: Option<char>,
    /// The last one that is not white space.
    solid: Option<char>,
    /// Open brackets, and the characters before the first of them.
    depth: u32,
    opened: usize,
    guillemet: bool,
    /// Where the last word begins.
    space: Option<usize>,
    /// Where the last clause begins, and the characters before it.
    clause: Option<(usize, usize)>,
    comma: Option<Comma>,
    end: Option<End>,
}

/// A comma whose next character has not come.
#[derive(Clone, Copy, Debug)]
struct Comma {
    wide: bool,
    chars: usize,
}

impl Sentences {
    /// Cuts text like this.
    #[must_use]
    pub fn new(splitting: Splitting) -> Self {
        Self { splitting, ..Self::default() }
    }

    /// Adds text, and gives the sentences it completes, each with the white space after it.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.text.push_str(text);
        let mut sentences = Vec::new();
        let mut start = 0;
        while let Some(cut) = self.scan(start) {
            sentences.push(self.text[start..start + cut].to_owned());
            start += cut;
            self.piece = Piece::default();
            self.begun = true;
        }
        self.text.drain(..start);
        sentences
    }

    /// The text is over: gives the rest of it, unless it is blank. The next text begins anew.
    pub fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.text);
        self.reset();
        (!rest.trim().is_empty()).then_some(rest)
    }

    /// Forgets what was not given.
    pub fn reset(&mut self) {
        self.text.clear();
        self.piece = Piece::default();
        self.begun = false;
    }

    /// Reads on in the sentence that begins at `start`, until a place to cut.
    fn scan(&mut self, start: usize) -> Option<usize> {
        let text = &self.text[start..];
        let first_clause = self.splitting.first_clause.filter(|_| !self.begun);
        let from = self.piece.read;
        for (at, c) in text[from..].char_indices() {
            if let Some(cut) = self.piece.step(text, from + at, c, self.splitting.longest, first_clause) {
                return Some(cut);
            }
        }
        self.piece.read = text.len();
        None
    }
}

impl fmt::Debug for Sentences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sentences({} bytes, {:?})", self.text.len(), self.splitting)
    }
}

impl Piece {
    /// Reads the character at `at`. Where to cut: there or before; what comes after the cut is read again.
    fn step(
        &mut self,
        text: &str,
        at: usize,
        c: char,
        longest: NonZeroUsize,
        first_clause: Option<NonZeroUsize>,
    ) -> Option<usize> {
        let class = chars::class(c);
        if let Some(mut end) = self.end {
            match self.follow(&mut end, text, at, c, class) {
                Verdict::Cut(cut) => return Some(cut),
                Verdict::Join => self.end = None,
                Verdict::Wait => {
                    self.end = Some(end);
                    let cut = self.overflow(at, c, class, longest);
                    if cut.is_none() {
                        self.take(c, class);
                    }
                    return cut;
                }
            }
        }
        if matches!(class, Class::Space | Class::Line) {
            if class == Class::Line && self.said {
                self.end = Some(End::new(Mark::Line, at));
            }
        } else {
            if let Some(cut) = self.begin_word(text, at, c, class, first_clause) {
                return Some(cut);
            }
            if let Some(cut) = self.overflow(at, c, class, longest) {
                return Some(cut);
            }
            self.mark(at, c, class);
        }
        self.take(c, class);
        None
    }

    /// A character that is not white space: the word or clause before it may be over.
    fn begin_word(
        &mut self,
        text: &str,
        at: usize,
        c: char,
        class: Class,
        first_clause: Option<NonZeroUsize>,
    ) -> Option<usize> {
        let spaced = self.last.is_some_and(char::is_whitespace) && self.solid.is_some();
        let early = first_clause.filter(|_| self.depth == 0);
        if spaced {
            self.space = Some(at);
            if self.ends_phrase(text, at, c, early) {
                return Some(at);
            }
        }
        let comma = self.comma.take()?;
        if !spaced && matches!(class, Class::Close | Class::Quote) {
            self.comma = Some(comma);
            return None;
        }
        if matches!(class, Class::Clause | Class::WideClause | Class::Dash) || !(spaced || comma.wide) {
            return None;
        }
        self.clause = Some((at, self.chars));
        early.filter(|least| comma.chars >= least.get()).map(|_| at)
    }

    /// Whether the space before `c` ends a sentence of a script that ends them with nothing else.
    fn ends_phrase(&self, text: &str, at: usize, c: char, early: Option<NonZeroUsize>) -> bool {
        if !self.solid.is_some_and(chars::is_phrase_spaced) || self.depth > 0 {
            return false;
        }
        let long = early.map_or(PHRASE, |least| least.get().min(PHRASE));
        if self.chars >= long {
            return chars::is_phrase_spaced(c) || c.is_alphabetic();
        }
        let before = text[..at].trim_end();
        POLITE.iter().any(|word| before.ends_with(word)) && c.is_alphabetic()
    }

    /// Where to cut a sentence that is too long.
    fn overflow(&self, at: usize, c: char, class: Class, longest: NonZeroUsize) -> Option<usize> {
        if self.chars < longest.get() || matches!(class, Class::Space | Class::Line) {
            return None;
        }
        let clause = self.clause.filter(|&(_, chars)| chars * 2 >= longest.get()).map(|(at, _)| at);
        if let Some(cut) = clause.or(self.space) {
            return Some(cut);
        }
        let joined = chars::joins_previous(c) || self.last.is_some_and(chars::joins_next);
        (!joined || self.chars >= longest.get() + SLACK).then_some(at)
    }

    /// Notes terminators and commas.
    fn mark(&mut self, at: usize, c: char, class: Class) {
        if !self.said {
            return;
        }
        let solid = self.solid.unwrap_or_default();
        let touching = self.last == self.solid;
        let mark = match class {
            Class::Stop => Mark::Stop,
            Class::Mark => Mark::Question,
            Class::Dots => Mark::Dots,
            Class::End => Mark::Final,
            // The Greek question mark, the Armenian full stop and the danda, typed on a Latin keyboard.
            Class::Clause if c == ';' && matches!(solid, '\u{0370}'..='\u{03FF}') => Mark::Question,
            Class::Clause if c == ':' && matches!(solid, '\u{0531}'..='\u{0588}') => Mark::Question,
            Class::Word if c == '|' && touching && chars::is_indic(solid) => Mark::Question,
            Class::Clause | Class::WideClause | Class::Dash => {
                let wide = class == Class::WideClause || matches!(c, '—' | '⸺');
                if class != Class::Dash || !touching || wide {
                    self.comma = Some(Comma { wide, chars: self.chars + 1 });
                }
                return;
            }
            _ => return,
        };
        self.end = Some(End::new(mark, at));
    }

    /// Counts a character in.
    fn take(&mut self, c: char, class: Class) {
        match class {
            Class::Space | Class::Line => {
                if class == Class::Line {
                    self.depth = 0;
                    self.guillemet = false;
                }
                if self.solid.is_some() && !self.last.is_some_and(char::is_whitespace) {
                    self.chars += 1;
                }
                self.last = Some(c);
                return;
            }
            Class::Word => self.said = self.said || c.is_alphanumeric(),
            Class::Open if c == '«' => self.guillemet = true,
            Class::Close if c == '»' => self.guillemet = false,
            // Not the mouth of a face.
            Class::Open if chars::is_bracket(c) && !matches!(self.last, Some(':' | ';' | '-')) => {
                if self.depth == 0 {
                    self.opened = self.chars;
                }
                self.depth += 1;
            }
            Class::Close if chars::is_bracket(c) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.chars += 1;
        self.last = Some(c);
        self.solid = Some(c);
    }
}
