//! The utterances of a user: when each began and ended, which words are its own, and whether it is settled.
//!
//! Pure: edges, words and times in, decisions out. Promises: 1. an utterance is settled once; 2. words that come
//! when theirs is settled are late, unless they are spoken after its audio; 3. an utterance of which the service
//! hears nothing, because it is muted all the while, is none.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::frame::{SpeechEdge, Transcription, UtteranceId};

/// Utterances remembered, to bind late words to.
const REMEMBERED: usize = 16;

/// The newest utterances, oldest first.
#[derive(Debug, Default)]
pub(super) struct Utterances {
    newest: VecDeque<Utterance>,
    begun: u32,
}

/// An utterance of the user.
#[derive(Debug)]
pub(super) struct Utterance {
    pub(super) id: UtteranceId,
    pub(super) stopped: Option<Stopped>,
    /// The newest guess at its words, while there is no final.
    pub(super) interim: Option<Transcription>,
    start: Duration,
    /// The service was muted all the while.
    unheard: bool,
    settled: Option<Settled>,
}

/// Why nothing more is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The service confirmed its final.
    Confirmed,
    /// The final did not come in time.
    GivenUp,
}

/// When an utterance was complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped {
    /// When the edge came.
    pub(super) known: Instant,
    /// How much earlier speech had ended.
    pub(super) window: Duration,
    /// Where the audio of the utterance ends, the detector's window included.
    until: Duration,
    /// When its final is given up.
    due: Instant,
}

/// Where words belong.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// To this utterance.
    Of(&'a mut Utterance),
    /// To none: the detector did not notice them.
    Unnoticed,
    /// To one that is settled, or that nobody knows.
    Late,
}

impl Utterances {
    /// An utterance begins; `muted` when the service hears nothing of it for now.
    pub(super) fn begin(&mut self, edge: &SpeechEdge, muted: bool) -> UtteranceId {
        self.begun += 1;
        let id = UtteranceId(self.begun);
        let (start, unheard) = (edge.at, muted);
        self.newest.push_back(Utterance { id, stopped: None, interim: None, start, unheard, settled: None });
        if self.newest.len() > REMEMBERED {
            self.newest.pop_front();
        }
        id
    }

    /// The service hears again: gives the utterance that it hears from here on, if there is one.
    pub(super) fn unmute(&mut self) -> Option<UtteranceId> {
        let open = self.open().filter(|open| open.unheard)?;
        open.unheard = false;
        Some(open.id)
    }

    /// The newest utterance is complete at `known`, and its final is waited for until `due`. Gives which it is,
    /// unless nothing of it was heard.
    pub(super) fn complete(
        &mut self,
        edge: &SpeechEdge,
        known: Instant,
        due: Instant,
    ) -> Option<UtteranceId> {
        let open = self.open()?;
        if open.unheard {
            self.newest.pop_back();
            return None;
        }
        let window = edge.confirmed_after;
        open.stopped = Some(Stopped { known, window, until: edge.at + window, due });
        Some(open.id)
    }

    /// When the next final is overdue.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let waiting = self.newest.iter().filter(|utterance| utterance.settled.is_none());
        waiting.filter_map(|utterance| Some(utterance.stopped?.due)).min()
    }

    /// The oldest utterance whose final is overdue.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<&mut Utterance> {
        let overdue = |stopped: Stopped| stopped.due <= now;
        self.newest
            .iter_mut()
            .find(|utterance| utterance.settled.is_none() && utterance.stopped.is_some_and(overdue))
    }

    /// The oldest utterance that is complete or has words, and is not settled.
    pub(super) fn outstanding(&mut self) -> Option<&mut Utterance> {
        self.newest.iter_mut().find(|utterance| {
            utterance.settled.is_none() && (utterance.stopped.is_some() || utterance.interim.is_some())
        })
    }

    /// Where words belong: to the utterance they confirm, or to the newest that began before they end.
    pub(super) fn place(&mut self, words: &Transcription, confirms: Option<UtteranceId>) -> Place<'_> {
        let index = match confirms {
            Some(id) => match self.newest.iter().position(|utterance| utterance.id == id) {
                Some(index) => index,
                None => return Place::Late,
            },
            None => {
                let end = words.end.or(words.start);
                let began = |utterance: &Utterance| end.is_none_or(|end| utterance.start < end);
                let newest = self.newest.iter().rposition(began);
                match newest.or_else(|| self.newest.len().checked_sub(1)) {
                    Some(index) => index,
                    None => return Place::Unnoticed,
                }
            }
        };
        let utterance = &mut self.newest[index];
        match utterance.settled {
            None => Place::Of(utterance),
            Some(_) if confirms.is_none() && utterance.is_followed_by(words) => Place::Unnoticed,
            Some(_) => Place::Late,
        }
    }

    fn open(&mut self) -> Option<&mut Utterance> {
        self.newest.back_mut().filter(|newest| newest.stopped.is_none())
    }
}

impl Utterance {
    /// Nothing more is waited for.
    pub(super) fn settle(&mut self, settled: Settled) {
        self.settled = Some(settled);
        self.interim = None;
    }

    /// Whether words that come when the utterance is settled are new, and not late ones of it.
    fn is_followed_by(&self, words: &Transcription) -> bool {
        match (words.end.or(words.start), self.stopped) {
            (Some(end), Some(stopped)) => end > stopped.until,
            _ => self.settled == Some(Settled::Confirmed),
        }
    }
}
