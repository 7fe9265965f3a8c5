//! `voxline agent`: a whole call, with a simulator given and with its own.

use std::fs;

use crate::support::*;

#[tokio::test]
async fn the_agent_hears_answers_and_is_recorded() {
    let sim = simulator().await;
    let output = directory().join("answer.wav");
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--pace", "fast", "--json"];
    let ran = run_on(&sim, &args).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let texts = |name: &str| -> Vec<_> {
        ran.events_named(name).iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts("final"), UTTERANCES);
    assert_eq!(texts("answer"), UTTERANCES.map(|said| format!("You said: {said}")));
    for service in ["smallest-stt", "smallest-tts"] {
        assert!(ran.events_named("connected").iter().any(|event| event["service"] == service), "{service}");
    }
    assert_eq!(ran.events_named("bot_started").len(), 3);
    assert!(ran.events_named("bot_stopped").iter().all(|event| event["interrupted"] == false));
    assert!(ran.events_named("latency").iter().any(|event| event["of"] == "voice_to_voice"));
    let summary = ran.summary();
    assert_eq!((&summary["answers"], &summary["finalizes"]), (&3.into(), &3.into()));
    let (samples, rate) = samples(&output);
    assert!(
        (summary["answer_seconds"].as_f64().unwrap() - samples.len() as f64 / f64::from(rate)).abs() < 0.001
    );
}

#[tokio::test]
async fn what_the_agent_said_can_be_heard_again() {
    let sim = simulator().await;
    let (input, output) = (directory().join("call.wav"), directory().join("answer.wav"));
    let (speech, rate) = first_utterance();
    write_wav(&input, &speech, rate, 1, Samples::Int16, None);
    let args = ["agent", "--input", text(&input), "--output", text(&output), "--pace", "fast"];
    let ran = run_on(&sim, &args).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let ran = run_on(&sim, &["transcribe", text(&output), "--pace", "fast"]).await;
    assert_eq!(ran.lines().concat(), format!("You said: {}", UTTERANCES[0]));
}

#[tokio::test]
async fn without_a_key_it_talks_to_a_simulator_of_its_own_and_says_so() {
    let directory = directory();
    let (input, output) = (directory.join("call.wav"), directory.join("answer.wav"));
    let (speech, rate) = first_utterance();
    write_wav(&input, &speech, rate, 1, Samples::Int16, None);
    fs::write(input.with_extension("txt"), "Is anybody there?").unwrap();
    let ran = run(&["agent", "--input", text(&input), "--output", text(&output)]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stderr.contains("built-in simulator"), "{}", ran.stderr);
    let said: Vec<_> = ran.lines().into_iter().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(said, ["user: Is anybody there?", "agent: You said: Is anybody there?"]);
    assert!(!samples(&output).0.is_empty());
}

#[tokio::test]
async fn with_an_address_but_no_key_it_asks_for_the_key() {
    let sim = simulator().await;
    let output = directory().join("answer.wav");
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--base-url", &sim.url()];
    run(&args).await.assert_failed(2, "set SMALLEST_API_KEY");
    assert!(!output.exists());
}

#[tokio::test]
async fn it_does_not_overwrite_what_the_caller_says() {
    let input = directory().join("call.wav");
    write_wav(&input, &[1; 1_000], 16_000, 1, Samples::Int16, None);
    let before = fs::read(&input).unwrap();
    let ran = run(&["agent", "--input", text(&input), "--output", text(&input)]).await;
    ran.assert_failed(2, "choose another --output");
    assert_eq!(fs::read(&input).unwrap(), before);
}

#[tokio::test]
async fn a_call_that_cannot_be_heard_is_bad_input() {
    let directory = directory();
    let (input, output) = (directory.join("call.wav"), directory.join("answer.wav"));
    let args = ["agent", "--input", text(&input), "--output", text(&output)];
    run(&args).await.assert_failed(5, "no such file");
    fs::write(&input, "words").unwrap();
    run(&args).await.assert_failed(5, "not a wav file");
    assert!(!output.exists());
}

#[tokio::test]
async fn a_script_that_cannot_be_read_is_bad_input() {
    let directory = directory();
    let (input, output) = (directory.join("call.wav"), directory.join("answer.wav"));
    write_wav(&input, &[1; 1_000], 16_000, 1, Samples::Int16, None);
    fs::write(input.with_extension("json"), "{\"utterances\": 3}").unwrap();
    let ran = run(&["agent", "--input", text(&input), "--output", text(&output)]).await;
    ran.assert_failed(5, "the script is not valid");
}

#[tokio::test]
async fn a_microphone_takes_the_place_of_both_files() {
    let output = directory().join("answer.wav");
    for (more, says) in [
        (&["--mic", "--input", QUESTION][..], "'--mic' cannot be used with '--input"),
        (&["--mic", "--output", text(&output)], "'--mic' cannot be used with '--output"),
        (&["--mic", "--pace", "fast"], "'--mic' cannot be used with '--pace"),
        (&["--input", QUESTION, "--output", text(&output), "--headphones"], "'--headphones'"),
        (&["--input", QUESTION], "--output"),
        (&[], "--input"),
    ] {
        run(&[&["agent"], more].concat()).await.assert_failed(2, says);
    }
    assert!(!output.exists());
}

#[cfg(not(feature = "local-audio"))]
#[tokio::test]
async fn without_the_feature_a_microphone_is_refused_with_how_to_get_it() {
    run(&["agent", "--mic"]).await.assert_failed(2, "--features local-audio");
}
