//! What goes out: audio, boundaries, keepalives, the goodbye.

use serde_json::json;
use smallest_stt::{Endpoint, Keepalive, SttSettings};
use voxline_audio::{Encoding, SampleRate};
use voxline_core::service::SttEvent;

use crate::support::{Rig, Sent, config, ms, secs};

const FINALIZE: &str = r#"{"type":"finalize"}"#;
const CLOSE_STREAM: &str = r#"{"type":"close_stream"}"#;
const KEEPALIVE: &str = r#"{"type":"keepalive"}"#;

fn lightning() -> Rig {
    let mut config = config();
    config.endpoint = Endpoint::Lightning;
    let mut rig = Rig::with(config, SttSettings::default());
    rig.opened(1);
    rig
}

fn sending(encoding: Encoding, keepalive: Keepalive) -> Rig {
    let mut config = config();
    (config.encoding, config.keepalive) = (encoding, keepalive);
    let mut rig = Rig::with(config, SttSettings::default());
    rig.opened(1);
    rig
}

#[test]
fn w19_w20_every_byte_goes_out_once_and_in_order_at_any_chunk_size() {
    for size in [1, 7, 160, 2048, 80_000] {
        let mut rig = Rig::opened_rig();
        for _ in 0..(40_000_usize.div_ceil(size)).min(3_000) {
            rig.samples(size);
        }
        assert_eq!(rig.audio(1), rig.given, "chunks of {size}");
        assert_eq!(rig.counts().bytes_sent, rig.given.len() as u64);
        let longest =
            rig.sent[&1].iter().map(|sent| if let Sent::Audio(bytes) = sent { bytes.len() } else { 0 });
        assert!(longest.max().unwrap() <= 8192);
    }
}

#[test]
fn w20_no_audio_makes_no_message() {
    let mut rig = Rig::opened_rig();
    rig.samples(0);
    rig.encoded(&[], Encoding::Linear16, SampleRate::HZ_8000);
    assert!(!rig.sent.contains_key(&1));
}

#[test]
fn w21_an_odd_byte_goes_out_with_the_next_sample() {
    let mut rig = Rig::opened_rig();
    for piece in [&[1, 2, 3][..], &[4, 5], &[6]] {
        rig.encoded(piece, Encoding::Linear16, SampleRate::HZ_8000);
    }
    assert_eq!(rig.audio(1), [1, 2, 3, 4, 5, 6]);
    rig.encoded(&[7], Encoding::Linear16, SampleRate::HZ_8000);
    rig.end();
    assert_eq!((rig.audio(1).len(), rig.counts().partial_bytes), (6, 1));
}

#[test]
fn telephony_and_opus_pass_untouched() {
    for (encoding, rate) in [
        (Encoding::MuLaw, SampleRate::HZ_8000),
        (Encoding::ALaw, SampleRate::HZ_8000),
        (Encoding::Opus, SampleRate::HZ_48000),
    ] {
        let mut config = config();
        (config.encoding, config.sample_rate) = (encoding, Some(rate));
        let mut rig = Rig::with(config, SttSettings::default());
        rig.opened(1);
        for packet in [&[0xFC, 1, 2, 3][..], &[0xFC, 4], &[0xFC, 5, 6]] {
            rig.encoded(packet, encoding, rate);
        }
        let messages = rig.sent[&1].len();
        assert_eq!((rig.audio(1), messages), (rig.given.clone(), 3), "{encoding:?}");
    }
}

#[test]
fn audio_of_another_kind_is_refused_once_and_the_rest_goes_on() {
    let mut rig = Rig::opened_rig();
    for _ in 0..5 {
        rig.encoded(&[1, 2], Encoding::MuLaw, SampleRate::HZ_8000);
    }
    assert_eq!(rig.connection(), ["connected", "failed BadInput"]);
    rig.given.clear();
    rig.samples(100);
    assert_eq!(rig.audio(1), rig.given);
}

#[test]
fn w24_r_11_audio_given_before_the_connection_is_open_is_sent_in_full() {
    let mut rig = Rig::new();
    rig.speak(secs(2.0));
    assert!(rig.audio(1).is_empty());
    rig.opened(1);
    assert_eq!(rig.audio(1), rig.given);
    rig.speak(secs(0.1));
    assert_eq!(rig.audio(1), rig.given);
}

#[test]
fn w22_w24_beyond_the_bound_the_oldest_audio_goes_and_is_counted() {
    let mut config = config();
    config.kept_audio = secs(2.0);
    let mut rig = Rig::with(config, SttSettings::default());
    rig.speak(secs(3.0));
    let dropped = |event: &SttEvent| if let SttEvent::Dropped { audio } = event { *audio } else { ms(0) };
    assert_eq!(rig.events.iter().map(dropped).sum::<std::time::Duration>(), secs(1.0));
    assert_eq!(rig.counts().dropped, secs(1.0));
    rig.opened(1);
    assert_eq!(rig.audio(1), rig.given[16_000..]);
}

#[test]
fn w24_audio_that_was_sent_is_let_go_without_counting_as_dropped() {
    let mut config = config();
    config.kept_audio = secs(1.0);
    let mut rig = Rig::with(config, SttSettings::default());
    rig.opened(1);
    rig.speak(secs(10.0));
    assert_eq!(rig.counts().dropped, secs(0.0));
    assert_eq!(rig.audio(1), rig.given);
}

#[test]
fn w23_a_peer_that_takes_nothing_lets_no_more_pile_up_than_the_bound() {
    let mut config = config();
    config.kept_audio = secs(2.0);
    let mut rig = Rig::with(config, SttSettings::default());
    rig.opened(1);
    rig.stalled = true;
    rig.speak(secs(60.0));
    assert_eq!(rig.counts().waiting, secs(2.0));
    assert_eq!(rig.counts().dropped, secs(58.0));
    rig.stalled = false;
    rig.samples(1);
    assert_eq!(rig.counts().waiting, secs(0.0));
}

#[test]
fn w25_finalize_goes_out_after_all_audio_given_before_it() {
    let mut rig = Rig::opened_rig();
    rig.samples(4_001);
    rig.finalize(1);
    rig.samples(100);
    assert_eq!(rig.texts(1), [(8_002, FINALIZE.into())]);
    assert_eq!(rig.audio(1), rig.given);
}

#[test]
fn w25_what_the_resampler_holds_goes_out_before_finalize() {
    let mut config = config();
    config.sample_rate = Some(SampleRate::HZ_16000);
    let mut rig = Rig::with(config, SttSettings::default());
    rig.opened(1);
    rig.speak(secs(0.5));
    rig.finalize(1);
    assert_eq!(rig.texts(1), [(16_000, FINALIZE.into())]);
    rig.speak(secs(0.5));
    rig.end();
    assert_eq!(rig.audio(1).len(), 32_000);
}

#[test]
fn w26_r_41_one_finalize_for_each_end_of_speech_and_once_more_on_a_new_connection() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.finalize(1);
    assert_eq!(rig.texts(1).len(), 1);
    rig.dropped(1);
    rig.speak(secs(0.5));
    rig.finalize(2);
    rig.pass(secs(1.0));
    rig.opened(2);
    assert_eq!(rig.texts(2), [(16_000, FINALIZE.into()), (24_000, FINALIZE.into())]);
    assert_eq!(rig.counts().finalizes, 3);
}

#[test]
fn w26_a_finalize_that_was_answered_is_not_sent_again() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.finalize(1);
    rig.answer(1, "hello");
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    assert_eq!((rig.texts(2), rig.audio(2)), (vec![], vec![]));
}

#[test]
fn w27_w29_r_08_keepalive_is_silence_of_the_encoding_after_ten_idle_seconds() {
    for (encoding, silence, bytes) in [
        (Encoding::Linear16, 0, 1_600),
        (Encoding::Linear32, 0, 3_200),
        (Encoding::MuLaw, 0xFF, 800),
        (Encoding::ALaw, 0xD5, 800),
    ] {
        let mut rig = sending(encoding, Keepalive::Silence);
        rig.pass(ms(9_999));
        assert!(!rig.sent.contains_key(&1));
        rig.pass(ms(1));
        assert_eq!(rig.sent[&1], [Sent::Audio(vec![silence; bytes])], "{encoding:?}");
        rig.pass(secs(20.0));
        assert_eq!((rig.sent[&1].len(), rig.counts().keepalives), (3, 3));
        assert_eq!(rig.counts().bytes_sent, 0, "silence is no audio of the caller");
    }
}

#[test]
fn w27_the_keepalive_message_is_an_option_and_the_form_for_opus() {
    for rig in [&mut sending(Encoding::Linear16, Keepalive::Message), &mut {
        let mut config = config();
        (config.encoding, config.sample_rate) = (Encoding::Opus, Some(SampleRate::HZ_48000));
        let mut rig = Rig::with(config, SttSettings::default());
        rig.opened(1);
        rig
    }] {
        rig.pass(secs(10.0));
        assert_eq!(rig.sent[&1], [Sent::Text(KEEPALIVE.into())]);
    }
    let mut off = sending(Encoding::Linear16, Keepalive::Off);
    off.pass(secs(60.0));
    assert!(!off.sent.contains_key(&1));
}

#[test]
fn w28_no_keepalive_while_audio_flows() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(30.0));
    assert_eq!(rig.counts().keepalives, 0);
    assert_eq!(rig.audio(1), rig.given);
}

#[test]
fn r_08_no_keepalive_precedes_the_connection_or_follows_the_goodbye() {
    let mut rig = Rig::new();
    rig.pass(secs(30.0));
    assert_eq!(rig.counts().keepalives, 0);
    rig.opened(1);
    rig.speak(secs(1.0));
    rig.end();
    rig.pass(secs(4.9));
    assert_eq!(rig.texts(1), [(16_000, CLOSE_STREAM.into())]);
    assert_eq!(rig.counts().keepalives, 0);
}

#[test]
fn w30_w31_close_stream_goes_out_once_after_the_last_audio_and_is_last_closes() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.end();
    rig.end();
    assert_eq!(rig.texts(1), [(16_000, CLOSE_STREAM.into())]);
    assert!(!voxline_wire::Session::is_finished(&rig.session));
    rig.last(1, "goodbye");
    assert_eq!(rig.sent[&1].last(), Some(&Sent::Close));
    assert!(voxline_wire::Session::is_finished(&rig.session));
    assert_eq!(rig.finals(), [("goodbye".into(), None)]);
    assert_eq!(rig.connection(), ["connected", "disconnected"]);
}

#[test]
fn w31_w86_the_last_message_is_waited_for_no_longer_than_the_deadline() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.end();
    rig.pass(ms(4_999));
    assert!(!voxline_wire::Session::is_finished(&rig.session));
    rig.pass(ms(1));
    assert!(voxline_wire::Session::is_finished(&rig.session));
    assert!(rig.connection().contains(&"failed Unreachable".into()));
}

#[test]
fn w31_words_that_still_come_extend_the_deadline() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.end();
    for index in 0..5 {
        rig.pass(secs(4.0));
        rig.final_(1, &format!("sentence {index}"));
    }
    assert!(!voxline_wire::Session::is_finished(&rig.session));
    rig.last(1, "");
    assert!(voxline_wire::Session::is_finished(&rig.session));
    assert_eq!(rig.finals().len(), 5);
}

#[test]
fn the_end_before_the_connection_is_open_still_delivers_everything() {
    let mut rig = Rig::new();
    rig.speak(secs(1.0));
    rig.end();
    rig.opened(1);
    assert_eq!(rig.audio(1), rig.given);
    assert_eq!(rig.texts(1), [(16_000, CLOSE_STREAM.into())]);
    rig.last(1, "all of it");
    assert!(voxline_wire::Session::is_finished(&rig.session));
}

#[test]
fn the_end_without_any_audio_and_connection_is_the_end() {
    let mut rig = Rig::new();
    rig.end();
    assert_eq!(rig.sent[&1], [Sent::Abort]);
    assert!(voxline_wire::Session::is_finished(&rig.session));
}

#[test]
fn audio_that_never_found_a_connection_is_counted_at_the_end() {
    let mut rig = Rig::new();
    rig.speak(secs(1.0));
    rig.end();
    rig.pass(secs(5.0));
    assert!(voxline_wire::Session::is_finished(&rig.session));
    assert_eq!(rig.counts().dropped, secs(1.0));
}

#[test]
fn w32_w33_lightning_is_given_finalize_at_the_end_only() {
    let mut rig = lightning();
    rig.speak(secs(1.0));
    rig.finalize(1);
    assert_eq!(rig.texts(1), []);
    rig.final_(1, "hello");
    assert_eq!(rig.finals(), [("hello".into(), Some(1))]);
    rig.speak(secs(1.0));
    rig.end();
    assert_eq!(rig.texts(1), [(32_000, FINALIZE.into())]);
    assert_eq!(rig.counts().finalizes, 0);
    rig.last(1, "goodbye");
    assert!(voxline_wire::Session::is_finished(&rig.session));
}

#[test]
fn header_pages_of_ogg_open_every_connection() {
    let page = |granule: u64, size: u8| {
        let mut page = b"OggS\0\0".to_vec();
        page.extend(granule.to_le_bytes());
        page.extend([0; 12]);
        page.extend([1, size]);
        page.extend(vec![size; usize::from(size)]);
        page
    };
    let headers = [page(0, 19), page(0, 8)].concat();
    let mut config = config();
    (config.encoding, config.sample_rate) = (Encoding::OggOpus, Some(SampleRate::HZ_48000));
    let mut rig = Rig::with(config, SttSettings::default());
    rig.opened(1);
    let stream = [headers.clone(), page(48_000, 7), page(96_000, 9)].concat();
    for piece in stream.chunks(11) {
        rig.encoded(piece, Encoding::OggOpus, SampleRate::HZ_48000);
    }
    assert_eq!(rig.audio(1), stream);
    rig.dropped(1);
    rig.pass(secs(1.0));
    rig.opened(2);
    assert_eq!(rig.audio(2), stream);
}

#[test]
fn keepalive_silence_does_not_move_the_times_of_words() {
    let mut rig = Rig::opened_rig();
    rig.speak(secs(1.0));
    rig.pass(secs(15.0));
    rig.speak(secs(1.0));
    assert_eq!(rig.counts().keepalives, 1);
    let words = json!([{ "word": "hello", "start": 1.3, "end": 1.6 }]);
    rig.says(1, json!({ "transcript": "hello", "is_final": true, "words": words }));
    let heard = rig.heard().pop().unwrap().transcription;
    assert_eq!((heard.start, heard.end), (Some(ms(1_200)), Some(ms(1_500))));
}
