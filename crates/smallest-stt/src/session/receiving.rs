//! What comes in: transcriptions, edges of speech, errors.
//!
//! 1. Partials replace one another, finals are all kept in order, empty ones make no text.
//! 2. A final says which audio needs not be sent again: up to its last word, up to the boundary it answers, or,
//!    where it carries no times, up to half a second before what had been sent.
//! 3. While a connection that was taken over owes its last words, what the new one says is held, so that
//!    nothing comes out of order; at most two seconds and 256 messages.
//! 4. The text of a message is never logged.

use std::time::{Duration, Instant};

use voxline_core::{
    frame::{EdgeSource, Language, SpeechEdge, Transcription, Utterance, Word},
    service::{Heard, SttEvent},
};
use voxline_wire::{CloseReason, ConnectionId, Transmit};

use super::{
    Phase, SttSession,
    connecting::settled,
    finalize::Answer,
    hearing::{repeated_words, without_words},
    link::{Link, State},
};
use crate::{
    error::SttError,
    message::{ServerError, ServerMessage, Transcript, seconds},
};

/// A final without times covers what was sent until this long before it came: the service ends an utterance
/// after 800 ms of silence, and answers within less than this.
const UNHEARD: Duration = Duration::from_millis(500);
/// How many messages are held at most.
const HELD: usize = 256;
/// The language is not served where the connection leads.
const NOT_IN_REGION: &str = "LANGUAGE_NOT_ENABLED_IN_REGION";

impl SttSession {
    pub(super) fn text(&mut self, now: Instant, id: ConnectionId, text: String) {
        let Some(link) = self.link_mut(id) else { return };
        link.spoke = true;
        self.counters.messages(1);
        self.made_progress(id);
        if self.holds(now) && self.current == Some(id) && self.held.len() < HELD {
            return self.held.push_back((id, text));
        }
        self.release_held(now, true);
        self.message(now, id, &text);
    }

    /// Whether the current connection has to wait for the one it took over from.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.hold_until.is_some_and(|until| now < until) && self.links.iter().any(Link::owes_words)
    }

    /// Reads what was held, once nothing is owed any more, or in any case.
    pub(super) fn release_held(&mut self, now: Instant, anyway: bool) {
        if self.held.is_empty() || (self.holds(now) && !(anyway && self.held.len() >= HELD)) {
            return;
        }
        self.hold_until = None;
        while let Some((id, text)) = self.held.pop_front() {
            self.message(now, id, &text);
        }
    }

    fn message(&mut self, now: Instant, id: ConnectionId, text: &str) {
        match ServerMessage::parse(text) {
            Ok(ServerMessage::Transcript(transcript)) => self.transcript(now, id, *transcript, text),
            Ok(ServerMessage::SpeechStarted(at)) => self.edge(id, at, SttEvent::SpeechStarted),
            Ok(ServerMessage::SpeechEnded(at)) => self.edge(id, at, SttEvent::SpeechStopped),
            Ok(ServerMessage::Error(error)) => self.reported(id, error),
            Ok(ServerMessage::Pong) => {}
            Ok(ServerMessage::Unknown) => tracing::debug!("a message of an unknown kind was ignored"),
            Err(_) => {
                self.counters.malformed(1);
                tracing::warn!(bytes = text.len(), "a message that is no JSON object was ignored");
            }
        }
    }

    fn transcript(&mut self, now: Instant, id: ConnectionId, transcript: Transcript, raw: &str) {
        if self.current == Some(id) && (!transcript.text().is_empty() || !transcript.is_last) {
            self.backoff.answered(now);
            self.refusals = 0;
            self.proven = self.link(id).map(|link| link.settings.clone());
        }
        if transcript.is_final || transcript.is_last {
            self.final_(now, id, &transcript, raw);
        } else {
            self.interim(id, &transcript, raw);
        }
        if transcript.is_last {
            self.last(now, id);
        }
    }

    fn interim(&mut self, id: ConnectionId, transcript: &Transcript, raw: &str) {
        let Some(link) = self.link(id) else { return };
        let withheld = self.options.withhold_interims && link.settings.redacts();
        if transcript.text().is_empty() {
            return;
        }
        self.speech.interim();
        if withheld {
            return;
        }
        let Some(transcription) = self.transcription(id, transcript, raw) else { return };
        self.tell(SttEvent::Heard(Box::new(Heard { transcription, is_final: false, confirms: None })));
    }

    fn final_(&mut self, now: Instant, id: ConnectionId, transcript: &Transcript, raw: &str) {
        let Some(mut transcription) = self.transcription(id, transcript, raw) else { return };
        self.strip_repeated(id, &mut transcription);
        let answer = Answer {
            from_finalize: transcript.from_finalize,
            is_last: transcript.is_last,
            empty: transcription.text.is_empty(),
            start: transcription.start,
            end: transcription.end,
        };
        let settled_marks = self.marks.confirm(now, id, answer);
        for mark in &settled_marks.passed {
            self.speech.confirmed(mark.utterance);
            self.tell(settled(mark.utterance));
        }
        let answered = settled_marks.answered;
        self.cover(id, &transcription, answered.map(|mark| mark.position));
        // The last message may repeat the last text: without a guess in between it does.
        let repeats = transcript.is_last && !self.speech.is_guessing();
        self.speech.heard_final();
        if let Some(mark) = answered {
            self.speech.confirmed(mark.utterance);
        }
        let confirms = answered.map(|mark| mark.utterance);
        let empty = transcription.text.is_empty();
        if !empty && self.hearing.is_duplicate(now, id, &transcription.text, transcription.start, repeats) {
            self.counters.duplicates(1);
            confirms.into_iter().for_each(|utterance| self.tell(settled(utterance)));
            return;
        }
        if empty && confirms.is_none() {
            return;
        }
        self.counters.finals(usize::from(!empty));
        let full = self.link(id).is_some_and(|link| link.settings.full_transcript);
        transcription.full_transcript = full.then(|| self.hearing.add_to_full(&transcription.text));
        tracing::trace!(text = transcription.text, "final");
        self.tell(SttEvent::Heard(Box::new(Heard { transcription, is_final: true, confirms })));
    }

    /// After a reconnect the first final may begin with words that were final already.
    fn strip_repeated(&mut self, id: ConnectionId, transcription: &mut Transcription) {
        if transcription.text.is_empty() {
            return;
        }
        let Some(tail) = self.link_mut(id).and_then(|link| link.overlap.take()) else { return };
        let count = repeated_words(&tail, &transcription.text);
        transcription.text = without_words(&transcription.text, count).to_owned();
        transcription.words.drain(..count.min(transcription.words.len()));
    }

    /// Notes which audio needs not be sent again.
    fn cover(&mut self, id: ConnectionId, transcription: &Transcription, boundary: Option<u64>) {
        let Some(link) = self.link(id).filter(|link| self.current == Some(link.id)) else { return };
        let sent = link.cursor;
        let certain = boundary.is_some() || transcription.end.is_some();
        let by_time = match transcription.end {
            Some(end) => self.ring.position_at(end),
            None if boundary.is_some() => 0,
            None => self.ring.position_at(self.ring.time_at(sent).saturating_sub(UNHEARD)),
        };
        let cut_by_words = link.settings.finalize_on_words || link.settings.max_words.is_some();
        self.hearing.note_tail(&transcription.text, !certain && cut_by_words);
        self.resume = self.resume.max(boundary.unwrap_or(0)).max(by_time.min(sent));
        self.let_go();
    }

    fn edge(&mut self, id: ConnectionId, timestamp: Option<f64>, event: fn(SpeechEdge) -> SttEvent) {
        let Some(link) = self.link(id) else { return };
        let known = self.ring.time_at(link.cursor);
        let at = seconds(timestamp).map_or(known, |at| link.clock.start(at));
        let edge = SpeechEdge { at, confirmed_after: known.saturating_sub(at), source: EdgeSource::Service };
        self.tell(event(edge));
    }

    fn reported(&mut self, id: ConnectionId, error: ServerError) {
        self.counters.errors(1);
        let message = self.line.scrub(&error.message);
        let Some(link) = self.link(id) else { return };
        if error.code.as_deref() != Some(NOT_IN_REGION) {
            let error = SttError::Reported { code: error.code, message };
            return self.tell(SttEvent::Failed(error.into_service(false)));
        }
        let settings = link.settings.clone();
        let error = SttError::Region { language: settings.language.code().to_owned(), reason: message };
        // Settings that worked before are a way out; without any there is none. The close follows.
        if !self.fall_back(&settings, &error) {
            self.give_up(error);
        }
    }

    /// The connection says that nothing more comes from it.
    fn last(&mut self, now: Instant, id: ConnectionId) {
        let current = self.current == Some(id);
        let Some(link) = self.link_mut(id).filter(|link| link.state == State::Open) else { return };
        link.last = true;
        link.state = State::Closing;
        let (asked, announced) = (link.bye, std::mem::take(&mut link.announced));
        self.orders.push_back(Transmit::Close(id));
        if !current {
            return;
        }
        if asked && matches!(self.phase, Phase::Ending { .. }) {
            if let Some(link) = self.link_mut(id) {
                link.announced = announced;
            }
            return self.finish();
        }
        self.promote_next();
        self.marks.lost(id);
        if announced {
            self.tell_disconnected("the service ended the session");
        }
        if self.current.is_none() {
            let next = self.backoff.closed(now, &CloseReason::Peer { code: 1000, reason: String::new() });
            self.retry(now, next, None);
        }
    }

    /// A message as a transcription on the session's clock.
    fn transcription(&self, id: ConnectionId, transcript: &Transcript, raw: &str) -> Option<Transcription> {
        let link = self.link(id)?;
        let clock = &link.clock;
        let span = |start: Option<f64>, end: Option<f64>| {
            let start = clock.start(seconds(start)?);
            let end = seconds(end).map_or(start, |end| clock.end(end)).max(start);
            Some((start, end))
        };
        let words: Vec<Word> = transcript
            .words
            .iter()
            .filter_map(|word| {
                let (start, end) = span(word.start, word.end)?;
                let (speaker, confidence) = (word.speaker.clone(), word.confidence);
                let speaker_confidence = word.speaker_confidence;
                Some(Word { text: word.word.clone(), start, end, confidence, speaker, speaker_confidence })
            })
            .collect();
        let sentences: Vec<Utterance> = transcript
            .utterances
            .iter()
            .filter_map(|sentence| {
                let (start, end) = span(sentence.start, sentence.end)?;
                Some(Utterance { text: sentence.text.clone(), start, end, speaker: sentence.speaker.clone() })
            })
            .collect();
        let start = words.first().map(|word| word.start).or(sentences.first().map(|sentence| sentence.start));
        let end = words.last().map(|word| word.end).or(sentences.last().map(|sentence| sentence.end));
        let heard = transcript.language.as_deref().map(Language::from_code);
        Some(Transcription {
            text: transcript.text().to_owned(),
            start,
            end,
            language: Some(heard.unwrap_or_else(|| link.settings.language.clone())),
            languages: transcript.languages.iter().map(|code| Language::from_code(code)).collect(),
            words,
            sentences,
            redacted_entities: transcript.redacted_entities.clone(),
            raw: self.options.raw.then(|| raw.into()),
            ..Transcription::default()
        })
    }
}
