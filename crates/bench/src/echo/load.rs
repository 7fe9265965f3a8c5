//! The callers of the echo: a process of its own, as light as it can be, for it shares the cores with the server.
//!
//! One thread sends, each call every 20 ms, the calls evenly spread within them; the other reads. A round trip is
//! from before the write to after the read of the whole reply, matched in order. What it prints, a line each:
//! `connected`, `sent`, and the figures as JSON.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, runtime::Builder, task::JoinSet, time::timeout};
use tokio_tungstenite::{client_async, tungstenite::client::IntoClientRequest};

use super::{
    audio::{FRAME, PERIOD, frame},
    replies::{Replies, message},
};
use crate::row::Row;

const EVERY: Duration = Duration::from_millis(20);
/// Between the last upgrade and the first frame.
const SETTLE: Duration = Duration::from_millis(500);
/// Replies are waited for so long after the last frame.
const DRAIN: Duration = Duration::from_secs(3);

/// One call: its socket, and of each frame when it was sent, in nanoseconds since the beginning, and how many
/// microseconds its reply took.
struct Call {
    socket: TcpStream,
    sent: Box<[AtomicU64]>,
    took: Box<[AtomicU32]>,
}

/// No reply yet.
const NEVER: u32 = u32::MAX;

/// Calls `address` with so many calls for so many seconds.
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
pub(crate) fn run(address: &str, calls: usize, seconds: usize) -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let row = runtime.block_on(async {
        let frames = seconds * 50;
        let calls = connect(address, calls, frames).await.ok()?;
        println!("connected");
        let began = Instant::now() + SETTLE;
        let mut readers = JoinSet::new();
        for call in &calls {
            readers.spawn(read(call.clone(), began));
        }
        let sender = thread::spawn({
            let calls = calls.clone();
            move || send(&calls, began)
        });
        let deadline = SETTLE + EVERY * frames as u32 + DRAIN;
        // Who has not read everything by then has lost replies; they are counted.
        let _ = timeout(deadline, async { while readers.join_next().await.is_some() {} }).await;
        let sent = sender.join().unwrap_or(0);
        let took = calls.iter().flat_map(|call| call.took.iter().map(|took| took.load(Ordering::Acquire)));
        Some(summary(took.filter(|&took| took != NEVER).collect(), sent))
    });
    let Some(row) = row else { return ExitCode::FAILURE };
    println!("{}", row.to_json());
    ExitCode::SUCCESS
}

async fn connect(
    address: &str,
    calls: usize,
    frames: usize,
) -> Result<Vec<Arc<Call>>, Box<dyn std::error::Error>> {
    let mut connected = Vec::with_capacity(calls);
    for _ in 0..calls {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!("ws://{address}/").into_client_request()?;
        let (socket, _) = client_async(request, stream).await?;
        let sent = (0..frames).map(|_| AtomicU64::new(0)).collect();
        let took = (0..frames).map(|_| AtomicU32::new(NEVER)).collect();
        connected.push(Arc::new(Call { socket: socket.into_inner(), sent, took }));
    }
    Ok(connected)
}

/// Sends every frame of every call when it is due, and tells how many went.
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
#[expect(clippy::disallowed_methods, reason = "a thread of its own that does nothing but wait and write")]
fn send(calls: &[Arc<Call>], began: Instant) -> usize {
    let messages: Vec<Vec<u8>> = (0..PERIOD).map(|n| message(&frame(n))).collect();
    let frames = calls.first().map_or(0, |call| call.sent.len());
    let mut written = 0;
    for number in 0..frames {
        for (index, call) in calls.iter().enumerate() {
            let due = began + EVERY * number as u32 + EVERY * index as u32 / calls.len() as u32;
            let wait = due.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                thread::sleep(wait);
            }
            call.sent[number].store(began.elapsed().as_nanos() as u64, Ordering::Release);
            // Calls do not all begin with the same sound.
            let message = &messages[(number + index * 7) % PERIOD];
            written += usize::from(call.socket.try_write(message).is_ok_and(|n| n == message.len()));
        }
    }
    println!("sent");
    written
}

/// Reads all replies of a call.
async fn read(call: Arc<Call>, began: Instant) {
    let mut replies = Replies::default();
    let mut frames = call.sent.iter().zip(&call.took);
    let mut buffer = [0; 16 * (FRAME + 4)];
    while frames.len() > 0 && !replies.closed && call.socket.readable().await.is_ok() {
        let read = match call.socket.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        };
        let now = began.elapsed().as_nanos() as u64;
        for (sent, took) in frames.by_ref().take(replies.push(&buffer[..read])) {
            let nanos = now.saturating_sub(sent.load(Ordering::Acquire));
            took.store((nanos / 1000) as u32, Ordering::Release);
        }
    }
}

fn summary(mut times: Vec<u32>, sent: usize) -> Row {
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len().saturating_sub(1) as f64 * share) as usize;
        times.get(index).map_or(f64::NAN, |&time| f64::from(time))
    };
    let lost = sent.saturating_sub(times.len()) as f64;
    let numbers = [("p50_us", at(0.5)), ("p99_us", at(0.99)), ("p99.9_us", at(0.999)), ("unanswered", lost)];
    Row::new("echo", "", &numbers)
}
