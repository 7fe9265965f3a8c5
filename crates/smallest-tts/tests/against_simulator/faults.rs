//! What goes wrong on the way, one fault at a time.

use std::time::Duration;

use smallest_tts::{SmallestTts, TtsSettings};
use voxline_core::{
    ErrorCategory,
    service::{ConnectionEvent, TtsEvent},
};

use crate::support::{Call, chain, with_faults};

const TEXT: &str = "Hello, this is spoken in spite of it all.";

async fn call(faults: &[&str]) -> Call {
    Call::with(
        with_faults(faults),
        |config| config.backoff.first = Duration::from_millis(10),
        TtsSettings::default(),
    )
    .await
}

#[tokio::test]
async fn faults_before_any_audio_cost_no_word() {
    for fault in [
        "refuse,count=1",
        "503,count=1",
        "429,count=1",
        "accept-then-close,count=1",
        "1008,count=1",
        "drop=received:1,count=1",
        "reset=received:1,count=1",
    ] {
        let mut call = call(&[fault]).await;
        call.say(1, TEXT).await;
        call.over(1).await.unwrap_or_else(|(_, error)| panic!("{fault}: {}", chain(&error)));
        assert_eq!(call.heard(1), TEXT, "{fault}");
        call.end().await.unwrap();
    }
}

#[tokio::test]
async fn messages_that_make_no_sense_cost_no_word() {
    for fault in ["malformed,at=every", "giant=1m", "slow=20"] {
        let mut call = call(&[fault]).await;
        call.say(1, TEXT).await;
        call.over(1).await.unwrap_or_else(|(_, error)| panic!("{fault}: {}", chain(&error)));
        assert_eq!(call.heard(1), TEXT, "{fault}");
        call.end().await.unwrap();
    }
}

#[tokio::test]
async fn w76_a_drop_in_mid_answer_fails_it_with_what_was_delivered_and_the_next_is_spoken() {
    for fault in [
        "drop=sent:40000,count=1",
        "reset=sent:40000,count=1",
        "garbage,at=4,count=1",
        "giant=20m,at=4,count=1",
    ] {
        let mut call = call(&[fault]).await;
        call.say(1, TEXT).await;
        let (delivered, error) = call.over(1).await.unwrap_err();
        let audio: Duration = call.audio(1).iter().map(|pcm| pcm.duration()).sum();
        assert_eq!(delivered, audio, "{fault}");
        assert!(chain(&error).contains("ended before the text was spoken"), "{fault}: {}", chain(&error));
        call.say(2, TEXT).await;
        call.over(2).await.unwrap_or_else(|(_, error)| panic!("{fault}: {}", chain(&error)));
        assert_eq!(call.heard(2), TEXT, "{fault}");
        call.end().await.unwrap();
    }
}

#[tokio::test]
async fn r_18_w80_a_message_over_the_limit_is_a_typed_error() {
    let mut call = call(&["giant=20m,count=1"]).await;
    call.say(1, TEXT).await;
    call.over(1).await.unwrap();
    assert_eq!(call.heard(1), TEXT);
    assert!(
        call.errors().iter().any(|error| error.contains("over the limit of 4194304")),
        "{:?}",
        call.errors()
    );
    call.end().await.unwrap();
}

#[tokio::test]
async fn r_14_a_line_cut_twenty_times_speaks_after_each() {
    let mut call = call(&[]).await;
    for context in 1..=20 {
        call.say(context, TEXT).await;
        call.over(context).await.unwrap_or_else(|(_, error)| panic!("{context}: {}", chain(&error)));
        assert_eq!(call.heard(context), TEXT);
        call.sim.inject_now(&"reset=now".parse().unwrap());
    }
    call.end().await.unwrap();
}

#[tokio::test]
async fn w72_an_answer_without_complete_ends_by_itself() {
    let mut call = call(&["missing-complete,at=every"]).await;
    for context in 1..3 {
        call.say(context, TEXT).await;
        call.over(context).await.unwrap();
        assert_eq!(call.heard(context), TEXT);
    }
    assert_eq!(call.counters.counts().assumed_complete, 2);
    call.end().await.unwrap();
}

#[tokio::test]
async fn w69_bad_base64_fails_the_answer_and_the_next_is_spoken() {
    let mut call = call(&["bad-base64,count=1"]).await;
    call.say(1, TEXT).await;
    let (_, error) = call.over(1).await.unwrap_err();
    assert_eq!(error.category, ErrorCategory::Protocol);
    call.say(2, TEXT).await;
    call.over(2).await.unwrap();
    assert_eq!(call.heard(2), TEXT);
    call.end().await.unwrap();
}

#[tokio::test]
async fn w74_every_error_shape_fails_the_answer_and_the_next_is_spoken() {
    for fault in ["error=1,count=1", "error=2,count=1", "error=3,count=1", "error=4,count=1"] {
        let mut call = call(&[fault]).await;
        call.say(1, TEXT).await;
        let (_, error) = call.over(1).await.unwrap_err();
        assert!(chain(&error).contains("the service reports"), "{fault}: {}", chain(&error));
        call.say(2, TEXT).await;
        call.over(2).await.unwrap();
        assert_eq!(call.heard(2), TEXT, "{fault}");
        call.end().await.unwrap();
    }
}

#[tokio::test]
async fn r_03_a_service_that_takes_text_and_says_nothing_is_left_for_another_line() {
    let mut call = Call::with(
        with_faults(&["stall=now,count=1"]),
        |config| config.patience.first_audio = Duration::from_millis(300),
        TtsSettings::default(),
    )
    .await;
    call.say(1, TEXT).await;
    call.over(1).await.unwrap();
    assert_eq!(call.heard(1), TEXT);
    assert!(call.errors().iter().any(|error| error.contains("text sent again")), "{:?}", call.errors());
    assert_eq!(call.counters.counts().resent, 1);
    call.end().await.unwrap();
}

#[tokio::test]
async fn w75_idle_lines_come_back_without_an_error() {
    let mut call = call(&["close=1000:idle,count=1"]).await;
    call.until(|event| matches!(event, TtsEvent::Connection(ConnectionEvent::Disconnected { .. }))).await;
    call.until(|event| matches!(event, TtsEvent::Connection(ConnectionEvent::Connected))).await;
    call.say(1, TEXT).await;
    call.over(1).await.unwrap();
    assert_eq!(call.errors(), [""; 0]);
    call.end().await.unwrap();
}

#[tokio::test]
async fn w15_a_line_that_is_forbidden_ends_the_service() {
    let mut call = call(&["close=1008:forbidden"]).await;
    let error = call.ended().await.unwrap_err();
    assert_eq!((error.category, error.fatal), (ErrorCategory::Forbidden, true));
}

#[tokio::test]
async fn w14_lines_that_end_at_once_are_given_up() {
    let mut call = call(&["accept-then-close"]).await;
    let error = call.ended().await.unwrap_err();
    assert!(chain(&error).contains("ended at once"), "{}", chain(&error));
}

#[tokio::test]
async fn w86_an_end_is_over_though_the_service_does_not_answer() {
    let mut call = Call::with(
        with_faults(&["half-open=now"]),
        |config| config.patience.end = Duration::from_millis(200),
        TtsSettings::default(),
    )
    .await;
    call.until(|event| matches!(event, TtsEvent::Connection(ConnectionEvent::Connected))).await;
    call.say(1, TEXT).await;
    call.end().await.unwrap();
    assert!(call.seen.iter().any(|event| matches!(event, TtsEvent::Failed { context: Some(_), .. })));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_refused_at_the_start() {
    use voxline_core::service::{ServiceIo, TtsService as _, TtsSetup};
    let tts = SmallestTts::new("").with_base_url("ws://127.0.0.1:1");
    let (_commands, taken) = tokio::sync::mpsc::channel(1);
    let (told, _events) = tokio::sync::mpsc::channel(1);
    let setup = TtsSetup { sample_rate: voxline_audio::SampleRate::HZ_16000 };
    let error = Box::new(tts).run(setup, ServiceIo { commands: taken, events: told }).await.unwrap_err();
    assert_eq!((error.category, error.fatal), (ErrorCategory::BadInput, true));
}
