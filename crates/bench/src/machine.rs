//! What was measured on, and of which versions: stands above the tables.

use std::{fs, process::Command};

/// One line: processor, cores, kernel, compiler, and the peers where they were asked.
pub(crate) fn line(peers: bool) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = vec![
        format!("{} ({cores} cores)", processor().unwrap_or_else(|| "unknown processor".into())),
        format!("Linux {}", kernel.trim()),
        said_by("rustc").unwrap_or_else(|| "unknown compiler".into()),
        format!("Voxline {}", env!("CARGO_PKG_VERSION")),
    ];
    if peers {
        parts.extend(crate::peers::versions());
        parts.extend(said_by("python3"));
    }
    parts.retain(|part| !part.trim().is_empty());
    parts.join("; ")
}

fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said_by(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
