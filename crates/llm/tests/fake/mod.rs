//! A model that does as it is told, step by step, on tokio's clock.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use voxline_core::{
    ErrorCategory, ServiceError,
    frame::{LlmRequest, SettingsAnswer, ToolCall, UpdateId},
    service::{LlmDelta, LlmEvent, LlmOutput, LlmProfile, LlmService, ServiceName},
};

/// What a fake does next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(Duration),
    Say(&'static str),
    Call(&'static str, &'static str, &'static str),
    Progress,
    Usage(u64, u64),
    Fail { fatal: bool },
    Hang,
}

/// A fake model: the n-th answer follows the n-th script, and the last one again and again.
#[derive(Clone, Debug)]
pub(crate) struct FakeLlm {
    scripts: Arc<Vec<Vec<Step>>>,
    asked: Arc<Mutex<Vec<LlmRequest>>>,
    /// Answers that are being written.
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) profile: LlmProfile,
}

impl FakeLlm {
    pub(crate) fn new(scripts: Vec<Vec<Step>>) -> Self {
        Self {
            scripts: Arc::new(scripts),
            asked: Arc::default(),
            open: Arc::default(),
            profile: LlmProfile {
                first_token_deadline: Duration::from_secs(10),
                stall_deadline: Duration::from_secs(5),
            },
        }
    }

    pub(crate) fn asked(&self) -> Vec<LlmRequest> {
        self.asked.lock().unwrap().clone()
    }
}

/// Counts an answer as long as its future lives.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl LlmService for FakeLlm {
    fn name(&self) -> ServiceName {
        "fake-llm".into()
    }

    fn profile(&self) -> LlmProfile {
        self.profile
    }

    async fn respond(&self, request: LlmRequest, output: LlmOutput) -> Result<(), ServiceError> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let _open = Open(self.open.clone());
        let index = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request);
            asked.len() - 1
        };
        let script = self.scripts.get(index).or(self.scripts.last()).unwrap().clone();
        for step in script {
            match step {
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Say(text) => output.send(LlmEvent::Text(text.into())).await,
                Step::Call(id, name, arguments) => {
                    let (id, name) = (id.into(), name.into());
                    let call = ToolCall { id, name, arguments: arguments.into() };
                    output.send(LlmEvent::Call(call)).await;
                }
                Step::Progress => output.send(LlmEvent::Progress).await,
                Step::Usage(prompt, completion) => output.send(LlmEvent::Usage { prompt, completion }).await,
                Step::Hang => std::future::pending().await,
                Step::Fail { fatal } => {
                    return Err(ServiceError {
                        service: self.name(),
                        category: ErrorCategory::Server,
                        fatal,
                        source: Arc::new(std::io::Error::other("it broke")),
                    });
                }
            }
        }
        Ok(())
    }

    fn update(&self, update: UpdateId, _: &LlmDelta) -> SettingsAnswer {
        SettingsAnswer {
            update,
            service: self.name(),
            changed: Vec::new(),
            rejected: Vec::new(),
            warnings: Vec::new(),
            reconnected: false,
        }
    }
}
