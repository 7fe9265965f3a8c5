//! When to connect again, and when to stop trying. Pure: time and chance are arguments.
//!
//! In: how each connect and each connection ended. Out: [`Next`], an instant or the reason to give up.
//! 1. Only a connection that lived for `healthy_after`, or that answered, clears the record. The upgrade
//!    alone does not: services refuse a key, a plan or a quota right after it.
//! 2. Permanent refusals (see [`classify`]) end it at once; `Retry-After` is a lower bound.
//! 3. Connects that came to nothing never exceed `connects_per_minute`, whatever the delays say.
//! 4. Once given up, it stays given up: every later call gives the same answer.
//!
//! Which close codes are permanent is the provider's to know: it calls [`Backoff::give_up`].

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    error::{CloseReason, ConnectError},
    time::{NEVER, later},
};

/// A `Retry-After` beyond this is taken as this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

const MINUTE: Duration = Duration::from_secs(60);

/// How fast to try again, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct BackoffPolicy {
    /// The delay before the first retry, before jitter.
    pub first: Duration,
    /// The longest delay, before jitter.
    pub max: Duration,
    /// What the delay is multiplied by from one failure to the next.
    pub factor: u32,
    /// How chance spreads the delays of many clients.
    pub jitter: Jitter,
    /// A connection that lived this long was a healthy one.
    pub healthy_after: Duration,
    /// Give up after so many connections in a row that opened, answered nothing and ended early.
    pub short_lived_limit: u32,
    /// Give up after so many attempts in a row without a healthy connection; `None` tries for ever.
    pub give_up_after: Option<u32>,
    /// At most so many connects that came to nothing in any 60 s; zero counts as one.
    pub connects_per_minute: u32,
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            max: Duration::from_secs(30),
            factor: 2,
            jitter: Jitter::Full,
            healthy_after: Duration::from_secs(5),
            short_lived_limit: 5,
            give_up_after: Some(10),
            connects_per_minute: 10,
        }
    }
}

/// How chance changes a delay.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// Not at all.
    None,
    /// Anything from nothing to the whole delay: spreads a crowd best.
    Full,
    /// The delay plus or minus this share of it, 0 to 1.
    PlusMinus(f64),
}

/// What to do now that there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Connect at this moment; it may be the present one.
    RetryAt(Instant),
    /// Do not connect again.
    GiveUp(GaveUp),
}

/// Why no further connect is worth it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GaveUp {
    /// The failure is one that trying again does not change.
    #[error("a permanent failure")]
    Permanent(#[source] ConnectError),
    /// Too many connections in a row ended at once.
    #[error("{connections} connections in a row ended at once")]
    ShortLived {
        /// How many.
        connections: u32,
        /// How the last one ended.
        #[source]
        last: CloseReason,
    },
    /// Too many attempts in a row came to nothing.
    #[error("{attempts} attempts in a row came to nothing")]
    Exhausted {
        /// How many.
        attempts: u32,
        /// How the last one failed, when it never opened.
        #[source]
        last: Option<ConnectError>,
    },
    /// The provider said so.
    #[error("the provider gave up")]
    Told,
}

/// Whether a failed connect is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permanence {
    /// The next try would fail in the same way.
    Permanent,
    /// It may pass.
    Temporary,
}

/// Sorts the ways a connect can fail.
///
/// Permanent: a bad address, TLS (a wrong certificate stays wrong), and every HTTP status but 408, 425,
/// 429 and 5xx. Temporary: the rest, also an answer that is not WebSocket, which a proxy may give while
/// the service behind it restarts.
#[must_use]
pub fn classify(error: &ConnectError) -> Permanence {
    match error {
        ConnectError::BadAddress { .. } | ConnectError::Tls { .. } => Permanence::Permanent,
        ConnectError::Refused { status: 408 | 425 | 429 | 500..=599, .. } => Permanence::Temporary,
        ConnectError::Refused { .. } => Permanence::Permanent,
        ConnectError::Unreachable { .. }
        | ConnectError::TimedOut { .. }
        | ConnectError::NotWebSocket { .. }
        | ConnectError::Cancelled => Permanence::Temporary,
    }
}

/// The record of one line's attempts. One at a time: tell it how an attempt ended before the next begins.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: BackoffPolicy,
    chance: fastrand::Rng,
    /// Attempts in a row without a healthy connection.
    failures: u32,
    /// Connections in a row that opened and came to nothing.
    short_lived: u32,
    opened_at: Option<Instant>,
    answered: bool,
    /// When the latest attempts that came to nothing opened or failed; at most `connects_per_minute`.
    fruitless: VecDeque<Instant>,
    gave_up: Option<GaveUp>,
}

impl Backoff {
    /// A clean record. The same seed gives the same delays.
    #[must_use]
    pub fn new(policy: BackoffPolicy, seed: u64) -> Self {
        Self {
            policy,
            chance: fastrand::Rng::with_seed(seed),
            failures: 0,
            short_lived: 0,
            opened_at: None,
            answered: false,
            fruitless: VecDeque::new(),
            gave_up: None,
        }
    }

    /// A connect failed.
    pub fn failed(&mut self, now: Instant, error: &ConnectError) -> Next {
        self.opened_at = None;
        if classify(error) == Permanence::Permanent {
            return self.stop(GaveUp::Permanent(error.clone()));
        }
        let wait = match error {
            ConnectError::Refused { retry_after: Some(wait), .. } => (*wait).min(LONGEST_RETRY_AFTER),
            _ => Duration::ZERO,
        };
        self.retry(now, now, wait, Some(error))
    }

    /// A connect succeeded. This clears nothing yet.
    pub fn opened(&mut self, now: Instant) {
        self.opened_at = Some(now);
        self.answered = false;
    }

    /// The peer sent something useful (not an error): the connection is a healthy one from here on.
    /// The moment makes no difference; it is there because every input carries one.
    pub fn answered(&mut self, _now: Instant) {
        self.answered = true;
        self.clear();
    }

    /// A connection that had opened ended. `reason` is kept for the error only.
    ///
    /// After one that lived, the retry is at once. After one that answered and ended early, it waits half
    /// of `first` and a jittered other half, so that answer-and-close cannot become a tight loop.
    pub fn closed(&mut self, now: Instant, reason: &CloseReason) -> Next {
        let opened_at = self.opened_at.take().unwrap_or(now);
        let answered = std::mem::take(&mut self.answered);
        if let Some(why) = &self.gave_up {
            return Next::GiveUp(why.clone());
        }
        if now.saturating_duration_since(opened_at) >= self.policy.healthy_after {
            self.clear();
            return Next::RetryAt(now);
        }
        if answered {
            let half = self.policy.first.min(NEVER) / 2;
            return Next::RetryAt(later(now, half + self.jittered(half)));
        }
        self.short_lived = self.short_lived.saturating_add(1);
        if self.short_lived >= self.policy.short_lived_limit {
            return self.stop(GaveUp::ShortLived { connections: self.short_lived, last: reason.clone() });
        }
        self.retry(now, opened_at, Duration::ZERO, None)
    }

    /// Ends it by the provider's own knowledge: a close code or a message that no retry changes.
    pub fn give_up(&mut self) -> Next {
        self.stop(GaveUp::Told)
    }

    /// Attempts in a row without a healthy connection.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.failures
    }

    fn retry(
        &mut self,
        now: Instant,
        tried_at: Instant,
        wait: Duration,
        last: Option<&ConnectError>,
    ) -> Next {
        self.failures = self.failures.saturating_add(1);
        if self.policy.give_up_after.is_some_and(|limit| self.failures >= limit) {
            return self.stop(GaveUp::Exhausted { attempts: self.failures, last: last.cloned() });
        }
        if let Some(why) = &self.gave_up {
            return Next::GiveUp(why.clone());
        }
        let growth = self.policy.factor.saturating_pow(self.failures - 1);
        let delay = self.policy.first.saturating_mul(growth).min(self.policy.max);
        let at = later(now, self.jittered(delay).max(wait));
        Next::RetryAt(at.max(self.earliest(tried_at)))
    }

    /// Notes an attempt that came to nothing, and gives the moment before which the rate forbids another.
    fn earliest(&mut self, tried_at: Instant) -> Instant {
        self.fruitless.push_back(tried_at);
        let limit = self.policy.connects_per_minute.max(1) as usize;
        while self.fruitless.len() > limit {
            self.fruitless.pop_front();
        }
        match self.fruitless.front() {
            Some(&oldest) if self.fruitless.len() == limit => later(oldest, MINUTE),
            _ => tried_at,
        }
    }

    fn jittered(&mut self, delay: Duration) -> Duration {
        let delay = delay.min(NEVER);
        match self.policy.jitter {
            Jitter::None => delay,
            Jitter::Full => delay.mul_f64(self.chance.f64()),
            Jitter::PlusMinus(share) => {
                let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
                delay.mul_f64(1.0 + share * (2.0 * self.chance.f64() - 1.0))
            }
        }
    }

    fn clear(&mut self) {
        self.failures = 0;
        self.short_lived = 0;
        self.fruitless.clear();
    }

    fn stop(&mut self, why: GaveUp) -> Next {
        Next::GiveUp(self.gave_up.get_or_insert(why).clone())
    }
}
