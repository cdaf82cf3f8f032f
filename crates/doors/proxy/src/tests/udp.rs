//! UDP through every protocol.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use gatehouse_model::{EndedWhy, SsCipher};
use shadowsocks::{
    ProxySocket, ServerConfig,
    config::ServerType,
    context::Context as SsContext,
    relay::{
        Address,
        udprelay::{crypto_io::encrypt_client_payload, options::UdpSocketControlData},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
    time::timeout,
};

use super::{
    KINDS, Kind, World, assert_prompt,
    clients::{Stream, cipher_kind},
    hysteria, random, wait_for,
};
use crate::{
    addr::{be16, write_socks, write_vless},
    listener::hysteria::{Datagram, Parts, datagrams},
};

const PATIENCE: Duration = Duration::from_secs(5);

/// A client that sends datagrams through the door.
enum Client {
    Ss(Box<ProxySocket<shadowsocks::net::UdpSocket>>, UdpSocketControlData),
    Hysteria(Box<hysteria::Client>),
    Trojan(Box<dyn Stream>),
    /// VLESS command 2, the head of the reply not read yet.
    Vless(Box<dyn Stream>, bool),
    /// XUDP, a session opened yet, the head of the reply not read yet.
    Xudp(Box<dyn Stream>, bool, bool),
}

impl Client {
    async fn new(world: &World, id: i64, is_xudp: bool) -> Self {
        if matches!(world.kind, Kind::Ss(_)) {
            let context = SsContext::new_shared(ServerType::Local);
            let mut control = UdpSocketControlData::default();
            control.client_session_id = 77;
            let socket = ProxySocket::connect(context, &world.ss_config(id)).await.unwrap();
            return Self::Ss(Box::new(socket), control);
        }
        if world.kind == Kind::Hysteria {
            return Self::Hysteria(Box::new(hysteria::Client::of(world, [127, 0, 0, 1], id).await.unwrap()));
        }
        let mut stream = world.carrier(world.dial([127, 0, 0, 1]).await).await;
        let command = match (world.kind, is_xudp) {
            (Kind::Vless | Kind::VlessWs, false) => 2,
            _ => 3,
        };
        stream.write_all(&world.request(id, command, world.udp_echo)).await.unwrap();
        stream.flush().await.unwrap();
        match (world.kind, is_xudp) {
            (Kind::Trojan | Kind::TrojanWs, _) => Self::Trojan(stream),
            (_, false) => Self::Vless(stream, true),
            (_, true) => Self::Xudp(stream, false, true),
        }
    }

    async fn send(&mut self, target: SocketAddr, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = Vec::new();
        match self {
            Self::Ss(socket, control) => {
                control.packet_id += 1;
                socket.send_with_ctrl(&Address::SocketAddress(target), control, payload).await.unwrap();
            }
            Self::Hysteria(client) => {
                let most = client.connection.max_datagram_size().unwrap();
                for part in datagrams(7, 1, &target.to_string(), payload, most) {
                    client.connection.send_datagram(part).unwrap();
                }
            }
            Self::Trojan(stream) => {
                write_socks(target, &mut bytes);
                bytes.extend_from_slice(&length);
                bytes.extend_from_slice(b"\r\n");
                bytes.extend_from_slice(payload);
                stream.write_all(&bytes).await.unwrap();
                stream.flush().await.unwrap();
            }
            Self::Vless(stream, _) => {
                stream.write_all(&[&length[..], payload].concat()).await.unwrap();
                stream.flush().await.unwrap();
            }
            Self::Xudp(stream, is_open, _) => {
                let mut meta = vec![0, 0, if *is_open { 2 } else { 1 }, 1];
                // With the address once more in every second packet.
                if !*is_open || payload.len().is_multiple_of(2) {
                    meta.push(2);
                    write_vless(target, &mut meta);
                    if !*is_open {
                        meta.extend_from_slice(&[7; 8]);
                    }
                }
                *is_open = true;
                bytes.extend_from_slice(&u16::try_from(meta.len()).unwrap().to_be_bytes());
                bytes.extend_from_slice(&meta);
                bytes.extend_from_slice(&length);
                bytes.extend_from_slice(payload);
                stream.write_all(&bytes).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    }

    /// The next datagram and where it came from; VLESS does not tell.
    async fn receive(&mut self) -> (Option<SocketAddr>, Vec<u8>) {
        match self {
            Self::Ss(socket, _) => {
                let mut buffer = vec![0; 65_536];
                let (length, address, _) = timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("a reply").unwrap();
                let Address::SocketAddress(from) = address else { panic!("a name") };
                (Some(from), buffer[..length].to_vec())
            }
            Self::Hysteria(client) => {
                let mut whole: Option<Parts> = None;
                loop {
                    let bytes = timeout(PATIENCE, client.connection.read_datagram()).await.expect("a reply").unwrap();
                    let part = Datagram::parse(&bytes).unwrap();
                    let from = SocketAddr::new(literal(&part.target), part.target.port);
                    let parts = whole.get_or_insert_with(|| Parts::new(&part));
                    assert!(part.session == 7 && parts.is_of(&part));
                    if let Some(payload) = parts.take(part.fragment, part.payload).unwrap() {
                        return (Some(from), payload);
                    }
                }
            }
            Self::Trojan(stream) => {
                let head = read(stream, 11).await;
                assert_eq!((head[0], &head[9..]), (1, &b"\r\n"[..]));
                let from = SocketAddr::from(([head[1], head[2], head[3], head[4]], be16(&head, 5).unwrap()));
                (Some(from), read(stream, be16(&head, 7).unwrap().into()).await)
            }
            Self::Vless(stream, is_first) => {
                head(stream, is_first).await;
                let length = be16(&read(stream, 2).await, 0).unwrap();
                (None, read(stream, length.into()).await)
            }
            Self::Xudp(stream, _, is_first) => {
                head(stream, is_first).await;
                let meta = read(stream, 14).await;
                assert_eq!(meta[..7], [0, 12, 0, 0, 2, 1, 2]);
                assert_eq!(meta[9], 1);
                let from = SocketAddr::from(([meta[10], meta[11], meta[12], meta[13]], be16(&meta, 7).unwrap()));
                let length = be16(&read(stream, 2).await, 0).unwrap();
                (Some(from), read(stream, length.into()).await)
            }
        }
    }
}

fn literal(address: &crate::addr::Address) -> IpAddr {
    let crate::addr::Host::Ip(ip) = address.host else { panic!("a name") };
    ip
}

async fn head(stream: &mut Box<dyn Stream>, is_first: &mut bool) {
    if std::mem::take(is_first) {
        assert_eq!(read(stream, 2).await, [0, 0]);
    }
}

async fn read(stream: &mut Box<dyn Stream>, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("a reply").unwrap();
    bytes
}

/// Every protocol, VLESS both ways.
fn cells() -> impl Iterator<Item = (Kind, bool)> {
    KINDS.into_iter().map(|kind| (kind, false)).chain([(Kind::Vless, true), (Kind::VlessWs, true)])
}

#[tokio::test]
async fn datagrams_come_back_with_their_source_and_are_counted_exactly() {
    let mut took = Vec::new();
    for (kind, is_xudp) in cells() {
        let world = World::new(kind).await;
        let mut client = Client::new(&world, 1, is_xudp).await;
        let mut sum = 0;
        for length in [1, 900, 1_400, 9_000] {
            let sent = random(length);
            client.send(world.udp_echo, &sent).await;
            let (from, answer) = client.receive().await;
            assert!(answer == sent, "{kind:?}");
            assert_eq!(from.unwrap_or(world.udp_echo), world.udp_echo);
            sum += length as u64;
        }
        wait_for(|| world.counted(1) == (sum, sum)).await;
        assert_eq!(world.counted(2), (0, 0));
        let user = world.user(1);
        user.cut(EndedWhy::Kicked);
        took.push(World::until_flowless(&user).await);
    }
    assert_prompt(took);
}

#[tokio::test]
async fn datagrams_to_denied_targets_are_lost_and_cost_nothing() {
    let forbidden = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // VLESS command 2 cannot name another target.
    for (kind, is_xudp) in cells().filter(|cell| !matches!(cell, (Kind::Vless | Kind::VlessWs, false))) {
        let world = World::new(kind).await;
        let mut client = Client::new(&world, 1, is_xudp).await;
        client.send(forbidden.local_addr().unwrap(), b"no").await;
        client.send(world.udp_echo, b"yes!").await;
        assert_eq!(client.receive().await.1, b"yes!", "{kind:?}");
        wait_for(|| world.counted(1) == (4, 4)).await;
        assert!(timeout(Duration::from_millis(20), forbidden.recv(&mut [0; 9])).await.is_err());
    }
}

#[tokio::test]
async fn an_idle_session_ends() {
    for (kind, is_xudp) in cells() {
        let brief = |settings: &mut gatehouse_domain::settings::ProxySettings| {
            settings.udp_idle = gatehouse_model::Span(Duration::from_millis(150));
        };
        let world = World::with(kind, brief, |_| {}).await;
        let mut client = Client::new(&world, 1, is_xudp).await;
        client.send(world.udp_echo, b"x").await;
        client.receive().await;
        let user = world.user(1);
        // A QUIC connection outlives its sessions.
        let left = u32::from(kind == Kind::Hysteria);
        wait_for(|| user.account.udp_sessions.load(Relaxed) == left && user.account.tcp_flows.load(Relaxed) == 0).await;
    }
}

/// A packet as a client would send it.
fn packet(config: &ServerConfig, target: SocketAddr, session: u64, number: u64, payload: &[u8]) -> bytes::BytesMut {
    let mut control = UdpSocketControlData::default();
    (control.client_session_id, control.packet_id) = (session, number);
    let mut packet = bytes::BytesMut::new();
    encrypt_client_payload(
        &SsContext::new(ServerType::Local),
        config.method(),
        config.key(),
        &Address::SocketAddress(target),
        &control,
        config.identity_keys(),
        payload,
        &mut packet,
    );
    packet
}

#[tokio::test]
async fn a_recorded_packet_is_served_once() {
    for kind in KINDS.into_iter().filter(|kind| matches!(kind, Kind::Ss(_))) {
        let world = World::new(kind).await;
        let config = world.ss_config(1);
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let thief = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let recorded = packet(&config, world.udp_echo, 5, 100, b"once");
        client.send_to(&recorded, world.server()).await.unwrap();
        client.recv(&mut [0; 2_000]).await.unwrap();
        for socket in [&client, &thief] {
            socket.send_to(&recorded, world.server()).await.unwrap();
        }
        // A fresh packet afterwards shows that the repeats were looked at, and where replies go.
        client.send_to(&packet(&config, world.udp_echo, 5, 99, b"late"), world.server()).await.unwrap();
        client.recv(&mut [0; 2_000]).await.unwrap();
        wait_for(|| world.counted(1) == (8, 8)).await;
        assert!(timeout(Duration::from_millis(50), thief.recv(&mut [0; 9])).await.is_err(), "{kind:?}");
        assert_eq!(world.counted(1), (8, 8), "{kind:?}");
    }
}

#[tokio::test]
async fn a_client_may_roam() {
    let world = World::new(Kind::Ss(SsCipher::Blake3Aes256Gcm)).await;
    let config = world.ss_config(1);
    for number in 0..3 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(&packet(&config, world.udp_echo, 5, number, b"here"), world.server()).await.unwrap();
        timeout(PATIENCE, socket.recv(&mut [0; 2_000])).await.expect("a reply").unwrap();
    }
    assert_eq!(World::flows(&world.user(1)), 1, "one session");
}

#[tokio::test]
async fn an_address_of_classic_shadowsocks_may_change_hands() {
    let world = World::new(Kind::Ss(SsCipher::Aes256Gcm)).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for id in [1, 2, 1] {
        socket.send_to(&packet(&world.ss_config(id), world.udp_echo, 0, 0, b"mine"), world.server()).await.unwrap();
        timeout(PATIENCE, socket.recv(&mut [0; 2_000])).await.expect("a reply").unwrap();
    }
    wait_for(|| world.counted(1) == (8, 8) && world.counted(2) == (4, 4)).await;
}

#[tokio::test]
async fn packets_with_a_wrong_clock_or_key_are_dropped() {
    for kind in [Kind::Ss(SsCipher::Blake3Aes256Gcm), Kind::Ss(SsCipher::Chacha20IetfPoly1305)] {
        let world = World::new(kind).await;
        let Kind::Ss(cipher) = kind else { panic!("not shadowsocks") };
        let stranger = world.ss_config(99);
        assert_eq!(stranger.method(), cipher_kind(cipher));
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for length in [0, 10, 31, 32, 48, 49, 60, 200] {
            socket.send_to(&random(length), world.server()).await.unwrap();
        }
        socket.send_to(&packet(&stranger, world.udp_echo, 0, 0, b"x"), world.server()).await.unwrap();
        socket.send_to(&packet(&world.ss_config(1), world.udp_echo, 0, 0, b"good"), world.server()).await.unwrap();
        let mut buffer = [0; 2_000];
        timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("the good one is answered").unwrap();
        assert!(timeout(Duration::from_millis(30), socket.recv(&mut buffer)).await.is_err());
        wait_for(|| world.counted(1) == (4, 4)).await;
    }
}

#[tokio::test]
async fn mux_sessions_other_than_udp_are_ended_with_an_error() {
    let world = World::new(Kind::Vless).await;
    let mut stream = world.carrier(world.dial([127, 0, 0, 1]).await).await;
    let mut bytes = world.request(1, 3, world.udp_echo);
    let mut meta = vec![0, 9, 1, 0, 1];
    write_vless(world.echo, &mut meta);
    bytes.extend_from_slice(&u16::try_from(meta.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&meta);
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(read(&mut stream, 8).await, [0, 0, 0, 4, 0, 9, 3, 2]);
}
