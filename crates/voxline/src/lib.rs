//! Real-time voice agents: audio comes in, frames flow through processors chained by channels, speech
//! recognition, a language model and speech synthesis do their part, audio goes out.
//!
//! ```no_run
//! use voxline::prelude::*;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let stt = SmallestStt::from_env()?;
//!     let tts = SmallestTts::from_env()?;
//!     stt.on_connected(|| eprintln!("listening"));
//!     stt.on_connection_error(|error| eprintln!("speech-to-text: {error}"));
//!
//!     let (input, output) = WavTransport::open("question.wav", "answer.wav")?.split();
//!     let pipeline = Pipeline::builder()
//!         .then(input)
//!         .then(Vad::default())
//!         .then(stt)
//!         .then(Parrot::default())
//!         .then(tts)
//!         .then(output)
//!         .build()?;
//!
//!     let session = pipeline.start(SessionConfig::default()).await?;
//!     session.queue(Frame::stt_settings(SttSettings::delta().language(Language::Fr))).await?;
//!     session.finished().await?;
//!     Ok(())
//! }
//! ```
//!
//! Where the parrot stands belongs a language model, with a conversation around it: `examples/voice_agent.rs`, which
//! needs the feature `llm`.
//!
//! This crate holds no logic: it gives the parts one address each.
//!
//! | module | feature | what |
//! |---|---|---|
//! | [`core`] | always | frames, processors, pipelines, sessions, the stages around services, what a service implements |
//! | [`audio`] | always | PCM, conversions, resampling, WAV |
//! | [`turns`] | always | who has the floor, a conversation that holds what was heard |
//! | `vad` | `vad`, on | voice activity detection |
//! | | `webrtc-vad`, off | the WebRTC project's detector too; builds C |
//! | `wav` | `wav`, on | WAV files as the ends of a pipeline |
//! | `smallest_stt`, `smallest_tts` | `smallest`, on | Smallest AI's Waves: speech-to-text and text-to-speech |
//! | `llm` | `llm`, off | language models: any OpenAI-compatible endpoint, a scripted one, typed tools; an HTTP client |
//! | `recorder` | `recorder`, off | both sides of a call as WAV, and what was said as text; needs no further dependency |
//! | `local` | `local-audio`, off | microphone and speaker; needs a system library to build, on Debian `libasound2-dev` |
//! | `sim` | `sim`, off | a simulator of Waves on loopback, for demos and tests without a key |
//!
//! [`prelude`] has what most agents need under short names, as far as its features are on.

pub use voxline_audio as audio;
pub use voxline_core as core;
pub use voxline_turns as turns;

#[cfg(feature = "llm")]
pub use voxline_llm as llm;
#[cfg(feature = "recorder")]
pub use voxline_recorder as recorder;
#[cfg(feature = "local-audio")]
pub use voxline_transport_local as local;
#[cfg(feature = "wav")]
pub use voxline_transport_wav as wav;
#[cfg(feature = "vad")]
pub use voxline_vad as vad;
#[cfg(feature = "sim")]
pub use voxline_waves_sim as sim;
#[cfg(feature = "smallest")]
pub use {smallest_stt, smallest_tts};

/// What most agents need, under short names.
pub mod prelude {
    #[cfg(feature = "smallest")]
    pub use smallest_stt::{SmallestStt, SttSettings};
    #[cfg(feature = "smallest")]
    pub use smallest_tts::{SmallestTts, TtsSettings};
    pub use voxline_audio::{Pcm, SampleRate};
    pub use voxline_core::{
        AsyncContext, AsyncProcessor, Context, CustomFrame, Ending, Error, ErrorCategory, Event, Observer,
        Outcome, Pipeline, Processor, ServiceError, Session, SessionConfig, SessionEvent, Timer,
        frame::{
            ChatMessage, Direction, Exchange, Frame, FrameKind, KindSet, Language, Metric, Payload,
            ToolOutcome,
        },
        service::{LlmService, LlmStage, SttService, SttStage, Tools, TtsService, TtsStage},
        text::{CodeBlocks, Emoji, Markdown, PatternPairs, Splitting, TextFilter},
    };
    #[cfg(feature = "llm")]
    pub use voxline_llm::{OpenAiLlm, OpenAiSettings, Reply, ScriptedLlm, schemars::JsonSchema, tool};
    #[cfg(feature = "recorder")]
    pub use voxline_recorder::{Recorder, Transcript};
    #[cfg(feature = "local-audio")]
    pub use voxline_transport_local::{LocalConfig, LocalTransport, MuteWhileBotSpeaks};
    #[cfg(feature = "wav")]
    pub use voxline_transport_wav::{Pace, WavInput, WavOutput, WavTransport};
    pub use voxline_turns::{
        AnswerNow, Conversation, Idle, IdleAction, MeasureLatency, MinWords, Parrot, TurnConfig, TurnUpdate,
        WhileBotSpeaks,
    };
    #[cfg(feature = "vad")]
    pub use voxline_vad::{Vad, VadParams};
}
