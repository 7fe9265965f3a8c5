//! `voxline agent`: a parrot that talks with a recorded caller.
//!
//! ```text
//!  WavInput → (Backpressure) → Vad → SmallestStt → Parrot → SmallestTts → MeasureLatency → WavOutput
//! ```
//! Without a key and without an address it talks to a simulator inside this process, and says so: the simulator
//! hears the text beside the recording (`call.txt` or `call.json` for `call.wav`). In real time the caller may
//! interrupt the agent; at the fast pace, where nobody hears anything, answers stand one after the other.

use std::path::Path;

use voxline::{
    audio::SampleRate,
    core::{Pipeline, SessionConfig},
    smallest_stt::{Secret, SmallestStt, SttCounters, SttSettings},
    smallest_tts::{SmallestTts, TtsCounters},
    turns::{MeasureLatency, Parrot},
    vad::Vad,
    wav::{WavInput, WavInputCounters, WavOutput},
};
use voxline_waves_sim::{Script, SimConfig, WavesSim};

use crate::{
    args::{AgentArgs, Pace},
    backpressure::Backpressure,
    chatter::{Chatter, Style},
    events::{AgentSummary, Event, TranscribeSummary, seconds},
    exit::{Code, Failure, chain},
    files::{self, OutputFile},
    output::Console,
    run::{END_LIMIT, conclude, until_ended},
    service::{self, Access, recogniser, synthesizer},
    signals::Signals,
};

/// Utterances the simulator hears where nothing says what was said.
const MADE_UP: usize = 1_000;

/// Holds the call.
pub(crate) async fn run(args: AgentArgs, console: &Console, signals: &mut Signals) -> Result<Code, Failure> {
    let input = WavInput::open(&args.input).map_err(|error| Failure::input(&args.input, &error))?;
    if files::is_same(&args.input, &args.output) {
        return Err(Failure::usage(
            "the agent would overwrite what the caller says: choose another --output",
        ));
    }
    let output = OutputFile::create(&args.output)?;
    let (access, _simulator) = access(&args, console).await?;
    let chatter = Chatter::new(console, Style::Conversation);
    let stt = recogniser(access.stt(), SttSettings::default())?;
    let tts = synthesizer(SmallestTts::with_config(access.tts()))?;
    chatter.watch_stt(&stt);
    chatter.watch_tts(&tts);
    let (length, counters) = (input.announced_duration(), Counters::of(&input, &stt, &tts));
    let pipeline = pipeline(input, stt, tts, &output, args.pace)?;

    let config =
        SessionConfig { input_rate: SampleRate::HZ_16000, end_limit: END_LIMIT, ..SessionConfig::default() };
    let config = chatter.watch(config);
    let session = pipeline.start(config).await.map_err(|error| Failure::from(&error))?;
    console.begin("call", length);
    let ended = until_ended(&session, &chatter, signals, || counters.played.audio(), None).await;
    console.finish();
    chatter.close();
    chatter.print(Event::Talked(counters.summary(&chatter, &output)), None);
    conclude(ended, &chatter, output)
}

fn pipeline(
    input: WavInput,
    stt: SmallestStt,
    tts: SmallestTts,
    output: &OutputFile,
    pace: Pace,
) -> Result<Pipeline, Failure> {
    let backpressure = (pace == Pace::Fast).then(|| Backpressure::of(&stt, SampleRate::HZ_16000));
    let mut builder = Pipeline::builder().then(input.with_pace(pace.into()));
    if let Some(backpressure) = backpressure {
        builder = builder.then(backpressure);
    }
    let builder = builder
        .then(Vad::default().interrupts(pace == Pace::Realtime))
        .then(stt)
        .then(Parrot::new("You said:"))
        .then(tts)
        .then(MeasureLatency::default())
        .then(WavOutput::create(output.path()).with_pace(pace.into()));
    builder.build().map_err(|error| Failure::from(&error))
}

/// The service to talk to. The simulator, if it is one of ours, lives as long as the second value.
async fn access(args: &AgentArgs, console: &Console) -> Result<(Access, Option<WavesSim>), Failure> {
    if service::key().is_some() || args.base_url.is_some() {
        return Ok((Access::from_env(args.base_url.clone())?, None));
    }
    let (script, source) = script(&args.input)?;
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
fn script(input: &Path) -> Result<(Script, String), Failure> {
    for extension in ["txt", "json"] {
        let path = input.with_extension(extension);
        if path.is_file() {
            let script = Script::load(&path).map_err(|error| {
                Failure::new(Code::BadInput, format!("{}: {}", path.display(), chain(&error)))
            })?;
            return Ok((script, format!("the text of {}", path.display())));
        }
    }
    let texts = (1..=MADE_UP).map(|number| format!("This is utterance number {number}."));
    let beside = input.with_extension("txt");
    Ok((Script::of(texts), format!("made-up text (put what is said into {})", beside.display())))
}

struct Counters {
    played: WavInputCounters,
    stt: SttCounters,
    tts: TtsCounters,
}

impl Counters {
    fn of(input: &WavInput, stt: &SmallestStt, tts: &SmallestTts) -> Self {
        Self { played: input.counters(), stt: stt.counters(), tts: tts.counters() }
    }

    fn summary(&self, chatter: &Chatter, output: &OutputFile) -> AgentSummary {
        let (stt, tts) = (self.stt.snapshot(), self.tts.counts());
        AgentSummary {
            heard: TranscribeSummary::new(self.played.audio(), &stt),
            answer_seconds: seconds(output.duration()),
            answers: chatter.answers(),
            chunks: tts.chunks,
            requests: tts.requests,
        }
    }
}
