//! Sessions in mid-call on one core: what they cost, how late what is due comes, and how many are too many.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use voxline_core::Error;

use super::{
    agent::{self, Delays, Services},
    caller::{Caller, Recording},
    simulator::FIRST_CHUNK,
};
use crate::{cpu, row::Row};

/// Until every session has spoken.
const WARM: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(10);
/// Voice to voice needs turns rather than frames: one in five seconds a session.
const TURNS: Duration = Duration::from_secs(40);
/// How late the 99th of a hundred may come.
const LIMIT_MS: f64 = 10.0;
/// Where the costs of a session are read first; and how much more of a core is tried from one number to the next.
const FIRST: usize = 100;
const LOADS: [f64; 8] = [0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1];

/// Measures ever more sessions until they come too late, and adds a row with the most that did not.
pub(crate) fn rows(measure: impl Fn(usize) -> Option<Row>) -> Vec<Row> {
    until_late(measure, |tried| {
        let Some(last) = tried.last() else { return Some(FIRST) };
        // The more there are, the less each costs, so the newest costs count.
        let each = last.number("cpu_ms_per_session_second")?;
        let load = LOADS.get(tried.len() - 1)?;
        Some(((load * 1000.0 / each / 10.0).round() as usize * 10).max(last.pipelines as usize + 10))
    })
}

/// The same for a peer, of which these numbers are asked.
pub(crate) fn peer_rows(numbers: &[usize], measure: impl Fn(usize) -> Option<Row>) -> Vec<Row> {
    until_late(measure, |tried| numbers.get(tried.len()).copied())
}

/// Measures the numbers that `next` says, until one comes too late.
fn until_late(measure: impl Fn(usize) -> Option<Row>, next: impl Fn(&[Row]) -> Option<usize>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    while !rows.last().is_some_and(Row::late)
        && let Some(row) = next(&rows).and_then(&measure)
    {
        rows.push(row);
    }
    rows.extend(most_in_time(&rows));
    rows
}

fn most_in_time(rows: &[Row]) -> Option<Row> {
    let most = rows.iter().filter(|row| !row.late()).max_by_key(|row| row.pipelines)?;
    let cost = most.number("cpu_ms_per_session_second")?;
    let mut numbers = vec![
        ("sessions_per_core", most.pipelines as f64),
        ("cpu_ms_per_session_second", cost),
        // What would fit if nothing came late before the core is full: an extrapolation.
        ("by_cpu_alone", 1000.0 / cost),
    ];
    numbers.extend(most.number("simulator_core").map(|share| ("simulator_core", share)));
    Some(Row::new("sessions per core", &most.subject, &numbers))
}

impl Row {
    fn late(&self) -> bool {
        let of = |name| self.number(name).unwrap_or(f64::MAX);
        of("input_p99_ms").max(of("output_p99_ms")) > LIMIT_MS
    }
}

/// Holds so many calls at once.
pub(crate) async fn run(services: &Services, count: usize, figure: &str) -> Result<Row, Arc<Error>> {
    let recording = Recording::load().map_err(Arc::new)?;
    let delays = Delays::default();
    let memory = cpu::resident_kib();
    let mut sessions = Vec::with_capacity(count);
    for number in 0..count {
        let caller = Caller::speaking(recording.clone(), number);
        sessions.push(agent::start(services, caller, &delays).await?);
    }
    tokio::time::sleep(WARM).await;
    [&delays.input, &delays.output, &delays.answer].into_iter().for_each(|each| each.forget());
    delays.played.store(0, Relaxed);
    let lasts = if figure == "sessions" { MEASURED } else { TURNS };
    let (used, simulator) = (cpu::used(), cpu::used_by(services.process));
    tokio::time::sleep(lasts).await;
    let (used, simulator) = (cpu::used() - used, cpu::used_by(services.process) - simulator);
    let kib = cpu::resident_kib().saturating_sub(memory) as f64 / count as f64;
    let session_seconds = count as f64 * lasts.as_secs_f64();
    let numbers = match figure {
        "sessions" => vec![
            ("cpu_ms_per_session_second", used.as_secs_f64() * 1e3 / session_seconds),
            ("input_p50_ms", delays.input.ms(0.5)),
            ("input_p99_ms", delays.input.ms(0.99)),
            ("output_p99_ms", delays.output.ms(0.99)),
            ("frames_heard", delays.input.total() as f64 / (session_seconds * 50.0)),
            ("bot_speaks", delays.played.load(Relaxed) as f64 / 1e6 / session_seconds),
            ("kib", kib),
            ("core", used.as_secs_f64() / lasts.as_secs_f64()),
            ("simulator_core", simulator.as_secs_f64() / lasts.as_secs_f64()),
        ],
        _ => vec![
            ("p50_ms", beyond(delays.answer.ms(0.5))),
            ("p99_ms", beyond(delays.answer.ms(0.99))),
            ("answers", delays.answer.total() as f64),
        ],
    };
    sessions.iter().for_each(|session| session.cancel());
    for session in &sessions {
        session.finished().await?;
    }
    Ok(Row::new(figure, "Voxline", &numbers).with_pipelines(count))
}

/// What the services were told to take is not ours.
fn beyond(ms: f64) -> f64 {
    ms - FIRST_CHUNK.as_secs_f64() * 1e3
}
