//! What is to be reached, what was, and how it stands to floors and peers: each number is computed within one round, so
//! that a ratio compares what ran side by side, and is then put together over the rounds.

use std::fmt::Write;

use crate::{row::Row, table::spread};

/// A goal.
struct Goal {
    what: &'static str,
    unit: &'static str,
    bound: Bound,
    /// From the rows of one round; `None` when something it needs was not measured.
    reached: fn(&[Row]) -> Option<f64>,
}

/// What the number must be.
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Nothing was asked for: a comparison that is worth reading.
    Told,
}

use Bound::{AtLeast, AtMost, Told};

const SYNC: &str = "Voxline, ten synchronous";
const ONE_ASYNC: &str = "Voxline, one asynchronous";
const FULL: &str = "Voxline, full queues and a stage busy for a minute";
const BARE: &str = "bare socket, no pipeline";
const FRAME: &str = "cpu_us_per_frame";
const CALL_SECOND: &str = "cpu_ms_per_call_second";
const FACADE: &str = "Voxline, default features";

const GOALS: &[Goal] = &[
    goal("hop, synchronous, full queues", "ns", AtMost(30.0), |rows| hop(rows, SYNC)),
    goal("the same, beside a bare call", "×", Told, |rows| {
        ratio(hop(rows, SYNC), hop(rows, "bare calls, ten"))
    }),
    goal("flowcat-core's hop beside it", "×", AtLeast(20.0), |rows| {
        ratio(hop(rows, "flowcat-core"), hop(rows, SYNC))
    }),
    goal("rustvani's hop beside it", "×", AtLeast(75.0), |rows| {
        ratio(hop(rows, "rustvani"), hop(rows, SYNC))
    }),
    goal("Pipecat's hop beside it", "×", AtLeast(1200.0), |rows| {
        ratio(hop(rows, "Pipecat"), hop(rows, SYNC))
    }),
    goal("hop, asynchronous, beside the bare queue of two lanes", "×", AtMost(1.5), |rows| {
        ratio(hop(rows, "Voxline, ten asynchronous"), hop(rows, "bare queue of two lanes, ten tasks"))
    }),
    goal("1,000 paced pipelines of ten: CPU of a frame", "µs", AtMost(3.5), |rows| paced(rows, SYNC, FRAME)),
    goal("1,000 paced pipelines of ten: p99", "µs", AtMost(50.0), |rows| paced(rows, SYNC, "p99_us")),
    goal("one asynchronous stage among ten: CPU of a call-second", "ms", AtMost(0.30), |rows| {
        paced(rows, ONE_ASYNC, FRAME).map(|frame| frame * 50.0 / 1e3)
    }),
    goal("flowcat-core's call-second beside it", "×", Told, |rows| {
        ratio(paced(rows, "flowcat-core", FRAME), paced(rows, ONE_ASYNC, FRAME))
    }),
    goal("rustvani's call-second beside it", "×", Told, |rows| {
        ratio(paced(rows, "rustvani", FRAME), paced(rows, ONE_ASYNC, FRAME))
    }),
    goal("Pipecat's, of ten calls, beside it", "×", Told, |rows| {
        ratio(number(rows, "paced", "Pipecat", 10, FRAME), paced(rows, ONE_ASYNC, FRAME))
    }),
    goal("idle pipeline of ten", "KiB", AtMost(8.0), |rows| number(rows, "idle", SYNC, 2000, "kib")),
    goal("idle agent session, two sockets", "KiB", AtMost(48.0), |rows| {
        number(rows, "idle session", "Voxline", 500, "kib")
    }),
    goal("whole sessions per core, beside Pipecat's", "×", AtLeast(100.0), |rows| {
        ratio(sessions(rows, "Voxline"), sessions(rows, "Pipecat"))
    }),
    goal("echo, 500 calls: CPU of a call-second", "ms", AtMost(0.75), |rows| echo(rows, CALL_SECOND)),
    goal("echo, 500 calls: memory of a call", "KiB", AtMost(40.0), |rows| echo(rows, "kib_per_call")),
    goal("echo, 500 calls: p99 beside the bare socket's", "×", AtMost(2.0), |rows| {
        ratio(echo(rows, "p99_us"), number(rows, "echo", BARE, 500, "p99_us"))
    }),
    goal("echo, 500 calls: CPU beside the bare socket's", "×", Told, |rows| {
        ratio(echo(rows, CALL_SECOND), number(rows, "echo", BARE, 500, CALL_SECOND))
    }),
    goal("flowcat-core's CPU beside ours", "×", Told, |rows| {
        ratio(
            number(rows, "echo", "flowcat-core, five processors", 500, CALL_SECOND),
            echo(rows, CALL_SECOND),
        )
    }),
    goal("rustvani's CPU beside ours", "×", Told, |rows| {
        ratio(number(rows, "echo", "rustvani, five processors", 500, CALL_SECOND), echo(rows, CALL_SECOND))
    }),
    goal("Pipecat's CPU, of ten calls, beside ours", "×", Told, |rows| {
        ratio(number(rows, "echo", "Pipecat, five processors", 10, CALL_SECOND), echo(rows, CALL_SECOND))
    }),
    goal("barge-in to silence, every queue full: p99", "ms", AtMost(5.0), |rows| {
        number(rows, "barge-in", FULL, 0, "p99_us").map(|us| us / 1e3)
    }),
    goal("stale frames played after it", "", AtMost(0.0), |rows| {
        number(rows, "barge-in", FULL, 0, "stale_frames_played")
    }),
    goal("confirmed words to the model's request: p99", "ms", AtMost(5.0), |rows| {
        let words = "Voxline, confirmed words to the model's request";
        number(rows, "turn end", words, 0, "p99_us").map(|us| us / 1e3)
    }),
    goal("process start to its end, one frame through ten", "ms", AtMost(10.0), |rows| {
        number(rows, "cold", SYNC, 0, "start_to_exit_ms")
    }),
    goal("crates the facade brings", "", AtMost(120.0), |rows| {
        number(rows, "dependencies", FACADE, 0, "crates")
    }),
    goal("clean release build of the facade", "s", AtMost(120.0), |rows| {
        number(rows, "build", FACADE, 0, "seconds")
    }),
];

const fn goal(
    what: &'static str,
    unit: &'static str,
    bound: Bound,
    reached: fn(&[Row]) -> Option<f64>,
) -> Goal {
    Goal { what, unit, bound, reached }
}

fn number(rows: &[Row], figure: &str, subject: &str, pipelines: u64, name: &str) -> Option<f64> {
    let same = |row: &&Row| row.figure == figure && row.subject == subject && row.pipelines == pipelines;
    rows.iter().find(same)?.number(name)
}

fn hop(rows: &[Row], subject: &str) -> Option<f64> {
    number(rows, "hop", subject, 0, "cpu_ns")
}

fn paced(rows: &[Row], subject: &str, name: &str) -> Option<f64> {
    number(rows, "paced", subject, 1000, name)
}

fn echo(rows: &[Row], name: &str) -> Option<f64> {
    number(rows, "echo", "Voxline, five processors", 500, name)
}

fn sessions(rows: &[Row], subject: &str) -> Option<f64> {
    rows.iter()
        .find(|row| row.figure == "sessions per core" && row.subject == subject)?
        .number("sessions_per_core")
}

fn ratio(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? / other?).filter(|ratio| ratio.is_finite())
}

/// A Markdown table of the goals that could be judged. A goal is reached when the median of the rounds reaches it.
pub(crate) fn render(rounds: &[Vec<Row>]) -> String {
    let mut table = String::from("| what | goal | median (least – greatest) | |\n|---|--:|--:|---|\n");
    for goal in GOALS {
        let values = rounds.iter().filter_map(|rows| (goal.reached)(rows)).collect();
        let Some(reached) = spread(values) else { continue };
        let (bound, verdict) = match goal.bound {
            AtMost(most) => (format!("≤ {most} {}", goal.unit), verdict(reached.median <= most)),
            AtLeast(least) => (format!("≥ {least} {}", goal.unit), verdict(reached.median >= least)),
            Told => (String::new(), ""),
        };
        let _ = writeln!(table, "| {} | {bound} | {reached} {} | {verdict} |", goal.what, goal.unit);
    }
    table
}

fn verdict(holds: bool) -> &'static str {
    if holds { "reached" } else { "**not reached**" }
}
