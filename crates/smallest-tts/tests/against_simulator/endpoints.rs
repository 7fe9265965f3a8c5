//! The three endpoints, base addresses, and who may enter.

use smallest_tts::{Endpoint, Model, TtsSettings};
use voxline_core::{ErrorCategory, service::TtsEvent};
use voxline_waves_sim::{Endpoint as SimEndpoint, SimConfig};

use crate::support::{Call, chain, quick};

const TEXT: &str = "Hello from here.";

#[tokio::test]
async fn w55_every_endpoint_speaks_in_its_own_form() {
    for (model, endpoint, path) in [
        (Model::LightningV31, None, "/waves/v1/tts/live"),
        (Model::LightningV31Pro, None, "/waves/v1/tts/live"),
        (Model::LightningV31, Some(Endpoint::V31), "/waves/v1/lightning-v3.1/get_speech/stream"),
        (Model::LightningV2, None, "/waves/v1/lightning-v2/get_speech/stream"),
    ] {
        let mut sim = quick();
        sim.strict_query = true;
        let settings = TtsSettings { model, ..TtsSettings::default() };
        let mut call = Call::with(sim, |config| config.endpoint = endpoint, settings).await;
        call.speak(1, TEXT).await;
        call.speak(1, "And on.").await;
        call.finish(1).await;
        call.over(1).await.unwrap();
        assert_eq!(call.heard(1), format!("{TEXT} And on."), "{path}");
        let (opened, headers) = call.opened().remove(0);
        assert_eq!(opened, path);
        assert_eq!(headers.get("x-source").map(String::as_str), Some("voxline"));
        assert_eq!(call.requests()[0].get("model").is_some(), path.ends_with("tts/live"));
        call.end().await.unwrap();
        assert_eq!(call.errors(), [""; 0], "{path}");
    }
}

#[tokio::test]
async fn w16_the_source_header_can_be_turned_off() {
    let mut call = Call::with(quick(), |config| config.source = None, TtsSettings::default()).await;
    call.say(1, TEXT).await;
    call.over(1).await.unwrap();
    assert!(!call.opened()[0].1.contains_key("x-source"));
    call.end().await.unwrap();
}

#[tokio::test]
async fn a_path_prefix_and_the_old_root_lead_to_the_service() {
    let sim = SimConfig { path_prefix: "/voice".into(), ..quick() };
    let mut call = Call::with(sim, |config| config.base_url.push('/'), TtsSettings::default()).await;
    call.say(1, TEXT).await;
    call.over(1).await.unwrap();
    assert_eq!(call.opened()[0].0, "/voice/waves/v1/tts/live");
    call.end().await.unwrap();

    let mut call =
        Call::with(quick(), |config| config.base_url.push_str("/api/v1"), TtsSettings::default()).await;
    call.say(1, TEXT).await;
    call.over(1).await.unwrap();
    assert_eq!(call.opened()[0].0, "/api/v1/lightning-v3.1/get_speech/stream");
    call.end().await.unwrap();
}

#[tokio::test]
async fn w10_a_wrong_key_ends_the_service_with_a_typed_error() {
    let mut call =
        Call::with(quick(), |config| config.api_key = "sk_sesame".into(), TtsSettings::default()).await;
    call.say(1, TEXT).await;
    let error = call.ended().await.unwrap_err();
    assert_eq!((error.category, error.fatal), (ErrorCategory::Unauthorized, true));
    let told =
        call.seen.iter().filter(|event| matches!(event, TtsEvent::Failed { error, .. } if error.fatal));
    assert_eq!(told.count(), 0, "it is returned, and not told twice");
    assert!(!format!("{error:?} {}", chain(&error)).contains("sesame"));
    assert!(call.opened().is_empty());
}

#[tokio::test]
async fn r_16_a_retired_endpoint_ends_the_service_and_names_what_to_change() {
    let mut sim = quick();
    sim.retired = vec![SimEndpoint::LightningV2];
    let settings = TtsSettings { model: Model::LightningV2, ..TtsSettings::default() };
    let mut call = Call::with(sim, |_| {}, settings).await;
    let error = call.ended().await.unwrap_err();
    assert_eq!(error.category, ErrorCategory::Refused);
    assert!(
        chain(&error).contains("the model lightning_v2 is no longer served (HTTP 410)"),
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn a_change_to_a_retired_endpoint_is_refused_and_the_old_one_speaks_on() {
    let mut sim = quick();
    sim.retired = vec![SimEndpoint::LightningV2];
    let mut call = Call::with(sim, |_| {}, TtsSettings::default()).await;
    call.say(1, TEXT).await;
    call.until(|event| matches!(event, TtsEvent::Audio { .. })).await;
    let answer = call.update(TtsSettings::delta().model(Model::LightningV2)).await;
    assert_eq!((answer.changed.len(), answer.rejected.len()), (0, 1), "{answer:?}");
    call.over(1).await.unwrap();
    call.say(2, TEXT).await;
    call.over(2).await.unwrap();
    assert_eq!(call.heard(2), TEXT);
    call.end().await.unwrap();
}

#[tokio::test]
async fn w12_a_service_that_is_not_there_is_given_up_with_what_was_tried() {
    let mut call = Call::with(
        quick(),
        |config| {
            // Nothing listens at port 1 of this machine.
            config.base_url = "ws://127.0.0.1:1".into();
            config.backoff.give_up_after = Some(2);
            config.backoff.first = std::time::Duration::from_millis(1);
        },
        TtsSettings::default(),
    )
    .await;
    let error = call.ended().await.unwrap_err();
    assert_eq!(error.category, ErrorCategory::Unreachable, "{}", chain(&error));
}
