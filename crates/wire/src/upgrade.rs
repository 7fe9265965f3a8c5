//! The upgrade: from a byte stream to a WebSocket, or to the reason why not.
//!
//! In: a stream, a request. Out: a [`WebSocketStream`], or [`ConnectError`]: a refusal keeps its status,
//! `Retry-After` and the beginning of its body, whether that came with the head or later.
//!
//! The exchange is written out here, around tungstenite's parser, for three reasons. Its own handshake
//! writes the whole request, key included, to the log at TRACE. It gives of a refusal's body only what
//! happened to arrive with the head. And its stream is gone when it fails, so the rest cannot be read.

use std::{io, time::Duration};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::{
            client::{Response, generate_key},
            derive_accept_key,
            machine::TryParse as _,
        },
        http::{HeaderMap, StatusCode, header},
        protocol::{Role, WebSocketConfig},
    },
};

use crate::{body, error::ConnectError, session::Request, target::Target};

/// The longest head of an answer that is read.
const MAX_HEAD: usize = 16 * 1024;
/// How long a refusal's body is waited for: the status alone says what to do.
const BODY_WITHIN: Duration = Duration::from_secs(1);

/// Sends the upgrade and reads its answer. Has no deadline of its own but for a refusal's body.
pub(crate) async fn upgrade<S>(
    mut stream: S,
    request: &Request,
    limits: WebSocketConfig,
) -> Result<WebSocketStream<S>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = generate_key();
    let asked = Target::of(request)?.upgrade(request, &key)?;
    stream.write_all(&asked).await.map_err(unreachable)?;
    stream.flush().await.map_err(unreachable)?;

    let mut buffer = BytesMut::with_capacity(1024);
    let answer = read_head(&mut stream, &mut buffer).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(&mut stream, &answer, buffer).await);
    }
    verify(answer.headers(), request, &key)?;
    Ok(WebSocketStream::from_partially_read(stream, buffer.to_vec(), Role::Client, Some(limits)).await)
}

async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> Result<Response, ConnectError> {
    loop {
        if stream.read_buf(buffer).await.map_err(unreachable)? == 0 {
            return Err(ended_early(buffer));
        }
        // Balancers answer 1.0 to say that they cannot reach the service; the parser wants 1.1.
        if buffer.starts_with(b"HTTP/1.0 ") {
            buffer[7] = b'1';
        }
        let parsed = Response::try_parse(buffer).map_err(|error| not_websocket(error.to_string()))?;
        if let Some((size, response)) = parsed {
            buffer.advance(size);
            return Ok(response);
        }
        if buffer.len() > MAX_HEAD {
            return Err(not_websocket(format!("the head of its answer is longer than {MAX_HEAD} bytes")));
        }
    }
}

async fn refusal<S: AsyncRead + Unpin>(
    stream: &mut S,
    answer: &Response,
    mut buffer: BytesMut,
) -> ConnectError {
    let headers = answer.headers();
    let reading = async {
        while !body::is_complete(headers, &buffer) {
            // An error here ends the body; the status is what counts.
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_WITHIN, reading).await;
    ConnectError::Refused {
        status: answer.status().as_u16(),
        body: body::text(headers, &buffer),
        retry_after: retry_after(headers),
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3). The form with a date needs a wall clock and is left out.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    seconds.parse().ok().map(Duration::from_secs)
}

/// What RFC 6455 section 4.1 demands of an answer with status 101.
fn verify(headers: &HeaderMap, request: &Request, key: &str) -> Result<(), ConnectError> {
    if !has_token(headers, header::UPGRADE, "websocket") {
        return Err(not_websocket("its answer lacks Upgrade: websocket".into()));
    }
    if !has_token(headers, header::CONNECTION, "upgrade") {
        return Err(not_websocket("its answer lacks Connection: Upgrade".into()));
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(|value| value.as_bytes());
    if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(not_websocket("its Sec-WebSocket-Accept is not the answer to our key".into()));
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err(not_websocket("it uses an extension nobody asked for".into()));
    }
    let Some(chosen) = headers.get(header::SEC_WEBSOCKET_PROTOCOL) else { return Ok(()) };
    let offered = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"))
        .flat_map(|(_, value)| value.split(','));
    match offered.map(|one| one.trim().as_bytes()).any(|one| one == chosen.as_bytes()) {
        true => Ok(()),
        false => Err(not_websocket("it uses a subprotocol nobody asked for".into())),
    }
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(token))
}

fn ended_early(got: &[u8]) -> ConnectError {
    match got.len() {
        0 => ConnectError::Unreachable { reason: "the peer closed during the upgrade".into() },
        some => not_websocket(format!("it closed after {some} bytes of an answer")),
    }
}

fn unreachable(error: io::Error) -> ConnectError {
    ConnectError::Unreachable { reason: format!("during the upgrade: {error}") }
}

fn not_websocket(reason: String) -> ConnectError {
    ConnectError::NotWebSocket { reason }
}
