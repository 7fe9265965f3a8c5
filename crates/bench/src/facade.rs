//! The facade with its default features: how many crates it brings, and, on request, how long it takes to build and
//! how large a minimal agent is.
//!
//! Building takes minutes, so it is asked for by `build` and is no part of `all`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::row::Row;

const HERE: &str = env!("CARGO_MANIFEST_DIR");
const AGENT: &str = "peers/facade";

/// The crates from elsewhere, those that run while building counted apart.
pub(crate) fn dependency_rows() -> Vec<Row> {
    let count = |edges: &str| Some(external(&cargo_tree(edges)?).len() as f64);
    let (Some(linked), Some(all)) = (count("normal"), count("normal,build")) else { return Vec::new() };
    let numbers = [("crates", linked), ("crates_with_those_of_build_scripts", all)];
    vec![Row::new("dependencies", "Voxline, default features", &numbers)]
}

fn cargo_tree(edges: &str) -> Option<String> {
    let manifest = Path::new(HERE).join("../voxline/Cargo.toml");
    let output = Command::new("cargo")
        .args(["tree", "--offline", "--locked", "--prefix", "none", "--edges", edges, "--manifest-path"])
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `name version` of what does not lie in the workspace: that has its path behind it.
fn external(tree: &str) -> BTreeSet<String> {
    let of = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    tree.lines().filter(|line| !line.is_empty() && !line.contains("(/")).map(of).collect()
}

/// Builds from nothing, in a folder that is removed afterwards.
pub(crate) fn build_rows() -> Vec<Row> {
    let target = std::env::temp_dir().join(format!("voxline-build-{}", std::process::id()));
    let rows = built(&target).unwrap_or_default();
    let _ = fs::remove_dir_all(&target);
    rows
}

fn built(target: &Path) -> Option<Vec<Row>> {
    let began = Instant::now();
    build(&Path::new(HERE).join("../voxline"), target)?;
    let seconds = began.elapsed().as_secs_f64();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let time =
        Row::new("build", "Voxline, default features", &[("seconds", seconds), ("cores", cores as f64)]);
    // The versions of the workspace, so that the same is built.
    let agent = Path::new(HERE).join(AGENT);
    let _ = fs::copy(Path::new(HERE).join("../../Cargo.lock"), agent.join("Cargo.lock"));
    build(&agent, target)?;
    let binary = target.join("release/minimal-agent");
    let stripped = strip(&binary).map_or(0.0, |path| mib(&path));
    let numbers = [("mib", mib(&binary)), ("mib_stripped", stripped)];
    Some(vec![time, Row::new("binary", "Voxline, minimal agent", &numbers)])
}

fn build(package: &Path, target: &Path) -> Option<()> {
    let manifest = package.join("Cargo.toml");
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--quiet", "--manifest-path"]).arg(manifest);
    let status = command.arg("--target-dir").arg(target).status().ok()?;
    status.success().then_some(())
}

fn strip(binary: &Path) -> Option<PathBuf> {
    let stripped = binary.with_extension("stripped");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(binary).status().ok()?;
    status.success().then_some(stripped)
}

fn mib(file: &Path) -> f64 {
    fs::metadata(file).map_or(0.0, |file| file.len() as f64 / 1048576.0)
}
