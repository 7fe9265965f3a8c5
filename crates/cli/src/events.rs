//! The objects `--json` prints, one a line, named by their field `event`.
//!
//! Times are seconds on the clock of the input audio (of the answer, for spoken words), rounded to
//! milliseconds. Fields of a `final` that were not asked for are left out, except `words`, which is empty then.
//! The README's table is made from here.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use voxline::{
    core::{
        ErrorCategory, ServiceError,
        frame::{
            ChatMessage, EdgeSource, Exchange, SpeechEdge, SpokenWord, ToolOutcome, ToolResult,
            Transcription, Utterance, Word,
        },
    },
    smallest_stt::SttCounts,
};

/// What happened, and with which file.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    #[serde(flatten)]
    pub(crate) event: Event<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<&'a str>,
}

/// What happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    /// A connection is open.
    Connected { service: &'a str },
    /// A connection is gone.
    Disconnected { service: &'a str, reason: &'a str },
    /// A connection could not be opened, or failed; when `fatal`, no other is tried.
    ConnectionError { service: &'a str, category: &'static str, message: String, fatal: bool },
    /// Speech began.
    SpeechStarted(EdgeEvent),
    /// Speech ended.
    SpeechStopped(EdgeEvent),
    /// A guess at what is being said; the next one replaces it.
    Interim(TranscriptEvent<'a>),
    /// What was said.
    Final(FinalEvent<'a>),
    /// The agent's answer, as text.
    Answer { text: &'a str },
    /// The caller has the floor. Not with the parrot, which answers utterances and knows no turns.
    TurnStarted,
    /// The caller has finished.
    TurnStopped,
    /// The agent began to speak.
    BotStarted,
    /// The agent stopped, or was interrupted.
    BotStopped { played: f64, interrupted: bool },
    /// The caller took the floor from the agent: what it had not said is dropped.
    Interrupted,
    /// A tool the model called has settled.
    Tool(ToolEvent<'a>),
    /// The conversation as the model remembers it, once, at the end. Not with the parrot.
    Context { messages: &'a [ChatMessage] },
    /// How long the end of speech was ago when the text was there, or the first audio of the answer.
    Latency { of: &'static str, seconds: f64 },
    /// The same for a whole exchange, in its parts.
    Exchange(ExchangeEvent),
    /// A word of what is said, and when.
    Word(SpokenWordEvent<'a>),
    /// What became of one file of several.
    FileSummary(TranscribeSummary),
    /// The last line of `transcribe`: all files together.
    #[serde(rename = "summary")]
    Transcribed(TranscribeSummary),
    /// The last line of `say`.
    #[serde(rename = "summary")]
    Said(SaySummary),
    /// The last line of `agent`.
    #[serde(rename = "summary")]
    Talked(AgentSummary),
}

#[derive(Debug, Serialize)]
pub(crate) struct EdgeEvent {
    /// Where, in seconds.
    at: f64,
    /// `vad` for the detector here, `service` for the service's.
    source: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct TranscriptEvent<'a> {
    text: &'a str,
    language: Option<&'a str>,
    start: Option<f64>,
    end: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct FinalEvent<'a> {
    #[serde(flatten)]
    transcript: TranscriptEvent<'a>,
    words: Vec<WordEvent<'a>>,
    /// Whether the service confirmed that the utterance is complete.
    confirmed: bool,
    /// Whether this is the last interim, because no final came in time.
    fallback: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sentences: Vec<SentenceEvent<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    languages: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    redacted_entities: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    full_transcript: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct WordEvent<'a> {
    word: &'a str,
    start: f64,
    end: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker_confidence: Option<f32>,
}

#[derive(Debug, Serialize)]
struct SentenceEvent<'a> {
    text: &'a str,
    start: f64,
    end: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SpokenWordEvent<'a> {
    word: &'a str,
    start: f64,
    end: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ToolEvent<'a> {
    name: &'a str,
    /// As the model wrote them: a JSON object, as text.
    arguments: &'a str,
    /// `done`, or why there is no result.
    outcome: &'static str,
    /// What the model is told.
    result: &'a str,
}

/// Seconds from the end of speech; null where a part did not happen. `tools` is a length of its own.
#[derive(Debug, Serialize)]
pub(crate) struct ExchangeEvent {
    transcript: Option<f64>,
    turn_end: Option<f64>,
    request: Option<f64>,
    first_token: Option<f64>,
    tools: Option<f64>,
    first_text: Option<f64>,
    first_audio: Option<f64>,
    played: f64,
}

/// Adds up over files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct TranscribeSummary {
    /// Of the files, without the silence played after them.
    pub(crate) audio_seconds: f64,
    pub(crate) bytes_sent: u64,
    pub(crate) finalizes: u64,
    pub(crate) reconnects: u64,
    /// Seconds of audio that never reached the service.
    pub(crate) dropped: f64,
    pub(crate) duplicates: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct SaySummary {
    pub(crate) audio_seconds: f64,
    pub(crate) chunks: u64,
    pub(crate) requests: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct AgentSummary {
    #[serde(flatten)]
    pub(crate) heard: TranscribeSummary,
    /// Of the agent's file.
    pub(crate) answer_seconds: f64,
    pub(crate) answers: u64,
    pub(crate) chunks: u64,
    pub(crate) requests: u64,
}

impl TranscribeSummary {
    pub(crate) fn new(audio: Duration, counts: &SttCounts) -> Self {
        Self {
            audio_seconds: seconds(audio),
            bytes_sent: counts.bytes_sent,
            finalizes: counts.finalizes,
            reconnects: counts.reconnects,
            dropped: seconds(counts.dropped),
            duplicates: counts.duplicates,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.audio_seconds = round(self.audio_seconds + other.audio_seconds);
        self.bytes_sent += other.bytes_sent;
        self.finalizes += other.finalizes;
        self.reconnects += other.reconnects;
        self.dropped = round(self.dropped + other.dropped);
        self.duplicates += other.duplicates;
    }
}

impl<'a> Event<'a> {
    pub(crate) fn connection_error(error: &'a ServiceError, message: String) -> Self {
        let category = category(error.category);
        Self::ConnectionError { service: &error.service, category, message, fatal: error.fatal }
    }

    pub(crate) fn interim(heard: &'a Transcription) -> Self {
        Self::Interim(heard.into())
    }

    pub(crate) fn final_(heard: &'a Arc<Transcription>) -> Self {
        Self::Final(FinalEvent {
            transcript: (&**heard).into(),
            words: heard.words.iter().map(Into::into).collect(),
            confirmed: heard.confirmed,
            fallback: heard.fallback,
            sentences: heard.sentences.iter().map(Into::into).collect(),
            languages: heard.languages.iter().map(|language| language.code()).collect(),
            redacted_entities: &heard.redacted_entities,
            full_transcript: heard.full_transcript.as_deref(),
        })
    }
}

impl<'a> From<&'a ToolResult> for ToolEvent<'a> {
    fn from(ToolResult { call, outcome }: &'a ToolResult) -> Self {
        let name = match outcome {
            ToolOutcome::Done(_) => "done",
            ToolOutcome::Failed => "failed",
            ToolOutcome::BadArguments => "bad_arguments",
            ToolOutcome::Unknown => "unknown",
            ToolOutcome::Cancelled => "cancelled",
            ToolOutcome::TimedOut => "timed_out",
            _ => "other",
        };
        Self { name: &call.name, arguments: &call.arguments, outcome: name, result: outcome.text() }
    }
}

impl From<&Exchange> for ExchangeEvent {
    fn from(exchange: &Exchange) -> Self {
        Self {
            transcript: exchange.transcript.map(seconds),
            turn_end: exchange.turn_end.map(seconds),
            request: exchange.request.map(seconds),
            first_token: exchange.first_token.map(seconds),
            tools: exchange.tools.map(seconds),
            first_text: exchange.first_text.map(seconds),
            first_audio: exchange.first_audio.map(seconds),
            played: seconds(exchange.played),
        }
    }
}

impl From<&SpeechEdge> for EdgeEvent {
    fn from(edge: &SpeechEdge) -> Self {
        let source = if edge.source == EdgeSource::Service { "service" } else { "vad" };
        Self { at: seconds(edge.at), source }
    }
}

impl<'a> From<&'a Transcription> for TranscriptEvent<'a> {
    fn from(heard: &'a Transcription) -> Self {
        Self {
            text: &heard.text,
            language: heard.language.as_ref().map(|language| language.code()),
            start: heard.start.map(seconds),
            end: heard.end.map(seconds),
        }
    }
}

impl<'a> From<&'a Word> for WordEvent<'a> {
    fn from(word: &'a Word) -> Self {
        Self {
            word: &word.text,
            start: seconds(word.start),
            end: seconds(word.end),
            confidence: word.confidence,
            speaker: word.speaker.as_deref(),
            speaker_confidence: word.speaker_confidence,
        }
    }
}

impl<'a> From<&'a Utterance> for SentenceEvent<'a> {
    fn from(sentence: &'a Utterance) -> Self {
        Self {
            text: &sentence.text,
            start: seconds(sentence.start),
            end: seconds(sentence.end),
            speaker: sentence.speaker.as_deref(),
        }
    }
}

impl<'a> From<&'a SpokenWord> for SpokenWordEvent<'a> {
    fn from(word: &'a SpokenWord) -> Self {
        Self { word: &word.text, start: seconds(word.start), end: seconds(word.end) }
    }
}

/// Seconds, to the millisecond.
pub(crate) fn seconds(duration: Duration) -> f64 {
    round(duration.as_secs_f64())
}

fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn category(category: ErrorCategory) -> &'static str {
    match category {
        ErrorCategory::Unauthorized => "unauthorized",
        ErrorCategory::Forbidden => "forbidden",
        ErrorCategory::Refused => "refused",
        ErrorCategory::Unreachable => "unreachable",
        ErrorCategory::Overloaded => "overloaded",
        ErrorCategory::Protocol => "protocol",
        ErrorCategory::Server => "server",
        ErrorCategory::BadInput => "bad_input",
        _ => "other",
    }
}
