//! The HTTP of an upgrade: the request's head, and refusals.
//!
//! In: the bytes a client sends first. Out: a [`RequestHead`], or the bytes of a [`Refusal`].
//! Only what a WebSocket upgrade needs; a body is never read. Heads are bounded by [`MAX_HEAD`].

use serde_json::Value;

/// The most bytes of a request's head.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// The response header by which the simulator says what it is.
pub(crate) const MARK: (&str, &str) = ("x-simulated", "voxline-waves-sim");

/// A request up to its empty line.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Decoded, in the order sent.
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case, in the order sent.
    pub(crate) headers: Vec<(String, String)>,
}

impl RequestHead {
    /// Reads a head; `None` when it is no HTTP/1.1 request.
    pub(crate) fn parse(head: &[u8]) -> Option<Self> {
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let mut request = lines.next()?.split(' ');
        let (method, target, version) = (request.next()?, request.next()?, request.next()?);
        if version != "HTTP/1.1" || request.next().is_some() {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()))
        };
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: lines.filter(|line| !line.is_empty()).map(header).collect::<Option<_>>()?,
        })
    }

    /// The first header of that name (in lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    /// The key of a well-formed WebSocket upgrade, `None` for plain HTTP.
    pub(crate) fn websocket_key(&self) -> Option<&str> {
        let has = |name, word: &str| {
            self.header(name)
                .is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
        };
        let upgrade = self.method == "GET"
            && has("connection", "upgrade")
            && has("upgrade", "websocket")
            && has("sec-websocket-version", "13");
        if upgrade { self.header("sec-websocket-key") } else { None }
    }
}

impl std::fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RequestHead({} {})", self.method, self.path)
    }
}

/// An HTTP answer instead of the upgrade.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Value,
}

impl Refusal {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, retry_after: None, body }
    }

    /// The whole response; the connection is closed after it.
    pub(crate) fn to_bytes(&self, request_id: &str) -> Vec<u8> {
        let body = self.body.to_string();
        let retry = self.retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
        format!(
            "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}: {}\r\n\
             x-request-id: {request_id}\r\n{retry}Connection: close\r\n\r\n{body}",
            self.status,
            reason(self.status),
            body.len(),
            MARK.0,
            MARK.1,
        )
        .into_bytes()
    }
}

/// The response that turns the connection into a WebSocket.
pub(crate) fn upgrade_response(key: &str, request_id: &str) -> Vec<u8> {
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{}: {}\r\nx-request-id: {request_id}\r\n\r\n",
        MARK.0, MARK.1,
    )
    .into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPGRADE: &str = "GET /waves/v1/stt/live?model=pulse&keywords=a%20b%3A2%2C%C3%A9 HTTP/1.1\r\n\
        Host: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    #[test]
    fn an_upgrade_is_read_with_its_query_decoded() {
        let head = RequestHead::parse(UPGRADE.as_bytes()).unwrap();
        assert_eq!(head.path, "/waves/v1/stt/live");
        assert_eq!(head.query[1], ("keywords".to_owned(), "a b:2,é".to_owned()));
        assert_eq!(head.websocket_key(), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    }

    #[test]
    fn the_accept_key_is_that_of_the_rfc_and_the_answer_says_it_is_simulated() {
        let answer = String::from_utf8(upgrade_response("dGhlIHNhbXBsZSBub25jZQ==", "r")).unwrap();
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(answer.contains("x-simulated: voxline-waves-sim"));
    }

    #[test]
    fn what_is_no_request_is_refused_without_a_panic() {
        for head in ["", "GET", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "\u{1}\u{2}"]
        {
            assert_eq!(RequestHead::parse(head.as_bytes()), None, "{head:?}");
        }
    }

    #[test]
    fn a_refusal_carries_its_body_and_when_to_come_back() {
        let refusal =
            Refusal { retry_after: Some(2), ..Refusal::new(429, serde_json::json!({"error": "x"})) };
        let text = String::from_utf8(refusal.to_bytes("r")).unwrap();
        assert!(text.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
        assert!(text.contains("Retry-After: 2\r\n") && text.ends_with("\r\n\r\n{\"error\":\"x\"}"));
    }
}
