//! One of several models is active: a service of one's own around two others, switched by hand or by a failure.

mod fake;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use fake::{FakeLlm, Step};
use voxline_core::{
    ServiceError,
    frame::{ChatMessage, Frame, FrameKind, LlmRequest, Payload, SettingsAnswer, UpdateId},
    service::{LlmDelta, LlmOutput, LlmProfile, LlmService, ServiceName},
};
use voxline_testkit::Harness;

/// The first model, until it fails before it has said anything or the application switches: then the second.
struct Either {
    first: FakeLlm,
    second: FakeLlm,
    // Read once an answer, set by the application.
    on_second: Arc<AtomicBool>,
}

#[async_trait]
impl LlmService for Either {
    fn name(&self) -> ServiceName {
        "either".into()
    }

    fn profile(&self) -> LlmProfile {
        self.first.profile()
    }

    async fn respond(&self, request: LlmRequest, output: LlmOutput) -> Result<(), ServiceError> {
        if self.on_second.load(Ordering::Relaxed) {
            return self.second.respond(request, output).await;
        }
        let (relay, mut events) = LlmOutput::channel(1);
        let mut said = false;
        let first = self.first.respond(request.clone(), relay);
        let passed = async {
            while let Some(event) = events.recv().await {
                said = true;
                output.send(event).await;
            }
        };
        match tokio::join!(first, passed).0 {
            Err(_) if !said => {
                self.on_second.store(true, Ordering::Relaxed);
                self.second.respond(request, output).await
            }
            outcome => outcome,
        }
    }

    fn update(&self, update: UpdateId, delta: &LlmDelta) -> SettingsAnswer {
        self.first.update(update, delta)
    }
}

fn ask(harness: &mut Harness) -> Vec<String> {
    harness.queue(Frame::new(Payload::LlmRequest(Box::new(LlmRequest::new(vec![ChatMessage::user("?")])))));
    harness.advance(Duration::from_secs(1));
    let news = harness.news();
    assert_eq!(news.count(FrameKind::ResponseEnded), 1, "{news}");
    news.texts()
}

#[test]
fn b_36_a_model_that_fails_or_is_switched_by_hand_gives_way_to_another() {
    use Step::*;
    let first = FakeLlm::new(vec![vec![Say("first")], vec![Fail { fatal: false }], vec![Say("first again")]]);
    let second = FakeLlm::new(vec![vec![Say("second")], vec![Say("second again")]]);
    let on_second = Arc::new(AtomicBool::new(false));
    let mut harness = Harness::new(Either { first, second, on_second: on_second.clone() });
    assert_eq!(ask(&mut harness), ["first"]);
    assert_eq!(ask(&mut harness), ["second"], "nobody hears of the failure");
    assert_eq!(ask(&mut harness), ["second again"]);
    on_second.store(false, Ordering::Relaxed);
    assert_eq!(ask(&mut harness), ["first again"]);
    assert_eq!(harness.log().count(FrameKind::Error), 0);
}
