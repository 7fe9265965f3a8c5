//! Who owes the next move: idleness, muting, deadlines, and any order of events.

use proptest::prelude::*;

use super::*;

#[test]
fn b_144_r_59_idle_counts_from_the_end_of_playback_and_grows() {
    let idle = Idle::new().then(ms(4000), IdleAction::Tell).then(ms(2000), IdleAction::Tell);
    let config = TurnConfig { idle, ..TurnConfig::default() };
    let mut bench = Bench::new(config.clone());
    let log = bench.run(&[(0, BotStarts), (30_000, BotStops)], 39_000);
    assert_eq!(log, ["34000 idle 1", "36000 idle 2", "38000 idle 3"]);
    // Speech, answers that are owed and tools stop it; a turn begins anew.
    let script = [
        (3000, Speak),
        (3500, Hush),
        (3600, Confirm(1, "hm")),
        (9000, Tools(1)),
        (9000, Ended(false)),
        (20_000, Tools(0)),
    ];
    let log = Bench::new(config.clone()).run(&script, 25_000);
    assert_eq!(log[3..], ["24000 idle 1"]);
    // An update begins anew.
    let mut bench = Bench::new(config);
    bench.until(3000);
    let update =
        TurnUpdate { idle: Some(Idle::new().then(ms(500), IdleAction::Tell)), ..TurnUpdate::default() };
    bench.turns.update(bench.now, &update);
    bench.until(3500);
    assert_eq!(bench.steps(), ["idle 1"]);
}

#[test]
fn b_145_mute_strategies_follow_their_rules() {
    let muted = |mute: Box<dyn MuteUser>, script: &[Does]| {
        let mut bench = Bench::new(TurnConfig { mute: vec![mute], ..TurnConfig::default() });
        let mut states = vec![bench.turns.is_muted()];
        for does in script {
            bench.does(does);
            states.push(bench.turns.is_muted());
        }
        states
    };
    let talk = [BotStarts, BotStops, BotStarts, BotStops];
    assert_eq!(muted(Box::<WhileBotSpeaks>::default(), &talk), [false, true, false, true, false]);
    let first = WhileBotSpeaks { first_only: true };
    assert_eq!(muted(Box::new(first), &talk), [false, true, false, false, false]);
    assert_eq!(muted(Box::new(UntilFirstBotTurn), &talk), [true, true, false, false, false]);
    let tools = [Tools(2), Tools(1), Tools(0), Tools(0)];
    assert_eq!(muted(Box::new(DuringTools), &tools), [false, true, true, false, false]);
    let own = MuteWhen::new(|scene| scene.bot_turns == 1);
    assert_eq!(muted(Box::new(own), &talk), [false, false, true, true, false]);
}

#[test]
fn b_119_what_a_muted_user_says_begins_no_turn() {
    let config = TurnConfig { mute: vec![Box::new(WhileBotSpeaks::default())], ..TurnConfig::default() };
    let script = [
        (1000, Speak),
        (1100, Guess(1, "stop")),
        (1200, Hush),
        (1300, Confirm(1, "stop it")),
        (2000, BotStops),
        (3000, Speak),
    ];
    assert_eq!(over_bot(config, &script), ["0 muted true", "2000 muted false", "3000 turn"]);
}

#[test]
fn b_118_words_of_an_open_turn_are_answered_at_the_end() {
    let mut bench = Bench::new(TurnConfig::default());
    bench.run(&[(0, Speak), (100, Final(1, "one")), (200, Guess(1, "two"))], 200);
    bench.turns.finish(bench.now);
    assert_eq!(bench.steps(), ["answer \"one two\"", "over"]);
}

#[test]
fn what_is_held_goes_on_at_the_end() {
    let mut bench = Bench::new(TurnConfig::default());
    bench.run(&[(0, BotStarts), (100, Speak)], 100);
    bench.turns.finish(bench.now);
    assert_eq!(bench.steps(), ["resume"]);
}

#[test]
fn r_59_guesses_without_a_word_do_not_keep_a_turn_open() {
    let mut script = vec![(0, Speak), (100, Guess(1, "so")), (500, Hush)];
    script.extend((1..20).map(|n| (500 + n * 1000, Guess(1, ""))));
    let log = run(TurnConfig::default(), &script);
    assert!(log[1].starts_with("5500 over"), "the pause has its deadline: {log:?}");
}

#[test]
fn b_145_a_mute_is_lifted_when_what_it_waited_for_does_not_come() {
    let config = TurnConfig { mute: vec![Box::new(DuringTools)], ..TurnConfig::default() };
    let log = Bench::new(config).run(&[(0, Tools(1))], 120_000);
    assert_eq!(log, ["0 muted true", "120000 muted false", "120000 overdue Tools 120s"]);
}

#[test]
fn b_145_whoever_is_muted_until_the_bot_has_spoken_is_heard_when_it_does_not() {
    let config = TurnConfig { mute: vec![Box::new(UntilFirstBotTurn)], ..TurnConfig::default() };
    let log = run(config, &[(100, Ended(false)), (1000, Speak), (1500, Confirm(1, "hello")), (1600, Hush)]);
    assert!(log.iter().any(|line| line.contains("answer \"hello\"")), "{log:?}");
}

#[test]
fn r_59_who_owes_a_move_and_does_not_make_it_is_reported() {
    let mut bench = Bench::new(TurnConfig::default());
    let log = bench.run(&[(0, Speak), (500, Hush), (600, Confirm(1, "hello"))], 40_000);
    assert_eq!(log[3..], ["30600 overdue Bot 30s"]);
    assert_eq!(bench.turns.floor(), Floor::Open);
    let log = Bench::new(TurnConfig::default()).run(&[(0, Speak)], 66_000);
    assert_eq!(log, ["0 turn", "60000 overdue User 60s", "65000 over, nothing said"]);
}

#[test]
fn r_59_noise_of_the_user_does_not_prolong_what_the_bot_owes() {
    let mut script = vec![(0, Speak), (500, Hush), (600, Confirm(1, "hello"))];
    for (index, at) in (0..).zip((2000..60_000).step_by(2000)) {
        script.extend([(at, Speak), (at + 300, Hush), (at + 500, Confirm(index + 2, ""))]);
    }
    let log = Bench::new(TurnConfig::default()).run(&script, 60_000);
    assert!(log.iter().any(|line| line.contains("overdue Bot")), "{log:?}");
}

#[test]
fn edges_a_service_finds_count_only_without_a_detector() {
    let mut bench = Bench::new(TurnConfig::default());
    let service = SpeechEdge { source: EdgeSource::Service, ..edge() };
    bench.turns.handle(bench.now, Input::User(Cue::SpeechStarted(&service)));
    assert_eq!(bench.steps(), ["turn"]);
    let mut bench = Bench::new(TurnConfig::default());
    bench.run(&[(0, Speak), (100, Hush), (200, Confirm(1, ""))], 200);
    bench.turns.handle(bench.now, Input::User(Cue::SpeechStarted(&service)));
    assert_eq!(bench.steps(), [""; 0]);
}

#[test]
fn strategies_change_in_mid_call() {
    let mut bench = Bench::new(TurnConfig::default());
    let update = TurnUpdate { start: Some(vec![Box::new(MinWords::new(2))]), ..TurnUpdate::default() };
    bench.turns.update(bench.now, &update);
    bench.does(&BotStarts);
    bench.does(&Speak);
    bench.does(&Guess(1, "stop"));
    assert_eq!(bench.steps(), [""; 0]);
    bench.does(&Guess(1, "stop it"));
    assert_eq!(bench.steps(), ["interrupt", "turn"]);
}

fn anything() -> impl proptest::strategy::Strategy<Value = Does> {
    prop_oneof![
        Just(Speak),
        Just(Hush),
        (0..5_u32).prop_map(|utterance| Guess(utterance, "mm")),
        (0..5_u32).prop_map(|utterance| Guess(utterance, "stop it")),
        (0..5_u32).prop_map(|utterance| Final(utterance, "well")),
        (0..5_u32).prop_map(|utterance| Confirm(utterance, "okay")),
        (0..5_u32).prop_map(|utterance| Confirm(utterance, "")),
        Just(BotStarts),
        Just(BotStops),
        any::<bool>().prop_map(Ended),
        (0..3_usize).prop_map(Tools),
        Just(Interrupted),
        any::<Option<bool>>().prop_map(Verdict),
        Just(Service(ServiceTurn::Decides)),
        Just(Service(ServiceTurn::Started)),
        Just(Service(ServiceTurn::Ended)),
    ]
}

/// Every strategy at once.
fn everything(mute: bool) -> TurnConfig {
    TurnConfig {
        start: vec![
            Box::new(UnlessByService::new(Voice::default())),
            Box::new(MinWords::new(2)),
            Box::new(Transcript::default()),
            Box::new(ByService::default()),
        ],
        stop: vec![
            Box::new(Silence::new(ms(700))),
            Box::new(UnlessByService::new(Model::new(Ends(|_| true)))),
            Box::new(Confirmed),
            Box::new(ByService::default()),
        ],
        mute: if mute { vec![Box::new(DuringTools), Box::new(WhileBotSpeaks::default())] } else { vec![] },
        ..TurnConfig::default()
    }
}

proptest! {
    #[test]
    fn r_59_whatever_happens_turns_alternate_and_no_state_lasts_for_ever(
        script in proptest::collection::vec((0..8000_u64, anything()), 0..60),
        mute: bool,
    ) {
        let mut bench = Bench::new(everything(mute));
        let (mut at, mut open, mut held, mut answered) = (0, false, false, true);
        let limit = Deadlines::default().speech;
        for (pause, does) in script {
            at += pause;
            bench.until(at);
            bench.does(&does);
            while let Some(step) = bench.turns.poll_step() {
                match step {
                    Step::TurnStarted => { prop_assert!(!open); open = true; answered = false; }
                    Step::Answer(text) => { prop_assert!(open && !answered && !text.is_empty()); answered = true; }
                    Step::TurnStopped { spoke } => { prop_assert!(open && spoke == answered); open = false; }
                    Step::Hold => { prop_assert!(!held && !open); held = true; }
                    Step::Resume => { prop_assert!(held); held = false; }
                    Step::Interrupt => held = false,
                    _ => {}
                }
            }
            if matches!(does, Interrupted) { held = false; }
            let due = bench.turns.poll_timeout();
            prop_assert!(due > bench.now && due <= bench.now + limit, "{:?} until {:?}", bench.turns.floor(), due - bench.now);
        }
        // Left alone, the floor is open in the end: nobody is waited for.
        bench.until(at + 2 * limit.as_millis() as u64);
        prop_assert_eq!(bench.turns.floor(), Floor::Open);
        while let Some(step) = bench.turns.poll_step() {
            match step {
                Step::TurnStarted => open = true,
                Step::TurnStopped { .. } => open = false,
                Step::Hold => held = true,
                Step::Resume | Step::Interrupt => held = false,
                _ => {}
            }
        }
        prop_assert!(!open && !held);
    }
}
