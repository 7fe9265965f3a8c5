//! The decisions of a speech-to-text connection, without a socket: audio in, a log of messages out.
//!
//! Speech is either the simulator's voice or a loud square wave; the script says what the latter means.
//! Time is the audio's own.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use voxline_audio::{Encoding, convert};
use voxline_waves_sim::config::{SilenceClock, SttOptions, TextFields, UnknownControl};
use voxline_waves_sim::voice::Speaker;
use voxline_waves_sim::{Endpoint, Output, Script, ScriptPosition, SttQuery, SttState};

struct Rig {
    state: SttState,
    encoding: Encoding,
    rate: u32,
    now: Duration,
}

impl Rig {
    fn new(endpoint: Endpoint, query: &str, script: Script, options: SttOptions) -> Self {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let query = SttQuery::parse(endpoint, &pairs, false, 100).unwrap();
        let (encoding, rate) = (query.encoding, query.sample_rate);
        let state = SttState::new(query, options, Arc::new(script), ScriptPosition(0), "s");
        Self { state, encoding, rate, now: Duration::ZERO }
    }

    fn live(query: &str, script: &[&str]) -> Self {
        let query = format!("model=pulse&language=en&{query}");
        Self::new(Endpoint::SttLive, &query, Script::of(script.iter().copied()), SttOptions::default())
    }

    fn samples(&mut self, samples: &[i16]) -> &mut Self {
        let mut bytes = Vec::new();
        convert::encode_samples(samples, self.encoding, &mut bytes).unwrap();
        for chunk in bytes.chunks(640) {
            self.now += Duration::from_millis(20);
            self.state.handle_audio(self.now, chunk);
        }
        self
    }

    fn voice(&mut self, text: &str) -> &mut Self {
        self.samples(&Speaker::new(text, self.rate, 1.0).samples())
    }

    /// Something that is speech to a level detector.
    fn noise(&mut self, ms: u32) -> &mut Self {
        let count = self.rate * ms / 1_000;
        let samples: Vec<i16> = (0..count).map(|n| if n % 8 < 4 { 3_000 } else { -3_000 }).collect();
        self.samples(&samples)
    }

    fn silence(&mut self, ms: u32) -> &mut Self {
        self.samples(&vec![0; (self.rate * ms / 1_000) as usize])
    }

    fn control(&mut self, text: &str) -> &mut Self {
        self.state.handle_control(self.now, text);
        self
    }

    fn messages(&mut self) -> Vec<Value> {
        let output = std::iter::from_fn(|| self.state.poll());
        output
            .map(|output| match output {
                Output::Send(reply) => serde_json::from_str(&reply.text).unwrap(),
                Output::Close { code, .. } => Value::from(code),
            })
            .collect()
    }

    /// One line a message.
    fn log(&mut self) -> String {
        self.messages().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn finals(&mut self) -> Vec<Value> {
        self.messages().into_iter().filter(|json| json["is_final"] == true).collect()
    }
}

fn line(json: &Value) -> String {
    let text = json["transcript"].as_str().unwrap_or_default();
    match json["type"].as_str() {
        _ if json.is_u64() => format!("close {json}"),
        Some("speech_started" | "speech_ended") => {
            format!("{} {}", json["type"].as_str().unwrap(), json["timestamp"])
        }
        Some("pong") => "pong".to_owned(),
        Some("error") => format!("error {}", json["message"]),
        _ if json["is_last"] == true => format!("last: {text}"),
        _ if json["from_finalize"] == true => format!("final (finalize): {text}"),
        _ if json["speech_final"] == true => format!("final (pause): {text}"),
        _ if json["is_final"] == true => format!("final: {text}"),
        _ => format!("interim: {text}"),
    }
}

#[test]
fn interims_grow_by_words_and_finalize_freezes_them() {
    let mut rig = Rig::live("", &["Hello there, friend.", "Good bye."]);
    rig.noise(1_500).silence(200).control(r#"{"type":"finalize"}"#);
    assert_eq!(
        rig.log(),
        "interim: Hello\ninterim: Hello there,\ninterim: Hello there, friend.\nfinal (finalize): Hello there, friend."
    );
    rig.silence(500).noise(800).silence(100).control(r#"{"type":"close_stream"}"#);
    assert_eq!(rig.log(), "interim: Good\ninterim: Good bye.\nlast: Good bye.\nclose 1000");
    rig.noise(500).control(r#"{"type":"finalize"}"#);
    assert_eq!(rig.log(), "", "nothing comes after the end");
}

#[test]
fn a_pause_ends_the_utterance_by_itself() {
    let mut rig = Rig::live("eou_timeout_ms=1000", &["Hello."]);
    rig.noise(300).silence(990);
    assert_eq!(rig.log(), "interim: Hello.");
    rig.silence(10);
    assert_eq!(rig.log(), "final (pause): Hello.");
}

#[test]
fn without_endpointing_only_the_client_ends_it() {
    let mut rig = Rig::live("endpointing=false", &["Hello."]);
    rig.noise(600).silence(5_000);
    assert_eq!(rig.log(), "interim: Hello.");
    rig.control(r#"{"type":"finalize"}"#);
    assert_eq!(rig.log(), "final (finalize): Hello.");
}

#[test]
fn a_finalize_in_mid_speech_takes_only_what_was_said() {
    let mut rig = Rig::live("", &["one two three four five"]);
    rig.noise(600).control(r#"{"type":"finalize"}"#);
    assert_eq!(rig.log(), "interim: one\ninterim: one two\nfinal (finalize): one two");
    rig.noise(300).silence(400).control(r#"{"type":"finalize"}"#);
    assert_eq!(rig.log().lines().last(), Some("final (finalize): three four five"));
}

#[test]
fn long_speech_is_cut_every_ten_words_or_as_asked() {
    let text = "a b c d e f g h i j k l m n o p q r s t u v w";
    let counts = |query: &str| -> Vec<usize> {
        let mut rig = Rig::live(query, &[text]);
        rig.noise(4_000).silence(100).control(r#"{"type":"close_stream"}"#);
        rig.finals().iter().map(|json| json["transcript"].as_str().unwrap().split(' ').count()).collect()
    };
    assert_eq!(counts(""), [10, 10, 3]);
    assert_eq!(counts("finalize_on_words=false"), [23]);
    assert_eq!(counts("finalize_on_words=false&max_words=20"), [20, 3]);
}

#[test]
fn vad_events_carry_the_time_of_the_speech() {
    let mut rig = Rig::live("vad_events=true&endpointing_timeout=300", &["Hi."]);
    rig.silence(500).noise(1_000).silence(290);
    assert_eq!(rig.log(), "speech_started 0.5\ninterim: Hi.");
    rig.silence(10);
    assert_eq!(rig.log(), "final (pause): Hi.\nspeech_ended 1.5");
}

#[test]
fn finalize_ends_the_stream_on_lightning_and_its_messages_are_bare() {
    let mut rig = Rig::new(Endpoint::Lightning, "", Script::of(["Hello."]), SttOptions::default());
    rig.noise(600).silence(100).control(r#"{"type":"finalize"}"#);
    let messages = rig.messages();
    let last = &messages[messages.len() - 2];
    assert_eq!(last["is_last"], true);
    assert_eq!(messages.last(), Some(&Value::from(1000)));
    for absent in ["type", "status", "transcription", "from_finalize"] {
        assert_eq!(last.get(absent), None, "{absent}");
    }
    assert_eq!(last["words"][0]["word"], "Hello.");
}

#[test]
fn words_sentences_speakers_and_languages_come_when_asked_for() {
    let json = r#"{"utterances":[{"speaker":1,"language":"hi","words":[
        {"word":"One.","start":0.1,"end":0.3,"confidence":0.5},{"word":"Two","start":0.4,"end":0.6,"speaker":2}]}]}"#;
    let query = "model=pulse&word_timestamps=true&sentence_timestamps=true&diarize=true&full_transcript=true";
    let mut rig = Rig::new(Endpoint::SttLive, query, Script::parse(json).unwrap(), SttOptions::default());
    rig.silence(1_000).noise(700).silence(900);
    let finals = rig.finals();
    let speaking = serde_json::json!([
        {"word": "One.", "start": 1.1, "end": 1.3, "confidence": 0.5, "speaker": 1, "speaker_confidence": 0.9},
        {"word": "Two", "start": 1.4, "end": 1.6, "confidence": 0.98, "speaker": 2, "speaker_confidence": 0.9},
    ]);
    assert_eq!(finals[0]["words"], speaking);
    assert_eq!(
        finals[0]["utterances"],
        serde_json::json!([
            {"text": "One.", "start": 1.1, "end": 1.3, "speaker": 1},
            {"text": "Two", "start": 1.4, "end": 1.6, "speaker": 2},
        ])
    );
    assert_eq!((&finals[0]["language"], &finals[0]["languages"]), (&"hi".into(), &serde_json::json!(["hi"])));
    assert_eq!(finals[0]["full_transcript"], "One. Two");
    assert_eq!((&finals[0]["transcription"], &finals[0]["session_id"]), (&"One. Two".into(), &"s".into()));
}

#[test]
fn redaction_hides_finals_but_not_interims() {
    let mut rig = Rig::live(
        "redact_pci=true&word_timestamps=true&full_transcript=true",
        &["Pay with 4242 4242 4242 4242."],
    );
    rig.noise(2_500).silence(900);
    let messages = rig.messages();
    let last = messages.last().unwrap();
    assert_eq!(last["transcript"], "Pay with [CREDITCARD_1].");
    assert_eq!(last["full_transcript"], "Pay with [CREDITCARD_1].");
    assert_eq!(last["words"][2]["word"], "[creditcard_1]");
    assert_eq!(last["redacted_entities"], serde_json::json!(["[CREDITCARD_1]"]));
    assert!(messages[messages.len() - 2]["transcript"].as_str().unwrap().contains("4242"));
}

#[test]
fn the_voice_is_read_in_every_encoding_at_every_rate() {
    for (encoding, rate) in [
        ("linear16", 16_000),
        ("linear16", 22_050),
        ("linear16", 44_100),
        ("linear32", 48_000),
        ("alaw", 8_000),
        ("mulaw", 8_000),
    ] {
        let mut rig = Rig::live(&format!("encoding={encoding}&sample_rate={rate}"), &["not this"]);
        rig.silence(300).voice("नमस्ते world 🎉").silence(900);
        let finals: Vec<_> = rig.finals().iter().map(line).collect();
        assert_eq!(finals, ["final (pause): नमस्ते world 🎉"], "{encoding} {rate}");
    }
}

#[test]
fn two_texts_of_the_voice_are_joined_by_a_space() {
    let mut rig = Rig::live("endpointing=false", &[]);
    rig.voice("Hello.").silence(300).voice("How are you?").control(r#"{"type":"finalize"}"#);
    assert_eq!(rig.log().lines().last(), Some("final (finalize): Hello. How are you?"));
}

#[test]
fn a_word_that_is_cut_off_by_the_end_is_damaged() {
    let mut rig = Rig::live("", &[]);
    let samples = Speaker::new("one two", 16_000, 1.0).samples();
    rig.samples(&samples[..samples.len() - 3_000]).control(r#"{"type":"close_stream"}"#);
    assert_eq!(rig.log().lines().rev().nth(1), Some("last: one \u{FFFD}"));
}

#[test]
fn cutting_the_audio_differently_changes_no_final() {
    let samples = Speaker::new("the same however it is cut", 16_000, 1.0).samples();
    let mut bytes = Vec::new();
    convert::encode_samples(&samples, Encoding::Linear16, &mut bytes).unwrap();
    let finals = |chunk: usize| {
        let mut rig = Rig::live("word_timestamps=true", &[]);
        bytes.chunks(chunk).for_each(|chunk| rig.state.handle_audio(Duration::ZERO, chunk));
        rig.control(r#"{"type":"close_stream"}"#).finals()
    };
    let whole = finals(bytes.len());
    for chunk in [1, 7, 320, 4_096] {
        assert_eq!(finals(chunk), whole, "{chunk}");
    }
}

#[test]
fn format_switches_take_punctuation_and_case_away() {
    let mut rig = Rig::live("punctuate=false&capitalize=false", &["Hello, World!"]);
    rig.noise(900).silence(900);
    assert_eq!(rig.log().lines().last(), Some("final (pause): hello world"));
}

#[test]
fn choices_where_documents_are_silent_are_options() {
    let finalize = r#"{"type":"finalize"}"#;
    let log = |options: SttOptions, control: &str| {
        let mut rig = Rig::new(Endpoint::SttLive, "model=pulse", Script::default(), options);
        rig.control(control).log()
    };
    assert_eq!(log(SttOptions::default(), finalize), "final (finalize): ");
    assert_eq!(log(SttOptions { empty_finalize: false, ..SttOptions::default() }, finalize), "");
    assert_eq!(log(SttOptions { from_finalize: false, ..SttOptions::default() }, finalize), "final: ");
    assert_eq!(log(SttOptions::default(), r#"{"type":"nonsense"}"#), "");
    let strict = SttOptions { unknown_control: UnknownControl::Error, ..SttOptions::default() };
    assert_eq!(log(strict.clone(), r#"{"type":"nonsense"}"#), "error \"Unknown message type: nonsense\"");
    assert_eq!(log(strict, "nonsense"), "error \"Invalid message\"");
    assert_eq!(log(SttOptions::default(), r#"{"type":"keepalive"}"#), "pong");
    let one = SttOptions { text_fields: TextFields::Transcription, ..SttOptions::default() };
    assert_eq!(log(one, finalize), "final (finalize): ");
}

#[test]
fn the_last_text_may_come_before_an_empty_last_message() {
    let options = SttOptions { empty_last: true, ..SttOptions::default() };
    let mut rig = Rig::new(Endpoint::Pulse, "", Script::of(["Hello."]), options);
    rig.noise(600).silence(100).control(r#"{"type":"close_stream"}"#);
    assert!(rig.log().ends_with("final: Hello.\nlast: \nclose 1000"));
}

#[test]
fn silence_may_also_be_the_absence_of_audio() {
    let options = SttOptions { silence: SilenceClock::AudioOrWall, ..SttOptions::default() };
    let mut rig = Rig::new(Endpoint::SttLive, "model=pulse", Script::of(["Hello."]), options);
    rig.noise(600);
    let wake = rig.state.poll_wake().unwrap();
    assert_eq!(wake, rig.now + Duration::from_millis(800));
    rig.state.handle_time(wake);
    assert_eq!(rig.log(), "interim: Hello.\nfinal (pause): Hello.");
}

#[test]
fn a_client_that_says_nothing_is_told_and_closed() {
    let mut rig = Rig::live("", &[]);
    rig.control(r#"{"type":"keepalive"}"#);
    assert_eq!(rig.state.poll_wake(), Some(Duration::from_secs(60)));
    rig.state.handle_time(Duration::from_secs(60));
    let expected = "pong\nerror \"Connection timed out after 60 seconds of inactivity\"\nclose 1000";
    assert_eq!(rig.log(), expected);
}

#[test]
fn opus_is_timed_by_packets() {
    let mut rig = Rig::live("encoding=opus&sample_rate=48000&vad_events=true", &["Hello."]);
    (0..50).for_each(|_| rig.state.handle_audio(Duration::ZERO, &[7; 80]));
    (0..50).for_each(|_| rig.state.handle_audio(Duration::ZERO, &[7; 3]));
    assert_eq!(rig.log(), "speech_started 0.0\ninterim: Hello.\nspeech_ended 1.0\nfinal (pause): Hello.");
}
