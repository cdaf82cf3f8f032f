//! What survives an end of the process: links always, counters up to the last flush.

use std::time::{Duration, Instant};

use gatehouse_testkit::{
    Engine,
    peer::{Client, Peer, Socks, Traffic, free_port, wait_for},
};
use tokio::task::JoinSet;

use super::{
    flow::{Download, Fountain},
    world::{CLASSIC, SS_2022, Setup, TROJAN, VLESS, World},
};

const CLIENTS: [(&str, Client); 4] =
    [(SS_2022, Client::SslocalRust), (CLASSIC, Client::SsLocal), (TROJAN, Client::Trojan), (VLESS, Client::SingBox)];

/// Nodes that keep their ports.
fn lasting() -> Setup {
    let mut setup = Setup::default();
    for node in &mut setup.nodes {
        node.server_port = free_port().unwrap();
    }
    setup
}

#[tokio::test]
async fn links_and_running_clients_outlive_a_restart() {
    let mut world = World::with(lasting()).await;
    let ann = world.user("ann").await;
    let mut peers: Vec<Peer> = Vec::new();
    let mut traffic = Traffic::default();
    for (name, client) in CLIENTS {
        let peer = ann.client(client, name).await;
        traffic += Socks::from(&peer).exercise(&world.origin, Some(&world.echo)).await.unwrap();
        peers.push(peer);
    }
    world.server.take().unwrap().stop().await.unwrap();
    world.server = Some(world.installation.start().await.unwrap());
    let again = world.links("ann").await.unwrap();
    for (name, _) in CLIENTS {
        assert_eq!(ann.link(name), again.link(name));
    }
    for peer in &peers {
        traffic += Socks::from(peer).exercise(&world.origin, Some(&world.echo)).await.unwrap();
    }
    world.finish(&[("ann", traffic)]).await;
}

/// A flush interval and what a busy machine adds to it.
const LOST: Duration = Duration::from_secs(3);
const LOAD: Duration = Duration::from_secs(5);

async fn a_killed_server_loses_one_interval_at_most(engine: Engine) {
    let port = free_port().unwrap();
    let mut setup = Setup { engine, ..lasting() };
    setup.allowed.push(port);
    let (mut world, fountain) = (World::with(setup).await, Fountain::start(port).await);
    let mut users = Vec::new();
    for (name, client) in CLIENTS {
        let user = world.user(name).await;
        users.push((user.client(client, name).await, name));
    }
    for _ in 0..2 {
        let before = traffic(&world).await;
        let sent_before = fountain.sent();
        let mut downloads = JoinSet::new();
        for (peer, name) in &users {
            let mut opened = None;
            wait_for("the node", async || {
                opened = fountain.open(peer.into()).await.ok();
                Ok(opened.is_some())
            })
            .await
            .unwrap();
            let mut download = opened.unwrap();
            let name = *name;
            downloads.spawn(async move {
                let mut samples = Vec::new();
                download.drain(|received| samples.push((Instant::now(), received))).await;
                (name, samples)
            });
        }
        tokio::time::sleep(LOAD).await;
        let killed = Instant::now();
        world.server.take().unwrap().kill().await.unwrap();
        let samples = downloads.join_all().await;
        let after = traffic(&world).await;
        let mut sum = 0;
        for (name, samples) in samples {
            let index = CLIENTS.iter().position(|(known, _)| *known == name).unwrap();
            let down = after[index].down - before[index].down;
            let received =
                samples.iter().rev().find(|(at, _)| *at + LOST <= killed).map_or(0, |(_, received)| *received);
            assert!(received > 0 && received <= down, "{name}: {down} of at least {received} bytes were charged");
            sum += down;
        }
        assert!(
            sum <= fountain.sent() - sent_before,
            "{sum} bytes were charged, {} sent",
            fountain.sent() - sent_before
        );

        world.server = Some(world.installation.start().await.unwrap());
        assert_eq!(traffic(&world).await, after, "a restart charges nothing");
    }
    let carried = world.carried().await;
    let charged = traffic(&world).await;
    assert_eq!(carried.down, charged.iter().map(|traffic| traffic.down).sum::<u64>());
    assert!(charged.iter().all(|traffic| traffic.up <= 2 * Download::UP));
}

async fn traffic(world: &World) -> Vec<Traffic> {
    let mut traffic = Vec::new();
    for (name, _) in CLIENTS {
        traffic.push(world.traffic(name).await);
    }
    traffic
}

#[tokio::test]
async fn a_killed_server_loses_one_interval_at_most_on_sqlite() {
    a_killed_server_loses_one_interval_at_most(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_killed_server_loses_one_interval_at_most_on_postgresql() {
    a_killed_server_loses_one_interval_at_most(Engine::Postgres).await;
}
