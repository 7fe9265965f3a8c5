//! What a whole agent session holds while nothing is said, and what it costs to start and to end.

use std::{sync::Arc, time::Duration};

use voxline_core::Error;

use super::{
    agent::{self, Delays, Services},
    caller::Caller,
};
use crate::{cpu, row::Row};

/// Until what was taken for the start has been given back, and pings have come and gone.
const SETTLED: Duration = Duration::from_secs(3);

pub(crate) async fn run(services: &Services, count: usize) -> Result<Row, Arc<Error>> {
    let delays = Delays::default();
    // What the process takes for its first session is not the sessions'.
    let first = agent::start(services, Caller::silent(), &delays).await?;
    tokio::time::sleep(SETTLED).await;
    let (memory, tasks, used) = (cpu::resident_kib(), tasks(), cpu::used());
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        sessions.push(agent::start(services, Caller::silent(), &delays).await?);
    }
    tokio::time::sleep(SETTLED).await;
    let each = |number: f64| number / count as f64;
    let kib = each(cpu::resident_kib().saturating_sub(memory) as f64);
    let started = each((cpu::used() - used).as_secs_f64() * 1e6);
    let tasks = each((self::tasks() - tasks) as f64);
    let (idle_from, idle_for) = (cpu::used(), Duration::from_secs(5));
    tokio::time::sleep(idle_for).await;
    let idling = each((cpu::used() - idle_from).as_secs_f64() * 1e6 / idle_for.as_secs_f64());
    let used = cpu::used();
    for session in &sessions {
        session.end().await.map_err(Arc::new)?;
    }
    for session in &sessions {
        session.finished().await?;
    }
    let ended = each((cpu::used() - used).as_secs_f64() * 1e6);
    drop(first);
    let numbers = [
        ("kib", kib),
        ("tasks", tasks),
        ("start_cpu_us", started),
        ("idle_cpu_us_per_second", idling),
        ("end_cpu_us", ended),
    ];
    Ok(Row::new("idle session", "Voxline", &numbers).with_pipelines(count))
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
