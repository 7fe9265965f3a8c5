//! Addresses, headers and keys: what `TtsConfig` makes of what people write.

use std::time::Duration;

use smallest_tts::{ConfigError, Endpoint, Model, SmallestTts, TtsConfig, TtsSettings};
use voxline_audio::SampleRate;

fn at(base_url: &str) -> TtsConfig {
    let mut config = TtsConfig::new("sk_sesame");
    config.base_url = base_url.into();
    config
}

fn url(base_url: &str, model: Model) -> String {
    at(base_url).url(&TtsSettings { model, ..TtsSettings::default() }).expect("a usable address")
}

#[test]
fn w02_w55_each_model_leads_to_its_path() {
    let host = "wss://api.smallest.ai";
    for (model, path) in [
        (Model::LightningV31, "tts/live"),
        (Model::LightningV31Pro, "tts/live"),
        (Model::Other("lightning_v4".into()), "tts/live"),
        (Model::LightningV2, "lightning-v2/get_speech/stream"),
    ] {
        assert_eq!(url(host, model), format!("{host}/waves/v1/{path}?timeout=60"));
    }
}

#[test]
fn w02_a_trailing_slash_makes_no_difference() {
    for base in ["ws://localhost:9", "ws://localhost:9/", "ws://localhost:9//"] {
        assert_eq!(url(base, Model::LightningV31), "ws://localhost:9/waves/v1/tts/live?timeout=60");
    }
}

#[test]
fn a_path_in_the_base_url_is_kept() {
    for (base, root) in [
        ("wss://proxy.example/voice", "wss://proxy.example/voice/waves/v1"),
        ("wss://proxy.example/voice/waves/v1/", "wss://proxy.example/voice/waves/v1"),
        ("wss://[::1]:8/x", "wss://[::1]:8/x/waves/v1"),
    ] {
        assert_eq!(url(base, Model::LightningV31), format!("{root}/tts/live?timeout=60"));
    }
}

#[test]
fn the_old_host_gets_the_old_paths() {
    let old = "wss://waves-api.smallest.ai/api/v1";
    assert_eq!(url(old, Model::LightningV31), format!("{old}/lightning-v3.1/get_speech/stream?timeout=60"));
    assert_eq!(url(old, Model::LightningV2), format!("{old}/lightning-v2/get_speech/stream?timeout=60"));
}

#[test]
fn a_forced_endpoint_is_used_with_hyphens_in_its_path() {
    let mut config = at("wss://api.smallest.ai");
    config.endpoint = Some(Endpoint::V31);
    let settings = TtsSettings { model: Model::from_name("lightning_v3.1"), ..TtsSettings::default() };
    assert_eq!(
        config.url(&settings).unwrap(),
        "wss://api.smallest.ai/waves/v1/lightning-v3.1/get_speech/stream?timeout=60"
    );
}

#[test]
fn w18_http_becomes_ws() {
    assert!(url("https://api.smallest.ai", Model::LightningV31).starts_with("wss://api.smallest.ai/"));
    assert!(url("http://127.0.0.1:80", Model::LightningV31).starts_with("ws://127.0.0.1/"));
}

#[test]
fn w17_clear_text_leads_to_this_machine_only_unless_allowed() {
    for base in
        ["ws://api.smallest.ai", "http://10.0.0.1:8080", "ws://localhost.example.com", "ws://[2001:db8::1]"]
    {
        assert!(matches!(at(base).check(), Err(ConfigError::ClearText { .. })), "{base}");
        let mut allowed = at(base);
        allowed.allow_clear_text = true;
        assert!(allowed.check().is_ok(), "{base}");
    }
    for base in ["ws://localhost:1", "ws://127.0.0.2:1", "ws://[::1]:1", "ws://sim.localhost"] {
        assert!(at(base).check().is_ok(), "{base}");
    }
}

#[test]
fn base_urls_that_cannot_be_used_are_refused_with_a_reason_that_holds_no_secret() {
    for base in [
        "",
        "api.smallest.ai",
        "ftp://api.smallest.ai",
        "wss://",
        "wss://user:sesame@host",
        "wss://host/?token=sesame",
        "wss://host/#sesame",
        "wss://host:99999",
    ] {
        let error = at(base).check().unwrap_err();
        assert!(matches!(error, ConfigError::BaseUrl { .. }), "{base}: {error}");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}

#[test]
fn w01_the_key_is_shown_nowhere() {
    let config = at("wss://api.smallest.ai");
    let tts = SmallestTts::with_config(config.clone());
    let shown = format!("{config:?} {tts:?} {}", config.url(&TtsSettings::default()).unwrap());
    assert!(!shown.contains("sesame"), "{shown}");
}

#[test]
fn a_missing_or_unusable_key_is_refused_before_any_connect() {
    for key in ["", "  \n"] {
        assert!(matches!(TtsConfig::new(key).check(), Err(ConfigError::NoKey { .. })));
    }
    for key in ["sk_ses ame", "sk_ses\r\nX: y", "sk_ключ"] {
        assert_eq!(TtsConfig::new(key).check(), Err(ConfigError::UnusableKey));
    }
    assert!(TtsConfig::new(" sk_sesame\n").check().is_ok(), "a copied line break does no harm");
}

#[test]
fn w58_the_service_is_asked_for_the_pipelines_rate_or_the_next_higher() {
    let config = TtsConfig::new("sk_x");
    for (pipeline, service) in [
        (8_000, 8_000),
        (16_000, 16_000),
        (24_000, 24_000),
        (44_100, 44_100),
        (11_025, 16_000),
        (22_050, 24_000),
        (32_000, 44_100),
        (48_000, 44_100),
    ] {
        assert_eq!(config.service_rate(SampleRate::new(pipeline).unwrap()).hz(), service, "{pipeline}");
    }
}

#[test]
fn w58_a_rate_the_service_does_not_have_is_refused() {
    let tts = SmallestTts::new("sk_x").with_sample_rate(SampleRate::HZ_48000);
    assert!(matches!(tts.check(), Err(ConfigError::SampleRate { .. })));
    assert!(SmallestTts::new("sk_x").with_sample_rate(SampleRate::HZ_8000).check().is_ok());
}

#[test]
fn w65_a_session_id_the_service_would_refuse_is_refused_here() {
    for (id, good) in
        [("call-1_a.B", true), ("", false), ("a b", false), ("é", false), (&*"x".repeat(129), false)]
    {
        let mut config = TtsConfig::new("sk_x");
        config.session_id = Some(id.into());
        assert_eq!(config.check().is_ok(), good, "{id}");
    }
}

#[test]
fn the_idle_timeout_is_in_the_address_within_what_the_socket_takes() {
    let settings = |model, seconds| TtsSettings {
        model,
        idle_timeout: Duration::from_secs(seconds),
        ..TtsSettings::default()
    };
    let config = at("wss://h");
    for (model, asked, sent) in [
        (Model::LightningV31, 5, 5),
        (Model::LightningV31, 999, 999),
        (Model::LightningV2, 5, 20),
        (Model::LightningV2, 45, 45),
        (Model::LightningV2, 999, 60),
    ] {
        let url = config.url(&settings(model, asked)).unwrap();
        assert!(url.ends_with(&format!("?timeout={sent}")), "{url}");
    }
}

#[test]
fn models_are_known_in_both_spellings_and_written_as_each_place_wants() {
    for (name, model) in [
        ("lightning-v3.1", Model::LightningV31),
        ("lightning_v3.1", Model::LightningV31),
        ("Lightning-v3.1-pro", Model::LightningV31Pro),
        ("lightning_v2", Model::LightningV2),
        (" lightning-v2 ", Model::LightningV2),
    ] {
        assert_eq!(Model::from_name(name), model);
    }
    let other = Model::from_name("lightning-v4_x");
    assert_eq!(
        (other.field_name().as_str(), other.url_name().as_str()),
        ("lightning_v4_x", "lightning-v4-x")
    );
}

#[test]
fn defaults_are_the_documents() {
    let settings = TtsSettings::default();
    assert_eq!(
        (settings.model.name(), settings.voice.as_str(), settings.language.code()),
        ("lightning_v3.1", "sophia", "en")
    );
    assert_eq!(
        (settings.speed, settings.consistency, settings.similarity, settings.enhancement),
        (None, None, None, None)
    );
    assert!(settings.complete_backoff_ms < 1_000);
    assert!(SmallestTts::new("sk_x").check().is_ok());
}
