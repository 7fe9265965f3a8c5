//! The detector in a pipeline: edges of speech become frames among the audio they were found in.
//!
//! | in | out |
//! |---|---|
//! | `InputAudio`, `InputEncoded` down | itself, then the edges it confirmed |
//! | | `SpeechStarted`, `SpeechStopped` down |
//! | `VadUpdateParams` | itself, `SettingsAnswered` down; or an error up |
//! | anything else | itself |
//!
//! 1. An edge follows the audio that confirmed it: what acts on a stop has all of the speech before it.
//! 2. Audio is never withheld, so a start lies *before* its edge: `at` says where, `confirmed_after` earlier
//!    in the audio. Only with [`Vad::gate`] is silence withheld, and `pre_roll` then comes before the start.
//! 3. Starts and stops alternate. Speech is stopped when no audio comes for `forced_stop`, and at the end.
//! 4. A failing detector reports upstream, at most once a second, with the count; speech stops then.
//! 5. Positions are presentation times where the audio has them, else samples counted.
//!
//! Takes 8 µs for 20 ms of audio with the default detector (release build, 2-core server). A chunk is judged
//! at once, so it should not be long: 2 s of audio take 1 ms.
//!
//! µ-law, A-law and linear audio is decoded to be heard and passed on as it came. Opus is passed on unheard.
//! Who may take the floor is not decided here; [`Vad::interrupts`] is the simplest of answers.

use std::time::{Duration, Instant};

use voxline_audio::{Pcm, convert};
use voxline_core::{
    Context, Ending, Error, Processor, Timer,
    frame::{
        Direction, EdgeSource, EncodedAudio, Frame, InterruptCause, Payload, SettingsAnswer, SpeechEdge,
        UpdateId,
    },
    processor::Result,
};

use crate::{
    Analyser, Detector, EarshotVad, Edge, Finding, ParamsError, VadError, VadParams, VadUpdateParams,
    gate::Gate, update::changes,
};

/// No audio for `forced_stop`.
const CEASED: Timer = Timer(0);

/// How often failures are reported at most.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Detects speech in the input audio.
#[derive(Debug)]
pub struct Vad {
    analyser: Analyser,
    gate: Option<Gate>,
    interrupts: bool,
    bot_speaks: bool,
    failures: Failures,
    /// What is wrong with the parameters it was given; keeps it from starting.
    unusable: Option<ParamsError>,
    /// Empty between calls.
    findings: Vec<Finding>,
}

/// Audio was not judged. It was passed on all the same, and counted as silence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("could not listen for speech, {count} times since the last report")]
pub struct NotJudged {
    /// Frames of the detector, or chunks of audio that cannot be framed.
    pub count: u64,
    /// Why, the last time.
    #[source]
    pub source: VadError,
}

#[derive(Debug, Default)]
struct Failures {
    unreported: Option<NotJudged>,
    reported: Option<Instant>,
}

impl Vad {
    /// Listens with `detector`.
    #[must_use]
    pub fn new(detector: impl Detector + 'static) -> Self {
        Self {
            analyser: Analyser::new(detector),
            gate: None,
            interrupts: false,
            bot_speaks: false,
            failures: Failures::default(),
            unusable: None,
            findings: Vec::new(),
        }
    }

    /// Goes by these parameters. The pipeline does not start when they cannot be used.
    #[must_use]
    pub fn with_params(mut self, params: VadParams) -> Self {
        self.unusable = self.analyser.set_params(params).err();
        self
    }

    /// Whether silence is withheld from what follows. Off by default.
    ///
    /// It saves what a recogniser charges for silence. The price: audio comes in a burst when speech begins, and
    /// other frames no longer keep their place among audio that is held. Audio that is let through carries its
    /// position as presentation time.
    #[must_use]
    pub fn gate(mut self, on: bool) -> Self {
        self.gate = on.then(Gate::default);
        self
    }

    /// Whether the bot is interrupted when speech begins while it speaks. Off by default: a turn strategy
    /// knows better what is worth an interruption. Do not do both.
    #[must_use]
    pub fn interrupts(mut self, on: bool) -> Self {
        self.interrupts = on;
        self
    }

    fn hear(&mut self, pcm: &Pcm, frame: Frame, ctx: &mut Context<'_>) {
        let spoke = self.analyser.is_speaking();
        let mut findings = std::mem::take(&mut self.findings);
        self.analyser.handle_audio(pcm, frame.pts(), &mut findings);
        match &mut self.gate {
            Some(gate) if !spoke => {
                let end = self.analyser.position();
                let at = frame.pts().unwrap_or(end.saturating_sub(pcm.duration()));
                let frame = frame.with_pts(at);
                gate.hold(frame, end, self.analyser.params());
            }
            _ => ctx.push(frame),
        }
        self.tell(findings, ctx);
        if self.analyser.is_quiet() {
            ctx.cancel_timer(CEASED);
        } else {
            let at = ctx.now() + self.analyser.params().forced_stop;
            ctx.set_timer(CEASED, at);
        }
    }

    fn handle_ceased(&mut self, waited: Duration, ctx: &mut Context<'_>) {
        if let Some(gate) = &mut self.gate
            && !self.analyser.is_quiet()
        {
            // Too short to be believed, but a short word may be: with a gate, it would not be heard at all.
            gate.release(Duration::ZERO, self.analyser.params()).for_each(|frame| ctx.push(frame));
        }
        let mut findings = std::mem::take(&mut self.findings);
        self.analyser.handle_ceased(waited, &mut findings);
        self.tell(findings, ctx);
    }

    fn tell(&mut self, mut findings: Vec<Finding>, ctx: &mut Context<'_>) {
        for finding in findings.drain(..) {
            match finding {
                Finding::Edge(edge) => self.tell_edge(edge, ctx),
                Finding::Failed(error) => {
                    if let Some(error) = self.failures.count(error, ctx.now()) {
                        ctx.report(Error::other(error));
                    }
                }
            }
        }
        self.findings = findings;
    }

    fn tell_edge(&mut self, edge: Edge, ctx: &mut Context<'_>) {
        match edge {
            Edge::Started { at, confirmed_after } => {
                if self.interrupts && self.bot_speaks {
                    ctx.interrupt(InterruptCause::UserSpoke);
                }
                if let Some(gate) = &mut self.gate {
                    gate.release(at, self.analyser.params()).for_each(|frame| ctx.push(frame));
                }
                ctx.push_down(Payload::SpeechStarted(speech_edge(at, confirmed_after)));
            }
            Edge::Stopped { at, confirmed_after } => {
                ctx.push_down(Payload::SpeechStopped(speech_edge(at, confirmed_after)));
            }
        }
    }

    fn update(&mut self, update: VadUpdateParams, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let old = *self.analyser.params();
        let update_id = UpdateId(frame.id().0);
        ctx.push(frame);
        let new = update.0.apply_to(&old).map_err(Error::other)?;
        self.analyser.set_params(new).map_err(Error::other)?;
        ctx.push_down(Payload::SettingsAnswered(Box::new(SettingsAnswer {
            update: update_id,
            service: ctx.stage(),
            changed: changes(&old, &new),
            rejected: Vec::new(),
            warnings: Vec::new(),
            reconnected: false,
        })));
        Ok(())
    }
}

impl Default for Vad {
    /// Listens with [`EarshotVad`].
    fn default() -> Self {
        Self::new(EarshotVad::new())
    }
}

impl Processor for Vad {
    fn start(&mut self, _: &mut Context<'_>) -> Result {
        match self.unusable.take() {
            Some(error) => Err(Error::other(error)),
            None => Ok(()),
        }
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match &frame.payload {
            Payload::InputAudio(pcm) if frame.direction() == Direction::Down => {
                let pcm = pcm.clone();
                self.hear(&pcm, frame, ctx);
            }
            Payload::InputEncoded(audio) if frame.direction() == Direction::Down => match decode(audio) {
                Some(pcm) => self.hear(&pcm, frame, ctx),
                None => ctx.push(frame),
            },
            Payload::Custom(custom) => match custom.downcast_ref::<VadUpdateParams>().copied() {
                Some(update) => return self.update(update, frame, ctx),
                None => ctx.push(frame),
            },
            payload => {
                match payload {
                    Payload::BotStartedSpeaking(_) => self.bot_speaks = true,
                    Payload::BotStoppedSpeaking(_) => self.bot_speaks = false,
                    _ => {}
                }
                ctx.push(frame);
            }
        }
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.handle_ceased(self.analyser.params().forced_stop, ctx);
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        self.handle_ceased(Duration::ZERO, ctx);
        if let Some(rest) = self.failures.unreported.take() {
            ctx.report(Error::other(rest));
        }
        Ok(Ending::Now)
    }
}

impl Failures {
    /// Counts a failure, and gives the report if one is due.
    fn count(&mut self, source: VadError, now: Instant) -> Option<NotJudged> {
        let count = self.unreported.take().map_or(0, |earlier| earlier.count) + 1;
        self.unreported = Some(NotJudged { count, source });
        if self.reported.is_some_and(|at| now.saturating_duration_since(at) < REPORT_EVERY) {
            return None;
        }
        self.reported = Some(now);
        self.unreported.take()
    }
}

fn speech_edge(at: Duration, confirmed_after: Duration) -> Box<SpeechEdge> {
    Box::new(SpeechEdge { at, confirmed_after, source: EdgeSource::Vad })
}

/// The samples of audio that is coded sample by sample. A sample that a chunk ends within is left out.
fn decode(audio: &EncodedAudio) -> Option<Pcm> {
    let size = audio.encoding.bytes_per_sample()?;
    let whole = audio.bytes.len() / size * size;
    convert::decode(&audio.bytes[..whole], audio.encoding, audio.rate).ok()
}
