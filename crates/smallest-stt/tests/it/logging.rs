//! What is logged: no key at any level, no words above TRACE.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use smallest_stt::{SttConfig, SttSettings};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use voxline_core::frame::Language;

use crate::support::{KEY, Rig, config, secs};

/// Everything that is logged, as level and text.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

#[test]
fn w01_w92_no_key_is_logged_at_any_level_and_no_words_above_trace() {
    let recorder = Recorder::default();
    tracing::subscriber::with_default(recorder.clone(), || {
        let mut config: SttConfig = config();
        config.base_url = "wss://proxy.example".into();
        let mut rig = Rig::with(config, SttSettings { language: Language::Ja, ..SttSettings::default() });
        rig.speak(secs(1.0));
        rig.opened(1);
        rig.interim(1, "sesame");
        rig.final_(1, "sesame");
        rig.message(1, "{sesame");
        rig.message(1, r#"{"error":"sesame"}"#);
        rig.message(1, r#"{"type":"sesame"}"#);
        rig.binary(1, b"sesame");
        rig.update(SttSettings::delta().diarize(true));
        rig.peer_closed(1, 1011, &format!("sesame {KEY}"));
        rig.pass(secs(60.0));
        rig.refused(2, 401);
    });
    let logged = recorder.0.lock().unwrap();
    assert!(logged.len() >= 4, "{logged:?}");
    for (level, text) in logged.iter() {
        assert!(!text.contains(KEY), "{level} {text}");
        assert!(*level == Level::TRACE || !text.contains("sesame"), "{level} {text}");
    }
}
