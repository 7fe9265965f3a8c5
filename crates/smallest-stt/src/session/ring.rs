//! Audio on its way: from when it was handed over until a final covers it.
//!
//! A position is a byte offset from the first byte of the session, so that "sent once, in order" is arithmetic.
//! 1. What was pushed can be read from any position that is still kept, in pieces of whole samples or packets.
//! 2. Kept audio never lasts longer than the bound: the oldest goes first, and [`Ring::push`] says how far.
//! 3. Small chunks are gathered, so that a bound in seconds is also a bound in memory.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};

/// Chunks are gathered up to this many bytes. Gathering copies, so 20 ms of 16 kHz are left as they are.
const GATHERED: usize = 1024;
/// Packets whose length in time is unknown are bounded by this many bytes.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// A chunk that begins this close to the end of the last one continues it.
const SEAM: Duration = Duration::from_millis(2);

/// How bytes and time relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    /// Bytes of a sample; `None` where audio comes in packets that must not be cut or joined.
    pub(super) sample: Option<usize>,
    /// Ticks in a second: the sample rate, or 48000 for packets of Opus.
    pub(super) hz: u32,
}

impl Measure {
    pub(super) fn time(self, ticks: u64) -> Duration {
        let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(self.hz);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(super) fn ticks(self, time: Duration) -> u64 {
        u64::try_from((time.as_nanos() * u128::from(self.hz) + 500_000_000) / 1_000_000_000)
            .unwrap_or(u64::MAX)
    }
}

/// A piece of encoded audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    /// Where it begins on the session's audio clock.
    pub(super) at: Duration,
    /// How long it lasts.
    pub(super) ticks: u64,
}

/// A piece to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) at: Duration,
    pub(super) ticks: u64,
}

#[derive(Debug)]
struct Kept {
    from: u64,
    chunk: Chunk,
}

impl Kept {
    fn to(&self) -> u64 {
        self.from + self.chunk.bytes.len() as u64
    }
}

/// Audio that may have to be sent, or sent again.
#[derive(Debug)]
pub(super) struct Ring {
    measure: Measure,
    most_ticks: u64,
    chunks: VecDeque<Kept>,
    front: u64,
    head: u64,
    ticks: u64,
    bytes: usize,
    /// The session time at the head.
    end: Duration,
}

impl Ring {
    pub(super) fn new(measure: Measure, most: Duration) -> Self {
        let most_ticks = measure.ticks(most);
        Self {
            measure,
            most_ticks,
            chunks: VecDeque::new(),
            front: 0,
            head: 0,
            ticks: 0,
            bytes: 0,
            end: Duration::ZERO,
        }
    }

    pub(super) fn measure(&self) -> Measure {
        self.measure
    }

    /// The oldest position that is kept.
    pub(super) fn front(&self) -> u64 {
        self.front
    }

    /// The position behind everything handed over so far.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Takes a chunk. The result is how much audio at or behind `sent_to` the bound made go.
    pub(super) fn push(&mut self, chunk: Chunk, sent_to: u64) -> Duration {
        if chunk.bytes.is_empty() {
            return Duration::ZERO;
        }
        self.head += chunk.bytes.len() as u64;
        self.ticks += chunk.ticks;
        self.bytes += chunk.bytes.len();
        self.end = chunk.at + self.measure.time(chunk.ticks);
        let from = self.head - chunk.bytes.len() as u64;
        if !self.gather(&chunk) {
            self.chunks.push_back(Kept { from, chunk });
        }
        self.hold_bound(sent_to)
    }

    /// Joins a chunk to the last one where they are neighbours in time and small.
    fn gather(&mut self, chunk: &Chunk) -> bool {
        let measure = self.measure;
        let Some(last) = self.chunks.back_mut() else { return false };
        let size = last.chunk.bytes.len() + chunk.bytes.len();
        let expected = last.chunk.at + measure.time(last.chunk.ticks);
        if measure.sample.is_none() || size > GATHERED || expected.abs_diff(chunk.at) > SEAM {
            return false;
        }
        let mut bytes = BytesMut::with_capacity(size);
        bytes.extend_from_slice(&last.chunk.bytes);
        bytes.extend_from_slice(&chunk.bytes);
        last.chunk.bytes = bytes.freeze();
        last.chunk.ticks += chunk.ticks;
        true
    }

    fn hold_bound(&mut self, sent_to: u64) -> Duration {
        let mut unsent = Duration::ZERO;
        while self.ticks > self.most_ticks || self.bytes > MOST_BYTES {
            let Some(oldest) = self.chunks.front() else { break };
            let excess = self.ticks.saturating_sub(self.most_ticks);
            let to = match self.measure.sample {
                Some(size) if self.bytes <= MOST_BYTES => oldest.to().min(oldest.from + excess * size as u64),
                _ => oldest.to(),
            };
            unsent += self.lasting(self.front.max(sent_to), to);
            self.let_go(to);
        }
        unsent
    }

    /// Lets everything before `position` go.
    pub(super) fn let_go(&mut self, position: u64) {
        while let Some(kept) = self.chunks.front_mut() {
            if kept.from >= position {
                break;
            }
            if kept.to() <= position {
                (self.ticks, self.bytes) =
                    (self.ticks - kept.chunk.ticks, self.bytes - kept.chunk.bytes.len());
                self.chunks.pop_front();
                continue;
            }
            let Some(size) = self.measure.sample else { break };
            let samples = (position - kept.from) as usize / size;
            let cut = kept.chunk.bytes.split_to(samples * size);
            kept.from += cut.len() as u64;
            kept.chunk.at += self.measure.time(samples as u64);
            kept.chunk.ticks -= samples as u64;
            (self.ticks, self.bytes) = (self.ticks - samples as u64, self.bytes - cut.len());
            break;
        }
        self.front = self.chunks.front().map_or(self.head, |kept| kept.from);
    }

    /// The next piece from `position`, up to `to` and about `most` bytes; at least one packet.
    pub(super) fn read(&self, position: u64, to: u64, most: usize) -> Option<Piece> {
        let kept = self.chunks.get(self.index(position)?)?;
        let Some(size) = self.measure.sample else {
            let Chunk { bytes, at, ticks } = kept.chunk.clone();
            return Some(Piece { bytes, at, ticks });
        };
        let offset = (position - kept.from) as usize;
        let length = (kept.to().min(to).saturating_sub(position) as usize).min(most / size * size);
        if length == 0 {
            return None;
        }
        let before = (offset / size) as u64;
        Some(Piece {
            bytes: kept.chunk.bytes.slice(offset..offset + length),
            at: kept.chunk.at + self.measure.time(before),
            ticks: (length / size) as u64,
        })
    }

    /// The session time at `position`: of the audio that ends there.
    pub(super) fn time_at(&self, position: u64) -> Duration {
        let before = position.saturating_sub(1).max(self.front);
        let Some(kept) = self.index(before).and_then(|index| self.chunks.get(index)) else { return self.end };
        let ticks = match self.measure.sample {
            Some(size) => position.saturating_sub(kept.from) / size as u64,
            None if position > kept.from => kept.chunk.ticks,
            None => 0,
        };
        kept.chunk.at + self.measure.time(ticks)
    }

    /// The position of the session time `at`: of the first kept audio that ends after it.
    pub(super) fn position_at(&self, at: Duration) -> u64 {
        let index =
            self.chunks.partition_point(|kept| kept.chunk.at + self.measure.time(kept.chunk.ticks) <= at);
        let Some(kept) = self.chunks.get(index) else { return self.head };
        let into = self.measure.ticks(at.saturating_sub(kept.chunk.at)).min(kept.chunk.ticks);
        kept.from + self.measure.sample.map_or(0, |size| into * size as u64)
    }

    /// How long the audio between two positions lasts.
    pub(super) fn lasting(&self, from: u64, to: u64) -> Duration {
        let measure = self.measure;
        if let Some(size) = measure.sample {
            return measure.time(to.saturating_sub(from) / size as u64);
        }
        let within = self.chunks.iter().filter(|kept| kept.from >= from && kept.from < to);
        measure.time(within.map(|kept| kept.chunk.ticks).sum())
    }

    fn index(&self, position: u64) -> Option<usize> {
        // Live, it is the last one.
        if let Some(last) = self.chunks.back().filter(|last| last.from <= position) {
            return (position < last.to()).then(|| self.chunks.len() - 1);
        }
        let index = self.chunks.partition_point(|kept| kept.to() <= position);
        self.chunks.get(index).filter(|kept| kept.from <= position).map(|_| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LINEAR16: Measure = Measure { sample: Some(2), hz: 8_000 };

    fn chunk(at_ms: u64, samples: usize) -> Chunk {
        let bytes: Vec<u8> = (0..samples * 2).map(|index| index as u8).collect();
        Chunk { bytes: bytes.into(), at: Duration::from_millis(at_ms), ticks: samples as u64 }
    }

    #[test]
    fn audio_is_read_in_order_and_in_whole_samples() {
        let mut ring = Ring::new(LINEAR16, SECOND);
        ring.push(chunk(0, 3), 0);
        ring.push(chunk(500, 4000), 0);
        assert_eq!(ring.read(0, 8006, 8192).unwrap().bytes.len(), 6);
        let piece = ring.read(6, 8006, 1001).unwrap();
        assert_eq!((piece.bytes.len(), piece.at, piece.ticks), (1000, Duration::from_millis(500), 500));
        assert_eq!(ring.read(6 + 1000, 6 + 1004, 8192).unwrap().bytes.len(), 4);
        assert!(ring.read(8006, 8006, 8192).is_none());
    }

    #[test]
    fn the_oldest_goes_when_the_bound_is_reached() {
        let mut ring = Ring::new(LINEAR16, SECOND);
        assert_eq!(ring.push(chunk(0, 8000), 0), Duration::ZERO);
        assert_eq!(ring.push(chunk(1000, 80), 80), Duration::from_millis(5));
        assert_eq!((ring.front(), ring.head()), (160, 16_160));
        assert_eq!(ring.read(160, 16_160, 2).unwrap().at, Duration::from_millis(10));
        assert_eq!(ring.push(chunk(1010, 80_000), 16_160), Duration::from_secs(9));
        assert_eq!(ring.front(), 16_160 + 144_000);
    }

    #[test]
    fn small_neighbours_are_gathered_and_gaps_are_kept() {
        let mut ring = Ring::new(LINEAR16, SECOND);
        for index in 0..16 {
            ring.push(chunk(index, 8), 0);
        }
        assert_eq!(ring.chunks.len(), 1);
        ring.push(chunk(100, 8), 0);
        assert_eq!(ring.chunks.len(), 2);
        assert_eq!(ring.time_at(16 * 16), Duration::from_millis(16));
        assert_eq!(ring.time_at(17 * 16), Duration::from_millis(101));
        assert_eq!(ring.position_at(Duration::from_millis(16)), 16 * 16);
        assert_eq!(ring.position_at(Duration::from_millis(60)), 16 * 16);
        assert_eq!(ring.position_at(Duration::from_millis(101)), ring.head());
    }

    #[test]
    fn packets_are_never_cut_or_joined() {
        let mut ring = Ring::new(Measure { sample: None, hz: 48_000 }, SECOND);
        for index in 0..60 {
            let bytes = Bytes::from(vec![index as u8; 3]);
            ring.push(Chunk { bytes, at: Duration::from_millis(index * 20), ticks: 960 }, 0);
        }
        assert_eq!((ring.front(), ring.head()), (30, 180));
        assert_eq!(ring.read(30, 180, 1).unwrap().bytes.as_ref(), [10, 10, 10]);
        ring.let_go(34);
        assert_eq!(ring.front(), 33);
        assert_eq!(ring.position_at(Duration::from_millis(230)), 33);
        assert_eq!(ring.lasting(33, 39), Duration::from_millis(40));
    }
}
