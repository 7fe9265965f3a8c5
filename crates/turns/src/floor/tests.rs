//! The machine of turns, by tables: what happens when, and what is done.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use voxline_core::{
    frame::{EdgeSource, SpeechEdge, Transcription, UtteranceId},
    service::ServiceTurn,
};

use super::*;
use crate::*;

/// What happens, in a short form.
#[derive(Clone, Debug)]
enum Does {
    Speak,
    Hush,
    Guess(u32, &'static str),
    Final(u32, &'static str),
    Confirm(u32, &'static str),
    BotStarts,
    BotStops,
    Ended(bool),
    Tools(usize),
    Interrupted,
    Verdict(Option<bool>),
    Service(ServiceTurn),
}
use Does::*;

struct Bench {
    turns: Turns,
    /// The newest question to a model, which may have been answered.
    asked: Option<QuestionId>,
    began: Instant,
    now: Instant,
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn edge() -> SpeechEdge {
    SpeechEdge { at: Duration::ZERO, confirmed_after: ms(200), source: EdgeSource::Vad }
}

fn heard(utterance: u32, text: &str, confirmed: bool) -> Transcription {
    Transcription { text: text.into(), utterance: UtteranceId(utterance), confirmed, ..Default::default() }
}

impl Bench {
    fn new(config: TurnConfig) -> Self {
        let now = Instant::now();
        Self { turns: Turns::new(now, &config), asked: None, began: now, now }
    }

    fn does(&mut self, does: &Does) {
        let (edge, interim);
        let input = match *does {
            Speak | Hush => {
                edge = self::edge();
                Input::User(if matches!(does, Speak) {
                    Cue::SpeechStarted(&edge)
                } else {
                    Cue::SpeechStopped(&edge)
                })
            }
            Guess(utterance, text) => {
                interim = heard(utterance, text, false);
                Input::User(Cue::Interim(&interim))
            }
            Final(utterance, text) | Confirm(utterance, text) => {
                interim = heard(utterance, text, matches!(does, Confirm(..)));
                Input::User(Cue::Final(&interim))
            }
            BotStarts => Input::BotStarted,
            BotStops => Input::BotStopped,
            Ended(speaks) => Input::Progress(BotProgress::Ended { speaks }),
            Tools(running) => Input::Progress(BotProgress::Tools { running }),
            Interrupted => Input::Interrupted,
            Service(turn) => Input::User(Cue::ServiceTurn(turn)),
            Verdict(over) => {
                let asked = self.asked;
                self.asked = self.turns.poll_question().map(|(id, _)| id).or(asked);
                let likelihood = over.map(|over| f32::from(u8::from(over)));
                if let Some(id) = self.asked {
                    self.turns.handle_verdict(self.now, id, likelihood);
                }
                return;
            }
        };
        self.turns.handle(self.now, input);
    }

    /// Lets time pass up to `at`, and timers with it.
    fn until(&mut self, at: u64) {
        let at = self.began + ms(at);
        while self.turns.poll_timeout() <= at {
            self.now = self.now.max(self.turns.poll_timeout());
            self.turns.handle_timeout(self.now);
        }
        self.now = at;
    }

    /// Answers what is asked of models, at once.
    fn answer_questions(&mut self) {
        while let Some((id, question)) = self.turns.poll_question() {
            self.turns.handle_verdict(self.now, id, Some(question.answer()));
        }
    }

    fn steps(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.turns.poll_step()).map(|step| line(&step)).collect()
    }

    /// Runs a script of (ms, what) and gives what is done, with when.
    fn run(&mut self, script: &[(u64, Does)], until: u64) -> Vec<String> {
        let mut log = Vec::new();
        let mut next = script.iter().peekable();
        loop {
            let due = self.turns.poll_timeout().saturating_duration_since(self.began).as_millis() as u64;
            match next.peek() {
                Some((at, does)) if *at <= due => {
                    self.now = self.began + ms(*at);
                    self.does(does);
                    next.next();
                }
                _ if due <= until => {
                    self.now = self.began + ms(due);
                    self.turns.handle_timeout(self.now);
                }
                Some(_) | None => return log,
            }
            self.answer_questions();
            let at = self.now.duration_since(self.began).as_millis();
            log.extend(self.steps().into_iter().map(|step| format!("{at} {step}")));
        }
    }
}

fn line(step: &Step) -> String {
    match step {
        Step::Hold => "hold".into(),
        Step::Resume => "resume".into(),
        Step::Interrupt => "interrupt".into(),
        Step::TurnStarted => "turn".into(),
        Step::Answer(text) => format!("answer {text:?}"),
        Step::TurnStopped { spoke: true } => "over".into(),
        Step::TurnStopped { spoke: false } => "over, nothing said".into(),
        Step::Muted(muted) => format!("muted {muted}"),
        Step::Idle { times, .. } => format!("idle {times}"),
        Step::Overdue { floor, after } => format!("overdue {floor:?} {after:?}"),
        Step::Late => "late".into(),
    }
}

fn run(config: TurnConfig, script: &[(u64, Does)]) -> Vec<String> {
    let last = script.last().map_or(0, |(at, _)| *at);
    Bench::new(config).run(script, last)
}

fn with(start: Vec<Box<dyn StartTurn>>, stop: Vec<Box<dyn StopTurn>>) -> TurnConfig {
    TurnConfig { start, stop, ..TurnConfig::default() }
}

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

struct Ends(fn(&str) -> bool);

impl EndOfTurn for Ends {
    fn judge(&self, heard: &Heard<'_>) -> f32 {
        f32::from(u8::from((self.0)(heard.text)))
    }
}

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

/// A bot that speaks from 0 on.
fn over_bot(config: TurnConfig, script: &[(u64, Does)]) -> Vec<String> {
    let all: Vec<_> = [(0, BotStarts)].into_iter().chain(script.iter().cloned()).collect();
    run(config, &all)
}

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
