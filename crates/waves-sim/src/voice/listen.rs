//! Tones to text, as the audio arrives.
//!
//! In: samples in pieces of any size. Out: each word when its last tone has been heard.
//! Promises: 1. pieces of any size give the same words; 2. a word whose checksum does not match is
//! given as [`super::DAMAGED`], never as another text; 3. memory is bounded by the longest word.
//!
//! The ear slides over the audio until the sync pattern stands out, takes the position where it is
//! purest as the word's clock, and reads the symbols from there.

use std::ops::Range;

use super::DAMAGED;
use super::bank::Bank;
use super::tones::{DATA_TONES, GUARD_MS, LOW, SYMBOL_MS, SYNC};
use super::word::{HEADER_SYMBOLS, read_header, read_text, symbol_count};

/// How pure the worst tone of a sync must be: tone and noise of the same energy give about 0.5.
const THRESHOLD: f32 = 0.3;

/// Milliseconds of a whole sync.
const SYNC_MS: u64 = (SYNC.len() * SYMBOL_MS) as u64;

/// A word that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its text, or [`DAMAGED`].
    pub text: String,
    /// Whether it continues the word before without a space.
    pub glued: bool,
    /// Milliseconds of audio since the first sample.
    pub span_ms: Range<u64>,
}

impl Heard {
    /// Whether the word arrived in a state that could not be read.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.text == DAMAGED
    }
}

/// Hears the simulator's voice in a stream of samples.
#[derive(Debug)]
pub struct Listener {
    bank: Bank,
    state: State,
    /// Where a drawn-out first tone was first heard, while it lasts.
    drawl_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Looking for a sync at or after this millisecond; the best one so far with its purity.
    Searching { at_ms: u64, best: Option<Sync> },
    /// Found one; its symbols begin a sync later.
    Reading { sync: Sync },
}

#[derive(Clone, Copy, Debug)]
struct Sync {
    at_ms: u64,
    purity: f32,
    word_ms: u64,
}

impl Listener {
    /// Listens to `rate` samples a second (0 counts as 8000).
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let bank = Bank::new(if rate == 0 { 8_000 } else { rate });
        Self { bank, state: State::Searching { at_ms: 0, best: None }, drawl_ms: None }
    }

    /// Takes samples and returns the words that ended in them.
    pub fn listen(&mut self, samples: &[i16]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for &sample in samples {
            if self.bank.push(sample) {
                while let Some(word) = self.advance() {
                    heard.extend(word);
                }
            }
        }
        heard
    }

    /// Whether a word has begun and not yet ended.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        matches!(self.state, State::Reading { .. })
    }

    /// The audio is over: gives the word that was cut off, as damaged.
    pub fn finish(&mut self) -> Option<Heard> {
        let State::Reading { sync } = self.state else { return None };
        let end_ms = self.bank.end_ms();
        self.state = State::Searching { at_ms: end_ms, best: None };
        Some(damaged(sync, end_ms))
    }

    /// One step. `None`: more audio is needed. `Some(None)`: a step without a word.
    fn advance(&mut self) -> Option<Option<Heard>> {
        match self.state {
            State::Searching { at_ms, best } => self.search(at_ms, best).then_some(None),
            State::Reading { sync } => self.read(sync).map(Some),
        }
    }

    fn search(&mut self, at_ms: u64, best: Option<Sync>) -> bool {
        if let Some(sync) = best.filter(|sync| at_ms > sync.at_ms + SYMBOL_MS as u64 / 2) {
            self.state = State::Reading { sync };
            return true;
        }
        if at_ms + SYNC_MS > self.bank.end_ms() {
            return false;
        }
        let low = self.bank.coherence(LOW, at_ms, SYMBOL_MS);
        self.drawl_ms = if low < THRESHOLD { None } else { self.drawl_ms.or(Some(at_ms)) };
        let purity = if low < THRESHOLD { 0.0 } else { self.purity(at_ms) };
        let floor = best.map_or(THRESHOLD, |sync| sync.purity);
        let best = if purity > floor {
            Some(Sync { at_ms, purity, word_ms: self.drawl_ms.unwrap_or(at_ms) })
        } else {
            best
        };
        self.bank.forget_before(best.map_or(at_ms, |sync| sync.at_ms));
        self.state = State::Searching { at_ms: at_ms + 1, best };
        true
    }

    /// The purity of the worst symbol of a sync that would begin at `at_ms`.
    fn purity(&self, at_ms: u64) -> f32 {
        let coherence =
            |(index, &tone)| self.bank.coherence(tone, at_ms + (index * SYMBOL_MS) as u64, SYMBOL_MS);
        SYNC.iter().enumerate().map(coherence).fold(1.0, f32::min)
    }

    fn read(&mut self, sync: Sync) -> Option<Heard> {
        let header = self.symbols(sync, HEADER_SYMBOLS)?;
        let Some((glued, length)) = read_header(&header) else {
            return Some(self.resume(sync.at_ms + SYNC_MS, damaged(sync, sync.at_ms + SYNC_MS)));
        };
        let symbols = self.symbols(sync, symbol_count(length))?;
        let end_ms = sync.at_ms + SYNC_MS + (symbols.len() * SYMBOL_MS) as u64;
        match read_text(&symbols) {
            Some(text) => {
                let heard = Heard { text, glued, span_ms: sync.word_ms..end_ms };
                Some(self.resume(end_ms, heard))
            }
            // The next word may already have begun where this one claims to be: look from its sync on.
            None => Some(self.resume(sync.at_ms + SYNC_MS, damaged(sync, end_ms))),
        }
    }

    fn resume(&mut self, at_ms: u64, heard: Heard) -> Heard {
        self.state = State::Searching { at_ms, best: None };
        self.drawl_ms = None;
        self.bank.forget_before(at_ms);
        heard
    }

    /// The first `count` symbols after the sync, once they have been heard.
    fn symbols(&self, sync: Sync, count: usize) -> Option<Vec<usize>> {
        let first_ms = sync.at_ms + SYNC_MS;
        if first_ms + (count * SYMBOL_MS) as u64 > self.bank.end_ms() {
            return None;
        }
        let symbol = |index: usize| {
            let start_ms = first_ms + (index * SYMBOL_MS + GUARD_MS) as u64;
            self.bank.strongest(DATA_TONES, start_ms, SYMBOL_MS - 2 * GUARD_MS)
        };
        Some((0..count).map(symbol).collect())
    }
}

fn damaged(sync: Sync, end_ms: u64) -> Heard {
    Heard { text: DAMAGED.to_owned(), glued: false, span_ms: sync.word_ms..end_ms }
}
