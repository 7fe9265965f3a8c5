//! Words as a final shows them: entities hidden, punctuation and case as asked for.
//!
//! Redaction replaces neighbouring words of one entity by one token `[TYPE_n]`, numbered per connection;
//! within `words` tokens are in lower case, as the documents show. Entities are marked in the script;
//! a card number (13 to 19 digits) is also found by itself. As documented it works for `en` and `hi`,
//! and on the aggregators that contain them, and on finals only.

use std::collections::BTreeMap;

use super::word::TimedWord;

/// Types `redact_pci` hides; every other type belongs to `redact_pii`.
const PAYMENT: [&str; 6] = ["CREDITCARD", "CREDITCARDCVV", "ZIPCODE", "ACCOUNTNUMBER", "EXPIRY", "TIME"];

/// How words are to be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) redact_pii: bool,
    pub(super) redact_pci: bool,
    pub(super) punctuate: bool,
    pub(super) capitalize: bool,
}

/// A word as shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ShownWord {
    pub(super) text: String,
    pub(super) word: TimedWord,
    pub(super) token: bool,
}

/// Numbers tokens per type.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    counts: BTreeMap<String, u32>,
}

impl Redactor {
    /// Words as a final shows them, and the tokens in it.
    pub(super) fn show(&mut self, words: Vec<TimedWord>, style: Style) -> (Vec<ShownWord>, Vec<String>) {
        let entities = entities(&words, style);
        let mut shown: Vec<ShownWord> = Vec::new();
        let mut tokens = Vec::new();
        let mut previous: Option<String> = None;
        for (word, entity) in words.into_iter().zip(entities) {
            match (&entity, &previous, shown.last_mut()) {
                (Some(kind), Some(before), Some(last)) if kind == before => {
                    last.word.end_ms = word.end_ms;
                    last.text.push_str(trailing_punctuation(&word.text, style));
                }
                (Some(kind), ..) => {
                    let count = self.counts.entry(kind.clone()).or_default();
                    *count += 1;
                    let token = format!("[{kind}_{count}]");
                    let text = format!("{token}{}", trailing_punctuation(&word.text, style));
                    tokens.push(token);
                    shown.push(ShownWord { text, word, token: true });
                }
                (None, ..) => {
                    shown.push(ShownWord { text: formatted(&word.text, style), word, token: false });
                }
            }
            previous = entity;
        }
        (shown, tokens)
    }
}

/// A word of an interim: formatted, never redacted.
pub(super) fn formatted(text: &str, style: Style) -> String {
    let kept = if style.punctuate { text } else { text.trim_end_matches(is_punctuation) };
    if style.capitalize { kept.to_owned() } else { kept.to_lowercase() }
}

/// Whether redaction works for that language.
pub(super) fn redacts(language: &str) -> bool {
    matches!(language, "en" | "hi" | "hi-dev") || language.starts_with("multi")
}

fn entities(words: &[TimedWord], style: Style) -> Vec<Option<String>> {
    let hidden = |kind: &str| if PAYMENT.contains(&kind) { style.redact_pci } else { style.redact_pii };
    let mut entities: Vec<Option<String>> =
        words.iter().map(|word| word.entity.clone().filter(|kind| hidden(kind))).collect();
    if style.redact_pci {
        mark_card_numbers(words, &mut entities);
    }
    entities
}

/// Marks runs of digit words that together have as many digits as a card number.
fn mark_card_numbers(words: &[TimedWord], entities: &mut [Option<String>]) {
    let mut start = 0;
    while start < words.len() {
        let run = words[start..].iter().map_while(|word| digits(&word.text)).collect::<Vec<_>>();
        if (13..=19).contains(&run.iter().sum::<usize>()) {
            for entity in &mut entities[start..start + run.len()] {
                entity.get_or_insert_with(|| "CREDITCARD".to_owned());
            }
        }
        start += run.len().max(1);
    }
}

/// How many digits a word that has nothing else has.
fn digits(word: &str) -> Option<usize> {
    let word = word.trim_end_matches(is_punctuation);
    let digits = word.chars().filter(char::is_ascii_digit).count();
    (digits > 0 && word.chars().all(|c| c.is_ascii_digit() || c == '-')).then_some(digits)
}

fn trailing_punctuation(text: &str, style: Style) -> &str {
    if style.punctuate { &text[text.trim_end_matches(is_punctuation).len()..] } else { "" }
}

fn is_punctuation(c: char) -> bool {
    matches!(c, '.' | ',' | '?' | '!' | ';' | ':' | '…' | '।' | '。' | '？' | '！' | '，')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Style = Style { redact_pii: true, redact_pci: true, punctuate: true, capitalize: true };

    fn word(text: &str, entity: Option<&str>) -> TimedWord {
        TimedWord {
            text: text.to_owned(),
            start_ms: 0,
            end_ms: 1,
            confidence: 1.0,
            speaker: 0,
            entity: entity.map(str::to_owned),
            language: None,
            scripted: true,
            glued: false,
        }
    }

    fn shown(words: Vec<TimedWord>, style: Style) -> (String, Vec<String>) {
        let (shown, tokens) = Redactor::default().show(words, style);
        (shown.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "), tokens)
    }

    #[test]
    fn marked_words_become_numbered_tokens() {
        let words = vec![
            word("I", None),
            word("am", None),
            word("Hans", Some("FIRSTNAME")),
            word("not", None),
            word("Franz.", Some("FIRSTNAME")),
        ];
        let (text, tokens) = shown(words, ALL);
        assert_eq!(text, "I am [FIRSTNAME_1] not [FIRSTNAME_2].");
        assert_eq!(tokens, ["[FIRSTNAME_1]", "[FIRSTNAME_2]"]);
    }

    #[test]
    fn a_card_number_is_one_token_wherever_it_is_cut() {
        let words =
            || ["card", "4242", "4242", "42424242", "exp", "12"].map(|text| word(text, None)).to_vec();
        assert_eq!(shown(words(), ALL).0, "card [CREDITCARD_1] exp 12");
        let pii_only = Style { redact_pci: false, ..ALL };
        assert_eq!(shown(words(), pii_only).0, "card 4242 4242 42424242 exp 12");
    }

    #[test]
    fn punctuation_and_case_go_but_tokens_stay() {
        let style = Style { punctuate: false, capitalize: false, ..ALL };
        let words = vec![word("Hello,", None), word("Hans!", Some("FIRSTNAME"))];
        assert_eq!(shown(words, style).0, "hello [FIRSTNAME_1]");
    }
}
