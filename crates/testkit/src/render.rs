//! Frames and events as lines of text: direction, kind, content, generation.
//!
//! Shows what people said and what is to be said: for tests, never for logs of a real session.

use std::{error::Error as StdError, fmt::Write as _};

use voxline_core::{
    SessionEvent,
    frame::{
        BotSpeech, Direction, ErrorReport, Frame, Interrupt, Metric, Payload, SettingsAnswer, SpeechEdge,
        ToolCall, Transcription,
    },
};

/// A frame as one line: `↓ Text "hello" g0`. Ids are left out, so that lines hold still between runs.
#[must_use]
pub fn render(frame: &Frame) -> String {
    let arrow = match frame.direction() {
        Direction::Down => '↓',
        Direction::Up => '↑',
    };
    let mut line = format!("{arrow} {}", frame.kind().name());
    let content = content(&frame.payload);
    if !content.is_empty() {
        let _ = write!(line, " {content}");
    }
    let _ = write!(line, " g{}", frame.generation().0);
    if frame.is_live() {
        line.push_str(" live");
    }
    if let Some(pts) = frame.pts() {
        let _ = write!(line, " @{pts:?}");
    }
    line
}

/// An event as one line. Reported errors have none: the frames that carry them do.
pub(crate) fn render_event(event: &SessionEvent) -> Option<String> {
    Some(match event {
        SessionEvent::Started => "started".into(),
        SessionEvent::Interrupted(interrupt) => format!("interrupted {}", interruption(interrupt)),
        SessionEvent::Reached(_, frame) if matches!(frame.payload, Payload::End) => return None,
        SessionEvent::Reached(_, frame) => render(frame),
        SessionEvent::Finished(Ok(outcome)) => format!("{outcome:?}").to_lowercase(),
        SessionEvent::Finished(Err(error)) => format!("failed: {}", chain(&**error)),
        _ => return None,
    })
}

/// An error and what caused it, on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !line.ends_with(&cause_text) {
            let _ = write!(line, ": {cause_text}");
        }
        source = cause.source();
    }
    line
}

fn content(payload: &Payload) -> String {
    match payload {
        Payload::Interrupt(interrupt) => interruption(interrupt),
        Payload::Error(report) => error(report),
        Payload::InputAudio(pcm) => format!("{:?}", pcm.duration()),
        Payload::InputEncoded(encoded) => format!("{:?} {:?}", encoded.encoding, encoded.duration()),
        Payload::OutputAudio(audio) => {
            format!("{:?} {} {}", audio.pcm.duration(), audio.context, audio.request)
        }
        Payload::SpeechStarted(edge) | Payload::SpeechStopped(edge) => speech(edge),
        Payload::BotStartedSpeaking(speech)
        | Payload::BotSpeaking(speech)
        | Payload::BotStoppedSpeaking(speech)
        | Payload::TtsStarted(speech)
        | Payload::TtsStopped(speech) => bot(speech),
        Payload::InterimTranscription(heard) => transcription(heard),
        Payload::Transcription(heard) => transcription(heard),
        Payload::Text(chunk) => format!("{:?}", chunk.text),
        Payload::LlmRequest(request) => format!("{} messages", request.messages.len()),
        Payload::ToolCalls(calls) => calls.iter().map(called).collect::<Vec<_>>().join(", "),
        Payload::ToolSettled(result) => format!("{}: {}", called(&result.call), result.outcome.text()),
        Payload::TtsText(spoken) => format!("{:?} {}", spoken.text, spoken.context),
        Payload::LlmUpdateSettings(update) => format!("{:?}", update.delta),
        Payload::Speak(speak) => format!("{:?}", speak.text),
        Payload::TtsWord(word) => {
            format!("{:?} {:?}..{:?} {}", word.text, word.start, word.end, word.context)
        }
        Payload::SttUpdateSettings(update) => format!("{:?}", update.delta),
        Payload::TtsUpdateSettings(update) => format!("{:?}", update.delta),
        Payload::SettingsAnswered(answer) => answered(answer),
        Payload::SttMute(muted) => muted.to_string(),
        Payload::Metrics(metric) => measured(metric),
        Payload::Custom(custom) => format!("{custom:?}"),
        _ => String::new(),
    }
}

fn interruption(interrupt: &Interrupt) -> String {
    format!("g{} {:?}", interrupt.generation.0, interrupt.cause)
}

fn error(report: &ErrorReport) -> String {
    let fatal = if report.fatal { " fatal" } else { "" };
    format!("{}: {}{fatal}", report.stage, chain(&*report.error))
}

fn speech(edge: &SpeechEdge) -> String {
    format!("{:?} at {:?}", edge.source, edge.at)
}

fn bot(speech: &BotSpeech) -> String {
    let mut line = speech.context.to_string();
    if !speech.played.is_zero() {
        let _ = write!(line, " after {:?}", speech.played);
    }
    if speech.interrupted {
        line.push_str(" interrupted");
    }
    line
}

fn transcription(heard: &Transcription) -> String {
    let mut line = format!("{:?} {}", heard.text, heard.utterance);
    if heard.confirmed {
        line.push_str(" confirmed");
    }
    if heard.fallback {
        line.push_str(" fallback");
    }
    line
}

fn answered(answer: &SettingsAnswer) -> String {
    let mut line = format!("by {}", answer.service);
    for change in &answer.changed {
        let _ = write!(line, " {}: {:?} -> {:?}", change.field, change.old, change.new);
    }
    for rejected in &answer.rejected {
        let _ = write!(line, " refused {}: {}", rejected.field, rejected.reason);
    }
    for warning in &answer.warnings {
        let _ = write!(line, " warned {}: {}", warning.field, warning.reason);
    }
    if answer.reconnected {
        line.push_str(" reconnected");
    }
    line
}

fn called(call: &ToolCall) -> String {
    format!("{}({})", call.name, call.arguments)
}

fn measured(metric: &Metric) -> String {
    format!("{metric:?}")
}
