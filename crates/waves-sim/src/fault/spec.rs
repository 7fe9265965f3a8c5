//! Faults written as text; the grammar is in the module's documentation.
//!
//! In: a specification such as `429,endpoint=tts,count=2`. Out: a [`Fault`], or what is wrong with it.
//! Every number and size has a bound, and nothing that cannot be meant is accepted silently.

use std::{str::FromStr, time::Duration};

use super::{At, Fault, FaultKind, Target, When};
use crate::{Direction, ErrorShape};

/// The largest giant message.
const MAX_GIANT: usize = 256 << 20;

/// A fault's text that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault {spec:?}: {reason}")]
pub struct FaultSpecError {
    /// The text.
    pub spec: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Fault {
    type Err = FaultSpecError;

    fn from_str(spec: &str) -> Result<Self, FaultSpecError> {
        parse(spec.trim()).map_err(|reason| FaultSpecError { spec: spec.to_owned(), reason })
    }
}

#[derive(Default)]
struct Options<'a> {
    target: Target,
    nth: Option<u64>,
    count: Option<u64>,
    at: Option<At>,
    retry_after: Option<u64>,
    value: Option<&'a str>,
}

fn parse(spec: &str) -> Result<Fault, String> {
    let mut parts = spec.split(',');
    let head = parts.next().unwrap_or_default();
    let (name, value) = head.split_once('=').map_or((head, None), |(name, value)| (name, Some(value)));
    let mut options = Options { value, ..Options::default() };
    for part in parts {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} has no value"))?;
        match name {
            "endpoint" => options.target = target(value)?,
            "nth" => options.nth = Some(positive(value)?),
            "count" => options.count = Some(positive(value)?),
            "retry_after" => options.retry_after = Some(number(value)?),
            "at" if value == "every" => options.at = Some(At::Every),
            "at" => options.at = Some(At::Nth(positive(value)?)),
            _ => return Err(format!("unknown option {name:?}")),
        }
    }
    let kind = kind(name, &options)?;
    let takes_at = !matches!(
        name,
        "refuse" | "hang" | "status" | "close" | "drop" | "reset" | "half-open" | "stall" | "slow"
    );
    if options.at.is_some() && !takes_at {
        return Err(format!("{name} takes no at="));
    }
    if options.retry_after.is_some() && !matches!(kind, FaultKind::Status { .. }) {
        return Err("only an HTTP status takes retry_after=".to_owned());
    }
    Ok(Fault { kind, target: options.target, nth: options.nth, count: options.count })
}

fn kind(name: &str, options: &Options<'_>) -> Result<FaultKind, String> {
    let at = options.at.unwrap_or(At::Nth(1));
    let needed = || options.value.ok_or_else(|| format!("{name} needs a value"));
    let kind = match name {
        "status" => status(needed()?, options.retry_after)?,
        "close" => close(needed()?)?,
        "drop" => return Ok(FaultKind::Drop(when(options.value)?)),
        "reset" => return Ok(FaultKind::Reset(when(options.value)?)),
        "half-open" => return Ok(FaultKind::HalfOpen(when(options.value)?)),
        "stall" => return Ok(FaultKind::Stall(when(options.value)?)),
        "slow" => FaultKind::Slow(Duration::from_millis(number(needed()?)?)),
        "giant" => FaultKind::Giant { bytes: size(needed()?)?, at },
        "error" => FaultKind::Error { shape: shape(options.value.unwrap_or("1"))?, at },
        _ => return plain(name, options.value, at, options.retry_after),
    };
    Ok(kind)
}

/// The kinds without a value, and bare numbers.
fn plain(name: &str, value: Option<&str>, at: At, retry_after: Option<u64>) -> Result<FaultKind, String> {
    if value.is_some() {
        return Err(format!("unknown fault {name:?}, or it takes no value"));
    }
    match name {
        "refuse" => Ok(FaultKind::Refuse),
        "hang" => Ok(FaultKind::Hang),
        "accept-then-close" => Ok(FaultKind::AcceptThenClose),
        "malformed" => Ok(FaultKind::Malformed(at)),
        "binary-for-text" => Ok(FaultKind::BinaryForText(at)),
        "garbage" => Ok(FaultKind::Garbage(at)),
        "duplicate-final" => Ok(FaultKind::DuplicateFinal(at)),
        "missing-final" => Ok(FaultKind::MissingFinal(at)),
        "missing-last" => Ok(FaultKind::MissingLast),
        "missing-complete" => Ok(FaultKind::MissingComplete(at)),
        "bad-base64" => Ok(FaultKind::BadBase64(at)),
        digits if digits.len() == 3 => status(digits, retry_after),
        digits if digits.starts_with(|first: char| first.is_ascii_digit()) => close(digits),
        _ => Err(format!("unknown fault {name:?}")),
    }
}

fn target(name: &str) -> Result<Target, String> {
    match name {
        "any" => Ok(Target::Any),
        "stt" => Ok(Target::Direction(Direction::SpeechToText)),
        "tts" => Ok(Target::Direction(Direction::TextToSpeech)),
        name => name.parse().map(Target::Endpoint).map_err(|_| format!("unknown endpoint {name:?}")),
    }
}

fn status(text: &str, retry_after: Option<u64>) -> Result<FaultKind, String> {
    match text.parse() {
        Ok(status @ 400..=599) => Ok(FaultKind::Status { status, retry_after }),
        _ => Err(format!("{text:?} is no HTTP status from 400 to 599")),
    }
}

fn close(text: &str) -> Result<FaultKind, String> {
    let (code, reason) = text.split_once(':').unwrap_or((text, ""));
    let reason = match (code, reason) {
        ("1008", "") => "concurrency_limit_reached",
        (_, reason) => reason,
    };
    match code.parse() {
        // 1004 to 1006 and 1015 may not be sent.
        Ok(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) if reason.len() <= 123 => {
            Ok(FaultKind::Close { code, reason: reason.to_owned() })
        }
        Ok(1000..=4999) => {
            Err("a close needs a code that may be sent and a reason of at most 123 bytes".into())
        }
        _ => Err(format!("{code:?} is no close code")),
    }
}

fn when(value: Option<&str>) -> Result<When, String> {
    match value.map_or(("now", ""), |value| value.split_once(':').unwrap_or((value, ""))) {
        ("now", "") => Ok(When::After(Duration::ZERO)),
        ("received", bytes) => size(bytes).map(|bytes| When::Received(bytes as u64)),
        ("sent", bytes) => size(bytes).map(|bytes| When::Sent(bytes as u64)),
        ("ms", ms) => number(ms).map(|ms| When::After(Duration::from_millis(ms))),
        _ => Err("expected received:BYTES, sent:BYTES, ms:MILLISECONDS or now".to_owned()),
    }
}

fn shape(text: &str) -> Result<ErrorShape, String> {
    text.parse().ok().and_then(ErrorShape::numbered).ok_or_else(|| "error shapes are 1 to 4".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes <= MAX_GIANT).ok_or_else(|| format!("{text:?} is no size up to 256m"))
}

fn number(text: &str) -> Result<u64, String> {
    // A day in milliseconds bounds every number a fault has.
    text.parse().ok().filter(|number| *number <= 86_400_000).ok_or_else(|| format!("{text:?} is no number"))
}

fn positive(text: &str) -> Result<u64, String> {
    number(text).ok().filter(|number| *number > 0).ok_or_else(|| format!("{text:?} is no positive number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;

    fn kind_of(spec: &str) -> FaultKind {
        spec.parse::<Fault>().unwrap().kind
    }

    #[test]
    fn every_kind_of_the_table_is_understood() {
        let close = |code, reason: &str| FaultKind::Close { code, reason: reason.to_owned() };
        assert_eq!(kind_of("refuse"), FaultKind::Refuse);
        assert_eq!(kind_of("401"), FaultKind::Status { status: 401, retry_after: None });
        assert_eq!(
            kind_of("status=429,retry_after=2"),
            FaultKind::Status { status: 429, retry_after: Some(2) }
        );
        assert_eq!(kind_of("1008"), close(1008, "concurrency_limit_reached"));
        assert_eq!(kind_of("close=1008:forbidden"), close(1008, "forbidden"));
        assert_eq!(kind_of("drop=received:4k"), FaultKind::Drop(When::Received(4096)));
        assert_eq!(kind_of("reset=sent:10"), FaultKind::Reset(When::Sent(10)));
        assert_eq!(kind_of("half-open"), FaultKind::HalfOpen(When::After(Duration::ZERO)));
        assert_eq!(kind_of("stall=ms:500"), FaultKind::Stall(When::After(Duration::from_millis(500))));
        assert_eq!(kind_of("giant=20m,at=2"), FaultKind::Giant { bytes: 20 << 20, at: At::Nth(2) });
        assert_eq!(kind_of("error=4"), FaultKind::Error { shape: ErrorShape::WithRequest, at: At::Nth(1) });
        assert_eq!(kind_of("missing-final,at=every"), FaultKind::MissingFinal(At::Every));
        for name in [
            "hang",
            "accept-then-close",
            "slow=5",
            "malformed",
            "binary-for-text",
            "garbage",
            "duplicate-final",
            "missing-last",
            "missing-complete",
            "bad-base64",
        ] {
            assert!(name.parse::<Fault>().is_ok(), "{name}");
        }
    }

    #[test]
    fn the_scope_is_understood() {
        let fault: Fault = "stall,endpoint=stt_live,nth=2,count=3".parse().unwrap();
        let expected = Fault::new(FaultKind::Stall(When::After(Duration::ZERO)));
        assert_eq!(fault, expected.on(Endpoint::SttLive).nth(2).times(3));
        assert!("slow=1,endpoint=tts".parse::<Fault>().unwrap().target.includes(Endpoint::LightningV2));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_reason() {
        for spec in [
            "",
            "nonsense",
            "status=200",
            "status",
            "9999",
            "close=1006:x",
            "drop=later",
            "giant=300m",
            "error=5",
            "slow",
            "refuse=1",
            "stall,at=2",
            "refuse,retry_after=1",
            "slow=5,nth=0",
            "slow=5,endpoint=nowhere",
            "slow=5,nth",
            "12345678901234567890",
            "slow=99999999999",
        ] {
            let error = spec.parse::<Fault>().unwrap_err();
            assert_eq!(error.spec, spec);
            assert!(!error.reason.is_empty());
        }
    }
}
