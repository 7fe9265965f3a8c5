//! Stages that pass everything on, in both tiers, and the sink that counts.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Pipeline, Processor,
    frame::{Frame, Payload},
    processor::Result,
};

/// A synchronous pass-through.
pub(crate) struct Pass;

impl Processor for Pass {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }
}

/// An asynchronous pass-through.
pub(crate) struct AsyncPass;

#[async_trait]
impl AsyncProcessor for AsyncPass {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        ctx.push(frame).await;
        Ok(())
    }
}

/// Takes the frames and tells when the expected number has come.
pub(crate) struct Sink {
    pub(crate) expected: usize,
    pub(crate) done: mpsc::Sender<()>,
}

impl Processor for Sink {
    fn process(&mut self, frame: Frame, _: &mut Context<'_>) -> Result {
        if let Payload::InputAudio(_) = frame.payload {
            self.expected -= 1;
            if self.expected == 0 {
                let _ = self.done.try_send(());
            }
        }
        Ok(())
    }
}

/// 20 ms at 16 kHz: 640 bytes.
pub(crate) fn audio() -> Pcm {
    let samples: Arc<[i16]> = vec![0; 320].into();
    Pcm::mono(samples, SampleRate::HZ_16000)
}

/// Ten pass-through stages and a sink; `tasks` of the ten are asynchronous, in the middle.
pub(crate) fn ten(tasks: usize, last: impl Processor) -> Pipeline {
    let before = (10 - tasks) / 2;
    let mut builder = Pipeline::builder();
    for stage in 0..10 {
        builder = if (before..before + tasks).contains(&stage) {
            builder.then(AsyncPass)
        } else {
            builder.then(Pass)
        };
    }
    builder.then(last).build().expect("a plain row builds")
}
