//! The splitter held to a table written by hand, and to its promises by chance. R-58.

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::{Sentences, Splitting};

/// The sentences of a text, divided by `|`.
const CASES: &[&str] = &[
    // Plain.
    "Hello there. |How are you? |Fine!",
    "One sentence without an end",
    "Wait!! |What?! |No...",
    "Really?! |Yes. |",
    // Abbreviations and titles.
    "Dr. Rao is in. |Mrs. Dalloway is not.",
    "See e.g. Paris, i.e. the city. |It is big.",
    "We met Mr. Smith vs. Mr. Jones. |They won.",
    "Acme Inc. Chairman Lee spoke. |Acme Inc. |The end.",
    "Bring pens, paper, etc. |Then come. |Pens etc. and paper.",
    "Der Kurs, z.B. Mathematik, bzw. Physik. |Er ist gut.",
    "La Sra. Gómez y el Sr. Ruiz. |Hola.",
    "Mme. Curie et M. Dupont sont là. |Bonjour.",
    "Проф. Иванов и г-н Петров. |Они здесь.",
    "No. 5 is alive. |I said no. |Then I left. |Vol. 3 and Fig. 7 and p. 12 are lost.",
    "Come on Jan. 5 or Sept. 12. |Bye.",
    "Rs. 500 and approx. 3 kg. |OK.",
    "डॉ. राव आए हैं. |आप कैसे हैं? |श्री. शर्मा यहाँ हैं।",
    "திரு. குமரன் வந்தார். |நன்றி.",
    "ดร. สมชาย มาแล้ว",
    "د. أحمد هنا. |مرحبا.",
    // Initials.
    "J. R. R. Tolkien wrote it. |John F. Kennedy read it.",
    "Take vitamin C. |It helps. |Then there is plan B. |We like it.",
    "மு. கருணாநிதி பேசினார். |சரி.",
    "एम. के. गांधी आए। |वे गए।",
    "The U.S. Army came. |It left the U.S. |The end.",
    "At 5 p.m. Eastern we close. |We open at 9 a.m. |Would you like to come?",
    "She has a Ph.D. from Delhi. |He is P. G. Wodehouse.",
    "Elizabeth II. |The queen.",
    // Numbers, dates, times.
    "It costs $3.50 today. |That is 1,000.25 too much.",
    "Pi is 3.14159. |Next question: what is 2.5 times 2?",
    "It ended in 2020. |30 years later it began.",
    "The answer is 42. |Next.",
    "Call at 10:30. |Or at 22.15 Uhr. |Danke.",
    "On 12.05.2024 it rained. |Heute ist der 3. Oktober. |Gut.",
    "Am 21. Mai kommt er. |Im 2. Stock.",
    "1. First thing. |2. Second thing.",
    "1. First\n|2. Second\n|a) Third\n|IV. Fourth",
    "१. पहला। |२. दूसरा।",
    "Version 1.2. |We shipped it.",
    "3。5は数字です。|はい。",
    // Addresses and names of files.
    "Visit https://a.example.com/x.html?q=1. |Then call.",
    "Go to www.example.com/a!b?c=d now. |Or not.",
    "Write to jo.smith@mail.example.org. |She answers.",
    "Open main.rs, Cargo.toml and a.b.c.txt. |Save.",
    "Use Node.js and ASP.NET. |Both work.",
    // Ellipses.
    "Well... maybe. |Well… |No. |So ... yes.",
    "अच्छा… |मैं आता हूँ।",
    "嗯……我觉得可以。|好。",
    // Quotes and brackets.
    "He said \"go.\" |Then he left.",
    "\"Stop!\" he said. |\"Why?\" |\"Because.\"",
    "“Yes.” |‘No.’ |She left.",
    "(See Dr. Rao. Or me.) |Next.",
    "It is (was it? yes!) over. |Good.",
    "[One. Two.] |Three.",
    "« Vraiment ? » |« Oui ! » dit-il. |Bon.",
    "„Hallo.“ |Dann ging er. |»Nein.« |Gut.",
    "¿Qué tal? |¡Muy bien! |¿Y tú?",
    "「こんにちは。元気？」と言った。|はい。",
    "“你好。”|他说。",
    "I am sad :( you see. |Are you?",
    // Emoji.
    "Great! 😀 |How are you? 👍🏽|Fine.",
    "👨‍👩‍👧 Family. ❤️ |Love.",
    // Lines.
    "Title\n\n|Text here\n|- one\n|- two",
    "A line\r\n|Another",
    // Scripts.
    "नमस्ते। |आप कैसे हैं? |ठीक है॥ |हाँ।",
    "यह अच्छा है| |आप आइए| |",
    "আমি ভালো আছি। |আপনি?",
    "வணக்கம். |எப்படி இருக்கிறீர்கள்? |நலம்!",
    "ನಮಸ್ಕಾರ. |ಹೇಗಿದ್ದೀರಿ?",
    "مرحبا. |كيف حالك؟ |بخير!",
    "یہ اچھا ہے۔ |آپ؟",
    "你好。|你好吗？|我很好！|谢谢",
    "你好!|你好吗?|好.|走",
    "今日は。|元気ですか？|はい！",
    "안녕하세요. |네. |반갑습니다! |갈까요?",
    "สวัสดีครับ |ยินดีต้อนรับค่ะ |วันนี้เป็นอย่างไร",
    "ជំរាបសួរ។ |អ្នកសុខសប្បាយទេ?",
    "မင်္ဂလာပါ။ |နေကောင်းလား။",
    "ሰላም። |እንዴት ነህ፧ |ደህና",
    "Բարեւ։ |Ինչպես ես: |Լավ",
    "Καλημέρα. |Τι κάνεις; |Καλά.",
    "שלום. |מה שלומך? |טוב.",
    "བཀྲ་ཤིས། |བདེ་ལེགས།",
    "Привет. |Как дела? |Хорошо!",
    "გამარჯობა. |როგორ ხარ?",
];

/// The case as it is written: bars that belong to the text stand before a space and a bar.
fn case(written: &str) -> (String, Vec<String>) {
    // The danda from a Latin keyboard is a bar too; it touches its word.
    let mut parts = vec![String::new()];
    let mut previous = ' ';
    for c in written.chars() {
        let touches = ('\u{0900}'..='\u{097F}').contains(&previous);
        if c == '|' && !touches {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
        previous = c;
    }
    parts.retain(|part| !part.is_empty());
    (parts.concat(), parts)
}

fn split_with(splitting: Splitting, chunks: &[&str]) -> Vec<String> {
    let mut splitter = Sentences::new(splitting);
    let mut sentences: Vec<String> = chunks.iter().flat_map(|chunk| splitter.push(chunk)).collect();
    sentences.extend(splitter.finish());
    sentences
}

fn split(text: &str) -> Vec<String> {
    split_with(Splitting::default(), &[text])
}

fn early(characters: usize) -> Splitting {
    Splitting { first_clause: NonZeroUsize::new(characters), ..Splitting::default() }
}

fn longest(characters: usize) -> Splitting {
    Splitting { longest: NonZeroUsize::new(characters).unwrap(), ..Splitting::default() }
}

#[test]
fn r_58_sentences_end_where_a_reader_says() {
    let wrong: Vec<_> = CASES
        .iter()
        .map(|written| case(written))
        .map(|(text, expected)| (split(&text), expected))
        .filter(|(got, expected)| got != expected)
        .map(|(got, expected)| format!("\n  expected {expected:?}\n       got {got:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:{}", wrong.len(), CASES.len(), wrong.concat());
    assert!(CASES.len() >= 60);
}

#[test]
fn r_58_every_case_is_cut_the_same_at_every_byte() {
    for written in CASES {
        let (text, expected) = case(written);
        for at in 0..=text.len() {
            // Within a character there is no text to be had: the decoder before holds it back.
            let at = (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap();
            let (before, after) = text.split_at(at);
            assert_eq!(split_with(Splitting::default(), &[before, after]), expected, "cut at {at}");
        }
    }
}

#[test]
fn a_sentence_leaves_with_the_first_character_of_the_next() {
    let mut splitter = Sentences::default();
    assert!(splitter.push("It is 3.").is_empty());
    assert!(splitter.push("5 now. ").is_empty());
    assert_eq!(splitter.push("S"), ["It is 3.5 now. "]);
    assert_eq!(splitter.finish().as_deref(), Some("S"));
    assert_eq!(splitter.finish(), None);
}

#[test]
fn a_blank_text_has_no_sentence() {
    assert!(split(" \n\n \u{3000}").is_empty());
    assert!(split("").is_empty());
}

#[test]
fn what_was_forgotten_does_not_come_back() {
    let mut splitter = Sentences::new(early(3));
    assert_eq!(splitter.push("Well, this"), ["Well, "]);
    splitter.reset();
    assert_eq!(splitter.push("Now, that"), ["Now, "], "the next text has a first clause of its own");
    assert_eq!(splitter.finish().as_deref(), Some("that"));
}

#[test]
fn the_first_clause_leaves_early_when_it_is_long_enough() {
    let cut = |text: &str, least| split_with(early(least), &[text]).remove(0);
    assert_eq!(cut("Sure, I can help you with that, if you like.", 10), "Sure, I can help you with that, ");
    assert_eq!(cut("Sure, I can help.", 5), "Sure, ");
    assert_eq!(cut("It costs 1,000,000 dollars — a lot.", 5), "It costs 1,000,000 dollars — ");
    assert_eq!(cut("Well—that is it.", 4), "Well—");
    assert_eq!(cut("A well-known thing - known to all.", 5), "A well-known thing - ");
    assert_eq!(cut("好的，我来帮您。", 3), "好的，");
    assert_eq!(cut("हाँ जी, मैं देखता हूँ।", 5), "हाँ जी, ");
    assert_eq!(cut("نعم، أستطيع.", 3), "نعم، ");
    assert_eq!(cut("ได้ค่ะ ดิฉันจะดูให้", 3), "ได้ค่ะ ");
    assert_eq!(cut("At 10:30 (or so, maybe) we go, all.", 5), "At 10:30 (or so, maybe) we go, ");
    assert_eq!(cut("\"Well,\" she said.", 4), "\"Well,\" ");
    assert_eq!(cut("Yes. Then, well, no.", 4), "Yes. ", "a sentence ends before a clause does");
}

#[test]
fn only_the_first_clause_of_a_text_leaves_early() {
    let text = "One, two, three. Four, five, six.";
    assert_eq!(split_with(early(2), &[text]), ["One, ", "two, three. ", "Four, five, six."]);
    assert_eq!(split(text), ["One, two, three. ", "Four, five, six."]);
}

#[test]
fn a_sentence_that_is_too_long_is_cut_at_a_comma_or_a_space_or_between_letters() {
    let cut = |text: &str| split_with(longest(20), &[text]);
    assert_eq!(cut("one two three, four five six seven"), ["one two three, ", "four five six seven"]);
    assert_eq!(cut("one, two three four five six"), ["one, two three four ", "five six"]);
    assert_eq!(cut(&"x".repeat(45)), ["x".repeat(20), "x".repeat(20), "x".repeat(5)]);
    let devanagari = "कि".repeat(30);
    assert!(cut(&devanagari).iter().all(|piece| piece.starts_with('क')), "{:?}", cut(&devanagari));
}

#[test]
fn thai_is_cut_into_phrases_at_its_spaces() {
    let phrase = "วันนี้อากาศดีมากเราไปเที่ยวทะเลกันไหมเพื่อน";
    let text = format!("{phrase} {phrase} 50 บาท");
    assert_eq!(split(&text), [format!("{phrase} "), format!("{phrase} 50 บาท")]);
}

#[test]
fn brackets_that_never_close_hold_nothing_for_long() {
    let text = format!("(Oh. {}End. Next.", "word ".repeat(30));
    assert_eq!(split(&text).len(), 2);
}

#[test]
fn a_hundred_kilobytes_without_an_end_are_read_once() {
    // Were the text read again at each push, this would take minutes.
    let mut splitter = Sentences::default();
    let mut length = 0;
    for _ in 0..400_000 {
        length += splitter.push("xy").concat().len();
        assert!(splitter.text.len() <= 1024);
    }
    length += splitter.finish().map_or(0, |rest| rest.len());
    assert_eq!(length, 800_000);
}

#[test]
fn its_text_is_not_in_its_debug_output() {
    let mut splitter = Sentences::default();
    splitter.push("my secret");
    assert!(!format!("{splitter:?}").contains("secret"));
}

/// Pieces of text that make trouble next to one another.
fn fragment() -> impl Strategy<Value = String> {
    let written = prop::sample::select(CASES.to_vec()).prop_map(|written| case(written).0);
    let sign = prop::sample::select(vec![
        ".",
        "!",
        "?",
        "…",
        "...",
        ",",
        ";",
        ":",
        "—",
        "-",
        "(",
        ")",
        "\"",
        "'",
        "«",
        "»",
        "「",
        "」",
        "“",
        "”",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\u{a0}",
        "\u{3000}",
        "।",
        "。",
        "؟",
        "，",
        "|",
        "1",
        "12",
        "٣",
        "a",
        "I",
        "Dr",
        "U.S",
        "No",
        "The",
        "है",
        "好",
        "ครับ",
        "க",
        "ᄀ",
        "👍🏽",
        "\u{200d}",
        "\u{fe0f}",
        "\u{301}",
        "\u{0}",
        "\u{10ffff}",
        "ß",
        "İ",
    ]);
    prop_oneof![
        1 => written,
        6 => sign.prop_map(str::to_owned),
        1 => any::<String>(),
        1 => prop::char::any().prop_map(String::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..40).prop_map(|parts| parts.concat())
}

/// A text cut at byte offsets, each moved on to the next beginning of a character.
fn chunked(text: &str, cuts: &[prop::sample::Index]) -> Vec<String> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    for cut in &mut cuts {
        *cut = (*cut..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap();
    }
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| text[pair[0]..pair[1]].to_owned()).collect()
}

fn splitting() -> impl Strategy<Value = Splitting> {
    (1_usize..60, prop::option::of(1_usize..20)).prop_map(|(longest, first)| Splitting {
        longest: NonZeroUsize::new(longest).unwrap(),
        first_clause: first.and_then(NonZeroUsize::new),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn r_58_nothing_is_lost_and_no_sentence_is_blank(text in text(), splitting in splitting()) {
        let sentences = split_with(splitting, &[&text]);
        prop_assert!(sentences.iter().all(|sentence| !sentence.trim().is_empty()));
        if text.trim().is_empty() {
            prop_assert!(sentences.is_empty());
        } else {
            prop_assert_eq!(sentences.concat(), text);
        }
    }

    #[test]
    fn r_58_any_chunks_give_the_same_sentences(
        text in text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        splitting in splitting(),
    ) {
        let chunks = chunked(&text, &cuts);
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        prop_assert_eq!(split_with(splitting, &chunks), split_with(splitting, &[&text]));
        let mut single = Sentences::new(splitting);
        let mut sentences: Vec<String> =
            text.chars().flat_map(|c| single.push(c.encode_utf8(&mut [0; 4]))).collect();
        sentences.extend(single.finish());
        prop_assert_eq!(sentences, split_with(splitting, &[&text]));
    }

    #[test]
    fn no_sentence_is_much_longer_than_the_longest(text in text(), splitting in splitting()) {
        for sentence in split_with(splitting, &[&text]) {
            let mut blank = true;
            // Runs of white space count as one character, as in the promise.
            let runs = sentence.trim().chars().filter(|c| {
                let counts = !(c.is_whitespace() && blank);
                blank = c.is_whitespace();
                counts
            });
            let most = splitting.longest.get() + super::SLACK + super::NEXT_WORD;
            prop_assert!(runs.count() <= most + 1, "{:?}", sentence);
        }
    }
}
