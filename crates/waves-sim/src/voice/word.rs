//! One piece of text as symbols: sync, header, bytes, checksum.
//!
//! ```text
//! LOW HIGH LOW HIGH | header: glue 1 bit, length 5 bits, check 2 bits | bytes | CRC-16
//!      4 symbols    |                 2 symbols                      | 2 each |   4
//! ```
//! Text is cut at single spaces; an empty piece stands for a second space, so joining pieces with one
//! space restores any text. A long word is cut into pieces of at most [`MAX_BYTES`] that say they are
//! glued to the one before. High nibble first everywhere.

/// The most bytes of text in one piece.
pub(super) const MAX_BYTES: usize = 24;

/// Symbols of the header.
pub(super) const HEADER_SYMBOLS: usize = 2;

/// Symbols of the checksum.
pub(super) const CHECKSUM_SYMBOLS: usize = 4;

/// A piece of text no longer than [`MAX_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Whether it continues the piece before without a space.
    pub(super) glued: bool,
}

/// Cuts `text` into pieces that [`super::text_of`] joins to exactly `text`.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.split(' ').flat_map(|word| {
        let mut rest = word;
        let mut first = true;
        std::iter::from_fn(move || {
            if rest.is_empty() && !first {
                return None;
            }
            let (text, tail) = rest.split_at(cut_at(rest, MAX_BYTES));
            let glued = !first;
            (rest, first) = (tail, false);
            Some(Piece { text, glued })
        })
    })
}

/// The last place at or before `index` where `text` may be cut.
fn cut_at(text: &str, index: usize) -> usize {
    let mut end = index.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// The data symbols (0..16) of a piece, without the sync.
pub(super) fn symbols(piece: Piece<'_>) -> Vec<usize> {
    let mut bytes = vec![header(piece.glued, piece.text.len())];
    bytes.extend_from_slice(piece.text.as_bytes());
    bytes.extend_from_slice(&crc16(&bytes).to_be_bytes());
    bytes.iter().flat_map(|byte| [usize::from(byte >> 4), usize::from(byte & 15)]).collect()
}

/// How many data symbols a piece of `length` bytes has.
pub(super) const fn symbol_count(length: usize) -> usize {
    HEADER_SYMBOLS + 2 * length + CHECKSUM_SYMBOLS
}

/// What a header says: whether the piece is glued, and its length in bytes. `None` when it is damaged.
pub(super) fn read_header(symbols: &[usize]) -> Option<(bool, usize)> {
    let byte = *bytes(symbols).first()?;
    let (glued, length) = (byte & 0x80 != 0, usize::from(byte >> 2 & 31));
    (length <= MAX_BYTES && header(glued, length) == byte).then_some((glued, length))
}

/// The text of a whole piece. `None` when the checksum does not match.
pub(super) fn read_text(symbols: &[usize]) -> Option<String> {
    let bytes = bytes(symbols);
    let (content, checksum) = bytes.split_last_chunk::<2>()?;
    if crc16(content) != u16::from_be_bytes(*checksum) {
        return None;
    }
    String::from_utf8(content.get(1..)?.to_vec()).ok()
}

fn bytes(symbols: &[usize]) -> Vec<u8> {
    symbols.chunks_exact(2).map(|pair| (pair[0] as u8) << 4 | pair[1] as u8).collect()
}

fn header(glued: bool, length: usize) -> u8 {
    let value = u8::from(glued) << 5 | length as u8;
    let check = value ^ value >> 2 ^ value >> 4 ^ 0b10;
    value << 2 | check & 3
}

/// CRC-16/CCITT-FALSE.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(
            crc ^ u16::from(byte) << 8,
            |crc, _| {
                if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
    }

    #[test]
    fn a_piece_survives_its_symbols() {
        let piece = Piece { text: "héllo", glued: true };
        let symbols = symbols(piece);
        assert_eq!(symbols.len(), symbol_count(piece.text.len()));
        assert_eq!(read_header(&symbols[..HEADER_SYMBOLS]), Some((true, 6)));
        assert_eq!(read_text(&symbols).as_deref(), Some("héllo"));
    }

    #[test]
    fn any_single_wrong_symbol_is_noticed() {
        let good = symbols(Piece { text: "word", glued: false });
        for index in 0..good.len() {
            for value in (0..16).filter(|&value| value != good[index]) {
                let mut bad = good.clone();
                bad[index] = value;
                assert_eq!(read_text(&bad), None, "symbol {index} as {value}");
            }
        }
    }

    #[test]
    fn a_long_word_is_cut_between_characters() {
        let text = "नमस्तेदुनियाकैसेहोआप";
        let pieces: Vec<_> = pieces(text).collect();
        assert!(pieces.iter().all(|piece| piece.text.len() <= MAX_BYTES));
        assert!(!pieces[0].glued && pieces[1..].iter().all(|piece| piece.glued));
        assert_eq!(pieces.iter().map(|piece| piece.text).collect::<String>(), text);
    }
}
