//! `voxline transcribe`: what it prints, what arrives at the service, what it does with odd files.

use crate::support::*;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use voxline_waves_sim::{LogEvent, SimConfig, log::AudioMark};

fn is_number(value: &Value) -> bool {
    value.is_number()
}

#[tokio::test]
async fn each_final_is_a_line_of_text_and_nothing_else_is_printed() {
    let sim = simulator().await;
    let ran = run_on(&sim, &["transcribe", QUESTION, "--pace", "fast"]).await;
    assert_eq!((ran.code, ran.lines()), (0, UTTERANCES.to_vec()), "{ran:#?}");
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn in_real_time_it_says_the_same() {
    let sim = simulator().await;
    let (speech, rate) = first_utterance();
    let path = directory().join("short.wav");
    write_wav(&path, &speech, rate, 1, Samples::Int16, None);
    let ran = run_on(&sim, &["transcribe", text(&path)]).await;
    assert_eq!((ran.code, ran.lines()), (0, vec![UTTERANCES[0]]), "{ran:#?}");
}

#[tokio::test]
async fn events_have_the_documented_fields_and_the_summary_is_last() {
    let sim = simulator().await;
    let ran = run_on(&sim, &["transcribe", QUESTION, "--pace", "fast", "--json", "--word-timestamps"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    for name in ["connected", "disconnected"] {
        let events = ran.events_named(name);
        assert_eq!(events.len(), 1, "{name}: {ran:#?}");
        assert_eq!(events[0]["service"], "smallest-stt");
        assert_eq!(events[0]["file"], QUESTION);
    }
    for name in ["speech_started", "speech_stopped"] {
        let edges = ran.events_named(name);
        assert_eq!(edges.len(), 3, "{name}");
        assert!(edges.iter().all(|edge| is_number(&edge["at"]) && edge["source"] == "vad"));
    }
    assert!(ran.events_named("interim").iter().all(|interim| interim["text"].is_string()));
    let finals = ran.events_named("final");
    let texts: Vec<_> = finals.iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(texts, UTTERANCES);
    for event in &finals {
        assert_eq!(event["language"], "en");
        assert_eq!(event["confirmed"], true);
        assert!(event["start"].as_f64() < event["end"].as_f64(), "{event}");
        let words = event["words"].as_array().unwrap();
        assert_eq!(words.len(), event["text"].as_str().unwrap().split(' ').count());
        assert!(words.iter().all(|word| word["word"].is_string() && is_number(&word["start"])));
    }
    let summary = ran.summary();
    let (samples, rate) = samples(QUESTION);
    assert!(
        (summary["audio_seconds"].as_f64().unwrap() - samples.len() as f64 / f64::from(rate)).abs() < 0.001
    );
    assert_eq!(summary["bytes_sent"], 2 * samples.len());
    assert_eq!(summary["finalizes"], 3);
    for zero in ["reconnects", "dropped", "duplicates"] {
        assert_eq!(summary[zero].as_f64(), Some(0.0), "{zero}");
    }
}

#[tokio::test]
async fn a_file_at_a_rate_of_the_service_arrives_sample_for_sample() {
    let (speech, _) = first_utterance();
    for rate in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000] {
        let sim = simulator().await;
        let path = directory().join("speech.wav");
        write_wav(&path, &speech, rate, 1, Samples::Int16, None);
        assert_eq!(run_on(&sim, &["transcribe", text(&path), "--pace", "fast"]).await.code, 0);
        assert_eq!(opened(&sim)[0].1["sample_rate"], rate.to_string());
        let bytes: Vec<u8> = speech.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let expected: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let arrived = sim.log().into_iter().find_map(|entry| match entry.event {
            LogEvent::Audio { when: AudioMark::CloseStream, bytes, sha256, .. } => Some((bytes, sha256)),
            _ => None,
        });
        assert_eq!(arrived, Some((bytes.len() as u64, expected)), "at {rate} Hz");
    }
}

#[tokio::test]
async fn every_flag_reaches_the_service() {
    let sim = simulator().await;
    let flags = [
        "--language",
        "hi",
        "--word-timestamps",
        "--sentence-timestamps",
        "--full-transcript",
        "--diarize",
        "--redact-pii",
        "--redact-pci",
        "--numerals",
        "true",
        "--keywords",
        "Delhi:2,New York",
        "--itn",
    ];
    let args = [&["transcribe", QUESTION, "--pace", "fast"][..], &flags].concat();
    assert_eq!(run_on(&sim, &args).await.code, 0);
    let (path, query) = &opened(&sim)[0];
    assert_eq!(path, "/waves/v1/stt/live");
    for name in [
        "word_timestamps",
        "sentence_timestamps",
        "full_transcript",
        "diarize",
        "redact_pii",
        "redact_pci",
        "itn_normalize",
    ] {
        assert_eq!(query.get(name).map(String::as_str), Some("true"), "{name} in {query:?}");
    }
    assert_eq!((query["language"].as_str(), query["numerals"].as_str()), ("hi", "always"));
    assert_eq!(query["keywords"], "Delhi:2,New York");
}

#[tokio::test]
async fn each_endpoint_and_a_path_prefix_lead_to_their_address() {
    for (endpoint, path) in [
        ("live", "/voice/waves/v1/stt/live"),
        ("pulse", "/voice/waves/v1/pulse/get_text"),
        ("lightning", "/voice/waves/v1/lightning/get_text"),
    ] {
        let sim = simulator_with(SimConfig { path_prefix: "/voice".into(), ..SimConfig::default() }).await;
        let ran = run_on(&sim, &["transcribe", QUESTION, "--pace", "fast", "--endpoint", endpoint]).await;
        assert_eq!((ran.code, ran.lines()), (0, UTTERANCES.to_vec()), "{endpoint}: {ran:#?}");
        assert_eq!(opened(&sim)[0].0, path);
    }
}

#[tokio::test]
async fn several_files_have_a_session_each_and_one_summary_is_last() {
    let sim = simulator().await;
    let (speech, rate) = first_utterance();
    let path = directory().join("short.wav");
    write_wav(&path, &speech, rate, 1, Samples::Int16, None);
    let ran = run_on(&sim, &["transcribe", text(&path), text(&path), "--pace", "fast", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(opened(&sim).len(), 2);
    assert_eq!(ran.events_named("file_summary").len(), 2);
    assert_eq!(ran.events_named("summary").len(), 1);
    assert_eq!(ran.summary()["bytes_sent"], 4 * speech.len());
    assert_eq!(ran.summary()["finalizes"], 2);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_told_and_the_others_are_heard() {
    let sim = simulator().await;
    let directory = directory();
    let (good, bad) = (directory.join("good.wav"), directory.join("bad.wav"));
    let (speech, rate) = first_utterance();
    write_wav(&good, &speech, rate, 1, Samples::Int16, None);
    std::fs::write(&bad, "RIFFle").unwrap();
    let ran = run_on(&sim, &["transcribe", text(&bad), text(&good), "--pace", "fast"]).await;
    ran.assert_failed(5, "bad.wav: ");
    assert_eq!(ran.lines(), [format!("{}: {}", good.display(), UTTERANCES[0])]);
}

#[tokio::test]
async fn files_that_are_no_audio_are_bad_input_and_nobody_is_called() {
    let sim = simulator().await;
    let path = directory().join("input.wav");
    let mut table: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "no audio"),
        (b"these are words, not samples, and there are many of them".to_vec(), "not a wav file"),
        (std::fs::read(QUESTION).unwrap()[..30].to_vec(), "ends before its audio"),
    ];
    write_wav(&path, &[], 16_000, 1, Samples::Int16, None);
    table.push((std::fs::read(&path).unwrap(), "no audio"));
    write_wav(&path, &[1; 100], 0, 1, Samples::Int16, None);
    table.push((std::fs::read(&path).unwrap(), "sample rate"));
    for (bytes, says) in table {
        std::fs::write(&path, bytes).unwrap();
        run_on(&sim, &["transcribe", text(&path)]).await.assert_failed(5, says);
    }
    run_on(&sim, &["transcribe", "/nowhere/at/all.wav"]).await.assert_failed(5, "no such file");
    run_on(&sim, &["transcribe", text(path.parent().unwrap())]).await.assert_failed(5, "directory");
    assert_eq!(sim.log(), []);
}

#[tokio::test]
async fn every_kind_of_wav_is_heard() {
    let sim = simulator().await;
    let path = directory().join("odd.wav");
    let (speech, rate) = first_utterance();
    let table = [
        (1, rate, Samples::Int8),
        (1, rate, Samples::Int24),
        (1, rate, Samples::Float32),
        (2, rate, Samples::Int16),
        (6, rate, Samples::Float32),
        (1, 11_025, Samples::Int16),
        (2, 12_345, Samples::Int16),
        (1, 96_000, Samples::Int16),
    ];
    for (channels, to, kind) in table {
        let count = speech.len() * to as usize / rate as usize;
        let resampled: Vec<_> = (0..count).map(|at| speech[at * rate as usize / to as usize]).collect();
        write_wav(&path, &resampled, to, channels, kind, None);
        let ran = run_on(&sim, &["transcribe", text(&path), "--pace", "fast"]).await;
        assert_eq!(
            (ran.code, ran.lines()),
            (0, vec![UTTERANCES[0]]),
            "{channels} × {to} Hz {kind:?}: {ran:#?}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_heard_as_far_as_it_goes() {
    let sim = simulator().await;
    let path = directory().join("cut.wav");
    let (speech, rate) = first_utterance();
    write_wav(&path, &speech, rate, 1, Samples::Int16, Some(40 * 2 * rate));
    let ran = run_on(&sim, &["transcribe", text(&path), "--pace", "fast"]).await;
    ran.assert_failed(5, "cut short: it announces 40.00s of audio and has 4.00s");
    assert_eq!(ran.lines(), [UTTERANCES[0]]);
}

#[tokio::test]
async fn long_silence_is_sent_whole_and_quickly() {
    let sim = simulator().await;
    let path = directory().join("silence.wav");
    // Ten minutes; the hour takes 3.5 s in a release build.
    write_wav(&path, &vec![0; 600 * 16_000], 16_000, 1, Samples::Int16, None);
    let ran = run_on(&sim, &["transcribe", text(&path), "--pace", "fast", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let summary = ran.summary();
    assert_eq!(summary["bytes_sent"], 600 * 32_000);
    assert_eq!(summary["dropped"].as_f64(), Some(0.0));
    assert_eq!(ran.events_named("final").len(), 0);
}

#[tokio::test]
async fn a_single_sample_is_no_trouble() {
    let sim = simulator().await;
    let path = directory().join("one.wav");
    write_wav(&path, &[7], 16_000, 1, Samples::Int16, None);
    let ran = run_on(&sim, &["transcribe", text(&path), "--pace", "fast", "--json"]).await;
    assert_eq!((ran.code, &ran.summary()["bytes_sent"]), (0, &Value::from(2)), "{ran:#?}");
}

#[tokio::test]
async fn a_connection_that_is_lost_costs_no_word() {
    let sim = faulty(&["drop=received:64k,count=1"]).await;
    let ran = run_on(&sim, &["transcribe", QUESTION, "--pace", "fast", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let finals = ran.events_named("final");
    let texts: Vec<_> = finals.iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(texts, UTTERANCES);
    assert_eq!(ran.summary()["reconnects"], 1);
    assert_eq!(ran.summary()["dropped"].as_f64(), Some(0.0));
    assert_eq!(ran.events_named("connected").len(), 2);
    assert_eq!(ran.events_named("disconnected").len(), 2);
    assert_eq!(ran.events_named("connection_error").len(), 1);
}

#[tokio::test]
async fn a_service_that_is_slow_to_come_up_hears_the_file_from_its_beginning() {
    let sim = faulty(&["429,count=1"]).await;
    let path = directory().join("long.wav");
    // More than a recogniser keeps while it has no connection.
    let (mut speech, rate) = first_utterance();
    speech.resize(rate as usize * 60, 0);
    write_wav(&path, &speech, rate, 1, Samples::Int16, None);
    let ran = run_on(&sim, &["transcribe", text(&path), "--pace", "fast", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(ran.events_named("final")[0]["text"], UTTERANCES[0]);
    assert_eq!(ran.summary()["bytes_sent"], 2 * speech.len());
}
