//! From text to the end of its answer.

use std::time::Duration;

use voxline_audio::SampleRate;
use voxline_core::service::TtsEvent;

use super::{Bench, config, enough};
use crate::{session::Rates, settings::TtsSettings};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_answer_of_two_sentences_is_spoken_and_over_with_its_last_complete() {
    let mut bench = Bench::open();
    bench.speak(1, "Hello there.");
    bench.chunk(1, 1, 0, 2_000);
    bench.speak(1, "How are you?");
    bench.finish(1);
    bench.chunk(1, 1, 0, 1_500);
    bench.chunk(1, 1, 1, 3_200);
    bench.complete(1, 1, 1);
    insta::assert_snapshot!(bench.log);
}

#[test]
fn r_11_a_first_answer_waits_for_the_line_and_is_sent_when_it_opens() {
    let mut bench = Bench::new();
    bench.say(1, "Hello.");
    assert!(bench.take_sent().is_empty());
    bench.open_line(1);
    assert_eq!(bench.take_sent().len(), 1);
}

#[test]
fn answers_are_spoken_one_after_the_other() {
    let mut bench = Bench::open();
    bench.say(1, "First.");
    bench.say(2, "Second.");
    assert_eq!(bench.take_sent().len(), 1, "the second waits");
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    assert!(bench.finished(1));
    assert_eq!(bench.take_sent().len(), 1, "the second is sent with the end of the first, without a pause");
    bench.chunk(1, 2, 0, enough(6));
    bench.complete(1, 2, 0);
    assert!(bench.finished(2));
}

#[test]
fn w61_empty_and_blank_text_makes_no_request() {
    let mut bench = Bench::open();
    for text in ["", " ", "\n\t \u{3000}"] {
        bench.speak(1, text);
    }
    bench.finish(1);
    bench.finish(2);
    assert!(bench.take_sent().is_empty());
    assert!(bench.finished(1) && bench.finished(2));
}

#[test]
fn w72_an_end_without_complete_is_found_by_length_and_quiet() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there.");
    bench.chunk(1, 1, 0, enough(10));
    bench.wait(Duration::from_millis(799));
    assert!(!bench.finished(1));
    bench.wait(Duration::from_millis(1));
    assert!(bench.finished(1));
    assert_eq!(bench.session.counters.counts().assumed_complete, 1);
}

#[test]
fn w72_a_late_complete_of_an_answer_that_is_over_ends_no_other() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there.");
    bench.chunk(1, 1, 0, enough(10));
    bench.wait(SECOND);
    assert!(bench.finished(1));
    bench.say(2, "And you?");
    bench.complete(1, 1, 0);
    bench.complete(1, 1, 0);
    assert!(!bench.finished(2));
    bench.chunk(1, 2, 0, enough(6));
    bench.complete(1, 2, 0);
    assert!(bench.finished(2));
    assert_eq!(bench.samples_of(2), enough(6));
}

#[test]
fn w72_several_completes_end_an_answer_once() {
    let mut bench = Bench::open();
    bench.speak(1, "One.");
    bench.chunk(1, 1, 0, enough(3));
    bench.complete(1, 1, 0);
    bench.complete(1, 1, 0);
    bench.speak(1, "Two.");
    bench.finish(1);
    bench.complete(1, 1, 0);
    assert!(!bench.finished(1), "none of these was of the second request");
    bench.chunk(1, 1, 1, enough(3));
    bench.complete(1, 1, 1);
    bench.complete(1, 1, 1);
    assert!(bench.finished(1));
}

#[test]
fn a_pause_of_the_model_in_mid_answer_is_no_error() {
    let mut bench = Bench::open();
    bench.speak(1, "One.");
    bench.chunk(1, 1, 0, enough(3));
    bench.complete(1, 1, 0);
    bench.wait(25 * SECOND);
    bench.say(1, "Two.");
    bench.chunk(1, 1, 1, enough(3));
    bench.complete(1, 1, 1);
    assert!(bench.finished(1));
    assert_eq!(bench.count(|event| matches!(event, TtsEvent::Failed { .. })), 0);
}

#[test]
fn an_emoji_that_the_service_does_not_speak_ends_without_error() {
    let mut bench = Bench::open();
    bench.say(1, "🙂");
    bench.wait(3 * SECOND);
    assert!(bench.finished(1), "{}", bench.log);
}

#[test]
fn r_03_text_without_audio_is_reported_and_sent_once_more_over_a_new_line() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there.");
    bench.wait(3 * SECOND);
    bench.open_line(2);
    bench.wait(3 * SECOND);
    insta::assert_snapshot!(bench.log);
    assert!(bench.failure(1).is_some());
}

#[test]
fn r_03_text_sent_again_is_spoken() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there.");
    bench.wait(3 * SECOND);
    bench.open_line(2);
    bench.chunk(2, 1, 1, enough(10));
    bench.complete(2, 1, 1);
    assert!(bench.finished(1));
    assert_eq!(bench.session.counters.counts().resent, 1);
}

#[test]
fn r_15_audio_that_stops_short_fails_the_answer_with_what_was_delivered() {
    let mut bench = Bench::open();
    bench.say(1, "Hello there, this is a long sentence.");
    bench.chunk(1, 1, 0, 800);
    bench.wait(3 * SECOND);
    let delivered = bench.events.iter().find_map(|event| match event {
        TtsEvent::Failed { context: Some(_), delivered, .. } => Some(*delivered),
        _ => None,
    });
    assert_eq!(delivered, Some(Duration::from_millis(100)));
    assert!(
        bench.failure(1).unwrap().starts_with("Server: the audio of 00005eed.1.0 stopped"),
        "{}",
        bench.log
    );
}

#[test]
fn w68_r_19_r_20_samples_torn_anywhere_arrive_whole() {
    let mut bench = Bench::open();
    bench.say(1, "Hi.");
    let bytes: Vec<u8> = (0..999_i16).flat_map(i16::to_le_bytes).collect();
    for piece in bytes.chunks(333) {
        use base64::Engine as _;
        let audio = base64::engine::general_purpose::STANDARD.encode(piece);
        bench.text(
            1,
            &format!(
                r#"{{"external_request_id":"00005eed.1.0","status":"chunk","data":{{"audio":"{audio}"}}}}"#
            ),
        );
    }
    bench.complete(1, 1, 0);
    let samples: Vec<i16> = bench
        .events
        .iter()
        .flat_map(|event| match event {
            TtsEvent::Audio { pcm, .. } => pcm.samples().to_vec(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(samples, (0..999).collect::<Vec<i16>>());
    assert_eq!(bench.session.counters.counts().left_over_bytes, 0);
}

#[test]
fn r_19_a_byte_left_over_at_the_end_is_counted() {
    let mut bench = Bench::open();
    bench.say(1, "Hi.");
    bench.text(1, r#"{"external_request_id":"00005eed.1.0","status":"chunk","data":{"audio":"AAAA"}}"#);
    bench.complete(1, 1, 0);
    assert_eq!(bench.samples_of(1), 1);
    assert_eq!(bench.session.counters.counts().left_over_bytes, 1);
}

#[test]
fn w69_bad_base64_fails_its_answer_and_the_next_is_spoken() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.text(1, r#"{"external_request_id":"00005eed.1.0","status":"chunk","data":{"audio":"***"}}"#);
    assert_eq!(bench.failure(1).unwrap(), "Protocol: a chunk of audio is not valid base64");
    bench.say(2, "Hello again.");
    bench.open_line(2);
    bench.chunk(2, 2, 0, enough(10));
    bench.complete(2, 2, 0);
    assert!(bench.finished(2));
}

#[test]
fn w74_all_four_error_shapes_fail_the_answer_with_their_message() {
    for shape in [
        r#"{"status":"error","message":"no such voice"}"#,
        r#"{"status":"error","error":{"message":"no such voice","code":"E1"}}"#,
        r#"{"status":"error","message":"request failed","errors":[{"message":"no such voice"}]}"#,
        r#"{"request_id":"task_9","status":"error","error":{"message":"no such voice"}}"#,
    ] {
        let mut bench = Bench::open();
        bench.say(1, "Hello.");
        bench.text(1, shape);
        assert!(bench.failure(1).unwrap().contains("no such voice"), "{shape}");
        assert!(!bench.finished(1));
    }
}

#[test]
fn an_error_that_names_an_answer_that_is_over_fails_no_other() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    bench.say(2, "Hello again.");
    bench.text(1, r#"{"external_request_id":"00005eed.1.0","status":"error","message":"late"}"#);
    assert!(bench.failure(2).is_none());
}

#[test]
fn w71_words_of_all_requests_stand_on_one_timeline() {
    let mut bench = Bench::open();
    bench.speak(1, "Hello there.");
    bench.word(1, 1, 0, "Hello", 0.0, 0.4);
    bench.chunk(1, 1, 0, 4_000);
    bench.speak(1, "How are you?");
    bench.finish(1);
    bench.chunk(1, 1, 0, 4_000);
    bench.word(1, 1, 0, "there.", 0.4, 0.9);
    bench.chunk(1, 1, 1, 800);
    bench.word(1, 1, 1, "How", 0.1, 0.3);
    let words: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            TtsEvent::Word { text, start, end, .. } => {
                Some((text.as_str(), start.as_millis(), end.as_millis()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(words, [("Hello", 0, 400), ("there.", 400, 900), ("How", 1_100, 1_300)]);
}

#[test]
fn words_with_impossible_times_do_no_harm() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.word(1, 1, 0, "a", -1.0, 0.5);
    bench.word(1, 1, 0, "b", 1e300, 1e301);
    bench.word(1, 1, 0, "c", 0.5, 0.1);
    assert_eq!(bench.count(|event| matches!(event, TtsEvent::Word { .. })), 2);
}

#[test]
fn w58_audio_is_resampled_to_the_pipeline_and_keeps_its_length() {
    let rates = Rates { service: SampleRate::new(44_100).unwrap(), pipeline: SampleRate::HZ_48000 };
    let mut bench = Bench::at(config(), TtsSettings::default(), rates).opened(1);
    bench.say(1, "Hello.");
    for _ in 0..10 {
        bench.chunk(1, 1, 0, 4_410);
    }
    bench.complete(1, 1, 0);
    assert!(bench.finished(1));
    assert_eq!(bench.samples_of(1), 48_000);
    assert!(bench.take_sent()[0].contains(r#""sample_rate":44100"#));
}

#[test]
fn text_of_100_kb_is_spoken_in_requests_of_limited_length() {
    let mut bench = Bench::open();
    let sentence = "This sentence has a number of words in it. ";
    let text = sentence.repeat(100_000 / sentence.len() + 1);
    bench.say(1, &text);
    let mut requests = Vec::new();
    for request in 0.. {
        requests.extend(bench.take_sent());
        if bench.finished(1) {
            break;
        }
        bench.chunk(1, 1, request, 400_000);
        bench.complete(1, 1, request);
    }
    let spoken: String = requests
        .iter()
        .map(|json| {
            let message: serde_json::Value = serde_json::from_str(json).unwrap();
            message["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(spoken, text);
    assert!(requests.len() > 100 && requests.len() < 120, "{}", requests.len());
}

#[test]
fn more_text_than_the_bound_fails_its_answer_and_no_other() {
    let mut limited = config();
    limited.max_queued_text = 100;
    let mut bench = Bench::with(limited, TtsSettings::default());
    bench.say(1, "Hello.");
    bench.speak(2, &"x".repeat(101));
    assert!(bench.failure(2).unwrap().starts_with("BadInput: more than 100 bytes"));
    bench.speak(2, "more of it");
    bench.open_line(1);
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    assert!(bench.finished(1));
}

#[test]
fn w76_w88_end_speaks_what_is_outstanding_and_closes() {
    let mut bench = Bench::open();
    bench.speak(1, "Hello.");
    bench.end();
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    bench.close(1, 1000, "");
    insta::assert_snapshot!(bench.log);
    use voxline_wire::Session as _;
    assert!(bench.session.is_finished() && bench.session.poll_timeout().is_none());
}

#[test]
fn w86_an_end_that_nobody_answers_is_over_in_time() {
    use voxline_wire::Session as _;
    let mut bench = Bench::new();
    bench.say(1, "Hello.");
    bench.end();
    bench.wait(5 * SECOND);
    assert!(bench.session.is_finished());
    assert!(bench.failure(1).unwrap().contains("within 5s of the end"), "{}", bench.log);
}
