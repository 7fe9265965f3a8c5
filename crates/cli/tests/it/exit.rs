//! Exit codes, refusals, interrupts, and what is never printed.

use std::net::TcpListener;

use crate::support::*;

const KEY: &str = "sk_a_key_that_must_not_be_seen";

#[tokio::test]
async fn without_a_key_it_is_told_how_to_give_one() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    for args in [
        &["transcribe", QUESTION][..],
        &["say", "Hello.", "-o", text(&path)],
        &["transcribe", QUESTION, "--base-url", &sim.url()],
        &["say", "Hello.", "-o", text(&path), "--base-url", &sim.url()],
    ] {
        run(args).await.assert_failed(2, "set SMALLEST_API_KEY");
    }
    assert_eq!(sim.log(), []);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_never_shown() {
    let sim = simulator().await;
    let path = directory().join("said.wav");
    for args in [
        &["transcribe", QUESTION, "--pace", "fast"][..],
        &["transcribe", QUESTION, "--pace", "fast", "--json"],
        &["say", "Hello.", "-o", text(&path)],
        &["agent", "--input", QUESTION, "--output", text(&path)],
    ] {
        let mut command = on(&sim, args);
        command.env("SMALLEST_API_KEY", KEY).env("VOXLINE_LOG", "warn");
        let ran = finish(command).await;
        ran.assert_failed(3, "check the key in SMALLEST_API_KEY");
        assert!(!ran.stdout.contains(KEY) && !ran.stderr.contains(KEY), "{ran:#?}");
    }
}

#[tokio::test]
async fn no_level_of_logging_shows_the_key() {
    let sim = simulator().await;
    for args in [&["transcribe", QUESTION, "--pace", "fast"][..], &["say", "Hello.", "-o", "/dev/null"]] {
        for level in ["trace", "trace,tungstenite=trace,hyper=trace"] {
            let mut command = on(&sim, args);
            command.env("VOXLINE_LOG", level);
            let ran = finish(command).await;
            assert_eq!(ran.code, 0, "{ran:#?}");
            assert!(ran.stderr.contains("TRACE") || ran.stderr.contains("DEBUG"));
            assert!(!ran.stderr.contains(sim.api_key()), "{level}");
        }
    }
}

#[tokio::test]
async fn what_was_said_is_logged_at_trace_only() {
    let sim = simulator().await;
    let mut command = on(&sim, &["transcribe", QUESTION, "--pace", "fast", "-vv"]);
    command.env("SMALLEST_API_KEY", sim.api_key());
    let ran = finish(command).await;
    assert!(ran.stderr.contains("DEBUG"));
    assert!(UTTERANCES.iter().all(|said| !ran.stderr.contains(said)), "{}", ran.stderr);
}

#[tokio::test]
async fn a_key_that_cannot_be_sent_is_a_matter_of_usage() {
    let sim = simulator().await;
    for args in [&["transcribe", QUESTION][..], &["say", "Hello.", "-o", "/dev/null"]] {
        let mut command = on(&sim, args);
        command.env("SMALLEST_API_KEY", "two words");
        finish(command).await.assert_failed(2, "key");
    }
    assert_eq!(sim.log(), []);
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ws://{closed}");
    let path = directory().join("said.wav");
    for args in [
        &["transcribe", QUESTION, "--pace", "fast", "--base-url", &url][..],
        &["say", "Hello.", "-o", text(&path), "--base-url", &url],
        &["agent", "--input", QUESTION, "--output", text(&path), "--base-url", &url],
    ] {
        let mut command = voxline(args);
        command.env("SMALLEST_API_KEY", KEY);
        finish(command).await.assert_failed(4, "check --base-url and the network");
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_a_matter_of_usage() {
    for url in
        ["ws://example.com", "ftp://example.com", "ws://127.0.0.1:99999", "wss://", "wss://user:pw@host"]
    {
        for args in [&["transcribe", QUESTION][..], &["say", "Hello.", "-o", "/dev/null"]] {
            let mut command = voxline(args);
            command.args(["--base-url", url]).env("SMALLEST_API_KEY", KEY);
            finish(command).await.assert_failed(2, "");
        }
    }
}

#[tokio::test]
async fn each_refusal_has_its_exit_code() {
    for (fault, code) in [
        ("401", 3),
        ("403", 3),
        ("404", 3),
        ("410", 3),
        ("429", 3),
        ("500", 3),
        ("close=1008:forbidden", 3),
        ("refuse", 4),
        ("accept-then-close", 4),
    ] {
        let sim = faulty(&[fault]).await;
        let ran = run_on(&sim, &["transcribe", QUESTION, "--pace", "fast", "--json"]).await;
        ran.assert_failed(code, "voxline: smallest-stt: ");
        let errors = ran.events_named("connection_error");
        let last = errors.last().unwrap();
        assert_eq!(last["fatal"], true, "{fault}: {last}");
        assert!(last["category"].is_string() && last["message"].is_string());
        let ran = run_on(&sim, &["say", "Hello.", "-o", "/dev/null"]).await;
        ran.assert_failed(code, "voxline: smallest-tts: ");
    }
}

#[tokio::test]
async fn a_line_that_never_gets_anything_through_is_given_up() {
    let sim = faulty(&["drop=received:32k"]).await;
    let ran = run_on(&sim, &["transcribe", QUESTION, "--pace", "fast", "--json"]).await;
    assert_eq!(ran.code, 4, "{ran:#?}");
}

#[tokio::test]
async fn usage_is_checked_first() {
    for args in [
        &["transcribe"][..],
        &["transcribe", QUESTION, "--pace", "slow"],
        &["transcribe", QUESTION, "--endpoint", "none"],
        &["transcribe", QUESTION, "--keywords", "a:b"],
        &["transcribe", QUESTION, "--numerals", "perhaps"],
        &["transcribe", QUESTION, "--language", "e n"],
        &["transcribe", QUESTION, "--api-key", "x"],
        &["say", "Hello."],
        &["agent", "--input", QUESTION],
        &["sing"],
        &[],
    ] {
        assert_eq!(run(args).await.code, 2, "{args:?}");
    }
    let help = run(&["--help"]).await;
    assert_eq!((help.code, help.stdout.contains("Exit codes")), (0, true));
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_ends_the_file_and_keeps_what_was_heard() {
    let sim = simulator().await;
    let mut running = Running::start(on(&sim, &["transcribe", QUESTION, "--json"]));
    running.until("speech_stopped").await;
    let ran = running.signal("INT").await;
    assert_eq!(ran.code, 130, "{ran:#?}");
    assert_eq!(ran.events_named("final")[0]["text"], UTTERANCES[0]);
    let heard = ran.summary()["audio_seconds"].as_f64().unwrap();
    assert!((1.0..14.0).contains(&heard), "{heard}");
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_ends_the_call_and_keeps_the_recording() {
    let sim = simulator().await;
    let output = directory().join("answer.wav");
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--json"];
    let mut running = Running::start(on(&sim, &args));
    running.until("bot_started").await;
    let ran = running.signal("TERM").await;
    assert_eq!(ran.code, 143, "{ran:#?}");
    assert_eq!(ran.summary()["answers"], 1);
    assert!(!samples(&output).0.is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn a_reader_that_goes_away_ends_the_command_quietly() {
    let sim = simulator().await;
    let mut command = on(&sim, &["transcribe", QUESTION, "--json"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let status =
        tokio::time::timeout(std::time::Duration::from_secs(60), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}
