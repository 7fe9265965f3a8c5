//! Keeps a file from running ahead of the service that hears it.
//!
//! | frame | what happens |
//! |---|---|
//! | `InputAudio` | passed on, once the recogniser is connected and has sent nearly all of what came before |
//! | anything else | passed on |
//!
//! A recogniser keeps a bounded stretch of audio while it has no connection, and lets the oldest go: right for
//! a caller, wrong for a file, which can wait. Stands between the file and the detector; while it waits, the
//! link before it fills and the file is read no further. It waits as long as the recogniser tries to connect,
//! which ends in a connection or in the end of the session.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use voxline::{
    audio::SampleRate,
    core::{
        AsyncContext, AsyncProcessor,
        frame::{Frame, Payload},
        processor::Result,
    },
    smallest_stt::{SmallestStt, SttCounters},
};

/// How far the file may be ahead.
const AHEAD: Duration = Duration::from_secs(5);
/// How often to look again.
const LOOK: Duration = Duration::from_millis(1);
/// Bytes of a sample as it is sent.
const SAMPLE: u64 = 2;

/// Holds a file back.
#[derive(Debug)]
pub(crate) struct Backpressure {
    connected: Arc<AtomicBool>,
    counters: SttCounters,
    rate: SampleRate,
    given: Duration,
}

impl Backpressure {
    /// For this recogniser, which sends 16-bit audio at this rate.
    pub(crate) fn of(stt: &SmallestStt, rate: SampleRate) -> Self {
        let connected = Arc::new(AtomicBool::new(false));
        let (on, off) = (connected.clone(), connected.clone());
        stt.on_connected(move || on.store(true, Ordering::Relaxed));
        stt.on_disconnected(move |_| off.store(false, Ordering::Relaxed));
        Self { connected, counters: stt.counters(), rate, given: Duration::ZERO }
    }

    /// Audio sent again after a reconnect counts twice, so that the file may then be ahead by as much more.
    fn is_ahead(&self) -> bool {
        let sent = self.rate.duration_of(self.counters.snapshot().bytes_sent / SAMPLE);
        self.given.saturating_sub(sent) > AHEAD
    }
}

#[async_trait]
impl AsyncProcessor for Backpressure {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if let Payload::InputAudio(pcm) = &frame.payload {
            while !self.connected.load(Ordering::Relaxed) || self.is_ahead() {
                tokio::time::sleep(LOOK).await;
            }
            self.given += pcm.duration();
        }
        ctx.push(frame).await;
        Ok(())
    }
}
