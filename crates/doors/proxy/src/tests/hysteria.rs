//! Hysteria 2: a client of its own, what strangers see of the server, and what the handshake settles.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use gatehouse_domain::proxy::node::{Certificate, Node, Protocol};
use gatehouse_model::{EndedWhy, Millis};
use h3_quinn::OpenStreams;
use http::{HeaderMap, Method, Request};
use quinn::{ClientConfig, Connection, Endpoint, crypto::rustls::QuicClientConfig};
use rustls::{RootCertStore, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Join, ReadBuf},
    time::{Instant, timeout},
};

use super::{HANDSHAKE, Kind, World, clients::Stream, random, row, testing, wait_for};
use crate::table::Used;

/// A connection of a client, authenticated or not. Its HTTP/3 side is kept, because dropping it closes the connection.
pub(super) struct Client {
    pub(super) connection: Connection,
    driver: h3::client::Connection<h3_quinn::Connection, Bytes>,
    requests: h3::client::SendRequest<OpenStreams, Bytes>,
    _endpoint: Endpoint,
}

/// What the server said.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    pub(super) async fn new(world: &World, from: [u8; 4]) -> Self {
        let tls = world.node.protocol.tls().unwrap();
        let Certificate::Content { cert_pem, .. } = &tls.certificate else { panic!("no content") };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(cert_pem.as_bytes()).unwrap()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h3".to_vec()];
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
        let endpoint = Endpoint::client(SocketAddr::from((from, 0))).unwrap();
        let connecting = endpoint.connect_with(config, world.server(), "node.example.net").unwrap();
        let connection = connecting.await.unwrap();
        let http = h3_quinn::Connection::new(connection.clone());
        let (driver, requests) = h3::client::builder().build(http).await.unwrap();
        Self { connection, driver, requests, _endpoint: endpoint }
    }

    async fn ask(&mut self, request: Request<()>) -> Option<Answer> {
        let Self { driver, requests, .. } = self;
        let asked = async {
            let mut stream = requests.send_request(request).await.ok()?;
            stream.finish().await.ok()?;
            let response = stream.recv_response().await.ok()?;
            let mut body = Vec::new();
            while let Some(mut part) = stream.recv_data().await.ok()? {
                body.extend_from_slice(&part.copy_to_bytes(part.remaining()));
            }
            Some(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
        };
        tokio::select! {
            answer = asked => answer,
            _ = poll_fn(|cx| driver.poll_close(cx)) => None,
        }
    }

    async fn auth(&mut self, password: &str) -> Option<Answer> {
        let request = Request::builder().method(Method::POST).uri("https://hysteria/auth");
        self.ask(request.header("Hysteria-Auth", password).header("Hysteria-CC-RX", "0").body(()).unwrap()).await
    }

    /// An authenticated connection of a user; `None`: refused.
    pub(super) async fn of(world: &World, from: [u8; 4], id: i64) -> Option<Self> {
        let mut client = Self::new(world, from).await;
        let answer = client.auth(&testing::uuid(id).to_string()).await?;
        (answer.status == 233).then_some(client)
    }

    /// A stream to a target whose answer is not read yet.
    async fn open(&self, target: &str) -> io::Result<Join<quinn::RecvStream, quinn::SendStream>> {
        let (mut send, recv) = self.connection.open_bi().await?;
        let mut request = vec![0x44, 0x01, u8::try_from(target.len()).unwrap()];
        request.extend_from_slice(target.as_bytes());
        request.push(0);
        send.write_all(&request).await?;
        Ok(tokio::io::join(recv, send))
    }
}

/// A stream and the connection it lives on.
struct Held {
    stream: Join<quinn::RecvStream, quinn::SendStream>,
    _client: Client,
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Status and message of a server's answer to a stream.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let status = stream.read_u8().await?;
    let mut message = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut message).await?;
    let padding = stream.read_u16().await? & 0x3fff;
    stream.read_exact(&mut vec![0; padding.into()]).await?;
    Ok((status, message))
}

/// A proxied connection on a QUIC connection of its own; a dead stream if the user is refused.
pub(super) async fn connect(world: &World, from: [u8; 4], id: i64, target: SocketAddr) -> Box<dyn Stream> {
    let Some(client) = Client::of(world, from, id).await else { return Box::new(tokio::io::duplex(1).0) };
    let Ok(mut stream) = client.open(&target.to_string()).await else { return Box::new(tokio::io::duplex(1).0) };
    match answer(&mut stream).await {
        Ok((0, _)) => Box::new(Held { stream, _client: client }),
        _ => Box::new(tokio::io::duplex(1).0),
    }
}

#[tokio::test]
async fn strangers_and_wrong_passwords_see_the_same_web_server() {
    let world = World::new(Kind::Hysteria).await;
    let mut client = Client::new(&world, [127, 0, 0, 1]).await;
    let get = |uri: &str| Request::builder().uri(uri).body(()).unwrap();
    let page = client.ask(get("https://node.example.net/")).await.unwrap();
    assert_eq!((page.status, page.body.as_slice()), (404, crate::fallback::BODY));
    let uuid = testing::uuid(1);
    for password in [
        testing::uuid(99).to_string(),
        uuid.to_string().to_uppercase(),
        uuid.simple().to_string(),
        uuid.urn().to_string(),
        String::new(),
        "x".repeat(1_000),
    ] {
        let refused = client.auth(&password).await.unwrap();
        assert_eq!((refused.status, &refused.body), (404, &page.body), "{password}");
        assert_eq!(refused.headers, page.headers, "{password}");
    }
    for (method, uri) in
        [("GET", "https://hysteria/auth"), ("POST", "https://hysteria/"), ("POST", "https://other/auth")]
    {
        let request = Request::builder().method(method).uri(uri).header("Hysteria-Auth", uuid.to_string());
        assert_eq!(client.ask(request.body(()).unwrap()).await.unwrap().status, 404, "{method} {uri}");
    }
    assert_eq!(world.counted(1), (0, 0));
    assert_eq!(World::flows(&world.user(1)), 0);
    // The same connection may still show a good one.
    assert_eq!(client.auth(&uuid.to_string()).await.unwrap().status, 233);
}

#[tokio::test]
async fn a_stranger_is_let_go_at_the_deadline() {
    let world = World::new(Kind::Hysteria).await;
    let start = Instant::now();
    let silent = Client::new(&world, [127, 0, 0, 1]).await;
    let client = Client::new(&world, [127, 0, 0, 1]).await;
    // Nothing of Hysteria is spoken before a password was shown.
    let (mut send, mut recv) = client.connection.open_bi().await.unwrap();
    send.write_all(b"\x44\x01\x0b127.0.0.1:1\x00").await.unwrap();
    client.connection.send_datagram(Bytes::from_static(b"\0\0\0\x01\0\x01\x00\x01\x0b127.0.0.1:1x")).unwrap();
    assert!(!matches!(recv.read(&mut [0; 9]).await, Ok(Some(1..))));
    timeout(Duration::from_secs(5), client.connection.closed()).await.expect("it is closed");
    timeout(Duration::from_secs(5), silent.connection.closed()).await.expect("it is closed");
    assert!(start.elapsed() + Duration::from_millis(50) >= HANDSHAKE, "{:?}", start.elapsed());
    wait_for(|| world.state.gate.strangers() == 0).await;
    assert_eq!(World::flows(&world.user(1)), 0);
}

#[tokio::test]
async fn rates_are_told_as_the_node_has_them() {
    for (down, is_ignored, told) in [(0, false, "0"), (200, false, "25000000"), (200, true, "auto")] {
        let settings = |node: &mut Node| {
            let Protocol::Hysteria(hysteria) = &mut node.protocol else { panic!("not hysteria") };
            (hysteria.down_mbps, hysteria.ignore_client_bandwidth) = (down, is_ignored);
        };
        let world = World::with(Kind::Hysteria, |_| {}, settings).await;
        let mut client = Client::new(&world, [127, 0, 0, 1]).await;
        let answer = client.auth(&testing::uuid(1).to_string()).await.unwrap();
        assert_eq!((answer.status, answer.headers["hysteria-cc-rx"].as_bytes()), (233, told.as_bytes()));
        assert_eq!(answer.headers["hysteria-udp"], "true");
        assert!(answer.headers["hysteria-padding"].len() >= 128);
    }
}

#[tokio::test]
async fn streams_that_make_no_sense_end_alone() {
    let world = World::new(Kind::Hysteria).await;
    let client = Client::of(&world, [127, 0, 0, 1], 1).await.unwrap();
    let mut good = client.open(&world.echo.to_string()).await.unwrap();
    assert_eq!(answer(&mut good).await.unwrap(), (0, Vec::new()));
    for garbage in [&b"\x00"[..], b"GET / HTTP/1.1\r\n\r\n", b"\x44\x01\x80\x00\xff\xff", b"\x44\x01\x05:1234\x00"] {
        let (mut send, mut recv) = client.connection.open_bi().await.unwrap();
        send.write_all(garbage).await.unwrap();
        assert!(!matches!(
            timeout(Duration::from_secs(5), recv.read(&mut [0; 9])).await.expect("it ends"),
            Ok(Some(1..))
        ));
    }
    // One that never becomes complete is not waited for.
    let (mut send, mut recv) = client.connection.open_bi().await.unwrap();
    send.write_all(b"\x44").await.unwrap();
    assert!(!matches!(timeout(Duration::from_secs(5), recv.read(&mut [0; 9])).await.expect("it ends"), Ok(Some(1..))));
    for garbage in [&b""[..], b"\0", &random(300)] {
        client.connection.send_datagram(Bytes::copy_from_slice(garbage)).unwrap();
    }
    good.write_all(b"hello").await.unwrap();
    good.read_exact(&mut [0; 5]).await.unwrap();
    assert_eq!(world.counted(1), (5, 5));
}

#[tokio::test]
async fn what_cannot_be_reached_says_nothing_of_why() {
    let world = World::new(Kind::Hysteria).await;
    let client = Client::of(&world, [127, 0, 0, 1], 1).await.unwrap();
    for target in ["127.0.0.1:1", "10.0.0.1:80", "[::1]:22", "no-such-name.invalid:80"] {
        let mut stream = client.open(target).await.unwrap();
        assert_eq!(answer(&mut stream).await.unwrap(), (1, b"unreachable".to_vec()), "{target}");
    }
    assert_eq!(world.counted(1), (0, 0));
}

#[tokio::test]
async fn a_kick_closes_the_connection_even_if_nothing_flows() {
    let mut took = Vec::new();
    for _ in 0..5 {
        let world = World::new(Kind::Hysteria).await;
        let client = Client::of(&world, [127, 0, 0, 1], 1).await.unwrap();
        let user = world.user(1);
        assert_eq!(World::flows(&user), 1, "the connection itself");
        let start = Instant::now();
        user.cut(EndedWhy::Kicked);
        timeout(Duration::from_secs(5), client.connection.closed()).await.expect("it is closed");
        took.push(start.elapsed());
        assert_eq!(World::flows(&user), 0);
        assert!(Client::of(&world, [127, 0, 0, 1], 1).await.is_none(), "the password is dead");
        assert!(Client::of(&world, [127, 0, 0, 1], 2).await.is_some(), "nobody else's is");
    }
    super::assert_prompt(took);
}

#[tokio::test]
async fn a_further_device_is_refused_like_a_stranger() {
    let world = World::new(Kind::Hysteria).await;
    let mut limited = row(1);
    limited.device_limit = 1;
    world.door.table.apply(&[limited], &[], Used::Settled, Millis(0));
    let first = Client::of(&world, [127, 0, 0, 1], 1).await;
    assert!(first.is_some() && Client::of(&world, [127, 0, 0, 1], 1).await.is_some());
    assert!(Client::of(&world, [127, 0, 0, 2], 1).await.is_none());
    assert_eq!(world.user(1).account.visits().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_speed_limit_holds() {
    let world = World::new(Kind::Hysteria).await;
    let mut slow = row(1);
    slow.speed_limit = 40;
    world.door.table.apply(&[slow], &[], Used::Settled, Millis(0));
    let start = Instant::now();
    let sent = random(5_000_000);
    let stream = connect(&world, [127, 0, 0, 1], 1, world.echo).await;
    assert!(super::clients::exchange(stream, &sent).await == sent);
    // 5 MB at 5 MB/s, less the burst of half a megabyte.
    let took = start.elapsed().as_secs_f64();
    assert!((0.85..1.8).contains(&took), "{took}");
}

#[tokio::test]
async fn many_strangers_have_to_prove_their_addresses() {
    let world = World::new(Kind::Hysteria).await;
    let from = |n: u16| std::net::IpAddr::from([10, 1, n.to_be_bytes()[0], n.to_be_bytes()[1]]);
    let passes: Vec<_> = (0..1_001).map(|n| world.state.gate.enter(from(n)).unwrap()).collect();
    // Who answers the retry is let in all the same.
    let client = Client::of(&world, [127, 0, 0, 1], 1).await.unwrap();
    assert!(client.connection.stats().frame_tx.crypto > 0 && client.connection.stats().path.sent_packets > 0);
    drop(passes);
}

#[tokio::test]
async fn sessions_keep_to_their_own_user() {
    let world = World::new(Kind::Hysteria).await;
    let (one, two) =
        (Client::of(&world, [127, 0, 0, 1], 1).await.unwrap(), Client::of(&world, [127, 0, 0, 1], 2).await.unwrap());
    let packet = |text: &str| {
        let from = world.udp_echo.to_string();
        crate::listener::hysteria::datagrams(5, 1, &from, text.as_bytes(), 1_200).remove(0)
    };
    // The same session id on both connections.
    one.connection.send_datagram(packet("one's")).unwrap();
    two.connection.send_datagram(packet("two's own")).unwrap();
    let (for_one, for_two) = tokio::join!(one.connection.read_datagram(), two.connection.read_datagram());
    assert!(for_one.unwrap().ends_with(b"one's") && for_two.unwrap().ends_with(b"two's own"));
    wait_for(|| world.counted(1) == (5, 5) && world.counted(2) == (9, 9)).await;
    let sessions = |id| world.user(id).account.udp_sessions.load(Relaxed);
    assert_eq!((sessions(1), sessions(2)), (2, 2), "connection and session");
    drop(one);
    wait_for(|| sessions(1) == 0).await;
    assert_eq!(sessions(2), 2);
}

#[tokio::test]
async fn a_listener_that_closes_lets_flows_finish_and_idle_connections_go() {
    let world = World::new(Kind::Hysteria).await;
    let idle = Client::of(&world, [127, 0, 0, 1], 1).await.unwrap();
    let busy = Client::of(&world, [127, 0, 0, 1], 2).await.unwrap();
    let mut stream = busy.open(&world.echo.to_string()).await.unwrap();
    answer(&mut stream).await.unwrap();
    world.state.close();
    timeout(Duration::from_secs(5), idle.connection.closed()).await.expect("nothing flows on it");
    stream.write_all(b"hello").await.unwrap();
    stream.read_exact(&mut [0; 5]).await.unwrap();
    assert!(busy.connection.close_reason().is_none());
    stream.shutdown().await.unwrap();
    timeout(Duration::from_secs(5), busy.connection.closed()).await.expect("its last flow is over");
}
