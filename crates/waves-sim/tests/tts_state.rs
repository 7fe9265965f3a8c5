//! The decisions of a text-to-speech connection, without a socket: requests and time in, messages out.
//!
//! Time is a number here: [`Rig::wait`] wakes the state whenever it asks to be woken, so that pace,
//! hold-backs and idle times are exact.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use voxline_waves_sim::config::{BareFlush, CloseAfterComplete, TtsOptions, WhitespaceText};
use voxline_waves_sim::voice::{Listener, text_of};
use voxline_waves_sim::{Endpoint, ErrorShape, Output, TtsQuery, TtsState};

struct Rig {
    state: TtsState,
    now: Duration,
    /// With the millisecond each was sent at.
    sent: Vec<(u64, Value)>,
}

impl Rig {
    fn with(endpoint: Endpoint, options: TtsOptions) -> Self {
        let query = TtsQuery::parse(endpoint, &[], false).unwrap();
        Self { state: TtsState::new(query, options, 1), now: Duration::ZERO, sent: Vec::new() }
    }

    fn new(endpoint: Endpoint) -> Self {
        Self::with(endpoint, TtsOptions::default())
    }

    fn say(&mut self, request: &Value) -> &mut Self {
        self.state.handle_request(self.now, &request.to_string());
        self.drain();
        self
    }

    /// Lets time pass, at most `ms`, waking the state whenever it asks for it.
    fn wait(&mut self, ms: u64) -> &mut Self {
        let end = self.now + Duration::from_millis(ms);
        while let Some(wake) = self.state.poll_wake().filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            self.state.handle_time(self.now);
            self.drain();
        }
        self.now = end;
        self
    }

    fn drain(&mut self) {
        while let Some(output) = self.state.poll() {
            let json = match output {
                Output::Send(reply) => serde_json::from_str(&reply.text).unwrap(),
                Output::Close { code, .. } => json!({"status": "close", "code": code}),
            };
            self.sent.push((self.now.as_millis() as u64, json));
        }
    }

    fn of(&self, status: &str) -> Vec<&Value> {
        self.sent.iter().map(|(_, json)| json).filter(|json| json["status"] == status).collect()
    }

    fn times(&self, status: &str) -> Vec<u64> {
        self.sent.iter().filter(|(_, json)| json["status"] == status).map(|(at, _)| *at).collect()
    }

    /// The PCM of all chunks.
    fn samples(&self) -> Vec<i16> {
        let bytes: Vec<u8> = self
            .of("chunk")
            .iter()
            .flat_map(|json| STANDARD.decode(json["data"]["audio"].as_str().unwrap()).unwrap())
            .collect();
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    fn spoken(&self, rate: u32) -> String {
        text_of(&Listener::new(rate).listen(&self.samples()))
    }
}

fn request(text: &str, more: Value) -> Value {
    let mut json = json!({"voice_id": "sophia", "text": text, "sample_rate": 16_000});
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json
}

#[test]
fn a_request_is_spoken_in_paced_chunks_and_completed_after_the_hold_back() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    rig.say(&request("Hello there.", json!({}))).wait(10_000);
    assert_eq!(rig.spoken(16_000), "Hello there.");
    let chunks = rig.times("chunk");
    assert_eq!(chunks[..3], [100, 110, 120], "100 ms of audio each, ten times as fast");
    let seconds = rig.samples().len() as u64 * 1_000 / 16_000;
    assert_eq!(rig.times("complete"), [100 + seconds / 10 + 4_000]);
    assert_eq!(rig.of("close")[0]["code"], 1000);
}

#[test]
fn every_rate_and_format_carries_the_text() {
    for rate in [8_000, 16_000, 24_000, 44_100] {
        let mut rig = Rig::new(Endpoint::TtsLive);
        rig.say(&request("Grüße, 世界!", json!({"sample_rate": rate}))).wait(3_000);
        assert_eq!(rig.spoken(rate), "Grüße, 世界!", "{rate}");
    }
    let bytes = |format: &str| {
        let mut rig = Rig::new(Endpoint::TtsLive);
        rig.say(&request("a", json!({"output_format": format}))).wait(3_000);
        rig.of("chunk").iter().map(|json| json["data"]["audio"].as_str().unwrap().len()).sum::<usize>()
    };
    assert!(bytes("ulaw") * 2 <= bytes("pcm") + 8 && bytes("wav") > bytes("pcm"));
}

#[test]
fn ids_are_stable_per_socket_new_per_request_and_echoed() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    let ids = json!({"session_id": "mine", "request_id": "r-1", "complete_backoff_ms": 0, "continue": false, "flush": true});
    rig.say(&request("one", ids.clone())).wait(2_000).say(&request("two", ids)).wait(2_000);
    let completes = rig.of("complete");
    assert_eq!(completes.len(), 2);
    assert_eq!(completes[0]["session_id"], completes[1]["session_id"]);
    assert_ne!(completes[0]["request_id"], completes[1]["request_id"]);
    assert!(completes[0]["session_id"].as_str().unwrap().starts_with("ws_"));
    assert_eq!(
        (&completes[0]["external_session_id"], &completes[0]["external_request_id"]),
        (&"mine".into(), &"r-1".into())
    );
}

#[test]
fn v2_answers_with_its_own_fields() {
    let mut rig = Rig::new(Endpoint::LightningV2);
    rig.say(&json!({"voice_id": "v", "text": "a", "request_id": "x", "complete_backoff_ms": 0})).wait(2_000);
    let complete = rig.of("complete")[0];
    assert_eq!((&complete["done"], &complete["message"]), (&true.into(), &"All chunks sent".into()));
    assert_eq!((complete.get("session_id"), complete.get("external_request_id")), (None, None));
}

#[test]
fn word_times_come_before_their_audio_and_count_from_the_request() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    let asked = json!({"word_timestamps": true, "flush": true, "complete_backoff_ms": 0});
    rig.say(&request("Hello big world.", asked.clone()))
        .wait(3_000)
        .say(&request("Again", asked))
        .wait(3_000);
    let words = rig.of("word_timestamp");
    let shown: Vec<_> = words.iter().map(|json| json["data"]["word"].as_str().unwrap()).collect();
    assert_eq!(shown, ["Hello", "big", "world.", "Again"]);
    assert_eq!((&words[2]["data"]["id"], &words[3]["data"]["id"]), (&2.into(), &0.into()));
    assert!(words[0]["data"]["start"].as_f64() < words[0]["data"]["end"].as_f64());
    assert_eq!(words[3]["data"]["start"], 0.0);
    let statuses: Vec<_> = rig.sent.iter().map(|(_, json)| json["status"].as_str().unwrap()).collect();
    assert_eq!(statuses[..2], ["word_timestamp", "chunk"]);
    assert_ne!(statuses[..4], ["word_timestamp"; 4], "interleaved");
}

#[test]
fn a_long_word_has_one_time() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    let word = "Donaudampfschifffahrtsgesellschaftskapitän";
    rig.say(&request(word, json!({"word_timestamps": true}))).wait(9_000);
    let words = rig.of("word_timestamp");
    assert_eq!((words.len(), &words[0]["data"]["word"]), (1, &word.into()));
}

#[test]
fn fragments_are_spoken_when_flushed_and_make_one_complete() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    rig.say(&request("Hello ", json!({"continue": true}))).wait(1_000);
    assert!(rig.sent.is_empty());
    rig.say(&request("world", json!({"continue": true}))).say(&request("", json!({"flush": true})));
    rig.wait(1_000).say(&request("again", json!({"flush": true}))).wait(9_000);
    assert_eq!(rig.spoken(16_000), "Hello world again");
    assert_eq!(rig.of("complete").len(), 1, "the second request came within the hold-back");
    assert_eq!(rig.of("close").len(), 0, "not a one-shot request");
}

#[test]
fn a_buffer_with_a_limit_speaks_by_itself() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    rig.say(&request("a", json!({"continue": true, "max_buffer_flush_ms": 500}))).wait(650);
    assert_eq!(rig.times("chunk")[0], 600);
}

#[test]
fn each_sentence_of_a_context_has_its_own_complete() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    let in_context = |more: bool| json!({"context_id": "c", "continue": more, "complete_backoff_ms": 0});
    rig.say(&request("One sentence. And", in_context(true))).wait(100);
    rig.say(&request(" another", in_context(true)))
        .say(&json!({"context_id": "c", "continue": false}))
        .wait(9_000);
    assert_eq!(rig.of("complete").len(), 2);
    assert!(
        rig.sent.iter().all(|(_, json)| json.get("context_id").is_none()),
        "no message names the context"
    );
    assert_eq!(rig.spoken(16_000), "One sentence. And another");
}

#[test]
fn a_cancelled_context_keeps_its_released_audio_only() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    rig.say(&request("Spoken. Dropped", json!({"context_id": "c", "continue": true})));
    rig.say(&json!({"context_id": "c", "cancel_request": true})).wait(9_000);
    assert_eq!(rig.spoken(16_000), "Spoken.");
}

#[test]
fn what_cannot_be_spoken_is_an_error_and_the_socket_stays() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    for (request, message) in [
        (json!({"text": "no voice"}), "voice_id is required"),
        (json!({"voice_id": "v"}), "text is required"),
        (json!({"voice_id": "v", "text": ""}), "text must not be empty"),
        (json!({"flush": true}), "voice_id and text are required"),
        (json!({"voice_id": "v", "text": "a", "speed": 9}), "speed must be a number from 0.5 to 2"),
        (json!([]), "Expected a JSON object"),
    ] {
        rig.sent.clear();
        rig.say(&request);
        assert_eq!(rig.of("error")[0]["message"], message);
    }
    rig.sent.clear();
    rig.say(&request("still here", json!({}))).wait(3_000);
    assert_eq!(rig.spoken(16_000), "still here");
}

#[test]
fn errors_have_the_shape_that_was_chosen() {
    let frame = |error_shape| {
        let mut rig = Rig::with(Endpoint::TtsLive, TtsOptions { error_shape, ..TtsOptions::default() });
        rig.say(&json!({}));
        rig.sent.remove(0).1
    };
    assert!(frame(ErrorShape::Message)["message"].is_string());
    assert!(frame(ErrorShape::Nested)["error"]["code"].is_string());
    assert!(frame(ErrorShape::List)["errors"].is_array());
    assert!(frame(ErrorShape::WithRequest).get("request_id").is_some());
    let mut rig = Rig::with(Endpoint::TtsLive, TtsOptions { error_closes: true, ..TtsOptions::default() });
    assert_eq!(rig.say(&json!({})).of("close").len(), 1);
}

#[test]
fn keepalives_make_no_sound_and_pings_are_answered() {
    let mut rig = Rig::new(Endpoint::TtsLive);
    rig.say(&request(" ", json!({}))).wait(30_000).say(&json!({"type": "ping"})).wait(30_000);
    let sent: Vec<_> = rig.sent.iter().map(|(_, json)| json.clone()).collect();
    assert_eq!(sent, [json!({"type": "pong"})]);
    rig.wait(30_000);
    assert_eq!(rig.of("error")[0]["message"], "Connection timed out after 60 seconds of inactivity");
    assert_eq!(rig.times("close"), [90_000]);
}

#[test]
fn a_bare_flush_is_for_the_older_endpoints() {
    let mut rig = Rig::new(Endpoint::LightningV31);
    rig.say(&request("Hello", json!({"continue": true}))).say(&json!({"flush": true})).wait(3_000);
    assert_eq!(rig.spoken(16_000), "Hello");
    assert!(rig.of("error").is_empty());
}

#[test]
fn the_other_choices_are_options() {
    let complete = TtsOptions { whitespace_text: WhitespaceText::Complete, ..TtsOptions::default() };
    let mut rig = Rig::with(Endpoint::TtsLive, complete);
    assert_eq!(rig.say(&request("  ", json!({}))).of("complete").len(), 1);

    let refuse = TtsOptions { bare_flush: BareFlush::Refuse, ..TtsOptions::default() };
    assert_eq!(Rig::with(Endpoint::LightningV2, refuse).say(&json!({"flush": true})).of("error").len(), 1);

    let never = TtsOptions { close_after_complete: CloseAfterComplete::Never, ..TtsOptions::default() };
    let mut rig = Rig::with(Endpoint::TtsLive, never);
    assert!(rig.say(&request("a", json!({}))).wait(9_000).of("close").is_empty());

    let voices = TtsOptions { voices: Some(vec!["meher".to_owned()]), ..TtsOptions::default() };
    let mut rig = Rig::with(Endpoint::TtsLive, voices);
    assert_eq!(rig.say(&request("a", json!({}))).of("error")[0]["message"], "Invalid Voice ID");

    let filter = TtsOptions { filtered_words: vec!["Rude".to_owned()], ..TtsOptions::default() };
    let mut rig = Rig::with(Endpoint::TtsLive, filter);
    rig.say(&request("how rude", json!({"content_filter": {"enabled": true, "action": "reject"}})));
    assert_eq!(rig.of("error").len(), 1);
}

#[test]
fn speed_changes_the_length_of_the_audio() {
    let length = |speed: f64| {
        let mut rig = Rig::new(Endpoint::TtsLive);
        rig.say(&request("how long does this take", json!({"speed": speed}))).wait(5_000);
        rig.samples().len() as f64
    };
    let ratio = length(0.5) / length(1.0);
    assert!((1.8..2.1).contains(&ratio), "{ratio}");
}

#[test]
fn too_many_waiting_requests_are_refused() {
    let mut rig = Rig::with(Endpoint::TtsLive, TtsOptions { queued_requests: 2, ..TtsOptions::default() });
    (0..4).for_each(|_| {
        rig.say(&request("wait", json!({})));
    });
    assert_eq!(rig.of("error").len(), 1, "one is spoken, two wait");
}
