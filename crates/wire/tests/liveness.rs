//! Liveness without a clock: when a ping is due, and when a peer is given up.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use voxline_wire::{Due, Liveness, LivenessPolicy};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn fresh() -> (Instant, Liveness) {
    let now = Instant::now();
    (now, Liveness::new(LivenessPolicy::default(), now))
}

#[test]
fn silence_brings_a_ping_and_then_the_end() {
    let (start, mut liveness) = fresh();
    assert_eq!(liveness.due(start + ms(4_999)), Due::Nothing);
    assert_eq!(liveness.next(), start + ms(5_000));
    assert_eq!(liveness.due(start + ms(5_000)), Due::Ping);
    liveness.pinged(start + ms(5_000));
    assert_eq!(liveness.due(start + ms(8_999)), Due::Nothing);
    assert_eq!(liveness.next(), start + ms(9_000));
    assert_eq!(liveness.due(start + ms(9_000)), Due::Unresponsive);
}

#[test]
fn any_byte_counts_as_an_answer() {
    let (start, mut liveness) = fresh();
    liveness.pinged(start + ms(5_000));
    liveness.heard(start + ms(8_999));
    assert_eq!(liveness.due(start + ms(13_998)), Due::Nothing);
    assert_eq!(liveness.due(start + ms(13_999)), Due::Ping);
}

#[test]
fn a_process_that_was_held_up_pings_before_it_condemns() {
    let (start, mut liveness) = fresh();
    let late = start + ms(60_000);
    assert_eq!(liveness.due(late), Due::Ping);
    liveness.pinged(late);
    assert_eq!(liveness.due(late), Due::Nothing);
}

#[test]
fn a_write_stalls_only_without_progress() {
    let (start, mut liveness) = fresh();
    liveness.wrote(start, false, true);
    assert_eq!(liveness.next(), start + ms(2_000));
    liveness.wrote(start + ms(1_999), true, true);
    assert_eq!(liveness.due(start + ms(3_998)), Due::Nothing);
    liveness.wrote(start + ms(3_000), false, true);
    assert_eq!(liveness.due(start + ms(3_999)), Due::Stalled);
    liveness.wrote(start + ms(3_999), true, false);
    assert_eq!(liveness.due(start + ms(4_999)), Due::Nothing);
    liveness.heard(start + ms(4_999));
    liveness.wrote(start + ms(5_500), false, true);
    assert_eq!(liveness.due(start + ms(7_499)), Due::Nothing);
    assert_eq!(liveness.due(start + ms(7_500)), Due::Stalled);
}

#[test]
fn never_is_a_deadline_too() {
    let now = Instant::now();
    let never =
        LivenessPolicy { ping_after: Duration::MAX, pong_within: Duration::MAX, write_within: Duration::MAX };
    let mut liveness = Liveness::new(never, now);
    liveness.wrote(now, false, true);
    liveness.pinged(now);
    assert_eq!(liveness.due(now + Duration::from_secs(1_000_000)), Due::Nothing);

    let zero = LivenessPolicy { ping_after: Duration::ZERO, ..LivenessPolicy::default() };
    assert!(Liveness::new(zero, now).next() > now);
}

proptest! {
    /// Whatever moves: nothing is due before `next`, something is at `next`, and a silent peer never
    /// outlives its two deadlines.
    #[test]
    fn next_tells_exactly_when_something_is_due(steps in proptest::collection::vec((1..3_000_u64, 0..4_u8), 1..100)) {
        let (start, mut liveness) = fresh();
        let mut now = start;
        let mut heard = start;
        for (pause, what) in steps {
            let next = liveness.next();
            now += ms(pause);
            let due = liveness.due(now);
            prop_assert_eq!(due != Due::Nothing, now >= next, "{:?} at {:?}", due, now - start);
            prop_assert_ne!(liveness.due(next), Due::Nothing);
            prop_assert!(next <= heard.max(now) + ms(9_000));
            if matches!(due, Due::Unresponsive | Due::Stalled) {
                break;
            }
            if due == Due::Ping {
                liveness.pinged(now);
            }
            match what {
                0 => {
                    heard = now;
                    liveness.heard(now);
                }
                1 => liveness.wrote(now, true, true),
                2 => liveness.wrote(now, false, true),
                _ => liveness.wrote(now, true, false),
            }
        }
    }
}
