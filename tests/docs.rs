//! What holds for the pages: dependencies are justified, links lead somewhere, each page names the next, and a
//! test that a page names exists.
//!
//! Read next: `barge_in.rs`, a whole call.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    path::Path,
};

mod support;
use support::{files, none, quoted, read, root, table};

#[test]
fn every_dependency_is_justified_in_one_line() {
    let manifest = read("Cargo.toml");
    let section = manifest.split_once("[workspace.dependencies]").unwrap().1;
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let foreign =
        lines.filter(|line| line.contains(" = ") && !line.starts_with('#') && !line.contains("path = "));
    let declared: BTreeSet<_> = foreign.map(|line| line.split(' ').next().unwrap().to_owned()).collect();

    let page = read("docs/dependencies.md");
    let rows = ["## What Voxline is built on", "## Tests only"]
        .into_iter()
        .flat_map(|heading| table(&page, heading));
    let mut justified = BTreeSet::new();
    let mut broken = Vec::new();
    for (name, row) in rows {
        let reason = row.trim_matches('|').split('|').nth(1).unwrap_or_default();
        if reason.trim().len() < 20 {
            broken.push(format!("{name}: the reason is missing"));
        }
        if !justified.insert(name.clone()) {
            broken.push(format!("{name}: justified twice"));
        }
    }
    broken.extend(
        declared.difference(&justified).map(|name| format!("{name}: in Cargo.toml, not on the page")),
    );
    broken.extend(
        justified.difference(&declared).map(|name| format!("{name}: on the page, not in Cargo.toml")),
    );
    none("docs/dependencies.md and [workspace.dependencies] differ", broken);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = read(&page);
        let folder = Path::new(&page).parent().unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") || file.contains(char::is_whitespace) {
                continue;
            }
            if !root().join(folder).join(file).exists() {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    none("links that lead nowhere", broken);
}

#[test]
fn files_that_pages_speak_of_exist() {
    let mut broken = Vec::new();
    for page in pages() {
        for name in read(&page).lines().flat_map(|line| quoted(line).map(String::from).collect::<Vec<_>>()) {
            let is_path =
                ["crates/", "docs/", "tests/", "examples/", ".ci/"].iter().any(|top| name.starts_with(top));
            let is_pattern = name.contains(['*', '<', ' ', '{']);
            if is_path && !is_pattern && !root().join(&name).exists() {
                broken.push(format!("{page}: {name}"));
            }
        }
    }
    none("files that are not there", broken);
}

#[test]
fn every_page_ends_by_naming_the_next() {
    let ends = |page: &String| {
        let text = read(page);
        text.trim_end()
            .lines()
            .next_back()
            .is_some_and(|line| line.starts_with("Next: ") || line.starts_with("Read next: "))
    };
    let broken = pages().into_iter().filter(|page| page.starts_with("docs/") && !ends(page));
    none("pages whose last line does not begin with `Next: `", broken.collect());
}

/// Requirements of the Waves protocol that concern a client without HTTP.
const REQUIREMENTS: RangeInclusive<u32> = 1..=92;

#[test]
fn every_requirement_of_waves_is_held_by_tests_that_exist() {
    let page = read("docs/waves.md");
    let mut rows: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for row in page.lines().filter_map(|line| line.strip_prefix("| R")) {
        let (number, rest) = row.split_once(' ').unwrap();
        let named = rest.rsplit("| ").next().unwrap();
        let doubled = rows.insert(number.parse().unwrap(), quoted(named).collect());
        assert!(doubled.is_none(), "R{number} stands there twice");
    }
    let mut broken: Vec<_> = REQUIREMENTS
        .filter(|number| rows.get(number).is_none_or(Vec::is_empty))
        .map(|n| format!("R{n}: no test"))
        .collect();
    let named =
        rows.iter().flat_map(|(number, tests)| tests.iter().map(move |test| (format!("R{number}"), *test)));
    broken.extend(missing(named));
    none("docs/waves.md names tests that are not there, or none", broken);
}

/// Behaviours of the conformance list. A page's row may hold a range of them, and two have a sibling of their own.
const BEHAVIOURS: RangeInclusive<u32> = 1..=164;

#[test]
fn every_behaviour_is_held_by_tests_that_exist_or_has_a_reason() {
    let page = read("docs/conformance.md");
    let mut told = BTreeSet::new();
    let (mut broken, mut named) = (Vec::new(), Vec::new());
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| point")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [point, behaviour, rest] = cells[..] else { panic!("not three cells: {row}") };
        let (first, last) = point.split_once('–').unwrap_or((point, point));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            broken.extend((first..=last).filter(|n| !told.insert(*n)).map(|n| format!("{n}: told twice")));
        }
        let (tests, reason) =
            match ["*Differs*: ", "*Not yet*: "].iter().find_map(|mark| rest.split_once(mark)) {
                Some((tests, reason)) => (tests, reason),
                None => (rest, ""),
            };
        let tests: Vec<_> = quoted(tests).collect();
        if behaviour.len() < 10 || (tests.is_empty() && reason.len() < 8) {
            broken.push(format!("{point}: neither a test nor a reason"));
        }
        named.extend(tests.into_iter().map(|test| (point.to_owned(), test)));
    }
    broken.extend(BEHAVIOURS.filter(|n| !told.contains(n)).map(|n| format!("{n}: left out")));
    broken.extend(missing(named.into_iter()));
    none("docs/conformance.md names tests that are not there, or leaves points out", broken);
}

/// Requirements from failures in the field, those about safety, and those that tests carry the numbers of.
const FIELD: RangeInclusive<u32> = 1..=60;
const SAFETY: RangeInclusive<u32> = 1..=13;
const NUMBERED: [RangeInclusive<u32>; 4] = [20..=20, 23..=25, 30..=45, 57..=59];

#[test]
fn every_requirement_is_held_by_tests_that_exist_or_says_why_not() {
    let page = read("docs/requirements.md");
    let mut told = BTreeSet::new();
    let (mut broken, mut named) = (Vec::new(), Vec::new());
    for row in page.lines().filter(|line| line.starts_with("| R-") || line.starts_with("| S-")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, requirement, held] = cells[..] else { panic!("not three cells: {row}") };
        if !told.insert(number.to_owned()) {
            broken.push(format!("{number}: told twice"));
        }
        // What is named in capitals is no test, but a type.
        let is_test = |name: &&str| name.contains("::") && name.starts_with(char::is_lowercase);
        let tests: Vec<_> = quoted(held).filter(is_test).collect();
        let marks = ["*In part*: ", "*Not applicable*: ", "*Not yet*: "];
        let reason = marks.iter().find_map(|mark| held.split_once(mark)).map_or("", |(_, reason)| reason);
        if requirement.len() < 10 || tests.is_empty() && reason.len() < 8 {
            broken.push(format!("{number}: neither a test nor a reason"));
        }
        let of = number.trim_start_matches("R-").parse::<u32>();
        if of.is_ok_and(|of| NUMBERED.iter().any(|numbers| numbers.contains(&of)))
            && !tests.iter().any(|test| test.contains(&format!("r_{:0>2}_", number.trim_start_matches("R-"))))
        {
            broken.push(format!("{number}: no test carries the number"));
        }
        named.extend(tests.into_iter().map(|test| (number.to_owned(), test)));
    }
    let all = FIELD.map(|number| format!("R-{number}")).chain(SAFETY.map(|number| format!("S-{number}")));
    broken.extend(all.filter(|number| !told.contains(number)).map(|number| format!("{number}: left out")));
    broken.extend(missing(named.into_iter()));
    none("docs/requirements.md names tests that are not there, or leaves requirements out", broken);
}

/// Which of these tests, each with the point that names it as `crate::test`, are not there.
fn missing<'a>(named: impl Iterator<Item = (String, &'a str)>) -> Vec<String> {
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    let mut broken = Vec::new();
    for (point, test) in named {
        let Some((package, name)) = test.split_once("::") else {
            broken.push(format!("{point}: {test} is not written as crate::test"));
            continue;
        };
        let text = sources.entry(package).or_insert_with(|| {
            let folder = if package == "tests" { "tests".to_owned() } else { format!("crates/{package}") };
            files(&folder, &[".rs"]).iter().map(read).collect()
        });
        if !text.contains(&format!("fn {name}(")) {
            broken.push(format!("{point}: there is no {test}"));
        }
    }
    broken
}

fn pages() -> Vec<String> {
    let pages = files("docs", &[".md"]).into_iter().chain(["README.md".into()]);
    pages.map(|page| page.to_string_lossy().into_owned()).collect()
}
