//! Whoever records a client's bytes and sends them again gets nothing, and nobody is charged.

use std::{net::Ipv4Addr, time::Duration};

use gatehouse_testkit::peer::{Client, Server, Socks, Target};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    tap::{Tap, address, connect},
    world::{CLASSIC, SS_2022, Setup, World, node},
};

/// As long as it takes that two writes arrive as two reads, usually; if they arrive as one, another case is tested twice.
const GAP: Duration = Duration::from_millis(20);
/// Longer than `handshake_timeout`.
const PATIENCE: Duration = Duration::from_secs(20);
/// Salt, identity and fixed header, and some more.
const POSITIONS: usize = 120;

async fn a_recording_is_worthless(name: &str, client: Client) {
    let proxy = "handshake_timeout = \"1s\"".to_owned();
    let world = World::with(Setup { proxy, nodes: vec![node(name)], ..Setup::default() }).await;
    let user = world.user("ann").await;
    let server = user.server(name).await;
    let tap = Tap::start(&server, Ipv4Addr::LOCALHOST).await;
    let peer = client.start(&tap.server(&server)).await.unwrap();
    let socks = Socks::from(&peer);
    let mut traffic = socks.exercise(&world.origin, Some(&world.echo)).await.unwrap();
    let (requests, datagrams) = (world.origin.requests(), world.echo.datagrams());

    let streams: Vec<_> = tap.streams().into_iter().filter(|stream| stream.len() >= POSITIONS).collect();
    assert!(streams.len() >= 3, "one connection for each fetch");
    for stream in &streams {
        assert_eq!(answer(connect(Ipv4Addr::LOCALHOST, address(&server)).await.unwrap(), &[stream]).await, 0);
    }
    in_pieces(&server, &streams[0]).await;
    assert_eq!(world.origin.requests(), requests, "no replay reached the target");

    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let recorded = tap.datagrams();
    assert!(recorded.len() >= 6);
    for datagram in &recorded {
        stranger.send_to(datagram, address(&server)).await.unwrap();
    }
    // The node reads its datagrams in order: once these are answered, the replayed ones were seen.
    traffic += socks.exercise(&world.origin, Some(&world.echo)).await.unwrap();
    assert_eq!(world.echo.datagrams(), 2 * datagrams, "no replay reached the target");
    assert!(stranger.try_recv(&mut [0; 1]).is_err(), "and none was answered");
    world.finish(&[("ann", traffic)]).await;
}

/// The same bytes split at every position, truncated at every position, and one by one; each from an address of its own.
async fn in_pieces(server: &Server, stream: &[u8]) {
    let mut attempts = JoinSet::new();
    let mut attempt = |pieces: Vec<Vec<u8>>| {
        let number = u16::try_from(attempts.len()).unwrap();
        let [high, low] = number.to_be_bytes();
        let (from, target) = (Ipv4Addr::new(127, 1, high, low.max(1)), address(server));
        attempts.spawn(async move {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            answer(connect(from, target).await.unwrap(), &pieces).await
        });
    };
    for at in 1..POSITIONS {
        let (first, rest) = stream.split_at(at);
        attempt(vec![first.to_vec(), rest.to_vec()]);
        attempt(vec![first.to_vec()]);
    }
    let (first, rest) = stream.split_at(POSITIONS);
    attempt(first.chunks(1).chain([rest]).map(<[u8]>::to_vec).collect());
    while let Some(answered) = attempts.join_next().await {
        assert_eq!(answered.unwrap(), 0);
    }
}

/// Sends and counts what comes back before the server ends the connection.
async fn answer(mut stream: TcpStream, pieces: &[&[u8]]) -> usize {
    for piece in pieces {
        // The server may have ended it already.
        if stream.write_all(piece).await.is_err() {
            return 0;
        }
        if pieces.len() > 1 {
            sleep(GAP).await;
        }
    }
    let mut buffer = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut buffer)).await;
    // A reset is what strangers get.
    let _ = ended.expect("the server ends the connection");
    buffer.len()
}

#[tokio::test]
async fn a_recording_of_shadowsocks_2022_is_worthless() {
    a_recording_is_worthless(SS_2022, Client::SslocalRust).await;
}

#[tokio::test]
async fn a_recording_of_classic_shadowsocks_is_worthless() {
    a_recording_is_worthless(CLASSIC, Client::SsLocal).await;
}

/// The other half: what is inside TLS cannot be replayed at all.
#[tokio::test]
async fn a_recording_of_tls_is_worthless() {
    let name = super::world::TROJAN;
    let proxy = "handshake_timeout = \"1s\"".to_owned();
    let world = World::with(Setup { proxy, nodes: vec![node(name)], ..Setup::default() }).await;
    let server = world.user("ann").await.server(name).await;
    let tap = Tap::start(&server, Ipv4Addr::LOCALHOST).await;
    let peer = Client::Trojan.start(&tap.server(&server)).await.unwrap();
    let [target, ..] = Target::loopback(world.origin.port());
    let (_, traffic) = Socks::from(&peer).get(&target, "/").await.unwrap();
    let stream = &tap.streams()[0];
    // Another handshake is begun, and no more.
    answer(connect(Ipv4Addr::LOCALHOST, address(&server)).await.unwrap(), &[stream]).await;
    assert_eq!(world.origin.requests(), 1);
    world.finish(&[("ann", traffic)]).await;
}
