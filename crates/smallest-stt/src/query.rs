//! Settings as the query of a connection's address.
//!
//! 1. `language`, `encoding`, `sample_rate` and `word_timestamps` are always sent (the documents disagree
//!    about their defaults), `model` where the endpoint takes one, and `finalize_on_words` where it exists.
//! 2. Everything else is sent when it differs from what the service does by itself, and only where the endpoint knows it.
//! 3. Booleans are `true` and `false`: the service compares with `"true"`, so `True` or `1` would be false.
//! 4. `keywords` is left out when empty, `eou_timeout_ms` and `max_words` when unset.

use url::form_urlencoded;
use voxline_audio::{Encoding, SampleRate};

use crate::{
    endpoint::Endpoint,
    settings::{Numerals, SttSettings},
};

pub(crate) type Pairs = Vec<(&'static str, String)>;

/// The encoding's name on the wire.
pub(crate) fn wire_name(encoding: Encoding) -> Option<&'static str> {
    Some(match encoding {
        Encoding::Linear16 => "linear16",
        Encoding::Linear32 => "linear32",
        Encoding::ALaw => "alaw",
        Encoding::MuLaw => "mulaw",
        Encoding::Opus => "opus",
        Encoding::OggOpus => "ogg_opus",
        _ => return None,
    })
}

/// The query's names and values, in a fixed order.
pub(crate) fn pairs(
    endpoint: Endpoint,
    settings: &SttSettings,
    encoding: &'static str,
    rate: SampleRate,
) -> Pairs {
    let mut pairs = Pairs::new();
    if endpoint == Endpoint::Live {
        pairs.push(("model", settings.model.clone()));
    }
    pairs.push(("language", settings.language.code().to_owned()));
    pairs.push(("encoding", encoding.to_owned()));
    pairs.push(("sample_rate", rate.hz().to_string()));
    pairs.push(("word_timestamps", settings.word_timestamps.to_string()));
    switches_everywhere(&mut pairs, endpoint, settings);
    if let Some(milliseconds) = settings.eou_timeout_ms {
        pairs.push(("eou_timeout_ms", milliseconds.to_string()));
    }
    if endpoint != Endpoint::Lightning {
        newer(&mut pairs, settings);
    }
    pairs
}

/// Percent-encodes names and values. A space becomes `%20`, which every server reads as one.
pub(crate) fn encode(pairs: &Pairs) -> String {
    // A plus of the text itself is already `%2B` here.
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', "%20")
}

fn switches_everywhere(pairs: &mut Pairs, endpoint: Endpoint, settings: &SttSettings) {
    let switches = [
        ("full_transcript", settings.full_transcript && endpoint != Endpoint::Pulse),
        ("sentence_timestamps", settings.sentence_timestamps),
        ("redact_pii", settings.redact_pii),
        ("redact_pci", settings.redact_pci),
        ("diarize", settings.diarize),
    ];
    pairs.extend(switches.into_iter().filter(|&(_, on)| on).map(|(name, _)| (name, "true".to_owned())));
    if let Some(numerals) = numerals(endpoint, settings.numerals) {
        pairs.push(("numerals", numerals.to_owned()));
    }
    if !settings.format {
        pairs.push(("format", "false".to_owned()));
    }
}

/// `true`/`false`/`auto` on lightning, `always`/`none` elsewhere, where `auto` is not sent (S-LIGHT, S-STT).
fn numerals(endpoint: Endpoint, numerals: Numerals) -> Option<&'static str> {
    match (endpoint, numerals) {
        (Endpoint::Lightning, Numerals::Auto) => Some("auto"),
        (Endpoint::Lightning, Numerals::Always) => Some("true"),
        (Endpoint::Lightning, Numerals::Never) => Some("false"),
        (_, Numerals::Auto) => None,
        (_, Numerals::Always) => Some("always"),
        (_, Numerals::Never) => Some("none"),
    }
}

fn newer(pairs: &mut Pairs, settings: &SttSettings) {
    pairs.push(("finalize_on_words", settings.finalize_on_words.to_string()));
    let unlike_the_service = [
        ("itn_normalize", settings.itn_normalize, false),
        ("punctuate", settings.punctuate, true),
        ("capitalize", settings.capitalize, true),
        ("endpointing", settings.endpointing, true),
        ("vad_events", settings.vad_events, false),
    ];
    for (name, wanted, of_the_service) in unlike_the_service {
        if wanted != of_the_service {
            pairs.push((name, wanted.to_string()));
        }
    }
    if let Some(words) = settings.max_words {
        pairs.push(("max_words", words.to_string()));
    }
    if !settings.keywords.is_empty() {
        pairs.push(("keywords", settings.keywords.to_string()));
    }
    if let Some(id) = &settings.external_session_id {
        pairs.push(("external_session_id", id.clone()));
    }
}
