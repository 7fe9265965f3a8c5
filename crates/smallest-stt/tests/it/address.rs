//! Where a connection leads and what it is asked for.

use smallest_stt::{Aggregator, Endpoint, Keywords, Numerals, SttConfig, SttError, SttSettings};
use voxline_audio::{Encoding, SampleRate};
use voxline_core::frame::Language;

use crate::support::{KEY, Rig, config};

fn url_with(change: impl FnOnce(&mut SttConfig)) -> Result<String, SttError> {
    let mut config = config();
    change(&mut config);
    Ok(Rig::try_with(config, SttSettings::default())?.requests[&1].url.clone())
}

fn rig_at(endpoint: Endpoint, settings: SttSettings) -> Rig {
    let mut config = config();
    config.endpoint = endpoint;
    Rig::with(config, settings)
}

fn settings(change: impl FnOnce(&mut SttSettings)) -> SttSettings {
    let mut settings = SttSettings::default();
    change(&mut settings);
    settings
}

type Change = fn(&mut SttSettings);

#[test]
fn w01_the_key_stands_in_the_authorization_header_and_nowhere_else() {
    let mut rig = Rig::new();
    let request = rig.requests[&1].clone();
    assert!(request.headers.contains(&("Authorization", format!("Bearer {KEY}"))));
    assert_eq!(request.headers.iter().filter(|(_, value)| value.contains(KEY)).count(), 1);
    assert!(!request.url.contains(KEY));
    rig.failed(
        1,
        voxline_wire::ConnectError::Refused {
            status: 401,
            body: format!("bad key {KEY}"),
            retry_after: None,
        },
    );
    let shown = format!("{:?} {:?} {} {:?}", rig.session, rig.events, rig.log(), config());
    assert!(rig.fatal().unwrap().contains("(hidden)"));
    assert!(!shown.replace(&format!("bad key {KEY}"), "").contains(KEY), "the key is shown");
    assert!(!format!("{:?}", rig.events).contains(KEY));
}

#[test]
fn w01_a_key_that_cannot_be_a_header_is_refused_without_being_shown() {
    for key in ["", "  ", "a b", "\"quoted\"", "line\nbreak", "ключ"] {
        let error = Rig::try_with(SttConfig::new(key), SttSettings::default()).err().unwrap();
        assert!(key.trim().is_empty() || !format!("{error} {error:?}").contains(key.trim()), "{error}");
    }
}

#[test]
fn w02_each_endpoint_has_its_path_with_and_without_a_trailing_slash() {
    for (endpoint, path) in [
        (Endpoint::Live, "/waves/v1/stt/live"),
        (Endpoint::Pulse, "/waves/v1/pulse/get_text"),
        (Endpoint::Lightning, "/waves/v1/lightning/get_text"),
    ] {
        for (base, prefix) in [
            ("wss://api.smallest.ai", ""),
            ("wss://api.smallest.ai/", ""),
            ("wss://proxy.example/speech", "/speech"),
            ("wss://proxy.example:8443/speech/in/", "/speech/in"),
        ] {
            let url = url_with(|config| {
                config.endpoint = endpoint;
                config.base_url = base.into();
            });
            assert_eq!(url::Url::parse(&url.unwrap()).unwrap().path(), format!("{prefix}{path}"), "{base}");
        }
    }
}

#[test]
fn w03_only_the_live_endpoint_is_given_a_model() {
    assert_eq!(rig_at(Endpoint::Live, SttSettings::default()).query(1, "model").unwrap(), "pulse");
    assert_eq!(rig_at(Endpoint::Pulse, SttSettings::default()).query(1, "model"), None);
    assert_eq!(rig_at(Endpoint::Lightning, SttSettings::default()).query(1, "model"), None);
}

#[test]
fn w04_every_value_survives_the_address() {
    let keywords = Keywords::new().with("naïve & co").unwrap().with_boost("a+b=c?#%", 2.5).unwrap();
    let rig = Rig::with_settings(settings(|settings| settings.keywords = keywords.clone()));
    assert_eq!(rig.query(1, "keywords").unwrap(), "naïve & co,a+b=c?#%:2.5");
    assert_eq!(rig.query(1, "keywords").unwrap().parse::<Keywords>().unwrap(), keywords);
    assert!(!rig.requests[&1].url.contains('+'), "a plus would be read as one by some servers");
}

#[test]
fn w05_w06_booleans_and_numbers_are_plain() {
    let rig = Rig::with_settings(settings(|settings| {
        settings.diarize = true;
        settings.punctuate = false;
        settings.eou_timeout_ms = Some(1200);
        settings.max_words = Some(12);
    }));
    for (name, value) in
        [("diarize", "true"), ("punctuate", "false"), ("eou_timeout_ms", "1200"), ("max_words", "12")]
    {
        assert_eq!(rig.query(1, name).as_deref(), Some(value), "{name}");
    }
}

#[test]
fn w07_what_the_documents_disagree_about_is_always_sent() {
    for endpoint in [Endpoint::Live, Endpoint::Pulse, Endpoint::Lightning] {
        let rig = rig_at(endpoint, SttSettings::default());
        for (name, value) in [
            ("language", "en"),
            ("encoding", "linear16"),
            ("sample_rate", "8000"),
            ("word_timestamps", "false"),
        ] {
            assert_eq!(rig.query(1, name).as_deref(), Some(value), "{name} at {endpoint:?}");
        }
    }
}

#[test]
fn w08_what_is_empty_or_unset_is_left_out() {
    let rig = Rig::new();
    let unset = ["keywords", "eou_timeout_ms", "max_words", "external_session_id", "numerals", "format"];
    for name in unset {
        assert_eq!(rig.query(1, name), None, "{name}");
    }
    assert_eq!(rig.query(1, "finalize_on_words").unwrap(), "false");
}

#[test]
fn w09_values_that_cannot_work_are_refused_before_connecting() {
    let bad: [(&str, Change); 9] = [
        ("eou_timeout_ms", |settings| settings.eou_timeout_ms = Some(0)),
        ("eou_timeout_ms", |settings| settings.eou_timeout_ms = Some(99)),
        ("eou_timeout_ms", |settings| settings.eou_timeout_ms = Some(10_001)),
        ("max_words", |settings| settings.max_words = Some(0)),
        ("model", |settings| settings.model = "pulse-pro".into()),
        ("model", |settings| settings.model = String::new()),
        ("language", |settings| settings.language = Language::from_code("e n")),
        ("external_session_id", |settings| settings.external_session_id = Some("a b".into())),
        ("external_session_id", |settings| settings.external_session_id = Some("x".repeat(129))),
    ];
    for (field, change) in bad {
        match Rig::try_with(config(), settings(change)).err() {
            Some(SttError::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    for good in [100, 10_000] {
        let rig = Rig::with_settings(settings(|settings| settings.eou_timeout_ms = Some(good)));
        assert_eq!(rig.query(1, "eou_timeout_ms"), Some(good.to_string()));
    }
}

#[test]
fn w16_the_source_header_can_be_set_and_turned_off() {
    let header = |source: Option<&str>| {
        let mut config = config();
        config.source = source.map(Into::into);
        let rig = Rig::with(config, SttSettings::default());
        let headers = &rig.requests[&1].headers;
        headers.iter().find(|(name, _)| *name == "X-Source").map(|(_, value)| value.clone())
    };
    assert_eq!(header(Some("my-app")).as_deref(), Some("my-app"));
    assert_eq!(header(None), None);
    assert!(url_with(|config| config.source = Some("a\r\nb".into())).is_err());
}

#[test]
fn w17_clear_text_stays_on_this_machine_unless_allowed() {
    for base in ["ws://localhost:1", "ws://127.0.0.1:1", "ws://[::1]:1", "http://a.localhost"] {
        let url = url_with(|config| config.base_url = base.into()).unwrap();
        assert!(url.starts_with("ws://"), "{url}");
    }
    let far = |allow| {
        url_with(|config| {
            config.base_url = "ws://10.0.0.1:80".into();
            config.allow_clear_text = allow;
        })
    };
    assert!(matches!(far(false), Err(SttError::Invalid { field: "base_url", .. })));
    assert!(far(true).unwrap().starts_with("ws://10.0.0.1"));
    assert!(Rig::new().requests[&1].url.starts_with("wss://api.smallest.ai/"));
}

#[test]
fn w18_other_spellings_of_the_base_url_are_understood() {
    for (base, expected) in [
        ("https://host.example", "wss://host.example/waves/v1/stt/live"),
        ("HTTPS://host.example", "wss://host.example/waves/v1/stt/live"),
        ("host.example:444/x", "wss://host.example:444/x/waves/v1/stt/live"),
        ("http://localhost:80", "ws://localhost/waves/v1/stt/live"),
    ] {
        let url = url_with(|config| config.base_url = base.into()).unwrap();
        assert!(url.starts_with(expected), "{base}: {url}");
    }
    for base in
        ["", "ftp://host", "wss://user:sesame@host", "wss://host?token=sesame", "wss://host#x", "wss://"]
    {
        let error = url_with(|config| config.base_url = base.into()).unwrap_err();
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}

#[test]
fn each_endpoint_is_sent_what_it_knows() {
    let everything = || {
        settings(|settings| {
            settings.full_transcript = true;
            settings.sentence_timestamps = true;
            settings.numerals = Numerals::Always;
            settings.itn_normalize = true;
            settings.vad_events = true;
            settings.external_session_id = Some("call-1".into());
        })
    };
    let live = rig_at(Endpoint::Live, everything());
    assert_eq!(live.query(1, "numerals").unwrap(), "always");
    assert_eq!(live.query(1, "full_transcript").unwrap(), "true");
    assert_eq!(live.query(1, "external_session_id").unwrap(), "call-1");
    let pulse = rig_at(Endpoint::Pulse, everything());
    assert_eq!(pulse.query(1, "full_transcript"), None);
    assert_eq!(pulse.query(1, "vad_events").unwrap(), "true");
    let lightning = rig_at(Endpoint::Lightning, everything());
    assert_eq!(lightning.query(1, "numerals").unwrap(), "true");
    for name in ["itn_normalize", "vad_events", "external_session_id", "finalize_on_words"] {
        assert_eq!(lightning.query(1, name), None, "{name}");
    }
}

#[test]
fn languages_are_held_to_their_regions_on_the_hosts_of_the_vendor_only() {
    let at = |base: &str, language: Language| {
        let mut config = config();
        config.base_url = base.into();
        Rig::try_with(config, settings(|settings| settings.language = language)).map(|_| ())
    };
    let (nearest, states, own) = ("api.smallest.ai", "api.us.smallest.ai", "proxy.example");
    for language in [Language::Ja, Language::Zh, Aggregator::MultiAsian.into()] {
        assert!(matches!(at(nearest, language.clone()), Err(SttError::Region { .. })), "{language}");
        assert!(at(states, language.clone()).is_ok() && at(own, language).is_ok());
    }
    for language in [Language::Ta, Aggregator::HiDev.into(), Aggregator::MultiSouthIndic.into()] {
        assert!(matches!(at(states, language.clone()), Err(SttError::Region { .. })), "{language}");
        assert!(at(nearest, language.clone()).is_ok() && at(own, language).is_ok());
    }
    assert!(at(nearest, Language::from_code("tlh")).is_ok());
}

#[test]
fn the_rate_is_the_pipelines_where_the_service_knows_it() {
    let rate = |pipeline: u32, encoding| {
        let mut config = config();
        (config.sample_rate, config.encoding) = (None, encoding);
        let (pipeline, counters) = (SampleRate::new(pipeline).unwrap(), Default::default());
        let now = std::time::Instant::now();
        let mut session = smallest_stt::session::SttSession::new(
            &config,
            SttSettings::default(),
            pipeline,
            counters,
            0,
            now,
        )
        .unwrap();
        let Some(voxline_wire::Transmit::Connect(_, request)) =
            voxline_wire::Session::poll_transmit(&mut session)
        else {
            panic!("no connect");
        };
        let url = url::Url::parse(&request.url).unwrap();
        url.query_pairs().find(|(name, _)| name == "sample_rate").unwrap().1.into_owned()
    };
    assert_eq!(rate(24_000, Encoding::Linear16), "24000");
    assert_eq!(rate(32_000, Encoding::Linear16), "44100");
    assert_eq!(rate(96_000, Encoding::Linear32), "48000");
    assert_eq!(rate(16_000, Encoding::MuLaw), "8000");
    let explicit = url_with(|config| config.sample_rate = SampleRate::new(32_000));
    assert!(matches!(explicit, Err(SttError::Invalid { field: "sample_rate", .. })));
}
