//! Barge-in: nothing of a dead answer, and no waiting.

use std::time::Duration;

use voxline_core::service::{TtsCommand, TtsEvent};
use voxline_wire::Session as _;

use super::{Bench, enough};

#[test]
fn w66_r_31_nothing_of_an_interrupted_answer_is_delivered_though_the_service_goes_on() {
    let mut bench = Bench::open();
    bench.say(1, "A very long answer that is cut.");
    bench.chunk(1, 1, 0, 800);
    bench.interrupt(1);
    let before = bench.samples_of(1);
    bench.chunk(1, 1, 0, 800);
    bench.complete(1, 1, 0);
    bench.say(2, "The next.");
    bench.chunk(1, 1, 0, 800);
    bench.open_line(2);
    bench.chunk(2, 1, 0, 800);
    bench.chunk(2, 2, 0, enough(7));
    bench.complete(2, 2, 0);
    assert_eq!(bench.samples_of(1), before);
    assert_eq!(bench.samples_of(2), enough(7));
    assert!(!bench.finished(1) && bench.failure(1).is_none() && bench.finished(2));
}

#[test]
fn an_interruption_in_mid_speech_replaces_the_line_at_once() {
    let mut bench = Bench::open();
    bench.say(1, "A very long answer that is cut.");
    bench.chunk(1, 1, 0, 800);
    bench.interrupt(1);
    bench.say(2, "The next.");
    bench.open_line(2);
    insta::assert_snapshot!(bench.log);
}

#[test]
fn an_interruption_between_answers_keeps_the_line() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.chunk(1, 1, 0, enough(5));
    bench.complete(1, 1, 0);
    bench.interrupt(1);
    bench.say(2, "Next.");
    assert_eq!(bench.connects, 1);
    assert_eq!(bench.take_sent().len(), 2);
}

#[test]
fn an_interruption_spares_later_answers() {
    let mut bench = Bench::open();
    bench.say(1, "One.");
    bench.say(2, "Two.");
    bench.say(3, "Three.");
    bench.interrupt(2);
    bench.open_line(2);
    bench.chunk(2, 3, 0, enough(5));
    bench.complete(2, 3, 0);
    assert!(bench.finished(3) && !bench.finished(1) && !bench.finished(2));
}

#[test]
fn text_that_follows_an_interruption_of_its_answer_is_not_spoken() {
    let mut bench = Bench::open();
    bench.speak(1, "One.");
    bench.interrupt(1);
    bench.open_line(2);
    bench.take_sent();
    bench.speak(1, "Two.");
    bench.finish(1);
    assert!(bench.take_sent().is_empty());
    assert!(!bench.finished(1));
}

#[test]
fn an_interruption_before_the_line_is_open_costs_no_reconnect() {
    let mut bench = Bench::new();
    bench.say(1, "One.");
    bench.interrupt(1);
    bench.say(2, "Two.");
    bench.open_line(1);
    assert_eq!(bench.connects, 1);
    let sent = bench.take_sent();
    assert!(sent.len() == 1 && sent[0].contains("Two."), "{sent:?}");
}

#[test]
fn audio_the_pipeline_has_not_taken_is_taken_back() {
    let mut bench = Bench::open();
    bench.say(1, "Hello.");
    bench.chunk(1, 1, 0, 100);
    // The pipeline takes no event between these.
    let json = format!(
        r#"{{"external_request_id":"00005eed.1.0","status":"chunk","data":{{"audio":"{}"}}}}"#,
        super::audio(500)
    );
    let message = voxline_wire::Message::Text(json);
    bench.session.handle_connection(
        bench.now,
        voxline_wire::ConnectionId(1),
        voxline_wire::Happened::Message(message),
    );
    bench
        .session
        .handle_command(bench.now, TtsCommand::Interrupt { through: voxline_core::frame::ContextId(1) });
    while let Some(event) = bench.session.poll_event() {
        assert!(!matches!(event, TtsEvent::Audio { .. }));
    }
}

#[test]
fn interruptions_in_a_row_wait_for_nothing() {
    let mut bench = Bench::open();
    for context in 1..20 {
        bench.say(context, "An answer that is cut short at once.");
        bench.interrupt(context);
        bench.open_line(u64::from(context) + 1);
    }
    bench.say(20, "The last.");
    bench.chunk(20, 20, 0, enough(7));
    bench.complete(20, 20, 0);
    assert!(bench.finished(20));
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.count(|event| matches!(event, TtsEvent::Failed { .. })), 0);
}
