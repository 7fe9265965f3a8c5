//! Utterances by espeak-ng, and a recording of them whose truth is known.
//!
//! The truth is where the clean voice, before any noise, is above −55 dBFS in windows of 10 ms; gaps of up to
//! 150 ms within an utterance are speech, as they are to a listener. Voices are brought to −23 dBFS over their
//! speech; between utterances there are 0.8 to 2.2 s, under all of it a floor of noise at −75 dBFS.

use std::{io, path::PathBuf, process::Command};

use voxline_audio::{Level, Resampler as _, StreamResampler, WavReader};

use crate::sounds::{self, RATE};

/// Samples of 10 ms: the grid of the truth.
pub(crate) const TICK: usize = 160;
/// In ticks.
const BRIDGED: usize = 15;
const SPEECH_DBFS: f32 = -23.0;
const TRUTH_DBFS: f32 = -55.0;

/// The voices of espeak-ng and what each says: a word, a few words, sentences.
pub(crate) const VOICES: [(&str, [&str; 8]); 8] = [
    ("en-us", ENGLISH),
    ("en-gb+f3", ENGLISH),
    ("hi", HINDI),
    ("ta", TAMIL),
    ("es+f2", SPANISH),
    ("de", GERMAN),
    ("fr+m3", FRENCH),
    ("bn", BENGALI),
];

const ENGLISH: [&str; 8] = [
    "Yes.",
    "Stop.",
    "No, thank you.",
    "Where is my parcel?",
    "I would like to move my appointment to Thursday afternoon.",
    "Can you spell that for me, please?",
    "The number is seven four two nine.",
    "It arrived this morning, but the box was open and one of the cups is broken.",
];
const HINDI: [&str; 8] = [
    "हाँ।",
    "रुकिए।",
    "नहीं, धन्यवाद।",
    "मेरा पार्सल कहाँ है?",
    "मुझे अपनी मुलाक़ात गुरुवार की शाम को करनी है।",
    "क्या आप इसे फिर से बता सकते हैं?",
    "नंबर है सात चार दो नौ।",
    "वह आज सुबह आया, लेकिन डिब्बा खुला था और एक प्याला टूटा हुआ है।",
];
const TAMIL: [&str; 8] = [
    "ஆம்.",
    "நிறுத்துங்கள்.",
    "வேண்டாம், நன்றி.",
    "என் பார்சல் எங்கே?",
    "என் சந்திப்பை வியாழக்கிழமை மாலைக்கு மாற்ற வேண்டும்.",
    "அதை மீண்டும் சொல்ல முடியுமா?",
    "எண் ஏழு நான்கு இரண்டு ஒன்பது.",
    "அது இன்று காலை வந்தது, ஆனால் பெட்டி திறந்திருந்தது.",
];
const SPANISH: [&str; 8] = [
    "Sí.",
    "Espere.",
    "No, gracias.",
    "¿Dónde está mi paquete?",
    "Quisiera cambiar mi cita al jueves por la tarde.",
    "¿Me lo puede deletrear, por favor?",
    "El número es siete cuatro dos nueve.",
    "Llegó esta mañana, pero la caja estaba abierta y una de las tazas está rota.",
];
const GERMAN: [&str; 8] = [
    "Ja.",
    "Halt.",
    "Nein, danke.",
    "Wo ist mein Paket?",
    "Ich möchte meinen Termin auf Donnerstagnachmittag verschieben.",
    "Können Sie das bitte buchstabieren?",
    "Die Nummer ist sieben vier zwei neun.",
    "Es kam heute Morgen, aber der Karton war offen und eine Tasse ist zerbrochen.",
];
const FRENCH: [&str; 8] = [
    "Oui.",
    "Attendez.",
    "Non, merci.",
    "Où est mon colis ?",
    "Je voudrais déplacer mon rendez-vous à jeudi après-midi.",
    "Pouvez-vous l'épeler, s'il vous plaît ?",
    "Le numéro est sept quatre deux neuf.",
    "Il est arrivé ce matin, mais la boîte était ouverte et une tasse est cassée.",
];
const BENGALI: [&str; 8] = [
    "হ্যাঁ।",
    "থামুন।",
    "না, ধন্যবাদ।",
    "আমার পার্সেল কোথায়?",
    "আমি আমার সাক্ষাৎ বৃহস্পতিবার বিকেলে করতে চাই।",
    "আপনি কি আবার বলতে পারেন?",
    "নম্বর হল সাত চার দুই নয়।",
    "এটা আজ সকালে এসেছে, কিন্তু বাক্স খোলা ছিল।",
];

/// Speech at 16 kHz, and where it is.
pub(crate) struct Recording {
    pub(crate) samples: Vec<i16>,
    /// First and last tick of each utterance, the last excluded.
    pub(crate) utterances: Vec<(usize, usize)>,
    /// Whether each tick is speech.
    pub(crate) truth: Vec<bool>,
}

impl Recording {
    pub(crate) fn duration_secs(&self) -> f64 {
        self.samples.len() as f64 / f64::from(RATE.hz())
    }

    pub(crate) fn speech_secs(&self) -> f64 {
        self.truth.iter().filter(|&&speech| speech).count() as f64 / 100.0
    }
}

/// All voices say all they have to say, in a shuffled order.
pub(crate) fn recording(seed: u64) -> io::Result<Recording> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut said = Vec::new();
    for (voice, sentences) in VOICES {
        for sentence in sentences {
            said.push(say(voice, sentence, &mut random)?);
        }
    }
    random.shuffle(&mut said);
    let mut clean = vec![0; RATE.hz() as usize];
    for samples in said {
        clean.extend(samples);
        let gap = random.usize(80..220) * TICK;
        clean.resize((clean.len() + gap).next_multiple_of(TICK), 0);
    }
    let mut truth: Vec<bool> =
        clean.chunks(TICK).map(|tick| Level::of(tick).rms_dbfs() > TRUTH_DBFS).collect();
    let utterances = bridge(&mut truth);
    let floor = sounds::white(clean.len(), -75.0, &mut random);
    let samples = clean.iter().zip(floor).map(|(&voice, noise)| voice.saturating_add(noise)).collect();
    Ok(Recording { samples, utterances, truth })
}

/// Fills short gaps; gives the stretches of speech.
fn bridge(truth: &mut [bool]) -> Vec<(usize, usize)> {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for tick in (0..truth.len()).filter(|&tick| truth[tick]) {
        match stretches.last_mut() {
            Some((_, end)) if tick - *end <= BRIDGED => *end = tick + 1,
            _ => stretches.push((tick, tick + 1)),
        }
    }
    for &(began, ended) in &stretches {
        truth[began..ended].fill(true);
    }
    // Longer gaps within one utterance (after a comma) are silence to a detector, but one utterance to the score.
    let mut utterances: Vec<(usize, usize)> = Vec::new();
    for (began, ended) in stretches {
        match utterances.last_mut() {
            Some((_, end)) if began - *end < 40 => *end = ended,
            _ => utterances.push((began, ended)),
        }
    }
    utterances
}

/// Which espeak-ng speaks.
pub(crate) fn version() -> String {
    let output = Command::new("espeak-ng").arg("--version").output();
    let told = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    told.split("  ").next().unwrap_or_default().trim().to_owned()
}

/// One sentence at 16 kHz, at its level, at a pace of chance.
fn say(voice: &str, text: &str, random: &mut fastrand::Rng) -> io::Result<Vec<i16>> {
    let file = Temporary::new(random);
    let pace = random.u32(140..190).to_string();
    let status = Command::new("espeak-ng")
        .args(["-v", voice, "-s", &pace, "-w"])
        .arg(&file.0)
        .args(["--", text])
        .status()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(
                error.kind(),
                "espeak-ng is not on the path; install it with `apt-get install espeak-ng`, `dnf install \
                 espeak-ng` or `brew install espeak-ng`",
            ),
            _ => error,
        })?;
    if !status.success() {
        return Err(io::Error::other(format!("espeak-ng has no voice {voice}: {status}")));
    }
    let mut wav = WavReader::open(&file.0).map_err(io::Error::other)?;
    let mut resampler = StreamResampler::new(wav.rate(), RATE).map_err(io::Error::other)?;
    let mut samples = Vec::new();
    while let Some(pcm) = wav.read(4096).map_err(io::Error::other)? {
        resampler.push(pcm.samples(), &mut samples);
    }
    resampler.flush(&mut samples);
    Ok(brought_to(SPEECH_DBFS, &samples))
}

/// The samples at this level, measured where they are not silent.
fn brought_to(dbfs: f32, samples: &[i16]) -> Vec<i16> {
    let loud: Vec<i16> =
        samples.chunks(TICK).filter(|tick| Level::of(tick).rms_dbfs() > -45.0).flatten().copied().collect();
    sounds::amplified(samples, dbfs - Level::of(&loud).rms_dbfs())
}

/// A file that is removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(random: &mut fastrand::Rng) -> Self {
        let name = format!("voxline-vad-{}-{:08x}.wav", std::process::id(), random.u32(..));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // One that was never made needs no removing.
        let _ = std::fs::remove_file(&self.0);
    }
}
