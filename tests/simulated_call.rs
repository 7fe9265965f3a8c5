//! Whole calls in simulated time: everything of an agent is real, but the clock, the line and the voices.
//!
//! Time is paused and nothing has a socket, so a call takes as long as its computing. A call is made from a seed,
//! which a failure prints. Three things are held: a long call with random barge-ins against a reference model, made
//! of what an ear hears in the samples that left; the order and the times of a turn; and two agents who must
//! understand each other to the letter for ten minutes.
//!
//! Read next: `examples/two_agents.rs`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests panic, and print what they did"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use voxline::{
    core::frame::{ChatMessage, ContextId},
    prelude::*,
    turns::{AnswerNow, Conversation, TurnConfig},
    vad::EnergyVad,
};
use voxline_llm::ScriptedLlm;
use voxline_testkit::Order;
use voxline_waves_sim::{
    SimConfig, WavesSim,
    voice::{Listener, Speaker},
};

#[path = "support/call.rs"]
mod call;
#[path = "support/telephone.rs"]
mod telephone;

use call::{Call, LATENCY, Note, Notes, spelled, tale};
use telephone::{Ear, End, Mouth, RATE, line, recogniser, synthesizer};

/// How many turns are answered at least. Some of what the caller says belongs to one turn.
const TURNS: usize = 50;
/// How often the caller says something.
const SAYINGS: usize = TURNS + 10;
/// How an answer that was cut ends.
const CUT_NOTE: &str = "[the user interrupted here]";
/// A whole call may not last longer, in simulated time.
const LIMIT: Duration = Duration::from_secs(3600);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[tokio::test]
async fn r_31_r_35_fifty_turns_with_barge_ins_are_remembered_as_they_were_heard_by_the_share_of_the_text() {
    hold(1, false).await;
}

#[tokio::test]
async fn r_31_r_35_fifty_turns_with_barge_ins_are_remembered_as_they_were_heard_by_the_times_of_words() {
    hold(2, true).await;
}

async fn hold(seed: u64, word_times: bool) {
    println!("seed {seed}");
    let call = tokio::time::timeout(LIMIT, talk(seed, word_times)).await.expect("the call ends");
    let notes = call.notes.all();
    assert!(call.notes.errors().is_empty(), "{:?}", call.notes.errors());

    let turns = turns(&notes);
    assert_eq!(turns.join(" "), call.said.join(" "), "each word is in one turn, and each turn is asked once");
    let answers = Answers::of(&notes);
    nothing_of_an_answer_leaves_after_it_was_cut(&notes, &answers);
    answers_that_were_not_cut_are_heard_whole(seed, &notes, &answers);
    no_time_is_added_between_the_words_and_the_request(&notes);
    the_conversation_is_what_was_heard(seed, &call.conversation, &turns, &answers);
    let cut = notes.iter().filter(|note| matches!(note, Note::Cut)).count();
    println!("{} turns, {cut} interruptions", turns.len());
    assert!(turns.len() >= TURNS && cut > TURNS / 5, "this tries too little");
}

/// A caller who sometimes listens, sometimes interrupts, sometimes goes on before the answer, and sometimes hums.
async fn talk(seed: u64, word_times: bool) -> Call {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut call = Call::new(seed, word_times).await;
    for turn in 0..SAYINGS {
        let words = ["tell", "me", "about", "the", "sea"];
        let text = format!("Turn{} {}", spelled(turn), words[..random.usize(1..=5)].join(" "));
        call.say(&text).await;
        let last = turn + 1 == SAYINGS;
        match random.usize(..10) {
            0..5 if !last => {
                call.until("the answer begins", |notes| begun(notes, &text)).await;
                call.pause(ms(random.u64(..8_000))).await;
            }
            5 if !last => call.pause(ms(random.u64(..1_200))).await,
            6 => {
                call.until("the answer begins", |notes| begun(notes, &text)).await;
                call.utter("okay").await;
                call.until("the answer is over", |notes| over(notes, &text)).await;
            }
            _ => {
                call.until("the answer is over", |notes| over(notes, &text)).await;
                call.pause(ms(random.u64(..1_500))).await;
            }
        }
    }
    call.end().await;
    call
}

/// The number of the answer to the turn that ends so.
fn answer_to(notes: &[Note], text: &str) -> Option<usize> {
    notes.iter().find_map(|note| match note {
        Note::Took(number, said) if said.ends_with(text) => Some(*number),
        _ => None,
    })
}

fn context_of(notes: &[Note], text: &str) -> Option<ContextId> {
    let mark = spelled(answer_to(notes, text)?);
    notes.iter().find_map(|note| match note {
        Note::Given(context, given) if mark_of(given).is_some_and(|found| found == mark) => Some(*context),
        _ => None,
    })
}

fn begun(notes: &[Note], text: &str) -> bool {
    let context = context_of(notes, text);
    notes.iter().any(|note| matches!(note, Note::Started(started) if Some(*started) == context))
}

fn over(notes: &[Note], text: &str) -> bool {
    let context = context_of(notes, text);
    notes.iter().any(|note| matches!(note, Note::Stopped(stopped) if Some(*stopped) == context))
}

/// The letters by which a text's first word names its answer.
fn mark_of(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?.trim_end_matches('.');
    word.get(word.len().checked_sub(2)?..)
}

/// What each request added to what the user had said.
fn turns(notes: &[Note]) -> Vec<String> {
    let mut before = String::new();
    let mut turns = Vec::new();
    for note in notes {
        if let Note::Took(_, said) = note {
            // An answer of which nothing was heard leaves the user's words together.
            let new = said.strip_prefix(&before).filter(|_| !before.is_empty()).unwrap_or(said);
            turns.push(new.trim().to_owned());
            before.clone_from(said);
        }
    }
    turns
}

/// What left the output, by answer.
#[derive(Debug)]
struct Answers {
    numbers: BTreeMap<ContextId, usize>,
    /// The words an ear hears in the samples, whole ones only.
    heard: BTreeMap<usize, Vec<String>>,
}

impl Answers {
    fn of(notes: &[Note]) -> Self {
        let marks: BTreeMap<_, _> = (0..26 * 26).map(|number| (spelled(number), number)).collect();
        let mut numbers = BTreeMap::new();
        let mut samples: BTreeMap<ContextId, Vec<i16>> = BTreeMap::new();
        for note in notes {
            match note {
                Note::Given(context, text) => {
                    if let Some(mark) = mark_of(text) {
                        assert_eq!(*numbers.entry(*context).or_insert(marks[mark]), marks[mark], "{context}");
                    }
                }
                Note::Sent(context, chunk) => samples.entry(*context).or_default().extend(chunk),
                _ => {}
            }
        }
        let heard = samples.iter().map(|(context, samples)| (numbers[context], words_in(samples))).collect();
        Self { numbers, heard }
    }

    fn heard(&self, number: usize) -> &[String] {
        self.heard.get(&number).map_or(&[], Vec::as_slice)
    }
}

fn words_in(samples: &[i16]) -> Vec<String> {
    let words = Listener::new(RATE.hz()).listen(samples);
    words.into_iter().filter(|word| !word.is_damaged()).map(|word| word.text).collect()
}

fn nothing_of_an_answer_leaves_after_it_was_cut(notes: &[Note], answers: &Answers) {
    // The newest answer that had been asked for when an interruption came.
    let (mut newest, mut cut) = (None, None);
    for note in notes {
        match note {
            Note::Took(number, _) => newest = Some(*number),
            Note::Cut => cut = newest,
            Note::Sent(context, _) => {
                let number = answers.numbers[context];
                assert!(cut.is_none_or(|cut| number > cut), "answer {number} is heard after it was cut");
            }
            _ => {}
        }
    }
}

fn answers_that_were_not_cut_are_heard_whole(seed: u64, notes: &[Note], answers: &Answers) {
    let mut newest = None;
    for note in notes.iter().chain([&Note::Took(usize::MAX, String::new())]) {
        match note {
            Note::Took(number, _) => {
                if let Some(whole) = newest.replace(*number) {
                    assert_eq!(answers.heard(whole).join(" "), tale(seed, whole), "answer {whole}");
                }
            }
            Note::Cut => newest = None,
            _ => {}
        }
    }
}

fn no_time_is_added_between_the_words_and_the_request(notes: &[Note]) {
    let mut ready = Duration::ZERO;
    for note in notes {
        match note {
            Note::Silent(at) | Note::Confirmed(at) => ready = *at,
            Note::Asked(at) => assert_eq!(*at, ready, "the turn was over, and the model was not asked"),
            _ => {}
        }
    }
}

/// Walks the conversation beside the turns and what was heard of their answers.
fn the_conversation_is_what_was_heard(
    seed: u64,
    conversation: &Conversation,
    turns: &[String],
    answers: &Answers,
) {
    let messages = conversation.snapshot().messages;
    let mut rest = messages[1..].iter().peekable();
    let mut number = 0;
    while let Some(message) = rest.next() {
        let ChatMessage::User { text } = message else { panic!("{message:?} follows an answer") };
        let mut said = turns[number].clone();
        while said != *text {
            assert!(answers.heard(number).len() <= 1, "answer {number} was heard, and is not remembered");
            number += 1;
            said = format!("{said} {}", turns[number]);
        }
        let remembered = match rest.next_if(|next| matches!(next, ChatMessage::Assistant { .. })) {
            Some(ChatMessage::Assistant { text, .. }) => text.as_str(),
            _ => "",
        };
        is_remembered_as_heard(remembered, &tale(seed, number), answers.heard(number));
        number += 1;
    }
    assert_eq!(number, turns.len(), "every turn is in the conversation");
}

/// Within one word.
fn is_remembered_as_heard(remembered: &str, answer: &str, heard: &[String]) {
    let answer: Vec<_> = answer.split(' ').collect();
    assert!(
        answer.iter().zip(heard).all(|(said, heard)| said == heard),
        "{heard:?} is not how {answer:?} begins"
    );
    let words: Vec<_> = remembered.trim_end_matches(CUT_NOTE).split_whitespace().collect();
    assert!(answer.starts_with(&words), "{words:?} is not how {answer:?} begins");
    let (count, was) = (words.len(), heard.len());
    assert!(count.abs_diff(was) <= 1, "{count} words are remembered, and {was} were heard, of {answer:?}");
    let is_cut = remembered.ends_with(CUT_NOTE);
    assert_eq!(is_cut, count < answer.len(), "{remembered:?}");
    if was == answer.len() && !is_cut {
        assert_eq!(words, answer);
    }
}

#[tokio::test]
async fn the_first_audio_of_an_answer_leaves_while_the_model_is_still_writing() {
    let seed = (1..).find(|&seed| tale(seed, 0).split(' ').count() > 15).unwrap();
    let mut call = Call::new(seed, false).await;
    call.say("Tell me a tale").await;
    call.until("the answer is over", |notes| over(notes, "tale")).await;
    call.end().await;
    let notes = call.notes.all();
    let first = notes.iter().position(|note| matches!(note, Note::Sent(..))).unwrap();
    let written = notes.iter().position(|note| matches!(note, Note::Written(0))).unwrap();
    assert!(first < written, "audio began at {first}, the model ended at {written}");
}

#[tokio::test]
async fn r_40_the_model_is_asked_in_the_very_moment_the_words_are_confirmed() {
    let mut call = Call::new(1, false).await;
    call.say("Tell me a tale").await;
    call.until("the model is asked", |notes| answer_to(notes, "tale").is_some()).await;
    let times = call.notes.all().into_iter().filter_map(|note| match note {
        Note::Silent(at) | Note::Confirmed(at) | Note::Asked(at) => Some(at),
        _ => None,
    });
    let [silent, confirmed, asked] = times.collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(confirmed - silent, LATENCY, "the words take their way to the recogniser and back");
    assert_eq!(asked, confirmed);
    call.end().await;
}

/// Two who follow the same script, each saying every other line of it.
#[tokio::test(start_paused = true)]
async fn two_agents_understand_each_other_to_the_letter_for_ten_minutes() {
    let seed = 7;
    let lines = script(seed);
    let simulator = Arc::new(WavesSim::start_in_memory(SimConfig::default()).unwrap());
    let (errors, orders) = (Notes::default(), [Order::default(), Order::default()]);
    let (one, other) = line();
    let began = tokio::time::Instant::now();
    let (anna, anna_heard) = agent(one, &simulator, &lines, (&errors, &orders[0])).await;
    let (ben, ben_heard) = agent(other, &simulator, &lines, (&errors, &orders[1])).await;
    anna.queue(Frame::custom(AnswerNow)).await.unwrap();
    let complete = |heard: &Conversation| heard.messages().len() == lines.len();
    while !complete(&anna_heard) || !complete(&ben_heard) {
        assert!(
            began.elapsed() < LIMIT,
            "seed {seed}: {:?} … {:?}",
            anna_heard.messages(),
            ben_heard.messages()
        );
        tokio::time::sleep(ms(1_000)).await;
    }
    ben.end().await.unwrap();
    assert_eq!(ben.finished().await.unwrap(), Outcome::Ended);
    assert_eq!(anna.finished().await.unwrap(), Outcome::Ended, "a hang-up ends the other side");
    assert!(errors.errors().is_empty(), "seed {seed}: {:?}", errors.errors());
    orders.iter().for_each(Order::assert_kept);
    for (name, heard, speaks_first) in [("Anna", anna_heard, true), ("Ben", ben_heard, false)] {
        for (index, (message, line)) in heard.messages().iter().zip(&lines).enumerate() {
            let text = match message {
                ChatMessage::Assistant { text, .. } if (index % 2 == 0) == speaks_first => text,
                ChatMessage::User { text } if (index % 2 == 0) != speaks_first => text,
                other => panic!("seed {seed}, {name}, line {index}: {other:?}"),
            };
            assert_eq!(text, line, "seed {seed}, {name}, line {index}");
        }
    }
    let lasted = began.elapsed();
    assert!(lasted > Duration::from_secs(600), "seed {seed}: only {lasted:?}");
}

/// Lines for ten minutes, in several scripts, no two alike.
fn script(seed: u64) -> Vec<String> {
    const WORDS: [&str; 12] = [
        "rain",
        "नमस्ते",
        "harbour",
        "42",
        "über",
        "lantern",
        "வணக்கம்",
        "nine",
        "Orion",
        "мост",
        "café",
        "slow",
    ];
    let mut random = fastrand::Rng::with_seed(seed);
    let mut lines = Vec::new();
    let mut samples = 0;
    while RATE.duration_of(samples) < Duration::from_secs(570) {
        let sentences = (0..random.usize(1..=3)).map(|_| {
            let words: Vec<_> =
                (0..random.usize(1..=7)).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
            format!("The {} {}{}", lines.len(), words.join(" "), random.choice([".", "!", "?"]).unwrap())
        });
        let line: Vec<_> = sentences.collect();
        lines.push(line.join(" "));
        samples += Speaker::new(lines.last().unwrap().as_str(), RATE.hz(), 1.0).samples().len() as u64;
    }
    lines
}

/// An agent who answers each line with the next one.
async fn agent(
    end: End,
    simulator: &Arc<WavesSim>,
    lines: &[String],
    (errors, order): (&Notes, &Order),
) -> (Session, Conversation) {
    let conversation = Conversation::new("");
    let (user, assistant) = conversation.aggregators(TurnConfig::default());
    let mut model = ScriptedLlm::new().opening(lines[0].as_str()).otherwise("");
    for pair in lines.windows(2) {
        model = model.when(&pair[0], pair[1].as_str());
    }
    let model = model.with_first_delay(ms(200)).with_word_delay(ms(30));
    let pipeline = Pipeline::builder()
        .then(Ear::new(end.from))
        .then(Vad::new(EnergyVad::default().with_rate(RATE)))
        .then(recogniser(simulator))
        .then(user)
        .then(model)
        .then(synthesizer(simulator))
        .then(Mouth::new(end.to, |_| {}))
        .then(assistant);
    let config = SessionConfig { input_rate: RATE, output_rate: RATE, ..Default::default() };
    let config = config.on_event(errors.listener()).with_observer(order.observer());
    (pipeline.build().unwrap().start(config).await.unwrap(), conversation)
}
