//! The beginning of a refusal's body, as text: what an error shows of it. Pure.
//!
//! Two framings are read, by length and chunked (RFC 9112 section 6 and 7.1); without either the body
//! lasts until the end of the stream. At most [`MAX_BODY`] bytes are looked at.

use tokio_tungstenite::tungstenite::http::{HeaderMap, header};

/// How much of a body an error keeps, in bytes.
pub(crate) const MAX_BODY: usize = 1024;
/// How much is read for it: chunk sizes come on top.
const MAX_READ: usize = 2 * MAX_BODY;

/// Whether `raw`, what has arrived after the head, is all that is wanted of the body.
pub(crate) fn is_complete(headers: &HeaderMap, raw: &[u8]) -> bool {
    if raw.len() >= MAX_READ {
        return true;
    }
    if is_chunked(headers) {
        return unchunk(raw).1;
    }
    length(headers).is_some_and(|length| raw.len() >= length.min(MAX_BODY))
}

/// The body as far as it is there; bytes that are no UTF-8 become replacement characters.
pub(crate) fn text(headers: &HeaderMap, raw: &[u8]) -> String {
    let body = if is_chunked(headers) { unchunk(raw).0 } else { raw.to_vec() };
    let end =
        length(headers).filter(|_| !is_chunked(headers)).unwrap_or(MAX_BODY).min(MAX_BODY).min(body.len());
    let mut text = String::from_utf8_lossy(&body[..end]).into_owned();
    let mut cut = MAX_BODY.min(text.len());
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    text.truncate(cut);
    text.trim().to_owned()
}

fn is_chunked(headers: &HeaderMap) -> bool {
    headers
        .get(header::TRANSFER_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("chunked"))
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The joined chunks, and whether the last one or an error was met.
fn unchunk(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = raw.windows(2).position(|pair| pair == b"\r\n") else { return (body, false) };
        let line = String::from_utf8_lossy(&raw[..end]);
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else { return (body, true) };
        if size == 0 {
            return (body, true);
        }
        raw = &raw[end + 2..];
        body.extend_from_slice(&raw[..size.min(raw.len())]);
        match raw.get(size.saturating_add(2)..) {
            Some(rest) => raw = rest,
            None => return (body, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_length_ends_the_body() {
        let headers = headers(header::CONTENT_LENGTH, "5");
        assert!(!is_complete(&headers, b"abcd"));
        assert!(is_complete(&headers, b"abcde"));
        assert_eq!(text(&headers, b"abcdefg"), "abcde");
        assert_eq!(text(&headers, b"ab"), "ab");
    }

    #[test]
    fn chunks_are_joined() {
        let headers = headers(header::TRANSFER_ENCODING, "chunked");
        let whole = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert!(is_complete(&headers, whole));
        assert_eq!(text(&headers, whole), "abcde");
        assert!(!is_complete(&headers, &whole[..7]));
        assert_eq!(text(&headers, &whole[..5]), "ab");
        assert_eq!(text(&headers, b"zz\r\nnonsense"), "");
    }

    #[test]
    fn a_long_body_is_cut_between_characters() {
        let long = "é".repeat(MAX_BODY);
        assert_eq!(text(&HeaderMap::new(), long.as_bytes()), "é".repeat(MAX_BODY / 2));
        let odd = format!("x{long}");
        assert!(text(&HeaderMap::new(), odd.as_bytes()).len() <= MAX_BODY);
        assert!(is_complete(&HeaderMap::new(), &[0; MAX_READ]));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_bounded_text(raw in proptest::collection::vec(any::<u8>(), 0..3000), chunked: bool) {
            let headers = if chunked { headers(header::TRANSFER_ENCODING, "chunked") } else { HeaderMap::new() };
            is_complete(&headers, &raw);
            prop_assert!(text(&headers, &raw).len() <= MAX_BODY);
        }
    }
}
