//! From frames to lines.
//!
//! Pure. At most [`ANSWERS`] answers are remembered; an answer that was never played becomes no line.

use std::time::Duration;

use voxline_core::frame::{BotSpeech, ContextId, SpokenText, SpokenWord, Transcription};

use super::{
    answers::{Answer, Pace},
    line::Line,
};

/// Answers that wait for their playback; the oldest is forgotten first.
const ANSWERS: usize = 32;

#[derive(Debug, Default)]
pub(crate) struct Lines {
    answers: Vec<Answer>,
    pace: Pace,
}

impl Lines {
    pub(crate) fn handle_transcription(&mut self, at: Duration, heard: &Transcription) -> Option<Line> {
        let text = heard.text.trim();
        (!text.is_empty()).then(|| Line::User {
            at: heard.start.unwrap_or(at),
            end: heard.end,
            text: text.to_owned(),
            language: heard.language.as_ref().map(ToString::to_string),
            guessed: heard.fallback,
        })
    }

    pub(crate) fn handle_text(&mut self, text: &SpokenText) -> Option<Line> {
        self.answer(text.context).push_text(text);
        None
    }

    pub(crate) fn handle_word(&mut self, word: &SpokenWord) -> Option<Line> {
        self.answer(word.context).push_word(word);
        None
    }

    pub(crate) fn handle_started(&mut self, at: Duration, context: ContextId) -> Option<Line> {
        self.answer(context).began.get_or_insert(at);
        None
    }

    pub(crate) fn handle_stopped(&mut self, at: Duration, speech: &BotSpeech) -> Option<Line> {
        let index = self.answers.iter().position(|answer| answer.context == speech.context)?;
        // Those before it will not be played any more.
        let answer = self.answers.drain(..=index).next_back()?;
        let (text, unheard) = answer.split(speech, self.pace);
        self.pace = answer.pace(speech, self.pace);
        Some(Line::Bot {
            at: answer.began.unwrap_or(at.saturating_sub(speech.played)),
            played: speech.played,
            text: text.to_owned(),
            unheard: unheard.to_owned(),
            interrupted: speech.interrupted,
        })
    }

    fn answer(&mut self, context: ContextId) -> &mut Answer {
        let index = match self.answers.iter().position(|answer| answer.context == context) {
            Some(index) => index,
            None => {
                if self.answers.len() == ANSWERS {
                    self.answers.remove(0);
                }
                self.answers.push(Answer::new(context));
                self.answers.len() - 1
            }
        };
        &mut self.answers[index]
    }
}
