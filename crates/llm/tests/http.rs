//! The client against a server on loopback: nine hostile streams, refusals, retries, deadlines, connections.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod server;

use std::{error::Error, time::Duration};

use server::{End, Script, Server};
use voxline_core::{
    ErrorCategory, ServiceError,
    frame::{ChatMessage, LlmRequest, ToolCall, UpdateId},
    service::{LlmEvent, LlmOutput, LlmService},
};
use voxline_llm::{
    Deadlines, HttpPool, LlmError, OpenAiConfig, OpenAiLlm, OpenAiSettings, PoolConfig, RetryPolicy,
};

const KEY: &str = "sk-open-sesame";
/// Long enough for a busy machine, short for what must not come.
const SHORT: Duration = Duration::from_millis(150);

fn delta(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}}}}]}}\n\n")
}

const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn config(server: &Server) -> OpenAiConfig {
    let retry = RetryPolicy { first: Duration::from_millis(1), ..RetryPolicy::default() };
    let pool = HttpPool::new(&PoolConfig { proxy: false, ..PoolConfig::default() }).unwrap();
    OpenAiConfig {
        api_key: Some(KEY.into()),
        retry,
        pool: Some(pool),
        ..OpenAiConfig::new("test-llm", &server.url)
    }
}

fn llm(server: &Server) -> OpenAiLlm {
    OpenAiLlm::with_config(config(server), "small")
}

/// Asks and gives everything that came, and how it ended.
async fn ask(llm: &OpenAiLlm) -> (Vec<LlmEvent>, Result<(), ServiceError>) {
    let request = LlmRequest::new(vec![ChatMessage::user("नमस्ते?")]);
    let (output, mut events) = LlmOutput::channel(4);
    let collect = async {
        let mut told = Vec::new();
        while let Some(event) = events.recv().await {
            told.push(event);
        }
        told
    };
    let (outcome, told) = tokio::join!(llm.respond(request, output), collect);
    (told, outcome)
}

fn text(events: &[LlmEvent]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        LlmEvent::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn why(outcome: &Result<(), ServiceError>) -> &LlmError {
    outcome.as_ref().unwrap_err().source.downcast_ref().unwrap()
}

#[tokio::test]
async fn a_plain_stream_is_read_and_asked_for_as_documented() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n";
    let pieces = [delta("नम"), delta("स्ते"), STOP.into(), usage.into(), DONE.into()];
    let server = Server::start(vec![Script::stream(pieces, End::Clean)]).await;
    let llm = llm(&server)
        .with_settings(OpenAiSettings { temperature: Some(0.2), ..OpenAiSettings::new("electron") });
    let (told, outcome) = ask(&llm).await;
    outcome.unwrap();
    assert_eq!(text(&told), "नमस्ते");
    assert_eq!(told.last(), Some(&LlmEvent::Usage { prompt: 5, completion: 2 }));
    let seen = &server.seen()[0];
    assert!(seen.head.starts_with("post /v1/chat/completions http/1.1\r\n"), "{}", seen.head);
    assert!(seen.head.contains(&format!("authorization: bearer {KEY}")), "{}", seen.head);
    assert_eq!(seen.body["model"], "electron");
    assert_eq!(seen.body["messages"][0]["content"], "नमस्ते?");
    assert_eq!(seen.body["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn text_cut_every_seven_bytes_stays_whole_r58() {
    let script = "Zoë नमस्ते வணக்கம் مرحبا 你好 こんにちは สวัสดี 👨‍👩‍👧";
    let stream = script.split_inclusive(' ').map(delta).collect::<String>() + STOP + DONE;
    let server = Server::start(vec![Script::stream(stream.as_bytes().chunks(7), End::Clean)]).await;
    let (told, outcome) = ask(&llm(&server)).await;
    outcome.unwrap();
    assert_eq!(text(&told), script);
}

#[tokio::test]
async fn other_line_ends_comments_and_foreign_events_do_no_harm() {
    let pieces = [
        ": a comment\r\n\r\n".to_owned(),
        "event: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n".into(),
        "data:{\"choices\":[{\"delta\":{\"content\":\"one \"}}]}\r\n\r\n".into(),
        "id: 7\r\nretry: 10\r\ndata: {\"choices\":[{\"delta\":\r\ndata: {\"content\":\"two\"}}]}\r\n\r\n"
            .into(),
        DONE.replace('\n', "\r\n"),
    ];
    let server = Server::start(vec![Script::stream(pieces, End::Clean)]).await;
    let (told, outcome) = ask(&llm(&server)).await;
    outcome.unwrap();
    assert_eq!(text(&told), "one two");
}

#[tokio::test]
async fn an_unknown_finish_reason_and_missing_fields_lose_no_word() {
    let last = "data: {\"choices\":[{\"delta\":{\"content\":\"end\"},\"finish_reason\":\"eos_token\"}]}\n\n";
    let server = Server::start(vec![Script::stream([delta("the "), last.into(), DONE.into()], End::Clean)]);
    let (told, outcome) = ask(&llm(&server.await)).await;
    outcome.unwrap();
    assert_eq!(text(&told), "the end");
}

#[tokio::test]
async fn a_stream_may_end_without_done_and_without_a_last_line_end() {
    let unfinished = delta("two");
    let pieces = [delta("one "), unfinished.trim_end().to_owned()];
    let server = Server::start(vec![Script::stream(pieces, End::Clean)]).await;
    let (told, outcome) = ask(&llm(&server)).await;
    outcome.unwrap();
    assert_eq!(text(&told), "one two");
}

#[tokio::test]
async fn an_error_object_within_the_stream_is_an_error_and_is_not_repeated() {
    let error = "data: {\"error\":{\"message\":\"worker died\",\"type\":\"server_error\"}}\n\n";
    let server = Server::start(vec![Script::stream([delta("one "), error.into()], End::Clean)]).await;
    let (told, outcome) = ask(&llm(&server)).await;
    assert_eq!(text(&told), "one ");
    assert!(matches!(why(&outcome), LlmError::Server { message, .. } if message == "worker died"));
    assert_eq!(server.seen().len(), 1, "what has been said must not be said again");
}

#[tokio::test]
async fn a_cut_connection_is_an_error_unless_the_answer_was_complete() {
    let cut = Script::stream([delta("one ")], End::Cut);
    let complete = Script::stream([delta("one "), STOP.into()], End::Cut);
    let server = Server::start(vec![cut, complete]).await;
    let llm = llm(&server);
    let (told, outcome) = ask(&llm).await;
    assert_eq!(text(&told), "one ");
    assert!(matches!(why(&outcome), LlmError::CutShort(Some(_))));
    assert_eq!(outcome.unwrap_err().category, ErrorCategory::Unreachable);
    let (told, outcome) = ask(&llm).await;
    outcome.unwrap();
    assert_eq!(text(&told), "one ");
}

#[tokio::test]
async fn r_39_a_tool_call_that_is_cut_is_none() {
    let begun = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\
                 \"function\":{\"name\":\"hang_up\",\"arguments\":\"{}\"}}]}}]}\n\n";
    let finish = STOP.replace("stop", "tool_calls");
    let scripts = vec![
        Script::stream([delta("Well, "), begun.into()], End::Cut),
        Script::stream([delta("Well, "), begun.into()], End::Clean),
        Script::stream([delta("Well, "), begun.into(), finish], End::Clean),
    ];
    let server = Server::start(scripts).await;
    let llm = llm(&server);
    for _ in 0..2 {
        let (told, outcome) = ask(&llm).await;
        assert!(matches!(why(&outcome), LlmError::CutShort(_)));
        assert!(!told.iter().any(|event| matches!(event, LlmEvent::Call(_))), "{told:?}");
    }
    let (told, outcome) = ask(&llm).await;
    outcome.unwrap();
    let call = ToolCall { id: "a".into(), name: "hang_up".into(), arguments: "{}".into() };
    assert_eq!(told.last(), Some(&LlmEvent::Call(call)));
}

#[tokio::test]
async fn too_many_requests_are_asked_again_as_the_endpoint_wishes() {
    let busy = Script::json(429, r#"{"error":{"message":"slow down"}}"#).with_header("retry-after-ms", "5");
    let broken = Script::json(503, "<html>").with_header("retry-after", "0");
    let good = Script::stream([delta("at last"), STOP.into(), DONE.into()], End::Clean);
    let server = Server::start(vec![busy, broken, good]).await;
    let (told, outcome) = ask(&llm(&server)).await;
    outcome.unwrap();
    assert_eq!((text(&told).as_str(), server.seen().len()), ("at last", 3));
}

#[tokio::test]
async fn retries_end() {
    let server = Server::start(vec![Script::json(500, r#"{"error":"boom"}"#)]).await;
    let (told, outcome) = ask(&llm(&server)).await;
    assert!(told.is_empty());
    assert!(
        matches!(why(&outcome), LlmError::Server { status: Some(500), message, .. } if message == "boom")
    );
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_told_at_once() {
    let busy = Script::json(429, "{}").with_header("retry-after", "60");
    let server = Server::start(vec![busy]).await;
    let (_, outcome) = ask(&llm(&server)).await;
    let minute = Some(Duration::from_secs(60));
    assert!(matches!(why(&outcome), LlmError::Overloaded { retry_after, .. } if *retry_after == minute));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn refusals_are_told_once_by_what_can_be_done_and_without_the_key() {
    let cases = [
        (401, "{\"error\":{\"message\":\"bad key sk-open-sesame\"}}", ErrorCategory::Unauthorized),
        (403, "{\"detail\":\"not your region\"}", ErrorCategory::Forbidden),
        (404, "{\"error\":{\"message\":\"no model\",\"code\":\"model_not_found\"}}", ErrorCategory::Refused),
        (429, "{\"error\":{\"message\":\"pay\",\"code\":\"insufficient_quota\"}}", ErrorCategory::Forbidden),
        (302, "", ErrorCategory::Refused),
    ];
    for (status, body, category) in cases {
        let server = Server::start(vec![Script::json(status, body)]).await;
        let (_, outcome) = ask(&llm(&server)).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.category, category, "{status}");
        assert_eq!(error.fatal, status == 401, "{status}");
        let shown = format!("{error} {error:?} {}", error.source);
        assert!(!shown.contains("sesame"), "{shown}");
        assert_eq!(server.seen().len(), 1, "{status} was asked again");
    }
}

#[tokio::test]
async fn silence_and_stalls_end_at_their_deadlines() {
    let scripts = vec![Script::silence(), Script::stream([delta("one ")], End::Hang)];
    let server = Server::start(scripts).await;
    let deadlines = Deadlines { first_token: SHORT, stall: SHORT, finish: SHORT };
    let llm = llm(&server).with_deadlines(deadlines);
    let (_, outcome) = ask(&llm).await;
    assert!(matches!(why(&outcome), LlmError::Silent { after } if *after == SHORT));
    let patient = llm.with_deadlines(Deadlines { stall: SHORT, ..Deadlines::default() });
    let (told, outcome) = ask(&patient).await;
    assert_eq!(text(&told), "one ");
    assert!(matches!(why(&outcome), LlmError::Stalled { after } if *after == SHORT));
}

#[tokio::test]
async fn a_complete_answer_does_not_wait_for_an_end_that_never_comes() {
    let server = Server::start(vec![Script::stream([delta("all"), STOP.into()], End::Hang)]).await;
    let llm = llm(&server).with_deadlines(Deadlines { finish: SHORT, ..Deadlines::default() });
    let (told, outcome) = ask(&llm).await;
    outcome.unwrap();
    assert_eq!(text(&told), "all");
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let server = Server::start(vec![Script::silence()]).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    let (_, outcome) = ask(&llm(&server).with_base_url(url)).await;
    assert!(matches!(why(&outcome), LlmError::Unreachable(_)));
    assert!(why(&outcome).source().is_some());
}

#[tokio::test]
async fn bytes_that_are_no_text_and_endless_answers_are_refused() {
    let scripts = vec![
        Script::stream([delta("ok").as_bytes(), b"data: \xFF\xFE\n\n"], End::Hang),
        Script::stream(vec![delta("again and again"); 100], End::Hang),
    ];
    let server = Server::start(scripts).await;
    let config = OpenAiConfig { max_answer: 2_000, ..config(&server) };
    let llm = OpenAiLlm::with_config(config, "small");
    let (_, outcome) = ask(&llm).await;
    assert!(matches!(why(&outcome), LlmError::Protocol { .. }));
    let (_, outcome) = ask(&llm).await;
    assert!(matches!(why(&outcome), LlmError::TooLong { limit: 2_000 }));
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_read_as_well() {
    let body = r#"{"choices":[{"message":{"content":"all at once"},"finish_reason":"stop"}]}"#;
    let server = Server::start(vec![Script::json(200, body)]).await;
    let (told, outcome) = ask(&llm(&server)).await;
    outcome.unwrap();
    assert_eq!(text(&told), "all at once");
}

#[tokio::test]
async fn a_page_where_an_answer_should_be_is_an_error() {
    let page =
        Script { headers: vec![("content-type", "text/html".into())], ..Script::json(200, "<p>Hello</p>") };
    for script in [page, Script::json(200, "{}"), Script::stream([""], End::Clean)] {
        let server = Server::start(vec![script]).await;
        let (told, outcome) = ask(&llm(&server)).await;
        assert!(told.is_empty(), "{told:?}");
        assert!(matches!(why(&outcome), LlmError::Protocol { expected: "an answer", .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn one_connection_serves_answer_after_answer_of_every_session() {
    let good = Script::stream([delta("hi"), STOP.into(), DONE.into()], End::Clean);
    let server = Server::start(vec![good]).await;
    let config = config(&server);
    let (first, second) =
        (OpenAiLlm::with_config(config.clone(), "small"), OpenAiLlm::with_config(config, "small"));
    for llm in [&first, &second, &first] {
        ask(llm).await.1.unwrap();
    }
    let connections: Vec<_> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 0]);
}

#[tokio::test]
async fn sessions_share_the_processs_own_pool_unless_they_are_given_another() {
    let good = Script::stream([delta("hi"), STOP.into(), DONE.into()], End::Clean);
    let server = Server::start(vec![good]).await;
    for name in ["first", "second"] {
        let llm = OpenAiLlm::with_config(OpenAiConfig::new(name, &server.url), "small");
        ask(&llm).await.1.unwrap();
    }
    let connections: Vec<_> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0]);
}

#[tokio::test]
async fn a_connect_that_hangs_is_given_up_within_its_deadline() {
    // Takes the connection, and never answers the greeting of TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    let pool = PoolConfig { connect_within: SHORT, ..PoolConfig::default() };
    let config = OpenAiConfig {
        pool: Some(HttpPool::new(&pool).unwrap()),
        retry: RetryPolicy { attempts: 1, ..RetryPolicy::default() },
        deadlines: Deadlines { first_token: Duration::from_secs(3600), ..Deadlines::default() },
        ..OpenAiConfig::new("test-llm", url)
    };
    let asked = async { ask(&OpenAiLlm::with_config(config, "small")).await };
    let (told, outcome) =
        tokio::time::timeout(Duration::from_secs(30), asked).await.expect("the connect has a deadline");
    assert!(told.is_empty() && matches!(why(&outcome), LlmError::Unreachable(_)), "{outcome:?}");
    drop(listener);
}

/// Names the address that [`asks_by_the_environment`] asks.
const ASKED: &str = "VOXLINE_TEST_ASKED";

#[tokio::test]
async fn what_runs_on_this_machine_is_not_asked_through_a_proxy() {
    let good = || vec![Script::stream([delta("hi"), STOP.into(), DONE.into()], End::Clean)];
    let (server, proxy) = (Server::start(good()).await, Server::start(good()).await);
    let proxied = proxy.url.trim_end_matches("/v1");
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "asks_by_the_environment"]).env(ASKED, &server.url);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxied);
    }
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(name);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the servers must go on while the child runs, and it is awaited"
    )]
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((server.seen().len(), proxy.seen().len()), (1, 0));
}

#[tokio::test]
#[ignore = "run by what_runs_on_this_machine_is_not_asked_through_a_proxy, in an environment of its own"]
async fn asks_by_the_environment() {
    let url = std::env::var(ASKED).expect("the address to ask");
    let config = OpenAiConfig { api_key: Some(KEY.into()), ..OpenAiConfig::new("test-llm", url) };
    ask(&OpenAiLlm::with_config(config, "small")).await.1.unwrap();
}

#[tokio::test]
async fn settings_hold_from_the_next_answer_on() {
    let good = Script::stream([delta("hi"), STOP.into(), DONE.into()], End::Clean);
    let server = Server::start(vec![good]).await;
    let llm = llm(&server);
    ask(&llm).await.1.unwrap();
    let delta = OpenAiSettings::delta().model("large").temperature(9.0).max_tokens(50);
    let answer = llm.update(UpdateId(1), &delta.into());
    assert_eq!((answer.changed.len(), answer.rejected.len()), (2, 1));
    ask(&llm).await.1.unwrap();
    let bodies: Vec<_> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!((&bodies[0]["model"], &bodies[0]["max_tokens"]), (&"small".into(), &serde_json::Value::Null));
    assert_eq!((&bodies[1]["model"], &bodies[1]["max_tokens"]), (&"large".into(), &50.into()));
    assert_eq!(bodies[1].get("temperature"), None);
}

#[tokio::test]
async fn dropping_the_answer_closes_its_stream() {
    let server = Server::start(vec![Script::stream([delta("one ")], End::Hang)]).await;
    let llm = llm(&server);
    let (output, mut events) = LlmOutput::channel(4);
    let request = LlmRequest::new(vec![ChatMessage::user("hello")]);
    tokio::select! {
        outcome = llm.respond(request, output) => panic!("it ended: {outcome:?}"),
        event = events.recv() => assert_eq!(event, Some(LlmEvent::Text("one ".into()))),
    }
    tokio::time::timeout(Duration::from_secs(30), server.client_left()).await.expect("the stream stays open");
}
