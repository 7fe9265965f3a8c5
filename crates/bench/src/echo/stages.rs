//! The five processors of the echo, and the end of the pipeline that writes to the caller.
//!
//! | stage | work |
//! |---|---|
//! | `Decode` | 160 bytes of µ-law to 160 samples: `voxline_audio::convert` |
//! | `Meter` | loudness over the last 100 ms: `voxline_audio::LevelMeter` |
//! | `Vad` | the WebRTC project's detector at 8 kHz, edges: `voxline_vad` |
//! | `UserAggregator` | who has the floor: `voxline_turns`, with its timers |
//! | `Encode` | 160 samples to µ-law: `voxline_audio::convert` |

use std::time::Duration;

use voxline_audio::{Encoding, LevelMeter, SampleRate, convert};
use voxline_core::{
    Context, Error, Pipeline, Processor,
    frame::{EncodedAudio, Frame, Payload},
    processor::Result,
};
use voxline_turns::{Conversation, TurnConfig};
use voxline_vad::{Vad, WebRtcMode, WebRtcRate, WebRtcVad};

use super::line::Line;

/// Five processors and the way out to `line`.
pub(crate) fn pipeline(line: Line) -> Pipeline {
    let (user, _) = Conversation::new("You are brief.").aggregators(TurnConfig::default());
    let detector = WebRtcVad::new(WebRtcMode::default()).with_rate(WebRtcRate::Hz8000);
    Pipeline::builder()
        .then(Decode)
        .then(Meter {
            meter: LevelMeter::new(SampleRate::HZ_8000, Duration::from_millis(100)),
            loudest: -120.0,
        })
        .then(Vad::new(detector).interrupts(false))
        .then(user)
        .then(Encode)
        .then(WayOut { line })
        .build()
        .expect("a plain row builds")
}

/// What the caller says, as a frame.
pub(crate) fn heard(bytes: bytes::Bytes) -> Frame {
    let audio = EncodedAudio { bytes, encoding: Encoding::MuLaw, rate: SampleRate::HZ_8000 };
    Frame::new(Payload::InputEncoded(Box::new(audio))).live()
}

struct Decode;

impl Processor for Decode {
    fn process(&mut self, mut frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::InputEncoded(audio) = &frame.payload {
            let pcm = convert::decode(&audio.bytes, audio.encoding, audio.rate).map_err(Error::other)?;
            frame.payload = Payload::InputAudio(pcm);
        }
        ctx.push(frame);
        Ok(())
    }
}

struct Meter {
    meter: LevelMeter,
    loudest: f32,
}

impl Processor for Meter {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::InputAudio(pcm) = &frame.payload {
            self.meter.push(pcm.samples());
            self.loudest = self.loudest.max(self.meter.rms_dbfs());
        }
        ctx.push(frame);
        Ok(())
    }
}

struct Encode;

impl Processor for Encode {
    fn process(&mut self, mut frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let Payload::InputAudio(pcm) = &frame.payload {
            let bytes = convert::encode(pcm, Encoding::MuLaw).map_err(Error::other)?;
            let audio = EncodedAudio { bytes, encoding: Encoding::MuLaw, rate: pcm.rate() };
            frame.payload = Payload::InputEncoded(Box::new(audio));
        }
        ctx.push(frame);
        Ok(())
    }
}

struct WayOut {
    line: Line,
}

impl Processor for WayOut {
    fn process(&mut self, frame: Frame, _: &mut Context<'_>) -> Result {
        if let Payload::InputEncoded(audio) = frame.payload {
            self.line.say(audio.bytes);
        }
        Ok(())
    }
}
