//! When turns end: confirmations, silence, deadlines.

use super::*;

#[test]
fn r_40_a_confirmed_final_ends_the_turn_in_the_same_moment() {
    let script = [(0, Speak), (900, Hush), (950, Confirm(1, "hello there"))];
    assert_eq!(run(TurnConfig::default(), &script), ["0 turn", "950 answer \"hello there\"", "950 over"]);
    // The confirmation may be empty, and may come while the detector still hears speech.
    let script = [(0, Speak), (800, Final(1, "hello")), (900, Hush), (950, Confirm(1, ""))];
    assert_eq!(run(TurnConfig::default(), &script)[1..], ["950 answer \"hello\"", "950 over"]);
    let script = [(0, Speak), (800, Confirm(1, "hello")), (900, Hush)];
    assert_eq!(run(TurnConfig::default(), &script)[1..], ["900 answer \"hello\"", "900 over"]);
}

#[test]
fn r_44_several_finals_and_utterances_make_one_answer_and_late_words_none() {
    let script = [
        (0, Speak),
        (500, Final(1, "one")),
        (600, Hush),
        (700, Speak),
        (800, Confirm(1, "two")),
        (900, Final(2, "three")),
        (1000, Hush),
        (1100, Confirm(2, "four")),
        (1200, Confirm(2, "late")),
        (1300, Guess(1, "later")),
    ];
    let expected = ["0 turn", "1100 answer \"one two three four\"", "1100 over", "1200 late"];
    assert_eq!(run(TurnConfig::default(), &script), expected);
}

#[test]
fn a_confirmation_of_an_earlier_utterance_does_not_end_the_turn() {
    let script = [
        (0, Speak),
        (500, Hush),
        (600, Speak),
        (700, Hush),
        (800, Confirm(1, "one")),
        (900, Confirm(2, "two")),
    ];
    assert_eq!(run(TurnConfig::default(), &script), ["0 turn", "900 answer \"one two\"", "900 over"]);
}

#[test]
fn r_43_a_turn_starts_and_ends_from_a_transcript_alone() {
    let script = [(0, Guess(0, "ye")), (100, Final(0, "yes"))];
    assert_eq!(run(TurnConfig::default(), &script), ["0 turn", "100 answer \"yes\"", "100 over"]);
}

#[test]
fn r_41_without_a_final_the_newest_guess_is_answered_at_the_deadline() {
    let mut bench = Bench::new(TurnConfig::default());
    let log = bench.run(&[(0, Speak), (500, Guess(1, "hello")), (900, Hush)], 6000);
    assert_eq!(log, ["0 turn", "5900 answer \"hello\"", "5900 over"]);
}

#[test]
fn b_135_the_answer_is_asked_for_before_the_turn_is_over() {
    let script = [(0, Speak), (900, Hush), (950, Confirm(1, "hello"))];
    assert_eq!(run(TurnConfig::default(), &script)[1..], ["950 answer \"hello\"", "950 over"]);
}

#[test]
fn b_136_nothing_ends_a_turn_while_the_user_speaks() {
    let config =
        with(vec![Box::new(Voice::default())], vec![Box::new(Silence::new(ms(500))), Box::new(Confirmed)]);
    let script = [(0, Speak), (400, Confirm(1, "hello")), (20_000, Hush)];
    assert_eq!(run(config, &script), ["0 turn", "20000 answer \"hello\"", "20000 over"]);
}

#[test]
fn b_137_a_turn_without_words_ends_too() {
    let mut bench = Bench::new(TurnConfig::default());
    assert_eq!(bench.run(&[(0, Speak), (300, Hush)], 5400), ["0 turn", "5300 over, nothing said"]);
    let script = [(0, Speak), (300, Hush), (400, Confirm(1, ""))];
    assert_eq!(run(TurnConfig::default(), &script), ["0 turn", "400 over, nothing said"]);
}

#[test]
fn b_138_words_between_turns_do_not_end_the_next() {
    let script = [
        (0, Speak),
        (500, Hush),
        (600, Confirm(1, "one")),
        (700, Ended(false)),
        (1000, Speak),
        (1100, Confirm(1, "late")),
        (1500, Hush),
        (1600, Confirm(2, "two")),
    ];
    let log = run(TurnConfig::default(), &script);
    assert_eq!(log[3..], ["1000 turn", "1100 late", "1600 answer \"two\"", "1600 over"]);
}

#[test]
fn b_139_with_a_silence_policy_complete_words_wait_for_it_and_it_for_words() {
    let silence = || with(vec![Box::new(Voice::default())], vec![Box::new(Silence::new(ms(700)))]);
    // The time counts from the end of speech, 200 ms before the edge.
    let mut bench = Bench::new(silence());
    let log = bench.run(&[(0, Speak), (900, Hush), (950, Confirm(1, "hello"))], 2000);
    assert_eq!(log, ["0 turn", "1400 answer \"hello\"", "1400 over"]);
    let script = [(0, Speak), (900, Hush), (1800, Confirm(1, "hello"))];
    assert_eq!(run(silence(), &script), ["0 turn", "1800 answer \"hello\"", "1800 over"]);
    // Words that are not complete are waited for up to 1.5 s.
    let mut bench = Bench::new(silence());
    let log = bench.run(&[(0, Speak), (800, Final(1, "hello")), (900, Hush)], 4000);
    assert_eq!(log, ["0 turn", "2200 answer \"hello\"", "2200 over"]);
    // Speech within the silence goes on with the turn.
    let script = [
        (0, Speak),
        (900, Hush),
        (950, Confirm(1, "well")),
        (1300, Speak),
        (2000, Hush),
        (3000, Confirm(2, "yes")),
    ];
    assert_eq!(run(silence(), &script), ["0 turn", "3000 answer \"well yes\"", "3000 over"]);
    // Without a detector the words themselves count.
    let config = with(vec![Box::new(Transcript::default())], vec![Box::new(Silence::new(ms(700)))]);
    let log = Bench::new(config).run(&[(0, Final(0, "one")), (500, Final(0, "two"))], 2000);
    assert_eq!(log, ["0 turn", "1200 answer \"one two\"", "1200 over"]);
}
