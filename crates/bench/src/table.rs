//! The rounds put together: the median of each number, and its least and greatest.

use std::fmt::{self, Write};

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
    let numbers = rounds.iter().filter_map(|row| row.number(name)).collect();
    spread(numbers).map_or_else(String::new, |spread| format!("{} {spread}", name.replace('_', " ")))
}

/// A number over the rounds.
pub(crate) struct Spread {
    least: f64,
    pub(crate) median: f64,
    greatest: f64,
    rounds: usize,
}

/// `None` if it was never measured.
pub(crate) fn spread(mut numbers: Vec<f64>) -> Option<Spread> {
    numbers.sort_by(f64::total_cmp);
    let (&least, &greatest) = (numbers.first()?, numbers.last()?);
    Some(Spread { least, median: numbers[numbers.len() / 2], greatest, rounds: numbers.len() })
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, least, greatest] = [self.median, self.least, self.greatest].map(rounded);
        if self.rounds == 1 { f.write_str(&median) } else { write!(f, "{median} ({least} – {greatest})") }
    }
}

/// To what a reader can use: small numbers to hundredths.
fn rounded(number: f64) -> String {
    if number.abs() < 10.0 { format!("{number:.2}") } else { format!("{number:.1}") }
}

/// The median of a number, for a plot; of any number of pipelines if none is said.
pub(crate) fn median(
    rows: &[Row],
    subject: &str,
    figure: &str,
    pipelines: Option<u64>,
    name: &str,
) -> Option<f64> {
    let wanted = |row: &&Row| {
        row.subject == subject
            && row.figure == figure
            && pipelines.is_none_or(|wanted| row.pipelines == wanted)
    };
    Some(spread(rows.iter().filter(wanted).filter_map(|row| row.number(name)).collect())?.median)
}
