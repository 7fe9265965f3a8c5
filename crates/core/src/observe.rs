//! Observers: whoever wants to watch frames without being a stage.
//!
//! Each observer has a task of its own behind a bounded ring that drops the oldest sighting and counts
//! it, so a slow observer never slows the pipeline. Without observers a frame pays one branch.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    frame::{Frame, KindSet},
    ring::Ring,
};

/// Sightings an observer may have waiting before the oldest is dropped.
pub const OBSERVER_BOUND: usize = 1024;

/// A frame seen on its way to a stage.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The frame. Cloned cheaply: audio and texts are shared.
    pub frame: Frame,
    /// The stage it comes to; empty where it leaves the pipeline.
    pub to: Arc<str>,
    /// When, on the session clock.
    pub at: Duration,
}

/// Someone who watches.
pub trait Observer: Send + 'static {
    /// The kinds of frames it wants to see.
    fn interests(&self) -> KindSet {
        KindSet::ALL
    }

    /// Called for each frame of those kinds on its way to each stage. `missed` counts the sightings lost so
    /// far because the observer was too slow.
    fn on_frame(&mut self, sighting: &Sighting, missed: u64);
}

/// An observer's ring, as stages see it.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    interests: KindSet,
    ring: Arc<Ring<Sighting>>,
}

impl Tap {
    pub(crate) fn new(observer: &dyn Observer) -> Self {
        Self { interests: observer.interests(), ring: Arc::new(Ring::new(OBSERVER_BOUND)) }
    }

    pub(crate) fn see(&self, frame: &Frame, to: &Arc<str>, began: Instant) {
        if self.interests.contains(frame.kind()) {
            let at = crate::processor::since(began, tokio::time::Instant::now().into_std());
            self.ring.push(Sighting { frame: frame.clone(), to: to.clone(), at });
        }
    }

    /// Shows the observer what comes until the session is over. A panic of it ends only its watching.
    pub(crate) async fn watch(self, mut observer: Box<dyn Observer>) {
        while let Some(sighting) = self.ring.next().await {
            let missed = self.ring.missed();
            if let Err(message) = crate::panic::catch(|| observer.on_frame(&sighting, missed)) {
                tracing::error!(message, "an observer panicked and watches no more");
                return;
            }
        }
    }

    pub(crate) fn close(&self) {
        self.ring.close();
    }
}
