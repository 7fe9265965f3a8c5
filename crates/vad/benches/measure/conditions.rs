//! Under what the detectors are measured: the recording as it is, quieter, over a telephone and in noise; and
//! minutes without any speech.

use voxline_audio::{Pcm, Resampler as _, SampleRate, StreamResampler, g711};

use crate::{
    sounds::{self, RATE, SECOND},
    speech::Recording,
};

/// Of the speech itself.
const SPEECH_DBFS: f32 = -23.0;

/// What a condition tells of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What is found of speech.
    Speech,
    /// What is wrongly found without speech.
    Other,
}

/// Audio and its truth.
pub(crate) struct Condition {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) pcm: Pcm,
    pub(crate) utterances: Vec<(usize, usize)>,
    pub(crate) truth: Vec<bool>,
}

pub(crate) fn all(recording: &Recording, seed: u64) -> Vec<Condition> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0xC0);
    let spoken = |name: &str, pcm: Pcm| Condition {
        name: name.to_owned(),
        kind: Kind::Speech,
        pcm,
        utterances: recording.utterances.clone(),
        truth: recording.truth.clone(),
    };
    let mut all = vec![
        spoken("clean", Pcm::mono(recording.samples.clone(), RATE)),
        spoken("18 dB quieter", Pcm::mono(sounds::amplified(&recording.samples, -18.0), RATE)),
        spoken("8 kHz µ-law", over_the_telephone(&recording.samples)),
    ];
    type Noise = fn(usize, f32, &mut fastrand::Rng) -> Vec<i16>;
    let noises: [(&str, Noise); 3] = [("white", sounds::white), ("pink", sounds::pink), ("hum", sounds::hum)];
    for (name, noise) in noises {
        for db in [20_i8, 10, 5] {
            let noise = noise(recording.samples.len(), SPEECH_DBFS - f32::from(db), &mut random);
            let both = sounds::added(&recording.samples, &noise);
            all.push(spoken(&format!("{name} {db} dB"), Pcm::mono(both, RATE)));
        }
    }
    all.extend(without_speech(&mut random));
    all
}

fn without_speech(random: &mut fastrand::Rng) -> Vec<Condition> {
    let len = 60 * SECOND;
    let floor = sounds::white(len, -75.0, random);
    let sounds = [
        ("silence", vec![0; len]),
        ("white noise", sounds::white(len, -33.0, random)),
        ("pink noise", sounds::pink(len, -33.0, random)),
        ("hum", sounds::hum(len, -33.0, random)),
        ("plucked strings", sounds::plucked(len, -26.0, random)),
        ("chords", sounds::chords(len, -26.0, random)),
        ("keyboard", sounds::clicks(len, random)),
        ("440 Hz", sounds::tone(len, 440.0, -23.0)),
        ("ringing", sounds::ringing(len, -20.0)),
        ("DTMF", sounds::keys(len, -20.0, random)),
    ];
    let made = sounds.into_iter().map(|(name, samples)| Condition {
        name: name.to_owned(),
        kind: Kind::Other,
        pcm: Pcm::mono(sounds::added(&samples, &floor), RATE),
        utterances: Vec::new(),
        truth: vec![false; len / crate::speech::TICK],
    });
    made.collect()
}

fn over_the_telephone(samples: &[i16]) -> Pcm {
    let mut narrow = StreamResampler::new(RATE, SampleRate::HZ_8000).expect("both are ordinary rates");
    let mut out = Vec::new();
    narrow.push(samples, &mut out);
    narrow.flush(&mut out);
    let coded = out.into_iter().map(|sample| g711::decode_mulaw(g711::encode_mulaw(sample)));
    Pcm::mono(coded.collect::<Vec<_>>(), SampleRate::HZ_8000)
}
