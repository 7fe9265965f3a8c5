//! What a session tells `tracing`: a span of its own around everything its stages do, and what each took to start.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Pipeline, Processor,
    frame::{Frame, FrameKind, Payload},
    processor::Result,
};
use voxline_testkit::Harness;

/// Remembers events as lines, each with the names of the spans it happened in.
#[derive(Clone, Default)]
struct Lines {
    next: Arc<AtomicU64>,
    // Written on the one thread of a test.
    inside: Arc<Mutex<Vec<u64>>>,
    spans: Arc<Mutex<HashMap<u64, String>>>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Lines {
    fn of(&self, word: &str) -> Vec<String> {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(word)).cloned().collect()
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("voxline")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        self.spans.lock().unwrap().insert(id, format!("{}{id}", attributes.metadata().name()));
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let inside = self.inside.lock().unwrap();
        let spans = self.spans.lock().unwrap();
        let within = inside.last().map_or("nowhere", |id| spans[id].as_str());
        self.lines.lock().unwrap().push(format!("{within}:{}", fields.0));
    }

    fn enter(&self, span: &Id) {
        self.inside.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.inside.lock().unwrap().pop();
    }
}

/// Says so when it gets a text; takes a while to start.
struct Slow;

#[async_trait]
impl AsyncProcessor for Slow {
    fn name(&self) -> Cow<'static, str> {
        "slow".into()
    }

    async fn start(&mut self, _: &mut AsyncContext) -> Result {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    }

    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        ctx.push(frame).await;
        Ok(())
    }
}

struct Tells;

impl Processor for Tells {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::Text(chunk) = &frame.payload {
            tracing::info!(target: "voxline_test", "got {}", chunk.text);
        }
        ctx.push(frame);
        Ok(())
    }
}

fn pipeline() -> Pipeline {
    Pipeline::builder().then(Tells).then(Slow).build().unwrap()
}

#[test]
fn behaviour_163_what_each_stage_took_to_start_is_told_once() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || Harness::new(pipeline()).finish());
    let started: Vec<_> = lines.of("message=started").into_iter().map(|line| line.replace(' ', "")).collect();
    assert_eq!(
        started,
        ["session1:message=startedstage=Tellstook=0ns", "session1:message=startedstage=slowtook=300ms"]
    );
}

#[test]
fn behaviour_164_each_session_works_in_a_span_of_its_own() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        let (mut one, mut two) = (Harness::new(pipeline()), Harness::new(pipeline()));
        one.queue(Frame::text("a"));
        two.queue(Frame::text("b"));
        one.queue(Frame::text("c"));
        assert_eq!(one.finish().count(FrameKind::Text), 2);
    });
    assert_eq!(
        lines.of("got"),
        ["session1: message=got a", "session2: message=got b", "session1: message=got c"]
    );
}
