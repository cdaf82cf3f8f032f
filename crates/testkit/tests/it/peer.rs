//! Every client of specs/proxy.md §18 against a real server of somebody else's: what fails later against our own door
//! is then the door.

use anyhow::{Context as _, Result, ensure};
use gatehouse_testkit::peer::{
    Client, Echo, Nginx, Origin, Peer, Protocol, RealServer, SelfSigned, Server, Socks, Target, Tls, certificate_of,
    random_bytes,
};

const SERVER_NAME: &str = "proxy.example.com";
const UUID: &str = "11111111-2222-4333-8444-555555555555";

fn ss_2022() -> Protocol {
    Protocol::Ss2022 {
        method: "2022-blake3-aes-256-gcm".into(),
        server_key: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".into(),
        user_key: "MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU=".into(),
    }
}

fn ss_2022_128() -> Protocol {
    Protocol::Ss2022 {
        method: "2022-blake3-aes-128-gcm".into(),
        server_key: "MDEyMzQ1Njc4OTAxMjM0NQ==".into(),
        user_key: "MTExMTExMTEtMjIyMi00Mw==".into(),
    }
}

fn classic() -> Protocol {
    Protocol::SsClassic { method: "aes-256-gcm".into(), password: UUID.into() }
}

fn trojan(tls: Tls) -> Protocol {
    Protocol::Trojan { password: UUID.into(), tls, path: None }
}

fn vless(tls: Tls) -> Protocol {
    Protocol::Vless { uuid: UUID.into(), tls, path: None }
}

/// Every client that speaks the server's protocol fetches a million bytes and echoes datagrams through it.
async fn every_client_passes(server: &Server, peer: &Peer) -> Result<()> {
    pass(&Client::speaking(&server.protocol), server, peer).await
}

async fn pass(clients: &[Client], server: &Server, peer: &Peer) -> Result<()> {
    let origin = Origin::start(random_bytes(1, 1_000_000)).await?;
    let echo = Echo::start().await?;
    let mut failures = Vec::new();
    for &client in clients {
        if let Err(error) = passes(client, server, &origin, &echo).await {
            failures.push(format!("{client:?}: {error:#}"));
        }
    }
    ensure!(failures.is_empty(), "{}\nserver's log:\n{}", failures.join("\n"), peer.log_tail());
    Ok(())
}

async fn passes(client: Client, server: &Server, origin: &Origin, echo: &Echo) -> Result<()> {
    let peer = client.start(server).await?;
    let exercised = Socks::from(&peer).exercise(origin, client.carries_udp().then_some(echo)).await;
    let traffic = exercised.with_context(|| format!("client's log:\n{}", peer.log_tail()))?;
    assert!(traffic.down > 3_000_000 && traffic.up > 0);
    Ok(())
}

#[tokio::test]
async fn every_client_gets_through_shadowsocks_2022() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    for protocol in [ss_2022(), ss_2022_128()] {
        let (peer, server) = RealServer::SingBox.start(protocol, &certificate).await.unwrap();
        every_client_passes(&server, &peer).await.unwrap();
    }
}

#[tokio::test]
async fn every_client_gets_through_classic_shadowsocks() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    for program in [RealServer::SsServer, RealServer::SingBox] {
        let (peer, server) = program.start(classic(), &certificate).await.unwrap();
        every_client_passes(&server, &peer).await.unwrap();
    }
}

#[tokio::test]
async fn every_client_gets_through_trojan() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    let site = Origin::start(b"a site".to_vec()).await.unwrap();
    let protocol = trojan(Tls::new(SERVER_NAME, certificate.der()));
    let (peer, server) = RealServer::Trojan { fallback: site.port() }.start(protocol, &certificate).await.unwrap();
    every_client_passes(&server, &peer).await.unwrap();

    // sing-box names the sender of a datagram as the client named its target, and mihomo drops one that comes from a name.
    let (peer, server) = RealServer::SingBox.start(server.protocol, &certificate).await.unwrap();
    let clients = Client::speaking(&server.protocol).into_iter().filter(|client| *client != Client::Mihomo);
    pass(&clients.collect::<Vec<_>>(), &server, &peer).await.unwrap();
}

#[tokio::test]
async fn every_client_gets_through_vless() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    let protocol = vless(Tls::new(SERVER_NAME, certificate.der()));
    let (peer, server) = RealServer::SingBox.start(protocol, &certificate).await.unwrap();
    every_client_passes(&server, &peer).await.unwrap();
}

#[tokio::test]
async fn every_client_gets_through_hysteria() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    let protocol = Protocol::Hysteria { password: UUID.into(), tls: Tls::new(SERVER_NAME, certificate.der()) };
    let (peer, server) = RealServer::SingBox.start(protocol, &certificate).await.unwrap();
    every_client_passes(&server, &peer).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_leads_to_the_fallback_site() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    let site = Origin::start(b"a site".to_vec()).await.unwrap();
    let tls = Tls::new(SERVER_NAME, certificate.der());
    let program = RealServer::Trojan { fallback: site.port() };
    let (_peer, mut server) = program.start(trojan(tls.clone()), &certificate).await.unwrap();
    server.protocol = Protocol::Trojan { password: "wrong".into(), tls, path: None };
    let origin = Origin::start(random_bytes(1, 1_000)).await.unwrap();
    let client = Client::Trojan.start(&server).await.unwrap();
    let [target, ..] = Target::loopback(origin.port());
    let (body, _) = Socks::from(&client).get(&target, "/").await.unwrap();
    assert_eq!((body.as_slice(), origin.requests(), site.requests()), (site.body(), 0, 1));
}

#[tokio::test]
async fn the_certificate_a_server_shows_is_the_one_it_was_given() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    let protocol = vless(Tls::new(SERVER_NAME, certificate.der()));
    let (peer, _) = RealServer::SingBox.start(protocol, &certificate).await.unwrap();
    assert_eq!(certificate_of(peer.address(), SERVER_NAME).await.unwrap(), certificate.der());
}

#[tokio::test]
async fn nginx_serves_its_file_through_a_client() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    let (_peer, server) = RealServer::SsServer.start(classic(), &certificate).await.unwrap();
    let client = Client::SsLocal.start(&server).await.unwrap();
    let file = random_bytes(2, 10_000_000);
    let nginx = Nginx::start(&file).await.unwrap();
    let target = Target::Address(nginx.peer().address());
    let (body, traffic) = Socks::from(&client).get(&target, "/file").await.unwrap();
    assert!(body == file && traffic.down > 10_000_000);
}

#[tokio::test]
async fn a_peer_that_cannot_start_shows_its_log() {
    let error = Peer::v2ray(&serde_json::json!({ "inbounds": "nonsense" }), 1).await.unwrap_err();
    assert!(format!("{error:#}").contains("failed to read config"), "{error:#}");
}

#[tokio::test]
async fn a_dropped_peer_is_gone_with_its_files() {
    let certificate = SelfSigned::new(SERVER_NAME).unwrap();
    let (peer, _) = RealServer::SsServer.start(classic(), &certificate).await.unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", peer.pid()));
    let folder = std::fs::read_link(process.join("cwd")).unwrap();
    drop(peer);
    assert!(!process.exists() && !folder.exists());
}
