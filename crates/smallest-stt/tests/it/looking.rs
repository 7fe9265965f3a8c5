//! What a rig has seen, in the forms tests ask for, and an event as a line of the log.

use std::fmt::Write as _;

use voxline_core::{
    frame::SettingsAnswer,
    service::{ConnectionEvent, Heard, SttEvent},
};

use crate::support::{Rig, Sent};

impl Rig {
    pub(crate) fn url(&self, id: u64) -> url::Url {
        self.requests[&id].url.parse().unwrap()
    }

    pub(crate) fn query(&self, id: u64, name: &str) -> Option<String> {
        self.url(id).query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// All audio sent on a connection.
    pub(crate) fn audio(&self, id: u64) -> Vec<u8> {
        let sent = self.sent.get(&id).into_iter().flatten();
        sent.flat_map(|sent| if let Sent::Audio(bytes) = sent { bytes.clone() } else { Vec::new() }).collect()
    }

    /// The texts sent on a connection, each with how much audio had gone before.
    pub(crate) fn texts(&self, id: u64) -> Vec<(usize, String)> {
        let mut bytes = 0;
        let mut texts = Vec::new();
        for sent in self.sent.get(&id).into_iter().flatten() {
            match sent {
                Sent::Audio(audio) => bytes += audio.len(),
                Sent::Text(text) => texts.push((bytes, text.clone())),
                Sent::Close | Sent::Abort => {}
            }
        }
        texts
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        let heard = |event: &SttEvent| {
            if let SttEvent::Heard(heard) = event { Some((**heard).clone()) } else { None }
        };
        self.events.iter().filter_map(heard).collect()
    }

    /// The finals, as text and what they confirm.
    pub(crate) fn finals(&self) -> Vec<(String, Option<u32>)> {
        let heard = self.heard().into_iter().filter(|heard| heard.is_final);
        heard.map(|heard| (heard.transcription.text, heard.confirms.map(|id| id.0))).collect()
    }

    pub(crate) fn interims(&self) -> Vec<String> {
        let heard = self.heard().into_iter().filter(|heard| !heard.is_final);
        heard.map(|heard| heard.transcription.text).collect()
    }

    pub(crate) fn answers(&self) -> Vec<SettingsAnswer> {
        let answer = |event: &SttEvent| {
            if let SttEvent::Answered(answer) = event { Some((**answer).clone()) } else { None }
        };
        self.events.iter().filter_map(answer).collect()
    }

    /// Connection events and failures, as short words.
    pub(crate) fn connection(&self) -> Vec<String> {
        let word = |event: &SttEvent| match event {
            SttEvent::Connection(ConnectionEvent::Connected) => Some("connected".to_owned()),
            SttEvent::Connection(ConnectionEvent::Disconnected { .. }) => Some("disconnected".to_owned()),
            SttEvent::Connection(ConnectionEvent::Error(error)) => {
                Some(format!("{}{:?}", if error.fatal { "fatal " } else { "" }, error.category))
            }
            SttEvent::Failed(error) => Some(format!("failed {:?}", error.category)),
            _ => None,
        };
        self.events.iter().filter_map(word).collect()
    }

    /// The error the session gave up with.
    pub(crate) fn fatal(&self) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            SttEvent::Connection(ConnectionEvent::Error(error)) if error.fatal => Some(error.to_string()),
            _ => None,
        })
    }
}

/// An event as a line.
pub(crate) fn render(event: &SttEvent) -> String {
    match event {
        SttEvent::Heard(heard) => {
            let kind = if heard.is_final { "final" } else { "interim" };
            let text = &heard.transcription;
            let mut line = format!("{kind} {:?}", text.text);
            if let (Some(start), Some(end)) = (text.start, text.end) {
                write!(line, " {start:?}..{end:?}").unwrap();
            }
            if let Some(utterance) = heard.confirms {
                write!(line, " confirms {utterance}").unwrap();
            }
            line
        }
        SttEvent::Connection(ConnectionEvent::Error(error)) => {
            let weight = if error.fatal { "fatal, " } else { "" };
            format!("connection error ({weight}{:?}): {}", error.category, error.source)
        }
        SttEvent::Connection(ConnectionEvent::Disconnected { reason }) => format!("disconnected: {reason}"),
        SttEvent::Connection(ConnectionEvent::Connected) => "connected".to_owned(),
        SttEvent::Failed(error) => format!("failed: {error}"),
        SttEvent::Answered(answer) => {
            let changed: Vec<_> = answer.changed.iter().map(|change| change.field).collect();
            let rejected: Vec<_> = answer.rejected.iter().map(|one| one.field).collect();
            let (update, reconnected) = (answer.update.0, answer.reconnected);
            format!(
                "answer to {update}: changed {changed:?}, rejected {rejected:?}, reconnected {reconnected}"
            )
        }
        other => format!("{other:?}"),
    }
}
