//! A recognised word and the open segment it waits in.
//!
//! Words come in from the script or the voice and leave in a final, all at once or as many as were asked
//! for. Pieces of a long word that the voice had to cut become one word again here.

/// A word with its place in the connection's audio.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TimedWord {
    /// With its punctuation. Empty for a second space in decoded speech.
    pub(super) text: String,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    pub(super) confidence: f64,
    pub(super) speaker: u32,
    pub(super) entity: Option<String>,
    pub(super) language: Option<String>,
    /// Whether it was read from the script, not heard.
    pub(super) scripted: bool,
    /// Whether it continues the word before without a space.
    pub(super) glued: bool,
}

/// Words that are in no final yet.
#[derive(Debug, Default)]
pub(super) struct Segment {
    words: Vec<TimedWord>,
}

impl Segment {
    pub(super) fn push(&mut self, word: TimedWord) {
        match self.words.last_mut() {
            Some(last) if word.glued && !last.scripted => {
                last.text.push_str(&word.text);
                last.end_ms = word.end_ms;
                last.confidence = last.confidence.min(word.confidence);
            }
            _ => self.words.push(word),
        }
    }

    /// Takes back words that were read from the script.
    pub(super) fn retract_scripted(&mut self) {
        self.words.retain(|word| !word.scripted);
    }

    pub(super) fn words(&self) -> &[TimedWord] {
        &self.words
    }

    pub(super) fn take(&mut self) -> Vec<TimedWord> {
        std::mem::take(&mut self.words)
    }

    /// The first `count` words, when there are as many.
    pub(super) fn take_first(&mut self, count: usize) -> Option<Vec<TimedWord>> {
        let end = self.words.iter().enumerate().filter(|(_, word)| !word.text.is_empty()).nth(count - 1)?.0;
        Some(self.words.drain(..=end).collect())
    }

    pub(super) fn is_blank(&self) -> bool {
        self.words.iter().all(|word| word.text.trim().is_empty())
    }
}
