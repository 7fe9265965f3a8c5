//! Muted whenever a function of the application's own says so.

use std::{fmt, sync::Arc, time::Instant};

use super::MuteUser;
use crate::floor::{Cue, Scene};

/// Muted when a function says so. It is asked at every cue, so it must be quick.
#[derive(Clone)]
pub struct MuteWhen(Arc<dyn Fn(&Scene<'_>) -> bool + Send + Sync>);

impl MuteWhen {
    /// Muted while `muted` gives true.
    pub fn new(muted: impl Fn(&Scene<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(muted))
    }
}

impl MuteUser for MuteWhen {
    fn is_muted(&mut self, _: Instant, _: Option<&Cue<'_>>, scene: &Scene<'_>) -> bool {
        (self.0)(scene)
    }

    fn boxed(&self) -> Box<dyn MuteUser> {
        Box::new(self.clone())
    }
}

impl fmt::Debug for MuteWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MuteWhen")
    }
}
