//! What the stage around a synthesizer makes of an answer's text: filtered, cut, and spoken in order.

use std::{num::NonZeroUsize, time::Duration};

use voxline_core::{
    frame::{Frame, FrameKind, Payload},
    service::{TtsCommand, TtsEvent, TtsStage},
    text::{Emoji, Markdown, PatternAction, PatternPairs, TextFilter},
};
use voxline_testkit::{Act, FakeTts, Harness, Log, Puppet};

/// A synthesizer that wants whole sentences.
fn by_sentences() -> (FakeTts, Puppet<TtsCommand, TtsEvent>) {
    let (tts, puppet) = FakeTts::speaking(Duration::from_millis(10));
    (tts.with_profile(|profile| profile.streams_text = false), puppet)
}

fn answer(chunks: &[&str]) -> Vec<Frame> {
    let mut frames = vec![Frame::new(Payload::ResponseStarted)];
    frames.extend(chunks.iter().map(|chunk| Frame::text(*chunk)));
    frames.push(Frame::new(Payload::ResponseEnded));
    frames
}

fn asked(puppet: &Puppet<TtsCommand, TtsEvent>) -> Vec<String> {
    let commands = puppet.taken().into_iter();
    let texts = commands.filter_map(|command| match command {
        TtsCommand::Speak { text, .. } => Some(text),
        TtsCommand::Finish { .. } => Some("/".into()),
        _ => None,
    });
    texts.collect()
}

fn spoken(log: &Log) -> Vec<String> {
    let texts = log.frames().filter_map(|frame| match &frame.payload {
        Payload::TtsText(spoken) => Some(spoken.text.to_string()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn text_goes_through_the_filters_and_then_into_sentences() {
    let (tts, puppet) = by_sentences();
    let filters: [Box<dyn TextFilter>; 2] = [Box::new(Markdown::new()), Box::new(Emoji::new())];
    let stage = TtsStage::new(tts).with_filters(filters);
    let log =
        Harness::new(stage).run(answer(&["**Hel", "lo** there 😀! S", "ee [this](htt", "p://x.y). Bye"]));
    assert_eq!(asked(&puppet), ["Hello there!", "See this.", "Bye", "/"]);
    assert_eq!(spoken(&log), ["Hello there! ", "See this. ", "Bye"], "with the space between them");
    assert_eq!(log.texts().concat(), "**Hello** there 😀! See [this](http://x.y). Bye", "the text passes on");
}

#[test]
fn a_service_that_streams_gets_filtered_text_as_it_comes() {
    let (tts, puppet) = FakeTts::speaking(Duration::from_millis(10));
    let stage = TtsStage::new(tts).with_filter(Markdown::new());
    Harness::new(stage).run(answer(&["**Hel", "lo** ", "the", "re *"]));
    assert_eq!(asked(&puppet), ["Hel", "lo ", "the", "re ", "*", "/"]);
}

#[test]
fn r_48_an_answer_of_which_nothing_is_left_asks_for_nothing_and_holds_nothing_up() {
    let (tts, puppet) = by_sentences();
    let stage = TtsStage::new(tts).with_filter(Emoji::new());
    let mut harness = Harness::new(stage);
    for frame in answer(&["😀", " ", "👍🏽"]).into_iter().chain(answer(&[])).chain([Frame::speak("❤️")])
    {
        harness.queue(frame);
    }
    assert_eq!(asked(&puppet), [""; 0]);
    for frame in answer(&["Hi. 😀"]) {
        harness.queue(frame);
    }
    harness.advance(Duration::from_secs(1));
    let log = harness.finish();
    assert_eq!(asked(&puppet), ["Hi.", "/"]);
    assert_eq!((log.count(FrameKind::TtsStarted), log.count(FrameKind::TtsStopped)), (1, 1));
    assert_eq!(log.count(FrameKind::ResponseEnded), 3);
}

#[test]
fn the_first_clause_is_asked_for_before_the_sentence_is_written() {
    let (tts, puppet) = by_sentences();
    let stage = TtsStage::new(tts).with_first_clause(NonZeroUsize::new(10).unwrap());
    let mut harness = Harness::new(stage);
    for frame in [Frame::new(Payload::ResponseStarted), Frame::text("Well, let me see, I th")] {
        harness.queue(frame);
    }
    assert_eq!(asked(&puppet), ["Well, let me see,"]);
    for frame in [Frame::text("ink, yes. And so, on."), Frame::new(Payload::ResponseEnded)] {
        harness.queue(frame);
    }
    for frame in answer(&["The next answer, too, is early."]) {
        harness.queue(frame);
    }
    harness.finish();
    let all = asked(&puppet);
    assert_eq!(all[1..5], ["I think, yes.", "And so, on.", "/", "The next answer,"]);
}

#[test]
fn an_interruption_forgets_what_filters_and_sentences_held_back() {
    let (tts, puppet) = by_sentences();
    let pairs = PatternPairs::new().with_pair("<think>", "</think>", PatternAction::Remove);
    let mut harness = Harness::new(TtsStage::new(tts).with_filter(pairs));
    for frame in [Frame::new(Payload::ResponseStarted), Frame::text("Half a <think>and")] {
        harness.queue(frame);
    }
    harness.interrupt();
    for frame in answer(&["All of this."]) {
        harness.queue(frame);
    }
    harness.finish();
    assert_eq!(asked(&puppet), ["All of this.", "/"]);
}

#[test]
fn a_speak_in_the_middle_of_an_answer_comes_after_what_was_said() {
    let (tts, puppet) = by_sentences();
    let frames = [
        Frame::new(Payload::ResponseStarted),
        Frame::text("One **mo"),
        Frame::speak("Wait."),
        Frame::text("re** thing."),
        Frame::new(Payload::ResponseEnded),
    ];
    Harness::new(TtsStage::new(tts).with_filter(Markdown::new())).run(frames);
    assert_eq!(asked(&puppet), ["One mo", "/", "Wait.", "/", "re thing.", "/"]);
}

#[test]
fn r_57_each_answer_is_started_then_heard_then_stopped_and_none_within_another() {
    let (tts, _puppet) = FakeTts::scripted(|command| match command {
        TtsCommand::Speak { context, text } => {
            vec![Act::Send(FakeTts::audio(*context, 40)), Act::Send(FakeTts::word(*context, text, 0, 40))]
        }
        TtsCommand::Finish { context } => vec![Act::Send(TtsEvent::Finished { context: *context })],
        _ => Vec::new(),
    });
    let stage = TtsStage::new(tts.with_profile(|profile| profile.streams_text = false));
    let frames = [answer(&["One. Two. ", "Three"]), vec![Frame::speak("Four.")], answer(&["Five? Six!"])];
    let log = Harness::new(stage).run(frames.into_iter().flatten());
    let (mut open, mut last, mut words) = (None, 0, 0);
    for frame in log.frames() {
        match &frame.payload {
            Payload::TtsStarted(speech) => {
                assert!(open.is_none() && speech.context.0 > last, "{log}");
                open = Some(speech.context);
                last = speech.context.0;
            }
            Payload::OutputAudio(audio) => assert_eq!(open, Some(audio.context), "{log}"),
            Payload::TtsWord(word) => {
                assert_eq!(open, Some(word.context), "{log}");
                words += 1;
            }
            Payload::TtsStopped(speech) => assert_eq!(open.take(), Some(speech.context), "{log}"),
            _ => {}
        }
    }
    assert_eq!((open, last, words), (None, 3, 6));
}
