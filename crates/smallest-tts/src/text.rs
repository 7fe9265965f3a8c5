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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{cut, letters};

    #[test]
    fn text_that_fits_is_one_piece() {
        assert_eq!(cut("Hello there. How are you?", 100), ["Hello there. How are you?"]);
    }

    #[test]
    fn long_text_is_cut_after_the_last_sentence_that_fits() {
        assert_eq!(cut("One. Two. Three is longer.", 12), ["One. Two.", " Three is ", "longer."]);
        assert_eq!(cut("एक वाक्य। दूसरा वाक्य।", 12), ["एक वाक्य।", " दूसरा ", "वाक्य।"]);
        assert_eq!(cut("第一句。第二句。", 5), ["第一句。", "第二句。"]);
    }

    #[test]
    fn a_point_within_a_number_ends_no_sentence() {
        assert_eq!(cut("It is 3.141 or so, they say", 10), ["It is ", "3.141 or ", "so, they ", "say"]);
    }

    #[test]
    fn text_without_spaces_is_cut_but_not_within_a_joined_character() {
        assert_eq!(cut("aaaaaaa", 3), ["aaa", "aaa", "a"]);
        let family = "👨\u{200D}👩\u{200D}👧";
        assert_eq!(cut(&format!("ab{family}"), 5), ["ab", family]);
        assert_eq!(cut("cafe\u{301}x", 4), ["caf", "e\u{301}x"]);
    }

    #[test]
    fn letters_are_what_can_be_heard() {
        assert_eq!(letters("Hello, 12 🙂 äß!"), 9);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn r_58_every_character_is_kept_and_no_piece_is_too_long(text in "[a-z .!?\n。é\u{301}🙂\u{200D}क्षा]{0,300}", limit in 1..40_usize) {
            let pieces = cut(&text, limit);
            for piece in &pieces {
                prop_assert!(piece.chars().count() <= limit && !piece.trim().is_empty());
            }
            let kept: String = pieces.concat().split_whitespace().collect();
            let given: String = text.split_whitespace().collect();
            prop_assert_eq!(kept, given);
        }
    }
}
