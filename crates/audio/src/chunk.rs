//! Cuts a stream that comes in chunks of any length into chunks of one length.
//!
//! In: samples, any number at a time. Out: chunks of exactly the size asked for, in order; [`Chunker::flush`]
//! gives the shorter rest.
//! 1. Samples out are the samples in, none lost, none added.
//! 2. As long as the chunks of each push are taken, less than one chunk waits: nothing piles up.
//! 3. Chunks that were not taken come first at the next push.
//!
//! Interleaved channels stay whole when the size is a multiple of their count.

use std::{fmt, num::NonZeroUsize, sync::Arc};

/// Cuts a stream of samples into chunks of one length.
#[derive(Clone)]
pub struct Chunker {
    size: NonZeroUsize,
    waiting: Vec<i16>,
}

impl Chunker {
    /// For chunks of `size` samples; `None` for zero.
    #[must_use]
    pub fn new(size: usize) -> Option<Self> {
        Some(Self { size: NonZeroUsize::new(size)?, waiting: Vec::new() })
    }

    /// Takes the next samples; the iterator gives the chunks that are whole by now.
    pub fn push(&mut self, samples: &[i16]) -> Chunks<'_> {
        self.waiting.extend_from_slice(samples);
        Chunks { chunker: self, taken: 0 }
    }

    /// Ends the stream: gives what is left, shorter than a chunk when all chunks were taken; `None` when
    /// nothing is. The chunker is then ready for another stream.
    pub fn flush(&mut self) -> Option<Arc<[i16]>> {
        let rest = std::mem::take(&mut self.waiting);
        (!rest.is_empty()).then(|| rest.into())
    }

    /// How many samples wait for the rest of their chunk.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many samples a chunk has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size.get()
    }
}

impl fmt::Debug for Chunker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunker({} of {} samples wait)", self.waiting.len(), self.size)
    }
}

/// The whole chunks of one [`Chunker::push`]. Those not taken stay in the chunker.
#[derive(Debug)]
#[must_use = "chunks that are not taken pile up in the chunker"]
pub struct Chunks<'a> {
    chunker: &'a mut Chunker,
    taken: usize,
}

impl Iterator for Chunks<'_> {
    type Item = Arc<[i16]>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.taken + self.chunker.size.get();
        let chunk = self.chunker.waiting.get(self.taken..end)?.into();
        self.taken = end;
        Some(chunk)
    }
}

impl Drop for Chunks<'_> {
    fn drop(&mut self) {
        self.chunker.waiting.drain(..self.taken);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chunk_of_nothing_is_refused() {
        assert!(Chunker::new(0).is_none());
    }

    #[test]
    fn chunks_are_whole_and_the_remainder_waits_for_the_next_push() {
        let mut chunker = Chunker::new(3).unwrap();
        assert_eq!(chunker.push(&[1, 2]).count(), 0);
        let chunks: Vec<_> = chunker.push(&[3, 4, 5, 6, 7]).collect();
        assert_eq!(chunks, [Arc::from([1_i16, 2, 3]), Arc::from([4_i16, 5, 6])]);
        assert_eq!(chunker.waiting(), 1);
        assert_eq!(chunker.flush().as_deref(), Some(&[7_i16][..]));
        assert_eq!(chunker.flush(), None);
    }

    #[test]
    fn chunks_that_were_not_taken_come_first_next_time() {
        let mut chunker = Chunker::new(2).unwrap();
        assert_eq!(chunker.push(&[1, 2, 3, 4, 5]).next().as_deref(), Some(&[1_i16, 2][..]));
        let chunks: Vec<_> = chunker.push(&[6]).collect();
        assert_eq!(chunks, [Arc::from([3_i16, 4]), Arc::from([5_i16, 6])]);
    }

    proptest! {
        #[test]
        fn samples_out_are_the_samples_in(
            pieces in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..70), 0..20),
            size in 1_usize..50,
        ) {
            let mut chunker = Chunker::new(size).unwrap();
            let mut out = Vec::new();
            for piece in &pieces {
                for chunk in chunker.push(piece) {
                    prop_assert_eq!(chunk.len(), size);
                    out.extend_from_slice(&chunk);
                }
                prop_assert!(chunker.waiting() < size);
            }
            out.extend(chunker.flush().iter().flat_map(|rest| rest.iter()));
            prop_assert_eq!(out, pieces.concat());
        }
    }
}
