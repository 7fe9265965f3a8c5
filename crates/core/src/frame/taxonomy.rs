//! The table of frame kinds: class, usual direction, and whether a kind survives interruption.
//!
//! One row a kind. `docs/processors.md` shows the same table; a test compares the two.

use super::{Direction, Payload};

/// How a frame is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Overtakes data and control; never blocked by them.
    Signal,
    /// Content. Keeps its order with control; a full link makes its producer wait.
    Data,
    /// Edges, brackets, settings. Keeps its order with data.
    Control,
}

/// One row of the taxonomy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How it is scheduled.
    pub class: Class,
    /// Which way it usually travels.
    pub direction: Direction,
    /// Whether it goes on after an interruption.
    pub survives: bool,
}

macro_rules! taxonomy {
    ($($kind:ident $pattern:tt => $class:ident $direction:ident $fate:ident,)*) => {
        /// What kind a frame is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum FrameKind {
            $(
                #[doc = concat!("A frame that carries [`Payload::", stringify!($kind), "`].")]
                $kind,
            )*
        }

        impl FrameKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The kind's row.
            #[must_use]
            pub const fn rule(self) -> Rule {
                match self {
                    $(Self::$kind => Rule {
                        class: Class::$class,
                        direction: Direction::$direction,
                        survives: taxonomy!(@fate $fate),
                    },)*
                }
            }

            /// The kind's name, as in the code.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }
        }

        impl Payload {
            /// What kind of payload it is.
            #[must_use]
            pub const fn kind(&self) -> FrameKind {
                match self { $(taxonomy!(@pattern $kind $pattern) => FrameKind::$kind,)* }
            }
        }
    };
    (@fate survives) => { true };
    (@fate dropped) => { false };
    (@pattern $kind:ident ()) => { Payload::$kind };
    (@pattern $kind:ident (_)) => { Payload::$kind(_) };
}

taxonomy! {
    Interrupt(_) => Signal Down survives,
    Error(_) => Signal Up survives,
    End() => Control Down survives,

    InputAudio(_) => Data Down survives,
    InputEncoded(_) => Data Down survives,
    OutputAudio(_) => Data Down dropped,

    SpeechStarted(_) => Control Down survives,
    SpeechStopped(_) => Control Down survives,
    UserStartedSpeaking() => Control Down survives,
    UserStoppedSpeaking() => Control Down survives,
    BotStartedSpeaking(_) => Control Up survives,
    BotSpeaking(_) => Control Up dropped,
    BotStoppedSpeaking(_) => Control Up survives,

    InterimTranscription(_) => Data Down survives,
    Transcription(_) => Data Down survives,

    ResponseStarted() => Control Down dropped,
    Text(_) => Data Down dropped,
    ResponseEnded() => Control Down dropped,
    LlmRequest(_) => Data Down dropped,
    ToolCalls(_) => Control Down survives,
    ToolSettled(_) => Data Down survives,
    Speak(_) => Data Down dropped,
    TtsText(_) => Data Down dropped,
    TtsStarted(_) => Control Down dropped,
    TtsWord(_) => Data Down dropped,
    TtsStopped(_) => Control Down dropped,

    SttUpdateSettings(_) => Control Down survives,
    TtsUpdateSettings(_) => Control Down survives,
    LlmUpdateSettings(_) => Control Down survives,
    SettingsAnswered(_) => Control Down survives,
    SttMute(_) => Control Down survives,

    Metrics(_) => Data Down survives,
    Custom(_) => Data Down dropped,
}

impl Payload {
    /// Whether it goes on after an interruption; custom frames decide for themselves.
    #[must_use]
    #[inline]
    pub fn survives_interruption(&self) -> bool {
        match self {
            Self::Custom(frame) => frame.survives_interruption(),
            payload => payload.kind().rule().survives,
        }
    }

    /// Whether it travels on the signal lane.
    #[must_use]
    #[inline]
    pub fn is_signal(&self) -> bool {
        match self {
            Self::Custom(frame) => frame.is_signal(),
            payload => matches!(payload.kind().rule().class, Class::Signal),
        }
    }
}

/// A set of frame kinds, for filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSet(u64);

impl KindSet {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self(u64::MAX);

    /// These kinds.
    #[must_use]
    pub fn of(kinds: &[FrameKind]) -> Self {
        kinds.iter().fold(Self::NONE, |set, &kind| set.with(kind))
    }

    /// The same set with `kind`.
    #[must_use]
    pub const fn with(self, kind: FrameKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// The same set without `kind`.
    #[must_use]
    pub const fn without(self, kind: FrameKind) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }

    /// Whether `kind` is in it.
    #[must_use]
    pub const fn contains(self, kind: FrameKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

const _: () = assert!(FrameKind::ALL.len() <= 64, "KindSet holds at most 64 kinds");
