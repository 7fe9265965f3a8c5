//! Cutting a stream of text into sentences, for synthesizers that want them whole.
//!
//! A sentence ends at a terminator that is followed by white space and something that can begin a
//! sentence, so that "3.5", "e.g. this" and "Dr. Rao" stay whole. Terminators of scripts without that
//! ambiguity (danda, CJK and others) end it at once. A sentence that grows over [`LONGEST`] characters is
//! cut at white space. Nothing is lost: the sentences put together are the text, apart from white
//! space between them.

/// Characters after which a sentence is cut at the next white space.
const LONGEST: usize = 400;

/// Words whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 22] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "e.g", "i.e", "no", "fig", "vol",
    "approx", "dept", "inc", "ltd", "co", "u.s", "a.m",
];

/// Text that is not a whole sentence yet.
#[derive(Debug, Default)]
pub(super) struct Sentences {
    text: String,
}

impl Sentences {
    /// Adds text, and gives the sentences it completes.
    pub(super) fn push(&mut self, text: &str) -> Vec<String> {
        self.text.push_str(text);
        let mut sentences = Vec::new();
        while let Some(end) = boundary(&self.text) {
            let rest = self.text.split_off(end);
            let sentence = std::mem::replace(&mut self.text, rest);
            keep(sentence, &mut sentences);
        }
        sentences
    }

    /// The rest.
    pub(super) fn finish(&mut self) -> Option<String> {
        let mut rest = Vec::new();
        keep(std::mem::take(&mut self.text), &mut rest);
        rest.pop()
    }
}

fn keep(sentence: String, sentences: &mut Vec<String>) {
    let trimmed = sentence.trim();
    if !trimmed.is_empty() {
        sentences.push(trimmed.to_owned());
    }
}

/// Where the first sentence ends, as a byte index after it.
fn boundary(text: &str) -> Option<usize> {
    let mut characters = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((index, character)) = chars.next() {
        characters += 1;
        let after = index + character.len_utf8();
        if ends_at_once(character) {
            // Closing quotes and repeated marks belong to the sentence; wait for what follows.
            match chars.peek() {
                Some(&(_, next)) if ends_at_once(next) || closes(next) => continue,
                Some(_) => return Some(after),
                None => return None,
            }
        }
        if closes(character) && text[..index].chars().next_back().is_some_and(ends_at_once) {
            return chars.peek().map(|_| after);
        }
        if matches!(character, '.' | '!' | '?' | '…')
            && ends_before(&text[..index], character, &text[after..])
        {
            return Some(
                after + text[after..].chars().take_while(|&c| closes(c)).map(char::len_utf8).sum::<usize>(),
            );
        }
        if character == '\n' && chars.peek().is_some() && !text[..index].trim().is_empty() {
            return Some(after);
        }
        if characters > LONGEST && character.is_whitespace() {
            return Some(after);
        }
    }
    None
}

/// Whether a Latin terminator between `before` and `after` ends a sentence. Not while it is not known.
fn ends_before(before: &str, terminator: char, after: &str) -> bool {
    let rest = after.trim_start_matches(closes);
    if !rest.starts_with(char::is_whitespace) {
        return false;
    }
    let Some(next) = rest.trim_start().chars().next() else { return false };
    if terminator != '.' {
        return true;
    }
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let bare = word.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let initial = bare.chars().count() == 1 && bare.chars().all(char::is_alphabetic);
    let numbered = !bare.is_empty() && bare.len() <= 2 && bare.chars().all(|c| c.is_ascii_digit());
    !(next.is_lowercase() || initial || numbered || ABBREVIATIONS.contains(&bare.as_str()))
}

fn ends_at_once(character: char) -> bool {
    matches!(character, '।' | '॥' | '。' | '！' | '？' | '؟' | '۔' | '።' | '။' | '។' | '։')
}

fn closes(character: char) -> bool {
    matches!(character, '"' | '\'' | ')' | ']' | '»' | '”' | '’' | '」' | '』')
}

#[cfg(test)]
mod tests {
    use super::Sentences;

    fn split(text: &str) -> Vec<String> {
        let mut splitter = Sentences::default();
        let mut sentences = splitter.push(text);
        sentences.extend(splitter.finish());
        sentences
    }

    #[test]
    fn sentences_end_at_terminators_of_every_script() {
        assert_eq!(split("Hello there. How are you? Fine!"), ["Hello there.", "How are you?", "Fine!"]);
        assert_eq!(split("नमस्ते। आप कैसे हैं?"), ["नमस्ते।", "आप कैसे हैं?"]);
        assert_eq!(split("你好。你好吗？"), ["你好。", "你好吗？"]);
    }

    #[test]
    fn numbers_abbreviations_and_initials_do_not_end_a_sentence() {
        for whole in
            ["It costs 3.50 today.", "Dr. Rao is in.", "See e.g. this one.", "J. Smith came.", "1. First"]
        {
            assert_eq!(split(whole), [whole]);
        }
    }

    #[test]
    fn a_boundary_is_found_the_same_however_the_text_is_cut() {
        let text = "He said \"go.\" Then 你好。 left! नमस्ते। ok";
        let whole = split(text);
        for cut in text.char_indices().map(|(index, _)| index) {
            let mut splitter = Sentences::default();
            let mut sentences = splitter.push(&text[..cut]);
            sentences.extend(splitter.push(&text[cut..]));
            sentences.extend(splitter.finish());
            assert_eq!(sentences, whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_text_without_terminators_is_cut_at_white_space() {
        let text = "word ".repeat(300);
        let sentences = split(&text);
        assert!(sentences.len() > 2);
        assert_eq!(sentences.join(" "), text.trim());
    }
}
