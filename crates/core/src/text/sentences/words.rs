//! What the word before a full stop says about it.
//!
//! A full stop between a word and a space ends a sentence, unless the word is a title, an abbreviation, an
//! initial, an ordinal or the number of a list. Where the word can be either ("U.S.", "p.m.", "vitamin C.")
//! the next word decides: one of [`STARTERS`] begins a sentence, any other does not, because two sentences
//! spoken as one sound right and a name spoken as two does not. All lists are sorted, for the search.

/// What the word before a full stop says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Split,
    Join,
    /// The next word decides.
    Ask,
}

/// Characters of a word that are looked at; longer ones are no abbreviations.
const LONGEST_WORD: usize = 24;

/// Something must follow these.
const LEADING: &[&str] = &[
    "abg",
    "adm",
    "arq",
    "atty",
    "av",
    "avv",
    "bijv",
    "bl.a",
    "brig",
    "bspw",
    "bzw",
    "c.-à-d",
    "ca",
    "capt",
    "cf",
    "cmdr",
    "col",
    "cpl",
    "d.h",
    "d.w.z",
    "dhr",
    "dipl",
    "dott",
    "doç",
    "dr",
    "dra",
    "drs",
    "e.g",
    "evtl",
    "ex",
    "exmo",
    "fr",
    "frl",
    "gen",
    "ggf",
    "gov",
    "hon",
    "hr",
    "i.e",
    "i.p.v",
    "ing",
    "inkl",
    "insp",
    "inż",
    "lic",
    "lt",
    "m.in",
    "mag",
    "maj",
    "messrs",
    "mevr",
    "mgr",
    "mlle",
    "mm",
    "mme",
    "mr",
    "mrs",
    "ms",
    "msgr",
    "mt",
    "mw",
    "mx",
    "np",
    "ostr",
    "p.ej",
    "pres",
    "prof",
    "profa",
    "rep",
    "rev",
    "sen",
    "sgt",
    "sig",
    "sn",
    "sog",
    "sr",
    "sra",
    "sres",
    "srta",
    "st",
    "supt",
    "t.ex",
    "tj",
    "tzn",
    "u.a",
    "ud",
    "uds",
    "ul",
    "vd",
    "vgl",
    "viz",
    "vs",
    "z.b",
    "z.t",
    "г-жа",
    "г-н",
    "им",
    "напр",
    "проф",
    "см",
    "т.е",
    "т.к",
    "ул",
    "أ",
    "د",
    "م",
    "डॉ",
    "प्रो",
    "श्री",
    "श्रीमती",
    "ড",
    "ডা",
    "মো",
    "டாக்டர்",
    "திரு",
    "திருமதி",
    "ดร",
    "นพ",
    "พญ",
];

/// A number must follow these; else they are words like any other.
const NUMBERED: &[&str] = &[
    "abb", "abs", "approx", "apr", "apt", "art", "aug", "bd", "cap", "ch", "chap", "dec", "dez", "eq", "est",
    "ext", "feb", "fig", "figs", "fri", "inr", "jan", "jul", "jun", "kap", "mar", "mon", "no", "nos", "nov",
    "nr", "num", "núm", "oct", "okt", "op", "par", "pg", "pp", "rm", "rs", "sat", "sec", "sect", "sep",
    "sept", "ste", "sun", "tab", "tel", "thu", "thur", "thurs", "tue", "tues", "ver", "vol", "wed", "кв",
    "корп", "стр", "रु", "सं", "রু", "ரூ",
];

/// These stand within sentences and at their ends.
const EITHER: &[&str] = &[
    "a.m", "al", "assn", "ave", "bhd", "blvd", "bros", "co", "corp", "dept", "ecc", "ed", "eds", "esq",
    "etc", "ft", "gmbh", "hrs", "inc", "itd", "itp", "jr", "lb", "lbs", "llc", "ltd", "min", "oz", "p.m",
    "ph.d", "plc", "pte", "pty", "pvt", "rd", "univ", "usw", "yrs", "г", "др", "руб", "т.д", "т.п", "тыс",
];

/// Words that begin sentences far more often than they begin a name.
const STARTERS: &[&str] = &[
    "A", "After", "All", "Also", "An", "And", "Any", "Anything", "Are", "As", "At", "Before", "But", "By",
    "Can", "Could", "Das", "Der", "Did", "Die", "Do", "Does", "Don't", "El", "Er", "Es", "For", "From",
    "Hat", "Have", "He", "Her", "Here", "His", "How", "However", "I", "I'll", "I'm", "I've", "Ich", "If",
    "Il", "In", "Is", "It", "It's", "Its", "Je", "Just", "La", "Le", "Les", "Let", "Let's", "May", "My",
    "Next", "No", "Not", "Nous", "Now", "OK", "Okay", "On", "Once", "One", "Or", "Our", "Please", "She",
    "Should", "Sie", "So", "Some", "Sorry", "Sure", "Thank", "Thanks", "That", "That's", "The", "Their",
    "Then", "There", "These", "They", "This", "Those", "To", "Und", "Was", "We", "We'll", "We're", "Well",
    "Were", "What", "When", "Where", "Which", "While", "Who", "Why", "Will", "Wir", "With", "Would", "Yes",
    "You", "You'll", "You're", "Your",
];

/// Words before an ordinal number, where ordinals are written with a full stop.
const BEFORE_ORDINALS: &[&str] = &[
    "ab", "am", "auf", "beim", "bis", "das", "dem", "den", "der", "des", "die", "do", "dziś", "im", "in",
    "ihr", "ihre", "ihren", "mein", "meine", "meinem", "meinen", "nach", "od", "sein", "seine", "seit",
    "seinem", "unser", "unsere", "unserem", "vom", "zum", "zur",
];

/// Letters of the Latin alphabet as Hindi spells them in initials. Those that are words too are left out.
const SPELT_LETTERS: &[&str] =
    &["आर", "एच", "एन", "एफ", "एम", "एल", "एस", "ए", "ओ", "के", "जे", "टी", "डी", "पी", "बी", "यू", "वी", "सी"];

/// What `before`, the text up to a full stop, says about it, where `next` follows after a space.
pub(super) fn after(before: &str, next: char) -> After {
    let start = word_start(before);
    let word = before[start..].trim_start_matches(|c: char| !c.is_alphanumeric());
    let mut chars = word.chars();
    let Some(first) = chars.next() else { return After::Split };
    let single = chars.next().is_none();
    if word.chars().all(char::is_numeric) {
        return number(before, start, word, next);
    }
    if single && is_initial(first) || is_roman(word) {
        return if is_first(before, start) { After::Join } else { After::Ask };
    }
    if is_southern(first) && word.chars().filter(|&c| !is_southern_mark(c)).count() == 1 {
        return After::Join;
    }
    if word.chars().count() > LONGEST_WORD / 2 {
        return After::Split;
    }
    let word = word.to_lowercase();
    let word = word.as_str();
    if has(LEADING, word) || SPELT_LETTERS.contains(&word) {
        After::Join
    } else if has(NUMBERED, word) {
        if next.is_numeric() { After::Join } else { After::Split }
    } else if has(EITHER, word) || is_dotted(word) {
        After::Ask
    } else {
        After::Split
    }
}

/// Whether a word begins sentences.
pub(super) fn is_starter(word: &str) -> bool {
    let word = word.strip_suffix(['\'', '’']).unwrap_or(word);
    has(STARTERS, word) || word.contains('’') && has(STARTERS, &word.replace('’', "'"))
}

/// Whether a text is only the number or letter of a list's item.
pub(super) fn is_list_mark(text: &str) -> bool {
    let text = text.trim();
    let Some(mark) = text.strip_suffix(['.', ')']) else { return false };
    let mut chars = mark.chars();
    let letter = chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none();
    letter || !mark.is_empty() && mark.len() <= 12 && mark.chars().all(char::is_numeric)
}

fn number(before: &str, start: usize, word: &str, next: char) -> After {
    if word.chars().count() > 3 {
        return After::Split;
    }
    if is_first(before, start) || next.is_numeric() {
        return After::Join;
    }
    let rest = before[..start].trim_end();
    let previous = rest[word_start(rest)..].to_lowercase();
    if BEFORE_ORDINALS.contains(&previous.as_str()) { After::Ask } else { After::Split }
}

/// Where the last word begins.
fn word_start(text: &str) -> usize {
    let mut start = text.len();
    for (at, c) in text.char_indices().rev().take(LONGEST_WORD) {
        if c.is_whitespace() {
            break;
        }
        start = at;
    }
    start
}

/// Whether nothing was said before the word that begins at `start`.
fn is_first(before: &str, start: usize) -> bool {
    !before[..start].contains(char::is_alphanumeric)
}

/// Single letters are initials where letters have two cases, and in Arabic and Hebrew. Elsewhere they are words.
fn is_initial(c: char) -> bool {
    c.is_uppercase() || c.is_lowercase() || matches!(c, '\u{05D0}'..='\u{05EA}' | '\u{0620}'..='\u{064A}')
}

/// The small Roman numbers that stand before items and after kings.
fn is_roman(word: &str) -> bool {
    word.len() <= 4 && word.bytes().all(|b| matches!(b, b'I' | b'V' | b'X'))
        || matches!(word, "ii" | "iii" | "iv")
}

/// Single letters between full stops, as in "U.S" and "พ.ศ".
fn is_dotted(word: &str) -> bool {
    let is_letter = |part: &str| {
        let most = if part.is_ascii() { 1 } else { 2 };
        (1..=most).contains(&part.chars().count()) && part.chars().all(char::is_alphabetic)
    };
    word.contains('.') && word.split('.').all(is_letter)
}

/// Scripts whose sentences do not end in words of one letter: Tamil, Telugu, Kannada, Malayalam.
fn is_southern(c: char) -> bool {
    matches!(c, '\u{0B80}'..='\u{0D7F}')
}

fn is_southern_mark(c: char) -> bool {
    super::super::chars::joins_previous(c)
}

fn has(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_that_is_searched_is_sorted() {
        for list in [LEADING, NUMBERED, EITHER, STARTERS] {
            for pair in list.windows(2) {
                assert!(pair[0] < pair[1], "{pair:?}");
            }
        }
    }

    #[test]
    fn a_list_mark_is_a_number_or_one_letter() {
        assert!(["1.", " 12)", "a)", "B.", "१."].into_iter().all(is_list_mark));
        assert!(!["ab.", "", ".", "1", "one.", "3.5"].into_iter().any(is_list_mark));
    }
}
