//! From what went wrong to an exit code and a text for a person.
//!
//! In: errors of the parts. Out: a [`Failure`], which prints as one line that says what was wrong and, where
//! there is something to do, a second one. Decided by types and categories, never by searching texts.

use std::{error::Error as StdError, fmt, path::Path, process::ExitCode};

use voxline::{
    audio::{ResampleError, WavError},
    core::{Error, ErrorCategory, ServiceError},
    llm::LlmError,
    smallest_stt::SttError,
    smallest_tts::{ConfigError, TtsError},
    wav::InputError,
};
use voxline_recorder::RecordError;

/// The longest text shown: a server's answer may be a page.
const LONGEST: usize = 400;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// Everything was done.
    Ok = 0,
    /// Something failed that is none of the below.
    Internal = 1,
    /// The command line, or the lack of a key.
    Usage = 2,
    /// The service answered, and said no.
    Refused = 3,
    /// Nobody answered, or not to the end.
    Unreachable = 4,
    /// A file or text that cannot be used.
    BadInput = 5,
    /// Stopped by an interrupt (SIGINT), as shells have it.
    Interrupted = 130,
    /// Stopped by SIGTERM, as shells have it.
    Terminated = 143,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    what: String,
    advice: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: one_line(&what.into()), advice: None }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Code::Usage, what)
    }

    /// A file that cannot be read as audio.
    pub(crate) fn input(path: &Path, error: &WavError) -> Self {
        let what = match error {
            WavError::Missing(_) => error.to_string(),
            _ => chain(error),
        };
        let failure = Self::new(Code::BadInput, format!("{}: {what}", path.display()));
        match error {
            WavError::NotWav(_) | WavError::UnsupportedContainer(_) | WavError::UnsupportedFormat { .. } => {
                failure.advise("convert it to a WAV file of 16-bit PCM first")
            }
            _ => failure,
        }
    }

    /// What went wrong, without the advice.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// With a second line: what to do.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same about this file.
    pub(crate) fn about(mut self, path: &Path) -> Self {
        self.what = format!("{}: {}", path.display(), self.what);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.advice {
            Some(advice) => write!(f, "\n  {advice}"),
            None => Ok(()),
        }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Shared(error) => (&**error).into(),
            Error::Start { source, .. } => (&**source).into(),
            Error::Service(error) => error.into(),
            Error::Other(error)
                if error.is::<InputError>()
                    || error.is::<WavError>()
                    || error.is::<ResampleError>()
                    || error.is::<RecordError>() =>
            {
                Self::new(Code::BadInput, chain(&**error))
            }
            Error::TimedOut { stages, .. } if stages.iter().any(|stage| stage.starts_with("smallest")) => {
                Self::new(Code::Unreachable, error.to_string())
                    .advise("the service did not answer in time; try again")
            }
            Error::Other(error) => Self::new(Code::Internal, chain(&**error)),
            error => Self::new(Code::Internal, chain(error)),
        }
    }
}

impl From<&ServiceError> for Failure {
    fn from(error: &ServiceError) -> Self {
        let (code, advice) = match error.category {
            _ if is_setting(error) => (Code::Usage, None),
            // What the service says is advice enough.
            _ if is_reported(error) => (Code::Refused, None),
            ErrorCategory::Unauthorized if is_llm(error) => {
                (Code::Refused, Some("check the key in OPENAI_API_KEY"))
            }
            ErrorCategory::Unreachable if is_llm(error) => {
                (Code::Unreachable, Some("check OPENAI_BASE_URL and the network"))
            }
            ErrorCategory::Protocol if is_llm(error) => {
                (Code::Unreachable, Some("what answers there is no model; check OPENAI_BASE_URL"))
            }
            ErrorCategory::Unauthorized => (Code::Refused, Some("check the key in SMALLEST_API_KEY")),
            ErrorCategory::Forbidden => (Code::Refused, Some("the key, plan or region does not allow this")),
            ErrorCategory::Overloaded => {
                (Code::Refused, Some("wait, or close other connections of the account"))
            }
            ErrorCategory::Server => (Code::Refused, Some("the service failed; try again later")),
            ErrorCategory::Unreachable => (Code::Unreachable, Some("check --base-url and the network")),
            ErrorCategory::Protocol => {
                (Code::Unreachable, Some("what answers there is not the service; check --base-url"))
            }
            ErrorCategory::BadInput => (Code::BadInput, None),
            _ => (Code::Refused, None),
        };
        let failure = match setting_at_fault(error) {
            Some((setting, reason)) => Self::usage(format!("{setting}: {reason}")),
            None => Self::new(code, format!("{}: {}", error.service, chain(&*error.source))),
        };
        match advice {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        (&TtsError::from(error).fatal()).into()
    }
}

impl From<SttError> for Failure {
    fn from(error: SttError) -> Self {
        (&error.into_service(true)).into()
    }
}

/// Whether the command line is at fault, though only the service's own check found it.
fn is_setting(error: &ServiceError) -> bool {
    let stt = error.source.downcast_ref::<SttError>();
    let tts = error.source.downcast_ref::<TtsError>();
    matches!(stt, Some(SttError::Invalid { .. } | SttError::MissingKey))
        || matches!(tts, Some(TtsError::Config(_)))
}

/// Whether it is about the language model, which has a key and an address of its own.
fn is_llm(error: &ServiceError) -> bool {
    error.source.is::<LlmError>()
}

/// Whether the service answered with an error message.
fn is_reported(error: &ServiceError) -> bool {
    matches!(error.source.downcast_ref(), Some(SttError::Reported { .. }))
        || matches!(error.source.downcast_ref(), Some(TtsError::Remote(_)))
}

/// The flag whose value was refused, and why.
fn setting_at_fault(error: &ServiceError) -> Option<(String, String)> {
    if let Some(SttError::Invalid { field, reason }) = error.source.downcast_ref() {
        return Some((flag(field), reason.clone()));
    }
    match error.source.downcast_ref()? {
        TtsError::Config(ConfigError::Setting(refused)) => {
            Some((flag(refused.field), refused.reason.clone()))
        }
        TtsError::Config(ConfigError::BaseUrl { reason }) => Some((flag("base_url"), reason.clone())),
        _ => None,
    }
}

/// How a setting is given on the command line.
fn flag(field: &str) -> String {
    match field {
        "api_key" => "SMALLEST_API_KEY".to_owned(),
        field => format!("--{}", field.replace('_', "-")),
    }
}

/// An error and its causes, each once.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Text of others, fit for a terminal: no line breaks, no control characters, not endless.
fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<_> = clean.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use super::*;

    fn service(category: ErrorCategory) -> Failure {
        let source = Arc::new(io::Error::other("no"));
        (&ServiceError { service: Arc::from("smallest-stt"), category, fatal: true, source }).into()
    }

    #[test]
    fn each_category_of_a_service_has_its_exit_code() {
        let table = [
            (ErrorCategory::Unauthorized, Code::Refused),
            (ErrorCategory::Forbidden, Code::Refused),
            (ErrorCategory::Refused, Code::Refused),
            (ErrorCategory::Overloaded, Code::Refused),
            (ErrorCategory::Server, Code::Refused),
            (ErrorCategory::Unreachable, Code::Unreachable),
            (ErrorCategory::Protocol, Code::Unreachable),
            (ErrorCategory::BadInput, Code::BadInput),
        ];
        for (category, code) in table {
            assert_eq!(service(category).code, code, "{category:?}");
        }
    }

    #[test]
    fn a_value_the_settings_refuse_is_a_matter_of_usage() {
        let error = SttError::Invalid { field: "base_url", reason: "no".into() };
        let failure = Failure::from(error);
        assert_eq!((failure.code, failure.to_string().as_str()), (Code::Usage, "--base-url: no"));
        let error = TtsError::Config(ConfigError::UnusableKey).fatal();
        assert_eq!(Failure::from(&error).code, Code::Usage);
    }

    #[test]
    fn an_error_is_told_with_its_causes_each_once_and_in_one_line() {
        let error = WavError::Unwritable(io::Error::other("disk\n full\u{1b}[31m"));
        let failure = Failure::from(&Error::other(error));
        assert_eq!(failure.to_string(), "the file cannot be written: disk full [31m");
        assert_eq!(failure.code, Code::BadInput);
        let nested = Error::from(Arc::new(Error::from(ServiceError {
            service: Arc::from("x"),
            category: ErrorCategory::Refused,
            fatal: true,
            source: Arc::new(io::Error::other("why")),
        })));
        assert_eq!(Failure::from(&nested).to_string(), "x: why");
    }

    #[test]
    fn a_page_of_text_is_cut() {
        let failure = Failure::new(Code::Refused, "é".repeat(10_000));
        assert_eq!(failure.to_string().chars().count(), LONGEST + 1);
    }
}
