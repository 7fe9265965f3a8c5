//! `voxline sim`: a simulator for whoever writes for the service.

use std::fs;

use crate::support::*;
use serde_json::Value;
use tokio::process::Command;

/// Where a running simulator is, and its key.
async fn ready(sim: &mut Running) -> (String, String) {
    let first: Value = serde_json::from_str(&sim.line().await).unwrap();
    let fields = first.as_object().unwrap();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["api_key", "url"]);
    let field = |name: &str| fields[name].as_str().unwrap().to_owned();
    (field("url"), field("api_key"))
}

fn with_key(mut command: Command, key: &str) -> Command {
    command.env("SMALLEST_API_KEY", key);
    command
}

#[tokio::test]
async fn its_first_line_opens_it_and_a_signal_ends_it_well() {
    for (signal, key) in [("INT", None), ("TERM", Some("sk_mine"))] {
        let args = key.map_or(vec!["sim"], |key| vec!["sim", "--api-key", key]);
        let mut sim = Running::start(voxline(&args));
        let (url, api_key) = ready(&mut sim).await;
        assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
        assert!(key.is_none_or(|key| key == api_key));
        let path = directory().join("said.wav");
        let say = voxline(&["say", "Hello.", "-o", text(&path), "--base-url", &url]);
        let ran = finish(with_key(say, &api_key)).await;
        assert_eq!(ran.code, 0, "{ran:#?}");
        let ended = sim.signal(signal).await;
        assert_eq!(ended.code, 0, "{ended:#?}");
        assert_eq!(ended.stdout.lines().count(), 1);
    }
}

#[tokio::test]
async fn script_fault_and_log_are_obeyed() {
    let directory = directory();
    let (script, log) = (directory.join("script.txt"), directory.join("log.jsonl"));
    fs::write(&script, "One.\nTwo.\nThree.\n").unwrap();
    let args = ["sim", "--script", text(&script), "--log", text(&log), "--fault", "503,count=1"];
    let mut sim = Running::start(voxline(&args));
    let (url, key) = ready(&mut sim).await;
    let transcribe = voxline(&["transcribe", QUESTION, "--pace", "fast", "--base-url", &url]);
    let ran = finish(with_key(transcribe, &key)).await;
    assert_eq!((ran.code, ran.lines()), (0, vec!["One.", "Two.", "Three."]), "{ran:#?}");
    assert!(ran.stderr.contains("503") && ran.stderr.contains("trying again"), "{}", ran.stderr);
    sim.signal("INT").await;
    let logged = fs::read_to_string(&log).unwrap();
    assert!(!logged.contains(&key));
    let events: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in ["refused", "opened", "audio", "closed"] {
        assert!(events.iter().any(|entry| entry["event"] == event), "{event} in {logged}");
    }
}

#[tokio::test]
async fn what_it_cannot_do_is_told_at_once() {
    let sim = simulator().await;
    let directory = directory();
    let script = directory.join("script.json");
    fs::write(&script, "{\"utterances\": 3}").unwrap();
    let port = sim.port().to_string();
    run(&["sim", "--port", &port]).await.assert_failed(2, "cannot listen");
    run(&["sim", "--port", "65536"]).await.assert_failed(2, "--port");
    run(&["sim", "--fault", "nonsense"]).await.assert_failed(2, "unknown fault");
    run(&["sim", "--api-key", "a b"]).await.assert_failed(2, "key");
    run(&["sim", "--script", text(&script)]).await.assert_failed(5, "script.json: the script is not valid");
    run(&["sim", "--script", "/nowhere.json"]).await.assert_failed(5, "/nowhere.json");
    run(&["sim", "--log", "/nowhere/log"]).await.assert_failed(5, "log file");
}
