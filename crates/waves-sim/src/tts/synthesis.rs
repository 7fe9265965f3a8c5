//! One synthesis: released text as paced chunks of audio and word times.
//!
//! In: a [`Release`] and when it begins. Out: [`Piece`]s, each when it is due: the first after the first
//! chunk's latency, the others as fast as the pace allows. A word's times come before the chunk in which
//! it begins to sound. Audio is made as it is needed, so a long text costs no memory.

use std::{collections::VecDeque, iter::Peekable, time::Duration};

use super::buffer::Release;
use super::encode::Encoder;
use crate::config::TtsOptions;
use crate::voice::Speaker;

/// A part of a synthesis.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Word(SpokenAt),
    /// Encoded audio.
    Chunk(Vec<u8>),
}

/// A word of the text with its place in the request's audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpokenAt {
    pub(super) id: usize,
    pub(super) word: String,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
}

#[derive(Debug)]
pub(super) struct Synthesis {
    pub(super) request_id: String,
    pub(super) release: Release,
    speaker: Peekable<Speaker>,
    encoder: Encoder,
    starts_at: Duration,
    pace: f64,
    chunk_samples: usize,
    /// Made but not yet sent.
    samples: VecDeque<i16>,
    words: VecDeque<SpokenAt>,
    word_count: usize,
    samples_sent: u64,
    timestamps: bool,
}

impl Synthesis {
    pub(super) fn new(now: Duration, request_id: String, release: Release, options: &TtsOptions) -> Self {
        let rate = release.speak.sample_rate;
        let chunk = (options.chunk.as_secs_f64() * f64::from(rate)) as usize;
        let voices = options.word_timestamp_voices.as_ref();
        Self {
            speaker: Speaker::new(release.text.clone(), rate, release.speak.speed).peekable(),
            encoder: Encoder::new(release.speak.format, rate),
            starts_at: now + options.first_chunk_latency,
            pace: if options.pace > 0.0 { options.pace } else { 1.0 },
            chunk_samples: chunk.clamp(1, 10 * rate as usize),
            samples: VecDeque::new(),
            words: VecDeque::new(),
            word_count: 0,
            samples_sent: 0,
            timestamps: release.speak.word_timestamps
                && voices.is_none_or(|voices| voices.contains(&release.voice)),
            request_id,
            release,
        }
    }

    /// When the next pieces are due.
    pub(super) fn poll_timeout(&self) -> Duration {
        let rate = f64::from(self.release.speak.sample_rate);
        self.starts_at + Duration::from_secs_f64(self.samples_sent as f64 / rate / self.pace)
    }

    /// The next chunk with the words that begin in it; empty when all was given.
    pub(super) fn next_pieces(&mut self) -> Vec<Piece> {
        while self.samples.len() < self.chunk_samples || self.is_within_word() {
            let Some(spoken) = self.speaker.next() else { break };
            self.samples.extend(spoken.samples);
            if spoken.glued {
                self.extend_word(&spoken.text, spoken.span_ms.end);
            } else if !spoken.text.is_empty() {
                self.add_words(&spoken.text, spoken.span_ms.start, spoken.span_ms.end);
            }
        }
        let count = self.samples.len().min(self.chunk_samples);
        if count == 0 {
            return Vec::new();
        }
        let end = self.samples_sent + count as u64;
        let end_ms = end * 1_000 / u64::from(self.release.speak.sample_rate);
        let mut pieces = Vec::new();
        let begun = self.words.iter().take_while(|word| word.start_ms < end_ms).count();
        let words = self.words.drain(..begun).filter(|_| self.timestamps);
        pieces.extend(words.map(Piece::Word));
        let chunk: Vec<i16> = self.samples.drain(..count).collect();
        pieces.push(Piece::Chunk(self.encoder.encode(&chunk)));
        self.samples_sent = end;
        pieces
    }

    /// Whether the next thing to be spoken continues the last word.
    fn is_within_word(&mut self) -> bool {
        self.speaker.peek().is_some_and(|next| next.glued && !next.text.is_empty())
    }

    /// What the voice takes for one word may have line breaks in it; clients expect words.
    fn add_words(&mut self, text: &str, start_ms: u64, end_ms: u64) {
        for word in text.split_whitespace() {
            self.words.push_back(SpokenAt { id: self.word_count, word: word.to_owned(), start_ms, end_ms });
            self.word_count += 1;
        }
    }

    fn extend_word(&mut self, text: &str, end_ms: u64) {
        if let Some(last) = self.words.back_mut().filter(|_| !text.is_empty()) {
            last.word.push_str(text);
            last.end_ms = end_ms;
        }
    }
}
