//! `voxline agent`: a parrot or a language model that talks with a recorded caller, or by microphone and speaker.
//!
//! ```text
//!  input → (Backpressure) → Vad → SmallestStt → Parrot → SmallestTts → MeasureLatency → (Recorder) → output
//!  … Vad → (Courtesy) → SmallestStt → UserAggregator → LlmStage → SmallestTts → … → output → AssistantAggregator
//! ```
//! Without a key and without an address it talks to a simulator inside this process, and says so: the simulator
//! hears the text beside the recording (`call.txt` or `call.json` for `call.wav`). In real time the caller may
//! interrupt the agent; at the fast pace, where nobody hears anything, answers stand one after the other.

use std::path::Path;

use voxline::{
    audio::SampleRate,
    core::{Pipeline, SessionConfig},
    llm::ScriptedLlm,
    smallest_stt::{Secret, SmallestStt, SttCounters, SttSettings},
    smallest_tts::{SmallestTts, TtsCounters},
    turns::{MeasureLatency, Parrot, TurnConfig},
    vad::Vad,
};
use voxline_recorder::{Recorder, Transcript};
use voxline_waves_sim::{Script, SimConfig, WavesSim};

use crate::{
    args::{AgentArgs, Llm, Pace},
    backpressure::Backpressure,
    chatter::{Chatter, Style},
    courtesy::Courtesy,
    ends::{Ends, Told},
    events::{AgentSummary, Event, TranscribeSummary, seconds},
    exit::{Code, Failure, chain},
    model::{Answerer, then_model},
    output::Console,
    run::{END_LIMIT, until_ended},
    service::{self, Access, recogniser, synthesizer},
    signals::Signals,
};

/// Of the audio that comes in.
const RATE: SampleRate = SampleRate::HZ_16000;
/// Utterances the simulator hears where nothing says what was said.
const MADE_UP: usize = 1_000;

/// Holds the call.
pub(crate) async fn run(args: AgentArgs, console: &Console, signals: &mut Signals) -> Result<Code, Failure> {
    let answerer = Answerer::of(&args)?;
    let conversation = answerer.conversation().cloned();
    let Ends { first, last, length, told } = Ends::open(&args)?;
    let (access, _simulator) = access(&args, console).await?;
    if args.llm == Llm::Scripted {
        console.note(ScriptedLlm::NOTICE);
    }
    let style = if conversation.is_some() { Style::Model } else { Style::Conversation };
    let chatter = Chatter::new(console, style);
    let stt = recogniser(access.stt(), SttSettings::default())?;
    let tts = synthesizer(SmallestTts::with_config(access.tts()))?;
    chatter.watch_stt(&stt);
    chatter.watch_tts(&tts);
    let counters = (stt.counters(), tts.counters());
    let config = SessionConfig { input_rate: RATE, end_limit: END_LIMIT, ..SessionConfig::default() };
    let config = recorded(chatter.watch(config), &args)?;
    let pipeline = pipeline(Parts { first, stt, tts, last, answerer }, &args)?;

    let session = pipeline.start(config).await.map_err(|error| Failure::from(&error))?;
    if args.mic {
        console.note("listening; Ctrl-C hangs up");
    }
    console.begin("call", length);
    let ended = until_ended(&session, &chatter, signals, || told.heard(), None).await;
    console.finish();
    chatter.close();
    if let Some(conversation) = conversation {
        chatter.print(Event::Context { messages: &conversation.messages() }, None);
    }
    chatter.print(Event::Talked(summary(&counters, &told, &chatter)), None);
    told.conclude(ended, &chatter)
}

/// With what is said written down, where the call is recorded.
fn recorded(config: SessionConfig, args: &AgentArgs) -> Result<SessionConfig, Failure> {
    let Some(folder) = &args.record else { return Ok(config) };
    let transcript =
        Transcript::create(folder).map_err(|error| Failure::new(Code::BadInput, chain(&error)))?;
    Ok(config.with_observer(transcript))
}

/// What the line is put together from.
struct Parts {
    first: Pipeline,
    stt: SmallestStt,
    tts: SmallestTts,
    last: Pipeline,
    answerer: Answerer,
}

fn pipeline(parts: Parts, args: &AgentArgs) -> Result<Pipeline, Failure> {
    let Parts { first, stt, tts, last, answerer } = parts;
    let fast = args.pace == Pace::Fast;
    let mut line = Pipeline::builder().then(first);
    if fast {
        line = line.then(Backpressure::of(&stt, RATE));
    }
    let mut assistant = None;
    let line = match answerer.conversation().cloned() {
        None => line.then(Vad::default().interrupts(!fast)).then(stt).then(Parrot::new("You said:")),
        Some(conversation) => {
            let (user, other) = conversation.aggregators(TurnConfig::default());
            assistant = Some(other);
            line = line.then(Vad::default());
            if fast {
                line = line.then(Courtesy::new(conversation));
            }
            then_model(line.then(stt).then(user), answerer)
        }
    };
    let mut line = line.then(tts).then(MeasureLatency::default());
    if let Some(folder) = &args.record {
        line = line.then(Recorder::create(folder));
    }
    line = line.then(last);
    if let Some(assistant) = assistant {
        line = line.then(assistant);
    }
    line.build().map_err(|error| Failure::from(&error))
}

/// The service to talk to. The simulator, if it is one of ours, lives as long as the second value.
async fn access(args: &AgentArgs, console: &Console) -> Result<(Access, Option<WavesSim>), Failure> {
    if service::key().is_some() || args.base_url.is_some() {
        return Ok((Access::from_env(args.base_url.clone())?, None));
    }
    let (script, source) = script(args.input.as_deref())?;
    console.note(&format!(
        "{} is not set: talking to the built-in simulator, which hears {source}",
        service::KEY_VARIABLE
    ));
    let simulator = WavesSim::start(SimConfig::default().with_script(script))
        .await
        .map_err(|error| Failure::new(Code::Internal, format!("the simulator did not start: {error}")))?;
    let access = Access { key: Secret::new(simulator.api_key()), base_url: Some(simulator.url()) };
    Ok((access, Some(simulator)))
}

/// What the simulator is to hear, and where that comes from.
fn script(input: Option<&Path>) -> Result<(Script, String), Failure> {
    let texts = (1..=MADE_UP).map(|number| format!("This is utterance number {number}."));
    let Some(input) = input else { return Ok((Script::of(texts), "made-up text, whatever you say".into())) };
    for extension in ["txt", "json"] {
        let path = input.with_extension(extension);
        if path.is_file() {
            let script = Script::load(&path).map_err(|error| {
                Failure::new(Code::BadInput, format!("{}: {}", path.display(), chain(&error)))
            })?;
            return Ok((script, format!("the text of {}", path.display())));
        }
    }
    let beside = input.with_extension("txt");
    Ok((Script::of(texts), format!("made-up text (put what is said into {})", beside.display())))
}

fn summary((stt, tts): &(SttCounters, TtsCounters), told: &Told, chatter: &Chatter) -> AgentSummary {
    let (stt, tts) = (stt.snapshot(), tts.counts());
    AgentSummary {
        heard: TranscribeSummary::new(told.heard(), &stt),
        answer_seconds: seconds(told.written().unwrap_or_else(|| chatter.played())),
        answers: chatter.answers(),
        chunks: tts.chunks,
        requests: tts.requests,
    }
}
