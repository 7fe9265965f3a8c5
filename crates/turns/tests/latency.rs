//! How long exchanges take, in paused time and to the millisecond: by hand-fed frames, and on a whole line.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use support::{Echo, Speaker, ms, speaker};
use voxline_core::{
    Pipeline,
    frame::{
        BotSpeech, ContextId, EdgeSource, Exchange, Frame, Metric, Payload, RequestId, SpeechEdge,
        SpokenAudio, SpokenText, TextChunk, ToolCall, ToolOutcome, ToolResult, ToolSpec, Transcription,
    },
    service::{LlmStage, SttCommand, Tool, ToolError, Tools},
};
use voxline_testkit::{Act, FakeStt, Harness, Log, conformance, samples};
use voxline_turns::{Conversation, MeasureLatency, Parrot, TurnConfig};

conformance!(measure_latency, MeasureLatency::default);

/// The detector's window, in milliseconds: speech ended so long before it was told.
const WINDOW: u64 = 200;

/// The stage alone; the test plays everybody else.
struct Stage(Harness);

impl Stage {
    fn new() -> Self {
        Self(Harness::new(MeasureLatency::default()))
    }

    fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.0.advance(ms(milliseconds));
        self
    }

    fn tell(&mut self, payload: Payload) -> &mut Self {
        self.0.queue(payload);
        self
    }

    fn speaks(&mut self) -> &mut Self {
        self.edge(Payload::SpeechStarted, EdgeSource::Vad)
    }

    fn is_silent(&mut self) -> &mut Self {
        self.edge(Payload::SpeechStopped, EdgeSource::Vad)
    }

    fn edge(&mut self, edge: fn(Box<SpeechEdge>) -> Payload, source: EdgeSource) -> &mut Self {
        let (at, confirmed_after) = (Duration::ZERO, ms(WINDOW));
        self.tell(edge(Box::new(SpeechEdge { at, confirmed_after, source })))
    }

    fn heard(&mut self, text: &str) -> &mut Self {
        let (text, confirmed) = (text.to_owned(), true);
        self.tell(Payload::Transcription(Arc::new(Transcription {
            text,
            confirmed,
            ..Transcription::default()
        })))
    }

    /// The end of a turn with an answer, as the user's aggregator and the model's stage tell it.
    fn is_asked(&mut self) -> &mut Self {
        self.tell(Payload::ResponseStarted).tell(Payload::UserStoppedSpeaking)
    }

    /// The metric that a stage gives with its first result.
    fn first_byte(&mut self, stage: &str) -> &mut Self {
        let metric = Metric::TimeToFirstByte { stage: stage.into(), value: ms(1) };
        self.tell(Payload::Metrics(Box::new(metric)))
    }

    fn word(&mut self) -> &mut Self {
        self.tell(Payload::Text(TextChunk::new("Yes.")))
    }

    fn call(&mut self, id: &str) -> &mut Self {
        self.tell(Payload::ToolCalls(Arc::new([call(id)])))
    }

    fn settle(&mut self, id: &str) -> &mut Self {
        let result = ToolResult { call: call(id), outcome: ToolOutcome::Done("noon".into()) };
        self.tell(Payload::ToolSettled(Arc::new(result)))
    }

    fn text(&mut self, answer: u32) -> &mut Self {
        let (context, text) = (ContextId(answer), "Yes.".into());
        self.tell(Payload::TtsText(Box::new(SpokenText { context, text })))
    }

    fn audio(&mut self, answer: u32) -> &mut Self {
        let (context, request) = (ContextId(answer), RequestId(answer));
        self.tell(Payload::OutputAudio(SpokenAudio { pcm: samples::pcm(20, 1), context, request }))
    }

    fn plays(&mut self, answer: u32) -> &mut Self {
        self.tell(Payload::BotStartedSpeaking(BotSpeech::new(ContextId(answer))))
    }

    fn interrupt(&mut self) -> &mut Self {
        self.0.interrupt();
        self
    }

    fn exchanges(&mut self) -> Vec<Exchange> {
        exchanges(&self.0.news())
    }
}

fn call(id: &str) -> ToolCall {
    ToolCall { id: id.into(), name: "time".into(), arguments: "{}".into() }
}

/// What was measured; each with the same figure as voice to voice.
fn exchanges(log: &Log) -> Vec<Exchange> {
    let (mut found, mut voices) = (Vec::new(), Vec::new());
    for frame in log.down() {
        let Payload::Metrics(metric) = &frame.payload else { continue };
        match &**metric {
            Metric::Exchange(exchange) => found.push(*exchange),
            Metric::VoiceToVoice { context, value } => voices.push((*context, *value)),
            _ => {}
        }
    }
    assert_eq!(voices, found.iter().map(|exchange| (exchange.context, exchange.played)).collect::<Vec<_>>());
    found
}

#[test]
fn b_162_an_exchange_is_told_in_its_parts() {
    let mut stage = Stage::new();
    stage.speaks().tell(Payload::UserStartedSpeaking).wait(1_000).is_silent();
    stage.wait(120).heard("What time is it?").is_asked();
    stage.wait(150).first_byte("llm").wait(30).word().wait(20).text(1);
    stage.wait(100).first_byte("tts").audio(1).wait(15).plays(1);
    let expected = Exchange {
        context: ContextId(1),
        transcript: Some(ms(320)),
        turn_end: Some(ms(320)),
        request: Some(ms(320)),
        first_token: Some(ms(470)),
        tools: None,
        first_text: Some(ms(520)),
        first_audio: Some(ms(620)),
        played: ms(635),
    };
    assert_eq!(stage.exchanges(), [expected]);
    // Once: what goes on to be heard is the same answer.
    assert_eq!(stage.wait(500).plays(1).exchanges(), []);
}

#[test]
fn b_162_the_time_of_tools_is_told_apart_and_those_at_the_same_time_count_once() {
    let mut stage = Stage::new();
    stage.speaks().tell(Payload::UserStartedSpeaking).wait(1_000).is_silent();
    stage.wait(100).heard("What time is it?").is_asked();
    stage.wait(150).tell(Payload::ToolCalls(Arc::new([call("a"), call("b")]))).tell(Payload::ResponseEnded);
    stage.wait(40).settle("b").wait(60).settle("a").settle("of an earlier answer");
    stage
        .tell(Payload::ResponseStarted)
        .wait(150)
        .call("c")
        .tell(Payload::ResponseEnded)
        .wait(10)
        .settle("c");
    stage.tell(Payload::ResponseStarted).wait(150).word().text(1).wait(100).audio(1).plays(1);
    let told = stage.exchanges();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].request, told[0].first_token), (Some(ms(300)), Some(ms(450))), "those of the first");
    assert_eq!((told[0].tools, told[0].first_text), (Some(ms(110)), Some(ms(860))));
    assert_eq!(told[0].played, ms(960));
}

#[test]
fn b_162_an_interrupted_exchange_leaves_nothing_to_the_next() {
    let mut stage = Stage::new();
    stage.speaks().tell(Payload::UserStartedSpeaking).wait(1_000).is_silent();
    stage.wait(100).heard("What time").is_asked().wait(150).word().call("a").text(1).audio(1);
    stage.interrupt().speaks().tell(Payload::UserStartedSpeaking).wait(1_000).is_silent();
    stage.wait(50).heard("is it in Delhi?").is_asked().wait(10).settle("a").wait(70).plays(2);
    let expected = Exchange {
        context: ContextId(2),
        transcript: Some(ms(250)),
        turn_end: Some(ms(250)),
        request: Some(ms(250)),
        played: ms(330),
        ..Exchange::default()
    };
    assert_eq!(stage.exchanges(), [expected]);
}

#[test]
fn b_162_words_that_interrupt_before_their_turn_begins_keep_their_end_of_speech() {
    let mut stage = Stage::new();
    stage.speaks().wait(300).is_silent().wait(100).heard("stop that").interrupt();
    stage.tell(Payload::UserStartedSpeaking).is_asked().wait(100).word().wait(100).plays(2);
    let told = stage.exchanges();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].transcript, told[0].request, told[0].played),
        (Some(ms(300)), Some(ms(300)), ms(500))
    );
}

#[test]
fn b_162_a_silent_turn_an_empty_answer_and_a_greeting_are_not_measured() {
    let mut stage = Stage::new();
    // A greeting.
    stage.tell(Payload::ResponseStarted).word().tell(Payload::ResponseEnded).audio(1).plays(1);
    // A cough, and then a reminder.
    stage.speaks().tell(Payload::UserStartedSpeaking).wait(300).is_silent().heard("");
    stage.tell(Payload::UserStoppedSpeaking).wait(9_000).text(2).audio(2).plays(2);
    // The model fails, and then a reminder.
    stage.speaks().tell(Payload::UserStartedSpeaking).wait(300).is_silent().heard("hello").is_asked();
    stage.wait(100).tell(Payload::ResponseEnded).wait(9_000).text(3).audio(3).plays(3);
    assert_eq!(stage.exchanges(), []);
    // A cough while the model thinks changes nothing.
    stage.speaks().tell(Payload::UserStartedSpeaking).wait(300).is_silent().heard("hello").is_asked();
    stage.wait(100).speaks().wait(50).is_silent().heard("").wait(50).word().text(4).plays(4);
    assert_eq!(stage.exchanges().iter().map(|told| told.played).collect::<Vec<_>>(), [ms(400)]);
}

#[test]
fn b_162_an_earlier_answer_that_is_heard_late_is_not_taken_for_this_one() {
    let mut stage = Stage::new();
    stage.tell(Payload::ResponseStarted).word().text(1).audio(1);
    stage.speaks().tell(Payload::UserStartedSpeaking).wait(300).is_silent().heard("hello").is_asked();
    stage.audio(1).wait(10).plays(1).wait(90).audio(2).plays(2);
    let told = stage.exchanges();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].context, told[0].first_audio, told[0].played),
        (ContextId(2), Some(ms(300)), ms(300))
    );
}

#[test]
fn b_162_of_several_answers_that_wait_none_is_taken_for_that_of_the_last_utterance() {
    let mut stage = Stage::new();
    for answer in 1..=3 {
        stage.speaks().wait(300).is_silent().wait(50).heard("hello").tell(Payload::ResponseStarted).word();
        stage.text(answer).tell(Payload::ResponseEnded);
    }
    stage.wait(50).audio(1).plays(1).wait(50).audio(2).plays(2).wait(50).audio(3).plays(3);
    let told: Vec<_> = stage.exchanges().iter().map(|told| (told.context, told.played)).collect();
    assert_eq!(told, [(ContextId(3), ms(400))]);
}

#[test]
fn b_162_without_turns_each_utterance_is_an_exchange() {
    let mut stage = Stage::new();
    for answer in 1..=2 {
        stage.speaks().wait(300).is_silent().wait(100).heard("hello").tell(Payload::ResponseStarted);
        stage.word().text(answer).tell(Payload::ResponseEnded).wait(100).audio(answer).plays(answer);
        let told = stage.exchanges();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].transcript, told[0].turn_end, told[0].played), (Some(ms(300)), None, ms(400)));
    }
    stage.speaks().wait(300).is_silent().wait(100).heard("").wait(5_000).audio(3).plays(3);
    assert_eq!(stage.exchanges(), [], "a cough");
}

#[test]
fn b_63_a_final_from_before_the_end_of_speech_has_no_time_after_it() {
    let mut stage = Stage::new();
    let partial = Transcription { text: "one two".into(), ..Transcription::default() };
    stage.speaks().tell(Payload::UserStartedSpeaking).wait(500);
    stage.tell(Payload::Transcription(Arc::new(partial))).wait(500).is_silent().is_asked().wait(50).plays(1);
    let told = stage.exchanges();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].transcript, told[0].played), (None, ms(250)));
}

#[test]
fn b_162_edges_of_the_service_count_where_there_is_no_detector() {
    let mut stage = Stage::new();
    stage.edge(Payload::SpeechStopped, EdgeSource::Service).heard("hello").wait(100).plays(1);
    stage.speaks().is_silent().wait(50).edge(Payload::SpeechStopped, EdgeSource::Service);
    stage.heard("hello").wait(50).plays(2);
    let played: Vec<_> = stage.exchanges().iter().map(|told| told.played).collect();
    assert_eq!(played, [ms(WINDOW + 100), ms(WINDOW + 100)]);
}

/// A tool that takes two seconds.
struct Time;

#[async_trait]
impl Tool for Time {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "time".into(), description: "The time.".into(), parameters: "{}".into() }
    }

    async fn call(&self, _: ToolCall) -> Result<String, ToolError> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok("noon".into())
    }
}

/// Confirms each utterance with the next of these lines, 120 ms after it was asked.
fn recogniser(lines: &'static [&'static str]) -> FakeStt {
    let mut lines = lines.iter();
    let script = move |command: &SttCommand| match command {
        SttCommand::Finalize { utterance } => {
            let line = lines.next().copied().unwrap_or_default();
            vec![Act::Wait(ms(120)), Act::Send(FakeStt::confirmed(line, *utterance))]
        }
        _ => Vec::new(),
    };
    FakeStt::scripted(script).0
}

fn utter(harness: &mut Harness) {
    harness.queue(samples::speech_started(0)).advance(ms(1_000));
    harness.queue(samples::speech_stopped(0)).advance(Duration::from_secs(10));
}

#[test]
fn b_162_on_a_whole_line_a_tool_and_a_plain_answer_are_measured_to_the_millisecond() {
    let conversation = Conversation::new("Be kind.");
    let (user, assistant) = conversation.aggregators(TurnConfig::default());
    let model = LlmStage::new(Echo { thinks: ms(300) }).with_tools(Tools::new().with(Time));
    let line = Pipeline::builder().then(recogniser(&["hello", "what time is it"])).then(user).then(model);
    let line =
        line.then(speaker(false)).then(MeasureLatency::default()).then(Speaker::new().0).then(assistant);
    let mut harness = Harness::new(line.build().unwrap());
    utter(&mut harness);
    utter(&mut harness);
    let plain = Exchange {
        context: ContextId(1),
        transcript: Some(ms(320)),
        turn_end: Some(ms(320)),
        request: Some(ms(320)),
        first_token: Some(ms(620)),
        tools: None,
        first_text: Some(ms(620)),
        first_audio: Some(ms(620)),
        played: ms(620),
    };
    let with_tool = Exchange {
        // The second was the call's, which said nothing.
        context: ContextId(3),
        tools: Some(ms(2_000)),
        first_text: Some(ms(2_920)),
        first_audio: Some(ms(2_920)),
        played: ms(2_920),
        ..plain
    };
    assert_eq!(exchanges(&harness.log()), [plain, with_tool]);
}

#[test]
fn b_63_the_end_of_speech_to_the_final_is_told_with_and_without_the_detectors_window() {
    let line = Pipeline::builder().then(recogniser(&["hello"])).then(Parrot::default());
    let mut harness = Harness::new(line.then(MeasureLatency::default()).build().unwrap());
    utter(&mut harness);
    let log = harness.log();
    let told = log.down().into_iter().find_map(|frame: &Frame| match &frame.payload {
        Payload::Metrics(metric) => match &**metric {
            Metric::SpeechEndToFinal { value, service, confirmed, .. } => {
                Some((*value, *service, *confirmed))
            }
            _ => None,
        },
        _ => None,
    });
    assert_eq!(told, Some((ms(320), ms(120), true)));
}
