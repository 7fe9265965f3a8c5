//! `voxline agent` with a conversation: by a script, and by a model at an OpenAI-compatible endpoint.

use std::fs;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use voxline_waves_sim::{Script, SimConfig, WavesSim};

use crate::support::*;

const KEY: &str = "sk-a-key-of-a-model";

/// A simulator that hears these.
async fn hearing(said: &[&str]) -> WavesSim {
    WavesSim::start(SimConfig::default().with_script(Script::of(said.iter().copied()))).await.unwrap()
}

/// The conversation that was printed: who said what.
fn context(ran: &Ran) -> Vec<(String, String)> {
    let told = ran.events_named("context");
    assert_eq!(told.len(), 1, "{ran:#?}");
    let field = |message: &Value, name: &str| message[name].as_str().unwrap().to_owned();
    let messages = told[0]["messages"].as_array().unwrap();
    messages.iter().map(|message| (field(message, "role"), field(message, "text"))).collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|&(role, text)| (role.to_owned(), text.to_owned())).collect()
}

#[tokio::test]
async fn a_script_answers_each_turn_once_and_remembers_all_of_it() {
    let sim = simulator().await;
    let output = directory().join("answer.wav");
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--pace", "fast", "--json"];
    let ran = run_on(&sim, &[&args[..], &["--llm", "scripted", "--system", "Be kind."]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stderr.contains("from a script"), "{}", ran.stderr);
    let answers = [
        "Yes, I hear you well.",
        "I have no window, but I hope the sun shines.",
        "You are welcome. Goodbye.",
    ];
    let mut wanted = vec![("system", "Be kind.")];
    for (said, answer) in UTTERANCES.into_iter().zip(answers) {
        wanted.extend([("user", said), ("assistant", answer)]);
    }
    assert_eq!(context(&ran), pairs(&wanted));
    let told: Vec<_> = ran.events_named("answer").iter().map(|event| event["text"].clone()).collect();
    assert_eq!(told, answers);
    for name in ["turn_started", "turn_stopped", "bot_started", "bot_stopped"] {
        assert_eq!(ran.events_named(name).len(), 3, "{name}");
    }
    let exchanges = ran.events_named("exchange");
    assert_eq!(exchanges.len(), 3, "{ran:#?}");
    for exchange in exchanges {
        let part = |name: &str| exchange[name].as_f64().unwrap();
        let parts =
            ["transcript", "turn_end", "request", "first_token", "first_text", "first_audio", "played"]
                .map(part);
        assert!(parts.is_sorted() && exchange["tools"].is_null(), "{exchange}");
    }
    assert_eq!(ran.events_named("interrupted"), [] as [Value; 0]);
    assert_eq!(ran.summary()["answers"], 3);
    assert!(!samples(&output).0.is_empty());
}

#[tokio::test]
async fn the_script_looks_at_a_clock_by_a_tool() {
    let sim = hearing(&["What time is it in Delhi?"]).await;
    let (input, output) = (directory().join("call.wav"), directory().join("answer.wav"));
    let (speech, rate) = first_utterance();
    write_wav(&input, &speech, rate, 1, Samples::Int16, None);
    let args = ["agent", "--input", text(&input), "--output", text(&output), "--pace", "fast", "--json"];
    let ran = run_on(&sim, &[&args[..], &["--llm", "scripted"]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let tools = ran.events_named("tool");
    assert_eq!(tools.len(), 1, "{ran:#?}");
    assert_eq!((&tools[0]["name"], &tools[0]["outcome"]), (&"time_in".into(), &"done".into()));
    let time = tools[0]["result"].as_str().unwrap();
    assert!(time.len() == 5 && &time[2..3] == ":", "{time}");
    let told = context(&ran);
    assert!(told.contains(&("tool".to_owned(), time.to_owned())), "{told:?}");
    assert_eq!(told.last().unwrap(), &("assistant".to_owned(), format!("In Delhi it is {time}.")));
}

#[tokio::test]
async fn a_caller_who_interrupts_is_answered_and_only_what_was_heard_is_remembered() {
    let sim = hearing(&["Please tell me a story.", "Wait, please stop that now."]).await;
    let (input, output) = (directory().join("call.wav"), directory().join("answer.wav"));
    let (speech, rate) = first_utterance();
    let call = [&speech[..], &speech[..]].concat();
    write_wav(&input, &call, rate, 1, Samples::Int16, None);
    let args = ["agent", "--input", text(&input), "--output", text(&output), "--json", "--llm", "scripted"];
    let ran = run_on(&sim, &args).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(ran.events_named("interrupted").len(), 1, "{ran:#?}");
    assert!(ran.events_named("bot_stopped").iter().any(|event| event["interrupted"] == true), "{ran:#?}");
    let told = context(&ran);
    let heard = &told.iter().find(|(role, _)| role == "assistant").unwrap().1;
    assert!(heard.starts_with("Once there") && !heard.contains("whisper"), "{heard}");
    assert_eq!(told.last().unwrap(), &("assistant".to_owned(), "Of course.".to_owned()));
}

#[tokio::test]
async fn without_a_key_of_a_model_it_is_told_how_to_give_one() {
    let sim = simulator().await;
    let output = directory().join("answer.wav");
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--llm", "openai"];
    run_on(&sim, &args).await.assert_failed(2, "set OPENAI_API_KEY");
    let mut command = on(&sim, &args);
    command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", "http://models.example/v1");
    finish(command).await.assert_failed(2, "OPENAI_BASE_URL: ");
    assert!(!output.exists());
    assert_eq!(sim.log(), []);
}

#[tokio::test]
async fn what_does_not_go_with_who_answers_is_a_matter_of_usage() {
    let output = directory().join("answer.wav");
    let args = ["agent", "--input", QUESTION, "--output", text(&output)];
    for (more, says) in [
        (&["--model", "gpt"][..], "--llm openai"),
        (&["--llm", "scripted", "--model", "gpt"], "--llm openai"),
        (&["--system", "Be kind."], "--llm scripted"),
        (&["--llm", "oracle"], "openai"),
    ] {
        run(&[&args[..], more].concat()).await.assert_failed(2, says);
    }
    assert!(!output.exists());
}

#[tokio::test]
async fn a_model_is_asked_with_its_name_and_instructions_and_its_answer_is_spoken() {
    let sim = simulator().await;
    let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", endpoint.local_addr().unwrap());
    let chunk = |text: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let stream = [chunk("Certainly"), chunk(", sir."), "data: [DONE]\n\n".to_owned()].concat();
    let asked = tokio::spawn(serve(endpoint, "200 OK", "text/event-stream", stream));
    let (input, output) = (directory().join("call.wav"), directory().join("answer.wav"));
    let (speech, rate) = first_utterance();
    write_wav(&input, &speech, rate, 1, Samples::Int16, None);
    let args = ["agent", "--input", text(&input), "--output", text(&output), "--pace", "fast", "--json"];
    let more = ["--llm", "openai", "--model", "a-model", "--system", "Be formal."];
    let mut command = on(&sim, &[&args[..], &more].concat());
    command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &url).env("OPENAI_MODEL", "another");
    let ran = finish(command).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let said = [("system", "Be formal."), ("user", UTTERANCES[0]), ("assistant", "Certainly, sir.")];
    assert_eq!(context(&ran), pairs(&said));
    let (head, body) = asked.await.unwrap();
    assert!(head.starts_with("POST /v1/chat/completions"), "{head}");
    assert!(head.contains(&format!("Bearer {KEY}")));
    assert_eq!(body["model"], "a-model");
    assert_eq!(body["messages"][0]["content"], "Be formal.");
    assert_eq!(body["tools"][0]["function"]["name"], "time_in");
}

#[tokio::test]
async fn a_model_that_refuses_the_key_ends_the_call_and_the_key_is_not_shown() {
    let sim = simulator().await;
    let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", endpoint.local_addr().unwrap());
    let refusal = format!("{{\"error\":{{\"message\":\"no such key: {KEY}\"}}}}");
    let asked = tokio::spawn(serve(endpoint, "401 Unauthorized", "application/json", refusal));
    let output = directory().join("answer.wav");
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--pace", "fast"];
    let mut command = on(&sim, &[&args[..], &["--llm", "openai"]].concat());
    command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &url);
    let ran = finish(command).await;
    ran.assert_failed(3, "check the key in OPENAI_API_KEY");
    assert!(!ran.stdout.contains(KEY) && !ran.stderr.contains(KEY), "{ran:#?}");
    asked.await.unwrap();
}

#[tokio::test]
async fn no_model_at_the_address_is_unreachable_and_the_call_goes_on_to_its_end() {
    let sim = simulator().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = directory().join("answer.wav");
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--pace", "fast", "--json"];
    let mut command = on(&sim, &[&args[..], &["--llm", "openai"]].concat());
    command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", format!("http://{closed}"));
    let ran = finish(command).await;
    ran.assert_failed(4, "check OPENAI_BASE_URL");
    let users = context(&ran).into_iter().filter(|(role, _)| role == "user").map(|(_, text)| text);
    assert_eq!(users.collect::<Vec<_>>().join(" "), UTTERANCES.join(" "));
}

#[tokio::test]
async fn both_sides_and_what_was_said_are_recorded() {
    let sim = simulator().await;
    let folder = directory();
    let (output, record) = (folder.join("answer.wav"), folder.join("call"));
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--pace", "fast"];
    let ran = run_on(&sim, &[&args[..], &["--llm", "scripted", "--record", text(&record)]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(samples(record.join("call.wav")).0.iter().any(|&sample| sample != 0));
    let lines = fs::read_to_string(record.join("transcript.txt")).unwrap();
    assert!(UTTERANCES.iter().all(|said| lines.contains(said)), "{lines}");
    assert!(lines.contains("I hear you well"), "{lines}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_known_before_the_call() {
    let sim = simulator().await;
    let folder = directory();
    let (output, blocked) = (folder.join("answer.wav"), folder.join("file"));
    fs::write(&blocked, "no folder").unwrap();
    let args = ["agent", "--input", QUESTION, "--output", text(&output), "--record", text(&blocked)];
    run_on(&sim, &args).await.assert_failed(5, "cannot be made");
    assert!(!output.exists());
    assert_eq!(sim.log(), []);
}

/// Answers one request, and gives its head and body.
async fn serve(endpoint: TcpListener, status: &str, kind: &str, answer: String) -> (String, Value) {
    let (mut stream, _) = endpoint.accept().await.unwrap();
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(read.read_line(&mut head).await.unwrap(), 0, "{head}");
    }
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap()];
    read.read_exact(&mut body).await.unwrap();
    let length = answer.len();
    let head_back = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    write.write_all((head_back + &answer).as_bytes()).await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}
