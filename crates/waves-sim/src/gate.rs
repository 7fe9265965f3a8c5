//! Who may come in: the decision about one upgrade request.
//!
//! In: the request's head, the configuration and how many sockets are open. Out: a [`Verdict`].
//! Order: path, key, retirement, query, upgrade, limits, region. Pure.

use serde_json::json;

use crate::config::{OverLimit, Region, SimConfig};
use crate::http::{Refusal, RequestHead};
use crate::{Direction, Endpoint, SttQuery, TtsQuery};

/// Languages only the US host serves.
const EAST_ASIAN: [&str; 5] = ["zh", "yue", "ja", "ko", "multi-asian"];

/// Languages only the Indian host serves.
const SOUTH_INDIC: [&str; 6] = ["ta", "te", "kn", "ml", "multi-south-indic", "hi-dev"];

/// Open sockets by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenSockets {
    pub(crate) stt: usize,
    pub(crate) tts: usize,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Refuse(Refusal),
    /// Upgrade, with this WebSocket key.
    Admit {
        key: String,
        admission: Admission,
    },
}

/// What an upgraded connection is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Admission {
    Stt(SttQuery),
    Tts(TtsQuery),
    /// Upgraded only to be closed.
    Close {
        error: Option<serde_json::Value>,
        code: u16,
        reason: &'static str,
    },
    /// Upgraded only to be dropped without a frame.
    Drop,
}

/// Decides about one request. `api_key` is the key in force.
pub(crate) fn decide(config: &SimConfig, api_key: &str, open: OpenSockets, head: &RequestHead) -> Verdict {
    match admit(config, api_key, open, head) {
        Ok((key, admission)) => Verdict::Admit { key, admission },
        Err(refusal) => Verdict::Refuse(refusal),
    }
}

/// The endpoint a request is for.
pub(crate) fn endpoint(config: &SimConfig, head: &RequestHead) -> Option<Endpoint> {
    Endpoint::at(head.path.strip_prefix(config.path_prefix.trim_end_matches('/'))?)
}

fn admit(
    config: &SimConfig,
    api_key: &str,
    open: OpenSockets,
    head: &RequestHead,
) -> Result<(String, Admission), Refusal> {
    let endpoint = endpoint(config, head)
        .ok_or_else(|| Refusal::new(404, json!({"error": "Not found", "message": "no such endpoint"})))?;
    if !is_authorized(config, api_key, head) {
        let message = "Bearer token is missing or invalid.";
        return Err(Refusal::new(401, json!({"error": "Unauthorized", "message": message})));
    }
    if config.retired.contains(&endpoint) {
        return Err(retired(endpoint));
    }
    let strict = config.strict_query;
    let query = match endpoint.direction() {
        Direction::SpeechToText => {
            SttQuery::parse(endpoint, &head.query, strict, config.limits.keywords).map(Admission::Stt)
        }
        Direction::TextToSpeech => TtsQuery::parse(endpoint, &head.query, strict).map(Admission::Tts),
    };
    let admission = query.map_err(|error| Refusal::new(400, json!({"error": error.message})))?;
    let key = head.websocket_key().ok_or_else(|| {
        Refusal::new(426, json!({"error": "This endpoint is simulated for WebSockets only"}))
    })?;
    let admission = limited(config, open, endpoint, admission)?;
    Ok((key.to_owned(), regional(config.region, admission)))
}

fn is_authorized(config: &SimConfig, api_key: &str, head: &RequestHead) -> bool {
    let by_header = head.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let by_query = || {
        let is_key = |(name, value): &(String, String)| {
            matches!(name.as_str(), "token" | "api_key") && value == api_key
        };
        config.accept_query_key && head.query.iter().any(is_key)
    };
    by_header == Some(api_key) || by_query()
}

fn retired(endpoint: Endpoint) -> Refusal {
    let recommended = match endpoint.direction() {
        Direction::SpeechToText => Endpoint::SttLive.path(),
        Direction::TextToSpeech => Endpoint::TtsLive.path(),
    };
    let body = json!({
        "error": "This model is no longer available.",
        "error_code": "MODEL_DEPRECATED",
        "recommended_endpoint": recommended,
    });
    Refusal::new(410, body)
}

fn limited(
    config: &SimConfig,
    open: OpenSockets,
    endpoint: Endpoint,
    admission: Admission,
) -> Result<Admission, Refusal> {
    let limits = &config.limits;
    let (over, form) = match endpoint.direction() {
        Direction::SpeechToText => (open.stt >= limits.stt_connections, limits.stt_over_limit),
        Direction::TextToSpeech => (open.tts >= limits.tts_connections, limits.tts_over_limit),
    };
    match form {
        _ if !over => Ok(admission),
        OverLimit::Close1008 => {
            Ok(Admission::Close { error: None, code: 1008, reason: "concurrency_limit_reached" })
        }
        OverLimit::Http429 => {
            let body = json!({"error": "Rate limit exceeded: too many concurrent connections"});
            Err(Refusal { retry_after: Some(1), ..Refusal::new(429, body) })
        }
    }
}

/// Languages a host does not serve, and models that speak only English.
fn regional(region: Region, admission: Admission) -> Admission {
    let Admission::Stt(query) = &admission else { return admission };
    let language = query.language.as_str();
    match region {
        Region::India if EAST_ASIAN.contains(&language) => Admission::Drop,
        Region::UnitedStates if SOUTH_INDIC.contains(&language) => {
            let message = format!("Language {language} is not enabled in this region");
            let error_code = "LANGUAGE_NOT_ENABLED_IN_REGION";
            let error = json!({"type": "error", "error_code": error_code, "message": message});
            Admission::Close { error: Some(error), code: 1000, reason: "" }
        }
        _ if query.model.as_deref() == Some("pulse-2") && language != "en" => {
            Admission::Close { error: None, code: 1000, reason: "" }
        }
        _ => admission,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk_right";

    fn head(path: &str, authorization: &str) -> RequestHead {
        let text = format!(
            "GET {path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: {authorization}\r\n\r\n"
        );
        RequestHead::parse(text.as_bytes()).unwrap()
    }

    fn status(config: &SimConfig, open: OpenSockets, path: &str, authorization: &str) -> u16 {
        match decide(config, KEY, open, &head(path, authorization)) {
            Verdict::Refuse(refusal) => refusal.status,
            Verdict::Admit { .. } => 101,
        }
    }

    const LIVE: &str = "/waves/v1/stt/live?model=pulse&language=en";

    #[test]
    fn the_key_must_be_exact() {
        let config = SimConfig::default();
        let status = |authorization| status(&config, OpenSockets::default(), LIVE, authorization);
        assert_eq!(status("Bearer sk_right"), 101);
        for wrong in [
            "",
            "Bearer",
            "Bearer sk_wrong",
            "Bearer  sk_right",
            "bearer sk_right",
            "Bearer \"sk_right\"",
            "sk_right",
        ] {
            assert_eq!(status(wrong), 401, "{wrong:?}");
        }
    }

    #[test]
    fn a_key_in_the_query_counts_only_when_allowed() {
        let path = format!("{LIVE}&api_key=sk_right");
        let allowing = SimConfig { accept_query_key: true, ..SimConfig::default() };
        assert_eq!(status(&SimConfig::default(), OpenSockets::default(), &path, ""), 401);
        assert_eq!(status(&allowing, OpenSockets::default(), &path, ""), 101);
    }

    #[test]
    fn unknown_paths_bad_queries_and_retired_models_have_their_statuses() {
        let config = SimConfig { retired: vec![Endpoint::LightningV2], ..SimConfig::default() };
        for (path, expected) in [
            ("/", 404),
            ("/waves/v1/stt/", 404),
            ("/waves/v1/stt/live", 400),
            ("/waves/v1/pulse/get_text?eou_timeout_ms=0", 400),
            ("/waves/v1/tts/live?timeout=0", 400),
            ("/waves/v1/lightning-v2/get_speech/stream", 410),
            ("/api/v1/lightning-v3.1/get_speech/stream", 101),
        ] {
            assert_eq!(status(&config, OpenSockets::default(), path, "Bearer sk_right"), expected, "{path}");
        }
    }

    #[test]
    fn a_prefix_is_required_once_it_is_set() {
        let config = SimConfig { path_prefix: "/voice/".to_owned(), ..SimConfig::default() };
        let status = |path: &str| status(&config, OpenSockets::default(), path, "Bearer sk_right");
        assert_eq!(status("/voice/waves/v1/tts/live"), 101);
        assert_eq!(status("/waves/v1/tts/live"), 404);
    }

    #[test]
    fn over_the_limit_each_direction_is_refused_in_its_form() {
        let config = SimConfig::default();
        let full = OpenSockets { stt: 100, tts: 5 };
        assert_eq!(status(&config, full, "/waves/v1/tts/live", "Bearer sk_right"), 429);
        let verdict = decide(&config, KEY, full, &head(LIVE, "Bearer sk_right"));
        let Verdict::Admit { admission: Admission::Close { code, reason, .. }, .. } = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!((code, reason), (1008, "concurrency_limit_reached"));
    }

    #[test]
    fn regions_serve_their_languages() {
        let admitted = |region, query: &str| {
            let config = SimConfig { region, ..SimConfig::default() };
            let path = format!("/waves/v1/stt/live?{query}");
            match decide(&config, KEY, OpenSockets::default(), &head(&path, "Bearer sk_right")) {
                Verdict::Admit { admission, .. } => admission,
                refused => panic!("{refused:?}"),
            }
        };
        let japanese = "model=pulse&language=ja";
        assert_eq!(admitted(Region::India, japanese), Admission::Drop);
        assert!(matches!(admitted(Region::UnitedStates, japanese), Admission::Stt(_)));
        let tamil = admitted(Region::UnitedStates, "model=pulse&language=ta");
        assert!(matches!(tamil, Admission::Close { error: Some(_), .. }));
        let pulse_2 = admitted(Region::Anywhere, "model=pulse-2&language=hi");
        assert!(matches!(pulse_2, Admission::Close { error: None, .. }));
    }
}
