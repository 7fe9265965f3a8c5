//! Lesson 8: event handlers. A service tells when its connection opens, breaks and fails; the session tells the
//! rest. Against a simulator of Smallest Waves, which refuses once and later drops the line.
//! Next: `09_your_own_service.rs`.

use voxline::sim::{SimConfig, WavesSim};
use voxline::{core::service::ConnectionEvent, prelude::*};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = WavesSim::start(SimConfig::default().with_fault("503,count=1".parse()?)).await?;
    let stt = SmallestStt::new(simulator.api_key()).with_base_url(simulator.url());

    // As closures. They run on a task of their own: a slow one never slows the call.
    stt.on_connected(|| println!("connected"));
    stt.on_disconnected(|reason| println!("disconnected: {reason}"));
    stt.on_connection_error(|error| println!("connection error ({:?}): {error}", error.category));

    // As an async closure, which gets every event in order.
    stt.on_event(|event| async move {
        if let ConnectionEvent::Error(error) = event {
            tokio::task::yield_now().await; // here a pager would be called
            println!("  paged: {error}");
        }
    });

    // As a stream.
    let mut events = stt.events();

    let pipeline = Pipeline::builder().then(stt).build()?;
    let config = SessionConfig::default().on_event(|event| match event {
        SessionEvent::Started => println!("session started"),
        SessionEvent::Error(report) => println!("error of {}: {}", report.stage, report.error),
        SessionEvent::Finished(outcome) => println!("session finished: {outcome:?}"),
        _ => {}
    });
    let session = pipeline.start(config).await?;

    let mut connections = 0;
    while let Some(event) = events.next().await {
        if matches!(event, ConnectionEvent::Connected) {
            connections += 1;
            if connections == 2 {
                break; // it came back by itself
            }
            simulator.inject_now(&"drop".parse()?);
        }
    }
    session.end().await?;
    session.finished().await?;
    Ok(())
}
