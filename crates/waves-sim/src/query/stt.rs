//! The speech-to-text query: everything a client sets before it sends audio.
//!
//! Each field names its parameter. Defaults differ per endpoint as the documents have them.

use std::time::Duration;

use voxline_audio::Encoding;

use super::{Pairs, QueryError};
use crate::Endpoint;

const SAMPLE_RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

/// All codes any of the three documents lists, aggregators included.
const LANGUAGES: [&str; 49] = [
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
    "uk",
    "pl",
    "cs",
    "sk",
    "lv",
    "et",
    "ro",
    "pa",
    "fi",
    "sv",
    "bg",
    "hu",
    "da",
    "lt",
    "mt",
    "hi-dev",
    "north_indic",
    "multi-asian",
    "multi-south-indic",
    "multi-eu",
    "multi",
    "multi-indic",
    "ar",
    "he",
    "tr",
    "vi",
    "id",
    "ms",
];

/// What a speech-to-text client asks for in its query.
#[derive(Clone, Debug, PartialEq)]
pub struct SttQuery {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// `model`, required on `stt/live`: `pulse` or `pulse-2`.
    pub model: Option<String>,
    /// `language`, the endpoint's default when missing.
    pub language: String,
    /// `encoding` of the bytes in binary messages.
    pub encoding: Encoding,
    /// `sample_rate` in hertz.
    pub sample_rate: u32,
    /// `word_timestamps`: default true, on `stt/live` false.
    pub word_timestamps: bool,
    /// `sentence_timestamps`.
    pub sentence_timestamps: bool,
    /// `full_transcript`.
    pub full_transcript: bool,
    /// `redact_pii`.
    pub redact_pii: bool,
    /// `redact_pci`.
    pub redact_pci: bool,
    /// `diarize`.
    pub diarize: bool,
    /// `punctuate`, false when `format` is.
    pub punctuate: bool,
    /// `capitalize`, false when `format` is.
    pub capitalize: bool,
    /// `endpointing`: finals on trailing silence. The older `lightning` always has it.
    pub endpointing: bool,
    /// `endpointing_timeout`: the silence for finals and for `vad_events`, when given.
    pub endpointing_timeout: Option<Duration>,
    /// `eou_timeout_ms`, when given: 100 ms to 10 s.
    pub eou_timeout: Option<Duration>,
    /// `finalize_on_words`.
    pub finalize_on_words: bool,
    /// `max_words`.
    pub max_words: Option<usize>,
    /// `keywords`. An empty value registers one empty keyword, as the service does.
    pub keywords: Vec<Keyword>,
    /// `vad_events`, or its alias `vad`.
    pub vad_events: bool,
}

/// One entry of `keywords`.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyword {
    /// The word or phrase.
    pub phrase: String,
    /// Its boost, 1 when not given.
    pub boost: f64,
}

impl SttQuery {
    /// Reads a query. `strict` refuses what the service silently reads as something else.
    ///
    /// # Errors
    /// The first parameter that is missing, not in its set or out of its range.
    pub fn parse(
        endpoint: Endpoint,
        pairs: &[(String, String)],
        strict: bool,
        max_keywords: usize,
    ) -> Result<Self, QueryError> {
        let pairs = Pairs { pairs, strict };
        let live = endpoint == Endpoint::SttLive;
        let format = pairs.flag("format", true)?;
        let vad_alias = pairs.flag("vad", false)?;
        let encoding = encoding(pairs)?;
        check_session_id(pairs)?;
        Ok(Self {
            endpoint,
            model: model(pairs, live)?,
            language: language(pairs, endpoint)?,
            encoding,
            sample_rate: sample_rate(pairs, encoding)?,
            word_timestamps: pairs.flag("word_timestamps", !live)?,
            sentence_timestamps: pairs.flag("sentence_timestamps", false)?,
            full_transcript: pairs.flag("full_transcript", false)?,
            redact_pii: pairs.flag("redact_pii", false)?,
            redact_pci: pairs.flag("redact_pci", false)?,
            diarize: pairs.flag("diarize", false)?,
            punctuate: pairs.flag("punctuate", true)? && format,
            capitalize: pairs.flag("capitalize", true)? && format,
            endpointing: pairs.flag("endpointing", true)? || endpoint == Endpoint::Lightning,
            endpointing_timeout: pairs.number("endpointing_timeout", 1..=60_000)?.map(Duration::from_millis),
            eou_timeout: pairs.number("eou_timeout_ms", 100..=10_000)?.map(Duration::from_millis),
            finalize_on_words: pairs.flag("finalize_on_words", true)?,
            max_words: pairs.number("max_words", 1..=10_000)?.map(|words| words as usize),
            keywords: keywords(pairs, max_keywords)?,
            vad_events: pairs.flag("vad_events", vad_alias)?,
        })
    }
}

fn model(pairs: Pairs<'_>, required: bool) -> Result<Option<String>, QueryError> {
    let error = |message: &str| Err(QueryError::new("model", message));
    match pairs.text("model") {
        Some(name @ ("pulse" | "pulse-2")) => Ok(Some(name.to_owned())),
        model if !required => Ok(model.map(str::to_owned)),
        None => error("Missing required query parameter: model. Use model=pulse."),
        Some("pulse-pro") => {
            error("Pulse Pro has no streaming transport. Use POST /waves/v1/stt/?model=pulse-pro instead.")
        }
        Some(_) => error("Invalid model. Use model=pulse."),
    }
}

fn language(pairs: Pairs<'_>, endpoint: Endpoint) -> Result<String, QueryError> {
    let default = match endpoint {
        Endpoint::Pulse => "multi-eu",
        Endpoint::Lightning => "en",
        _ => "multi",
    };
    match pairs.text("language") {
        None if pairs.strict => {
            Err(QueryError::new("language", "Missing required query parameter: language."))
        }
        None => Ok(default.to_owned()),
        Some(code) if pairs.strict && !LANGUAGES.contains(&code) => {
            Err(QueryError::new("language", "Unsupported language."))
        }
        Some(code) => Ok(code.to_owned()),
    }
}

fn encoding(pairs: Pairs<'_>) -> Result<Encoding, QueryError> {
    match pairs.text("encoding").unwrap_or("linear16") {
        "linear16" => Ok(Encoding::Linear16),
        "linear32" => Ok(Encoding::Linear32),
        "alaw" => Ok(Encoding::ALaw),
        "mulaw" => Ok(Encoding::MuLaw),
        "opus" => Ok(Encoding::Opus),
        "ogg_opus" => Ok(Encoding::OggOpus),
        _ => {
            let message = "encoding must be one of linear16, linear32, alaw, mulaw, opus, ogg_opus";
            Err(QueryError::new("encoding", message))
        }
    }
}

fn sample_rate(pairs: Pairs<'_>, encoding: Encoding) -> Result<u32, QueryError> {
    let text = pairs.text("sample_rate").unwrap_or("16000");
    let error = |message: &str| Err(QueryError::new("sample_rate", message));
    match text.parse() {
        Ok(rate) if pairs.strict && rate != 8_000 && matches!(encoding, Encoding::ALaw | Encoding::MuLaw) => {
            error("alaw and mulaw need sample_rate=8000")
        }
        Ok(rate) if SAMPLE_RATES.contains(&rate) => Ok(rate),
        _ => error("sample_rate must be one of 8000, 16000, 22050, 24000, 44100, 48000"),
    }
}

fn check_session_id(pairs: Pairs<'_>) -> Result<(), QueryError> {
    let name = "external_session_id";
    match pairs.text(name) {
        Some(id) if !crate::is_external_id(id) => {
            Err(QueryError::new(name, "external_session_id must match ^[a-zA-Z0-9_\\-.]+$, at most 128"))
        }
        _ => Ok(()),
    }
}

fn keywords(pairs: Pairs<'_>, max: usize) -> Result<Vec<Keyword>, QueryError> {
    let Some(text) = pairs.text("keywords") else { return Ok(Vec::new()) };
    let keyword = |entry: &str| match entry.rsplit_once(':').map(|(phrase, boost)| (phrase, boost.parse())) {
        Some((phrase, Ok(boost))) => Keyword { phrase: phrase.to_owned(), boost },
        _ => Keyword { phrase: entry.to_owned(), boost: 1.0 },
    };
    let keywords: Vec<_> = text.split(',').map(keyword).collect();
    if keywords.len() > max {
        return Err(QueryError::new("keywords", format!("at most {max} keywords per session")));
    }
    Ok(keywords)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(endpoint: Endpoint, query: &str) -> Result<SttQuery, QueryError> {
        parse_with(endpoint, query, false)
    }

    fn parse_with(endpoint: Endpoint, query: &str, strict: bool) -> Result<SttQuery, QueryError> {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        SttQuery::parse(endpoint, &pairs, strict, 100)
    }

    #[test]
    fn defaults_are_those_of_each_endpoint() {
        let live = parse(Endpoint::SttLive, "model=pulse").unwrap();
        let pulse = parse(Endpoint::Pulse, "").unwrap();
        let lightning = parse(Endpoint::Lightning, "").unwrap();
        assert_eq!(
            [live.word_timestamps, pulse.word_timestamps, lightning.word_timestamps],
            [false, true, true]
        );
        assert_eq!([&live.language, &pulse.language, &lightning.language], ["multi", "multi-eu", "en"]);
        assert_eq!((live.encoding, live.sample_rate), (Encoding::Linear16, 16_000));
        assert!(live.endpointing && live.finalize_on_words && live.punctuate && live.capitalize);
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        for (query, parameter) in [
            ("", "model"),
            ("model=nova", "model"),
            ("model=pulse-pro", "model"),
            ("model=pulse&encoding=mp3", "encoding"),
            ("model=pulse&sample_rate=12345", "sample_rate"),
            ("model=pulse&eou_timeout_ms=0", "eou_timeout_ms"),
            ("model=pulse&eou_timeout_ms=10001", "eou_timeout_ms"),
            ("model=pulse&max_words=none", "max_words"),
            ("model=pulse&external_session_id=a+b", "external_session_id"),
        ] {
            assert_eq!(parse(Endpoint::SttLive, query).unwrap_err().parameter, parameter, "{query}");
        }
    }

    #[test]
    fn strict_reading_refuses_what_is_otherwise_read_as_false_or_default() {
        for (query, parameter) in [
            ("diarize=True&language=en", "diarize"),
            ("diarize=1&language=en", "diarize"),
            ("", "language"),
            ("language=tlh", "language"),
            ("language=en&encoding=mulaw&sample_rate=16000", "sample_rate"),
        ] {
            assert_eq!(parse_with(Endpoint::Pulse, query, true).unwrap_err().parameter, parameter, "{query}");
            assert!(!parse(Endpoint::Pulse, query).unwrap().diarize, "{query}");
        }
    }

    #[test]
    fn keywords_are_split_into_phrases_and_boosts() {
        let query = parse(Endpoint::Pulse, "keywords=NPCI%3A2%2Csmall+model%3A1.5%2Cna%C3%AFve").unwrap();
        let keyword = |phrase: &str, boost| Keyword { phrase: phrase.to_owned(), boost };
        assert_eq!(
            query.keywords,
            [keyword("NPCI", 2.0), keyword("small model", 1.5), keyword("naïve", 1.0)]
        );
        assert_eq!(parse(Endpoint::Pulse, "keywords=").unwrap().keywords, [keyword("", 1.0)]);
        let many = format!("keywords={}", vec!["a"; 101].join(","));
        assert_eq!(parse(Endpoint::Pulse, &many).unwrap_err().parameter, "keywords");
    }

    #[test]
    fn format_forces_punctuation_and_case_off_and_vad_is_an_alias() {
        let query = parse(Endpoint::Pulse, "format=false&punctuate=true&vad=true").unwrap();
        assert!(!query.punctuate && !query.capitalize && query.vad_events);
        assert!(!parse(Endpoint::Pulse, "vad=true&vad_events=false").unwrap().vad_events);
    }

    #[test]
    fn unknown_names_are_ignored() {
        assert_eq!(parse(Endpoint::Pulse, "punctuation=yes"), parse(Endpoint::Pulse, ""));
    }
}
