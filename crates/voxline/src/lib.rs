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
//! This crate holds no logic: it gives the parts one address each.
//!
//! | module | what |
//! |---|---|
//! | [`core`] | frames, processors, pipelines, sessions, what a service implements |
//! | [`audio`] | PCM, conversions, resampling, WAV |
//! | [`turns`] | who has the floor |
//! | `vad` (feature, on) | voice activity detection |
//! | `wav` (feature, on) | WAV files as the ends of a pipeline |
//! | `smallest` (feature, on) | Smallest AI's Waves: speech-to-text and text-to-speech |
//! | `llm` (feature, off) | language models: any OpenAI-compatible endpoint, a scripted one, typed tools |

pub use voxline_audio as audio;
pub use voxline_core as core;
pub use voxline_turns as turns;

#[cfg(feature = "llm")]
pub use voxline_llm as llm;
#[cfg(feature = "wav")]
pub use voxline_transport_wav as wav;
#[cfg(feature = "vad")]
pub use voxline_vad as vad;
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
        AsyncContext, AsyncProcessor, Context, CustomFrame, Ending, Error, Event, Outcome, Pipeline,
        Processor, Session, SessionConfig, SessionEvent, Timer,
        frame::{Direction, Frame, FrameKind, KindSet, Language, Metric, Payload},
        service::LlmService,
    };
    #[cfg(feature = "llm")]
    pub use voxline_llm::{OpenAiLlm, OpenAiSettings, ScriptedLlm, Tools, tool};
    #[cfg(feature = "wav")]
    pub use voxline_transport_wav::{Pace, WavInput, WavOutput, WavTransport};
    pub use voxline_turns::{Conversation, MeasureLatency, Parrot, TurnConfig};
    #[cfg(feature = "vad")]
    pub use voxline_vad::Vad;
}
