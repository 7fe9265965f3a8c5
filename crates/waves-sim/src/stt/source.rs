//! Which words are known by now: from the script, or heard in the simulator's own voice.
//!
//! In: frames with the speech runs found in them. Out: words as they end.
//! Scripted: each run of speech takes one utterance; its words come at their times, or at an even pace,
//! while there is speech, and all that is left when the run ends. Heard: words of the voice come when
//! their last tone was heard; once any is heard, the script's words of that run are taken back.

use std::sync::Arc;

use super::script::{Script, ScriptPosition, Utterance, Word};
use super::word::TimedWord;
use crate::config::{SttOptions, Transcriber};
use crate::voice::{Heard, Listener};

/// Confidence of a word nobody gave one for.
const CONFIDENCE: f64 = 0.98;

/// Words and what became of earlier ones.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) words: Vec<TimedWord>,
    /// Scripted words of the open segment were wrong: it is the voice that speaks.
    pub(super) retract_scripted: bool,
}

#[derive(Debug)]
pub(super) struct WordSource {
    script: Arc<Script>,
    next: usize,
    run: Option<Run>,
    listener: Option<Listener>,
    /// Whether the voice was heard and understood on this connection.
    voice_heard: bool,
    scripted: bool,
    character_ms: f64,
}

/// A run of speech and the utterance it takes.
#[derive(Debug)]
struct Run {
    start_ms: u64,
    language: Option<String>,
    /// Not yet released, with their times where the script has them.
    words: std::collections::VecDeque<Word>,
    speaker: u32,
    timed: bool,
    /// Where the last released word ended.
    spoken_ms: u64,
}

impl WordSource {
    pub(super) fn new(script: Arc<Script>, from: ScriptPosition, rate: u32, options: &SttOptions) -> Self {
        let voice = options.transcriber != Transcriber::Script;
        Self {
            scripted: options.transcriber != Transcriber::Voice && !script.utterances.is_empty(),
            script,
            next: from.0,
            run: None,
            listener: voice.then(|| Listener::new(rate)),
            voice_heard: false,
            character_ms: options.character_time.as_secs_f64() * 1_000.0,
        }
    }

    /// How many utterances of the script are over, or have been given in full.
    pub(super) fn position(&self) -> ScriptPosition {
        let given = self.run.as_ref().is_some_and(|run| run.words.is_empty());
        ScriptPosition(self.next + usize::from(given))
    }

    /// Speech begins; no news for the middle of a run.
    pub(super) fn run_started(&mut self, at_ms: u64) {
        if !self.scripted || self.voice_heard || self.run.is_some() {
            return;
        }
        if let Some(utterance) = self.script.utterances.get(self.next) {
            self.run = Some(Run::new(utterance, at_ms));
        }
    }

    /// Audio of one frame, after which speech was last heard at `spoken_ms`.
    pub(super) fn hear(&mut self, samples: &[i16], spoken_ms: u64) -> News {
        let heard = self.listener.as_mut().map(|listener| listener.listen(samples)).unwrap_or_default();
        let mut news = self.heard_news(heard);
        if let Some(run) = &mut self.run {
            news.words.extend(run.release_until(spoken_ms, self.character_ms));
        }
        news
    }

    /// The audio is over: a word of the voice that was cut off.
    pub(super) fn finish(&mut self, rest: &[i16]) -> News {
        let mut heard = Vec::new();
        if let Some(listener) = &mut self.listener {
            heard = listener.listen(rest);
            heard.extend(listener.finish());
        }
        self.heard_news(heard)
    }

    /// The client wants what was said: all of the utterance when speech has paused, else what was said
    /// by now, which [`WordSource::hear`] has given.
    pub(super) fn release_all(&mut self, spoken_ms: u64) -> Vec<TimedWord> {
        match &mut self.run {
            Some(run) if !run.timed => run.release_all(spoken_ms),
            _ => Vec::new(),
        }
    }

    /// The run of speech is over: the rest of its utterance.
    pub(super) fn run_ended(&mut self, spoken_ms: u64) -> Vec<TimedWord> {
        let Some(mut run) = self.run.take() else { return Vec::new() };
        self.next += 1;
        run.release_all(spoken_ms)
    }

    fn heard_news(&mut self, heard: Vec<Heard>) -> News {
        let recognised = !self.voice_heard && heard.iter().any(|word| !word.is_damaged());
        self.voice_heard |= recognised;
        if recognised {
            self.run = None;
        }
        // Before any word was understood, a damaged one is most likely somebody else's speech.
        let words = if self.voice_heard || !self.scripted { heard } else { Vec::new() };
        News { words: words.into_iter().map(heard_word).collect(), retract_scripted: recognised }
    }
}

fn heard_word(heard: Heard) -> TimedWord {
    TimedWord {
        confidence: if heard.is_damaged() { 0.1 } else { CONFIDENCE },
        text: heard.text,
        start_ms: heard.span_ms.start,
        end_ms: heard.span_ms.end,
        speaker: 0,
        entity: None,
        language: None,
        scripted: false,
        glued: heard.glued,
    }
}

impl Run {
    fn new(utterance: &Utterance, start_ms: u64) -> Self {
        let words = utterance.words();
        Self {
            start_ms,
            language: utterance.language.clone(),
            timed: words.iter().all(|word| word.end.is_some()),
            words: words.into(),
            speaker: utterance.speaker,
            spoken_ms: start_ms,
        }
    }

    /// Words that end by `until_ms`.
    fn release_until(&mut self, until_ms: u64, character_ms: f64) -> Vec<TimedWord> {
        let mut released = Vec::new();
        while let Some(word) = self.words.front() {
            let paced = (word.word.chars().count() + 1) as f64 * character_ms;
            let end_ms = match word.end {
                Some(end) if self.timed => self.start_ms + milliseconds(end),
                _ => self.spoken_ms + paced as u64,
            };
            if end_ms > until_ms {
                break;
            }
            released.extend(self.words.pop_front().map(|word| self.timed_word(word, end_ms)));
        }
        released
    }

    /// Everything left, spread over the speech since the last word in proportion to its characters.
    fn release_all(&mut self, spoken_ms: u64) -> Vec<TimedWord> {
        let left: usize = self.words.iter().map(|word| word.word.chars().count() + 1).sum();
        let space = spoken_ms.saturating_sub(self.spoken_ms) as f64;
        let mut released = Vec::new();
        while let Some(word) = self.words.pop_front() {
            let share = (word.word.chars().count() + 1) as f64 / left.max(1) as f64;
            let end_ms = match word.end {
                Some(end) if self.timed => self.start_ms + milliseconds(end),
                _ => self.spoken_ms + (space * share) as u64,
            };
            released.push(self.timed_word(word, end_ms));
        }
        released
    }

    fn timed_word(&mut self, word: Word, end_ms: u64) -> TimedWord {
        let start_ms = match word.start {
            Some(start) if self.timed => self.start_ms + milliseconds(start),
            _ => self.spoken_ms,
        };
        self.spoken_ms = end_ms;
        TimedWord {
            text: word.word,
            start_ms: start_ms.min(end_ms),
            end_ms,
            confidence: word.confidence.unwrap_or(CONFIDENCE),
            speaker: word.speaker.unwrap_or(self.speaker),
            entity: word.entity,
            language: self.language.clone(),
            scripted: true,
            glued: false,
        }
    }
}

/// Script times are checked to be within a day when the script is read.
fn milliseconds(seconds: f64) -> u64 {
    (seconds.clamp(0.0, 86_400.0) * 1_000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(script: Script) -> WordSource {
        WordSource::new(Arc::new(script), ScriptPosition(0), 16_000, &SttOptions::default())
    }

    fn texts(words: &[TimedWord]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn words_come_at_an_even_pace_while_there_is_speech() {
        let mut source = source(Script::of(["one three"]));
        source.run_started(100);
        assert!(texts(&source.hear(&[], 300).words).is_empty());
        let news = source.hear(&[], 340);
        assert_eq!(texts(&news.words), ["one"]);
        assert_eq!((news.words[0].start_ms, news.words[0].end_ms), (100, 340));
        assert_eq!(source.position(), ScriptPosition(0));
        assert_eq!(texts(&source.run_ended(500)), ["three"]);
        assert_eq!(source.position(), ScriptPosition(1));
    }

    #[test]
    fn words_with_times_keep_them() {
        let json = r#"{"utterances":[{"words":[{"word":"a","start":0.1,"end":0.2},{"word":"b","end":2}]}]}"#;
        let mut source = source(Script::parse(json).unwrap());
        source.run_started(1_000);
        let news = source.hear(&[], 1_500);
        assert_eq!((news.words[0].start_ms, news.words[0].end_ms), (1_100, 1_200));
        assert!(source.release_all(1_500).is_empty(), "b is not said yet");
        assert_eq!(source.run_ended(2_500)[0].end_ms, 3_000);
    }

    #[test]
    fn speech_beyond_the_script_says_nothing() {
        let mut source = source(Script::of(["one"]));
        source.run_started(0);
        source.run_ended(500);
        source.run_started(2_000);
        assert!(source.hear(&[], 9_000).words.is_empty() && source.run_ended(9_000).is_empty());
    }

    #[test]
    fn the_voice_takes_the_place_of_the_script() {
        let mut source = source(Script::of(["not this"]));
        source.run_started(0);
        let samples = crate::voice::Speaker::new("but this", 16_000, 1.0).samples();
        let news: Vec<_> = samples.chunks(160).map(|chunk| source.hear(chunk, 0)).collect();
        assert_eq!(news.iter().filter(|news| news.retract_scripted).count(), 1);
        let words: Vec<_> = news.iter().flat_map(|news| texts(&news.words)).collect();
        assert_eq!(words, ["but", "this"]);
        assert_eq!(source.position(), ScriptPosition(0));
    }
}
