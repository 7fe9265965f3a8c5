//! A request's address and headers, checked before anything is opened.
//!
//! In: a [`Request`]. Out: where to connect, whether under TLS, and the bytes of the upgrade. Everything
//! that cannot work whatever the network does is [`ConnectError::BadAddress`] here; its text names the
//! part at fault and never repeats a query or a header's value.

use std::fmt::Write as _;

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use url::{Host, Url};

use crate::{error::ConnectError, session::Request};

/// Headers the upgrade itself sets.
const OWN_HEADERS: [&str; 6] = [
    "host",
    "connection",
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
];

/// Where a request leads: the parts of its address.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is under TLS (`wss`).
    pub tls: bool,
    /// The host: a name or an address.
    pub host: Host<String>,
    /// The port, 80 or 443 when the address names none.
    pub port: u16,
    path: String,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Target").field(&self.authority()).finish()
    }
}

impl Target {
    /// Takes a request's address apart.
    ///
    /// # Errors
    /// [`ConnectError::BadAddress`] when it is not a `ws` or `wss` address with a host, or holds a user or
    /// password (which would end in logs).
    pub fn of(request: &Request) -> Result<Self, ConnectError> {
        let url = Url::parse(&request.url).map_err(|error| bad(error.to_string()))?;
        let tls = match url.scheme() {
            "ws" => false,
            "wss" => true,
            other => return Err(bad(format!("the scheme is {other}, not ws or wss"))),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it holds a user name or password; send them as a header".into()));
        }
        let host = url.host().ok_or_else(|| bad("it names no host".into()))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| bad("it names no port".into()))?;
        if port == 0 {
            return Err(bad("nothing can be reached at port 0".into()));
        }
        let mut path = url.path().to_owned();
        if let Some(query) = url.query() {
            path.push('?');
            path.push_str(query);
        }
        Ok(Self { tls, host, port, path })
    }

    /// Host and port as the `Host` header has them: the scheme's own port is left out.
    #[must_use]
    pub fn authority(&self) -> String {
        let own = if self.tls { 443 } else { 80 };
        if self.port == own { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }

    /// The upgrade request (RFC 6455 section 4.1).
    pub(crate) fn upgrade(&self, request: &Request, key: &str) -> Result<Vec<u8>, ConnectError> {
        let mut text = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
            self.path,
            self.authority(),
        );
        for (name, value) in &request.headers {
            check_header(name, value)?;
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        Ok(text.into_bytes())
    }
}

fn check_header(name: &str, value: &str) -> Result<(), ConnectError> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| bad(format!("{name:?} cannot be a header's name")))?;
    if OWN_HEADERS.contains(&parsed.as_str()) {
        return Err(bad(format!("the upgrade sets the header {name} itself")));
    }
    HeaderValue::from_str(value)
        .map_err(|_| bad(format!("the value of header {name} holds characters that cannot be sent")))?;
    Ok(())
}

fn bad(reason: String) -> ConnectError {
    ConnectError::BadAddress { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request {
        Request { url: url.into(), headers: Vec::new() }
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (url, tls, authority, path) in [
            ("ws://localhost/a?b=c", false, "localhost", "/a?b=c"),
            (
                "wss://api.smallest.ai/waves/v1/stt/live?language=en",
                true,
                "api.smallest.ai",
                "/waves/v1/stt/live?language=en",
            ),
            ("ws://127.0.0.1:8080", false, "127.0.0.1:8080", "/"),
            ("ws://[::1]:9000/x", false, "[::1]:9000", "/x"),
            ("wss://host:80/", true, "host:80", "/"),
            ("ws://host/k?keywords=a%2Cb%3A%C3%A9#part", false, "host", "/k?keywords=a%2Cb%3A%C3%A9"),
        ] {
            let target = Target::of(&request(url)).unwrap();
            assert_eq!(
                (target.tls, target.authority().as_str(), target.path.as_str()),
                (tls, authority, path),
                "{url}"
            );
        }
    }

    #[test]
    fn impossible_addresses_are_refused_without_repeating_them() {
        for url in [
            "http://host/?key=sesame",
            "https://host",
            "host:80",
            "",
            "ws://",
            "wss://user:sesame@host/",
            "ws://h:0/?sesame",
            "ws://h:99999/?sesame",
            "ftp://h/?sesame",
        ] {
            let error = Target::of(&request(url)).unwrap_err();
            assert!(matches!(error, ConnectError::BadAddress { .. }), "{url}: {error}");
            assert!(!error.to_string().contains("sesame"), "{error}");
        }
    }

    #[test]
    fn the_upgrade_is_written_as_the_standard_has_it() {
        let mut asked = request("wss://host/p?q=1");
        asked.headers.push(("Authorization", "Bearer abc".into()));
        let bytes = Target::of(&asked).unwrap().upgrade(&asked, "KEY==").unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "GET /p?q=1 HTTP/1.1\r\nHost: host\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: KEY==\r\nAuthorization: Bearer abc\r\n\r\n"
        );
    }

    #[test]
    fn headers_that_would_break_the_request_are_refused_without_their_value() {
        for (name, value) in [
            ("X-A", "sesame\r\nX-B: 1"),
            ("X-A", "sesame\n"),
            ("X A", "sesame"),
            ("Host", "sesame"),
            ("sec-websocket-key", "sesame"),
            ("", "sesame"),
        ] {
            let mut asked = request("ws://host/");
            asked.headers.push((name, value.into()));
            let error = Target::of(&asked).unwrap().upgrade(&asked, "k").unwrap_err();
            assert!(matches!(error, ConnectError::BadAddress { .. }), "{name}: {error}");
            assert!(!error.to_string().contains("sesame"), "{error}");
        }
    }
}
