//! Who answers in `voxline agent`: the parrot, a script, or a language model.
//!
//! In: `--llm`, `--model`, `--system`, and for a language model `OPENAI_API_KEY`, `OPENAI_BASE_URL`,
//! `OPENAI_MODEL`. Out: an [`Answerer`], checked as far as it can be without a connection. Script and model share
//! one tool, a clock for places without summer time. The parrot keeps no conversation; the others do.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use voxline::{
    core::{pipeline::PipelineBuilder, service::LlmStage},
    llm::{ConfigError, OpenAiLlm, Reply, ScriptedLlm, Tools, schemars::JsonSchema, tool},
    turns::Conversation,
};

use crate::{
    args::{AgentArgs, Llm},
    exit::Failure,
};

/// Instructions where none are given.
const SYSTEM: &str = "You speak on the telephone. Be brief and kind.";

const MINUTES_A_DAY: i64 = 24 * 60;

/// Cities the clock knows, and how many minutes they are ahead of UTC.
const CITIES: [(&str, i64); 8] = [
    ("delhi", 330),
    ("new delhi", 330),
    ("mumbai", 330),
    ("bangalore", 330),
    ("dubai", 240),
    ("singapore", 480),
    ("tokyo", 540),
    ("nairobi", 180),
];

/// Who answers.
#[derive(Debug)]
pub(crate) enum Answerer {
    Parrot,
    Scripted(Conversation),
    OpenAi(Conversation, Box<OpenAiLlm>),
}

impl Answerer {
    /// As the command line and the environment have it.
    pub(crate) fn of(args: &AgentArgs) -> Result<Self, Failure> {
        if args.model.is_some() && args.llm != Llm::OpenAi {
            return Err(Failure::usage("--model: only a language model has one").advise("add --llm openai"));
        }
        if args.system.is_some() && args.llm == Llm::Parrot {
            return Err(Failure::usage("--system: a parrot takes no instructions")
                .advise("add --llm scripted, or --llm openai"));
        }
        let conversation = || Conversation::new(args.system.as_deref().unwrap_or(SYSTEM));
        Ok(match args.llm {
            Llm::Parrot => Self::Parrot,
            Llm::Scripted => Self::Scripted(conversation()),
            Llm::OpenAi => Self::OpenAi(conversation(), Box::new(openai(args.model.as_deref())?)),
        })
    }

    /// The conversation it keeps.
    pub(crate) fn conversation(&self) -> Option<&Conversation> {
        match self {
            Self::Parrot => None,
            Self::Scripted(conversation) | Self::OpenAi(conversation, _) => Some(conversation),
        }
    }
}

/// A model whose configuration is known to be usable.
fn openai(model: Option<&str>) -> Result<OpenAiLlm, Failure> {
    let refused = |error: ConfigError| match error {
        ConfigError::NoKey { variable } => {
            Failure::usage(format!("no API key of a language model: set {variable}"))
                .advise("without one: --llm scripted, or a server that wants none in OPENAI_BASE_URL")
        }
        ConfigError::UnusableKey => Failure::usage(format!("OPENAI_API_KEY: {error}")),
        ConfigError::BaseUrl { .. } | ConfigError::ClearText { .. } => {
            Failure::usage(format!("OPENAI_BASE_URL: {error}"))
        }
        ConfigError::Setting { field, reason } => Failure::usage(format!("--{field}: {reason}")),
        error => Failure::usage(error.to_string()),
    };
    let mut llm = OpenAiLlm::from_env().map_err(refused)?;
    if let Some(model) = model {
        llm = llm.with_model(model);
    }
    llm.check().map_err(refused)?;
    Ok(llm)
}

/// Puts the model of a conversation at the end of a line.
pub(crate) fn then_model(line: PipelineBuilder, answerer: Answerer) -> PipelineBuilder {
    match answerer {
        Answerer::Parrot => line,
        Answerer::Scripted(_) => line.then(LlmStage::new(script()).with_tools(tools())),
        Answerer::OpenAi(_, llm) => line.then(LlmStage::new(*llm).with_tools(tools())),
    }
}

/// Stands for a model: knows a few questions.
fn script() -> ScriptedLlm {
    let story = "Once there was a small boat. It knew every wave by name. One night the wind forgot the way home, \
                 and the boat went out to look for it. Far out, where the water is black, it heard a whisper.";
    ScriptedLlm::new()
        .when("hear me", "Yes, I hear you well.")
        .when("time", Reply::call("time_in", serde_json::json!({ "city": "Delhi" })))
        .after("time_in", "In Delhi it is {result}.")
        .when("weather", "I have no window, but I hope the sun shines.")
        .when("story", story)
        .when("stop", "Of course.")
        .when("thank you", "You are welcome. Goodbye.")
        .when("hello", "Hello, how can I help?")
        .with_first_delay(Duration::from_millis(150))
        .with_word_delay(Duration::from_millis(20))
}

/// Where to look.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "voxline::llm::schemars")]
struct Place {
    /// A city, in English.
    city: String,
}

fn tools() -> Tools {
    let time = tool("time_in", "Tells the local time of a city.", |place: Place| async move {
        Ok::<_, Infallible>(time_in(&place.city, since_1970()))
    });
    Tools::new().with(time)
}

#[expect(clippy::disallowed_methods, reason = "a caller who asks for the time wants that of the wall")]
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The time in a city, so long after 1970. Not knowing the city is an answer too, which the model should hear.
fn time_in(city: &str, now: Duration) -> String {
    let city = city.trim().to_lowercase();
    let Some(&(_, ahead)) = CITIES.iter().find(|(name, _)| *name == city) else {
        return "unknown: this clock knows no such city".to_owned();
    };
    let utc = i64::try_from(now.as_secs() / 60).unwrap_or_default();
    let minutes = (utc + ahead).rem_euclid(MINUTES_A_DAY);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_knows_the_time_of_its_cities_and_says_when_it_does_not() {
        let evening = Duration::from_secs((20 * 60 + 15) * 60);
        assert_eq!(time_in("Delhi", evening), "01:45");
        assert_eq!(time_in(" TOKYO", evening), "05:15");
        assert_eq!(time_in("Dubai", Duration::ZERO), "04:00");
        assert!(time_in("Paris", evening).starts_with("unknown"));
    }
}
