//! `voxline transcribe`: what is said in WAV files, as lines of text or as events.
//!
//! ```text
//!  WavInput → Backpressure → Vad → SmallestStt
//! ```
//! One session a file, one file after the other. What is wrong with a file is told at once, and the next one goes
//! on; a service that refuses or cannot be reached ends the command. The exit code is that of the first failure.

use std::{path::Path, time::Duration};

use voxline::{
    audio::SampleRate,
    core::{Pipeline, SessionConfig, frame::Language},
    smallest_stt::{SttCounters, SttCounts, SttSettings},
    vad::{EarshotVad, Vad, VadParams},
    wav::WavInput,
};

use crate::{
    args::TranscribeArgs,
    backpressure::Backpressure,
    chatter::{Chatter, Style},
    events::{Event, TranscribeSummary},
    exit::{Code, Failure},
    output::Console,
    run::{END_LIMIT, Ended, stuck, until_ended},
    service::{Access, recogniser},
    signals::Signals,
};

/// How long the words of an utterance are waited for, before the last guess is taken for them. Nobody waits for
/// an answer here, and at the fast pace the service is far behind.
const FINAL_WITHIN: Duration = Duration::from_secs(30);
/// How long the last words are waited for without a sign of the service: long enough to notice a connection that is
/// dead without a word, and to do its work again on another.
const LAST_WITHIN: Duration = Duration::from_secs(20);
/// A file that is held back is no caller who has fallen silent.
const FORCED_STOP: Duration = Duration::from_secs(60);
/// The rates the service takes: such a file is sent as it is.
const TAKEN: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];
/// Audio kept for a lost connection: more than the file is ever ahead.
const KEPT_AUDIO: Duration = Duration::from_secs(120);

/// What became of a file.
enum Outcome {
    /// All of it was heard, or the command is to stop.
    Ended(Ended),
    /// Something is missing; the next file may do better.
    Incomplete(Failure),
    /// No other file would do better.
    Hopeless(Failure),
}

/// Transcribes all files.
pub(crate) async fn run(
    args: TranscribeArgs,
    console: &Console,
    signals: &mut Signals,
) -> Result<Code, Failure> {
    let settings = settings(&args);
    settings.validate()?;
    let style = if args.files.len() > 1 { Style::NamedTranscript } else { Style::Transcript };
    let (mut total, mut code) = (None::<TranscribeSummary>, Code::Ok);
    for path in &args.files {
        let chatter = Chatter::new(console, style).about(path.display().to_string());
        let (summary, outcome) =
            Box::pin(transcribe(path, &args, &settings, &chatter, console, signals)).await;
        if let Some(summary) = summary {
            total.get_or_insert_default().add(&summary);
            if style == Style::NamedTranscript {
                chatter.print(Event::FileSummary(summary), None);
            }
        }
        let (failure, hopeless) = match outcome {
            Outcome::Ended(Ended::Done) => continue,
            Outcome::Ended(stopped) => {
                code = stopped.code();
                break;
            }
            Outcome::Incomplete(failure) => (failure, false),
            Outcome::Hopeless(failure) => (failure, true),
        };
        console.complain(&failure);
        if code == Code::Ok {
            code = failure.code;
        }
        if hopeless {
            break;
        }
    }
    if let Some(total) = total {
        Chatter::new(console, style).print(Event::Transcribed(total), None);
    }
    Ok(code)
}

/// Transcribes one file. Without a summary there was no session.
async fn transcribe(
    path: &Path,
    args: &TranscribeArgs,
    settings: &SttSettings,
    chatter: &Chatter,
    console: &Console,
    signals: &mut Signals,
) -> (Option<TranscribeSummary>, Outcome) {
    let input = match WavInput::open(path) {
        // The end of a file is an end of speech: no silence is needed after it.
        Ok(input) => input.with_pace(args.pace.into()).with_silence(Duration::ZERO),
        Err(error) => return (None, Outcome::Incomplete(Failure::input(path, &error))),
    };
    let (played, stopper, length) = (input.counters(), input.stopper(), input.announced_duration());
    let rate = Some(input.rate()).filter(|rate| TAKEN.contains(&rate.hz())).unwrap_or(SampleRate::HZ_16000);
    let (pipeline, counters) = match pipeline(input, rate, args, settings, chatter) {
        Ok(built) => built,
        Err(failure) => return (None, Outcome::Hopeless(failure)),
    };
    let config = SessionConfig {
        input_rate: rate,
        end_deadline: END_LIMIT,
        end_limit: END_LIMIT,
        ..SessionConfig::default()
    };
    let session = match pipeline.start(chatter.watch(config)).await {
        Ok(session) => session,
        Err(error) => return (None, Outcome::Incomplete(Failure::from(&error).about(path))),
    };
    console.begin(&path.file_name().unwrap_or_default().to_string_lossy(), length);
    let ended = until_ended(&session, chatter, signals, || played.audio(), Some(&|| stopper.stop())).await;
    console.finish();
    chatter.close();
    let counts = counters.snapshot();
    (Some(TranscribeSummary::new(played.audio(), &counts)), judge(ended, path, chatter, &counts))
}

fn pipeline(
    input: WavInput,
    rate: SampleRate,
    args: &TranscribeArgs,
    settings: &SttSettings,
    chatter: &Chatter,
) -> Result<(Pipeline, SttCounters), Failure> {
    let mut config = Access::from_env(args.base_url.clone())?.stt();
    config.endpoint = args.endpoint.into();
    config.p99_latency = FINAL_WITHIN;
    config.kept_audio = KEPT_AUDIO;
    config.close_within = LAST_WITHIN;
    let stt = recogniser(config, settings.clone())?;
    chatter.watch_stt(&stt);
    let counters = stt.counters();
    let vad = Vad::new(EarshotVad::new())
        .with_params(VadParams { forced_stop: FORCED_STOP, ..VadParams::default() });
    let backpressure = Backpressure::of(&stt, rate);
    let pipeline = Pipeline::builder().then(input).then(backpressure).then(vad).then(stt).build();
    pipeline.map(|pipeline| (pipeline, counters)).map_err(|error| Failure::from(&error))
}

/// Whether everything was heard.
fn judge(ended: Ended, path: &Path, chatter: &Chatter, counts: &SttCounts) -> Outcome {
    if let Ended::Failed(error) = &ended {
        let failure = Failure::from(&**error);
        return match failure.code {
            Code::BadInput | Code::Internal => Outcome::Incomplete(failure.about(path)),
            _ => Outcome::Hopeless(failure),
        };
    }
    if matches!(ended, Ended::Stuck) {
        return Outcome::Hopeless(stuck());
    }
    if let Some(report) = chatter.errors().first() {
        return Outcome::Incomplete(Failure::from(&*report.error).about(path));
    }
    if !counts.dropped.is_zero() {
        let what = format!("{:.1} s of audio never reached the service", counts.dropped.as_secs_f64());
        return Outcome::Incomplete(Failure::new(Code::Unreachable, what).about(path));
    }
    if chatter.results() == 0 && counts.malformed + counts.unexpected_binary > 0 {
        let failure = Failure::new(Code::Unreachable, "the service's answers cannot be read").about(path);
        return Outcome::Incomplete(
            failure.advise("what answers there is not the service; check --base-url"),
        );
    }
    Outcome::Ended(ended)
}

fn settings(args: &TranscribeArgs) -> SttSettings {
    SttSettings {
        language: Language::from_code(&args.language),
        word_timestamps: args.word_timestamps,
        sentence_timestamps: args.sentence_timestamps,
        full_transcript: args.full_transcript,
        diarize: args.diarize,
        redact_pii: args.redact_pii,
        redact_pci: args.redact_pci,
        numerals: args.numerals.map(Into::into).unwrap_or_default(),
        keywords: args.keywords.clone().unwrap_or_default(),
        itn_normalize: args.itn,
        ..SttSettings::default()
    }
}
