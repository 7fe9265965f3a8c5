//! The whole service over real sockets, against the simulator.
//!
//! Real sockets and the real clock, never paused: every wait ends with what it waits for, or fails at
//! [`DEADLINE`]. Nothing sleeps. Audio is in the simulator's voice, which carries its text in tones: a damaged
//! path gives a damaged text, beside another digest.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod call;

use std::time::Duration;

use smallest_stt::{Endpoint, Keepalive, SmallestStt, SttSettings};
use voxline_audio::{Encoding, SampleRate, convert};
use voxline_core::{
    error::ErrorCategory,
    frame::{EncodedAudio, Language, UpdateId, UtteranceId},
    service::{ConnectionEvent, SttAudio, SttCommand, SttEvent},
};
use voxline_waves_sim::{LogEvent, SimConfig, WavesSim, log::AudioMark};

use crate::call::{Call, DEADLINE, TEXT, config, digest, received, simulator, voice, within};

#[tokio::test(flavor = "multi_thread")]
async fn w19_what_arrives_is_what_was_given_at_any_chunk_size_and_encoding() {
    let sim = simulator(&[]).await;
    let samples = voice("one two three", SampleRate::HZ_8000);
    let mut connection = 0;
    for encoding in [Encoding::Linear16, Encoding::Linear32, Encoding::ALaw, Encoding::MuLaw] {
        let mut expected = Vec::new();
        convert::encode_samples(&samples, encoding, &mut expected).unwrap();
        for chunk in [1, 160, 777, 30_000] {
            connection += 1;
            let mut config = config(&sim);
            config.encoding = encoding;
            let mut call = Call::start(config);
            call.pcm(&samples, chunk).await;
            let counters = call.counters.clone();
            let outcome = call.end().await;
            outcome.result.as_ref().unwrap();
            assert_eq!(outcome.text(), "one two three", "{encoding:?} in chunks of {chunk}");
            let arrived = received(&sim, connection).await;
            assert_eq!(
                arrived,
                (expected.len() as u64, digest(&expected)),
                "{encoding:?} in chunks of {chunk}"
            );
            assert_eq!(counters.snapshot().bytes_sent, expected.len() as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn telephony_and_opus_arrive_untouched() {
    let sim = simulator(&[]).await;
    let bytes: Vec<u8> = (0..40_000_u32).map(|index| (index * 31 % 251) as u8).collect();
    for (connection, encoding) in [(1, Encoding::MuLaw), (2, Encoding::Opus)] {
        let mut config = config(&sim);
        config.encoding = encoding;
        let call = Call::start(config);
        for packet in bytes.chunks(80) {
            let bytes = packet.to_vec().into();
            let audio = EncodedAudio { bytes, encoding, rate: SampleRate::HZ_8000 };
            call.send(SttCommand::Audio { audio: SttAudio::Encoded(audio), at: Duration::ZERO }).await;
        }
        call.end().await.result.unwrap();
        assert_eq!(received(&sim, connection).await, (bytes.len() as u64, digest(&bytes)), "{encoding:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resampled_speech_is_understood() {
    let sim = simulator(&[]).await;
    for (pipeline, wire) in [(48_000, 16_000), (8_000, 16_000), (16_000, 8_000), (24_000, 44_100)] {
        let mut config = config(&sim);
        config.sample_rate = SampleRate::new(wire);
        let pipeline = SampleRate::new(pipeline).unwrap();
        let mut call = Call::start_with(SmallestStt::with_config(config), pipeline);
        call.pcm(&voice(TEXT, pipeline), 512).await;
        assert_eq!(call.end().await.text(), TEXT, "{pipeline} over {wire}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w25_w43_each_turn_is_confirmed_and_has_its_words() {
    let sim = simulator(&[]).await;
    let settings = SttSettings { word_timestamps: true, ..SttSettings::default() };
    let service = SmallestStt::with_config(config(&sim)).with_settings(settings);
    let mut call = Call::start_with(service, SampleRate::HZ_8000);
    let mut turns = Vec::new();
    for (utterance, text) in [(1, "hello there"), (2, "and again"), (3, "goodbye")] {
        let began = call.at;
        call.pcm(&voice(text, SampleRate::HZ_8000), 160).await;
        call.finalize(utterance).await;
        let event =
            call.until(|event| matches!(event, SttEvent::Heard(heard) if heard.confirms.is_some())).await;
        let SttEvent::Heard(heard) = event else { unreachable!("it was asked for") };
        assert_eq!(heard.confirms, Some(UtteranceId(utterance)));
        let words = &heard.transcription.words;
        assert_eq!(words.len(), text.split(' ').count());
        // The simulator hears to within a step of its detector.
        assert!(
            words[0].start + Duration::from_millis(20) >= began && words[words.len() - 1].end <= call.at,
            "{words:?} not in {began:?}..{:?}",
            call.at
        );
        turns.push(heard.transcription.text.clone());
    }
    assert_eq!(turns, ["hello there", "and again", "goodbye"]);
    assert_eq!(call.counters.snapshot().finalizes, 3);
    call.end().await.result.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn w30_w31_the_end_is_a_close_stream_and_its_last_message() {
    let sim = simulator(&[]).await;
    let mut call = Call::start(config(&sim));
    call.pcm(&voice(TEXT, SampleRate::HZ_8000), 160).await;
    let outcome = call.end().await;
    outcome.result.as_ref().unwrap();
    assert_eq!((outcome.text().as_str(), outcome.errors.len()), (TEXT, 0));
    assert_eq!(outcome.connection[0], "connected");
    let control = |entry: &&voxline_waves_sim::LogEntry| matches!(entry.event, LogEvent::Control { .. });
    assert_eq!(sim.log().iter().filter(control).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn w02_w32_all_three_endpoints_and_a_path_prefix_work() {
    let config_of = |prefix: &str| SimConfig { path_prefix: prefix.to_owned(), ..SimConfig::default() };
    for (endpoint, prefix) in [
        (Endpoint::Live, "/voice/in"),
        (Endpoint::Pulse, ""),
        (Endpoint::Lightning, ""),
        (Endpoint::Lightning, "/x"),
    ] {
        let sim = WavesSim::start(config_of(prefix)).await.unwrap();
        let mut config = config(&sim);
        config.endpoint = endpoint;
        let mut call = Call::start(config);
        call.pcm(&voice(TEXT, SampleRate::HZ_8000), 160).await;
        let outcome = call.end().await;
        outcome.result.as_ref().unwrap();
        assert_eq!(outcome.text(), TEXT, "{endpoint:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w10_a_wrong_key_ends_it_at_once() {
    let sim = simulator(&[]).await;
    let mut config = config(&sim);
    config.api_key = "sk_wrong".into();
    let mut call = Call::start(config);
    call.pcm(&voice("one", SampleRate::HZ_8000), 160).await;
    let outcome = call.gather().await;
    let error = outcome.result.unwrap_err();
    assert_eq!((error.category, error.fatal), (ErrorCategory::Unauthorized, true));
    assert!(outcome.connection.is_empty() && !error.to_string().contains("sk_wrong"));
    assert_eq!(sim.log().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn w11_w15_full_accounts_are_waited_for() {
    for faults in [["429,count=2"], ["1008,count=2"], ["503,count=2"], ["refuse,count=2"]] {
        let sim = simulator(&faults).await;
        let mut call = Call::start(config(&sim));
        call.pcm(&voice(TEXT, SampleRate::HZ_8000), 160).await;
        call.until(|event| matches!(event, SttEvent::Heard(_))).await;
        let outcome = call.end().await;
        outcome.result.as_ref().unwrap();
        assert_eq!(outcome.text(), TEXT, "{faults:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w14_a_service_that_always_closes_at_once_is_given_up() {
    let sim = simulator(&["accept-then-close"]).await;
    let mut config = config(&sim);
    config.backoff.first = Duration::from_millis(1);
    let outcome = Call::start(config).gather().await;
    assert_eq!(outcome.result.unwrap_err().category, ErrorCategory::Unreachable);
    assert_eq!(outcome.connection.iter().filter(|event| *event == "connected").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_10_w81_w88_a_broken_line_loses_no_word() {
    for fault in ["drop=received:20000,nth=1", "reset=received:20000,nth=1", "garbage,nth=1"] {
        let sim = simulator(&[fault]).await;
        let settings = SttSettings { word_timestamps: true, ..SttSettings::default() };
        let service = SmallestStt::with_config(config(&sim)).with_settings(settings);
        let mut call = Call::start_with(service, SampleRate::HZ_8000);
        let samples = voice(TEXT, SampleRate::HZ_8000);
        call.pcm(&samples, 160).await;
        // The end of the session does not race with the loss: the second connection is there first.
        call.connected().await;
        call.connected().await;
        let counters = call.counters.clone();
        let outcome = call.end().await;
        outcome.result.as_ref().unwrap();
        assert_eq!(outcome.text(), TEXT, "{fault}");
        assert_eq!(counters.snapshot().reconnects, 1);
        let mut expected = Vec::new();
        convert::encode_samples(&samples, Encoding::Linear16, &mut expected).unwrap();
        assert_eq!(received(&sim, 2).await, (expected.len() as u64, digest(&expected)), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_01_w82_a_half_open_line_is_noticed_and_replaced() {
    let sim = simulator(&["half-open=received:8000,nth=1"]).await;
    let mut config = config(&sim);
    config.wire.liveness.ping_after = Duration::from_millis(100);
    config.wire.liveness.pong_within = Duration::from_millis(200);
    let mut call = Call::start(config);
    call.pcm(&voice(TEXT, SampleRate::HZ_8000), 160).await;
    call.connected().await;
    call.connected().await;
    let outcome = call.end().await;
    outcome.result.as_ref().unwrap();
    assert_eq!(outcome.text(), TEXT);
}

#[tokio::test(flavor = "multi_thread")]
async fn w78_w79_w80_odd_messages_leave_the_call_alive() {
    let sim = simulator(&["malformed,at=1", "giant=3m,at=2", "duplicate-final,at=every"]).await;
    let mut call = Call::start(config(&sim));
    call.pcm(&voice(TEXT, SampleRate::HZ_8000), 160).await;
    call.finalize(1).await;
    call.until(|event| matches!(event, SttEvent::Heard(heard) if heard.confirms.is_some())).await;
    let counters = call.counters.clone();
    call.end().await.result.unwrap();
    let counts = counters.snapshot();
    assert!(counts.malformed >= 1 && counts.duplicates >= 1, "{counts:?}");
    assert_eq!(counts.reconnects, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn w80_r_18_a_message_over_the_limit_is_a_typed_error_and_a_new_connection() {
    let sim = simulator(&["giant=6m,at=1,nth=1"]).await;
    let mut call = Call::start(config(&sim));
    call.pcm(&voice(TEXT, SampleRate::HZ_8000), 160).await;
    let event = call.until(|event| matches!(event, SttEvent::Connection(ConnectionEvent::Error(_)))).await;
    assert!(format!("{event:?}").contains("TooLarge"), "{event:?}");
    call.connected().await;
    assert_eq!(call.end().await.text(), TEXT);
}

#[tokio::test(flavor = "multi_thread")]
async fn w34_a_change_of_settings_loses_no_sample_and_sends_none_twice() {
    let sim = simulator(&[]).await;
    let mut config = config(&sim);
    config.keepalive = Keepalive::Off;
    let mut call = Call::start(config);
    let (before, after) =
        (voice("one two three", SampleRate::HZ_8000), voice("four five six", SampleRate::HZ_8000));
    call.pcm(&before, 160).await;
    call.finalize(1).await;
    call.until(|event| matches!(event, SttEvent::Heard(heard) if heard.confirms.is_some())).await;
    let delta = SttSettings::delta().language(Language::Fr).diarize(true).into();
    call.send(SttCommand::Update { update: UpdateId(7), delta }).await;
    call.pcm(&after, 160).await;
    let answer = call.until(|event| matches!(event, SttEvent::Answered(_))).await;
    assert!(
        matches!(answer, SttEvent::Answered(answer) if answer.reconnected && answer.update == UpdateId(7))
    );
    let outcome = call.end().await;
    outcome.result.as_ref().unwrap();
    let (first, second) = (received(&sim, 1).await, received(&sim, 2).await);
    let mut all = Vec::new();
    convert::encode_samples(&[before, after].concat(), Encoding::Linear16, &mut all).unwrap();
    let (head, tail) = all.split_at(first.0 as usize);
    assert_eq!((first.1, second.1), (digest(head), digest(tail)));
    assert_eq!(second.0, tail.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn w24_a_long_file_given_at_once_arrives_whole_whatever_the_connection_does() {
    // 80 s of audio, none of which waits for anyone: far more than is kept.
    let sim = simulator(&["503,count=2"]).await;
    let mut config = config(&sim);
    config.backoff.first = Duration::from_millis(100);
    let mut call = Call::start(config);
    let samples: Vec<i16> = (0..640_000_i32).map(|index| (index % 97) as i16).collect();
    call.pcm(&samples, 1600).await;
    let counters = call.counters.clone();
    call.end().await.result.unwrap();
    let mut expected = Vec::new();
    convert::encode_samples(&samples, Encoding::Linear16, &mut expected).unwrap();
    let log = sim.log();
    let audio = log.iter().rev().find_map(|entry| match &entry.event {
        LogEvent::Audio { when: AudioMark::End, bytes, sha256, .. } => Some((*bytes, sha256.clone())),
        _ => None,
    });
    assert_eq!(audio, Some((expected.len() as u64, digest(&expected))));
    assert_eq!(counters.snapshot().dropped, Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_work_ends_before_any_connect() {
    let sim = simulator(&[]).await;
    let mut config = config(&sim);
    config.sample_rate = SampleRate::new(11_025);
    let outcome = Call::start(config).gather().await;
    assert_eq!(outcome.result.unwrap_err().category, ErrorCategory::Refused);
    assert_eq!((outcome.errors.len(), sim.log().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn r_13_nothing_is_left_when_the_call_is_dropped() {
    let sim = simulator(&[]).await;
    let mut call = Call::start(config(&sim));
    call.pcm(&voice("one", SampleRate::HZ_8000), 160).await;
    call.connected().await;
    call.running.abort();
    let closed = |event: &LogEvent| matches!(event, LogEvent::Closed { .. });
    assert!(sim.wait_for_log(DEADLINE, |entry| closed(&entry.event)).await.is_some());
    within("the count of connections", async {
        while sim.open_connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w91_a_hundred_calls_at_once_are_all_understood() {
    let sim = simulator(&[]).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let config = config(&sim);
        calls.spawn(async move {
            let mut call = Call::start(config);
            call.pcm(&voice("one two", SampleRate::HZ_8000), 160).await;
            call.end().await.text()
        });
    }
    while let Some(text) = within("a call", calls.join_next()).await {
        assert_eq!(text.unwrap(), "one two");
    }
}
