//! When turns begin: what interrupts the bot, and what does not.

use super::*;

#[test]
fn r_36_a_backchannel_holds_the_bot_and_lets_it_go_on() {
    let script = [
        (1000, Speak),
        (1100, Guess(1, "m")),
        (1200, Guess(1, "mm-hm")),
        (1300, Hush),
        (1400, Confirm(1, "Mm-hm.")),
    ];
    assert_eq!(over_bot(TurnConfig::default(), &script), ["1000 hold", "1400 resume"]);
}

#[test]
fn r_36_a_cough_holds_the_bot_and_lets_it_go_on() {
    let script = [(1000, Speak), (1300, Hush), (1400, Confirm(1, ""))];
    assert_eq!(over_bot(TurnConfig::default(), &script), ["1000 hold", "1400 resume"]);
}

#[test]
fn r_36_words_interrupt_as_soon_as_they_mean_something() {
    let script = [(1000, Speak), (1100, Guess(1, "okay")), (1200, Guess(1, "okay stop"))];
    assert_eq!(over_bot(TurnConfig::default(), &script), ["1000 hold", "1200 interrupt", "1200 turn"]);
}

#[test]
fn r_36_a_voice_that_lasts_interrupts_whatever_it_says() {
    let mut bench = Bench::new(TurnConfig::default());
    let log = bench.run(&[(0, BotStarts), (1000, Speak)], 4000);
    assert_eq!(log, ["1000 hold", "2300 interrupt", "2300 turn"]);
}

#[test]
fn r_36_grace_at_the_beginning_of_the_bots_speech_is_composable() {
    let voice = Voice::at_once().grace(ms(500));
    let config = || with(vec![Box::new(voice.clone())], vec![Box::new(Confirmed)]);
    assert_eq!(over_bot(config(), &[(400, Speak)]), [""; 0]);
    assert_eq!(over_bot(config(), &[(600, Speak)]), ["600 interrupt", "600 turn"]);
}

#[test]
fn r_36_words_the_service_is_not_sure_of_do_not_interrupt() {
    let transcript = Transcript { min_confidence: Some(0.6), ..Transcript::default() };
    let mut bench = Bench::new(with(vec![Box::new(transcript)], vec![Box::new(Confirmed)]));
    bench.does(&BotStarts);
    for (confidence, expected) in [(0.3, vec![]), (0.9, vec!["interrupt", "turn"])] {
        let word = voxline_core::frame::Word {
            text: "stop".into(),
            start: Duration::ZERO,
            end: ms(100),
            confidence: Some(confidence),
            speaker: None,
            speaker_confidence: None,
        };
        let heard = Transcription { words: vec![word], ..heard(1, "stop", false) };
        bench.turns.handle(bench.now, Input::User(Cue::Interim(&heard)));
        assert_eq!(bench.steps(), expected);
    }
}

#[test]
fn a_question_that_is_still_being_thought_about_can_be_added_to() {
    let script = [
        (0, Speak),
        (500, Hush),
        (600, Confirm(1, "what time is it")),
        (800, Speak),
        (1000, Guess(2, "in delhi")),
        (1100, Hush),
        (1200, Confirm(2, "in Delhi")),
    ];
    let log = run(TurnConfig::default(), &script);
    let expected = ["800 hold", "1000 interrupt", "1000 turn", "1200 answer \"in Delhi\"", "1200 over"];
    assert_eq!(log[3..], expected);
}

#[test]
fn the_answer_waits_for_what_was_heard_of_the_bot_and_not_for_ever() {
    let config = || with(vec![Box::new(Transcript::default())], vec![Box::new(Confirmed)]);
    let script = [(1000, Final(0, "stop it")), (1010, BotStops)];
    let log = over_bot(config(), &script);
    assert_eq!(log, ["1000 interrupt", "1000 turn", "1010 answer \"stop it\"", "1010 over"]);
    let mut bench = Bench::new(config());
    let log = bench.run(&[(0, BotStarts), (1000, Final(0, "stop it"))], 2000);
    assert_eq!(log[2..], ["1250 answer \"stop it\"", "1250 over"]);
}

#[test]
fn b_142_r_36_minimum_words_count_per_utterance_and_only_over_the_bot() {
    let config = || with(vec![Box::new(MinWords::new(3))], vec![Box::new(Confirmed)]);
    let quiet = run(config(), &[(0, Confirm(1, "yes"))]);
    assert_eq!(quiet, ["0 turn", "0 answer \"yes\"", "0 over"]);
    let script = [
        (1000, Speak),
        (1200, Guess(1, "wait a")),
        (1300, Hush),
        (1400, Confirm(1, "wait a")),
        (2000, Speak),
        (2100, Guess(2, "please")),
        (2200, Guess(2, "please stop now")),
    ];
    assert_eq!(
        over_bot(config(), &script),
        ["2200 interrupt", "2200 turn"],
        "words of two utterances do not add up"
    );
}

#[test]
fn minimum_words_take_what_is_complete_for_what_it_is() {
    let config = with(vec![Box::new(MinWords::new(2))], vec![Box::new(Confirmed)]);
    let script = [(1000, Speak), (1400, Guess(1, "okay go")), (1500, Hush), (1600, Confirm(1, "okay go"))];
    assert_eq!(over_bot(config, &script)[..2], ["1600 interrupt", "1600 turn"], "and not \"okay got it\"");
}

#[test]
fn an_acknowledgement_that_lasts_does_not_interrupt() {
    let script = [
        (1000, Speak),
        (1400, Guess(1, "okay")),
        (2200, Guess(1, "okay okay")),
        (2900, Hush),
        (3000, Confirm(1, "okay okay okay")),
    ];
    assert_eq!(over_bot(TurnConfig::default(), &script), ["1000 hold", "3000 resume"]);
}

#[test]
fn b_143_a_wake_phrase_is_needed_wakes_from_finals_and_sleeps_again() {
    let start = || -> Vec<Box<dyn StartTurn>> {
        vec![
            Box::new(WakePhrase::new(["hey voxline"])),
            Box::new(Voice::default()),
            Box::new(Transcript::default()),
        ]
    };
    let config = || with(start(), vec![Box::new(Confirmed)]);
    let asleep = [(0, Speak), (100, Guess(1, "hey voxline")), (500, Hush), (600, Confirm(1, "hello there"))];
    assert_eq!(run(config(), &asleep), [""; 0]);
    let awake = [
        (0, Speak),
        (500, Hush),
        (600, Final(1, "Hey,")),
        (700, Confirm(1, "Voxline!")),
        (800, Ended(false)),
        (900, Speak),
    ];
    let log = run(config(), &awake);
    assert_eq!(log, ["700 turn", "700 answer \"Hey, Voxline!\"", "700 over", "900 turn"]);
    let later = [(0, Confirm(0, "hey voxline")), (100, Ended(false)), (10_200, Speak), (10_300, Hush)];
    assert_eq!(run(config(), &later).len(), 3, "ten seconds later it sleeps");
    let once = TurnConfig {
        start: vec![Box::new(WakePhrase::new(["hey voxline"]).once()), Box::new(Voice::default())],
        ..TurnConfig::default()
    };
    let again = [(0, Confirm(0, "hey voxline")), (100, Ended(false)), (200, Speak)];
    assert_eq!(run(once, &again).len(), 3);
}
