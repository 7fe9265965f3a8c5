//! Words and phrases the recogniser should expect, each with a boost.
//!
//! They travel as one string, `word[:boost],phrase of words[:boost]`, not as JSON: a stringified array
//! garbles transcripts (recorded by the vendor). The service is case-sensitive about them. Boosts of 1 to 3
//! are advised; above 5 the service tends to write words nobody said, so those give a warning.
//! An empty list is never sent: it would register an empty keyword.

use std::{fmt, str::FromStr};

use crate::error::SttError;

/// The most entries a session may have, by the newer documents.
const MOST: usize = 10_000;
/// Above this the service is known to hallucinate.
const HIGHEST_ADVISED: f32 = 5.0;

/// One word or phrase.
#[derive(Clone, Debug, PartialEq)]
struct Keyword {
    phrase: String,
    boost: f32,
}

/// Words and phrases to expect.
///
/// ```
/// use smallest_stt::Keywords;
///
/// let keywords = Keywords::new().with("Voxline")?.with_boost("small language model", 2.5)?;
/// assert_eq!(keywords.to_string(), "Voxline,small language model:2.5");
/// assert_eq!("Voxline,small language model:2.5".parse::<Keywords>()?, keywords);
/// # Ok::<(), smallest_stt::SttError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keywords(Vec<Keyword>);

impl Keywords {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more word or phrase, at the service's normal boost, 1.0.
    ///
    /// # Errors
    /// [`SttError::Invalid`] as for [`with_boost`](Self::with_boost).
    pub fn with(self, phrase: impl Into<String>) -> Result<Self, SttError> {
        self.with_boost(phrase, 1.0)
    }

    /// The same with one more word or phrase and how strongly to expect it.
    ///
    /// # Errors
    /// [`SttError::Invalid`] for a blank phrase, one with a comma or a colon (they separate entries and boosts),
    /// a boost that is negative or no number, and more than 10,000 entries.
    pub fn with_boost(mut self, phrase: impl Into<String>, boost: f32) -> Result<Self, SttError> {
        let phrase = phrase.into().trim().to_owned();
        if phrase.is_empty() {
            return Err(invalid("a keyword must not be blank"));
        }
        if phrase.contains([',', ':']) || phrase.chars().any(char::is_control) {
            return Err(invalid("a keyword must not contain commas, colons or control characters"));
        }
        if !boost.is_finite() || boost < 0.0 {
            return Err(invalid("a boost must be a number from 0 upwards"));
        }
        if self.0.len() == MOST {
            return Err(invalid("at most 10000 keywords a session"));
        }
        self.0.push(Keyword { phrase, boost });
        Ok(self)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What to know about boosts beyond the advised range, if any is.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let high = self.0.iter().filter(|keyword| keyword.boost > HIGHEST_ADVISED).count();
        (high > 0).then(|| {
            format!("{high} boosts are above {HIGHEST_ADVISED}: the service may write keywords nobody said")
        })
    }
}

impl fmt::Display for Keywords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Keyword { phrase, boost }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{phrase}")?;
            if *boost != 1.0 {
                write!(f, ":{boost}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Keywords {
    type Err = SttError;

    /// Reads `word[:boost],phrase[:boost]`; a blank text is an empty list.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Ok(Self::new());
        }
        text.split(',').try_fold(Self::new(), |keywords, entry| match entry.split_once(':') {
            None => keywords.with(entry),
            Some((phrase, boost)) => {
                let boost =
                    boost.trim().parse().map_err(|_| invalid("a boost must be a number from 0 upwards"))?;
                keywords.with_boost(phrase, boost)
            }
        })
    }
}

fn invalid(reason: &str) -> SttError {
    SttError::Invalid { field: "keywords", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_read_back() {
        let keywords: Keywords = "I:20, smiling:2.5,small language model,naïve".parse().unwrap();
        assert_eq!(keywords.len(), 4);
        assert_eq!(keywords.to_string(), "I:20,smiling:2.5,small language model,naïve");
        assert_eq!(keywords.to_string().parse::<Keywords>().unwrap(), keywords);
        assert!("".parse::<Keywords>().unwrap().is_empty());
    }

    #[test]
    fn entries_that_would_be_misread_are_refused() {
        for phrase in ["", "  ", "a,b", "a:b", "a\nb"] {
            assert!(Keywords::new().with(phrase).is_err(), "{phrase:?}");
        }
        for boost in [-1.0, f32::NAN, f32::INFINITY] {
            assert!(Keywords::new().with_boost("a", boost).is_err(), "{boost}");
        }
        for text in [",", "a,,b", "a:x", "a:1:2", ":2"] {
            assert!(text.parse::<Keywords>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn boosts_above_five_warn() {
        assert!(Keywords::new().with_boost("a", 5.0).unwrap().warning().is_none());
        assert!(Keywords::new().with_boost("a", 5.5).unwrap().warning().is_some());
    }
}
