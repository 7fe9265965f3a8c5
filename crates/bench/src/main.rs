//! Benchmarks of the core: what a hop costs, with full queues and at the pace of real calls.
//!
//! `cargo run --release -p voxline-bench -- [hop|paced|idle|barge|all]`. Each figure stands beside a floor of
//! bare tokio measured in the same run; CPU time is the process's, so other load on the machine does
//! not count. Prints a table.

mod barge;
mod cpu;
mod floor;
mod hop;
mod idle;
mod paced;
mod stages;

#[expect(clippy::print_stdout, reason = "printing the table is what the program is for")]
fn main() {
    let what = std::env::args().nth(1).unwrap_or_else(|| "all".into());
    let rows: Vec<String> = match what.as_str() {
        "hop" => hop::rows(),
        "paced" => paced::rows(),
        "idle" => idle::rows(),
        "barge" => barge::rows(),
        "all" => [hop::rows(), paced::rows(), idle::rows(), barge::rows()].concat(),
        other => vec![format!("no such benchmark: {other}; there are hop, paced, idle, barge, all")],
    };
    rows.iter().for_each(|row| println!("{row}"));
}
