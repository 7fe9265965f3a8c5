//! The real connector over loopback sockets: refusals, silence, resets, TLS.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::{sync::Arc, time::Duration};

use common::*;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async;
use voxline_wire::*;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects once, sends nothing, and gives what happens first.
async fn first(config: WireConfig, request: Request) -> Happened {
    let (orders, commands) = mpsc::channel(4);
    let (tell, mut told) = mpsc::channel(4);
    let driving = tokio::spawn(drive(Puppet::default(), commands, Outbox::new(tell), config));
    orders.send(Order::Do(vec![Transmit::Connect(ConnectionId(1), Box::new(request))])).await.unwrap();
    let Some(Told::Happened(_, happened)) = timeout(PATIENCE, told.recv()).await.unwrap() else { panic!() };
    driving.abort();
    happened
}

/// The error of a connect to a server that answers the upgrade with these bytes, in these pieces.
async fn answered_with(pieces: &[&[u8]]) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/line?key=secret", listener.local_addr().unwrap());
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        read_upgrade(&mut stream).await;
        for piece in pieces {
            stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    };
    let asked = Request { url, headers: vec![("Authorization", "Bearer secret".into())] };
    let (happened, ()) = tokio::join!(first(WireConfig::default(), asked), serving);
    let Happened::Failed(error) = happened else { panic!("{happened:?}") };
    assert!(!format!("{error:?} {error}").contains("secret"));
    error
}

async fn read_upgrade(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\n") {
        got.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(got).unwrap()
}

fn refused(status: u16, body: &str, retry_after: Option<u64>) -> ConnectError {
    ConnectError::Refused { status, body: body.into(), retry_after: retry_after.map(Duration::from_secs) }
}

#[tokio::test]
async fn refusals_keep_status_body_and_retry_after() {
    let unauthorized = "{\"error\":\"Unauthorized\"}";
    let head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 24\r\n\r\n";
    assert_eq!(
        answered_with(&[head.as_bytes(), unauthorized.as_bytes()]).await,
        refused(401, unauthorized, None)
    );

    let limit = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nslow";
    assert_eq!(answered_with(&[limit]).await, refused(429, "slow", Some(7)));

    let chunked: [&[u8]; 3] =
        [b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbu", b"s\r\n1\r\n", b"y\r\n0\r\n\r\n"];
    assert_eq!(answered_with(&chunked).await, refused(503, "busy", None));

    let dated = b"HTTP/1.1 429 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n";
    assert_eq!(answered_with(&[dated]).await, refused(429, "", None));

    let old = b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>gone</html>";
    assert_eq!(answered_with(&[old]).await, refused(502, "<html>gone</html>", None));
}

#[tokio::test]
async fn a_refusals_body_is_cut_at_one_kibibyte() {
    let body = "x".repeat(100_000);
    let answer = format!("HTTP/1.1 400 Bad\r\nContent-Length: 2000\r\n\r\n{}", &body[..2000]);
    let ConnectError::Refused { body, .. } = answered_with(&[answer.as_bytes()]).await else { panic!() };
    assert_eq!(body, "x".repeat(1024));
}

#[tokio::test]
async fn answers_that_are_no_upgrade_are_not_websocket() {
    let long = format!("HTTP/1.1 101 Go\r\nX: {}\r\n\r\n", "y".repeat(20_000));
    let answers: [&[u8]; 6] = [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n",
        b"\x16\x03\x01\x00\x00",
        long.as_bytes(),
    ];
    for answer in answers {
        let error = answered_with(&[answer]).await;
        assert!(
            matches!(error, ConnectError::NotWebSocket { .. }),
            "{:?}: {error:?}",
            String::from_utf8_lossy(answer)
        );
    }
}

#[tokio::test]
async fn a_connection_header_with_several_words_is_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = read_upgrade(&mut stream).await;
        let key = asked.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Go\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    };
    let (happened, _stream) =
        tokio::join!(first(WireConfig::default(), Request { url, headers: Vec::new() }), serving);
    assert!(matches!(happened, Happened::Opened), "{happened:?}");
}

#[tokio::test]
async fn a_closed_port_a_reset_and_a_hang_up_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let asked = Request { url, headers: Vec::new() };
    for reset in [true, false] {
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            if !reset {
                read_upgrade(&mut stream).await;
            }
            // Closing a socket that still holds unread bytes resets it.
            stream.readable().await.unwrap();
        };
        let (happened, ()) = tokio::join!(first(WireConfig::default(), asked.clone()), serving);
        assert!(matches!(happened, Happened::Failed(ConnectError::Unreachable { .. })), "{happened:?}");
    }
    drop(listener);
    let happened = first(WireConfig::default(), asked).await;
    assert!(matches!(happened, Happened::Failed(ConnectError::Unreachable { .. })), "{happened:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_fails_by_the_connect_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let after = Duration::from_millis(50);
    for scheme in ["ws", "wss"] {
        let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
        let config = WireConfig { connect_within: after, ..WireConfig::default() };
        let happened = first(config, Request { url, headers: Vec::new() }).await;
        assert!(
            matches!(happened, Happened::Failed(ConnectError::TimedOut { after: told }) if told == after),
            "{happened:?}"
        );
    }
}

#[tokio::test]
async fn addresses_of_other_kinds_are_refused_before_anything_is_opened() {
    for url in ["http://127.0.0.1/", "https://127.0.0.1/", "127.0.0.1:80", "ws://"] {
        let happened = first(WireConfig::default(), Request { url: url.into(), headers: Vec::new() }).await;
        assert!(matches!(happened, Happened::Failed(ConnectError::BadAddress { .. })), "{url}: {happened:?}");
    }
}

#[tokio::test]
async fn names_and_both_kinds_of_address_are_reached() {
    for (bind, host) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), ("127.0.0.1:0", "localhost")] {
        // A machine without IPv6 has no such address to bind.
        let Ok(listener) = TcpListener::bind(bind).await else { continue };
        let port = listener.local_addr().unwrap().port();
        let url = format!("ws://{host}:{port}/");
        let serving = async { accept_async(listener.accept().await.unwrap().0).await.unwrap() };
        let (happened, _server) =
            tokio::join!(first(WireConfig::default(), Request { url, headers: Vec::new() }), serving);
        assert!(matches!(happened, Happened::Opened), "{host}: {happened:?}");
    }
}

/// A server certificate for localhost, as its own root, and what accepts with it.
fn authority() -> (RootCertStore, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (roots, TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn tls_is_accepted_with_its_root_and_carries_messages() {
    let (roots, acceptor) = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        for _ in 0..2 {
            let tls = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            let mut server = accept_async(tls).await.unwrap();
            let message = server.next().await.unwrap().unwrap();
            server.send(message).await.unwrap();
            while let Some(Ok(_)) = server.next().await {}
        }
    });
    for host in ["localhost", "127.0.0.1"] {
        let connector = Arc::new(TcpConnector::new().with_tls(tls::with_roots(roots.clone())));
        let config = WireConfig { connector, ..WireConfig::default() };
        let (orders, commands) = mpsc::channel(4);
        let (tell, mut told) = mpsc::channel(4);
        let driving = tokio::spawn(drive(Puppet::default(), commands, Outbox::new(tell), config));
        let ask = Transmit::Connect(ConnectionId(1), request(&format!("wss://{host}:{port}/")));
        orders.send(Order::Do(vec![ask, binary(1, vec![9; 100_000])])).await.unwrap();
        assert!(matches!(told.recv().await, Some(Told::Happened(_, Happened::Opened))), "{host}");
        let Some(Told::Happened(_, Happened::Message(message))) = told.recv().await else { panic!("{host}") };
        assert_eq!(message, Message::Binary(vec![9; 100_000].into()));
        orders.send(Order::Do(vec![close(1)])).await.unwrap();
        let last = told.recv().await;
        assert!(matches!(last, Some(Told::Happened(_, Happened::Closed(CloseReason::Local)))), "{last:?}");
        orders.send(Order::Finish).await.unwrap();
        assert_eq!(timeout(PATIENCE, driving).await.unwrap().unwrap(), Ended::Finished);
    }
    timeout(PATIENCE, serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn tls_is_refused_without_its_root_and_by_another_name() {
    let (roots, acceptor) = authority();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let strangers = TcpConnector::new();
    let own = TcpConnector::new().with_tls(tls::with_roots(roots));
    for (connector, host) in [(strangers, "127.0.0.1"), (own, "127.0.0.2")] {
        let config = WireConfig { connector: Arc::new(connector), ..WireConfig::default() };
        let url = format!("wss://{host}:{port}/");
        let happened = first(config, Request { url, headers: Vec::new() }).await;
        assert!(matches!(happened, Happened::Failed(ConnectError::Tls { .. })), "{host}: {happened:?}");
    }
    serving.abort();
}

#[tokio::test]
async fn tls_to_a_server_without_it_is_tls_and_a_hang_up_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let asked = Request { url, headers: Vec::new() };
    let plain = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (happened, _stream) = tokio::join!(first(WireConfig::default(), asked.clone()), plain);
    assert!(matches!(happened, Happened::Failed(ConnectError::Tls { .. })), "{happened:?}");

    let gone = async { drop(listener.accept().await.unwrap()) };
    let (happened, ()) = tokio::join!(first(WireConfig::default(), asked), gone);
    assert!(matches!(happened, Happened::Failed(ConnectError::Unreachable { .. })), "{happened:?}");
}

#[tokio::test]
async fn r_80_a_twenty_megabyte_message_is_too_large_over_a_real_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut server = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        let _ = server.send(vec![0_u8; 20_000_000].into()).await;
    });
    let (orders, commands) = mpsc::channel(4);
    let (tell, mut told) = mpsc::channel(4);
    let _driving = tokio::spawn(drive(Puppet::default(), commands, Outbox::new(tell), WireConfig::default()));
    let ask = Transmit::Connect(ConnectionId(1), request(&url));
    orders.send(Order::Do(vec![ask])).await.unwrap();
    assert!(matches!(told.recv().await, Some(Told::Happened(_, Happened::Opened))));
    let Some(Told::Happened(_, Happened::Closed(reason))) = timeout(PATIENCE, told.recv()).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(reason, CloseReason::TooLarge { size: 20_000_000, limit: 4 * 1024 * 1024 });
    timeout(PATIENCE, serving).await.unwrap().unwrap();
}

#[test]
fn the_shared_configuration_is_one() {
    assert!(Arc::ptr_eq(&tls::shared(), &tls::shared()));
    let _ = tls::native_roots();
}
