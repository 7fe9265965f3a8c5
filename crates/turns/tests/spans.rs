//! What a conversation tells `tracing`: a span for each turn, and nothing of what was said.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use support::{Line, ms};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use voxline_turns::TurnConfig;

/// Remembers the spans of turns as lines, in the order of what happens to them.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<Kept>>);

// Written on the one thread of a test.
#[derive(Default)]
struct Kept {
    /// The name of each span, and how many hold it.
    spans: Vec<(&'static str, usize)>,
    inside: Vec<u64>,
    lines: Vec<String>,
    everything: String,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Kept {
    fn name(&self, id: u64) -> &'static str {
        self.spans[id as usize - 1].0
    }
}

impl Subscriber for Turns {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut kept = self.0.lock().unwrap();
        let name = attributes.metadata().name();
        kept.spans.push((name, 1));
        if name == "turn" {
            let mut fields = Fields(String::new());
            attributes.record(&mut fields);
            let within = kept.inside.last().map_or("nothing", |&id| kept.name(id));
            kept.lines.push(format!("turn{} in {within}", fields.0));
        }
        Id::from_u64(kept.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        let mut kept = self.0.lock().unwrap();
        let name = kept.name(span.into_u64());
        kept.lines.push(format!("{name}{}", fields.0));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        if event.metadata().level() > &tracing::Level::DEBUG {
            return;
        }
        self.0.lock().unwrap().everything.push_str(&fields.0);
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().inside.push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().inside.pop();
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.lock().unwrap().spans[id.into_u64() as usize - 1].1 += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut kept = self.0.lock().unwrap();
        let span = &mut kept.spans[id.into_u64() as usize - 1];
        span.1 -= 1;
        let closed = *span == ("turn", 0);
        if closed {
            kept.lines.push("turn closed".into());
        }
        closed
    }
}

#[test]
fn b_164_each_turn_has_a_span_within_its_session_and_says_whether_it_was_interrupted() {
    let turns = Turns::default();
    tracing::subscriber::with_default(turns.clone(), || {
        let mut line = Line::new(TurnConfig::default());
        line.say("hello there");
        line.harness.advance(Duration::from_secs(5));
        line.say("secret number seven");
        line.harness.advance(ms(300 + 9 * 50 + 20));
        line.say("stop that");
        line.harness.advance(Duration::from_secs(5));
    });
    let kept = turns.0.lock().unwrap();
    let expected = [
        "turn number=1 in session",
        "turn closed",
        "turn number=2 in session",
        "turn interrupted=true",
        "turn number=3 in session",
        "turn closed",
        "turn closed",
    ];
    assert_eq!(kept.lines, expected);
    assert!(!kept.everything.contains("secret"), "{}", kept.everything);
    assert!(kept.everything.contains("the user has given the floor away"));
}
