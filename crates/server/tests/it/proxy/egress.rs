//! Nobody reaches this machine through the door, unless the operator allows that very port.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use gatehouse_testkit::peer::{Client, Echo, Origin, Socks, Target, Traffic};

use super::world::{CLASSIC, SS_2022, TROJAN, VLESS, World};

/// Ways to say "this machine".
fn machine(port: u16) -> Vec<Target> {
    let addresses: [SocketAddr; 3] = [
        (Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port).into(),
        (Ipv4Addr::UNSPECIFIED, port).into(),
        (Ipv6Addr::UNSPECIFIED, port).into(),
    ];
    Target::loopback(port).into_iter().chain(addresses.map(Target::Address)).collect()
}

#[tokio::test]
async fn this_machine_is_out_of_reach_over_every_protocol() {
    let world = World::new().await;
    let hidden = Origin::start(b"a database".to_vec()).await.unwrap();
    let hidden_echo = Echo::start().await.unwrap();
    let ann = world.user("ann").await;
    let mut traffic = Traffic::default();
    let nodes =
        [(SS_2022, Client::SslocalRust), (CLASSIC, Client::V2ray), (TROJAN, Client::Trojan), (VLESS, Client::SingBox)];
    for (name, client) in nodes {
        let peer = ann.client(client, name).await;
        let socks = Socks::from(&peer);
        for target in machine(hidden.port()) {
            assert!(socks.get(&target, "/").await.is_err(), "{name}: {target}");
        }
        for target in machine(hidden_echo.port()) {
            let association = socks.associate().await.unwrap();
            association.send(&target, b"who is there").await.unwrap();
        }
        traffic += socks.exercise(&world.origin, Some(&world.echo)).await.unwrap();
    }
    assert_eq!((hidden.requests(), hidden_echo.datagrams()), (0, 0));
    let metrics = world.server().metrics().await.unwrap();
    assert!(metrics.lines().any(|line| line.starts_with("gatehouse_proxy_egress_denied")), "{metrics}");
    world.finish(&[("ann", traffic)]).await;
}
