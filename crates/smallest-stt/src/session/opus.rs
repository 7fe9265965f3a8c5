//! As much of Opus and Ogg as passing them through takes: how long a packet lasts, where a page begins,
//! and which pages every connection needs first.
//!
//! Bytes are never changed. [`Pages`] cuts an Ogg stream, given in pieces of any size, at page boundaries:
//! a new connection can only begin at one, and must be given the header pages (identification and
//! comments) before anything else. What is not Ogg passes as it came.
//! Sources: RFC 6716 section 3.1 (packet durations), RFC 3533 section 6 (pages), RFC 7845 (Opus in Ogg).

use bytes::{Bytes, BytesMut};

/// Ticks in a second: Opus counts at 48 kHz, whatever the sound's own rate.
pub(super) const HZ: u32 = 48_000;
const HEADER: usize = 27;
/// Headers beyond this are taken for audio, so that nothing is kept without bound.
const MOST_HEADERS: usize = 1024 * 1024;

/// How long a packet lasts.
pub(super) fn packet_ticks(packet: &[u8]) -> u64 {
    let Some(&toc) = packet.first() else { return 0 };
    let config = usize::from(toc >> 3);
    let frame = match config {
        0..=11 => [480, 960, 1920, 2880][config % 4],
        12..=15 => [480, 960][config % 2],
        _ => [120, 240, 480, 960][config % 4],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1).copied().unwrap_or_default() & 0x3F),
    };
    frame * frames
}

/// A whole page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) bytes: Bytes,
    pub(super) ticks: u64,
    /// Whether it belongs to what every connection needs first.
    pub(super) header: bool,
}

/// Cuts a stream at page boundaries.
#[derive(Debug, Default)]
pub(super) struct Pages {
    partial: BytesMut,
    granule: u64,
    headers: usize,
    audio: bool,
}

impl Pages {
    /// Takes the next piece and gives the pages it completes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Page> {
        self.partial.extend_from_slice(bytes);
        let mut pages = Vec::new();
        while let Some(length) = page_length(&self.partial) {
            let bytes = self.partial.split_to(length).freeze();
            pages.push(self.classify(bytes));
        }
        pages
    }

    /// What is left when the stream ends.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        (!self.partial.is_empty()).then(|| self.partial.split().freeze())
    }

    fn classify(&mut self, bytes: Bytes) -> Page {
        let granule = granule(&bytes);
        self.headers += bytes.len();
        let header = granule == Some(0) && !self.audio && self.headers <= MOST_HEADERS;
        self.audio |= !header;
        // No packet ends on a page with all bits set: its time is counted with the next.
        let now = granule.filter(|&granule| granule != u64::MAX).unwrap_or(self.granule);
        let ticks = now.saturating_sub(self.granule);
        self.granule = now;
        // A granule that leaps is not time that passed: ten seconds is more than any page holds.
        Page { bytes, ticks: ticks.min(u64::from(HZ) * 10), header }
    }
}

/// The length of the page that `bytes` begin with, once it is complete. What is no page goes as a whole.
fn page_length(bytes: &[u8]) -> Option<usize> {
    let capture = b"OggS";
    let seen = bytes.len().min(capture.len());
    if seen == 0 || bytes[..seen] == capture[..seen] && bytes.len() < HEADER {
        return None;
    }
    if bytes[..seen] != capture[..seen] {
        return Some(bytes.len());
    }
    let table = bytes.get(HEADER..HEADER + usize::from(bytes[26]))?;
    let length = HEADER + table.len() + table.iter().map(|&size| usize::from(size)).sum::<usize>();
    (bytes.len() >= length).then_some(length)
}

fn granule(page: &[u8]) -> Option<u64> {
    if !page.starts_with(b"OggS") {
        return None;
    }
    Some(u64::from_le_bytes(page.get(6..14)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A page with one packet of `size` bytes.
    pub(in crate::session) fn page(granule: u64, size: u8) -> Vec<u8> {
        let mut page = b"OggS\0\0".to_vec();
        page.extend(granule.to_le_bytes());
        page.extend([0; 12]);
        page.extend([1, size]);
        page.extend(vec![size; usize::from(size)]);
        page
    }

    #[test]
    fn packets_last_as_long_as_their_first_byte_says() {
        for (packet, ticks) in [
            (&[][..], 0),
            (&[0x00], 480),
            (&[0x78], 960),
            (&[0xFC], 960),
            (&[0xFD], 1920),
            (&[0x80], 120),
            (&[0xFB, 0x03], 960 * 3),
        ] {
            assert_eq!(packet_ticks(packet), ticks, "{packet:02x?}");
        }
    }

    #[test]
    fn pages_are_found_however_the_stream_is_cut() {
        let stream = [page(0, 19), page(0, 40), page(960, 7), page(1920, 9)].concat();
        for size in [1, 2, 27, 50, stream.len()] {
            let mut pages = Pages::default();
            let found: Vec<_> = stream.chunks(size).flat_map(|piece| pages.push(piece)).collect();
            let shape: Vec<_> = found.iter().map(|page| (page.ticks, page.header)).collect();
            assert_eq!(shape, [(0, true), (0, true), (960, false), (960, false)], "pieces of {size}");
            assert_eq!(found.concat_bytes(), stream);
            assert!(pages.finish().is_none());
        }
    }

    #[test]
    fn what_is_not_ogg_passes_as_it_came() {
        let mut pages = Pages::default();
        assert_eq!(pages.push(b"hello").concat_bytes(), b"hello");
        assert!(pages.push(b"Ogg").is_empty());
        assert_eq!(pages.finish().unwrap().as_ref(), b"Ogg");
    }

    trait Concat {
        fn concat_bytes(&self) -> Vec<u8>;
    }

    impl Concat for Vec<Page> {
        fn concat_bytes(&self) -> Vec<u8> {
            self.iter().flat_map(|page| page.bytes.to_vec()).collect()
        }
    }
}
