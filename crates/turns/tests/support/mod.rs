//! A line to converse on: a model that echoes, a synthesizer that takes 50 ms a letter, an output that remembers what
//! was heard when. Time is paused.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use voxline_core::{
    Context, Ending, Pipeline, Processor, Timer,
    error::ServiceError,
    frame::{
        ChatMessage, EdgeSource, Frame, Interrupt, LlmRequest, Payload, RequestId, SettingsAnswer,
        SpeechEdge, ToolCall, Transcription, UpdateId, UtteranceId,
    },
    pipeline::{IntoStage, PipelineBuilder},
    playout::{Play, Playback, Playout},
    processor::Result,
    service::{LlmDelta, LlmEvent, LlmOutput, LlmProfile, LlmService, ServiceName, TtsCommand, TtsEvent},
};
use voxline_testkit::{Act, FakeTts, Harness, samples};
use voxline_turns::{Conversation, TurnConfig};

/// How long a letter is spoken.
pub(crate) const LETTER: Duration = Duration::from_millis(50);

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What takes its time, on the line's clock.
pub(crate) async fn takes(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Answers "echo: …" with what the user said last; calls the tool `time` when asked for it.
#[derive(Debug)]
pub(crate) struct Echo {
    /// How long it thinks.
    pub(crate) thinks: Duration,
}

#[async_trait]
impl LlmService for Echo {
    fn name(&self) -> ServiceName {
        "echo".into()
    }

    fn profile(&self) -> LlmProfile {
        let deadline = Duration::from_secs(20);
        LlmProfile { first_token_deadline: deadline, stall_deadline: deadline }
    }

    async fn respond(&self, request: LlmRequest, output: LlmOutput) -> Result<(), ServiceError> {
        takes(self.thinks).await;
        let answer = match request.messages.last() {
            Some(ChatMessage::User { text }) if text.contains("what time") => {
                let (id, name, arguments) = ("call-1".into(), "time".into(), "{}".into());
                output.send(LlmEvent::Call(ToolCall { id, name, arguments })).await;
                return Ok(());
            }
            Some(ChatMessage::User { text }) => format!("echo: {text}"),
            Some(ChatMessage::Tool { text, .. }) => format!("It is {text}."),
            Some(ChatMessage::System { text }) if text.contains("settled meanwhile") => {
                let result = request.messages.iter().rev().find_map(|message| match message {
                    ChatMessage::Tool { text, .. } => Some(text.as_str()),
                    _ => None,
                });
                format!("By the way, it is {}.", result.unwrap_or_default())
            }
            _ => "Welcome.".into(),
        };
        for word in answer.split_inclusive(' ') {
            output.send(LlmEvent::Text(word.into())).await;
        }
        Ok(())
    }

    fn update(&self, update: UpdateId, _: &LlmDelta) -> SettingsAnswer {
        SettingsAnswer {
            update,
            service: "echo".into(),
            changed: vec![],
            rejected: vec![],
            warnings: vec![],
            reconnected: false,
        }
    }
}

/// A synthesizer: each letter is 50 ms of its own number in the answer. `words`: whether it tells when words are.
pub(crate) fn speaker(words: bool) -> FakeTts {
    let mut letters = HashMap::new();
    let tts = FakeTts::scripted(move |command| match command {
        TtsCommand::Speak { context, text } => {
            let spoken = letters.entry(*context).or_insert(0_u32);
            let (context, request, first) = (*context, RequestId(context.0), *spoken);
            let mut acts = Vec::new();
            for (index, letter) in (first..).zip(text.chars()) {
                let pcm = samples::pcm(LETTER.as_millis() as u64, index as i16 + 1);
                acts.push(Act::Send(TtsEvent::Audio { context, request, pcm }));
                *spoken += 1;
                if !letter.is_whitespace() && words {
                    let text = letter.to_string();
                    let (start, end) = (LETTER * index, LETTER * (index + 1));
                    acts.push(Act::Send(TtsEvent::Word { context, request, text, start, end }));
                }
            }
            acts
        }
        TtsCommand::Finish { context } => vec![Act::Send(TtsEvent::Finished { context: *context })],
        TtsCommand::Interrupt { .. } => vec![Act::Forget],
        _ => Vec::new(),
    });
    tts.0
}

/// What was heard: when each chunk began, and its letter.
pub(crate) type Heard = Arc<Mutex<Vec<(Duration, i16)>>>;

/// An output that remembers.
#[derive(Debug)]
pub(crate) struct Speaker {
    playout: Playout,
    // Written by the stage, read by the test; never held across an await.
    heard: Heard,
    until: Duration,
    ending: bool,
}

impl Speaker {
    pub(crate) fn new() -> (Self, Heard) {
        let heard = Heard::default();
        (
            Self {
                playout: Playout::new(Some(ms(40))),
                heard: heard.clone(),
                until: Duration::ZERO,
                ending: false,
            },
            heard,
        )
    }

    fn play(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.session_time();
        while let Some(play) = self.playout.poll_output() {
            match play {
                Play::Started(speech) => ctx.broadcast(Payload::BotStartedSpeaking(speech)),
                Play::Speaking(speech) => ctx.broadcast(Payload::BotSpeaking(speech)),
                Play::Stopped(speech) => ctx.broadcast(Payload::BotStoppedSpeaking(speech)),
                Play::Write(pcm) => {
                    let at = self.until.max(now);
                    self.until = at + pcm.duration();
                    self.heard
                        .lock()
                        .expect("no test panics while it holds this")
                        .push((at, pcm.samples()[0]));
                }
            }
        }
        match self.playout.poll_timeout() {
            Some(at) => ctx.set_timer(Timer(0), at),
            None => ctx.cancel_timer(Timer(0)),
        }
        if self.ending && self.playout.is_idle() {
            ctx.finish_end();
        }
    }
}

impl Processor for Speaker {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        match &frame.payload {
            Payload::OutputAudio(spoken) => {
                self.playout.handle_audio(now, spoken.context, spoken.pcm.clone())
            }
            Payload::TtsStopped(speech) => self.playout.handle_stopped(now, speech.context),
            Payload::Custom(custom) => match custom.downcast_ref() {
                Some(Playback::Hold) => self.playout.hold(now),
                Some(Playback::Resume) => self.playout.resume(now),
                None => {}
            },
            _ => {}
        }
        if !matches!(frame.payload, Payload::OutputAudio(_)) {
            ctx.push(frame);
        }
        self.play(ctx);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        self.playout.interrupt(ctx.now());
        // What has been written and not heard is not heard.
        let now = ctx.session_time();
        self.heard.lock().expect("no test panics while it holds this").retain(|(at, _)| *at < now);
        self.until = self.until.min(now);
        self.play(ctx);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.playout.handle_timeout(ctx.now());
        self.play(ctx);
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        self.playout.finish(ctx.now());
        self.play(ctx);
        self.ending = !self.playout.is_idle();
        Ok(if self.ending { Ending::Later } else { Ending::Now })
    }
}

/// A whole line, without a detector and a recogniser: the test plays these.
pub(crate) struct Line {
    pub(crate) harness: Harness,
    pub(crate) conversation: Conversation,
    pub(crate) heard: Heard,
    utterance: u32,
}

impl Line {
    pub(crate) fn new(config: TurnConfig) -> Self {
        Self::with(config, Echo { thinks: ms(300) }, false)
    }

    pub(crate) fn with<M>(config: TurnConfig, model: impl IntoStage<M>, words: bool) -> Self {
        Self::between(config, words, |_, user| user.then(model))
    }

    /// A line with whatever stands between the user's aggregator and the synthesizer.
    pub(crate) fn between(
        config: TurnConfig,
        words: bool,
        stages: impl FnOnce(&Conversation, PipelineBuilder) -> PipelineBuilder,
    ) -> Self {
        let conversation = Conversation::new("Be kind.");
        let (user, assistant) = conversation.aggregators(config);
        let (output, heard) = Speaker::new();
        let head = stages(&conversation, Pipeline::builder().then(user));
        let pipeline = head.then(speaker(words)).then(output).then(assistant);
        Self {
            harness: Harness::new(pipeline.build().expect("a row can be built")),
            conversation,
            heard,
            utterance: 0,
        }
    }

    pub(crate) fn speak(&mut self) {
        self.utterance += 1;
        self.harness.queue(Payload::SpeechStarted(Box::new(edge())));
    }

    pub(crate) fn hush(&mut self) {
        self.harness.queue(Payload::SpeechStopped(Box::new(edge())));
    }

    pub(crate) fn guess(&mut self, text: &str) {
        self.harness.queue(Payload::InterimTranscription(Box::new(self.transcription(text))));
    }

    pub(crate) fn confirm(&mut self, text: &str) {
        let heard = Transcription { confirmed: true, ..self.transcription(text) };
        self.harness.queue(Payload::Transcription(Arc::new(heard)));
    }

    /// A whole utterance of a second, with its guess halfway.
    pub(crate) fn say(&mut self, text: &str) {
        self.speak();
        self.harness.advance(ms(500));
        self.guess(text);
        self.harness.advance(ms(500));
        self.hush();
        self.confirm(text);
    }

    fn transcription(&self, text: &str) -> Transcription {
        Transcription {
            text: text.into(),
            utterance: UtteranceId(self.utterance),
            ..Transcription::default()
        }
    }

    /// The conversation, a message a line, without the system's.
    pub(crate) fn talk(&self) -> Vec<String> {
        self.conversation.messages().iter().skip(1).map(line).collect()
    }
}

fn edge() -> SpeechEdge {
    SpeechEdge { at: Duration::ZERO, confirmed_after: ms(200), source: EdgeSource::Vad }
}

pub(crate) fn line(message: &ChatMessage) -> String {
    match message {
        ChatMessage::System { text } => format!("system: {text}"),
        ChatMessage::User { text } => format!("user: {text}"),
        ChatMessage::Assistant { text, calls } if calls.is_empty() => format!("assistant: {text}"),
        ChatMessage::Assistant { calls, .. } => format!("assistant calls {}", calls[0].name),
        ChatMessage::Tool { text, .. } => format!("tool: {text}"),
        _ => "?".into(),
    }
}
