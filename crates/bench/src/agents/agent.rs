//! The agent that is measured: every part of a real one but a language model, which a script stands for.
//!
//! ```text
//!  Caller → Vad → SmallestStt → UserAggregator → Probe → LlmStage(ScriptedLlm) → SmallestTts → Speaker → AssistantAggregator
//! ```

use std::sync::{Arc, atomic::AtomicU64};

use smallest_stt::SmallestStt;
use smallest_tts::SmallestTts;
use voxline_core::{Error, Pipeline, Session, SessionConfig, service::LlmStage};
use voxline_llm::ScriptedLlm;
use voxline_turns::{Conversation, TurnConfig};
use voxline_vad::Vad;

use super::{caller::Caller, lateness::Lateness, probe::Probe, speaker::Speaker};

/// What the bot says to everything.
const ANSWER: &str = "I hear you well, and I will gladly help you with that.";

/// Where the speech services are.
pub(crate) struct Services {
    pub(crate) url: String,
    pub(crate) key: String,
    /// The simulator's process, for its CPU time.
    pub(crate) process: u32,
}

/// How late what was due came, and how much was played, over all sessions.
#[derive(Clone, Default)]
pub(crate) struct Delays {
    /// Frames of the caller, at the end of the input side.
    pub(crate) input: Arc<Lateness>,
    /// Frames of the bot, when they were written.
    pub(crate) output: Arc<Lateness>,
    /// From the moment the end of speech could be known to the answer's first audio.
    pub(crate) answer: Arc<Lateness>,
    /// Microseconds of the bot's speech written.
    pub(crate) played: Arc<AtomicU64>,
}

/// Starts a session of an agent.
pub(crate) async fn start(
    services: &Services,
    caller: Caller,
    delays: &Delays,
) -> Result<Session, Arc<Error>> {
    let stt = SmallestStt::new(services.key.as_str()).with_base_url(&services.url);
    let tts = SmallestTts::new(services.key.as_str()).with_base_url(&services.url);
    let (user, assistant) =
        Conversation::new("You speak on the telephone.").aggregators(TurnConfig::default());
    let pipeline = Pipeline::builder()
        .then(caller)
        .then(Vad::default())
        .then(stt)
        .then(user)
        .then(Probe::new(delays.input.clone()))
        .then(LlmStage::new(ScriptedLlm::new().otherwise(ANSWER)))
        .then(tts)
        .then(Speaker::new(delays))
        .then(assistant)
        .build()
        .map_err(Arc::new)?;
    pipeline.start(SessionConfig::default()).await.map_err(Arc::new)
}
