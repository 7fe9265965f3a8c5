//! Each filter held to a table, and all of them to any cutting of their text.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::{
    CodeBlocks, Emoji, Filters, Markdown, PatternAction, PatternItem, PatternPairs, TextFilter, pattern_pairs,
};

fn filter(filter: &mut impl TextFilter, text: &str) -> String {
    filter.push(text) + &filter.finish()
}

fn markdown(text: &str) -> String {
    filter(&mut Markdown::new(), text)
}

#[track_caller]
fn check(filtered: impl Fn(&str) -> String, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(filtered(text), *expected, "of {text:?}");
    }
}

#[test]
fn emphasis_goes_and_signs_that_are_none_stay() {
    check(
        markdown,
        &[
            ("This is **bold**, *it*, ***both*** and __more__.", "This is bold, it, both and more."),
            ("_it_ and ~~gone~~ and **_x_**", "it and gone and x"),
            ("**bold.**Next *it.* Next", "bold.Next it. Next"),
            ("2 * 3 and 2*3*4 and 5* hotel", "2 * 3 and 2*3*4 and 5* hotel"),
            ("snake_case_name and __init__", "snake_case_name and init"),
            ("about ~5 a ~ b", "about ~5 a ~ b"),
            ("un**believ**able", "unbelievable"),
            ("नमस्ते **दुनिया** है", "नमस्ते दुनिया है"),
            ("这是**重点**。", "这是重点。"),
            ("a ***** b", "a  b"),
            ("\\*not it\\* and C:\\dir", "*not it* and C:\\dir"),
            ("Wow! Great!", "Wow! Great!"),
        ],
    );
}

#[test]
fn code_within_a_line_keeps_its_text_and_its_signs() {
    check(
        markdown,
        &[
            ("Use `a * b` and ``c`d``.", "Use a * b and c`d."),
            ("`**x**` is **x**", "**x** is x"),
            ("a stray ` tick\nand *it*", "a stray  tick\nand it"),
        ],
    );
}

#[test]
fn links_keep_their_text() {
    check(
        markdown,
        &[
            ("See [the page](https://x.example/a_(b)) now.", "See the page now."),
            ("[**bold** link](u) and ![a picture](p.png)!", "bold link and a picture!"),
            ("[![badge](b.svg)](https://x) done", "badge done"),
            ("[text][id] and note[^1].", "text and note."),
            ("array[0] = [1, 2] and [x] y", "array[0] = [1, 2] and [x] y"),
            ("open [never closed\nnext", "open [never closed\nnext"),
            ("[a [b](c)", "[a b"),
            ("[a](b", "a"),
            ("Wow![1]", "Wow![1]"),
            ("[text](cut\nnext line", "text\nnext line"),
        ],
    );
}

#[test]
fn marks_at_the_beginning_of_lines_go_and_numbers_stay() {
    check(
        markdown,
        &[
            ("# Title\n\n###### Small\ntext", "Title\n\nSmall\ntext"),
            ("#1 is #2\n#hashtag", "#1 is #2\n#hashtag"),
            ("- one\n* two\n+ three\n  - four", "one\ntwo\nthree\n  four"),
            ("- [ ] open\n- [x] done\n- [link](u)", "open\ndone\nlink"),
            ("1. one\n2) two", "1. one\n2) two"),
            ("> quote\n> > more\n> - item", "quote\nmore\nitem"),
            ("a\n---\nb\n***\nc\n_ _ _\nd", "a\nb\nc\nd"),
            ("Title\n=====\ntext", "Title\ntext"),
            ("-5 degrees\n--flag\n**bold** line\n*it* line", "-5 degrees\n--flag\nbold line\nit line"),
            ("- **bold** item\n- -5", "bold item\n-5"),
            ("---", ""),
            ("-", ""),
            ("###", ""),
        ],
    );
}

#[test]
fn tables_become_their_cells() {
    let table = "| Name | Age |\n|:-----|----:|\n| **Asha** | 31 |\n|  |  |\n| Ravi Rao | -5 |\nEnd";
    assert_eq!(markdown(table), "Name, Age\nAsha, 31\nRavi Rao, -5\nEnd");
}

#[test]
fn blocks_of_code_are_dropped_or_replaced() {
    let text = "Do this:\n```rust\nlet x = \"```\";\n- no\n```\nThen *that*.\n~~~\nx\n~~~\n";
    assert_eq!(markdown(text), "Do this:\n\nThen that.\n\n");
    let said = CodeBlocks::replaced_by("See the code.");
    let mut filtered = Markdown::new().with_code_blocks(said.clone());
    assert_eq!(filter(&mut filtered, text), "Do this:\nSee the code.\nThen that.\nSee the code.\n");
    let dropped = |text: &str| filter(&mut CodeBlocks::dropped(), text);
    check(
        dropped,
        &[
            ("a ```x``` b ``c`` d `e`", "a  b ``c`` d `e`"),
            ("```x```\nb", "\nb"),
            ("1. ```\ncode\n   ```\n2. b", "1. \n2. b"),
            ("````\n```\n````\nb", "\nb"),
            ("a ~~~ b", "a ~~~ b"),
            ("a\n```\nnever closed", "a\n"),
            ("ends with ``", "ends with ``"),
        ],
    );
}

#[test]
fn emoji_go_and_digits_and_signs_stay() {
    check(
        |text| filter(&mut Emoji::new(), text),
        &[
            ("Hello 😀 world", "Hello world"),
            ("Hello 😀! Bye 👍🏽.", "Hello! Bye."),
            ("😀 Hello 👨‍👩‍👧‍👦", "Hello "),
            ("🇮🇳 India 🏴󠁧󠁢󠁳󠁣󠁴󠁿 and 1️⃣ 2️⃣ #️⃣", "India and 1 2 #"),
            ("5 * 3 # 2 © ® ™", "5 * 3 # 2 © ® ™"),
            ("क्\u{200d}ष ശ്\u{200d} 😀\u{200d}x", "क्\u{200d}ष ശ്\u{200d} x"),
            ("a  b\tc \n d", "a  b\tc \n d"),
            ("Nice ❤️\nNext", "Nice\nNext"),
            ("😀😀", ""),
        ],
    );
}

#[test]
fn pairs_are_removed_kept_or_handed_over_in_order() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = seen.clone();
    let mut pairs = pairs().on_match(move |pair, text| log.lock().unwrap().push(format!("{pair} {text}")));
    let text = "<think>hm < 3</think>Hi <b>there</b>, <v>Asha</v>you <vv> a<v></v>";
    assert_eq!(filter(&mut pairs, text), "Hi there, you <vv> a");
    assert_eq!(*seen.lock().unwrap(), ["<v> Asha", "<v> "]);
    let items = self::pairs().push_items("a<v>b</v>c");
    let expected = [
        PatternItem::Text("a".into()),
        PatternItem::Match { pair: "<v>".into(), text: "b".into() },
        PatternItem::Text("c".into()),
    ];
    assert_eq!(items, expected);
}

#[test]
fn a_pair_that_is_not_closed_is_dropped_unless_it_is_kept() {
    check(
        |text| filter(&mut pairs(), text),
        &[
            ("a <think>b </thin", "a "),
            ("a <v>b", "a "),
            ("a <b>b </", "a b </"),
            ("a <thin", "a <thin"),
            ("</think> a", "</think> a"),
        ],
    );
}

#[test]
fn an_item_of_any_length_takes_bounded_memory() {
    let mut pairs = pairs();
    let long = "x".repeat(pattern_pairs::LONGEST_ITEM * 2);
    assert!(pairs.push_items(&format!("<v>{long}</v>")).is_empty());
    assert_eq!(pairs.push_items("<v>b</v>").len(), 1);
}

#[test]
fn filters_in_a_row_start_anew_after_an_interruption() {
    let row: [Box<dyn TextFilter>; 3] =
        [Box::new(pairs()), Box::new(Markdown::new()), Box::new(Emoji::new())];
    let mut row: Filters = row.into_iter().collect();
    assert_eq!(row.push("**Hi** <think>so"), "Hi");
    row.reset();
    assert_eq!(row.push("and 😀 on") + &row.finish(), "and on");
    assert_eq!(row.push("*x* 😀") + &row.finish(), "x ");
}

fn pairs() -> PatternPairs {
    PatternPairs::new()
        .with_pair("<think>", "</think>", PatternAction::Remove)
        .with_pair("<b>", "</b>", PatternAction::Keep)
        .with_pair("<v>", "</v>", PatternAction::HandOver)
        .with_pair("", "x", PatternAction::Remove)
}

fn filters() -> [Box<dyn TextFilter>; 5] {
    [
        Box::new(Markdown::new().with_code_blocks(CodeBlocks::replaced_by("code"))),
        Box::new(Markdown::new()),
        Box::new(CodeBlocks::dropped()),
        Box::new(Emoji::new()),
        Box::new(pairs()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let sign = prop::sample::select(vec![
        "*",
        "**",
        "_",
        "~",
        "~~",
        "`",
        "```",
        "```\n",
        "\n",
        "\n\n",
        " ",
        "#",
        "# ",
        "> ",
        "- ",
        "-",
        "---\n",
        "1. ",
        "|",
        "| ",
        "|-",
        "[",
        "]",
        "(",
        ")",
        "](",
        "![",
        "[^",
        "[ ] ",
        "!",
        "\\",
        "=",
        "+ ",
        "<think>",
        "</think>",
        "<b>",
        "</b>",
        "<v>",
        "</v>",
        "<",
        "</",
        "😀",
        "\u{200d}",
        "\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "🇮🇳",
        "a",
        "word",
        "क्ष",
        "好",
        ".",
        "5",
    ]);
    let part = prop_oneof![8 => sign.prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_chunks_give_the_same_text(
        text in text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        for cut in &mut cuts {
            *cut = (*cut..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap();
        }
        cuts.sort_unstable();
        for mut filter in filters() {
            let whole = filter.push(&text) + &filter.finish();
            let mut parts: String = cuts.windows(2).map(|pair| filter.push(&text[pair[0]..pair[1]])).collect();
            parts += &filter.finish();
            prop_assert_eq!(&parts, &whole);
            let mut single: String = text.chars().map(|c| filter.push(c.encode_utf8(&mut [0; 4]))).collect();
            single += &filter.finish();
            prop_assert_eq!(&single, &whole);
        }
    }

    #[test]
    fn plain_words_pass_every_filter_unchanged(text in "[a-zA-Z0-9 ,.?!'क-ह好-姿]{0,80}") {
        for mut filter in filters() {
            prop_assert_eq!(filter.push(&text) + &filter.finish(), text.clone());
        }
    }

    #[test]
    fn letters_outside_of_pairs_and_blocks_are_never_lost(
        text in prop::collection::vec(
            prop::sample::select(vec!["*", "_", "- ", "# ", "> ", "ab", "cd ", "\n", "😀", "!", "1"]), 0..40),
    ) {
        let text = text.concat();
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        for mut filter in filters() {
            prop_assert_eq!(letters(&(filter.push(&text) + &filter.finish())), letters(&text));
        }
    }
}
