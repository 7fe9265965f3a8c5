//! Adding to an instant without overflow: a `Duration::MAX` in a configuration means "never".

use std::time::{Duration, Instant};

/// Far enough to be never, near enough for every platform's clock.
pub(crate) const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// `at + wait`, or about thirty years from `at` when that cannot be told.
pub(crate) fn later(at: Instant, wait: Duration) -> Instant {
    at.checked_add(wait.min(NEVER)).unwrap_or(at)
}
