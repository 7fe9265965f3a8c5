//! Cutting text that is too long for one request.
//!
//! [`cut`] keeps every character and their order: the pieces put together are the text. It cuts after the
//! last sentence that fits, else after the last space, else before a character that does not join the one
//! before it. [`letters`] measures how much there is to say.

/// Ends of sentences, in the scripts the service speaks.
const ENDS: &[char] = &['.', '!', '?', '…', '。', '！', '？', '।', '॥', '؟', '۔', '\n'];

/// Ends that need no space after them.
const WIDE_ENDS: &[char] = &['。', '！', '？', '\n'];

/// The text in pieces of at most `limit` characters (at least one), in order, none of them blank.
/// Blank stretches stay with the text before them, or are dropped where there is none.
pub(crate) fn cut(text: &str, limit: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(first_cut(rest, limit.max(1)));
        rest = after;
        if piece.trim().is_empty() {
            continue;
        }
        pieces.push(piece.to_owned());
    }
    pieces
}

/// How many characters of a text are letters or digits: what can be heard.
pub(crate) fn letters(text: &str) -> u64 {
    text.chars().filter(|c| c.is_alphanumeric()).count() as u64
}

/// Where to cut, in bytes; never zero.
fn first_cut(text: &str, limit: usize) -> usize {
    let Some((window, _)) = text.char_indices().nth(limit) else { return text.len() };
    let mut sentence = None;
    let mut space = None;
    let mut loose = None;
    let mut chars = text[..window].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let next = chars.peek().map(|&(_, next)| next).or_else(|| text[end..].chars().next());
        if c.is_whitespace() {
            space = Some(end);
        }
        let spaced = next.is_none_or(char::is_whitespace);
        if ENDS.contains(&c) && (spaced || WIDE_ENDS.contains(&c)) {
            sentence = Some(end);
        }
        if !next.is_some_and(joins) && !joins_next(c) {
            loose = Some(end);
        }
    }
    sentence.or(space).or(loose).unwrap_or(window)
}

/// Whether a character belongs to the one before it: marks, joiners, variation selectors, skin tones.
fn joins(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0900}'..='\u{0903}' | '\u{093A}'..='\u{094F}'
        | '\u{0E31}' | '\u{0E34}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}'
        | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}')
}

/// Whether the next character belongs to this one: a joiner between two.
fn joins_next(c: char) -> bool {
    c == '\u{200D}'
}
