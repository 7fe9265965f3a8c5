//! A telephone in memory: what two sides of a call need to talk in simulated time, without a socket.
//!
//! | part | what it is |
//! |---|---|
//! | [`line`] | two ends; what goes into one comes out of the other |
//! | [`Ear`] | the input of a pipeline: what comes out of an end, as `InputAudio` |
//! | [`Mouth`] | the output of a pipeline: answers, paced, and silence between them, into an end |
//! | [`recogniser`], [`synthesizer`] | the services of a simulator that is reached in memory, too |
//!
//! A line carries a frame of 20 ms every 20 ms of tokio's clock, silence included, as a real one does. With the
//! clock paused a call takes as long as its computing. A mouth tells its owner every sample that leaves it.

#![allow(dead_code, reason = "each who uses it takes a part")]

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use voxline::{
    core::{
        frame::{ContextId, Interrupt},
        playout::{Play, Playback, Playout},
        processor::Result,
    },
    prelude::*,
    smallest_stt::SttConfig,
    smallest_tts::TtsConfig,
};
use voxline_waves_sim::WavesSim;
use voxline_wire::{ConnectError, Connector, Request, Stream};

/// The rate of a line, both ways: that of the telephone.
pub(crate) const RATE: SampleRate = SampleRate::HZ_8000;
/// What a line carries at a time.
pub(crate) const FRAME: Duration = Duration::from_millis(20);
/// Frames that may be on their way; one more is lost, as on a network.
const ON_THE_WAY: usize = 50;
/// Bytes between a client and the simulator that neither has taken.
const PIPE: usize = 64 * 1024;

const TICK: Timer = Timer(0);

/// How many samples a frame has.
pub(crate) fn frame_len() -> usize {
    RATE.samples_in(FRAME) as usize
}

/// One end of a line.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) to: mpsc::Sender<Pcm>,
    pub(crate) from: mpsc::Receiver<Pcm>,
}

/// The two ends of a line.
pub(crate) fn line() -> (End, End) {
    let (there, at_b) = mpsc::channel(ON_THE_WAY);
    let (back, at_a) = mpsc::channel(ON_THE_WAY);
    (End { to: there, from: at_a }, End { to: back, from: at_b })
}

/// Hears an end. When the other side hangs up, the session ends.
#[derive(Debug)]
pub(crate) struct Ear(Option<mpsc::Receiver<Pcm>>);

impl Ear {
    pub(crate) fn new(from: mpsc::Receiver<Pcm>) -> Self {
        Self(Some(from))
    }
}

impl Processor for Ear {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        let Some(mut from) = self.0.take() else { return Ok(()) };
        ctx.spawn_surviving(|output| async move {
            while let Some(pcm) = from.recv().await {
                output.send(Frame::input_audio(pcm)).await?;
            }
            output.send(Frame::end()).await
        });
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }
}

/// What leaves a mouth, beside silence.
#[derive(Debug)]
pub(crate) enum Sent<'a> {
    /// Samples of an answer.
    Samples(ContextId, &'a [i16]),
    /// An interruption: nothing of an earlier answer may follow.
    Cut,
}

/// Speaks into an end: one frame every 20 ms, of the answer that plays, else silent.
pub(crate) struct Mouth {
    to: mpsc::Sender<Pcm>,
    told: Box<dyn FnMut(Sent<'_>) + Send>,
    playout: Playout,
    /// Written by the playout, not sent yet: of one answer, at most two frames.
    pending: VecDeque<i16>,
    speaking: ContextId,
    tick: Option<Instant>,
    ending: bool,
}

impl fmt::Debug for Mouth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mouth").field("speaking", &self.speaking).finish_non_exhaustive()
    }
}

impl Mouth {
    pub(crate) fn new(to: mpsc::Sender<Pcm>, told: impl FnMut(Sent<'_>) + Send + 'static) -> Self {
        Self {
            to,
            told: Box::new(told),
            // A frame ahead, so that chunks of any length leave without gaps.
            playout: Playout::new(Some(FRAME)),
            pending: VecDeque::new(),
            speaking: ContextId(0),
            tick: None,
            ending: false,
        }
    }

    /// Does what the playout has decided. It is asked at every tick, so it needs no timer of its own.
    fn play(&mut self, ctx: &mut Context<'_>) {
        while let Some(play) = self.playout.poll_output() {
            match play {
                Play::Started(speech) => {
                    self.speaking = speech.context;
                    ctx.broadcast(Payload::BotStartedSpeaking(speech));
                }
                Play::Write(pcm) => self.pending.extend(pcm.samples()),
                Play::Speaking(speech) => ctx.broadcast(Payload::BotSpeaking(speech)),
                Play::Stopped(speech) => ctx.broadcast(Payload::BotStoppedSpeaking(speech)),
            }
        }
        if self.ending && self.playout.is_idle() {
            ctx.finish_end();
        }
    }

    fn send(&mut self) {
        let count = self.pending.len().min(frame_len());
        let mut frame: Vec<i16> = self.pending.drain(..count).collect();
        if count > 0 {
            (self.told)(Sent::Samples(self.speaking, &frame));
        }
        frame.resize(frame_len(), 0);
        // Nobody listens, or nobody has for a second: it is lost.
        let _ = self.to.try_send(Pcm::mono(frame, RATE));
    }
}

impl Processor for Mouth {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        self.tick = Some(now);
        ctx.set_timer(TICK, now);
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        match &frame.payload {
            Payload::OutputAudio(spoken) => {
                for samples in spoken.pcm.samples().chunks(frame_len()) {
                    let pcm = Pcm::mono(samples.to_vec(), spoken.pcm.rate());
                    self.playout.handle_audio(now, spoken.context, pcm);
                }
            }
            Payload::TtsStopped(speech) => self.playout.handle_stopped(now, speech.context),
            Payload::Custom(custom) => match custom.downcast_ref() {
                Some(Playback::Hold) => self.playout.hold(now),
                Some(Playback::Resume) => self.playout.resume(now),
                None => {}
            },
            _ => {}
        }
        if !matches!(frame.payload, Payload::OutputAudio(_)) {
            ctx.push(frame);
        }
        self.play(ctx);
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, ctx: &mut Context<'_>) -> Result {
        self.pending.clear();
        self.playout.interrupt(ctx.now());
        (self.told)(Sent::Cut);
        self.play(ctx);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.playout.handle_timeout(ctx.now());
        self.play(ctx);
        self.send();
        if let Some(tick) = &mut self.tick {
            *tick += FRAME;
            ctx.set_timer(TICK, *tick);
        }
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        self.playout.finish(ctx.now());
        self.ending = true;
        ctx.postpone_end(self.playout.waiting() + Duration::from_secs(2));
        self.play(ctx);
        Ok(if self.playout.is_idle() { Ending::Now } else { Ending::Later })
    }
}

/// Reaches a simulator in memory.
#[derive(Debug)]
struct InMemory(Arc<WavesSim>);

impl Connector for InMemory {
    fn connect<'a>(
        &'a self,
        _: &'a Request,
    ) -> Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, ConnectError>> + Send + 'a>> {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(PIPE);
            self.0.serve_stream(theirs).await;
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

/// Speech-to-text by this simulator.
pub(crate) fn recogniser(simulator: &Arc<WavesSim>) -> SmallestStt {
    let mut config = SttConfig::new(simulator.api_key());
    config.base_url = simulator.url();
    config.wire.connector = Arc::new(InMemory(simulator.clone()));
    SmallestStt::with_config(config)
}

/// Text-to-speech by this simulator.
pub(crate) fn synthesizer(simulator: &Arc<WavesSim>) -> SmallestTts {
    let mut config = TtsConfig::new(simulator.api_key());
    config.base_url = simulator.url();
    config.wire.connector = Arc::new(InMemory(simulator.clone()));
    SmallestTts::with_config(config)
}
