//! The two ends of a call: a recorded caller and a file for the answers, or microphone and speaker.
//!
//! In: `--input` and `--output`, or `--mic`. Out: [`Ends`], opened, so that what is missing is known before any
//! connection; and [`Told`], what they have to say while the call goes on and when it is over. The devices come
//! with the feature `local-audio`; without it `--mic` says how to get it.

use std::{path::Path, time::Duration};

use voxline::{
    core::{Error, Pipeline},
    wav::{WavInput, WavInputCounters, WavOutput},
};

use crate::{
    args::{AgentArgs, Pace},
    chatter::Chatter,
    exit::{Code, Failure},
    files::{self, OutputFile},
    run::{self, Ended},
};

/// Both ends of a call.
pub(crate) struct Ends {
    /// Where the caller comes in.
    pub(crate) first: Pipeline,
    /// Where the agent is heard.
    pub(crate) last: Pipeline,
    /// How long the call will be, where that is known.
    pub(crate) length: Option<Duration>,
    pub(crate) told: Told,
}

/// What remains of the ends while the call goes on.
#[derive(Debug)]
pub(crate) enum Told {
    Files {
        heard: WavInputCounters,
        output: OutputFile,
    },
    #[cfg(feature = "local-audio")]
    Devices {
        began: std::time::Instant,
    },
}

impl Ends {
    /// As the command line has them.
    pub(crate) fn open(args: &AgentArgs) -> Result<Self, Failure> {
        match (&args.input, &args.output) {
            (Some(input), Some(output)) => Self::files(input, output, args.pace),
            _ => Self::devices(args.headphones),
        }
    }

    fn files(input: &Path, output: &Path, pace: Pace) -> Result<Self, Failure> {
        let caller = WavInput::open(input).map_err(|error| Failure::input(input, &error))?;
        if files::is_same(input, output) {
            return Err(Failure::usage(
                "the agent would overwrite what the caller says: choose another --output",
            ));
        }
        let output = OutputFile::create(output)?;
        let (length, heard) = (caller.announced_duration(), caller.counters());
        let build = |pipeline: Result<Pipeline, Error>| pipeline.map_err(|error| Failure::from(&error));
        let written = WavOutput::create(output.path()).with_pace(pace.into());
        Ok(Self {
            first: build(Pipeline::builder().then(caller.with_pace(pace.into())).build())?,
            last: build(Pipeline::builder().then(written).build())?,
            length,
            told: Told::Files { heard, output },
        })
    }

    #[cfg(feature = "local-audio")]
    fn devices(headphones: bool) -> Result<Self, Failure> {
        use voxline::local::{LocalConfig, LocalTransport, MuteWhileBotSpeaks};

        let transport = LocalTransport::open(LocalConfig::default()).map_err(|error| {
            Failure::new(Code::BadInput, format!("--mic: {error}")).advise(
                "over SSH and in containers there usually is no sound; a recorded caller: --input FILE",
            )
        })?;
        let (microphone, speaker) = transport.split();
        let mut first = Pipeline::builder().then(microphone);
        if !headphones {
            first = first.then(MuteWhileBotSpeaks::default());
        }
        let build = |pipeline: Result<Pipeline, Error>| pipeline.map_err(|error| Failure::from(&error));
        Ok(Self {
            first: build(first.build())?,
            last: build(Pipeline::builder().then(speaker).build())?,
            length: None,
            told: Told::Devices { began: std::time::Instant::now() },
        })
    }

    #[cfg(not(feature = "local-audio"))]
    fn devices(_: bool) -> Result<Self, Failure> {
        Err(Failure::usage("--mic: this voxline was built without local-audio")
            .advise("cargo run --release -p voxline-cli --features local-audio -- agent --mic"))
    }
}

impl Told {
    /// How much of the caller has been heard.
    pub(crate) fn heard(&self) -> Duration {
        match self {
            Self::Files { heard, .. } => heard.audio(),
            #[cfg(feature = "local-audio")]
            Self::Devices { began } => began.elapsed(),
        }
    }

    /// How much of the agent was written, if it is.
    pub(crate) fn written(&self) -> Option<Duration> {
        match self {
            Self::Files { output, .. } => Some(output.duration()),
            #[cfg(feature = "local-audio")]
            Self::Devices { .. } => None,
        }
    }

    /// What becomes of what was written, and how the command ends.
    pub(crate) fn conclude(self, ended: Ended, chatter: &Chatter) -> Result<Code, Failure> {
        match self {
            Self::Files { output, .. } => run::conclude(ended, chatter, output),
            #[cfg(feature = "local-audio")]
            Self::Devices { .. } => run::outcome(&ended, chatter),
        }
    }
}
