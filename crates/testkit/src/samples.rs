//! One frame of every kind, for tests that must hold for all of them.

use std::{sync::Arc, time::Duration};

use voxline_audio::{Encoding, Pcm, SampleRate};
use voxline_core::{
    CustomFrame, Error,
    frame::{
        BotSpeech, ChatMessage, ContextId, EdgeSource, EncodedAudio, ErrorReport, Frame, FrameKind,
        Generation, Interrupt, InterruptCause, LlmRequest, Metric, Payload, RequestId, SettingsAnswer,
        SettingsUpdate, Speak, SpeechEdge, SpokenAudio, SpokenText, SpokenWord, SttDelta, TextChunk,
        ToolCall, ToolOutcome, ToolResult, Transcription, TtsDelta, UpdateId, Usage, UtteranceId,
    },
    service::LlmDelta,
};

/// A frame of the application's own, for tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// What it says in logs.
    pub name: String,
    /// Whether it survives an interruption.
    pub survives: bool,
    /// Whether it is a signal.
    pub signal: bool,
}

impl CustomFrame for Marker {
    fn survives_interruption(&self) -> bool {
        self.survives
    }

    fn is_signal(&self) -> bool {
        self.signal
    }
}

impl Marker {
    /// A custom frame of this name that is neither a survivor nor a signal.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// So many milliseconds of one value, at 16 kHz.
#[must_use]
pub fn pcm(milliseconds: u64, value: i16) -> Pcm {
    let rate = SampleRate::HZ_16000;
    let samples = usize::try_from(rate.samples_in(Duration::from_millis(milliseconds))).unwrap_or(usize::MAX);
    Pcm::mono(vec![value; samples], rate)
}

/// So many milliseconds of input audio.
#[must_use]
pub fn input(milliseconds: u64) -> Frame {
    Frame::input_audio(pcm(milliseconds, 1))
}

/// The detector's edge at so many milliseconds of the input audio.
#[must_use]
pub fn edge(milliseconds: u64) -> SpeechEdge {
    SpeechEdge {
        at: Duration::from_millis(milliseconds),
        confirmed_after: Duration::from_millis(200),
        source: EdgeSource::Vad,
    }
}

/// The detector heard speech begin.
#[must_use]
pub fn speech_started(milliseconds: u64) -> Frame {
    Frame::new(Payload::SpeechStarted(Box::new(edge(milliseconds))))
}

/// The detector heard speech end.
#[must_use]
pub fn speech_stopped(milliseconds: u64) -> Frame {
    Frame::new(Payload::SpeechStopped(Box::new(edge(milliseconds))))
}

/// A final transcription.
#[must_use]
pub fn transcription(text: &str) -> Frame {
    Frame::new(Payload::Transcription(Arc::new(heard(text))))
}

/// A frame of this kind that carries `text` where the kind carries text, travelling as it usually does.
///
/// # Panics
/// For a kind this crate does not know yet.
#[must_use]
#[track_caller]
pub fn frame(kind: FrameKind, text: &str) -> Frame {
    match payload(kind, text) {
        Some(payload) => Frame::new(payload),
        None => panic!("there is no sample of {kind:?}"),
    }
}

/// What a frame of this kind may carry; `None` for a kind this crate does not know yet.
#[must_use]
pub fn payload(kind: FrameKind, text: &str) -> Option<Payload> {
    let (context, request) = (ContextId(1), RequestId(1));
    Some(match kind {
        FrameKind::Interrupt => {
            Payload::Interrupt(Interrupt { generation: Generation(0), cause: InterruptCause::Application })
        }
        FrameKind::Error => Payload::Error(Arc::new(ErrorReport {
            stage: "sample".into(),
            error: Arc::new(Error::Unusable { what: text.into() }),
            fatal: false,
        })),
        FrameKind::End => Payload::End,
        FrameKind::InputAudio => Payload::InputAudio(pcm(20, 1)),
        FrameKind::InputEncoded => Payload::InputEncoded(Box::new(EncodedAudio {
            bytes: vec![0xFF; 160].into(),
            encoding: Encoding::MuLaw,
            rate: SampleRate::HZ_8000,
        })),
        FrameKind::OutputAudio => Payload::OutputAudio(SpokenAudio { pcm: pcm(20, 1), context, request }),
        FrameKind::SpeechStarted => Payload::SpeechStarted(Box::new(edge(100))),
        FrameKind::SpeechStopped => Payload::SpeechStopped(Box::new(edge(900))),
        FrameKind::UserStartedSpeaking => Payload::UserStartedSpeaking,
        FrameKind::UserStoppedSpeaking => Payload::UserStoppedSpeaking,
        FrameKind::BotStartedSpeaking => Payload::BotStartedSpeaking(BotSpeech::new(context)),
        FrameKind::BotSpeaking => Payload::BotSpeaking(BotSpeech::new(context)),
        FrameKind::BotStoppedSpeaking => Payload::BotStoppedSpeaking(BotSpeech::new(context)),
        FrameKind::InterimTranscription => Payload::InterimTranscription(Box::new(heard(text))),
        FrameKind::Transcription => Payload::Transcription(Arc::new(heard(text))),
        FrameKind::ResponseStarted => Payload::ResponseStarted,
        FrameKind::Text => Payload::Text(TextChunk::new(text)),
        FrameKind::ResponseEnded => Payload::ResponseEnded,
        FrameKind::LlmRequest => Payload::LlmRequest(Box::new(LlmRequest::new([ChatMessage::user(text)]))),
        FrameKind::ToolCalls => Payload::ToolCalls([tool_call(text)].into()),
        FrameKind::ToolSettled => {
            let (call, outcome) = (tool_call(text), ToolOutcome::Done(text.into()));
            Payload::ToolSettled(Arc::new(ToolResult { call, outcome }))
        }
        FrameKind::Speak => Payload::Speak(Box::new(Speak { text: text.into() })),
        FrameKind::TtsText => Payload::TtsText(Box::new(SpokenText { context, text: text.into() })),
        FrameKind::TtsStarted => Payload::TtsStarted(BotSpeech::new(context)),
        FrameKind::TtsWord => Payload::TtsWord(Box::new(SpokenWord {
            context,
            request,
            text: text.into(),
            start: Duration::ZERO,
            end: Duration::from_millis(200),
        })),
        FrameKind::TtsStopped => Payload::TtsStopped(BotSpeech::new(context)),
        FrameKind::SttUpdateSettings => {
            Payload::SttUpdateSettings(Box::new(SettingsUpdate::new(SttDelta::default())))
        }
        FrameKind::TtsUpdateSettings => {
            Payload::TtsUpdateSettings(Box::new(SettingsUpdate::new(TtsDelta::default())))
        }
        FrameKind::LlmUpdateSettings => {
            Payload::LlmUpdateSettings(Box::new(SettingsUpdate::new(LlmDelta::default())))
        }
        FrameKind::SettingsAnswered => Payload::SettingsAnswered(Box::new(SettingsAnswer {
            update: UpdateId(0),
            service: "sample".into(),
            changed: Vec::new(),
            rejected: Vec::new(),
            warnings: Vec::new(),
            reconnected: false,
        })),
        FrameKind::SttMute => Payload::SttMute(false),
        FrameKind::Metrics => {
            Payload::Metrics(Box::new(Metric::Usage { stage: "sample".into(), usage: Usage::default() }))
        }
        FrameKind::Custom => Payload::Custom(Arc::new(Marker::new(text))),
        _ => return None,
    })
}

/// One frame of every kind but `Interrupt` and `End`, which are not passed on by processors.
#[must_use]
pub fn every_kind(text: &str) -> Vec<Frame> {
    let kinds = FrameKind::ALL.iter().copied();
    kinds
        .filter(|kind| !matches!(kind, FrameKind::Interrupt | FrameKind::End))
        .filter_map(|kind| payload(kind, text))
        .map(Frame::new)
        .collect()
}

fn tool_call(text: &str) -> ToolCall {
    ToolCall { id: "call-1".into(), name: "tool".into(), arguments: format!("{{\"text\":{text:?}}}") }
}

fn heard(text: &str) -> Transcription {
    Transcription {
        text: text.into(),
        utterance: UtteranceId(1),
        confirmed: true,
        ..Transcription::default()
    }
}
