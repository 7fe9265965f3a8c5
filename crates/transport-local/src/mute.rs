//! Keeps the bot's voice out of its own ear, by not listening while it speaks.
//!
//! | frame | what happens |
//! |---|---|
//! | `InputAudio`, `InputEncoded` down | while the bot speaks, silence of the same length; else itself |
//! | `BotStartedSpeaking`, `BotStoppedSpeaking` up | begin and, a tail later, end it; passed on |
//! | anything else | passed on |
//!
//! 1. Audio keeps its length, its place and its time, so detectors and recognisers hear an unbroken stream.
//! 2. The tail covers what is still in the loudspeaker, in the room and in the microphone when playback is over.
//! 3. It never lasts for ever: [`LONGEST`] after the last start it ends by itself.
//!
//! The price is that nobody can interrupt the bot by speaking. With headphones, or where the system takes the echo
//! out, leave it away. Opus is not opened: its packets are dropped meanwhile.

use std::time::Duration;

use voxline_audio::{Pcm, convert};
use voxline_core::{
    Context, Processor,
    frame::{Direction, EncodedAudio, Frame, Payload},
    processor::Result,
};

/// How long an answer may mute at most.
const LONGEST: Duration = Duration::from_secs(600);

/// Replaces the user's audio by silence while the bot speaks. Stands right after the input.
#[derive(Debug)]
pub struct MuteWhileBotSpeaks {
    tail: Duration,
    /// On the session's clock.
    until: Option<Duration>,
}

impl MuteWhileBotSpeaks {
    /// Listens again `tail` after the bot has stopped.
    #[must_use]
    pub fn new(tail: Duration) -> Self {
        Self { tail, until: None }
    }

    fn is_muted(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

impl Default for MuteWhileBotSpeaks {
    /// With a tail of 300 ms, which fits a laptop in a room.
    fn default() -> Self {
        Self::new(Duration::from_millis(300))
    }
}

impl Processor for MuteWhileBotSpeaks {
    fn process(&mut self, mut frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.session_time();
        let muted = self.is_muted(now) && frame.direction() == Direction::Down;
        match &frame.payload {
            Payload::BotStartedSpeaking(_) => self.until = Some(now + LONGEST),
            Payload::BotStoppedSpeaking(_) => self.until = Some(now + self.tail),
            Payload::InputAudio(pcm) if muted => frame.payload = Payload::InputAudio(silent(pcm)),
            Payload::InputEncoded(audio) if muted => {
                let Some(audio) = silent_encoded(audio) else { return Ok(()) };
                frame.payload = Payload::InputEncoded(Box::new(audio));
            }
            _ => {}
        }
        ctx.push(frame);
        Ok(())
    }
}

fn silent(pcm: &Pcm) -> Pcm {
    let samples = vec![0; pcm.samples().len()];
    // As many samples of as many channels as before.
    Pcm::interleaved(samples, pcm.rate(), pcm.channels()).unwrap_or_else(|| pcm.clone())
}

fn silent_encoded(audio: &EncodedAudio) -> Option<EncodedAudio> {
    let bytes = convert::silence(audio.encoding, audio.rate, audio.duration())?;
    Some(EncodedAudio { bytes, ..audio.clone() })
}

#[cfg(test)]
mod tests {
    use voxline_audio::Encoding;
    use voxline_core::frame::{BotSpeech, ContextId, FrameKind};
    use voxline_testkit::{Harness, conformance, samples};

    use super::*;

    conformance!(
        mute_while_bot_speaks,
        MuteWhileBotSpeaks::default,
        consumes: [FrameKind::InputAudio, FrameKind::InputEncoded],
    );

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn bot(payload: fn(BotSpeech) -> Payload) -> Frame {
        Frame::new(payload(BotSpeech::new(ContextId(1))))
    }

    /// Of each chunk that left, whether it was heard, and where it stands.
    fn heard(harness: &mut Harness) -> Vec<(bool, Duration)> {
        let log = harness.news();
        let chunks = log.frames().filter_map(|frame| match &frame.payload {
            Payload::InputAudio(pcm) => Some((pcm.samples()[0] != 0, frame.pts()?)),
            _ => None,
        });
        chunks.collect()
    }

    #[test]
    fn audio_becomes_silence_while_the_bot_speaks_and_for_the_tail() {
        let mut harness = Harness::new(MuteWhileBotSpeaks::new(ms(300)));
        let say = |harness: &mut Harness, at: u64| {
            harness.queue(samples::input(20).with_pts(ms(at)));
        };
        say(&mut harness, 0);
        harness.queue(bot(Payload::BotStartedSpeaking)).advance(ms(1_000));
        say(&mut harness, 1_000);
        harness.queue(bot(Payload::BotStoppedSpeaking)).advance(ms(299));
        say(&mut harness, 1_299);
        harness.advance(ms(1));
        say(&mut harness, 1_300);
        let expected = [(true, ms(0)), (false, ms(1_000)), (false, ms(1_299)), (true, ms(1_300))];
        assert_eq!(heard(&mut harness), expected);
    }

    #[test]
    fn an_answer_that_never_stops_does_not_mute_for_ever() {
        let mut harness = Harness::new(MuteWhileBotSpeaks::default());
        harness.queue(bot(Payload::BotStartedSpeaking)).advance(LONGEST);
        harness.queue(samples::input(20).with_pts(ms(0)));
        assert_eq!(heard(&mut harness), [(true, ms(0))]);
    }

    #[test]
    fn telephone_audio_becomes_its_own_silence_of_the_same_length() {
        let mut harness = Harness::new(MuteWhileBotSpeaks::default());
        harness.queue(bot(Payload::BotStartedSpeaking));
        let audio = EncodedAudio {
            bytes: vec![0x12; 160].into(),
            encoding: Encoding::MuLaw,
            rate: voxline_audio::SampleRate::HZ_8000,
        };
        let opus = EncodedAudio { encoding: Encoding::Opus, ..audio.clone() };
        for audio in [audio, opus] {
            harness.queue(Payload::InputEncoded(Box::new(audio)));
        }
        let log = harness.news();
        let left = log.frames().filter_map(|frame| match &frame.payload {
            Payload::InputEncoded(audio) => Some((audio.encoding, audio.bytes.to_vec())),
            _ => None,
        });
        assert_eq!(left.collect::<Vec<_>>(), [(Encoding::MuLaw, vec![0xFF; 160])]);
    }
}
