//! Whole conversations on a line in paused time, and the law of processors.

mod support;

use std::time::Duration;

use support::{Echo, LETTER, Line, line, ms};
use voxline_core::frame::{ChatMessage, FrameKind, Payload};
use voxline_testkit::conformance;
use voxline_turns::{
    AnswerNow, BotProgress, CommitBy, Conversation, Idle, IdleAction, MessageAdded, Parrot, Summarise,
    Summary, SummaryConfig, TurnConfig, TurnUpdate, UserIdle, UserMuted, Voice, WhileBotSpeaks,
};

const NOTE: &str = "[the user interrupted here]";

/// Nobody takes the floor, so nothing is interrupted.
fn quiet() -> TurnConfig {
    TurnConfig { start: Vec::new(), ..TurnConfig::default() }
}

conformance!(
    the_users_aggregator,
    || Conversation::new("").aggregators(quiet()).0,
    consumes: [FrameKind::LlmRequest]
);
conformance!(the_assistants_aggregator, || Conversation::new("").aggregators(quiet()).1);

#[test]
fn a_turn_is_answered_once_and_both_sides_are_kept() {
    let mut line = Line::new(TurnConfig::default());
    line.say("hello there");
    line.harness.advance(Duration::from_secs(5));
    line.say("how are you");
    line.harness.advance(Duration::from_secs(5));
    let expected = [
        "user: hello there",
        "assistant: echo: hello there",
        "user: how are you",
        "assistant: echo: how are you",
    ];
    assert_eq!(line.talk(), expected);
    let log = line.harness.log();
    assert_eq!(log.count(FrameKind::ResponseStarted), 2);
    assert_eq!(log.count(FrameKind::UserStoppedSpeaking), 4, "twice, both ways");
    assert_eq!(log.events().filter(|event| format!("{event:?}").contains("Interrupted(")).count(), 0);
}

#[test]
fn r_40_a_confirmed_turn_is_asked_for_without_any_wait() {
    let mut line = Line::with(TurnConfig::default(), Echo { thinks: Duration::ZERO }, false);
    line.say("hello");
    let log = line.harness.log();
    let (final_at, asked) = (log.time_of(FrameKind::Transcription), log.time_of(FrameKind::ResponseStarted));
    assert!(final_at.is_some());
    assert_eq!(final_at, asked, "{}", log.timed());
    assert_eq!(log.time_of(FrameKind::UserStoppedSpeaking), final_at);
    let first = |kind| log.down().into_iter().position(|frame| frame.kind() == kind).unwrap();
    assert!(first(FrameKind::ResponseStarted) < first(FrameKind::UserStoppedSpeaking), "asked first");
}

#[test]
fn r_36_a_backchannel_resumes_playback_at_the_same_sample() {
    let mut line = Line::new(TurnConfig::default());
    line.say("tell me a long story");
    line.harness.advance(ms(800));
    line.say("mm-hm");
    line.harness.advance(Duration::from_secs(5));
    let heard = line.heard.lock().unwrap().clone();
    let letters: Vec<i16> = heard.iter().map(|(_, letter)| *letter).collect();
    let whole = "echo: tell me a long story".len() as i16;
    assert_eq!(letters, (1..=whole).collect::<Vec<_>>(), "every letter once, in order");
    let held = heard.windows(2).filter(|pair| pair[1].0 - pair[0].0 > LETTER).count();
    assert_eq!(held, 1, "it was silent once in between: {heard:?}");
    assert_eq!(line.talk(), ["user: tell me a long story", "assistant: echo: tell me a long story"]);
}

#[test]
fn r_35_a_barge_in_leaves_the_words_heard_and_a_note() {
    for words in [true, false] {
        let mut line = Line::with(TurnConfig::default(), Echo { thinks: ms(300) }, words);
        line.say("one two three four five six seven");
        // 300 ms of thought, then 19 letters: "echo: one two three".
        line.harness.advance(ms(300 + 19 * 50 + 20));
        line.speak();
        line.guess("stop");
        line.hush();
        line.confirm("stop that");
        line.harness.advance(Duration::from_secs(5));
        let expected = [
            "user: one two three four five six seven",
            &format!("assistant: echo: one two three {NOTE}"),
            "user: stop that",
            "assistant: echo: stop that",
        ];
        assert_eq!(line.talk(), expected, "with word times: {words}");
    }
}

#[test]
fn an_answer_that_was_never_heard_leaves_nothing_and_the_question_grows() {
    let mut line = Line::new(TurnConfig::default());
    line.say("what is the weather");
    line.harness.advance(ms(100));
    line.say("in Delhi");
    line.harness.advance(Duration::from_secs(5));
    let expected = ["user: what is the weather in Delhi", "assistant: echo: what is the weather in Delhi"];
    assert_eq!(line.talk(), expected);
}

#[test]
fn the_session_interrupted_by_the_application_is_open_again() {
    let mut line = Line::new(TurnConfig::default());
    line.say("one two three four");
    line.harness.advance(ms(300 + 9 * 50 + 20));
    line.harness.interrupt();
    line.harness.advance(ms(100));
    assert_eq!(line.talk(), ["user: one two three four", &format!("assistant: echo: one {NOTE}")]);
    line.say("again");
    line.harness.advance(Duration::from_secs(3));
    assert_eq!(line.talk().last().unwrap(), "assistant: echo: again");
}

fn customs<T: voxline_core::CustomFrame + Clone>(line: &Line) -> Vec<T> {
    let log = line.harness.log();
    let down = log.down().into_iter().filter_map(|frame| match &frame.payload {
        Payload::Custom(custom) => custom.downcast_ref::<T>().cloned(),
        _ => None,
    });
    down.collect()
}

#[test]
fn b_119_frames_of_a_muted_user_do_not_leave() {
    let mut line =
        Line::new(TurnConfig { mute: vec![Box::<WhileBotSpeaks>::default()], ..TurnConfig::default() });
    line.say("hello there");
    line.harness.advance(ms(600));
    line.harness.news();
    line.speak();
    line.guess("stop");
    line.harness.queue(voxline_testkit::samples::input(20));
    line.hush();
    line.confirm("stop that");
    let news = line.harness.news();
    for kind in [
        FrameKind::SpeechStarted,
        FrameKind::InterimTranscription,
        FrameKind::InputAudio,
        FrameKind::Transcription,
    ] {
        assert_eq!(news.count(kind), 0, "{kind:?} left:\n{news}");
    }
    line.harness.advance(Duration::from_secs(5));
    assert_eq!(customs::<UserMuted>(&line), [UserMuted(true), UserMuted(false)]);
    assert_eq!(line.talk(), ["user: hello there", "assistant: echo: hello there"]);
}

#[test]
fn b_115_the_conversation_as_it_is_is_answered_when_asked_for() {
    let mut line = Line::new(TurnConfig::default());
    line.harness.queue(voxline_core::frame::Frame::custom(AnswerNow));
    line.harness.advance(Duration::from_secs(3));
    assert_eq!(line.talk(), ["assistant: Welcome."]);
    // While the user has the floor it waits for the end of the turn, also of one without words.
    line.speak();
    line.harness.queue(voxline_core::frame::Frame::custom(AnswerNow));
    line.harness.advance(ms(500));
    assert_eq!(line.harness.log().count(FrameKind::ResponseStarted), 1);
    line.hush();
    line.confirm("");
    line.harness.advance(Duration::from_secs(3));
    assert_eq!(line.harness.log().count(FrameKind::ResponseStarted), 2);
}

#[test]
fn b_118_b_126_what_is_open_at_the_end_is_kept() {
    let mut line = Line::new(TurnConfig::default());
    line.speak();
    line.guess("goodbye");
    line.harness.end();
    line.harness.advance(Duration::from_secs(5));
    assert_eq!(line.talk()[0], "user: goodbye");
}

#[test]
fn b_126_what_the_assistant_was_saying_at_the_end_is_kept() {
    let mut line = Line::new(TurnConfig::default());
    line.say("say goodbye to me");
    line.harness.advance(ms(300 + 5 * 50));
    assert_eq!(line.talk().len(), 1, "it is being spoken");
    line.harness.end();
    line.harness.advance(Duration::from_secs(10));
    assert_eq!(
        line.talk()[1],
        "assistant: echo: say goodbye to me",
        "the end waits for what is being spoken"
    );
    // Where the session is cut off, what was heard counts.
    let mut line = Line::new(TurnConfig::default());
    line.say("say goodbye to me");
    line.harness.advance(ms(300 + 9 * 50 + 20));
    line.harness.interrupt();
    line.harness.end();
    line.harness.advance(ms(100));
    assert_eq!(line.talk()[1], format!("assistant: echo: say {NOTE}"));
}

#[test]
fn b_125_a_text_that_is_spoken_apart_from_any_answer_is_kept() {
    let mut line = Line::new(TurnConfig::default());
    line.harness.queue(voxline_core::frame::Frame::speak("One moment."));
    line.harness.advance(Duration::from_secs(3));
    assert_eq!(line.talk(), ["assistant: One moment."]);
}

#[test]
fn where_nothing_is_spoken_the_text_counts_as_said() {
    let conversation = Conversation::new("");
    let config = TurnConfig { commit: CommitBy::Text, ..TurnConfig::default() };
    let (_, assistant) = conversation.aggregators(config);
    let mut harness = voxline_testkit::Harness::new(assistant);
    harness.queue(Payload::ResponseStarted);
    harness.queue(voxline_core::frame::Frame::text("Hel"));
    harness.queue(voxline_core::frame::Frame::text("lo."));
    harness.queue(Payload::ResponseEnded);
    assert_eq!(conversation.messages().iter().map(line).collect::<Vec<_>>(), ["assistant: Hello."]);
    let log = harness.log();
    assert!(log.to_string().contains(&format!("{:?}", BotProgress::Ended { speaks: false })), "{log}");
}

#[test]
fn r_59_silence_is_answered_in_steps_and_the_last_ends_the_session() {
    let idle = Idle::new()
        .then(Duration::from_secs(5), IdleAction::Speak("Still there?".into()))
        .then(Duration::from_secs(5), IdleAction::Ask("The user is silent.".into()))
        .then(Duration::from_secs(5), IdleAction::SpeakAndEnd("Goodbye.".into()));
    let mut line = Line::new(TurnConfig { idle, ..TurnConfig::default() });
    line.harness.advance(Duration::from_secs(40));
    let talk = line.talk();
    let expected = [
        "assistant: Still there?",
        "system: The user is silent.",
        "assistant: Welcome.",
        "assistant: Goodbye.",
    ];
    assert_eq!(talk, expected);
    assert_eq!(customs::<UserIdle>(&line).iter().map(|idle| idle.times).collect::<Vec<_>>(), [1, 2, 3]);
    let outcome = line.harness.finish_outcome().map_err(|error| error.to_string());
    assert_eq!(outcome, Ok(voxline_core::Outcome::Ended));
}

#[test]
fn messages_are_told_as_they_are_added() {
    let mut line = Line::new(TurnConfig::default());
    line.say("hello");
    line.harness.advance(ms(300 + 5 * 50 + 10));
    line.say("no stop");
    line.harness.advance(Duration::from_secs(5));
    let told = customs::<MessageAdded>(&line);
    let lines: Vec<_> = told.iter().map(|added| (support::line(&added.message), added.cut)).collect();
    assert_eq!(lines[0], ("user: hello".into(), false));
    assert_eq!(lines[1], (format!("assistant: echo: {NOTE}"), true));
    assert_eq!(lines[2], ("user: no stop".into(), false));
}

#[test]
fn strategies_change_in_mid_call() {
    let mut line = Line::new(TurnConfig::default());
    let update = TurnUpdate { start: Some(vec![Box::new(Voice::at_once())]), ..TurnUpdate::default() };
    line.harness.queue(voxline_core::frame::Frame::custom(update));
    line.say("tell me a long story");
    line.harness.advance(ms(800));
    line.speak();
    let interrupted = format!("{}", line.harness.log());
    assert!(interrupted.contains("interrupted g1 UserSpoke"), "{interrupted}");
}

#[test]
fn a_parrot_can_stand_where_the_model_does() {
    let mut line = Line::with(TurnConfig::default(), Parrot::new("You said:").of_conversation(), false);
    line.say("hello");
    line.harness.advance(Duration::from_secs(3));
    assert_eq!(line.talk(), ["user: hello", "assistant: You said: hello"]);
}

/// Counts messages.
struct Count;

impl Summarise for Count {
    fn summarise(&self, messages: std::sync::Arc<[ChatMessage]>) -> Summary {
        Box::pin(async move { Ok(format!("{} messages.", messages.len())) })
    }
}

#[test]
fn b_129_a_long_conversation_is_summarised() {
    let config = SummaryConfig { messages: 6, keep: 2, ..SummaryConfig::default() };
    let summary = Some((std::sync::Arc::new(Count) as std::sync::Arc<dyn Summarise>, config));
    let mut line = Line::new(TurnConfig { summary, ..TurnConfig::default() });
    for word in ["one", "two", "three"] {
        line.say(word);
        line.harness.advance(Duration::from_secs(3));
    }
    let expected =
        ["user: Summary of the conversation so far: 4 messages.", "user: three", "assistant: echo: three"];
    assert_eq!(line.talk(), expected);
}

/// What a listener heard of "echo: …" before `letters` letters, as words.
fn words_heard(said: &str, letters: usize) -> Vec<String> {
    let answer = format!("echo: {said}");
    let mut end = 0;
    let heard = answer.split(' ').take_while(|word| {
        end += word.len() + 1;
        end - 1 <= letters
    });
    heard.map(str::to_owned).collect()
}

#[test]
fn fifty_turns_with_random_barge_ins_are_answered_once_and_kept_as_heard() {
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut line = Line::with(TurnConfig::default(), Echo { thinks: ms(300) }, seed % 2 == 0);
        let mut expected: Vec<(String, Option<Vec<String>>)> = Vec::new();
        let mut cut = 0;
        for turn in 0..50 {
            let count = random.usize(3..12);
            let said = (0..count).map(|word| format!("word{turn}x{word}")).collect::<Vec<_>>().join(" ");
            line.speak();
            line.guess(&said);
            line.hush();
            line.confirm(&said);
            let letters = "echo: ".len() + said.len();
            let whole = 300 + 50 * letters as u64 + 100;
            if random.bool() {
                line.harness.advance(ms(whole));
                expected.push((said.clone(), Some(words_heard(&said, letters))));
            } else {
                // The next turn cuts this answer, somewhere after its first word.
                cut += 1;
                let letters = random.usize(7..letters);
                line.harness.advance(ms(300 + 50 * letters as u64 + 25));
                expected.push((said.clone(), Some(words_heard(&said, letters))));
            }
        }
        line.harness.advance(Duration::from_secs(60));
        let talk = line.talk();
        assert_eq!(talk.len(), 100, "seed {seed}: {talk:#?}");
        for (turn, (said, heard)) in expected.iter().enumerate().take(49) {
            let (user, assistant) = (&talk[2 * turn], &talk[2 * turn + 1]);
            assert_eq!(user, &format!("user: {said}"), "seed {seed}, turn {turn}");
            let kept = assistant.strip_prefix("assistant: ").unwrap().trim_end_matches(NOTE);
            let kept: Vec<_> = kept.split_whitespace().map(str::to_owned).collect();
            let heard = heard.as_ref().unwrap();
            let apart = kept.len().abs_diff(heard.len());
            assert!(apart <= 1, "seed {seed}, turn {turn}: kept {kept:?}, heard {heard:?}");
            let common = kept.len().min(heard.len());
            assert_eq!(kept[..common], heard[..common], "seed {seed}, turn {turn}");
        }
        let log = line.harness.log();
        assert_eq!(log.count(FrameKind::ResponseStarted), 50, "seed {seed}: each turn is answered once");
        assert!(cut > 10, "seed {seed}: there were barge-ins");
        // No stale word: the letters of each answer come in order, each once, and every new answer begins at one.
        let heard = line.heard.lock().unwrap().clone();
        for pair in heard.windows(2) {
            let goes_on = pair[1].1 == pair[0].1 + 1 || pair[1].1 == 1;
            assert!(goes_on, "seed {seed}: {:?} after {:?}", pair[1], pair[0]);
        }
    }
}
