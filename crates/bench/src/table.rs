//! The rounds put together: the median of each number, and its least and greatest.

use std::fmt::Write;

use crate::row::Row;

/// A Markdown table, in the order in which the rows first came.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut seen: Vec<&Row> = Vec::new();
    for row in rows {
        if !seen.iter().any(|other| same(other, row)) {
            seen.push(row);
        }
    }
    let mut table =
        String::from("| figure | subject | pipelines | median (least – greatest) |\n|---|---|--:|---|\n");
    for row in seen {
        let rounds: Vec<&Row> = rows.iter().filter(|other| same(other, row)).collect();
        let numbers: Vec<String> = row.numbers.iter().map(|(name, _)| summary(name, &rounds)).collect();
        let pipelines = if row.pipelines == 0 { String::new() } else { row.pipelines.to_string() };
        let _ =
            writeln!(table, "| {} | {} | {pipelines} | {} |", row.figure, row.subject, numbers.join("; "));
    }
    table
}

fn same(one: &Row, other: &Row) -> bool {
    (&one.figure, &one.subject, one.pipelines) == (&other.figure, &other.subject, other.pipelines)
}

fn summary(name: &str, rounds: &[&Row]) -> String {
    let mut numbers: Vec<f64> = rounds
        .iter()
        .flat_map(|row| &row.numbers)
        .filter(|(other, _)| other == name)
        .map(|(_, n)| *n)
        .collect();
    numbers.sort_by(f64::total_cmp);
    let (Some(least), Some(greatest)) = (numbers.first(), numbers.last()) else { return String::new() };
    let median = numbers[numbers.len() / 2];
    let name = name.replace('_', " ");
    let [median, least, greatest] = [median, *least, *greatest].map(rounded);
    if numbers.len() == 1 {
        format!("{name} {median}")
    } else {
        format!("{name} {median} ({least} – {greatest})")
    }
}

/// To what a reader can use: small numbers to hundredths.
fn rounded(number: f64) -> String {
    if number.abs() < 10.0 { format!("{number:.2}") } else { format!("{number:.1}") }
}

/// The median of a number, for the plot.
pub(crate) fn median(rows: &[Row], subject: &str, figure: &str, pipelines: u64, name: &str) -> Option<f64> {
    let mut numbers: Vec<f64> = rows
        .iter()
        .filter(|row| row.subject == subject && row.figure == figure && row.pipelines == pipelines)
        .flat_map(|row| &row.numbers)
        .filter(|(other, _)| other == name)
        .map(|(_, number)| *number)
        .collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}
