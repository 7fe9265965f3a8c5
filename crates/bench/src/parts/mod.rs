//! Parts: what the single pieces of work cost, by the shipping crates' public functions, in CPU nanoseconds.
//!
//! [`works`] holds each as a closure that does it once; the guard counts instructions of some of the same. A figure
//! is the least of several repeats of about a tenth of a second.

mod works;

use std::time::Duration;

pub(crate) use works::PARTS;

use crate::{cpu, row::Row};

const REPEATS: usize = 3;
const LONG_ENOUGH: Duration = Duration::from_millis(100);

pub(crate) fn rows() -> Vec<Row> {
    PARTS.iter().map(|part| Row::new("parts", part.name, &[("cpu_ns", measure((part.make)()))])).collect()
}

fn measure(mut work: Box<dyn FnMut()>) -> f64 {
    let mut times = 1;
    loop {
        let took = timed(&mut work, times);
        if took > LONG_ENOUGH {
            let best = (1..REPEATS).map(|_| timed(&mut work, times)).fold(took, Duration::min);
            return best.as_nanos() as f64 / f64::from(times);
        }
        times *= 2;
    }
}

fn timed(work: &mut dyn FnMut(), times: u32) -> Duration {
    let before = cpu::used();
    (0..times).for_each(|_| work());
    cpu::used() - before
}
