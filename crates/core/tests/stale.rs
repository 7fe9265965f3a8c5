//! No sample of an answer that was interrupted is ever written, whatever is late: R-31.
//!
//! Everything that can be late is: the service, which goes on with an answer after it was told to stop; the stages
//! in between; the output, which is paced. Delays and interruptions follow from a seed, which a failure shows.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use proptest::prelude::*;
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Ending, Outcome, Pipeline, Processor, Timer,
    frame::{Frame, FrameKind, Interrupt, Payload, RequestId},
    playout::{Play, Playout},
    processor::Result,
    service::{TtsCommand, TtsEvent},
};
use voxline_testkit::{Act, FakeTts, Harness};

const RATE: SampleRate = SampleRate::HZ_8000;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A synthesizer that is late, and does not care for interruptions. The number it is told to say is in its samples.
fn late_service(seed: u64) -> FakeTts {
    let mut random = fastrand::Rng::with_seed(seed);
    let (tts, _) = FakeTts::scripted(move |command| match command {
        TtsCommand::Speak { context, text } => {
            let number: i16 = text.trim().parse().unwrap();
            let (context, request) = (*context, RequestId(context.0));
            let pieces = (0..random.usize(1..8)).flat_map(|_| {
                let length = RATE.samples_in(ms(random.u64(1..120))) as usize;
                let pcm = Pcm::mono(vec![number; length], RATE);
                let wait = Act::Wait(ms(random.u64(0..80)));
                [wait, Act::Send(TtsEvent::Audio { context, request, pcm })]
            });
            pieces.collect()
        }
        TtsCommand::Finish { context } => vec![Act::Send(TtsEvent::Finished { context: *context })],
        _ => Vec::new(),
    });
    tts
}

/// Takes its time for audio. Uninterruptible, so that what it holds is old when it lets go.
#[derive(Debug)]
struct Late(fastrand::Rng);

#[async_trait]
impl AsyncProcessor for Late {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() == FrameKind::OutputAudio {
            tokio::time::sleep(ms(self.0.u64(0..60))).await;
        }
        ctx.push(frame).await;
        Ok(())
    }

    fn is_uninterruptible(&self, _: &Frame) -> bool {
        true
    }
}

/// What happened at the output, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Wrote(i16),
    Cut(u32),
}

/// A paced output that notes what it writes.
#[derive(Debug)]
struct Output {
    playout: Playout,
    // Written by the stage, read by the test; never held across an await.
    events: Arc<Mutex<Vec<Event>>>,
    ending: bool,
}

impl Output {
    fn play(&mut self, ctx: &mut Context<'_>) {
        while let Some(play) = self.playout.poll_output() {
            match play {
                Play::Started(speech) => ctx.broadcast(Payload::BotStartedSpeaking(speech)),
                Play::Speaking(speech) => ctx.broadcast(Payload::BotSpeaking(speech)),
                Play::Stopped(speech) => ctx.broadcast(Payload::BotStoppedSpeaking(speech)),
                Play::Write(pcm) => self.events.lock().unwrap().push(Event::Wrote(pcm.samples()[0])),
            }
        }
        match self.playout.poll_timeout() {
            Some(at) => ctx.set_timer(Timer(0), at),
            None => ctx.cancel_timer(Timer(0)),
        }
        if self.ending && self.playout.is_idle() {
            ctx.finish_end();
        }
    }
}

impl Processor for Output {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        let now = ctx.now();
        match frame.payload {
            Payload::OutputAudio(audio) => self.playout.handle_audio(now, audio.context, audio.pcm),
            Payload::TtsStopped(speech) => {
                self.playout.handle_stopped(now, speech.context);
                ctx.push(frame);
            }
            _ => ctx.push(frame),
        }
        self.play(ctx);
        Ok(())
    }

    fn interrupt(&mut self, interrupt: &Interrupt, ctx: &mut Context<'_>) -> Result {
        self.playout.interrupt(ctx.now());
        self.events.lock().unwrap().push(Event::Cut(interrupt.generation.0));
        self.play(ctx);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        self.playout.handle_timeout(ctx.now());
        self.play(ctx);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r_31_nothing_of_an_interrupted_answer_is_written_whatever_is_late(
        seed: u64,
        steps in prop::collection::vec((any::<bool>(), 0..400_u64), 1..25),
        lead in prop::sample::select(vec![0_u64, 40, 150]),
    ) {
        let events = Arc::default();
        let output =
            Output { playout: Playout::new(Some(ms(lead))), events: Arc::clone(&events), ending: false };
        let late = |salt| Late(fastrand::Rng::with_seed(seed ^ salt));
        let row = Pipeline::builder().then(late_service(seed)).then(late(1)).then(late(2)).then(output);
        let mut harness = Harness::new(row.build().unwrap());
        // For each interruption, the newest answer that had been asked for.
        let (mut newest, mut over) = (0_i16, vec![0_i16]);
        for (speaks, pause) in steps {
            if speaks {
                newest += 1;
                harness.queue_only(Frame::speak(newest.to_string()));
            } else {
                over.push(newest);
                harness.session().interrupt();
            }
            harness.advance(ms(pause));
        }
        let outcome = harness.finish_outcome().map_err(|error| error.to_string());
        prop_assert_eq!(outcome, Ok(Outcome::Ended));
        let mut dead = 0;
        for event in events.lock().unwrap().iter() {
            match *event {
                Event::Cut(generation) => dead = over[generation as usize],
                Event::Wrote(number) => {
                    prop_assert!(number > dead, "answer {} is heard, and {} was interrupted: {:?}", number, dead, events)
                }
            }
        }
        // The last answers were not interrupted, and are heard.
        if newest > *over.last().unwrap() {
            let heard = events.lock().unwrap().contains(&Event::Wrote(newest));
            prop_assert!(heard, "{:?}", events);
        }
    }
}
