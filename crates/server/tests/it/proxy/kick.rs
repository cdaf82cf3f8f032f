//! Whoever is put out is out at once, in the middle of a download as well, and nobody else notices.

use std::time::Duration;

use anyhow::Result;
use gatehouse_testkit::peer::{Association, Client, Peer, Socks, Target, free_port, wait_for};
use rustix::process::Signal;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    flow::{Download, Fountain, refused, sockets, udp_sockets, within},
    world::{CLASSIC, HYSTERIA, SS_2022, Setup, TROJAN, User, VLESS, VLESS_WS, World, node},
};

const CLIENTS: [(&str, Client); 6] = [
    (SS_2022, Client::SslocalRust),
    (CLASSIC, Client::SsLocal),
    (TROJAN, Client::Trojan),
    (VLESS, Client::V2ray),
    (VLESS_WS, Client::SingBox),
    (HYSTERIA, Client::SingBox),
];

/// A command is another process, whose commits are seen within a second; more, for machines busy with other tests.
const OTHER_PROCESS: Duration = Duration::from_secs(3);
/// 100 ms by specification; the same allowance.
const SAME_PROCESS: Duration = Duration::from_secs(2);

fn impatient() -> Setup {
    let nodes = CLIENTS.map(|(name, _)| node(name)).into();
    Setup { proxy: "handshake_timeout = \"1s\"".to_owned(), nodes, ..Setup::default() }
}

/// A user who is in by every protocol: over each, one download that is read, one that is not, and a UDP session.
struct Inside {
    peers: Vec<Peer>,
    reading: JoinSet<()>,
    stalled: Vec<(Download, Association)>,
    ports: Vec<u16>,
}

impl Inside {
    async fn new(world: &World, fountain: &Fountain, user: &User) -> Self {
        let mut inside = Self { peers: Vec::new(), reading: JoinSet::new(), stalled: Vec::new(), ports: Vec::new() };
        for (name, client) in CLIENTS {
            let peer = user.client(client, name).await;
            let mut download = fountain.open((&peer).into()).await.unwrap();
            inside.reading.spawn(async move { download.drain(|_| ()).await });
            let stalled = fountain.open((&peer).into()).await.unwrap();
            let association = Socks::from(&peer).associate().await.unwrap();
            association.echo(&Target::loopback(world.echo.port())[0], b"hello").await.unwrap();
            inside.stalled.push((stalled, association));
            inside.ports.push(user.server(name).await.port);
            inside.peers.push(peer);
        }
        inside
    }

    /// Sockets the server holds towards the clients of these nodes.
    fn sockets(&self) -> usize {
        sockets(|local, _| self.ports.contains(&local))
    }

    /// After the kick: every download ends, and no new flow begins.
    async fn assert_out(mut self, world: &World) {
        let (requests, datagrams) = (world.origin.requests(), world.echo.datagrams());
        while let Some(ended) = self.reading.join_next().await {
            ended.unwrap();
        }
        drop(self.stalled);
        for (peer, (name, _)) in self.peers.iter().zip(CLIENTS) {
            let association = Socks::from(peer).associate().await.unwrap();
            association.send(&Target::loopback(world.echo.port())[0], b"me again").await.unwrap();
            refused(peer.into(), world.origin.port()).await.unwrap();
            assert_eq!((world.origin.requests(), world.echo.datagrams()), (requests, datagrams), "{name}");
        }
    }
}

/// A world with an endless source behind it.
async fn with_fountain(mut setup: Setup) -> (World, Fountain) {
    let port = free_port().unwrap();
    setup.allowed.push(port);
    (World::with(setup).await, Fountain::start(port).await)
}

/// The visits of a login.
async fn visits(world: &World, login: &str) -> Result<Vec<Value>> {
    let visits = world.installation.run_beside(&["session", "list", "--all", "--json"]).await.json();
    Ok(visits.as_array().into_iter().flatten().filter(|visit| visit["login"] == login).cloned().collect())
}

/// Waits until so many visits of a login have ended for these reasons, and no other is open.
async fn visits_end(world: &World, login: &str, expected: &[&str]) {
    let mut reasons = Vec::new();
    let ended = wait_for("the end of every visit", async || {
        reasons = visits(world, login).await?.iter().map(|visit| visit["ended_why"].clone()).collect();
        reasons.reverse();
        Ok(reasons == expected)
    });
    ended.await.unwrap_or_else(|error| panic!("{error}: {reasons:?} instead of {expected:?}"));
}

/// Waits until the server has seen another process's commit and lets a client through: TCP and UDP.
async fn admitted(world: &World, peer: &Peer) {
    let [target, ..] = Target::loopback(world.origin.port());
    wait_for("the admission", async || Ok(Socks::from(peer).get(&target, "/").await.is_ok())).await.unwrap();
    Socks::from(peer).exercise(&world.origin, Some(&world.echo)).await.unwrap();
}

/// Puts ann out while she and her neighbour download.
async fn every_flow_ends(setup: Setup, most: Duration, why: &str, put_out: impl AsyncFnOnce(&World)) {
    let (world, fountain) = with_fountain(setup).await;
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let pid = world.server().pid();
    let listening = udp_sockets(pid);
    let neighbour = bob.client(Client::SslocalRust, SS_2022).await;
    let mut neighbours = fountain.open((&neighbour).into()).await.unwrap();
    let inside = Inside::new(&world, &fountain, &ann).await;
    assert_eq!((fountain.sockets(), udp_sockets(pid)), (13, listening + 6));

    put_out(&world).await;
    let closed = || (inside.sockets(), fountain.sockets(), udp_sockets(pid)) == (1, 1, listening);
    let took = within(most, "the kick", closed).await;
    println!("{why}: every socket of the server was closed after {took:?}");
    neighbours.more(10_000_000).await.expect("the neighbour goes on");
    inside.assert_out(&world).await;
    visits_end(&world, "ann", &[why; 6]).await;
    drop(neighbours);
    world.server.unwrap().stop_beside().await;
}

async fn every_flow_ends_at(command: &[&str], why: &str) {
    let put_out = async |world: &World| drop(world.installation.run_beside(command).await.ok());
    every_flow_ends(impatient(), OTHER_PROCESS, why, put_out).await;
}

#[tokio::test]
async fn disabling_an_account_ends_every_flow() {
    every_flow_ends_at(&["account", "disable", "ann"], "disabled").await;
}

#[tokio::test]
async fn deleting_an_account_ends_every_flow() {
    every_flow_ends_at(&["account", "delete", "ann"], "deleted").await;
}

#[tokio::test]
async fn an_oa_systems_request_of_deletion_ends_every_flow_if_so_configured() {
    let sections = "[oa]\nclose_doors_on_delete_request = true".to_owned();
    every_flow_ends(Setup { sections, ..impatient() }, SAME_PROCESS, "disabled", async |world| {
        let answer = world.server().oa("delUserProfile", &world.token, "ann").await.unwrap();
        assert_eq!(answer["StatusCode"], 200, "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_pass_that_was_taken_and_given_again_has_a_new_link() {
    let (world, fountain) = with_fountain(impatient()).await;
    let ann = world.user("ann").await;
    let installation = &world.installation;
    // With its last pass the account would go.
    installation.run_beside(&["account", "grant", "ann", "staff"]).await.ok();
    let old = ann.client(Client::Trojan, TROJAN).await;
    let _download = fountain.open((&old).into()).await.unwrap();
    installation.run_beside(&["account", "revoke", "ann", "proxy"]).await.ok();
    within(OTHER_PROCESS, "the kick", || fountain.sockets() == 0).await;
    visits_end(&world, "ann", &["pass_revoked"]).await;
    refused((&old).into(), world.origin.port()).await.unwrap();

    installation.run_beside(&["account", "grant", "ann", "proxy"]).await.ok();
    installation.run_beside(&["account", "revoke", "ann", "staff"]).await.ok();
    let again = world.links("ann").await.unwrap();
    for (name, client) in CLIENTS {
        let peer = again.client(client, name).await;
        admitted(&world, &peer).await;
    }
    let requests = world.origin.requests();
    refused((&old).into(), world.origin.port()).await.unwrap();
    assert_eq!(world.origin.requests(), requests, "the old link stays dead");
}

#[tokio::test]
async fn an_account_that_is_enabled_again_is_let_in_again() {
    let world = World::with(impatient()).await;
    let ann = world.user("ann").await;
    let peer = ann.client(Client::SslocalRust, SS_2022).await;
    let [target, ..] = Target::loopback(world.origin.port());
    let (_, mut traffic) = Socks::from(&peer).get(&target, "/").await.unwrap();
    world.installation.run_beside(&["account", "disable", "ann"]).await.ok();
    wait_for("the refusal", async || {
        Ok(Socks::from(&peer).get(&target, "/").await.map_or(true, |(_, more)| {
            traffic += more;
            false
        }))
    })
    .await
    .unwrap();
    world.installation.run_beside(&["account", "enable", "ann"]).await.ok();
    wait_for("the admission", async || {
        Ok(Socks::from(&peer).get(&target, "/").await.is_ok_and(|(_, more)| {
            traffic += more;
            true
        }))
    })
    .await
    .unwrap();
    // Each is a megabyte and some; only the one that met the switch can have been cut.
    world.finish_cut("ann", traffic, 2_000_000).await;
}

#[tokio::test]
async fn a_node_that_leaves_the_users_group_or_is_switched_off_ends_its_flows() {
    let mut spec = node(TROJAN);
    spec.server_port = free_port().unwrap();
    let (world, fountain) = with_fountain(Setup { nodes: vec![spec.clone()], ..impatient() }).await;
    let ann = world.user("ann").await;
    let peer = ann.client(Client::Trojan, TROJAN).await;

    let mut other = spec.clone();
    other.groups = ["other".to_owned()].into();
    let mut off = spec.clone();
    off.is_enabled = false;
    let mut reasons = Vec::new();
    for (changed, why) in [(other, "group_changed"), (off, "node_changed")] {
        let mut download = None;
        wait_for("the node", async || {
            download = fountain.open((&peer).into()).await.ok();
            Ok(download.is_some())
        })
        .await
        .unwrap();
        world.installation.save(&[changed]).await.unwrap();
        within(OTHER_PROCESS, why, || fountain.sockets() == 0).await;
        reasons.push(why);
        visits_end(&world, "ann", &reasons).await;
        refused((&peer).into(), world.origin.port()).await.unwrap();
        assert_eq!(world.origin.requests(), 0);
        world.installation.save(std::slice::from_ref(&spec)).await.unwrap();
    }
}

#[tokio::test]
async fn a_user_who_changes_groups_loses_one_nodes_flows_and_gains_anothers() {
    let mut elsewhere = node(VLESS);
    elsewhere.groups = ["other".to_owned()].into();
    let (world, fountain) = with_fountain(Setup { nodes: vec![node(TROJAN), elsewhere], ..impatient() }).await;
    let ann = world.user("ann").await;
    assert_eq!(ann.nodes(), [TROJAN]);
    let before = ann.client(Client::Trojan, TROJAN).await;
    let _download = fountain.open((&before).into()).await.unwrap();
    let state = "[[account]]\nlogin = \"ann\"\nproxy = { node_group = \"other\" }";
    world.installation.apply(state).await.unwrap();
    within(OTHER_PROCESS, "the kick", || fountain.sockets() == 0).await;
    visits_end(&world, "ann", &["group_changed"]).await;
    refused((&before).into(), world.origin.port()).await.unwrap();
    assert_eq!(world.origin.requests(), 0);
    let ann = world.links("ann").await.unwrap();
    assert_eq!(ann.nodes(), [VLESS]);
    let after = ann.client(Client::SingBox, VLESS).await;
    Socks::from(&after).exercise(&world.origin, Some(&world.echo)).await.unwrap();
}

#[tokio::test]
async fn a_new_server_key_ends_every_flow_and_needs_new_links() {
    let mut spec = node(SS_2022);
    spec.server_port = free_port().unwrap();
    let (world, fountain) = with_fountain(Setup { nodes: vec![spec], ..impatient() }).await;
    let ann = world.user("ann").await;
    let old = ann.client(Client::SslocalRust, SS_2022).await;
    let _download = fountain.open((&old).into()).await.unwrap();
    world.installation.run_beside(&["node", "rotate-key", SS_2022]).await.ok();
    within(OTHER_PROCESS, "the kick", || fountain.sockets() == 0).await;
    refused((&old).into(), world.origin.port()).await.unwrap();
    let again = world.links("ann").await.unwrap().client(Client::SslocalRust, SS_2022).await;
    admitted(&world, &again).await;
}

#[tokio::test]
async fn a_session_that_staff_end_may_begin_again() {
    let (world, fountain) = with_fountain(Setup { nodes: vec![node(VLESS)], ..impatient() }).await;
    let ann = world.user("ann").await;
    let peer = ann.client(Client::SingBox, VLESS).await;
    let _download = fountain.open((&peer).into()).await.unwrap();
    let mut session = String::new();
    wait_for("the session in the list", async || {
        let open = world.installation.run_beside(&["session", "list", "--login", "ann", "--json"]).await.json();
        session = open[0]["session"].as_str().unwrap_or_default().to_owned();
        Ok(!session.is_empty())
    })
    .await
    .unwrap();
    world.installation.run_beside(&["session", "end", &session]).await.ok();
    within(OTHER_PROCESS, "the kick", || fountain.sockets() == 0).await;
    visits_end(&world, "ann", &["kicked"]).await;
    Socks::from(&peer).exercise(&world.origin, Some(&world.echo)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_ends_flows_and_writes_what_they_carried() {
    let (mut world, fountain) =
        with_fountain(Setup { proxy: "drain = \"1s\"".to_owned(), nodes: vec![node(TROJAN)], ..Setup::default() })
            .await;
    let ann = world.user("ann").await;
    let peer = ann.client(Client::Trojan, TROJAN).await;
    let mut download = fountain.open((&peer).into()).await.unwrap();
    let mut server = world.server.take().unwrap();
    server.signal(Signal::TERM);
    download.drain(|_| ()).await;
    assert!(server.wait().success());
    let charged = world.traffic("ann").await;
    assert_eq!(charged.up, Download::UP);
    assert!(download.received <= charged.down && charged.down <= fountain.sent(), "{charged:?}");
    visits_end(&world, "ann", &["shutdown"]).await;
}
