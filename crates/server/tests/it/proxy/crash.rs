//! What survives an end of the process: links always, counters up to the last flush.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use gatehouse_domain::{Actor, App, account::view};
use gatehouse_model::Origin;
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
    world.server.take().unwrap().stop_beside().await;
    world.server = Some(world.installation.serve_beside("serve").await);
    let again = world.links("ann").await.unwrap();
    for (name, _) in CLIENTS {
        assert_eq!(ann.link(name), again.link(name));
    }
    for peer in &peers {
        traffic += Socks::from(peer).exercise(&world.origin, Some(&world.echo)).await.unwrap();
    }
    world.finish(&[("ann", traffic)]).await;
}

async fn a_killed_server_loses_one_interval_at_most(engine: Engine) {
    let port = free_port().unwrap();
    let mut setup = Setup { engine, ..lasting() };
    setup.allowed.push(port);
    let (mut world, fountain) = (World::with(setup).await, Fountain::start(port).await);
    let reader = world.installation.app().await.unwrap();
    let mut users = Vec::new();
    for (name, client) in CLIENTS {
        let user = world.user(name).await;
        users.push(user.client(client, name).await);
    }
    for _ in 0..2 {
        let before = charged(&reader).await;
        let sent_before = fountain.sent();
        let mut downloads = JoinSet::new();
        let mut received = Vec::new();
        for peer in &users {
            let mut opened = None;
            // After a restart the nodes come up one by one.
            wait_for("the node", async || {
                opened = fountain.open(peer.into()).await.ok();
                Ok(opened.is_some())
            })
            .await
            .unwrap();
            let mut download = opened.unwrap();
            let counter = Arc::new(AtomicU64::new(download.received));
            received.push(counter.clone());
            downloads.spawn(async move { download.drain(|received| counter.store(received, Relaxed)).await });
        }
        // What clients had when a flush was seen must be in the next one.
        let (mut flushed, mut marks) = (before.clone(), Vec::new());
        for _ in 0..3 {
            wait_for("a flush of every node", async || {
                let now = charged(&reader).await;
                let is_flushed = now.iter().zip(&flushed).all(|(now, flushed)| now.down > flushed.down);
                if is_flushed {
                    flushed = now;
                }
                Ok(is_flushed)
            })
            .await
            .unwrap();
            marks.push(received.iter().map(|received| received.load(Relaxed)).collect::<Vec<_>>());
        }
        world.server.take().unwrap().kill();
        downloads.join_all().await;
        let after = charged(&reader).await;
        let mut sum = 0;
        for ((before, after), due) in before.iter().zip(&after).zip(&marks[1]) {
            let down = after.down - before.down;
            assert!(*due <= down, "{down} of at least {due} bytes were charged");
            sum += down;
        }
        let sent = fountain.sent() - sent_before;
        assert!(sum <= sent, "{sum} bytes were charged, {sent} sent");

        world.server = Some(world.installation.serve_beside("serve").await);
        assert_eq!(charged(&reader).await, after, "a restart charges nothing");
    }
    let charged = charged(&reader).await;
    assert_eq!(world.carried().await.down, charged.iter().map(|traffic| traffic.down).sum::<u64>());
    assert!(charged.iter().all(|traffic| traffic.up <= 2 * Download::UP));
    reader.stop().await.unwrap();
}

/// What the users are charged, read without the delay of a command.
async fn charged(reader: &App) -> Vec<Traffic> {
    let ctx = reader.ctx(Actor::Operator, Origin::Cli);
    let mut traffic = Vec::new();
    for (name, _) in CLIENTS {
        let pass = view::show(&ctx, name).await.unwrap().proxy.unwrap();
        traffic.push(Traffic { up: pass.up.try_into().unwrap(), down: pass.down.try_into().unwrap() });
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
