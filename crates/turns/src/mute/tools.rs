//! Muted while tools are running.

use std::time::Instant;

use super::MuteUser;
use crate::floor::{Cue, Scene};

/// Muted while tools are running.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuringTools;

impl MuteUser for DuringTools {
    fn is_muted(&mut self, _: Instant, _: Option<&Cue<'_>>, scene: &Scene<'_>) -> bool {
        scene.tools > 0
    }

    fn boxed(&self) -> Box<dyn MuteUser> {
        Box::new(self.clone())
    }
}
