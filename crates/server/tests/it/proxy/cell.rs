//! The table of specs/proxy.md §18: every client, TCP and UDP, and every byte accounted to its user.

use anyhow::{Context as _, Result};
use gatehouse_testkit::peer::{Client, Server, Socks, Traffic};

use super::world::{CLASSIC, HYSTERIA, SS_2022, Setup, TROJAN, TROJAN_WS, VLESS, VLESS_WS, World, node};

/// Each client fetches a million bytes and echoes datagrams as a user of its own.
async fn every_client_gets_through(name: &str, expected: &[Client]) {
    let world = World::with(Setup { nodes: vec![node(name)], ..Setup::default() }).await;
    let mut users = Vec::new();
    for client in expected {
        let user = world.user(&format!("{client:?}")).await;
        let server = user.server(name).await;
        assert_eq!(Client::speaking(&server.protocol), expected);
        users.push((user.name, *client, server));
    }
    let mut charged = Vec::new();
    let mut failures = Vec::new();
    for (name, client, server) in &users {
        match cell(&world, *client, server).await {
            Ok(traffic) => charged.push((name.as_str(), traffic)),
            Err(error) => failures.push(format!("{client:?}: {error:#}")),
        }
    }
    assert!(failures.is_empty(), "{}\nserver's log:\n{}", failures.join("\n"), world.server().log_tail());
    world.finish(&charged).await;
}

async fn cell(world: &World, client: Client, server: &Server) -> Result<Traffic> {
    let peer = client.start(server).await?;
    let echo = client.carries_udp().then_some(&world.echo);
    let exercised = Socks::from(&peer).exercise(&world.origin, echo).await;
    exercised.with_context(|| format!("client's log:\n{}", peer.log_tail()))
}

#[tokio::test]
async fn every_client_gets_through_shadowsocks_2022() {
    every_client_gets_through(SS_2022, &[Client::SingBox, Client::Xray, Client::Mihomo, Client::SslocalRust]).await;
}

#[tokio::test]
async fn every_client_gets_through_classic_shadowsocks() {
    let clients = [Client::SingBox, Client::Xray, Client::Mihomo, Client::SsLocal, Client::V2ray, Client::Pproxy];
    every_client_gets_through(CLASSIC, &clients).await;
}

#[tokio::test]
async fn every_client_gets_through_trojan() {
    let clients = [Client::SingBox, Client::Xray, Client::Mihomo, Client::V2ray, Client::Trojan];
    every_client_gets_through(TROJAN, &clients).await;
}

#[tokio::test]
async fn every_client_gets_through_vless() {
    every_client_gets_through(VLESS, &[Client::SingBox, Client::Xray, Client::Mihomo, Client::V2ray]).await;
}

#[tokio::test]
async fn every_client_gets_through_websockets() {
    let clients = [Client::SingBox, Client::Xray, Client::Mihomo];
    every_client_gets_through(TROJAN_WS, &clients).await;
    every_client_gets_through(VLESS_WS, &clients).await;
}

#[tokio::test]
async fn every_client_gets_through_hysteria() {
    every_client_gets_through(HYSTERIA, &[Client::SingBox, Client::Mihomo, Client::Hysteria]).await;
}

#[tokio::test]
async fn every_form_of_shadowsocks_links_works() {
    for form in ["legacy", "panel", "sip002"] {
        let nodes = vec![node(SS_2022), node(CLASSIC)];
        let world =
            World::with(Setup { sections: format!("[oa]\nss_link = \"{form}\""), nodes, ..Setup::default() }).await;
        let ann = world.user("ann").await;
        let mut traffic = Traffic::default();
        for (name, client) in [(SS_2022, Client::SslocalRust), (CLASSIC, Client::SsLocal)] {
            traffic += cell(&world, client, &ann.server(name).await).await.unwrap();
        }
        world.finish(&[("ann", traffic)]).await;
    }
}

#[tokio::test]
async fn a_byte_costs_the_rate_of_its_node() {
    let (mut half, mut triple) = (node(SS_2022), node(TROJAN));
    (half.rate, triple.rate) = (50, 300);
    let world = World::with(Setup { nodes: vec![half, triple], ..Setup::default() }).await;
    let ann = world.user("ann").await;
    let cheap = cell(&world, Client::SslocalRust, &ann.server(SS_2022).await).await.unwrap();
    let dear = cell(&world, Client::Trojan, &ann.server(TROJAN).await).await.unwrap();
    let cost = |cheap: u64, dear: u64| (cheap * 50 + dear * 300 + 50) / 100;
    let charged = Traffic { up: cost(cheap.up, dear.up), down: cost(cheap.down, dear.down) };
    let mut raw = cheap;
    raw += dear;
    world.finish_with(&[("ann", charged)], raw).await;
}
