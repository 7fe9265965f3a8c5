//! The end of a turn: from the words, confirmed, to the model's request, and what of it is work.
//!
//! Each round is a turn: speech begins and ends, then its confirmed transcription comes, as from a recogniser. The row
//! says how long the request took to come out behind the user's aggregator (wall time, with the wake-up of the
//! pipeline's task), and the CPU of the whole process in a turn.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use voxline_core::{
    Context, Pipeline, Processor, Session, SessionConfig,
    frame::{EdgeSource, Frame, Payload, SpeechEdge, Transcription, UtteranceId},
    processor::Result,
};
use voxline_turns::{Conversation, TurnConfig};

use crate::{cpu, row::Row};

const TURNS: u32 = 500;

/// Stands where the model would: takes requests and tells when they come.
struct Asked(mpsc::Sender<Instant>);

impl Processor for Asked {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match frame.payload {
            Payload::LlmRequest(_) => {
                let _ = self.0.try_send(Instant::now());
            }
            _ => ctx.push(frame),
        }
        Ok(())
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    vec![runtime.block_on(run())]
}

async fn run() -> Row {
    let mut took = Vec::new();
    let mut used = Duration::ZERO;
    for turn in 0..TURNS {
        // A session each: a conversation that grows would be another measurement.
        let (asked, mut requests) = mpsc::channel(1);
        let (user, assistant) = Conversation::new("You are brief.").aggregators(TurnConfig::default());
        let pipeline = Pipeline::builder().then(user).then(Asked(asked)).then(assistant);
        let pipeline = pipeline.build().expect("a plain row builds");
        let session = pipeline.start(SessionConfig::default()).await.expect("the pipeline starts");
        let (before, began) = (cpu::used(), end_turn(&session, turn).await);
        let at = requests.recv().await.expect("the model is asked");
        used += cpu::used() - before;
        took.push(at.saturating_duration_since(began));
        session.cancel();
        let _ = session.finished().await;
    }
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    let cpu_us = used.as_secs_f64() * 1e6 / f64::from(TURNS);
    let numbers = [("p50_us", at(0.5)), ("p99_us", at(0.99)), ("worst_us", at(1.0)), ("cpu_us", cpu_us)];
    Row::new("turn end", "Voxline, confirmed words to the model's request", &numbers)
}

/// Lets a turn come to its end, and says when its words were given.
async fn end_turn(session: &Session, turn: u32) -> Instant {
    let edge = |at| {
        Box::new(SpeechEdge { at, confirmed_after: Duration::from_millis(300), source: EdgeSource::Vad })
    };
    let second = Duration::from_secs(1);
    let words = Transcription {
        text: "What time is it in Delhi?".into(),
        utterance: UtteranceId(turn),
        confirmed: true,
        ..Transcription::default()
    };
    for payload in [Payload::SpeechStarted(edge(second)), Payload::SpeechStopped(edge(2 * second))] {
        session.queue(Frame::new(payload)).await.expect("the session runs");
    }
    let began = Instant::now();
    session.queue(Frame::new(Payload::Transcription(words.into()))).await.expect("the session runs");
    began
}
