//! What a provider implements, and the generic stages around it.
//!
//! A provider implements [`SttService`] or [`TtsService`]: one `async fn run` that takes commands and
//! gives events until it is told to end; or [`LlmService`]: one `async fn respond` for each answer. The
//! generic stage around it gives every provider the same mute, settings, metrics, buffering and
//! interruption behaviour, so that a provider's author writes only the wire format.
//!
//! The contract of `run`:
//! 1. It takes commands as they come and never leaves them waiting for the network.
//! 2. It answers every `Update` with exactly one `Answered`.
//! 3. After `End` it delivers what is still to come, within its own deadline, and returns.
//! 4. It returns an error only when it has given up for good.
//! 5. Dropping its future releases everything it holds.

mod events;
mod host;
mod llm;
mod llm_stage;
mod stt;
mod stt_stage;
mod tools;
mod tts;
mod tts_stage;
mod turns;
mod updates;
mod utterances;

use std::sync::Arc;

use tokio::sync::mpsc;

pub use events::{ConnectionEvent, ConnectionEvents, ConnectionLog};
pub use llm::{LlmDelta, LlmEvent, LlmOutput, LlmProfile, LlmService};
pub use llm_stage::{CALLS_LIMIT, END_PATIENCE, FOLLOW_UP, LlmStage, RESULT_LIMIT};
pub use stt::{Heard, SttAudio, SttCommand, SttEvent, SttIo, SttProfile, SttService, SttSetup};
pub use stt_stage::{LIVE_BACKLOG, SttStage};
pub use tools::{AtInterruption, Tool, ToolError, ToolFailure, ToolOrder, ToolPolicy, Tools, ToolsChanged};
pub use tts::{TtsCommand, TtsEvent, TtsIo, TtsProfile, TtsService, TtsSetup};
pub use tts_stage::{SILENCE_LIMIT, TtsStage};
pub use turns::ServiceTurn;

use crate::error::ServiceError;

/// The two ends a service works between: commands come in, events go out. Both are bounded.
#[derive(Debug)]
pub struct ServiceIo<C, E> {
    /// What the pipeline asks. `None` means the pipeline is gone: return.
    pub commands: mpsc::Receiver<C>,
    /// What the service tells.
    pub events: mpsc::Sender<E>,
}

/// How a service's run ended.
pub type ServiceResult = Result<(), ServiceError>;

/// The name of a service, as it stands in metrics, errors and settings answers.
pub type ServiceName = Arc<str>;
