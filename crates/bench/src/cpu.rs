//! What the process has used: CPU time and memory, as the kernel counts them.

use std::time::Duration;

/// CPU time of the whole process so far, from the scheduler's own count in nanoseconds.
pub(crate) fn used() -> Duration {
    of("self")
}

/// CPU time of another process so far.
pub(crate) fn used_by(process: u32) -> Duration {
    of(&process.to_string())
}

fn of(process: &str) -> Duration {
    // The first number of each thread's schedstat is its time on a CPU in nanoseconds.
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let nanos = threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<u64>().ok())
        .sum();
    Duration::from_nanos(nanos)
}

/// Resident memory of the process in KiB.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
