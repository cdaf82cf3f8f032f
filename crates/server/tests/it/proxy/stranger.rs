//! Wrong credentials and no credentials.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use gatehouse_testkit::peer::{
    Client, Origin, Protocol, Server, Socks, Target, Traffic, random_bytes, trusting_client_config,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    flow::refused,
    tap::address,
    world::{CLASSIC, HYSTERIA, SS_2022, Setup, TROJAN, VLESS, VLESS_WS, World, node},
};

const NOBODY: &str = "22222222-3333-4444-8555-666666666666";

/// The same server with a credential that nobody has.
fn wrong(server: &Server) -> Vec<Server> {
    let key = || BASE64_STANDARD.encode(random_bytes(7, 32));
    let protocols = match server.protocol.clone() {
        Protocol::Ss2022 { method, server_key, user_key } => vec![
            Protocol::Ss2022 { method: method.clone(), server_key, user_key: key() },
            Protocol::Ss2022 { method, server_key: key(), user_key },
        ],
        Protocol::SsClassic { method, .. } => vec![Protocol::SsClassic { method, password: NOBODY.to_owned() }],
        Protocol::Trojan { tls, path, .. } => vec![Protocol::Trojan { password: NOBODY.to_owned(), tls, path }],
        Protocol::Vless { tls, path, .. } => vec![Protocol::Vless { uuid: NOBODY.to_owned(), tls, path }],
        Protocol::Hysteria { tls, .. } => vec![Protocol::Hysteria { password: NOBODY.to_owned(), tls }],
    };
    protocols.into_iter().map(|protocol| Server { protocol, ..server.clone() }).collect()
}

#[tokio::test]
async fn a_wrong_credential_reaches_nothing_and_costs_nobody() {
    let all = [SS_2022, CLASSIC, TROJAN, VLESS, VLESS_WS, HYSTERIA].map(node).into();
    let proxy = "handshake_timeout = \"1s\"".to_owned();
    let world = World::with(Setup { proxy, nodes: all, ..Setup::default() }).await;
    let ann = world.user("ann").await;
    let mut traffic = Traffic::default();
    let nodes = [
        (SS_2022, Client::SslocalRust),
        (CLASSIC, Client::SsLocal),
        (TROJAN, Client::Trojan),
        (VLESS, Client::SingBox),
        (VLESS_WS, Client::Xray),
        (HYSTERIA, Client::SingBox),
    ];
    for (name, client) in nodes {
        let server = ann.server(name).await;
        let (requests, datagrams) = (world.origin.requests(), world.echo.datagrams());
        for wrong in wrong(&server) {
            let peer = client.start(&wrong).await.unwrap();
            refused(Socks::from(&peer), world.origin.port()).await.unwrap();
            let association = Socks::from(&peer).associate().await.unwrap();
            association.send(&Target::loopback(world.echo.port())[0], b"nobody's").await.unwrap();
        }
        assert_eq!(world.origin.requests(), requests, "{name}");
        let peer = client.start(&server).await.unwrap();
        traffic += Socks::from(&peer).exercise(&world.origin, Some(&world.echo)).await.unwrap();
        assert_eq!(world.echo.datagrams(), datagrams + 6, "{name}");
    }
    let metrics = world.server().metrics().await.unwrap();
    assert!(metrics.contains("gatehouse_proxy_handshake_failures_total"), "{metrics}");
    world.finish(&[("ann", traffic)]).await;
}

/// Asks a TLS node as a browser does.
async fn browse(server: &Server, request: &str) -> String {
    let config = Arc::new(trusting_client_config().unwrap());
    let tcp = TcpStream::connect(address(server)).await.unwrap();
    let name = ServerName::try_from("proxy.example.com").unwrap();
    let mut stream = TlsConnector::from(config).connect(name, tcp).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Some servers end TLS without saying so.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: proxy.example.com\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_browser_sees_the_site_behind_or_a_plain_page() {
    let site = Origin::start(b"a site like any other".to_vec()).await.unwrap();
    let mut nodes: Vec<_> = [TROJAN, VLESS].map(node).into();
    for name in [TROJAN, VLESS] {
        let mut with_site = node(name);
        with_site.name = format!("{name} with a site");
        with_site.code.clone_from(&with_site.name);
        with_site.settings.fallback = Some(format!("127.0.0.1:{}", site.port()));
        nodes.push(with_site);
    }
    let world = World::with(Setup { nodes, ..Setup::default() }).await;
    let ann = world.user("ann").await;
    for name in [TROJAN, VLESS] {
        let page = browse(&ann.server(name).await, GET).await;
        assert!(page.starts_with("HTTP/1.1 404 Not Found\r\n"), "{page}");
        let page = browse(&ann.server(&format!("{name} with a site")).await, GET).await;
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("a site like any other"), "{page}");
    }
    assert_eq!(site.requests(), 2);

    // The original client with a wrong password: the site answers whatever request comes through.
    let server = ann.server(&format!("{TROJAN} with a site")).await;
    let peer = Client::Trojan.start(&wrong(&server)[0]).await.unwrap();
    let [target, ..] = Target::loopback(world.origin.port());
    let (body, _) = Socks::from(&peer).get(&target, "/").await.unwrap();
    assert_eq!((body.as_slice(), world.origin.requests()), (site.body(), 0));
    world.finish(&[("ann", Traffic::default())]).await;
}
