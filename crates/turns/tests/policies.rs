//! Policies of barge-in, put together: each keeps out what it is there for, beside the others and whatever their number.
//!
//! Strategies begin a turn when any of them says so; one that denies stands in front, and those behind are not asked.

use std::time::{Duration, Instant};

use voxline_core::frame::{EdgeSource, SpeechEdge, Transcription, UtteranceId, Word};
use voxline_turns::{
    Cue, Input, MinWords, Scene, Start, StartTurn, Step, Transcript, TurnConfig, Turns, Voice,
};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// While the bot has only just begun, nothing counts: it may hear its own echo.
#[derive(Clone, Debug)]
struct Grace(Duration);

impl StartTurn for Grace {
    fn handle(&mut self, now: Instant, _: &Cue<'_>, scene: &Scene<'_>) -> Start {
        if scene.bot_speaks_for(now).is_some_and(|time| time < self.0) { Start::Deny } else { Start::Pass }
    }

    fn boxed(&self) -> Box<dyn StartTurn> {
        Box::new(self.clone())
    }
}

/// Over the bot, words the recogniser is not sure of do not count.
#[derive(Clone, Debug)]
struct Sure(f32);

impl StartTurn for Sure {
    fn handle(&mut self, _: Instant, cue: &Cue<'_>, scene: &Scene<'_>) -> Start {
        let (Cue::Interim(heard) | Cue::Final(heard)) = cue else { return Start::Pass };
        let doubtful = heard.words.iter().any(|word| word.confidence.is_some_and(|sure| sure < self.0));
        if doubtful && scene.bot_has_floor() { Start::Deny } else { Start::Pass }
    }

    fn boxed(&self) -> Box<dyn StartTurn> {
        Box::new(self.clone())
    }
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Speaks,
    Says(&'static str, f32),
    Silent,
    Nothing,
}

/// What comes of a script over a bot that speaks from zero on, up to `until`.
fn over_bot(policies: Vec<Box<dyn StartTurn>>, script: &[(u64, Does)], until: u64) -> Vec<String> {
    let begin = Instant::now();
    let config = TurnConfig { start: policies, ..TurnConfig::default() };
    let mut turns = Turns::new(begin, &config);
    turns.handle(begin, Input::BotStarted);
    let edge = SpeechEdge { at: Duration::ZERO, confirmed_after: ms(200), source: EdgeSource::Vad };
    let mut log = Vec::new();
    for &(at, does) in script.iter().chain([&(until, Does::Nothing)]) {
        let at = begin + ms(at);
        loop {
            while let Some(step) = turns.poll_step() {
                let step = match step {
                    Step::Hold => "hold",
                    Step::Resume => "resume",
                    Step::Interrupt => "interrupt",
                    _ => continue,
                };
                log.push(step.to_owned());
            }
            let due = turns.poll_timeout();
            if due > at {
                break;
            }
            turns.handle_timeout(due);
        }
        match does {
            Does::Speaks => turns.handle(at, Input::User(Cue::SpeechStarted(&edge))),
            Does::Silent => turns.handle(at, Input::User(Cue::SpeechStopped(&edge))),
            Does::Says(text, sure) => {
                turns.handle(at, Input::User(Cue::Interim(&heard(text, sure))));
            }
            Does::Nothing => {}
        }
    }
    log
}

fn heard(text: &str, sure: f32) -> Transcription {
    let word = |text: &str| Word {
        text: text.into(),
        start: Duration::ZERO,
        end: ms(100),
        confidence: Some(sure),
        speaker: None,
        speaker_confidence: None,
    };
    let words = text.split(' ').map(word).collect();
    Transcription { text: text.into(), words, utterance: UtteranceId(1), ..Transcription::default() }
}

/// All four policies, without those named.
fn policies(without: &[&str]) -> Vec<Box<dyn StartTurn>> {
    let mut all: Vec<Box<dyn StartTurn>> = Vec::new();
    if !without.contains(&"grace") {
        all.push(Box::new(Grace(ms(500))));
    }
    if !without.contains(&"sure") {
        all.push(Box::new(Sure(0.6)));
    }
    let lasts = if without.contains(&"duration") { Duration::ZERO } else { ms(1_000) };
    all.push(Box::new(Voice::default().confirm_after(lasts)));
    if without.contains(&"words") {
        all.push(Box::new(Transcript::default()));
    } else {
        all.push(Box::new(MinWords::new(2)));
    }
    all
}

#[test]
fn r_36_policies_of_barge_in_compose_and_each_is_missed_when_it_is_left_out() {
    use Does::{Says, Silent, Speaks};
    let echo = [(300, Speaks), (400, Says("stop it", 0.9)), (450, Silent)];
    let unsure = [(700, Speaks), (800, Says("stop it", 0.3)), (900, Silent)];
    let short = [(700, Speaks), (800, Says("no", 0.9)), (900, Silent)];
    let cough = [(700, Speaks), (900, Silent)];
    let cases: [(&str, &[(u64, Does)]); 4] =
        [("grace", &echo), ("sure", &unsure), ("words", &short), ("duration", &cough)];
    for (policy, script) in cases {
        let kept = over_bot(policies(&[]), script, 10_000);
        assert!(!kept.contains(&"interrupt".into()), "{policy} keeps it out: {kept:?}");
        assert_eq!(
            kept.contains(&"hold".into()),
            kept.contains(&"resume".into()),
            "{policy}: what was held goes on: {kept:?}"
        );
        let missed = over_bot(policies(&[policy]), script, 10_000);
        assert!(missed.contains(&"interrupt".into()), "without {policy} it comes in: {missed:?}");
    }
}

#[test]
fn r_36_what_all_policies_let_in_interrupts() {
    use Does::{Says, Speaks};
    let words = [(700, Speaks), (800, Says("no", 0.9)), (900, Says("no stop", 0.9))];
    assert_eq!(over_bot(policies(&[]), &words, 950), ["hold", "interrupt"]);
    // A voice that lasts for a second, of which 200 ms had passed when it was known.
    let lasts = [(700, Speaks)];
    assert_eq!(over_bot(policies(&[]), &lasts, 1_499), ["hold"]);
    assert_eq!(over_bot(policies(&[]), &lasts, 1_500), ["hold", "interrupt"]);
}
