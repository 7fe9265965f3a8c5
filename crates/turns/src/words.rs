//! Words as strategies count and compare them, in any script.
//!
//! Words are what white space separates; in scripts without it (Chinese, Japanese, Thai and the like) two
//! letters count as one. To compare, case and punctuation are left out. Pure; nothing is sliced by raw index.

/// How many words a text has, as somebody who counts to three would say.
#[must_use]
pub fn count_words(text: &str) -> usize {
    let count = |token: &str| {
        let letters = token.chars().filter(|&c| is_unspaced(c)).count();
        let other = token.chars().any(|c| c.is_alphanumeric() && !is_unspaced(c));
        letters.div_ceil(2) + usize::from(other)
    };
    text.split_whitespace().map(count).sum()
}

/// The words of a text without case and punctuation; empty words are left out.
pub(crate) fn plain_words(text: &str) -> Vec<String> {
    let plain = |token: &str| -> String {
        token.chars().filter(|&c| !is_punctuation(c)).flat_map(char::to_lowercase).collect()
    };
    text.split_whitespace().map(plain).filter(|word| !word.is_empty()).collect()
}

/// Adds a text to another, with one space between them unless one of them brings its own.
pub(crate) fn join(text: &mut String, more: &str) {
    let spaced = text.is_empty()
        || text.ends_with(char::is_whitespace)
        || more.starts_with(char::is_whitespace)
        || more.is_empty();
    if !spaced {
        text.push(' ');
    }
    text.push_str(more);
}

/// Where the words of a text end, as byte offsets, punctuation included. In scripts without white space every
/// letter ends a word.
pub(crate) fn word_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((index, character)) = chars.next() {
        let after = index + character.len_utf8();
        let ends_here = match chars.peek() {
            None => true,
            Some(&(_, next)) if next.is_whitespace() => true,
            // Marks and punctuation belong to the letter before them.
            Some(&(_, next)) => is_unspaced(character) && next.is_alphanumeric(),
        };
        if ends_here && !character.is_whitespace() {
            ends.push(after);
        }
    }
    ends
}

/// Letters of scripts that put no white space between words.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3040}'..='\u{30FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
        && c.is_alphanumeric()
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c,
            '¡' | '¿' | '«' | '»' | '،' | '؛' | '؟' | '۔' | '।' | '॥' | '…' | '\u{2010}'..='\u{2027}'
            | '\u{2030}'..='\u{205E}' | '\u{3001}'..='\u{301F}' | '！' | '，' | '：' | '；' | '？' | '．')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_in_scripts_with_and_without_spaces() {
        for (text, words) in
            [("", 0), ("...", 0), ("wait a moment", 3), ("ठीक है", 2), ("等一下", 2), ("hold on, 等等", 3)]
        {
            assert_eq!(count_words(text), words, "{text:?}");
        }
    }

    #[test]
    fn case_and_punctuation_do_not_matter_and_marks_do() {
        assert_eq!(plain_words("Mm-hm, OK."), ["mmhm", "ok"]);
        assert_eq!(plain_words("हाँ।"), ["हाँ"]);
    }

    #[test]
    fn b_116_parts_join_with_single_spaces() {
        let mut text = String::new();
        for part in ["Hello", "world.", " How", " are", "you?"] {
            join(&mut text, part);
        }
        assert_eq!(text, "Hello world. How are you?");
    }

    #[test]
    fn words_end_where_a_listener_would_say() {
        let cut =
            |text: &str| word_ends(text).into_iter().map(|end| text[..end].to_owned()).collect::<Vec<_>>();
        assert_eq!(cut("One, two."), ["One,", "One, two."]);
        assert_eq!(cut("你好。"), ["你", "你好。"]);
        assert_eq!(cut("हाँ जी"), ["हाँ", "हाँ जी"]);
    }
}
