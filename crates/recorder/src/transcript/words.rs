//! Words and how long they are spoken, in any script.
//!
//! Counted as the context of a conversation counts, so that a transcript tells the same: `words.rs` and `answer.rs` of
//! `voxline-turns`, which this crate may not know (see `docs/architecture.md`).

/// The length of a text as it is spoken. A letter of a script without spaces takes as long as three of others.
pub(crate) fn letters(text: &str) -> f64 {
    text.chars().map(|c| if is_unspaced(c) { 3.0 } else { 1.0 }).sum()
}

/// Where the words of a text end, as byte offsets, punctuation included. In scripts without white space every
/// letter ends a word.
pub(crate) fn word_ends(text: &str) -> impl Iterator<Item = usize> {
    text.char_indices().filter_map(|(index, character)| {
        let after = index + character.len_utf8();
        let ends_here = match text[after..].chars().next() {
            None => true,
            Some(next) if next.is_whitespace() => true,
            // Marks and punctuation belong to the letter before them.
            Some(next) => is_of_unspaced(character) && next.is_alphanumeric() && !is_mark(next),
        };
        (ends_here && !character.is_whitespace()).then_some(after)
    })
}

/// Letters of scripts that put no white space between words.
fn is_unspaced(c: char) -> bool {
    is_of_unspaced(c) && c.is_alphanumeric()
}

fn is_of_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3040}'..='\u{30FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Vowels, tones and the like of Thai, Lao, Burmese and Khmer that are written onto the letter before them.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{0E31}' | '\u{0E34}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}' | '\u{0EB1}' | '\u{0EB4}'..='\u{0EBC}'
        | '\u{0EC8}'..='\u{0ECE}' | '\u{102B}'..='\u{103E}' | '\u{17B4}'..='\u{17D3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_a_listener_would_say() {
        let cut = |text: &str| word_ends(text).map(|end| text[..end].to_owned()).collect::<Vec<_>>();
        assert_eq!(cut("One, two."), ["One,", "One, two."]);
        assert_eq!(cut("你好。"), ["你", "你好。"]);
        assert_eq!(cut("हाँ जी"), ["हाँ", "हाँ जी"]);
        assert_eq!(cut("นี้ดี"), ["นี้", "นี้ดี"]);
    }
}
