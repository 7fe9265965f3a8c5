//! Who else decides: models of the ends of turns, and services.

use super::*;

#[test]
fn b_140_a_model_says_whether_a_pause_is_the_end_and_silence_has_the_last_word() {
    let config = || {
        with(vec![Box::new(Voice::default())], vec![Box::new(Model::new(Ends(|text| text.ends_with('.'))))])
    };
    let script = [(0, Speak), (800, Guess(1, "done.")), (900, Hush), (950, Confirm(1, "done."))];
    assert_eq!(run(config(), &script), ["0 turn", "950 answer \"done.\"", "950 over"]);
    let mut bench = Bench::new(config());
    let log = bench.run(&[(0, Speak), (800, Guess(1, "and")), (900, Hush), (950, Confirm(1, "and"))], 9000);
    // Three seconds from the end of speech, which was 200 ms before the edge.
    assert_eq!(log[..3], ["0 turn", "3700 answer \"and\"", "3700 over"]);
    let script = [
        (0, Speak),
        (800, Guess(1, "and")),
        (900, Hush),
        (950, Confirm(1, "and")),
        (2000, Speak),
        (2800, Guess(2, "so.")),
        (2900, Hush),
        (3000, Confirm(2, "so.")),
    ];
    assert_eq!(run(config(), &script), ["0 turn", "3000 answer \"and so.\"", "3000 over"]);
}

#[test]
fn b_120_what_a_service_recommends_holds_where_the_application_has_set_nothing() {
    use ServiceTurn::{Decides, Started};
    let script = [
        (0, Service(Decides)),
        (100, Speak),
        (400, Guess(0, "one")),
        (900, Hush),
        (1000, Service(Started)),
        (1100, Final(0, "one two")),
        (1500, Service(ServiceTurn::Ended)),
    ];
    let by_service = ["1000 turn", "1500 answer \"one two\"", "1500 over"];
    assert_eq!(run(TurnConfig::default(), &script), by_service);
    let own = with(vec![Box::new(Voice::default())], vec![Box::new(Confirmed)]);
    let by_voice = ["100 turn", "1100 answer \"one two\"", "1100 over"];
    assert_eq!(run(own, &script), by_voice, "the application's own come first");
    assert_eq!(run(TurnConfig::default(), &script[1..4])[..1], ["100 turn"], "nobody recommends anything");
}

#[test]
fn b_121_a_turn_a_service_proposes_is_taken_once_and_waits_for_its_words() {
    use ServiceTurn::{Decides, Started};
    let over = Service(ServiceTurn::Ended);
    let script = [
        (0, Service(Decides)),
        (0, BotStarts),
        (500, Service(Started)),
        (600, Service(Started)),
        (700, over.clone()),
        (710, BotStops),
        (800, Final(0, "stop")),
        (810, over.clone()),
        (900, over),
    ];
    let once = ["500 interrupt", "500 turn", "800 answer \"stop\"", "800 over"];
    assert_eq!(run(TurnConfig::default(), &script), once);
    // Strategies that are changed in mid-call hear of the recommendation, too.
    let mut bench = Bench::new(TurnConfig::default());
    bench.does(&Service(Decides));
    let TurnConfig { start, stop, .. } = TurnConfig::default();
    bench
        .turns
        .update(bench.now, &TurnUpdate { start: Some(start), stop: Some(stop), ..TurnUpdate::default() });
    bench.does(&Speak);
    assert_eq!(bench.steps(), [""; 0]);
}

#[test]
fn a_verdict_counts_only_for_the_pause_it_was_asked_in() {
    let stop: Vec<Box<dyn StopTurn>> = vec![Box::new(Model::new(Ends(|_| true)))];
    let mut bench = Bench::new(with(vec![Box::new(Voice::default())], stop.clone()));
    let pause = |bench: &mut Bench, at: u64, words: u32| {
        bench.until(at);
        [Speak, Hush, Confirm(words, "well")].iter().for_each(|does| bench.does(does));
        bench.turns.poll_question().unwrap().0
    };
    let first = pause(&mut bench, 0, 1);
    bench.does(&Speak);
    bench.turns.handle_verdict(bench.now, first, Some(1.0));
    assert_eq!(bench.steps(), ["turn"], "while the user speaks it counts for nothing");
    bench.does(&Hush);
    let second = bench.turns.poll_question().unwrap().0;
    bench.turns.handle_verdict(bench.now, first, Some(1.0));
    bench.does(&Confirm(2, "then"));
    assert_eq!(bench.steps(), [""; 0], "nor in the next pause");
    bench.turns.handle_verdict(bench.now, second, Some(1.0));
    assert_eq!(bench.steps(), ["answer \"well then\"", "over"]);
    // Strategies that were changed meanwhile have not asked.
    bench.does(&Ended(false));
    let third = pause(&mut bench, 5_000, 3);
    bench.turns.update(bench.now, &TurnUpdate { stop: Some(stop), ..TurnUpdate::default() });
    bench.turns.handle_verdict(bench.now, third, Some(1.0));
    assert_eq!(bench.steps(), ["turn"]);
}

#[test]
fn b_141_b_146_audio_for_a_model_is_bounded_and_forgotten_when_the_turn_stops() {
    let mut model = Model::new(Ends(|_| true));
    let now = Instant::now();
    let (said, set) = (said::Said::default(), Backchannels::none());
    let facts = facts::Facts::default();
    let scene = facts.scene(&said, &set);
    let second = vec![0; 16_000];
    let feed = |model: &mut Model, seconds: u32| {
        for _ in 0..seconds {
            model.handle(now, &Cue::Audio { samples: &second, rate: 16_000 }, &scene);
        }
    };
    let samples = |model: &Model| format!("{model:?}").split_once(", ").unwrap().1.to_owned();
    feed(&mut model, 5);
    assert_eq!(samples(&model), "14400 samples)", "before speech a lead-in");
    model.handle(now, &Cue::SpeechStarted(&edge()), &scene);
    feed(&mut model, 20);
    assert_eq!(samples(&model), "128000 samples)", "in speech the last eight seconds");
    model.handle(now, &Cue::TurnStarted, &scene);
    assert_eq!(samples(&model), "128000 samples)");
    model.handle(now, &Cue::TurnStopped, &scene);
    assert_eq!(samples(&model), "0 samples)");
}
