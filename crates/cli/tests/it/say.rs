//! `voxline say`: what it prints, writes and asks of the service, and what it refuses.

use std::fs;

use crate::support::*;
use voxline_waves_sim::{SimConfig, config::TtsOptions};

#[tokio::test]
async fn what_is_said_can_be_heard_again() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    let said = "The quick brown fox jumps over the lazy dog.";
    let ran = run_on(&sim, &["say", said, "-o", text(&path)]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:#?}");
    let ran = run_on(&sim, &["transcribe", text(&path), "--pace", "fast"]).await;
    assert_eq!(ran.lines(), [said], "{ran:#?}");
}

#[tokio::test]
async fn events_have_the_documented_fields_and_the_summary_is_last() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    let args = ["say", "Hello there.", "-o", text(&path), "--json", "--word-timestamps", "--voice", "liam"];
    let ran = run_on(&sim, &args).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    for name in ["connected", "disconnected"] {
        let events = ran.events_named(name);
        assert_eq!(events.len(), 1, "{name}: {ran:#?}");
        assert_eq!(events[0]["service"], "smallest-tts");
    }
    let words = ran.events_named("word");
    assert_eq!(
        words.iter().map(|word| word["word"].as_str().unwrap()).collect::<Vec<_>>(),
        ["Hello", "there."]
    );
    assert!(words.iter().all(|word| word["start"].as_f64() < word["end"].as_f64()));
    let (samples, rate) = samples(&path);
    let summary = ran.summary();
    assert_eq!(rate, 24_000);
    assert!((summary["audio_seconds"].as_f64().unwrap() - samples.len() as f64 / 24_000.0).abs() < 0.001);
    assert_eq!(summary["requests"], 1);
    assert!(summary["chunks"].as_u64() > Some(0));
}

#[tokio::test]
async fn in_text_mode_asked_for_words_are_lines() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    let args = ["say", "Hello there.", "-o", text(&path), "--word-timestamps", "--voice", "liam"];
    let ran = run_on(&sim, &args).await;
    let words: Vec<_> = ran.lines().iter().map(|line| line.split('\t').nth(2).unwrap().to_owned()).collect();
    assert_eq!(words, ["Hello", "there."]);
}

#[tokio::test]
async fn every_flag_reaches_the_service() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    let flags = [
        "--voice",
        "emily",
        "--model",
        "lightning-v2",
        "--language",
        "de",
        "--speed",
        "1.5",
        "--consistency",
        "0.25",
        "--similarity",
        "0.75",
        "--enhancement",
        "2",
        "--sample-rate",
        "8000",
    ];
    let args = [&["say", "Guten Tag.", "-o", text(&path)][..], &flags].concat();
    let ran = run_on(&sim, &args).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(opened(&sim)[0].0, "/waves/v1/lightning-v2/get_speech/stream");
    let request = &requests(&sim)[0];
    assert_eq!((&request["text"], &request["voice_id"]), (&"Guten Tag.".into(), &"emily".into()));
    assert_eq!((request["speed"].as_f64(), request["consistency"].as_f64()), (Some(1.5), Some(0.25)));
    assert_eq!((request["similarity"].as_f64(), request["enhancement"].as_f64()), (Some(0.75), Some(2.0)));
    assert_eq!((&request["language"], &request["sample_rate"]), (&"de".into(), &8_000.into()));
    assert_eq!(samples(&path).1, 8_000);
}

#[tokio::test]
async fn endpoints_lead_to_their_address_and_other_rates_are_resampled() {
    let path = directory().join("said.wav");
    for (endpoint, address) in [
        ("live", "/waves/v1/tts/live"),
        ("v3.1", "/waves/v1/lightning-v3.1/get_speech/stream"),
        ("v2", "/waves/v1/lightning-v2/get_speech/stream"),
    ] {
        let sim = simulator().await;
        let args = ["say", "Hello.", "-o", text(&path), "--endpoint", endpoint, "--sample-rate", "22050"];
        let ran = run_on(&sim, &args).await;
        assert_eq!(ran.code, 0, "{endpoint}: {ran:#?}");
        assert_eq!(opened(&sim)[0].0, address);
        assert_eq!(requests(&sim)[0]["sample_rate"], 24_000);
        assert_eq!(samples(&path).1, 22_050);
    }
}

#[tokio::test]
async fn what_only_v2_has_is_refused_before_any_connection() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    for flags in [
        &["--consistency", "0.5"][..],
        &["--similarity", "0.5", "--model", "lightning_v3.1_pro"],
        &["--enhancement", "1", "--endpoint", "v3.1"],
    ] {
        let args = [&["say", "Hello.", "-o", text(&path)][..], flags].concat();
        run_on(&sim, &args).await.assert_failed(2, "is for lightning_v2 only");
    }
    assert_eq!(sim.log(), []);
    assert!(!path.exists());
}

#[tokio::test]
async fn values_out_of_range_are_refused_before_any_connection() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    for (flags, says) in [
        (&["--speed", "9"][..], "--speed: it must be 0.5 to 2"),
        (&["--speed", "-1"], "--speed"),
        (&["--speed", "NaN"], "--speed"),
        (&["--speed", "fast"], "--speed"),
        (&["--consistency", "1.1", "--endpoint", "v2"], "--consistency: it must be 0 to 1"),
        (&["--enhancement", "3", "--endpoint", "v2"], "--enhancement"),
        (&["--sample-rate", "7999"], "--sample-rate"),
        (&["--sample-rate", "96000"], "--sample-rate"),
        (&["--voice", ""], "--voice"),
        (&["--model", "two words"], "--model"),
        (&["--language", "e n"], "--language"),
        (&["--endpoint", "v3.1", "--model", "lightning_v2"], "--model"),
    ] {
        let args = [&["say", "Hello.", "-o", text(&path)][..], flags].concat();
        run_on(&sim, &args).await.assert_failed(2, says);
    }
    assert_eq!(sim.log(), []);
}

#[tokio::test]
async fn blank_text_is_bad_input() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    for blank in ["", "  \n\t "] {
        run_on(&sim, &["say", blank, "-o", text(&path)]).await.assert_failed(5, "nothing to say");
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn odd_texts_are_said() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    for odd in ["🎈", "-5 degrees", "…", "नमस्ते", "a\nb", "\u{202e}x"] {
        let ran = run_on(&sim, &["say", odd, "-o", text(&path)]).await;
        assert_eq!(ran.code, 0, "{odd:?}: {ran:#?}");
        assert!(!samples(&path).0.is_empty(), "{odd:?}");
    }
}

#[tokio::test]
async fn a_text_of_100_kb_is_said_whole() {
    let tts = TtsOptions {
        pace: 100_000.0,
        first_chunk_latency: std::time::Duration::ZERO,
        ..TtsOptions::default()
    };
    let sim = simulator_with(SimConfig::default().with_tts(tts)).await;
    let path = directory().join("said.wav");
    let sentences: String = (0..).map(|number| format!("This is sentence {number}. ")).take(5_000).collect();
    let long = &sentences[..100_000];
    let ran = run_on(&sim, &["say", long, "-o", text(&path), "--json", "--sample-rate", "8000"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let asked: Vec<_> =
        requests(&sim).iter().filter_map(|body| body["text"].as_str().map(str::to_owned)).collect();
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    assert_eq!(letters(&asked.concat()), letters(long));
}

#[tokio::test]
async fn a_failure_costs_no_older_recording() {
    let sim = faulty(&["500"]).await;
    let path = directory().join("said.wav");
    fs::write(&path, "precious").unwrap();
    run_on(&sim, &["say", "Hello.", "-o", text(&path)]).await.assert_failed(3, "500");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_was_said_before_a_failure_is_kept_beside() {
    let sim = faulty(&["drop=sent:64k"]).await;
    let path = directory().join("said.wav");
    let text_to_say = "A first sentence that is long enough to be heard. And then another one.";
    let ran = run_on(&sim, &["say", text_to_say, "-o", text(&path)]).await;
    ran.assert_failed(4, "said.partial.wav");
    assert!(!path.exists());
    assert!(!samples(path.with_file_name("said.partial.wav")).0.is_empty());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_known_before_any_connection() {
    let sim = simulator().await;
    let directory = directory();
    run_on(&sim, &["say", "Hello.", "-o", text(&directory)]).await.assert_failed(5, "directory");
    run_on(&sim, &["say", "Hello.", "-o", "/nowhere/at/all.wav"]).await.assert_failed(5, "cannot be written");
    assert_eq!(sim.log(), []);
}
