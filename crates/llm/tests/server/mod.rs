//! An HTTP/1.1 server on loopback that gives scripted answers, so that a test decides where chunks begin.
//!
//! Every piece is one chunk of the chunked encoding, and reaches the client as one piece however TCP joins or
//! cuts it.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How a scripted answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As HTTP says; the connection can be used again.
    Clean,
    /// The connection is lost within the body.
    Cut,
    /// Nothing more comes, and the connection stays.
    Hang,
}

/// One scripted answer.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) end: End,
}

impl Script {
    /// A stream of these pieces.
    pub(crate) fn stream<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>, end: End) -> Self {
        let pieces = pieces.into_iter().map(|piece| piece.as_ref().to_vec()).collect();
        Self { status: 200, headers: vec![("content-type", "text/event-stream".into())], pieces, end }
    }

    /// A body of JSON with this status.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        let headers = vec![("content-type", "application/json".into())];
        Self { status, headers, pieces: vec![body.as_bytes().to_vec()], end: End::Clean }
    }

    /// Nothing at all: the request is taken and never answered.
    pub(crate) fn silence() -> Self {
        Self { status: 0, headers: Vec::new(), pieces: Vec::new(), end: End::Hang }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    left: watch::Sender<usize>,
    task: tokio::task::JoinHandle<()>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Request line and headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: serde_json::Value,
    /// Which connection it came over, counted from 0.
    pub(crate) connection: usize,
}

impl Server {
    /// Gives these answers, one a request, and the last one again and again.
    pub(crate) async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let left = watch::Sender::new(0);
        let (record, leaving) = (seen.clone(), left.clone());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(
                    stream,
                    connection,
                    scripts.clone(),
                    record.clone(),
                    leaving.clone(),
                ));
            }
        });
        Self { url, seen, left, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a client has gone while an answer hung.
    pub(crate) async fn client_left(&self) {
        self.left.subscribe().wait_for(|left| *left > 0).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers requests until the peer goes or a script loses the connection.
async fn serve(
    mut stream: TcpStream,
    connection: usize,
    scripts: Vec<Script>,
    seen: Arc<Mutex<Vec<Seen>>>,
    left: watch::Sender<usize>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    loop {
        let (head, body) = request(&mut stream).await?;
        let index = {
            let mut seen = seen.lock().unwrap();
            seen.push(Seen { head, body: serde_json::from_slice(&body).ok()?, connection });
            seen.len() - 1
        };
        let script = scripts.get(index).or(scripts.last())?;
        if script.status != 0 {
            write(&mut stream, script).await?;
        }
        match script.end {
            End::Clean => {}
            End::Cut => return None,
            End::Hang => {
                // Nothing is written any more; that the peer goes is noticed.
                let gone = matches!(stream.read(&mut [0]).await, Ok(0) | Err(_));
                gone.then(|| left.send_modify(|left| *left += 1))?;
                return None;
            }
        }
    }
}

async fn write(stream: &mut TcpStream, script: &Script) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} X\r\ntransfer-encoding: chunked\r\n", script.status);
    for (name, value) in &script.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    for piece in script.pieces.iter().filter(|piece| !piece.is_empty()) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.ok()?;
        stream.write_all(piece).await.ok()?;
        stream.write_all(b"\r\n").await.ok()?;
        stream.flush().await.ok()?;
    }
    if script.end == End::Clean {
        stream.write_all(b"0\r\n\r\n").await.ok()?;
    }
    Some(())
}

async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = bytes.split_off(head);
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let length: usize = length.parse().unwrap();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, body))
}
