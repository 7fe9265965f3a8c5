//! `voxline sim`: the Waves service simulated on loopback, until a signal comes.
//!
//! The first line on stdout is an object with the address and the key to present there.

use serde::Serialize;
use voxline_waves_sim::{Script, SimConfig, SimError, WavesSim};

use crate::{
    args::SimArgs,
    exit::{Code, Failure, chain},
    output::Console,
    signals::Signals,
};

#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
    api_key: &'a str,
}

/// Simulates.
pub(crate) async fn run(args: SimArgs, console: &Console, signals: &mut Signals) -> Result<Code, Failure> {
    let mut config = SimConfig::default().with_port(args.port);
    if let Some(path) = &args.script {
        let script = Script::load(path).map_err(|error| {
            Failure::new(Code::BadInput, format!("{}: {}", path.display(), chain(&error)))
        })?;
        config = config.with_script(script);
    }
    config.api_key = args.api_key;
    config.faults = args.fault;
    config.log_file = args.log;
    let simulator = WavesSim::start(config).await.map_err(|error| refused(&error))?;
    console.print(&Ready { url: &simulator.url(), api_key: simulator.api_key() }, None);
    console.flush()?;
    console.note("a simulator of the Waves service: it recognises no speech and has no human voice");
    tokio::select! {
        _ = signals.next() => {}
        () = console.closed() => {}
    }
    simulator.shutdown().await;
    Ok(Code::Ok)
}

fn refused(error: &SimError) -> Failure {
    let code = if matches!(error, SimError::LogFile(_)) { Code::BadInput } else { Code::Usage };
    Failure::new(code, chain(error))
}
