//! Stands at the end of the input side and counts how late the caller's frames come there.

use std::{sync::Arc, time::Duration};

use voxline_core::{
    Context, Processor,
    frame::{Frame, Payload},
    processor::Result,
};

use super::lateness::Lateness;

pub(crate) struct Probe {
    lateness: Arc<Lateness>,
}

impl Probe {
    pub(crate) fn new(lateness: Arc<Lateness>) -> Self {
        Self { lateness }
    }
}

impl Processor for Probe {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if let (Payload::InputAudio(pcm), Some(at)) = (&frame.payload, frame.pts()) {
            let spoken: Duration = at + pcm.duration();
            self.lateness.count(ctx.session_time().saturating_sub(spoken));
        }
        ctx.push(frame);
        Ok(())
    }
}
