//! What has been heard so far: duplicates, text that is said again after a reconnect, the full transcript.

use std::time::{Duration, Instant};

use voxline_wire::ConnectionId;

/// The service's own end of an utterance and a `finalize` can race: both give the same final.
const RACE: Duration = Duration::from_millis(200);
/// Times of the same words may differ by so much.
const SAME: Duration = Duration::from_millis(50);
/// The full transcript is kept up to this many bytes; then its beginning goes.
const LONGEST: usize = 1024 * 1024;
/// How many words a new connection can repeat: half a second of speech.
const REPEATED: usize = 3;

#[derive(Debug)]
struct Last {
    connection: ConnectionId,
    heard: Instant,
    text: String,
    start: Option<Duration>,
}

/// What has been heard.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    last: Option<Last>,
    full: String,
    /// The last words, where it is not known which audio they cover.
    uncertain: Option<String>,
}

impl Hearing {
    /// Whether a final says again what was said just before, or, with `anyway`, at any time before; else it
    /// is the last one from now on.
    pub(super) fn is_duplicate(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        text: &str,
        start: Option<Duration>,
        anyway: bool,
    ) -> bool {
        let same_time = |last: &Last| match (last.start, start) {
            (Some(earlier), Some(start)) => earlier.abs_diff(start) <= SAME,
            _ => true,
        };
        let duplicate = self.last.as_ref().is_some_and(|last| {
            last.connection == connection
                && (anyway || now.saturating_duration_since(last.heard) <= RACE)
                && last.text == text
                && same_time(last)
        });
        if !duplicate {
            self.last = Some(Last { connection, heard: now, text: text.to_owned(), start });
        }
        duplicate
    }

    /// Notes whether the audio that the latest words cover is known only roughly.
    pub(super) fn note_tail(&mut self, text: &str, uncertain: bool) {
        let words: Vec<_> = text.split_whitespace().collect();
        let tail = &words[words.len().saturating_sub(REPEATED)..];
        self.uncertain = uncertain.then(|| tail.join(" "));
    }

    pub(super) fn take_uncertain_tail(&mut self) -> Option<String> {
        self.uncertain.take()
    }

    /// Adds a final to the full transcript, and gives it.
    pub(super) fn add_to_full(&mut self, text: &str) -> String {
        if !self.full.is_empty() && !text.is_empty() {
            self.full.push(' ');
        }
        self.full.push_str(text);
        if self.full.len() > LONGEST {
            let half = self.full.len() - LONGEST / 2;
            let cut = (half..self.full.len()).find(|&at| self.full.is_char_boundary(at));
            self.full.drain(..cut.unwrap_or(half));
        }
        self.full.clone()
    }
}

/// How many words at the beginning of `text` repeat the end of `tail`.
pub(super) fn repeated_words(tail: &str, text: &str) -> usize {
    let tail: Vec<_> = tail.split_whitespace().map(bare).collect();
    let words: Vec<_> = text.split_whitespace().take(REPEATED).map(bare).collect();
    let most = tail.len().min(words.len());
    (1..=most).rev().find(|&count| tail[tail.len() - count..] == words[..count]).unwrap_or(0)
}

/// `text` without its first `count` words.
pub(super) fn without_words(text: &str, count: usize) -> &str {
    let mut rest = text.trim_start();
    for _ in 0..count {
        rest = rest.find(char::is_whitespace).map_or("", |end| rest[end..].trim_start());
    }
    rest
}

fn bare(word: &str) -> String {
    word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: ConnectionId = ConnectionId(1);

    #[test]
    fn w42_an_equal_final_within_the_race_is_a_duplicate() {
        let now = Instant::now();
        let mut hearing = Hearing::default();
        assert!(!hearing.is_duplicate(now, LINE, "yes", None, false));
        assert!(hearing.is_duplicate(now + RACE, LINE, "yes", None, false));
        assert!(!hearing.is_duplicate(now + RACE * 2, LINE, "yes", None, false));
        assert!(!hearing.is_duplicate(now + RACE * 2, LINE, "no", None, false));
        assert!(!hearing.is_duplicate(now + RACE * 2, ConnectionId(2), "no", None, false));
    }

    #[test]
    fn w42_the_same_word_said_at_another_time_is_none() {
        let now = Instant::now();
        let mut hearing = Hearing::default();
        assert!(!hearing.is_duplicate(now, LINE, "yes", Some(Duration::from_secs(1)), false));
        assert!(!hearing.is_duplicate(now, LINE, "yes", Some(Duration::from_secs(2)), false));
    }

    #[test]
    fn words_said_again_are_found_whatever_their_dress() {
        assert_eq!(repeated_words("to the Station.", "station is far"), 1);
        assert_eq!(repeated_words("to the Station.", "the station is far"), 2);
        assert_eq!(repeated_words("to the Station.", "is far"), 0);
        assert_eq!(repeated_words("", "is far"), 0);
        assert_eq!(without_words(" the station  is far", 2), "is far");
        assert_eq!(without_words("the", 2), "");
    }

    #[test]
    fn the_full_transcript_is_bounded() {
        let mut hearing = Hearing::default();
        assert_eq!(hearing.add_to_full("one"), "one");
        assert_eq!(hearing.add_to_full("two"), "one two");
        for _ in 0..3 {
            assert!(hearing.add_to_full(&"ä".repeat(400_000)).len() <= LONGEST);
        }
    }
}
