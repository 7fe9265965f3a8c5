//! The machine of turns, by tables: what happens when, and what is done.
//!
//! Here the bench that plays a table; then `starts`, `stops`, `models` for the strategies, and `states` for who owes what.

use std::time::{Duration, Instant};

use voxline_core::{
    frame::{EdgeSource, SpeechEdge, Transcription, UtteranceId},
    service::ServiceTurn,
};

use super::*;
use crate::*;

mod models;
mod starts;
mod states;
mod stops;

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

struct Ends(fn(&str) -> bool);

impl EndOfTurn for Ends {
    fn judge(&self, heard: &Heard<'_>) -> f32 {
        f32::from(u8::from((self.0)(heard.text)))
    }
}

/// A bot that speaks from 0 on.
fn over_bot(config: TurnConfig, script: &[(u64, Does)]) -> Vec<String> {
    let all: Vec<_> = [(0, BotStarts)].into_iter().chain(script.iter().cloned()).collect();
    run(config, &all)
}
