//! Benchmarks of Voxline: what a hop costs, what a frame costs at the pace of real calls, what an idle
//! pipeline holds, how soon an interruption is heard.
//!
//! `cargo run --release -p voxline-bench -- all` runs every figure in several rounds, beside the floor of bare
//! tokio, and prints the machine, what was reached of the goals, and a table of medians with their spread. Options:
//!
//! | option | what |
//! |---|---|
//! | `--peers` | the same work by flowcat-core, rustvani and Pipecat, fetched and built by `peers/run`, in the same rounds |
//! | `--rounds N` | how many rounds; 3 |
//! | `--json FILE` | writes every row of every round, one JSON object a line |
//! | `--from FILE` | measures nothing and shows again what `--json` wrote |
//! | `--svg DIR` | draws the plots of `docs/performance.md` into that folder |
//! | `--build` | a clean build of the facade, too, in the last round: minutes |
//!
//! Instead of `all`: `hop`, `paced`, `idle`, `barge`, `turn`, `cold`, `agents`, `sessions`, `voice`, `echo`, `parts`, `dependencies`; or alone
//! `guard`, or `build`: a clean build, minutes.
//! CPU time is the process's own, so other load on the machine weighs less than on wall time.

mod agents;
mod barge;
mod cold;
mod cpu;
mod echo;
mod facade;
mod floor;
mod goals;
mod guard;
mod hop;
mod idle;
mod machine;
mod paced;
mod parts;
mod peers;
mod plot;
mod row;
mod stages;
mod table;
mod turn_end;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use row::Row;

/// What to run, as the command line says.
struct Options {
    figure: String,
    peers: bool,
    build: bool,
    rounds: usize,
    json: Option<String>,
    from: Option<String>,
    svg: Option<String>,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing the table is what the program is for"
)]
fn main() -> ExitCode {
    // Figures that need a process of their own run this program again.
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = echo::part(&given).or_else(|| guard::part(&given)) {
        return code;
    }
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--first-frame"), None) => return cold::first_frame(),
        (Some("--idle"), Some(tasks)) => return idle::measure(&tasks),
        (Some("--agents"), Some(order)) => return agents::measure(&order),
        (Some("--simulator"), None) => return agents::serve(),
        _ => {}
    }
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let rounds = match rounds(&options) {
        Ok(rounds) => rounds,
        Err(error) => {
            eprintln!("the earlier rows cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let rows = rounds.concat();
    println!("{}\n", machine::line(options.peers));
    println!("{}\n{}", goals::render(&rounds), table::render(&rows));
    match write(&options, &rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err((path, error)) => {
            eprintln!("{} cannot be written: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// What was measured before, or is measured now.
#[expect(clippy::print_stderr, reason = "tells how far it is")]
fn rounds(options: &Options) -> io::Result<Vec<Vec<Row>>> {
    let mut rounds: Vec<Vec<Row>> = Vec::new();
    if let Some(path) = &options.from {
        let text = fs::read_to_string(path)?;
        for (round, row) in text.lines().filter_map(Row::from_round) {
            rounds.resize_with(rounds.len().max(round), Vec::new);
            rounds[round - 1].push(row);
        }
        return Ok(rounds);
    }
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        rounds.push(measure(options, round == options.rounds));
    }
    Ok(rounds)
}

/// One round.
fn measure(options: &Options, last: bool) -> Vec<Row> {
    let all = options.figure == "all";
    let mut rows = own(&options.figure);
    if all || options.figure == "echo" {
        rows.extend(echo::rows(options.peers));
    }
    if options.peers && (all || options.figure == "sessions") {
        rows.extend(agents::peer_rows());
    }
    if options.peers && !["echo", "sessions"].contains(&options.figure.as_str()) {
        rows.extend(peers::rows());
    }
    if options.build && last {
        rows.extend(facade::build_rows());
    }
    rows
}

/// Writes what was asked for; else the path that could not be written.
fn write(options: &Options, rounds: &[Vec<Row>]) -> Result<(), (PathBuf, io::Error)> {
    let mut files = Vec::new();
    if let Some(path) = &options.json {
        let rows =
            rounds.iter().enumerate().flat_map(|(index, rows)| rows.iter().map(move |row| (index + 1, row)));
        let lines: String = rows.map(|(round, row)| format!("{}\n", row.in_round(round))).collect();
        files.push((PathBuf::from(path), lines));
    }
    if let Some(folder) = &options.svg {
        let rows = rounds.concat();
        let drawn = plot::PLOTS.iter().filter_map(|plot| Some((plot.file, plot.draw(&rows)?)));
        files.extend(drawn.map(|(file, svg)| (Path::new(folder).join(file), svg)));
    }
    files.into_iter().try_for_each(|(path, text)| fs::write(&path, text).map_err(|error| (path, error)))
}

/// Measures one figure.
type Figure = fn() -> Vec<Row>;

fn own(figure: &str) -> Vec<Row> {
    if figure == "build" {
        return facade::build_rows();
    }
    let all = figure == "all";
    let figures: [(&str, Figure); 11] = [
        ("hop", hop::rows),
        ("paced", paced::rows),
        ("idle", idle::rows),
        ("barge", barge::rows),
        ("turn", turn_end::rows),
        ("cold", cold::rows),
        ("dependencies", facade::dependency_rows),
        ("parts", parts::rows),
        ("agents", agents::idle_rows),
        ("sessions", agents::session_rows),
        ("voice", agents::voice_rows),
    ];
    figures.into_iter().filter(|&(name, _)| all || name == figure).flat_map(|(_, rows)| rows()).collect()
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        figure: "all".into(),
        peers: false,
        build: false,
        rounds: 3,
        json: None,
        from: None,
        svg: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--peers" => options.peers = true,
            "--build" => options.build = true,
            "--rounds" => {
                let rounds = value()?;
                options.rounds = rounds.parse().map_err(|_| format!("not a number of rounds: {rounds}"))?;
            }
            "--from" => options.from = Some(value()?),
            "--json" => options.json = Some(value()?),
            "--svg" => options.svg = Some(value()?),
            "all" | "hop" | "paced" | "idle" | "barge" | "turn" | "cold" | "agents" | "sessions"
            | "voice" | "echo" | "parts" | "dependencies" | "build" => options.figure = argument,
            other => {
                return Err(format!(
                    "unknown: {other}; figures: all hop paced idle barge turn cold agents sessions voice echo parts dependencies build"
                ));
            }
        }
    }
    Ok(options)
}
