//! How long an exchange takes: from the end of the user's speech to the first audio of the answer, and its parts.
//!
//! | frame | what happens |
//! |---|---|
//! | `SpeechStopped` | the end of speech is noted: when it came, less the detector's window; passed on |
//! | `Transcription`, edges of turns, brackets, words and calls of an answer, its text and audio | noted; passed on |
//! | up: `BotStartedSpeaking` | `Metrics` downstream: [`Metric::VoiceToVoice`], [`Metric::Exchange`]; passed on |
//! | an interruption | what was begun is forgotten |
//! | anything else | passed on |
//!
//! Stands right before the output. 1. An exchange is told once, when the first of its answer is heard. 2. A turn that
//! was interrupted, said nothing or was not answered is not told, and leaves nothing to the next. 3. Speech to nobody,
//! a greeting or a reminder, is not measured. Where turns are told (`UserStoppedSpeaking`) they make the exchanges,
//! else utterances do.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use voxline_core::{
    Context, Processor,
    frame::{
        ContextId, EdgeSource, Exchange, Frame, Interrupt, Metric, Payload, ToolCall, ToolResult,
        Transcription,
    },
    processor::Result,
};

const PENDING: usize = 32;

/// Measures each exchange. Stands right before the output.
#[derive(Debug, Default)]
pub struct MeasureLatency {
    user: User,
    /// The exchange that waits to be heard.
    open: Option<Open>,
    /// Answers that were given to the synthesizer and have not begun to be heard, the newest last. No more than
    /// [`PENDING`]: where nothing is played, the oldest are forgotten.
    pending: VecDeque<ContextId>,
}

/// What the user does.
#[derive(Debug, Default)]
struct User {
    /// When speech last ended, until it counts for an exchange.
    ended: Option<Instant>,
    last_final: Option<Instant>,
    /// Whether any words were heard since the last exchange.
    worded: bool,
    /// Whether edges come from a detector; then those of the service say nothing new.
    detected: bool,
    turn: Turn,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Turn {
    /// Nobody tells of turns.
    #[default]
    Unknown,
    None,
    Open,
    /// The model has been asked; the turn ends the same moment.
    Asked,
}

/// An exchange whose answer nobody has heard yet.
#[derive(Debug)]
struct Open {
    ended: Instant,
    last_final: Option<Instant>,
    turn_end: Option<Instant>,
    request: Option<Instant>,
    first_token: Option<Instant>,
    first_text: Option<Instant>,
    first_audio: Option<Instant>,
    /// Calls that have not settled, and since when there are any.
    calls: Vec<String>,
    called: Option<Instant>,
    tools: Option<Duration>,
    /// Earlier answers, which may still come to be heard.
    earlier: VecDeque<ContextId>,
}

impl MeasureLatency {
    fn speech_stopped(&mut self, ended: Option<Instant>, source: EdgeSource) {
        self.user.detected |= source == EdgeSource::Vad;
        if self.user.detected && source != EdgeSource::Vad {
            return;
        }
        self.user.ended = ended;
        if self.user.turn == Turn::Unknown {
            self.open =
                self.user.ended.map(|ended| Open::new(ended, self.user.last_final, self.pending.clone()));
        }
    }

    fn heard(&mut self, now: Instant, heard: &Transcription) {
        self.user.last_final = Some(now);
        self.user.worded |= !heard.text.is_empty();
        if self.user.turn != Turn::Unknown {
            return;
        }
        if heard.confirmed && !self.user.worded {
            // It was a cough.
            self.open = None;
        } else if let Some(open) = self.open.as_mut().filter(|open| open.request.is_none()) {
            open.last_final = Some(now);
        }
    }

    /// What the user has said is a turn, to be answered.
    fn begin(&mut self) {
        let ended = self.user.ended.take().filter(|_| self.user.worded);
        self.open = ended.map(|ended| Open::new(ended, self.user.last_final, self.pending.clone()));
        self.user.worded = false;
    }

    fn turn_stopped(&mut self, now: Instant) {
        if self.user.turn != Turn::Asked {
            self.begin();
        }
        self.user.turn = Turn::None;
        if let Some(open) = &mut self.open {
            open.turn_end = Some(now);
        }
    }

    fn response_started(&mut self, now: Instant) {
        match self.user.turn {
            Turn::Open => {
                self.begin();
                self.user.turn = Turn::Asked;
            }
            Turn::Unknown => self.user.worded = false,
            Turn::None | Turn::Asked => {}
        }
        if let Some(open) = &mut self.open {
            open.request.get_or_insert(now);
        }
    }

    fn response_ended(&mut self) {
        // Neither a word nor a call: nothing will be heard of it.
        self.open.take_if(|open| open.request.is_some() && open.first_token.is_none());
    }

    fn note_pending(&mut self, context: ContextId) {
        if self.pending.back() != Some(&context) {
            self.pending.push_back(context);
        }
        if self.pending.len() > PENDING {
            self.pending.pop_front();
        }
    }

    /// Text or audio of an answer passes.
    fn note_spoken(&mut self, now: Instant, context: ContextId, part: fn(&mut Open) -> &mut Option<Instant>) {
        if let Some(open) = self.open.as_mut().filter(|open| !open.earlier.contains(&context)) {
            part(open).get_or_insert(now);
        }
    }

    /// The answer begins to be heard: the whole exchange, if it is one's.
    fn bot_started(&mut self, now: Instant, context: ContextId) -> Option<Exchange> {
        self.pending.retain(|pending| *pending != context);
        let open = self.open.take_if(|open| !open.earlier.contains(&context))?;
        self.user.ended = None;
        Some(open.measured(now, context))
    }

    fn note(&mut self, now: Instant, payload: &Payload) {
        match payload {
            Payload::SpeechStarted(_) => {
                self.user.ended = None;
                self.user.last_final = None;
            }
            Payload::SpeechStopped(edge) => {
                self.speech_stopped(now.checked_sub(edge.confirmed_after), edge.source);
            }
            Payload::InterimTranscription(heard) => self.user.worded |= !heard.text.is_empty(),
            Payload::Transcription(heard) => self.heard(now, heard),
            Payload::UserStartedSpeaking => self.user.turn = Turn::Open,
            Payload::UserStoppedSpeaking => self.turn_stopped(now),
            Payload::ResponseStarted => self.response_started(now),
            Payload::ResponseEnded => self.response_ended(),
            Payload::TtsText(text) => {
                self.note_pending(text.context);
                self.note_spoken(now, text.context, |open| &mut open.first_text);
            }
            Payload::OutputAudio(audio) => self.note_spoken(now, audio.context, |open| &mut open.first_audio),
            Payload::Metrics(metric) if matches!(**metric, Metric::TimeToFirstByte { .. }) => {
                // The synthesizer's comes after a text of its answer.
                self.note_answer(|open| {
                    if open.first_text.is_none() {
                        open.token(now);
                    }
                });
            }
            Payload::Text(_) => self.note_answer(|open| open.token(now)),
            Payload::ToolCalls(calls) => self.note_answer(|open| open.called(now, calls)),
            Payload::ToolSettled(result) => self.note_answer(|open| open.settled(now, result)),
            _ => {}
        }
    }

    /// Something of the answer that was asked for, if one was.
    fn note_answer(&mut self, note: impl FnOnce(&mut Open)) {
        if let Some(open) = self.open.as_mut().filter(|open| open.request.is_some()) {
            note(open);
        }
    }
}

impl Open {
    fn new(ended: Instant, last_final: Option<Instant>, earlier: VecDeque<ContextId>) -> Self {
        Self {
            ended,
            last_final,
            earlier,
            turn_end: None,
            request: None,
            first_token: None,
            first_text: None,
            first_audio: None,
            calls: Vec::new(),
            called: None,
            tools: None,
        }
    }

    fn token(&mut self, now: Instant) {
        self.first_token.get_or_insert(now);
    }

    fn called(&mut self, now: Instant, calls: &[ToolCall]) {
        self.token(now);
        if !calls.is_empty() {
            self.called.get_or_insert(now);
            self.calls.extend(calls.iter().map(|call| call.id.clone()));
        }
    }

    fn settled(&mut self, now: Instant, result: &ToolResult) {
        self.calls.retain(|id| *id != result.call.id);
        if let Some(called) = self.called.take_if(|_| self.calls.is_empty()) {
            *self.tools.get_or_insert_default() += now.saturating_duration_since(called);
        }
    }

    fn measured(&self, now: Instant, context: ContextId) -> Exchange {
        // What was known before the end of speech has no time after it.
        let after = |at: Option<Instant>| at?.checked_duration_since(self.ended);
        Exchange {
            context,
            transcript: after(self.last_final),
            turn_end: after(self.turn_end),
            request: after(self.request),
            first_token: after(self.first_token),
            tools: self.tools,
            first_text: after(self.first_text),
            first_audio: after(self.first_audio),
            played: now.saturating_duration_since(self.ended),
        }
    }
}

impl Processor for MeasureLatency {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        if let Payload::BotStartedSpeaking(speech) = &frame.payload {
            if let Some(exchange) = self.bot_started(now, speech.context) {
                let (context, value) = (exchange.context, exchange.played);
                ctx.measure(Metric::VoiceToVoice { context, value });
                ctx.measure(Metric::Exchange(exchange));
            }
        } else {
            self.note(now, &frame.payload);
        }
        ctx.push(frame);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, _: &mut Context<'_>) -> Result {
        // The end of speech that took the floor stays: the words that interrupt may have come before.
        self.open = None;
        self.pending.clear();
        Ok(())
    }
}
