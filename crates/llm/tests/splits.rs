//! A stream cut at every byte gives the same answer, whatever its script and line ends (R-58).

#![expect(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod server;

use proptest::prelude::*;
use server::{End, Script, Server};
use voxline_core::{
    frame::{ChatMessage, LlmRequest},
    service::{LlmEvent, LlmOutput, LlmService},
};
use voxline_llm::{HttpPool, OpenAiConfig, OpenAiLlm, PoolConfig};

/// A stream with text in many scripts, a tool call, comments and the end.
fn stream(line_end: &str) -> String {
    let lines = [
        ": comment",
        "",
        r#"data: {"choices":[{"delta":{"content":"नमस्ते "}}]}"#,
        "",
        r#"data: {"choices":[{"delta":{"content":"你好 👨‍👩‍👧 สวัสดี مرحبا"}}]}"#,
        "",
        r#"data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{\"city\":\"दि"}}]}}]}"#,
        "",
        r#"data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ल्ली\"}"}}]},"finish_reason":"tool_calls"}]}"#,
        "",
        "data: [DONE]",
        "",
        "",
    ];
    lines.join(line_end)
}

async fn answers(streams: Vec<Vec<Vec<u8>>>) -> Vec<Vec<LlmEvent>> {
    let scripts: Vec<_> = streams.into_iter().map(|pieces| Script::stream(pieces, End::Clean)).collect();
    let count = scripts.len();
    let server = Server::start(scripts).await;
    let pool = HttpPool::new(&PoolConfig { proxy: false, ..PoolConfig::default() }).unwrap();
    let config = OpenAiConfig { pool: Some(pool), ..OpenAiConfig::new("test-llm", &server.url) };
    let llm = OpenAiLlm::with_config(config, "small");
    let mut told = Vec::new();
    for _ in 0..count {
        let (output, mut events) = LlmOutput::channel(64);
        llm.respond(LlmRequest::new(vec![ChatMessage::user("?")]), output).await.unwrap();
        let mut answer = Vec::new();
        while let Some(event) = events.recv().await {
            answer.push(event);
        }
        told.push(answer);
    }
    told
}

fn run(streams: Vec<Vec<Vec<u8>>>) -> Vec<Vec<LlmEvent>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(answers(streams))
}

#[test]
fn a_cut_at_any_byte_changes_nothing_r58() {
    for line_end in ["\n", "\r\n", "\r"] {
        let whole = stream(line_end).into_bytes();
        let cut = |at: usize| vec![whole[..at].to_vec(), whole[at..].to_vec()];
        let told = run((0..=whole.len()).map(cut).collect());
        let expected = &told[0];
        assert_eq!(expected.len(), 5, "{expected:?}");
        for (at, answer) in told.iter().enumerate() {
            assert!(answer == expected, "cut at byte {at} with {line_end:?}: {answer:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_number_of_cuts_changes_nothing_r58(lengths in prop::collection::vec(1..40_usize, 1..200), crlf: bool) {
        let whole = stream(if crlf { "\r\n" } else { "\n" }).into_bytes();
        let mut pieces = Vec::new();
        let mut rest = &whole[..];
        for length in lengths {
            let (piece, after) = rest.split_at(length.min(rest.len()));
            pieces.push(piece.to_vec());
            rest = after;
        }
        pieces.push(rest.to_vec());
        let told = run(vec![vec![whole.clone()], pieces]);
        prop_assert_eq!(&told[0], &told[1]);
    }
}
