//! What kind of character a character is, as far as sentences and filters ask.
//!
//! Ranges are written by hand from the Unicode code charts (version 16), not taken from a table: what is not
//! named here is part of a word. ASCII is decided first, because most text is.

/// The part a character plays in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Letters, digits, marks and whatever has no other class.
    Word,
    Space,
    /// A line break.
    Line,
    /// The full stop, which ends sentences, abbreviations and numbers.
    Stop,
    /// Question and exclamation marks that are followed by a space.
    Mark,
    /// An ellipsis in one character.
    Dots,
    /// Ends a sentence whatever follows.
    End,
    /// A comma or the like that is followed by a space.
    Clause,
    /// A comma or the like that needs no space.
    WideClause,
    Dash,
    Open,
    Close,
    /// A quote that opens or closes.
    Quote,
    Emoji,
}

/// The class of a character.
pub(super) fn class(c: char) -> Class {
    if c.is_ascii() { ascii(c) } else { wide(c) }
}

fn ascii(c: char) -> Class {
    match c {
        ' ' | '\t' | '\x0b' | '\x0c' => Class::Space,
        '\n' | '\r' => Class::Line,
        '.' => Class::Stop,
        '!' | '?' => Class::Mark,
        ',' | ';' | ':' => Class::Clause,
        '-' => Class::Dash,
        '(' | '[' | '{' => Class::Open,
        ')' | ']' | '}' => Class::Close,
        '"' | '\'' => Class::Quote,
        _ => Class::Word,
    }
}

fn wide(c: char) -> Class {
    match c {
        // The blocks most words are written in, out of the way early.
        '\u{00C0}'..='\u{036F}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' => Class::Word,
        '\u{0904}'..='\u{0963}' | '\u{0E01}'..='\u{0E59}' | '\u{3041}'..='\u{30FA}' => Class::Word,
        '\u{0085}' | '\u{2028}' | '\u{2029}' => Class::Line,
        '…' | '‥' => Class::Dots,
        '‼' | '‽' | '⁇' | '⁈' | '⁉' | '\u{037E}' => Class::Mark,
        _ if ends_sentence(c) => Class::End,
        '\u{060C}' | '\u{061B}' | '\u{055D}' | '\u{00B7}' | '\u{0387}' => Class::Clause,
        '，' | '、' | '；' | '：' | '､' | '\u{FE50}' | '\u{FE51}' => Class::WideClause,
        '\u{1363}'..='\u{1366}' | '\u{104A}' | '\u{1802}' => Class::WideClause,
        '–' | '—' | '―' | '⸺' => Class::Dash,
        '“' | '‘' | '„' | '‚' | '«' | '‹' | '¿' | '¡' => Class::Open,
        '「' | '『' | '（' | '【' | '《' | '〈' | '［' | '｛' | '〔' => Class::Open,
        '”' | '’' | '»' | '›' => Class::Close,
        '」' | '』' | '）' | '】' | '》' | '〉' | '］' | '｝' | '〕' => Class::Close,
        _ if c.is_whitespace() => Class::Space,
        _ if is_emoji(c) || is_emoji_part(c) => Class::Emoji,
        _ => Class::Word,
    }
}

/// Terminators that have no second use: Armenian, Hebrew, Arabic, Urdu, Syriac, N'Ko, Indic dandas, Sinhala,
/// Thai, Tibetan, Myanmar, Ethiopic, Canadian, Khmer, Mongolian, Limbu, Balinese, Ol Chiki, CJK, Vai, Bamum,
/// Kayah Li, Javanese, Cham, Meetei.
fn ends_sentence(c: char) -> bool {
    matches!(c,
        '\u{0589}' | '\u{05C3}' | '\u{061E}' | '\u{061F}' | '\u{06D4}' | '\u{0700}'..='\u{0702}'
        | '\u{07F9}' | '\u{0964}' | '\u{0965}' | '\u{0DF4}' | '\u{0E5A}' | '\u{0E5B}' | '\u{0F0D}'
        | '\u{0F0E}' | '\u{104B}' | '\u{1362}' | '\u{1367}' | '\u{1368}' | '\u{166E}' | '\u{17D4}'
        | '\u{17D5}' | '\u{1803}' | '\u{1809}' | '\u{1944}' | '\u{1945}' | '\u{1B5A}' | '\u{1B5B}'
        | '\u{1B5E}' | '\u{1B5F}' | '\u{1C7E}' | '\u{1C7F}' | '。' | '｡' | '！' | '？' | '．' | '\u{A60E}'
        | '\u{A60F}' | '\u{A6F3}' | '\u{A6F7}' | '\u{A92F}' | '\u{A9C8}' | '\u{A9C9}'
        | '\u{AA5D}'..='\u{AA5F}' | '\u{ABEB}')
}

/// Brackets that hold sentences together while they are open.
pub(super) fn is_bracket(c: char) -> bool {
    !matches!(c, '“' | '‘' | '„' | '‚' | '«' | '‹' | '¿' | '¡' | '”' | '’' | '»' | '›')
}

/// Letters of scripts that put no space between words.
pub(super) fn is_unspaced(c: char) -> bool {
    is_cjk(c) || matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}

/// Letters of Chinese and Japanese.
pub(super) fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FF9F}' | '\u{20000}'..='\u{3FFFF}')
}

/// Letters of Thai and Lao, which put spaces between phrases and end sentences with nothing else. Neither
/// digits nor the signs for repetition and abbreviation, which bring a space of their own.
pub(super) fn is_phrase_spaced(c: char) -> bool {
    matches!(c, '\u{0E01}'..='\u{0E4E}' | '\u{0E81}'..='\u{0ECE}') && !matches!(c, 'ๆ' | 'ฯ' | 'ໆ' | 'ຯ')
}

/// Scripts that write a vertical bar where they have no danda on the keyboard.
pub(super) fn is_indic(c: char) -> bool {
    matches!(c, '\u{0900}'..='\u{0DFF}')
}

/// Characters that are drawn with the one before them: marks, variation selectors, skin tones.
pub(super) fn joins_previous(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}' | '\u{064B}'..='\u{065F}'
        | '\u{0670}' | '\u{0900}'..='\u{0903}' | '\u{093A}'..='\u{094F}' | '\u{0962}' | '\u{0963}'
        | '\u{0E31}' | '\u{0E33}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}' | '\u{0EB1}' | '\u{0EB3}'..='\u{0EBC}'
        | '\u{0EC8}'..='\u{0ECE}' | '\u{102B}'..='\u{103E}' | '\u{135D}'..='\u{135F}'
        | '\u{17B4}'..='\u{17D3}' | '\u{200C}' | '\u{200D}' | '\u{20D0}'..='\u{20F0}' | '\u{3099}' | '\u{309A}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}')
        || is_indic_mark(c)
}

/// The signs of the Indic blocks, which all have the layout of Devanagari's.
fn is_indic_mark(c: char) -> bool {
    let (block, place) = (u32::from(c) & !0x7F, u32::from(c) & 0x7F);
    (0x0980..0x0E00).contains(&block) && matches!(place, 0x00..=0x03 | 0x3C | 0x3E..=0x4D | 0x57)
        || matches!(c, '\u{0DCA}'..='\u{0DDF}')
}

/// Characters the next one is drawn with: joiners and the sign that makes conjuncts.
pub(super) fn joins_next(c: char) -> bool {
    let virama = u32::from(c) & 0x7F == 0x4D && is_indic(c);
    virama || matches!(c, '\u{200D}' | '\u{1039}' | '\u{17D2}' | '\u{0DCA}')
}

/// Pictures. Digits, `#`, `*`, `©`, `®` and `™` are not.
pub(super) fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{231A}' | '\u{231B}' | '\u{2328}' | '\u{23CF}' | '\u{23E9}'..='\u{23FA}'
        | '\u{25AA}' | '\u{25AB}' | '\u{25B6}' | '\u{25C0}' | '\u{25FB}'..='\u{25FE}' | '\u{2600}'..='\u{27BF}'
        | '\u{2934}' | '\u{2935}' | '\u{2B05}'..='\u{2B07}' | '\u{2B1B}' | '\u{2B1C}' | '\u{2B50}' | '\u{2B55}'
        | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

/// What only ever follows a picture, or makes one of a digit: selectors, key caps, tags of flags.
pub(super) fn is_emoji_part(c: char) -> bool {
    matches!(c, '\u{FE0E}' | '\u{FE0F}' | '\u{20E3}' | '\u{E0020}'..='\u{E007F}')
}
