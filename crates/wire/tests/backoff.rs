//! Backoff without a clock: what is retried, when, and when it is given up.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use voxline_wire::*;

const MINUTE: Duration = Duration::from_secs(60);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn steady() -> BackoffPolicy {
    BackoffPolicy { jitter: Jitter::None, ..BackoffPolicy::default() }
}

fn untiring() -> BackoffPolicy {
    BackoffPolicy { give_up_after: None, short_lived_limit: u32::MAX, ..BackoffPolicy::default() }
}

fn refused(status: u16) -> ConnectError {
    ConnectError::Refused { status, body: String::new(), retry_after: None }
}

fn wait(now: Instant, next: &Next) -> Duration {
    match next {
        Next::RetryAt(at) => at.duration_since(now),
        Next::GiveUp(why) => panic!("gave up: {why}"),
    }
}

#[test]
fn statuses_and_failures_are_sorted() {
    for status in [400, 401, 403, 404, 405, 409, 410, 422, 301, 200, 499] {
        assert_eq!(classify(&refused(status)), Permanence::Permanent, "{status}");
    }
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        assert_eq!(classify(&refused(status)), Permanence::Temporary, "{status}");
    }
    let reason = String::new();
    assert_eq!(classify(&ConnectError::BadAddress { reason: reason.clone() }), Permanence::Permanent);
    assert_eq!(classify(&ConnectError::Tls { reason: reason.clone() }), Permanence::Permanent);
    assert_eq!(classify(&ConnectError::Unreachable { reason: reason.clone() }), Permanence::Temporary);
    assert_eq!(classify(&ConnectError::NotWebSocket { reason }), Permanence::Temporary);
    assert_eq!(classify(&ConnectError::TimedOut { after: MINUTE }), Permanence::Temporary);
}

#[test]
fn a_permanent_failure_takes_one_attempt_and_stays() {
    let now = Instant::now();
    let mut backoff = Backoff::new(steady(), 1);
    let gave_up = Next::GiveUp(GaveUp::Permanent(refused(401)));
    assert_eq!(backoff.failed(now, &refused(401)), gave_up);
    assert_eq!(backoff.failed(now, &refused(503)), gave_up);
    backoff.opened(now);
    assert_eq!(backoff.closed(now + seconds(9), &CloseReason::Local), gave_up);
    assert_eq!(backoff.give_up(), gave_up);
}

#[test]
fn delays_double_up_to_the_longest_and_end_after_the_limit() {
    let mut now = Instant::now();
    let policy =
        BackoffPolicy { max: seconds(4), connects_per_minute: 100, give_up_after: Some(7), ..steady() };
    let mut backoff = Backoff::new(policy, 1);
    for expected in [500, 1000, 2000, 4000, 4000, 4000] {
        let delay = wait(now, &backoff.failed(now, &refused(503)));
        assert_eq!(delay, Duration::from_millis(expected));
        now += delay;
    }
    let why = GaveUp::Exhausted { attempts: 7, last: Some(refused(503)) };
    assert_eq!(backoff.failed(now, &refused(503)), Next::GiveUp(why));
}

#[test]
fn retry_after_is_a_lower_bound() {
    let now = Instant::now();
    for (asked, expected) in [(0, Duration::from_millis(500)), (7, seconds(7)), (u64::MAX, seconds(86_400))] {
        let error =
            ConnectError::Refused { status: 429, body: String::new(), retry_after: Some(seconds(asked)) };
        assert_eq!(wait(now, &Backoff::new(steady(), 1).failed(now, &error)), expected);
    }
}

#[test]
fn r_04_fifty_idle_closes_over_hours_leave_it_alive() {
    let mut now = Instant::now();
    let mut backoff = Backoff::new(BackoffPolicy::default(), 4);
    for _ in 0..50 {
        backoff.opened(now);
        now += seconds(180);
        let delay = wait(now, &backoff.closed(now, &CloseReason::Peer { code: 1000, reason: String::new() }));
        assert_eq!(delay, Duration::ZERO);
        assert_eq!(backoff.attempts(), 0);
    }
}

#[test]
fn r_05_short_lived_connections_in_a_row_end_it() {
    let mut now = Instant::now();
    let mut backoff = Backoff::new(steady(), 1);
    let reason = CloseReason::Peer { code: 1008, reason: "forbidden".into() };
    for _ in 0..4 {
        backoff.opened(now);
        now += Duration::from_millis(20);
        now += wait(now, &backoff.closed(now, &reason));
    }
    backoff.opened(now);
    let why = GaveUp::ShortLived { connections: 5, last: reason.clone() };
    assert_eq!(backoff.closed(now, &reason), Next::GiveUp(why));
}

#[test]
fn opening_alone_clears_nothing_but_an_answer_does() {
    let now = Instant::now();
    let mut backoff = Backoff::new(steady(), 1);
    backoff.failed(now, &refused(503));
    backoff.failed(now, &refused(503));
    backoff.opened(now);
    assert_eq!(backoff.attempts(), 2);
    assert_eq!(wait(now, &backoff.closed(now, &CloseReason::Local)), seconds(2));

    backoff.opened(now);
    backoff.answered(now);
    assert_eq!(backoff.attempts(), 0);
    assert_eq!(wait(now, &backoff.closed(now, &CloseReason::Local)), Duration::from_millis(500));
    assert_eq!(wait(now, &backoff.failed(now, &refused(503))), Duration::from_millis(500));
}

#[test]
fn the_provider_can_end_it() {
    let now = Instant::now();
    let mut backoff = Backoff::new(steady(), 1);
    backoff.opened(now);
    assert_eq!(backoff.give_up(), Next::GiveUp(GaveUp::Told));
    assert_eq!(backoff.closed(now, &CloseReason::Local), Next::GiveUp(GaveUp::Told));
}

#[test]
fn extreme_policies_do_not_panic() {
    let now = Instant::now();
    let policy = BackoffPolicy {
        first: Duration::MAX,
        max: Duration::MAX,
        factor: u32::MAX,
        jitter: Jitter::PlusMinus(f64::NAN),
        healthy_after: Duration::MAX,
        short_lived_limit: 0,
        give_up_after: None,
        connects_per_minute: 0,
    };
    for jitter in [Jitter::None, Jitter::Full, Jitter::PlusMinus(f64::NAN), Jitter::PlusMinus(9.0)] {
        let mut backoff = Backoff::new(BackoffPolicy { jitter, ..policy.clone() }, 1);
        for _ in 0..40 {
            assert!(wait(now, &backoff.failed(now, &refused(500))) > MINUTE);
        }
        backoff.answered(now);
        backoff.closed(now, &CloseReason::Local);
    }
}

/// One attempt: how it ends, and after how long.
#[derive(Clone, Debug)]
enum Attempt {
    Fails,
    ShortLived(u64),
    Answers(u64),
    Lives(u64),
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let attempt = prop_oneof![
        Just(Attempt::Fails),
        (0..4_900_u64).prop_map(Attempt::ShortLived),
        (0..4_900_u64).prop_map(Attempt::Answers),
        (5_000..600_000_u64).prop_map(Attempt::Lives),
    ];
    proptest::collection::vec(attempt, 1..200)
}

proptest! {
    #[test]
    fn r_06_fruitless_connects_never_exceed_the_rate(seed: u64, lives in proptest::collection::vec(0..200_u64, 200)) {
        let mut now = Instant::now();
        let mut connects = Vec::new();
        let mut backoff = Backoff::new(untiring(), seed);
        for life in lives {
            connects.push(now);
            backoff.opened(now);
            now += Duration::from_millis(life);
            now += wait(now, &backoff.closed(now, &CloseReason::Local));
        }
        for window in connects.windows(11) {
            prop_assert!(window[10] - window[0] >= MINUTE, "11 connects in {:?}", window[10] - window[0]);
        }
    }

    #[test]
    fn delays_stay_within_their_bounds_and_a_healthy_connection_clears_the_record(seed: u64, attempts in attempts()) {
        let mut now = Instant::now();
        let mut backoff = Backoff::new(untiring(), seed);
        for attempt in attempts {
            let next = match attempt {
                Attempt::Fails => backoff.failed(now, &refused(503)),
                Attempt::ShortLived(life) | Attempt::Answers(life) | Attempt::Lives(life) => {
                    backoff.opened(now);
                    if matches!(attempt, Attempt::Answers(_)) {
                        backoff.answered(now);
                    }
                    now += Duration::from_millis(life);
                    backoff.closed(now, &CloseReason::Local)
                }
            };
            let delay = wait(now, &next);
            prop_assert!(delay <= MINUTE);
            match attempt {
                Attempt::Lives(_) => prop_assert_eq!((delay, backoff.attempts()), (Duration::ZERO, 0)),
                Attempt::Answers(_) => {
                    prop_assert!(delay >= Duration::from_millis(250) && delay <= Duration::from_millis(500));
                    prop_assert_eq!(backoff.attempts(), 0);
                }
                Attempt::Fails | Attempt::ShortLived(_) => prop_assert!(backoff.attempts() > 0),
            }
            now += delay;
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_delays(seed: u64) {
        let now = Instant::now();
        let run = |seed| {
            let mut backoff = Backoff::new(untiring(), seed);
            (0..20).map(|_| wait(now, &backoff.failed(now, &refused(503)))).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(seed), run(seed));
    }
}
