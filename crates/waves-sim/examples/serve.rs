//! Runs the simulator until its standard input ends.
//!
//! ```text
//! cargo run -p voxline-waves-sim --example serve -- [--port N] [--api-key K] [--script FILE]
//!     [--fault SPEC]... [--log FILE.jsonl]
//! ```
//! The first line of its output is `{"url":"ws://127.0.0.1:PORT","api_key":"…"}`.

use std::io::Write as _;

use tokio::io::AsyncReadExt as _;
use voxline_waves_sim::{Script, SimConfig, WavesSim};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let sim = WavesSim::start(config(std::env::args().skip(1))?).await?;
    let first = serde_json::json!({"url": sim.url(), "api_key": sim.api_key()});
    writeln!(std::io::stdout(), "{first}")?;
    let mut scratch = [0; 1024];
    let mut input = tokio::io::stdin();
    while input.read(&mut scratch).await? > 0 {}
    sim.shutdown().await;
    Ok(())
}

fn config(mut arguments: impl Iterator<Item = String>) -> Result<SimConfig, Failure> {
    let mut config = SimConfig::default();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        config = match name.as_str() {
            "--port" => config.with_port(value.parse()?),
            "--api-key" => config.with_api_key(value),
            "--script" => config.with_script(Script::load(value)?),
            "--fault" => config.with_fault(value.parse()?),
            "--log" => config.with_log_file(value),
            _ => return Err(format!("unknown flag {name}").into()),
        };
    }
    Ok(config)
}
