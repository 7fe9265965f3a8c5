//! Who may know whom: the arrow table of `docs/architecture.md` against `cargo metadata`, and the invariants
//! that are about what is absent.
//!
//! A new arrow is an edit of that table first. Arrows of dev-dependencies are freer: tests may use the
//! test kit and the simulator, except in the crates that must stay free of everything.
//!
//! Read next: `tidy.rs`, what holds within files.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

mod support;
use support::{files, none, quoted, read, root, table};

/// Packages that use anything and that nothing uses.
const RIM: [&str; 4] = ["voxline-cli", "voxline-bench", "voxline-examples", "voxline-tests"];

/// One dependency as a manifest declares it.
struct Dependency {
    of: String,
    on: String,
    is_dev: bool,
    is_own: bool,
    features: Vec<String>,
}

#[test]
fn the_arrows_between_crates_are_the_ones_in_the_table() {
    let drawn = arrows();
    let mut broken = Vec::new();
    let mut actual: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in packages().into_iter().filter(|name| !is_rim(name)) {
        actual.entry(name).or_default();
    }
    for arrow in
        dependencies().into_iter().filter(|arrow| arrow.is_own && !arrow.is_dev && !is_rim(&arrow.of))
    {
        actual.entry(arrow.of).or_default().insert(arrow.on);
    }
    for (name, known) in &actual {
        let Some(allowed) = drawn.get(name) else {
            broken.push(format!("{name} has no row in the table"));
            continue;
        };
        broken.extend(
            known.difference(allowed).map(|on| format!("{name} knows {on}, and the table does not say so")),
        );
        broken.extend(
            allowed.difference(known).map(|on| format!("{name} does not know {on}, and the table says so")),
        );
    }
    broken.extend(
        drawn.keys().filter(|name| !actual.contains_key(*name)).map(|name| format!("there is no {name}")),
    );
    none("the arrows differ from the table \"Who may know whom\" in docs/architecture.md", broken);
}

#[test]
fn nothing_uses_the_rim() {
    let used = dependencies().into_iter().filter(|arrow| is_rim(&arrow.on));
    none("the rim is used by", used.map(|arrow| format!("{} uses {}", arrow.of, arrow.on)).collect());
}

#[test]
fn no_provider_knows_another() {
    let is_edge = |name: &str| name.starts_with("smallest-") || name.starts_with("voxline-transport-");
    let broken = dependencies().into_iter().filter(|arrow| is_edge(&arrow.of) && is_edge(&arrow.on));
    none("edges know each other, even if only in tests", broken.map(told).collect());
}

#[test]
fn dev_dependencies_reach_only_for_what_tests_may_use() {
    const FOR_TESTS: [&str; 3] = ["voxline-testkit", "voxline-waves-sim", "voxline-vad"];
    let drawn = arrows();
    let broken = dependencies().into_iter().filter(|arrow| {
        let known = drawn.get(&arrow.of).is_some_and(|known| known.contains(&arrow.on));
        arrow.is_own && arrow.is_dev && !is_rim(&arrow.of) && !known && !FOR_TESTS.contains(&&*arrow.on)
    });
    none("tests reach too far", broken.map(told).collect());
}

#[test]
fn the_core_has_no_network_feature_of_tokio_not_even_in_tests() {
    const HARMLESS: [&str; 6] = ["rt", "rt-multi-thread", "sync", "time", "macros", "test-util"];
    let inner = ["voxline-core", "voxline-turns", "voxline-vad", "voxline-testkit"];
    let mut broken = Vec::new();
    for arrow in dependencies().into_iter().filter(|arrow| inner.contains(&&*arrow.of) && arrow.on == "tokio")
    {
        let beyond = arrow.features.iter().filter(|feature| !HARMLESS.contains(&feature.as_str()));
        broken.extend(beyond.map(|feature| format!("{} turns on tokio's `{feature}`", arrow.of)));
    }
    none("a crate without I/O asks tokio for I/O", broken);
}

#[test]
fn the_centre_depends_on_nothing_that_speaks_to_the_world() {
    // serde: what is said to a model is kept and sent as JSON, and only core knows its shape.
    const CORE: [&str; 7] = ["async-trait", "bytes", "loom", "serde", "thiserror", "tokio", "tracing"];
    const AUDIO: [&str; 6] = ["audio-codec-algorithms", "bytes", "dasp", "hound", "rubato", "thiserror"];
    let broken =
        dependencies().into_iter().filter(|arrow| !arrow.is_own && !arrow.is_dev).filter(|arrow| match arrow
            .of
            .as_str()
        {
            "voxline-core" => !CORE.contains(&&*arrow.on),
            "voxline-audio" => !AUDIO.contains(&&*arrow.on),
            _ => false,
        });
    none("the centre grew; edit this list only with a reason", broken.map(told).collect());
}

#[test]
fn only_the_wire_and_the_simulator_speak_websocket() {
    // The bench is a server and its callers, measured beside others'.
    const SPEAKERS: [&str; 3] = ["voxline-wire", "voxline-waves-sim", "voxline-bench"];
    let broken = dependencies()
        .into_iter()
        .filter(|arrow| arrow.on.contains("tungstenite") && !arrow.is_dev && !SPEAKERS.contains(&&*arrow.of));
    none("a second WebSocket client begins", broken.map(told).collect());
}

#[test]
fn only_the_wire_the_simulator_transports_and_the_rim_open_sockets() {
    let opens = |name: &str| {
        is_rim(name)
            || name.starts_with("voxline-transport-")
            || ["voxline-wire", "voxline-waves-sim"].contains(&name)
    };
    let mut broken: Vec<_> = dependencies()
        .into_iter()
        .filter(|arrow| arrow.on == "tokio" && !arrow.is_dev && !opens(&arrow.of))
        .filter(|arrow| arrow.features.iter().any(|feature| ["net", "full"].contains(&feature.as_str())))
        .map(told)
        .collect();
    for (crate_name, path, text) in sources() {
        let socket = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream"]
            .into_iter()
            .find(|word| text.contains(word));
        if let Some(socket) = socket.filter(|_| !opens(&crate_name)) {
            broken.push(format!("{path} uses {socket}"));
        }
    }
    none("a socket is opened where none should be", broken);
}

#[test]
fn only_what_runs_things_spawns_tasks() {
    // The runner of pipelines, the driver of sockets, the simulator; benchmarks and the command line.
    let spawns = |path: &str| {
        ["crates/core/src/pipeline/", "crates/core/src/session/", "crates/wire/", "crates/waves-sim/"]
            .iter()
            .chain(&["crates/bench/", "crates/cli/", "crates/testkit/", "crates/transport-"])
            .any(|prefix| path.starts_with(prefix))
    };
    let is_spawn = |line: &str| {
        let code = !line.trim_start().starts_with("//");
        code && ["tokio::spawn(", "task::spawn(", "thread::spawn(", "spawn_local("]
            .iter()
            .any(|word| line.contains(word))
    };
    let broken = sources().into_iter().filter(|(_, path, text)| !spawns(path) && text.lines().any(is_spawn));
    none("a task is spawned outside the runner", broken.map(|(_, path, _)| path).collect());
}

#[test]
fn no_crate_below_the_rim_reads_a_wall_clock() {
    let broken = sources().into_iter().filter(|(name, _, text)| {
        !is_rim(name) && name != "voxline-waves-sim" && text.contains("SystemTime::now")
    });
    none("a wall clock is read", broken.map(|(_, path, _)| path).collect());
}

#[test]
fn unsafe_stands_in_one_file() {
    const VOUCHED: &str = "crates/vad/src/webrtc/instance.rs";
    let is_unsafe = |line: &str| line.contains("unsafe ") && !line.trim_start().starts_with("//");
    let broken =
        sources().into_iter().filter(|(_, path, text)| path != VOUCHED && text.lines().any(is_unsafe));
    none("unsafe code outside the one file that vouches for it", broken.map(|(_, path, _)| path).collect());
}

#[test]
fn every_package_keeps_the_lints_of_the_workspace() {
    let mut broken = Vec::new();
    for manifest in
        ["crates", "examples", "tests"].into_iter().flat_map(|folder| files(folder, &["Cargo.toml"]))
    {
        let text = read(&manifest);
        let copied = text.contains("[lints.rust]") && text.contains("\nunsafe_code = ");
        if !text.contains("[lints]\nworkspace = true") && !copied {
            broken.push(format!("{} does not say `[lints] workspace = true`", manifest.display()));
        }
    }
    none("a package goes without the lints", broken);
}

#[test]
fn the_top_level_is_exactly_what_it_should_be() {
    const VISIBLE: [&str; 9] = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "crates",
        "docs",
        "examples",
        "tests",
    ];
    let ignored: BTreeSet<_> =
        read(".gitignore").lines().map(|line| line.trim_matches('/').to_owned()).collect();
    let names =
        std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<_> = names.filter(|name| !name.starts_with('.') && !ignored.contains(name)).collect();
    assert_eq!(
        found,
        VISIBLE.into_iter().map(String::from).collect(),
        "left: what is there, right: what should be"
    );
}

/// The table: each crate and whom it knows.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let page = read("docs/architecture.md");
    let rows = table(&page, "## Who may know whom");
    rows.iter().map(|(name, row)| (name.clone(), quoted(row).skip(1).map(String::from).collect())).collect()
}

fn is_rim(name: &str) -> bool {
    RIM.contains(&name)
}

fn told(arrow: Dependency) -> String {
    let how = if arrow.is_dev { " in its tests" } else { "" };
    format!("{} → {}{how} {:?}", arrow.of, arrow.on, arrow.features)
}

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo can be run: it runs this test");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages() -> Vec<String> {
    metadata()["packages"].as_array().unwrap().iter().map(|package| text(&package["name"])).collect()
}

fn dependencies() -> Vec<Dependency> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let declared = packages.iter().flat_map(|package| {
        let all = package["dependencies"].as_array().unwrap();
        all.iter().map(move |dependency| Dependency {
            of: text(&package["name"]),
            on: text(&dependency["name"]),
            is_dev: dependency["kind"] == "dev",
            is_own: !dependency["path"].is_null(),
            features: dependency["features"].as_array().unwrap().iter().map(text).collect(),
        })
    });
    declared.collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Every source file of the crates, without their tests: its package, its path, its text.
fn sources() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for path in files("crates", &[".rs"]) {
        let folder: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        if folder[2] != "src" || folder.last().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let name = match &*folder[1] {
            provider if provider.starts_with("smallest-") => provider.to_owned(),
            "voxline" => "voxline".to_owned(),
            role => format!("voxline-{role}"),
        };
        let text = read(&path);
        // What follows `#[cfg(test)] mod tests {` is tests.
        let code = text.split_once("#[cfg(test)]\nmod ").map_or(text.as_str(), |(code, _)| code);
        found.push((name, path.to_string_lossy().into_owned(), code.to_owned()));
    }
    found
}
