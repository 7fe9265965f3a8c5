//! Speaking, streaming, interrupting, changing.

use std::time::Duration;

use smallest_tts::{Model, TextMode, TtsSettings};
use voxline_audio::SampleRate;
use voxline_core::service::TtsEvent;
use voxline_waves_sim::config::{CloseAfterComplete, TtsOptions};

use crate::support::{Call, Gone, quick};

const TEXT: &str = "Good morning, how may I help you today?";

#[tokio::test]
async fn an_answer_is_spoken_word_for_word() {
    let mut call = Call::new().await;
    call.say(1, TEXT).await;
    call.over(1).await.unwrap();
    assert_eq!(call.heard(1), TEXT);
    call.end().await.unwrap();
    assert_eq!(call.errors(), [""; 0]);
}

#[tokio::test]
async fn sentences_of_an_answer_are_spoken_in_order_at_every_rate() {
    for hz in [8_000, 16_000, 22_050, 44_100, 48_000] {
        let rate = SampleRate::new(hz).unwrap();
        let mut call = Call::at(rate, quick(), |_| {}, TtsSettings::default()).await;
        for sentence in ["First this.", "Then that.", "And 42 at last!"] {
            call.speak(1, sentence).await;
        }
        call.finish(1).await;
        call.over(1).await.unwrap();
        assert_eq!(call.heard(1), "First this. Then that. And 42 at last!", "{hz}");
        assert!(call.audio(1).iter().all(|pcm| pcm.rate() == rate));
        call.end().await.unwrap();
    }
}

#[tokio::test]
async fn w73_answers_are_spoken_whether_or_not_the_service_closes_after_each() {
    for close in [CloseAfterComplete::Never, CloseAfterComplete::OneShot, CloseAfterComplete::Always] {
        let mut sim = quick();
        sim.tts.close_after_complete = close;
        let mut call = Call::with(sim, |_| {}, TtsSettings::default()).await;
        for context in 1..6 {
            call.say(context, TEXT).await;
            call.over(context).await.unwrap();
            assert_eq!(call.heard(context), TEXT);
        }
        call.end().await.unwrap();
        assert_eq!(call.errors(), [""; 0], "{close:?}");
    }
}

#[tokio::test]
async fn answers_queued_behind_one_another_are_spoken_in_order() {
    let mut call = Call::new().await;
    for context in 1..8 {
        call.say(context, &format!("This is answer {context}.")).await;
    }
    for context in 1..8 {
        call.over(context).await.unwrap();
        assert_eq!(call.heard(context), format!("This is answer {context}."));
    }
    call.end().await.unwrap();
}

#[tokio::test]
async fn text_as_the_model_writes_it_is_spoken_whole() {
    for mode in [TextMode::Stream, TextMode::Contexts] {
        let mut call = Call::with(quick(), |config| config.text = mode, TtsSettings::default()).await;
        for piece in ["Good morn", "ing, ", "how may I ", "help you", " today?"] {
            call.speak(1, piece).await;
        }
        call.finish(1).await;
        call.over(1).await.unwrap();
        assert_eq!(call.heard(1), TEXT, "{mode:?}");
        call.end().await.unwrap();
    }
}

#[tokio::test]
async fn w66_an_interrupted_answer_is_silent_and_the_next_is_whole() {
    for mode in [TextMode::Sentences, TextMode::Stream, TextMode::Contexts] {
        let sim = quick().with_tts(TtsOptions { pace: 4.0, ..TtsOptions::default() });
        let mut call = Call::with(sim, |config| config.text = mode, TtsSettings::default()).await;
        call.say(1, &"A very long answer that nobody wants to hear. ".repeat(20)).await;
        call.until(|event| matches!(event, TtsEvent::Audio { .. })).await;
        call.interrupt(1).await;
        call.say(2, TEXT).await;
        call.over(2).await.unwrap();
        let first_of_2 =
            call.seen.iter().position(|e| matches!(e, TtsEvent::Audio { context, .. } if context.0 == 2));
        let last_of_1 =
            call.seen.iter().rposition(|e| matches!(e, TtsEvent::Audio { context, .. } if context.0 == 1));
        assert!(last_of_1 < first_of_2, "{mode:?}");
        assert!(!call.seen.iter().any(|e| matches!(e, TtsEvent::Finished { context } if context.0 == 1)));
        assert_eq!(call.heard(2), TEXT, "{mode:?}");
        call.end().await.unwrap();
    }
}

#[tokio::test]
async fn w71_words_follow_one_another_on_the_timeline_of_the_answer() {
    let settings = TtsSettings { voice: "meher".into(), word_timestamps: true, ..TtsSettings::default() };
    let mut call = Call::with(quick(), |_| {}, settings).await;
    call.speak(1, "One two three.").await;
    call.speak(1, "Four five six.").await;
    call.finish(1).await;
    call.over(1).await.unwrap();
    let words: Vec<_> = call
        .seen
        .iter()
        .filter_map(|event| match event {
            TtsEvent::Word { text, start, end, .. } => Some((text.clone(), *start, *end)),
            _ => None,
        })
        .collect();
    assert_eq!(
        words.iter().map(|(text, ..)| text.as_str()).collect::<Vec<_>>(),
        ["One", "two", "three.", "Four", "five", "six."]
    );
    assert!(words.windows(2).all(|pair| pair[0].2 <= pair[1].1), "{words:?}");
    let length = SampleRate::HZ_24000.duration_of(call.samples(1).len() as u64);
    assert!(words.last().unwrap().2 <= length);
    call.end().await.unwrap();
}

#[tokio::test]
async fn text_of_one_emoji_and_of_no_letter_does_not_hang() {
    let mut call = Call::with(
        quick(),
        |config| config.patience.first_audio = Duration::from_millis(500),
        TtsSettings::default(),
    )
    .await;
    for (context, text) in (1..).zip(["🙂", "...", "—"]) {
        call.say(context, text).await;
        call.over(context).await.unwrap();
    }
    call.end().await.unwrap();
}

#[tokio::test]
async fn a_long_text_is_spoken_in_many_requests() {
    let sim = quick().with_tts(TtsOptions {
        first_chunk_latency: Duration::ZERO,
        pace: 1e6,
        chunk: Duration::from_secs(5),
        ..TtsOptions::default()
    });
    let mut call = Call::at(
        SampleRate::HZ_8000,
        sim,
        |_| {},
        TtsSettings { speed: Some(2.0), ..TtsSettings::default() },
    )
    .await;
    let text = "All work and no play. ".repeat(1_000);
    call.say(1, &text).await;
    call.over(1).await.unwrap();
    let spoken: String =
        call.requests().iter().map(|body| body["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(spoken, text);
    call.end().await.unwrap();
}

#[tokio::test]
async fn settings_change_in_mid_call() {
    let mut call = Call::new().await;
    call.say(1, "One.").await;
    call.over(1).await.unwrap();
    let answer = call.update(TtsSettings::delta().voice("meher").speed(1.5)).await;
    assert_eq!((answer.changed.len(), answer.rejected.len(), answer.reconnected), (2, 0, false));
    let answer = call.update(TtsSettings::delta().model(Model::LightningV2).enhancement(1)).await;
    assert!(answer.reconnected || answer.rejected.is_empty());
    call.say(2, "Two.").await;
    call.over(2).await.unwrap();
    assert_eq!(call.heard(2), "Two.");
    let last = call.requests().pop().unwrap();
    assert_eq!(
        (&last["voice_id"], &last["speed"], &last["enhancement"]),
        (&"meher".into(), &1.5.into(), &1.into())
    );
    assert!(last.get("model").is_none());
    assert!(call.opened().last().unwrap().0.ends_with("/lightning-v2/get_speech/stream"));
    call.end().await.unwrap();
}

#[tokio::test]
async fn an_end_in_mid_answer_speaks_it_to_its_end() {
    let mut call = Call::new().await;
    call.speak(1, TEXT).await;
    call.end().await.unwrap();
    assert_eq!(call.heard(1), TEXT);
    assert!(call.seen.iter().any(|event| matches!(event, TtsEvent::Finished { .. })));
}

#[tokio::test]
async fn r_13_a_pipeline_that_goes_away_ends_the_service() {
    let call = Call::new().await;
    call.say(1, TEXT).await;
    let Gone { sim, running } = call.gone();
    running.await.unwrap().unwrap();
    assert_eq!(sim.open_connections(), 0);
}

#[tokio::test]
async fn w91_a_hundred_sessions_speak_at_once() {
    let mut calls = Vec::new();
    for _ in 0..100 {
        calls.push(Call::at(SampleRate::HZ_8000, quick(), |_| {}, TtsSettings::default()).await);
    }
    for call in &calls {
        call.say(1, "Hi.").await;
    }
    for mut call in calls {
        call.over(1).await.unwrap();
        assert_eq!(call.heard(1), "Hi.");
        call.end().await.unwrap();
    }
}
