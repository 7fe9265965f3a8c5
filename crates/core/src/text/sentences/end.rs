//! Whether a terminator ends its sentence.
//!
//! An [`End`] is a terminator that was read. What comes behind it is added (further terminators, closing
//! quotes, white space, pictures) until a character comes that tells: then the sentence is cut before that
//! character, or goes on, or the word that the character begins decides.

use super::{BRACKETED, Class, NEXT_WORD, Piece, chars, words, words::After};

/// A terminator of which it is not known yet whether it ends the sentence.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    mark: Mark,
    /// Where the first terminator stands.
    at: usize,
    closed: bool,
    spaced: bool,
    line: bool,
    /// Where the next word begins, while it decides, and its characters so far.
    word: Option<(usize, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// One full stop.
    Stop,
    /// An ellipsis.
    Dots,
    /// A mark that wants a space behind it.
    Question,
    /// A mark that wants nothing.
    Final,
    /// A line break without any.
    Line,
}

/// What a character says of a terminator before it.
pub(super) enum Verdict {
    Wait,
    Join,
    /// A sentence begins here.
    Cut(usize),
}

impl Piece {
    /// What `c` says of the terminator before it.
    pub(super) fn follow(&self, end: &mut End, text: &str, at: usize, c: char, class: Class) -> Verdict {
        if let Some((word, length)) = &mut end.word {
            *length += 1;
            if *length <= NEXT_WORD && (c.is_alphabetic() || matches!(c, '\'' | '’')) {
                return Verdict::Wait;
            }
            return if words::is_starter(&text[*word..at]) { Verdict::Cut(*word) } else { Verdict::Join };
        }
        match class {
            Class::Space => end.spaced = true,
            Class::Line => (end.spaced, end.line) = (true, true),
            Class::Emoji => {}
            Class::Close if c == '»' && self.guillemet => end.closed = true,
            _ if end.spaced => return self.decide(end, text, at, c, class),
            Class::Stop | Class::Mark | Class::Dots | Class::End => end.add(class),
            Class::Close | Class::Quote => end.closed = true,
            // They close in German and Danish.
            Class::Open if end.mark != Mark::Final && matches!(c, '“' | '‘' | '«') => end.closed = true,
            _ => return self.decide(end, text, at, c, class),
        }
        Verdict::Wait
    }

    /// Whether the sentence ends, now that its next visible character has come.
    fn decide(&self, end: &mut End, text: &str, at: usize, c: char, class: Class) -> Verdict {
        let join_if = |join| if join { Verdict::Join } else { Verdict::Cut(at) };
        if end.line {
            return join_if(words::is_list_mark(&text[..at]));
        }
        let bracketed = self.depth > 0 && self.chars - self.opened < BRACKETED;
        if bracketed || !begins(c, class) {
            return Verdict::Join;
        }
        match end.mark {
            Mark::Final => join_if(!end.spaced && self.goes_on(end, text, c)),
            Mark::Question => {
                let apart = end.spaced || chars::is_unspaced(c);
                join_if(!apart || end.closed && is_small(c))
            }
            Mark::Dots => join_if(!end.spaced || is_small(c)),
            Mark::Line => Verdict::Cut(at),
            Mark::Stop if !end.spaced => {
                let before = text[..end.at].chars().next_back();
                join_if(!(chars::is_cjk(c) && before.is_some_and(chars::is_cjk)))
            }
            Mark::Stop if is_small(c) => Verdict::Join,
            Mark::Stop if end.closed => Verdict::Cut(at),
            Mark::Stop => match words::after(&text[..end.at], c) {
                After::Split => Verdict::Cut(at),
                After::Join => Verdict::Join,
                After::Ask if c.is_alphabetic() => {
                    end.word = Some((at, 1));
                    Verdict::Wait
                }
                After::Ask => join_if(c.is_alphanumeric()),
            },
        }
    }

    /// Whether a sentence goes on behind a terminator of a script without spaces: within a number, or behind a
    /// quote with a particle of Japanese.
    fn goes_on(&self, end: &End, text: &str, c: char) -> bool {
        if end.closed {
            let corner = matches!(self.last, Some('」' | '』'));
            return corner
                && matches!(c, 'と' | 'っ' | 'て' | 'な' | 'の' | 'は' | 'が' | 'を' | 'に' | 'で' | 'も');
        }
        c.is_numeric() && text[..end.at].chars().next_back().is_some_and(char::is_numeric)
    }
}

/// Whether a sentence may begin with this character.
fn begins(c: char, class: Class) -> bool {
    // Quotes that point inwards are opened by the sign that closes the others.
    matches!(class, Class::Word | Class::Open | Class::Quote | Class::Emoji) || matches!(c, '»' | '›')
}

/// Whether a letter says that the sentence goes on. Those of Georgian are small and begin sentences.
fn is_small(c: char) -> bool {
    c.is_lowercase() && !matches!(c, '\u{10D0}'..='\u{10FF}')
}

impl End {
    pub(super) fn new(mark: Mark, at: usize) -> Self {
        let line = mark == Mark::Line;
        Self { mark, at, closed: false, spaced: line, line, word: None }
    }

    /// Another terminator directly behind.
    fn add(&mut self, class: Class) {
        self.mark = match (self.mark, class) {
            (Mark::Final, _) | (_, Class::End) => Mark::Final,
            (Mark::Question, _) | (_, Class::Mark) => Mark::Question,
            _ => Mark::Dots,
        };
    }
}
