//! When to ask again. Pure: time and chance are arguments.
//!
//! 1. Only what may pass is tried again, and only while nothing of the answer has been passed on.
//! 2. The endpoint's `Retry-After` is a lower bound.
//! 3. A wait that the answer's deadline does not leave room for is not begun: the failure is told at once.

use std::time::{Duration, Instant};

use super::LlmError;

/// How often an answer is asked for, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Requests at most; 1 never asks again. 3.
    pub attempts: u32,
    /// The wait before the second request, before jitter; doubled from one to the next. 250 ms.
    pub first: Duration,
    /// The longest wait, before jitter and `Retry-After`. 4 s.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, first: Duration::from_millis(250), max: Duration::from_secs(4) }
    }
}

/// The attempts at one answer.
#[derive(Debug)]
pub(super) struct Retry {
    policy: RetryPolicy,
    chance: fastrand::Rng,
    failed: u32,
    /// When the answer is given up.
    until: Option<Instant>,
}

impl Retry {
    pub(super) fn new(policy: RetryPolicy, until: Option<Instant>, seed: u64) -> Self {
        Self { policy, chance: fastrand::Rng::with_seed(seed), failed: 0, until }
    }

    /// An attempt failed before anything was passed on: how long to wait before the next; `None` for none.
    pub(super) fn failed(&mut self, now: Instant, error: &LlmError) -> Option<Duration> {
        self.failed += 1;
        if !error.is_temporary() || self.failed >= self.policy.attempts {
            return None;
        }
        let growth = 2_u32.saturating_pow(self.failed - 1);
        let delay = self.policy.first.saturating_mul(growth).min(self.policy.max);
        // Half of it is sure, half is chance: sessions that failed together do not come back together.
        let jittered = delay / 2 + (delay / 2).mul_f64(self.chance.f64());
        let wait = jittered.max(error.retry_after().unwrap_or_default());
        let fits = self.until.is_none_or(|until| now.checked_add(wait).is_some_and(|at| at < until));
        fits.then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overloaded(retry_after: Option<Duration>) -> LlmError {
        LlmError::Overloaded { retry_after, message: String::new() }
    }

    #[test]
    fn waits_grow_and_end() {
        let now = Instant::now();
        let policy = RetryPolicy { attempts: 4, ..RetryPolicy::default() };
        for seed in 0..100 {
            let mut retry = Retry::new(policy, None, seed);
            let mut waits = || retry.failed(now, &overloaded(None));
            let waits = [waits(), waits(), waits(), waits()];
            let bounds = [(125, 250), (250, 500), (500, 1000)];
            for (wait, (least, most)) in waits.iter().zip(bounds) {
                let wait = wait.unwrap().as_millis();
                assert!((least..=most).contains(&wait), "seed {seed}: {waits:?}");
            }
            assert_eq!(waits[3], None, "seed {seed}");
        }
    }

    #[test]
    fn the_endpoints_wish_is_a_lower_bound_and_the_deadline_an_upper_one() {
        let now = Instant::now();
        let until = Some(now + Duration::from_secs(10));
        let (short, long) = (Duration::from_secs(2), Duration::from_secs(30));
        let mut retry = Retry::new(RetryPolicy::default(), until, 1);
        assert_eq!(retry.failed(now, &overloaded(Some(short))), Some(short));
        assert_eq!(retry.failed(now, &overloaded(Some(long))), None);
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        let refused = LlmError::Refused { status: Some(400), message: String::new() };
        let silent = LlmError::Silent { after: Duration::from_secs(1) };
        for error in [refused, silent, LlmError::Unauthorized { message: String::new() }] {
            let mut retry = Retry::new(RetryPolicy::default(), None, 1);
            assert_eq!(retry.failed(Instant::now(), &error), None, "{error}");
        }
    }
}
