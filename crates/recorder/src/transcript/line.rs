//! One line of a transcript, as JSON and as text.

use std::{fmt, time::Duration};

use serde_json::json;

/// One line of a transcript. Times are since the session began.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Line {
    /// The user said something.
    User {
        /// Where it begins, if the recogniser says so; else when its transcription came.
        at: Duration,
        /// Where it ends, if the recogniser says so.
        end: Option<Duration>,
        /// What.
        text: String,
        /// In which language, if that is known: its code.
        language: Option<String>,
        /// Whether this is the last guess, because nothing final came in time.
        guessed: bool,
    },
    /// The bot said something.
    Bot {
        /// When its playback began.
        at: Duration,
        /// How much of it was heard.
        played: Duration,
        /// What was heard of it.
        text: String,
        /// What was not, because it was interrupted.
        unheard: String,
        /// Whether it was interrupted.
        interrupted: bool,
    },
    /// Frames were missed: lines may be missing here.
    Missed {
        /// When that was noticed.
        at: Duration,
        /// How many.
        frames: u64,
    },
}

impl Line {
    /// As one line of JSON, without the end of the line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let value = match self {
            Self::User { at, end, text, language, guessed } => json!({
                "at": seconds(*at),
                "who": "user",
                "text": text,
                "end": end.map(seconds),
                "language": language,
                "guessed": guessed,
            }),
            Self::Bot { at, played, text, unheard, interrupted } => json!({
                "at": seconds(*at),
                "who": "bot",
                "text": text,
                "unheard": unheard,
                "played": seconds(*played),
                "interrupted": interrupted,
            }),
            Self::Missed { at, frames } => json!({ "at": seconds(*at), "who": "recorder", "missed": frames }),
        };
        value.to_string()
    }

    /// As one line for people, without the end of the line: `00:01:02.3 bot: It is –`, the dash where it was cut.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::User { at, text, .. } => format!("{} user: {}", clock(*at), flat(text)),
            Self::Bot { at, text, interrupted, .. } => {
                let cut = if *interrupted { " –" } else { "" };
                format!("{} bot: {}{cut}", clock(*at), flat(text))
            }
            Self::Missed { at, frames } => format!("{} ({frames} frames were missed)", clock(*at)),
        }
    }

    /// Bytes it holds.
    pub(crate) fn cost(&self) -> usize {
        let texts = match self {
            Self::User { text, .. } => text.len(),
            Self::Bot { text, unheard, .. } => text.len() + unheard.len(),
            Self::Missed { .. } => 0,
        };
        size_of::<Self>() + texts
    }
}

/// Shows lengths, not words.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { at, text, .. } => write!(f, "User({at:?}, {} bytes)", text.len()),
            Self::Bot { at, text, interrupted, .. } => {
                write!(f, "Bot({at:?}, {} bytes, interrupted: {interrupted})", text.len())
            }
            Self::Missed { at, frames } => write!(f, "Missed({at:?}, {frames} frames)"),
        }
    }
}

/// To the millisecond.
fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1e3
}

fn clock(time: Duration) -> String {
    let (tenths, seconds) = (time.subsec_millis() / 100, time.as_secs());
    format!("{:02}:{:02}:{:02}.{tenths}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// On one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_user_as_json_and_as_text() {
        let line = Line::User {
            at: Duration::from_millis(3_723_450),
            end: Some(Duration::from_millis(3_725_000)),
            text: "कितने \"बजे\"\nहैं?".into(),
            language: Some("hi".into()),
            guessed: false,
        };
        assert_eq!(line.to_text(), "01:02:03.4 user: कितने \"बजे\" हैं?");
        let json: serde_json::Value = serde_json::from_str(&line.to_json()).unwrap();
        assert_eq!(
            (&json["who"], &json["at"], &json["end"]),
            (&json!("user"), &json!(3723.45), &json!(3725.0))
        );
        assert_eq!(json["text"], "कितने \"बजे\"\nहैं?");
        assert!(!line.to_json().contains('\n'), "one line");
    }

    #[test]
    fn an_interrupted_answer_shows_where_it_was_cut() {
        let line = Line::Bot {
            at: Duration::from_secs(5),
            played: Duration::from_millis(1_200),
            text: "It is".into(),
            unheard: "half past three.".into(),
            interrupted: true,
        };
        assert_eq!(line.to_text(), "00:00:05.0 bot: It is –");
        let json: serde_json::Value = serde_json::from_str(&line.to_json()).unwrap();
        assert_eq!((&json["played"], &json["unheard"]), (&json!(1.2), &json!("half past three.")));
        assert_eq!(format!("{line:?}"), "Bot(5s, 5 bytes, interrupted: true)");
    }
}
