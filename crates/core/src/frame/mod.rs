//! Frames: the values that flow through a pipeline.
//!
//! A [`Frame`] is a [`Payload`] and a little bookkeeping: id, direction, presentation time, and the
//! *generation* of the answer it belongs to. Frames hold no handle, lock or task; cloning is cheap
//! (audio and long texts are shared), and `Debug` never shows samples or speech.
//!
//! Every kind of payload has one row in the taxonomy ([`FrameKind::rule`]): its class, which way it
//! usually travels, and whether it survives an interruption. The rules:
//! 1. A *signal* overtakes everything else and is never blocked; *data* and *control* keep their order.
//! 2. A frame that does not survive interruption is dropped wherever it is next looked at once a newer
//!    generation has begun. Survivors go on and are counted to the new generation.
//! 3. A frame moved through a link is at most 64 bytes; bigger payloads are boxed or shared.
//!
//! Read next: [`crate::processor`], what happens to frames.

mod audio;
mod control;
mod language;
mod llm;
mod metrics;
mod settings;
mod taxonomy;
mod text;
mod turn;

use std::{
    cell::Cell,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

pub use audio::{EncodedAudio, SpokenAudio};
pub use control::{ErrorReport, Interrupt, InterruptCause};
pub use language::Language;
pub use llm::{ChatMessage, LlmRequest, SpokenText, ToolCall, ToolOutcome, ToolResult, ToolSpec};
pub use metrics::{Exchange, Metric, Usage};
pub use settings::{
    Change, Changed, Extension, Rejected, ServiceTarget, SettingsAnswer, SettingsUpdate, SttDelta, TtsDelta,
    UpdateId,
};
pub use taxonomy::{Class, FrameKind, KindSet, Rule};
pub use text::{Speak, SpokenWord, TextChunk, Transcription, Utterance, Word};
pub use turn::{BotSpeech, ContextId, EdgeSource, RequestId, SpeechEdge, UtteranceId};

use voxline_audio::Pcm;

use crate::{custom::CustomFrame, service::LlmDelta};
use std::sync::Arc;

/// Names a frame within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u64);

/// The answer a frame belongs to; raised by one at every interruption of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

/// Which way a frame travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From input to output.
    Down,
    /// From output to input.
    Up,
}

impl Direction {
    const fn mark(self) -> u64 {
        match self {
            Self::Down => 0,
            Self::Up => UP,
        }
    }
}

/// What a frame carries.
// A tag of eight bytes keeps every field aligned, so that frames are moved in whole words. With a tag of
// one byte the compiler moves the rest at odd offsets, and each hop stalls: 38 ns instead of 29.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[repr(u64)]
pub enum Payload {
    /// Stop what belongs to the running answer. Travels on the signal lane to every stage.
    Interrupt(Interrupt),
    /// Something went wrong in a stage. Travels upstream on the signal lane.
    Error(Arc<ErrorReport>),
    /// The input has ended: drain in order, then stop.
    End,

    /// A chunk of what the user says.
    InputAudio(Pcm),
    /// What the user says, in an encoding that is passed through untouched.
    InputEncoded(Box<EncodedAudio>),
    /// A chunk of what the bot says.
    OutputAudio(SpokenAudio),

    /// The detector heard speech begin.
    SpeechStarted(Box<SpeechEdge>),
    /// The detector heard speech end.
    SpeechStopped(Box<SpeechEdge>),
    /// The user has taken the floor.
    UserStartedSpeaking,
    /// The user has given the floor away.
    UserStoppedSpeaking,
    /// The first sample of an answer was played.
    BotStartedSpeaking(BotSpeech),
    /// An answer is being played: how far it is by now, five times a second at most.
    BotSpeaking(BotSpeech),
    /// The last sample of an answer was played, or it was cut.
    BotStoppedSpeaking(BotSpeech),

    /// A guess at what is being said; the next one replaces it.
    InterimTranscription(Box<Transcription>),
    /// What was said.
    Transcription(Arc<Transcription>),

    /// An answer begins; its text follows.
    ResponseStarted,
    /// A piece of the answer, as the model writes it.
    Text(TextChunk),
    /// The answer is complete.
    ResponseEnded,
    /// Answer this conversation.
    LlmRequest(Box<LlmRequest>),
    /// The model has called tools.
    ToolCalls(Arc<[ToolCall]>),
    /// A tool call is settled.
    ToolSettled(Arc<ToolResult>),
    /// Say this, apart from any answer of a model.
    Speak(Box<Speak>),
    /// Text that has been given to the synthesizer.
    TtsText(Box<SpokenText>),
    /// The synthesizer begins to speak an answer.
    TtsStarted(BotSpeech),
    /// A word of the answer and when it is spoken.
    TtsWord(Box<SpokenWord>),
    /// The synthesizer has delivered all of an answer.
    TtsStopped(BotSpeech),

    /// Change the settings of speech-to-text services in mid-call.
    SttUpdateSettings(Box<SettingsUpdate<SttDelta>>),
    /// Change the settings of text-to-speech services in mid-call.
    TtsUpdateSettings(Box<SettingsUpdate<TtsDelta>>),
    /// Change the settings of language models in mid-call.
    LlmUpdateSettings(Box<SettingsUpdate<LlmDelta>>),
    /// What a settings update did.
    SettingsAnswered(Box<SettingsAnswer>),
    /// Stop or resume listening.
    SttMute(bool),

    /// A measurement.
    Metrics(Box<Metric>),
    /// A frame of the application's own.
    Custom(Arc<dyn CustomFrame>),
}

/// One value on its way through a pipeline.
#[derive(Clone)]
pub struct Frame {
    /// What it carries.
    pub payload: Payload,
    id: FrameId,
    pts: u64,
    // The generation in the lower half, marks above it. One word, because a frame whose last word is put
    // together from smaller fields cannot be moved in whole words: each hop stalls on it.
    marks: u64,
}

/// No presentation time.
const UNTIMED: u64 = u64::MAX;
/// The generation is not decided yet: whoever pushes the frame first decides it.
const UNSTAMPED: u64 = 1 << 32;
/// Live audio: losing the oldest of it is better than falling behind.
const LIVE: u64 = 1 << 33;
/// Travels upstream.
const UP: u64 = 1 << 34;

const _: () = assert!(size_of::<Frame>() <= 64, "a frame moved through a link is at most 64 bytes");

impl Frame {
    /// A frame with this payload, travelling the way its kind usually does.
    #[must_use]
    pub fn new(payload: Payload) -> Self {
        let direction = payload.kind().rule().direction;
        let marks = UNSTAMPED | direction.mark();
        Self { payload, id: next_id(), pts: UNTIMED, marks }
    }

    /// What the user says.
    #[must_use]
    pub fn input_audio(pcm: Pcm) -> Self {
        Self::new(Payload::InputAudio(pcm))
    }

    /// A piece of text of the running answer.
    #[must_use]
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::new(Payload::Text(TextChunk::new(text)))
    }

    /// Say `text`, apart from any answer of a model.
    #[must_use]
    pub fn speak(text: impl Into<Arc<str>>) -> Self {
        Self::new(Payload::Speak(Box::new(Speak { text: text.into() })))
    }

    /// Change settings of every speech-to-text service of the pipeline.
    #[must_use]
    pub fn stt_settings(delta: impl Into<SttDelta>) -> Self {
        Self::new(Payload::SttUpdateSettings(Box::new(SettingsUpdate::new(delta.into()))))
    }

    /// Change settings of every text-to-speech service of the pipeline.
    #[must_use]
    pub fn tts_settings(delta: impl Into<TtsDelta>) -> Self {
        Self::new(Payload::TtsUpdateSettings(Box::new(SettingsUpdate::new(delta.into()))))
    }

    /// Change settings of every language model of the pipeline.
    #[must_use]
    pub fn llm_settings(delta: impl Into<LlmDelta>) -> Self {
        Self::new(Payload::LlmUpdateSettings(Box::new(SettingsUpdate::new(delta.into()))))
    }

    /// The end of the input.
    #[must_use]
    pub fn end() -> Self {
        Self::new(Payload::End)
    }

    /// A frame of the application's own.
    #[must_use]
    pub fn custom(frame: impl CustomFrame) -> Self {
        Self::new(Payload::Custom(Arc::new(frame)))
    }

    /// The same frame with a presentation time on the session clock.
    #[must_use]
    pub fn with_pts(mut self, pts: Duration) -> Self {
        self.pts = u64::try_from(pts.as_nanos()).unwrap_or(UNTIMED - 1);
        self
    }

    /// The same frame travelling the other way than its kind usually does, or the same. The end of the input
    /// always travels downstream, from wherever it is pushed.
    #[must_use]
    pub fn with_direction(mut self, direction: Direction) -> Self {
        if !matches!(self.payload, Payload::End) {
            self.marks = self.marks & !UP | direction.mark();
        }
        self
    }

    /// The same frame marked as live: a full link drops the oldest live audio instead of waiting.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.marks |= LIVE;
        self
    }

    /// The frame's name within the process.
    #[must_use]
    pub fn id(&self) -> FrameId {
        self.id
    }

    /// What kind of frame it is.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.payload.kind()
    }

    /// Where it stands on the session clock; for audio, where its first sample does.
    #[must_use]
    pub fn pts(&self) -> Option<Duration> {
        (self.pts != UNTIMED).then(|| Duration::from_nanos(self.pts))
    }

    /// The answer it belongs to. Zero until it is first pushed.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(self.marks as u32)
    }

    /// Which way it travels.
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.marks & UP == 0 { Direction::Down } else { Direction::Up }
    }

    /// Whether it is live audio.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.marks & LIVE != 0
    }

    /// Whether it goes on after an interruption.
    #[must_use]
    pub fn survives_interruption(&self) -> bool {
        self.payload.survives_interruption()
    }

    /// Whether somebody has pushed it already.
    #[inline]
    pub(crate) fn is_stamped(&self) -> bool {
        self.marks & UNSTAMPED == 0
    }

    /// Stands where a frame was taken from. Costs nothing to make or drop.
    #[inline]
    pub(crate) const fn placeholder() -> Self {
        Self { payload: Payload::End, id: FrameId(0), pts: UNTIMED, marks: 0 }
    }

    /// Decides the generation, unless an earlier push has.
    pub(crate) fn stamp(&mut self, generation: Generation) {
        if self.marks & UNSTAMPED != 0 {
            self.marks = self.marks & !UNSTAMPED & !u64::from(u32::MAX) | u64::from(generation.0);
        }
    }

    /// Whether the frame belongs to an answer that is over: dropped when true.
    #[inline]
    pub(crate) fn is_stale(&self, current: Generation) -> bool {
        self.generation() < current && self.marks & UNSTAMPED == 0 && !self.survives_interruption()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} g{} ", self.id.0, self.generation().0)?;
        fmt::Debug::fmt(&self.payload, f)?;
        if let Some(pts) = self.pts() {
            write!(f, " @{pts:?}")?;
        }
        match self.direction() {
            Direction::Down => f.write_str(" ↓"),
            Direction::Up => f.write_str(" ↑"),
        }
    }
}

/// Each thread takes names by the thousand, so that threads do not wait for one another at every frame.
fn next_id() -> FrameId {
    const TAKEN: u64 = 1024;
    static NEXT: AtomicU64 = AtomicU64::new(TAKEN);
    thread_local! {
        static OWN: Cell<u64> = const { Cell::new(0) };
    }
    OWN.with(|own| {
        let mut id = own.get();
        if id.is_multiple_of(TAKEN) {
            id = NEXT.fetch_add(TAKEN, Ordering::Relaxed);
        }
        own.set(id + 1);
        FrameId(id)
    })
}
