//! Quota, speed, devices and other refusals of people with a good credential.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use gatehouse_domain::{
    proxy::{node::Node, route::Rule},
    settings::DeviceLimitMode,
};
use gatehouse_model::{EndedWhy, Millis, NodeGroupId, SsCipher};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::{
    FIRST, KINDS, Kind, World,
    clients::{Stream, exchange},
    random, row, wait_for,
};
use crate::{
    addr::{Address, Host},
    egress::Unreachable,
    table::Used,
    visit::Network,
};

const SS: Kind = Kind::Ss(SsCipher::Blake3Aes256Gcm);

/// Whether a connection of the first user from an address works.
async fn works(world: &World, from: [u8; 4]) -> Option<Box<dyn Stream>> {
    let mut stream = world.connect_from(from, 1, world.echo).await;
    stream.write_all(b"hello").await.ok()?;
    stream.flush().await.ok()?;
    let mut answer = [0; 5];
    timeout(Duration::from_secs(3), stream.read_exact(&mut answer)).await.expect("served or closed").ok()?;
    // A TLS node answers strangers with its page.
    (answer == *b"hello").then_some(stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reaching_the_quota_cuts_every_flow_in_memory() {
    for kind in KINDS {
        let world = World::with(kind, |_| {}, |node| node.rate = 150).await;
        let mut limited = row(1);
        limited.quota = Some(3_000_000);
        world.door.table.apply(&[limited], &[], Used::Settled, Millis(0));
        let user = world.user(1);
        let idle = works(&world, [127, 0, 0, 1]).await.expect("below the quota");
        let mut stream = world.connect(1, world.echo).await;
        let sent = random(16_000);
        let start = Instant::now();
        // A million bytes up and down at one and a half is the quota.
        while stream.write_all(&sent).await.is_ok() && stream.read_exact(&mut vec![0; sent.len()]).await.is_ok() {
            assert!(start.elapsed() < Duration::from_secs(20));
        }
        World::until_flowless(&user).await;
        assert!(!user.is_live());
        drop(idle);
        let total: u64 = user.account.visits().iter().map(|v| v.up.load(Relaxed) + v.down.load(Relaxed)).sum();
        assert!((2_000_000..2_300_000).contains(&total), "{kind:?}: {total}");
        assert_eq!(world.door.take_rechecks(), [FIRST]);
        assert!(works(&world, [127, 0, 0, 1]).await.is_none());
        let mut more = row(1);
        (more.quota, more.used) = (Some(9_000_000), 0);
        world.door.table.apply(&[more], &[], Used::Settled, Millis(0));
        assert!(works(&world, [127, 0, 0, 1]).await.is_some(), "a raised quota readmits");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_speed_limit_holds_for_all_flows_together_and_follows_changes() {
    let world = World::new(SS).await;
    let mut slow = row(1);
    slow.speed_limit = 40;
    world.door.table.apply(&[slow], &[], Used::Settled, Millis(0));
    let start = Instant::now();
    let sent = random(2_500_000);
    let one = exchange(world.connect(1, world.echo).await, &sent);
    let two = exchange(world.connect(1, world.echo).await, &sent);
    let (one, two) = tokio::join!(one, two);
    assert!(one == sent && two == sent);
    // 5 MB at 5 MB/s, each direction on its own and overlapping; the burst is half a megabyte.
    let took = start.elapsed().as_secs_f64();
    assert!((0.85..1.6).contains(&took), "{took}");
    world.door.table.apply(&[row(1)], &[], Used::Settled, Millis(0));
    let start = Instant::now();
    assert!(exchange(world.connect(1, world.echo).await, &sent).await == sent);
    assert!(start.elapsed() < Duration::from_millis(450), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_further_device_is_refused_until_one_is_gone() {
    let world = World::new(SS).await;
    let mut limited = row(1);
    limited.device_limit = 2;
    world.door.table.apply(&[limited], &[], Used::Settled, Millis(0));
    let first = works(&world, [127, 0, 0, 1]).await.unwrap();
    let _again = works(&world, [127, 0, 0, 1]).await.unwrap();
    let _second = works(&world, [127, 0, 0, 2]).await.unwrap();
    assert!(works(&world, [127, 0, 0, 3]).await.is_none());
    drop(first);
    assert!(works(&world, [127, 0, 0, 2]).await.is_some(), "a known device comes again");
    assert_eq!(world.user(1).account.visits().len(), 2);
}

#[tokio::test]
async fn a_device_on_two_nodes_counts_once_or_twice_as_configured() {
    for (mode, is_served) in [(DeviceLimitMode::Address, true), (DeviceLimitMode::Node, false)] {
        let world = World::with(SS, |settings| settings.device_limit_mode = mode, |_| {}).await;
        let mut limited = row(1);
        limited.device_limit = 1;
        world.door.table.apply(&[limited], &[], Used::Settled, Millis(0));
        let other = World::beside(&world, Kind::Trojan, 2).await;
        let first = works(&world, [127, 0, 0, 1]).await;
        assert!(first.is_some());
        assert_eq!(works(&other, [127, 0, 0, 1]).await.is_some(), is_served, "{mode:?}");
        assert!(works(&other, [127, 0, 0, 2]).await.is_none(), "{mode:?}");
    }
}

#[tokio::test]
async fn blocked_targets_look_dead_over_tcp_and_udp_and_follow_changes() {
    let rule = |words: &str, action: &str| Rule::parse(Rule::words(words), action).unwrap();
    for kind in [SS, Kind::Vless, Kind::Hysteria] {
        let world = World::new(kind).await;
        let routes = |rules: Vec<Rule>| world.state.update(&Node { routes: rules.into(), ..world.node.clone() });
        assert!(works(&world, [127, 0, 0, 1]).await.is_some());
        let port = format!("port:{}", world.echo.port());
        routes(vec![rule("127.0.0.2", "block"), rule(&port, "block")]);
        assert!(works(&world, [127, 0, 0, 1]).await.is_none(), "{kind:?}");
        routes(vec![rule("127.0.0.1/32", "direct"), rule(&port, "block")]);
        assert!(works(&world, [127, 0, 0, 1]).await.is_some(), "{kind:?}: the first rule decides");
        // A rule never opens what the deny list closes.
        let forbidden = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = world.connect(1, forbidden.local_addr().unwrap()).await;
        let _ = stream.write_all(b"hello").await;
        assert!(!matches!(timeout(Duration::from_secs(3), stream.read(&mut [0; 9])).await.expect("closed"), Ok(1..)));
    }
    let world = World::new(Kind::Vless).await;
    let named = |name: &str| Address { host: Host::Name(name.into()), port: world.echo.port() };
    let ask = async |name: &str, words: &str| {
        let rules = [rule(words, "block")];
        let result = world.door.egress.resolve(&named(name), Network::Udp, &rules).await;
        matches!(result, Err(Unreachable::Denied("route")))
    };
    assert!(ask("LOCALHOST.", "domain:localhost").await);
    assert!(ask("no-such-name.invalid", "keyword:such").await, "without asking a name server");
    assert!(ask("localhost", "127.0.0.0/8, ::1").await, "by the address behind the name");
    assert!(!ask("localhost", "domain:example.com").await);
    let localhost = std::net::IpAddr::from([127, 0, 0, 1]);
    let rules = [rule("full:localhost", "block")];
    let checked = world.door.egress.check(&named("localhost"), localhost, Network::Udp, &rules);
    assert!(matches!(checked, Err(Unreachable::Denied("route"))));
    assert!(world.door.egress.check(&named("other"), localhost, Network::Tcp, &rules).is_ok());
}

#[tokio::test]
async fn other_groups_and_an_old_table_admit_nobody() {
    let world = World::new(SS).await;
    let mut other = row(1);
    other.node_group_id = Some(NodeGroupId(2));
    world.door.table.apply(&[other], &[], Used::Settled, Millis(0));
    assert!(works(&world, [127, 0, 0, 1]).await.is_none());
    world.door.table.apply(&[row(1)], &[], Used::Settled, Millis(0));
    let stream = works(&world, [127, 0, 0, 1]).await.unwrap();
    world.door.set_age(Duration::from_secs(301));
    assert!(works(&world, [127, 0, 0, 1]).await.is_none());
    assert_eq!(World::flows(&world.user(1)), 1, "running flows go on");
    world.door.set_age(Duration::ZERO);
    assert!(works(&world, [127, 0, 0, 1]).await.is_some());
    drop(stream);
}

#[tokio::test]
async fn classic_users_beyond_the_cap_are_not_served() {
    let capped = |node: &mut Node| {
        if let gatehouse_domain::proxy::node::Protocol::Shadowsocks { classic_user_cap, .. } = &mut node.protocol {
            *classic_user_cap = Some(1);
        }
    };
    let world = World::with(Kind::Ss(SsCipher::Aes256Gcm), |_| {}, capped).await;
    assert_eq!(world.running.trials.as_ref().unwrap().roster().1, 1);
    assert!(works(&world, [127, 0, 0, 1]).await.is_some());
    let mut newest = world.connect(2, world.echo).await;
    newest.write_all(b"hello").await.unwrap();
    let mut answer = Vec::new();
    let _ = newest.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
    world.door.table.apply(&[], &[(FIRST, EndedWhy::Deleted)], Used::Settled, Millis(0));
    let mut next = world.connect(2, world.echo).await;
    next.write_all(b"hello").await.unwrap();
    next.read_exact(&mut [0; 5]).await.unwrap();
    let user = world.user(2);
    wait_for(|| World::flows(&user) == 1).await;
}
