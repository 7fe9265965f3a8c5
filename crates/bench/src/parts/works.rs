//! The pieces of work themselves. Each closure does one and keeps its state, as a call does.

use std::hint::black_box;

use base64::Engine as _;
use smallest_stt::message::ServerMessage;
use smallest_tts::message::Incoming;
use voxline_audio::{ByteJoiner, Encoding, Pcm, Resampler, SampleRate, StreamResampler, convert};
use voxline_core::text::{Sentences, Splitting};
use voxline_vad::{Analyser, Detector, EarshotVad, EnergyVad, WebRtcMode, WebRtcRate, WebRtcVad};

/// A piece of work.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) make: fn() -> Box<dyn FnMut()>,
}

/// Those that the table lists.
pub(crate) const PARTS: [Part; 15] = [
    Part { name: "VAD earshot at 16 kHz, 20 ms", make: || vad(EarshotVad::new()) },
    Part { name: "VAD WebRTC at 16 kHz, 20 ms", make: || vad(WebRtcVad::new(WebRtcMode::default())) },
    Part {
        name: "VAD WebRTC at 8 kHz, 20 ms",
        make: || vad(WebRtcVad::new(WebRtcMode::default()).with_rate(WebRtcRate::Hz8000)),
    },
    Part { name: "VAD energy at 16 kHz, 20 ms", make: || vad(EnergyVad::new(-40.0)) },
    Part { name: "resample 48 to 16 kHz, 1 s", make: || resample(48_000, 16_000) },
    Part { name: "resample 24 to 8 kHz, 1 s", make: || resample(24_000, 8_000) },
    Part { name: "resample 16 to 8 kHz, 1 s", make: || resample(16_000, 8_000) },
    Part { name: "parse a transcription of 9 words", make: transcription },
    Part { name: "parse and decode 100 ms of speech at 24 kHz", make: speech },
    Part { name: "split 1,000 characters, English", make: || split(ENGLISH) },
    Part { name: "split 1,000 characters, Hindi", make: || split(HINDI) },
    Part { name: "split 1,000 characters, Chinese", make: || split(CHINESE) },
    Part { name: "decode µ-law, 1 s", make: decode },
    Part { name: "encode µ-law, 1 s", make: || encode(Encoding::MuLaw) },
    Part { name: "encode A-law, 1 s", make: || encode(Encoding::ALaw) },
];

const ENGLISH: &str =
    "The parcel left our warehouse on Monday, and Dr. Rao signed for it at 3.5 km. Is that all right? ";
const HINDI: &str = "आपका ऑर्डर सोमवार को भेजा गया था। क्या आपको वह मिल गया है? हम आपकी मदद करके खुश हैं। ";
const CHINESE: &str = "您的包裹星期一已经从仓库发出。请问您收到了吗?如果还有其他问题,请随时告诉我们。";

/// A buzz, `millis` long.
fn tone(rate: SampleRate, millis: u32) -> Pcm {
    let samples = rate.hz() * millis / 1000;
    let at = |n: u32| (f64::from(n) / f64::from(rate.hz()) * 140.0 * std::f64::consts::TAU).sin();
    Pcm::mono((0..samples).map(|n| (at(n) * 9000.0) as i16).collect::<Vec<_>>(), rate)
}

fn vad(detector: impl Detector + 'static) -> Box<dyn FnMut()> {
    let pcm = tone(detector.rate(), 20);
    let mut analyser = Analyser::new(detector);
    let mut findings = Vec::new();
    Box::new(move || {
        analyser.handle_audio(black_box(&pcm), None, &mut findings);
        findings.clear();
    })
}

fn resample(from: u32, to: u32) -> Box<dyn FnMut()> {
    let rate = |hz| SampleRate::new(hz).expect("no rate is zero");
    let mut resampler = StreamResampler::new(rate(from), rate(to)).expect("both are within the limits");
    let pcm = tone(rate(from), 20);
    let mut out = Vec::new();
    Box::new(move || {
        for _ in 0..50 {
            resampler.push(black_box(pcm.samples()), &mut out);
            out.clear();
        }
    })
}

/// A final transcription with times of words, as the service sends it.
fn transcription() -> Box<dyn FnMut()> {
    let words = "where is the order I placed on monday morning".split(' ').enumerate().map(|(n, word)| {
        format!(r#"{{"word":"{word}","start":{}.12,"end":{}.48,"confidence":0.98}}"#, n / 2, n / 2)
    });
    let message = format!(
        r#"{{"session_id":"sess_0123456789","transcript":"Where is the order I placed on Monday morning?","is_final":true,"is_last":false,"language":"en","words":[{}]}}"#,
        words.collect::<Vec<_>>().join(",")
    );
    Box::new(move || {
        black_box(ServerMessage::parse(black_box(&message)).is_ok());
    })
}

/// 100 ms at 24 kHz in one message: text to samples.
fn speech() -> Box<dyn FnMut()> {
    let bytes = convert::encode(&tone(SampleRate::HZ_24000, 100), Encoding::Linear16);
    let audio = base64::engine::general_purpose::STANDARD.encode(bytes.expect("linear PCM is no packet"));
    let message = format!(
        r#"{{"session_id":"ws_1","request_id":"task_1","external_request_id":"5eed.1.0","status":"chunk","data":{{"audio":"{audio}"}}}}"#
    );
    let mut joiner = ByteJoiner::new(Encoding::Linear16).expect("linear PCM is no packet");
    let mut samples = Vec::new();
    Box::new(move || {
        if let Ok(Incoming::Chunk { audio: Ok(bytes), .. }) = Incoming::parse(black_box(&message)) {
            joiner.push(&bytes, &mut samples);
            black_box(Pcm::mono(samples.as_slice(), SampleRate::HZ_24000));
            samples.clear();
        }
    })
}

/// A thousand characters in pieces of five, as a model writes them.
fn split(text: &str) -> Box<dyn FnMut()> {
    let characters: Vec<char> = text.chars().cycle().take(1000).collect();
    let pieces: Vec<String> = characters.chunks(5).map(|piece| piece.iter().collect()).collect();
    let mut sentences = Sentences::new(Splitting::default());
    Box::new(move || {
        for piece in &pieces {
            black_box(sentences.push(black_box(piece)));
        }
        black_box(sentences.finish());
    })
}

fn decode() -> Box<dyn FnMut()> {
    let bytes = convert::encode(&tone(SampleRate::HZ_8000, 20), Encoding::MuLaw);
    let bytes = bytes.expect("µ-law is no packet");
    Box::new(move || {
        for _ in 0..50 {
            black_box(convert::decode(black_box(&bytes), Encoding::MuLaw, SampleRate::HZ_8000).is_ok());
        }
    })
}

fn encode(encoding: Encoding) -> Box<dyn FnMut()> {
    let pcm = tone(SampleRate::HZ_8000, 20);
    let mut bytes = Vec::new();
    Box::new(move || {
        for _ in 0..50 {
            black_box(convert::encode_samples(black_box(pcm.samples()), encoding, &mut bytes).is_ok());
            bytes.clear();
        }
    })
}
