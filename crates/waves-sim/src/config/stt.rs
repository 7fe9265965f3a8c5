//! How the speech-to-text half behaves where documents leave a choice.
//!
//! Each default says where it comes from when no document does. Bounds of memory are not options;
//! they stand as constants where they are held.

use std::time::Duration;

/// Speech-to-text behaviour. Times of speech are measured in audio received, not on a clock.
#[derive(Clone, Debug, PartialEq)]
pub struct SttOptions {
    /// Where the text comes from. Default [`Transcriber::Auto`].
    pub transcriber: Transcriber,
    /// Whether connections share one reading of the script. Default [`ScriptScope::Connection`].
    pub script_scope: ScriptScope,
    /// How fast an utterance of the script without word times is released. Default 60 ms a character.
    pub character_time: Duration,
    /// The level from which audio is speech, in dB of full scale. Default −45.
    pub speech_level_dbfs: f32,
    /// The silence that ends a run of speech; each run takes one utterance of the script. Default 400 ms.
    pub utterance_gap: Duration,
    /// Trailing silence before a final when `endpointing` is on and nothing is asked. Default 800 ms.
    pub eou_timeout: Duration,
    /// Trailing silence before `speech_ended` when `endpointing_timeout` is not given. Default 600 ms.
    pub vad_silence: Duration,
    /// What silence is measured by. Default [`SilenceClock::Audio`].
    pub silence: SilenceClock,
    /// Words in a final when `finalize_on_words` is on and `max_words` is not given. Default 10.
    pub rollover_words: usize,
    /// Whether interims are sent. Default yes.
    pub interims: bool,
    /// Whether a `finalize` with nothing pending is answered by an empty final. Default yes.
    pub empty_finalize: bool,
    /// Whether finals say `from_finalize`. Default yes, as documented; the vendor's probe never saw it.
    pub from_finalize: bool,
    /// Whether `is_last` comes in an empty message of its own after the last text. Default no.
    pub empty_last: bool,
    /// Whether `lightning/get_text` closes after `is_last`. Default yes.
    pub lightning_closes: bool,
    /// Which fields carry the text on `stt/live`. Default both.
    pub text_fields: TextFields,
    /// Whether `words` come with interims too. Default only with finals.
    pub words_on_interims: bool,
    /// Whether `pulse/get_text` honours `full_transcript`. Default no: removed from its documents.
    pub full_transcript_on_pulse: bool,
    /// How speakers are named. Default by number.
    pub speakers: SpeakerLabels,
    /// What an unknown control message gets. Default nothing.
    pub unknown_control: UnknownControl,
    /// Whether `{"type":"keepalive"}` is answered with a pong. Default yes.
    pub answers_keepalive: bool,
    /// How long nothing may arrive before an error and a close. Default 60 s: a guess, no document says.
    pub idle_timeout: Option<Duration>,
    /// Close code of that. Default 1000.
    pub idle_close_code: u16,
    /// How long each answer is held back, keeping order. Default not at all.
    pub latency: Duration,
}

/// Where transcripts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transcriber {
    /// From the simulator's own voice where it is heard, else from the script.
    Auto,
    /// From the script only.
    Script,
    /// From the simulator's own voice only.
    Voice,
}

/// Who reads the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptScope {
    /// Each connection from its beginning.
    Connection,
    /// All connections together: one goes on where the last one's finals ended.
    Shared,
}

/// What trailing silence is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilenceClock {
    /// Silent audio that arrives.
    Audio,
    /// Also time in which nothing arrives.
    AudioOrWall,
}

/// Which fields carry the text on `stt/live`: documents show each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFields {
    /// `transcript` and `transcription`, with the same text.
    Both,
    /// Only `transcript`.
    Transcript,
    /// Only `transcription`, as in the specification's examples.
    Transcription,
}

/// How speakers are named: documents show each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeakerLabels {
    /// `0`
    Number,
    /// `"speaker_0"`
    Text,
}

/// What a control message of an unknown type gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownControl {
    /// No answer.
    Ignore,
    /// An error frame; the socket stays open.
    Error,
}

impl Default for SttOptions {
    fn default() -> Self {
        Self {
            transcriber: Transcriber::Auto,
            script_scope: ScriptScope::Connection,
            character_time: Duration::from_millis(60),
            speech_level_dbfs: -45.0,
            utterance_gap: Duration::from_millis(400),
            eou_timeout: Duration::from_millis(800),
            vad_silence: Duration::from_millis(600),
            silence: SilenceClock::Audio,
            rollover_words: 10,
            interims: true,
            empty_finalize: true,
            from_finalize: true,
            empty_last: false,
            lightning_closes: true,
            text_fields: TextFields::Both,
            words_on_interims: false,
            full_transcript_on_pulse: false,
            speakers: SpeakerLabels::Number,
            unknown_control: UnknownControl::Ignore,
            answers_keepalive: true,
            idle_timeout: Some(Duration::from_secs(60)),
            idle_close_code: 1000,
            latency: Duration::ZERO,
        }
    }
}
