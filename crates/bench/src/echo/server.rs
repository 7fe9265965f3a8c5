//! The servers of the echo, each in a process of its own: Voxline's, and the floor without a pipeline.
//!
//! Prints the address it listens at, and serves until it is killed. A call is three tasks with Voxline (the socket,
//! the fused pipeline, its supervisor) and one without.

use std::{future::Future, process::ExitCode, thread};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::mpsc,
};
use tokio_tungstenite::accept_async_with_config;
use voxline_core::{SessionConfig, SessionEvent};

use super::{
    line::{Line, socket_config},
    stages,
};

/// Callers that may wait to be given to their thread.
const WAITING: usize = 64;

/// Serves as `subject` says: `voxline` or `bare`, and `-cores` for a runtime of one thread per core.
pub(crate) fn serve(subject: &str) -> ExitCode {
    match subject {
        "voxline" => on_threads(answer),
        "voxline-cores" => on_cores(answer),
        "bare" => on_threads(echo),
        "bare-cores" => on_cores(echo),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// One runtime for all cores.
fn on_threads<F: Future<Output = ()> + Send + 'static>(call: fn(TcpStream) -> F) {
    let runtime =
        Builder::new_multi_thread().worker_threads(cores()).enable_all().build().expect("a runtime starts");
    runtime.block_on(listen(async |stream| {
        tokio::spawn(call(stream));
    }));
}

/// A runtime of one thread for each core; callers are dealt out in turn.
fn on_cores<F: Future<Output = ()> + Send + 'static>(call: fn(TcpStream) -> F) {
    let (senders, threads): (Vec<_>, Vec<_>) = (0..cores())
        .map(|_| {
            let (sender, callers) = mpsc::channel(WAITING);
            (sender, thread::spawn(move || single().block_on(take(callers, call))))
        })
        .unzip();
    let mut next = 0;
    single().block_on(listen(async |stream| {
        next = (next + 1) % senders.len();
        // A socket belongs to the runtime that it is registered with.
        if let Ok(stream) = stream.into_std() {
            let _ = senders[next].send(stream).await;
        }
    }));
    drop(threads);
}

async fn take<F: Future<Output = ()> + Send + 'static>(
    mut callers: mpsc::Receiver<std::net::TcpStream>,
    call: fn(TcpStream) -> F,
) {
    while let Some(stream) = callers.recv().await {
        if let Ok(stream) = TcpStream::from_std(stream) {
            tokio::spawn(call(stream));
        }
    }
}

#[expect(clippy::print_stdout, reason = "the parent process reads it")]
async fn listen(mut call: impl AsyncFnMut(TcpStream)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    println!("{}", listener.local_addr().expect("it listens"));
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        call(stream).await;
    }
}

/// A call through the pipeline.
#[expect(clippy::print_stderr, reason = "whoever runs the bench should know why a call failed")]
async fn answer(stream: TcpStream) {
    let Ok(line) = Line::accept(stream).await else { return };
    let config = SessionConfig::default().on_event(|event| {
        if let SessionEvent::Error(report) = event
            && report.fatal
        {
            eprintln!("a call failed: {}", report.error);
        }
    });
    let session =
        stages::pipeline(line.clone()).start(config).await.expect("no stage waits for anything to start");
    while let Some(bytes) = line.hear().await {
        if session.queue(stages::heard(bytes)).await.is_err() {
            break;
        }
    }
    session.cancel();
    let _ = session.finished().await;
    if line.dropped() > 0 {
        eprintln!("{} frames found no room on their way out", line.dropped());
    }
}

/// A call without a pipeline: the floor.
async fn echo(stream: TcpStream) {
    let Ok(mut socket) = accept_async_with_config(stream, Some(socket_config())).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_binary() && socket.send(message).await.is_err() {
            return;
        }
    }
}

fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_tungstenite::{client_async, tungstenite::Message};
    use voxline_audio::g711;

    use super::*;
    use crate::echo::audio::frame;

    #[tokio::test]
    async fn every_frame_comes_back_in_order_as_its_samples_say() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let call = tokio::spawn(async move { answer(listener.accept().await.unwrap().0).await });
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut socket, _) = client_async(format!("ws://{address}/"), stream).await.unwrap();
        let echoed = async {
            for n in 0..120 {
                socket.send(Message::Binary(frame(n).to_vec().into())).await.unwrap();
            }
            for n in 0..120 {
                let expected = frame(n).map(|byte| g711::encode_mulaw(g711::decode_mulaw(byte)));
                let Some(Ok(Message::Binary(bytes))) = socket.next().await else {
                    panic!("the call is over")
                };
                assert_eq!(*bytes, expected, "frame {n}");
            }
            drop(socket);
            call.await.unwrap();
        };
        tokio::time::timeout(Duration::from_secs(30), echoed).await.expect("the call ends with its socket");
    }
}
