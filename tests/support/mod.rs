//! The workspace as files: where it is, what is in it, and how a broken rule is told.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The top of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A file's text.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file under `folder` with one of these endings, as paths from the top, sorted. Folders that are a
/// workspace of their own are no part of this one.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        if fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|manifest| manifest.contains("[workspace]"))
        {
            continue;
        }
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if path.is_dir() {
                let skipped = name.starts_with('.') || ["target", "node_modules"].contains(&&*name);
                folders.extend((!skipped).then(|| path.clone()));
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The names in the first cells of the rows of the first Markdown table after `heading`, with the whole rows.
pub(crate) fn table(page: &str, heading: &str) -> Vec<(String, String)> {
    let after = page.split_once(heading).unwrap_or_else(|| panic!("no heading {heading:?}")).1;
    let rows =
        after.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|row| {
            let first = row.trim_matches('|').split('|').next().unwrap_or_default();
            (first.trim().trim_matches('`').to_owned(), row.to_owned())
        })
        .collect()
}

/// The parts of a line that stand between backticks.
pub(crate) fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Fails with every broken rule on a line of its own.
pub(crate) fn none(what: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{what}:\n  {}\n", broken.join("\n  "));
}
