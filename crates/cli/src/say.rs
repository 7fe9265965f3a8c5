//! `voxline say`: a text into a WAV file.
//!
//! ```text
//!  Speak ⇒ SmallestTts → WavOutput
//! ```
//! What a model does not have is refused before any connection. The file appears when all of the text is in it;
//! after a failure the part that was spoken is kept beside it.

use voxline::{
    audio::SampleRate,
    core::{
        Pipeline, SessionConfig,
        frame::{Frame, Language},
    },
    smallest_tts::{Endpoint, Model, SmallestTts, TtsConfig, TtsSettings},
    wav::{Pace, WavOutput},
};

use crate::{
    args::{SayArgs, TtsEndpoint},
    chatter::{Chatter, Style},
    events::{Event, SaySummary, seconds},
    exit::{Code, Failure},
    files::OutputFile,
    output::Console,
    run::{END_LIMIT, Ended, conclude, until_ended},
    service::{Access, synthesizer},
    signals::Signals,
};

/// Bytes of a sample, as the service sends it.
const SAMPLE: u64 = 2;

/// Says the text.
pub(crate) async fn run(args: SayArgs, console: &Console, signals: &mut Signals) -> Result<Code, Failure> {
    let settings = settings(&args);
    refuse_what_only_v2_has(&args, &settings)?;
    if args.text.trim().is_empty() {
        return Err(Failure::new(Code::BadInput, "there is nothing to say: the text is blank"));
    }
    let mut config = Access::from_env(args.base_url.clone())?.tts();
    config.endpoint = args.endpoint.map(Into::into);
    let rate = SampleRate::new(args.sample_rate).unwrap_or(SampleRate::HZ_24000);
    let service_rate = config.service_rate(rate);
    let tts = synthesizer(SmallestTts::with_config(config).with_settings(settings))?;
    let output = OutputFile::create(&args.output)?;

    let chatter = Chatter::new(console, Style::Words);
    chatter.watch_tts(&tts);
    let counters = tts.counters();
    let writer = WavOutput::create(output.path()).with_pace(Pace::Fast);
    let pipeline =
        Pipeline::builder().then(tts).then(writer).build().map_err(|error| Failure::from(&error))?;
    let config = SessionConfig { output_rate: rate, end_limit: END_LIMIT, ..SessionConfig::default() };
    let session = pipeline.start(chatter.watch(config)).await.map_err(|error| Failure::from(&error))?;
    // A session that has failed meanwhile says why below.
    if session.queue(Frame::speak(args.text)).await.is_ok() {
        let _ = session.end().await;
    }
    console.begin("saying", None);
    let spoken = || service_rate.duration_of(counters.counts().audio_bytes / SAMPLE);
    let ended = until_ended(&session, &chatter, signals, spoken, None).await;
    console.finish();
    chatter.close();
    let counts = counters.counts();
    let audio_seconds = seconds(spoken());
    let summary = SaySummary { audio_seconds, chunks: counts.chunks, requests: counts.requests };
    chatter.print(Event::Said(summary), None);
    if matches!(ended, Ended::Done) && counts.audio_bytes == 0 && chatter.errors().is_empty() {
        return Err(Failure::new(Code::BadInput, "the service found nothing to say in the text"));
    }
    if counts.assumed_complete > 0 && matches!(ended, Ended::Done) {
        console.note("the service did not confirm that all was said; listen to the end of the file");
    }
    conclude(ended, &chatter, output)
}

/// What only lightning-v2 has would silently not be sent to another model.
fn refuse_what_only_v2_has(args: &SayArgs, settings: &TtsSettings) -> Result<(), Failure> {
    let mut config = TtsConfig::new("");
    config.endpoint = args.endpoint.map(Into::into);
    if let Some(url) = &args.base_url {
        config.base_url.clone_from(url);
    }
    if config.endpoint_for(&settings.model) == Endpoint::V2 {
        return Ok(());
    }
    let given = [
        ("--consistency", args.consistency.is_some()),
        ("--similarity", args.similarity.is_some()),
        ("--enhancement", args.enhancement.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => {
            Err(Failure::usage(format!("{flag} is for lightning_v2 only, not {}", settings.model))
                .advise("leave it out, or use --model lightning_v2"))
        }
        None => Ok(()),
    }
}

fn settings(args: &SayArgs) -> TtsSettings {
    let defaults = TtsSettings::default();
    let model = match (&args.model, args.endpoint) {
        (Some(model), _) => Model::from_name(model),
        (None, Some(TtsEndpoint::V2)) => Model::LightningV2,
        (None, _) => defaults.model,
    };
    TtsSettings {
        model,
        voice: args.voice.clone().unwrap_or(defaults.voice),
        language: args.language.as_deref().map_or(defaults.language, Language::from_code),
        speed: args.speed,
        consistency: args.consistency,
        similarity: args.similarity,
        enhancement: args.enhancement,
        word_timestamps: args.word_timestamps,
        ..TtsSettings::default()
    }
}
