//! Which languages are documented where, the aggregators, and which regions serve which languages.
//!
//! 1. No code is ever refused for being unknown: documents disagree, and the service has the last word.
//!    What no document lists gives a warning.
//! 2. What a region is documented not to serve is refused before connecting, on the vendor's own hosts only:
//!    there the service closes without a word, or with a terminal error. On any other host it is a warning.
//!
//! Sources: S-PULSE, S-LIGHT, and the regions of the vendor's language page (2026-08).

use std::sync::Arc;

use voxline_core::frame::Language;

use crate::endpoint::{Endpoint, Region};

/// Codes that stand for several languages: the service finds out which is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregator {
    /// Everything the service knows: `multi`.
    Multi,
    /// European languages: `multi-eu`.
    MultiEu,
    /// Indian languages: `multi-indic`.
    MultiIndic,
    /// Languages of northern India: `north_indic`.
    NorthIndic,
    /// East Asian languages: `multi-asian`. Served in the United States only.
    MultiAsian,
    /// Languages of southern India: `multi-south-indic`. Served in India only.
    MultiSouthIndic,
    /// Hindi in Devanagari only: `hi-dev`. Served in India only.
    HiDev,
}

impl Aggregator {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Multi,
        Self::MultiEu,
        Self::MultiIndic,
        Self::NorthIndic,
        Self::MultiAsian,
        Self::MultiSouthIndic,
        Self::HiDev,
    ];

    /// The code as the service writes it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Multi => "multi",
            Self::MultiEu => "multi-eu",
            Self::MultiIndic => "multi-indic",
            Self::NorthIndic => "north_indic",
            Self::MultiAsian => "multi-asian",
            Self::MultiSouthIndic => "multi-south-indic",
            Self::HiDev => "hi-dev",
        }
    }
}

impl From<Aggregator> for Language {
    fn from(aggregator: Aggregator) -> Self {
        Self::Other(Arc::from(aggregator.code()))
    }
}

/// Documented for `stt/live` and `pulse/get_text`, current pages.
const STREAMING: &[&str] = &[
    "en",
    "hi",
    "de",
    "es",
    "ru",
    "it",
    "fr",
    "nl",
    "pt",
    "zh",
    "yue",
    "ja",
    "ko",
    "gu",
    "mr",
    "or",
    "bn",
    "ta",
    "te",
    "kn",
    "ml",
    "north_indic",
    "multi-asian",
    "multi-south-indic",
    "hi-dev",
];
/// Documented for `pulse/get_text` in an older page and for `lightning/get_text`.
const OLDER: &[&str] = &[
    "it", "es", "en", "pt", "hi", "de", "fr", "uk", "ru", "kn", "ml", "pl", "mr", "gu", "cs", "sk", "te",
    "or", "nl", "bn", "lv", "et", "ro", "pa", "fi", "sv", "bg", "ta", "hu", "da", "lt", "mt",
];
/// Served in the United States only.
const EAST_ASIAN: &[&str] = &["zh", "yue", "ja", "ko", "multi-asian"];
/// Served in India only.
const INDIA_ONLY: &[&str] = &["ta", "te", "kn", "ml", "multi-south-indic", "hi-dev"];

/// Why a silent close may have come, for an East Asian language.
pub(crate) const EAST_ASIAN_HINT: &str =
    "East Asian languages are served by api.us.smallest.ai only, other hosts close without a word";

/// Whether the code is one that only the United States serve.
pub(crate) fn is_east_asian(language: &Language) -> bool {
    EAST_ASIAN.contains(&language.code())
}

/// Whether some document lists `language` for `endpoint`.
#[must_use]
pub fn is_documented(endpoint: Endpoint, language: &Language) -> bool {
    let code = language.code();
    match endpoint {
        Endpoint::Live => STREAMING.contains(&code),
        Endpoint::Pulse => {
            STREAMING.contains(&code) || OLDER.contains(&code) || matches!(code, "multi" | "multi-eu")
        }
        Endpoint::Lightning => OLDER.contains(&code) || code == "multi",
    }
}

/// Why `language` will not be served in `region`, and what would work.
pub(crate) fn not_served(region: Region, language: &Language) -> Option<&'static str> {
    let code = language.code();
    if EAST_ASIAN.contains(&code) && region != Region::UnitedStates {
        return Some(
            "East Asian languages are served in the United States only: use wss://api.us.smallest.ai",
        );
    }
    if INDIA_ONLY.contains(&code) && region == Region::UnitedStates {
        return Some("this language is served in India only: use wss://api.smallest.ai");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aggregator_is_the_language_with_its_code() {
        for aggregator in Aggregator::ALL {
            assert_eq!(Language::from(aggregator).code(), aggregator.code());
            assert_eq!(Language::from_code(aggregator.code()), aggregator.into());
        }
    }

    #[test]
    fn each_endpoint_has_its_own_documented_codes() {
        let english = Language::En;
        let polish = Language::Pl;
        let japanese = Language::Ja;
        for endpoint in [Endpoint::Live, Endpoint::Pulse, Endpoint::Lightning] {
            assert!(is_documented(endpoint, &english));
            assert!(!is_documented(endpoint, &Language::from_code("tlh")));
        }
        assert!(!is_documented(Endpoint::Live, &polish) && is_documented(Endpoint::Lightning, &polish));
        assert!(is_documented(Endpoint::Live, &japanese) && !is_documented(Endpoint::Lightning, &japanese));
        assert_eq!(OLDER.len(), 32);
        assert_eq!(STREAMING.len(), 25);
    }

    #[test]
    fn regions_serve_what_they_are_documented_to_serve() {
        assert!(not_served(Region::Nearest, &Language::Ja).is_some());
        assert!(not_served(Region::UnitedStates, &Language::Ja).is_none());
        assert!(not_served(Region::UnitedStates, &Language::Ta).is_some());
        assert!(not_served(Region::UnitedStates, &Aggregator::HiDev.into()).is_some());
        assert!(not_served(Region::Nearest, &Language::Ta).is_none());
        assert!(not_served(Region::Nearest, &Language::En).is_none());
    }
}
