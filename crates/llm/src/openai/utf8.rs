//! Bytes as they come become text: a character that is cut by a read waits for its rest.
//!
//! Before the event parser, which would hold everything back after a byte that is no UTF-8: here that is an
//! error at once. Also the bound on an answer's length.

use super::LlmError;

/// An answer's text so far, as far as it is not passed on.
#[derive(Debug)]
pub(super) struct Utf8 {
    /// The beginning of a character: 3 bytes at most.
    held: Vec<u8>,
    taken: usize,
    limit: usize,
}

impl Utf8 {
    /// Takes `limit` bytes in all.
    pub(super) fn new(limit: usize) -> Self {
        Self { held: Vec::new(), taken: 0, limit }
    }

    /// Takes bytes and gives all whole characters.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<String, LlmError> {
        self.taken = self.taken.saturating_add(bytes.len());
        if self.taken > self.limit {
            return Err(LlmError::TooLong { limit: self.limit });
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        let error = match String::from_utf8(joined) {
            Ok(text) => return Ok(text),
            Err(error) => error,
        };
        // Without a length the end is not wrong, only early.
        if error.utf8_error().error_len().is_some() {
            return Err(LlmError::Protocol { expected: "UTF-8", got: "other bytes".into() });
        }
        let whole = error.utf8_error().valid_up_to();
        let mut joined = error.into_bytes();
        self.held = joined.split_off(whole);
        String::from_utf8(joined)
            .map_err(|_| LlmError::Protocol { expected: "UTF-8", got: "other bytes".into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Latin, Devanagari, Tamil, Bengali, Arabic, Chinese, Japanese, Thai, a family of emoji.
    const SCRIPTS: &str = "Zoë नमस्ते வணக்கம் নমস্কার مرحبا 你好 こんにちは สวัสดี 👨‍👩‍👧";

    #[test]
    fn every_script_survives_a_cut_at_any_byte_r58() {
        for at in 0..=SCRIPTS.len() {
            let mut utf8 = Utf8::new(usize::MAX);
            let (first, second) = SCRIPTS.as_bytes().split_at(at);
            let text = utf8.push(first).unwrap() + &utf8.push(second).unwrap();
            assert_eq!(text, SCRIPTS, "cut at byte {at}");
        }
        let mut utf8 = Utf8::new(usize::MAX);
        let single: String = SCRIPTS.bytes().map(|byte| utf8.push(&[byte]).unwrap()).collect();
        assert_eq!(single, SCRIPTS);
    }

    #[test]
    fn what_is_no_text_is_an_error_at_once() {
        assert!(Utf8::new(100).push(b"ok \xFF and more").is_err());
        let mut utf8 = Utf8::new(100);
        assert_eq!(utf8.push(b"\xE0\xA4").unwrap(), "");
        assert!(utf8.push(b"x").is_err());
    }

    #[test]
    fn an_endless_answer_ends() {
        let mut utf8 = Utf8::new(10);
        assert!(utf8.push(b"0123456789").is_ok());
        assert!(matches!(utf8.push(b"0"), Err(LlmError::TooLong { limit: 10 })));
    }
}
