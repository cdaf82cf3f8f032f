//! Real traffic over loopback: the crate's own clients for Shadowsocks, small ones for everything else.

mod app;
mod clients;
mod hysteria;
mod limits;
mod strangers;
mod tcp;
mod udp;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use gatehouse_domain::{
    Clock, Random,
    proxy::{
        egress::EgressRule,
        node::{Certificate, Hysteria, Node, Protocol, Tls, Transport},
        user::ProxyUser,
    },
    settings::ProxySettings,
};
use gatehouse_model::{AccountId, Millis, NodeGroupId, NodeId, Span, SsCipher};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    door::{Door, NodeState},
    listener::{self, Running, replay::Replay},
    table::Used,
    testing,
    user::User,
};

/// Every kind of listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ss(SsCipher),
    Trojan,
    Vless,
    TrojanWs,
    VlessWs,
    Hysteria,
}

const KINDS: [Kind; 10] = [
    Kind::Ss(SsCipher::Blake3Aes256Gcm),
    Kind::Ss(SsCipher::Blake3Aes128Gcm),
    Kind::Ss(SsCipher::Aes256Gcm),
    Kind::Ss(SsCipher::Aes128Gcm),
    Kind::Ss(SsCipher::Chacha20IetfPoly1305),
    Kind::Trojan,
    Kind::Vless,
    Kind::TrojanWs,
    Kind::VlessWs,
    Kind::Hysteria,
];

/// A door with one node, two users, and origins that echo.
struct World {
    door: Arc<Door>,
    state: Arc<NodeState>,
    node: Node,
    running: Running,
    /// Echoes TCP streams, half-close included.
    echo: SocketAddr,
    /// Echoes datagrams.
    udp_echo: SocketAddr,
    kind: Kind,
}

/// How long strangers are waited for in these tests.
const HANDSHAKE: Duration = Duration::from_millis(700);

impl World {
    async fn new(kind: Kind) -> Self {
        Self::with(kind, |_| {}, |_| {}).await
    }

    async fn with(kind: Kind, settings: impl FnOnce(&mut ProxySettings), node: impl FnOnce(&mut Node)) -> Self {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let udp_echo = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (echo_at, udp_at) = (echo.local_addr().unwrap(), udp_echo.local_addr().unwrap());
        let mut proxy = ProxySettings {
            egress_allow: [echo_at, udp_at].map(EgressRule::listener).to_vec(),
            handshake_timeout: Span(HANDSHAKE),
            ..ProxySettings::default()
        };
        settings(&mut proxy);
        let door = Door::new(proxy, Clock::default(), Random::default());
        door.table.apply(&[row(1), row(2)], &[], Used::Settled, Millis(0));
        door.tasks.spawn(echo_streams(echo));
        door.tasks.spawn(echo_datagrams(udp_echo));
        let mut row = testing_node(kind);
        node(&mut row);
        let state = NodeState::new(&row, &CancellationToken::new());
        let memory = |cipher, _| Arc::new(Replay::new(cipher));
        let running = listener::start(&door, &state, &row, memory).await.unwrap();
        Self { door, state, node: row, running, echo: echo_at, udp_echo: udp_at, kind }
    }

    /// Another node on the same door, with the same origins.
    async fn beside(world: &Self, kind: Kind, id: i64) -> Self {
        let node = Node { id: NodeId(id), ..testing_node(kind) };
        let state = NodeState::new(&node, &CancellationToken::new());
        let memory = |cipher, _| Arc::new(Replay::new(cipher));
        let running = listener::start(&world.door, &state, &node, memory).await.unwrap();
        let (echo, udp_echo) = (world.echo, world.udp_echo);
        Self { door: Arc::clone(&world.door), state, node, running, echo, udp_echo, kind }
    }

    fn server(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.running.port))
    }

    fn user(&self, id: i64) -> Arc<User> {
        self.door.table.by_uuid(testing::uuid(id).as_bytes()).unwrap()
    }

    /// Bytes up and down of a user, over all open visits.
    fn counted(&self, id: i64) -> (u64, u64) {
        let user = self.user(id);
        let visits = user.account.visits();
        visits.iter().fold((0, 0), |(up, down), visit| (up + visit.up.load(Relaxed), down + visit.down.load(Relaxed)))
    }

    fn flows(user: &User) -> u32 {
        user.account.tcp_flows.load(Relaxed) + user.account.udp_sessions.load(Relaxed)
    }

    /// Waits until the user has no flow; says how long it took.
    async fn until_flowless(user: &User) -> Duration {
        let start = Instant::now();
        wait_for(|| Self::flows(user) == 0).await;
        start.elapsed()
    }
}

/// Kicks take less than 100 ms. One of them may meet a busy machine; most must not.
fn assert_prompt(mut took: Vec<Duration>) {
    took.sort_unstable();
    assert!(took[took.len() / 2] < Duration::from_millis(100), "{took:?}");
}

/// Polls a condition for at most ten seconds.
async fn wait_for(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "the condition was never met");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn row(id: i64) -> ProxyUser {
    testing::row(id, testing::uuid(id))
}

fn websocket() -> Transport {
    Transport::WebSocket { path: "/chat".to_owned(), host: Some("node.example.net".to_owned()) }
}

fn testing_node(kind: Kind) -> Node {
    let (cert_pem, key_pem) = testing::certificate("node.example.net");
    let tls = Tls {
        server_name: "node.example.net".to_owned(),
        fallback: None,
        certificate: Certificate::Content { cert_pem, key_pem, is_self_signed: true },
    };
    let protocol = match kind {
        Kind::Ss(cipher) => Protocol::Shadowsocks {
            cipher,
            allow_classic: true,
            classic_user_cap: None,
            server_key: if cipher.is_2022() { vec![9; cipher.key_len()] } else { Vec::new() },
        },
        Kind::Trojan => Protocol::Trojan(tls, Transport::Tcp),
        Kind::Vless => Protocol::Vless(tls, Transport::Tcp),
        Kind::TrojanWs => Protocol::Trojan(tls, websocket()),
        Kind::VlessWs => Protocol::Vless(tls, websocket()),
        Kind::Hysteria => {
            Protocol::Hysteria(Hysteria { tls, up_mbps: 0, down_mbps: 0, ignore_client_bandwidth: false })
        }
    };
    Node {
        id: NodeId(1),
        code: None,
        name: "node".to_owned(),
        remark: None,
        host: "127.0.0.1".to_owned(),
        port: 0,
        server_port: 0,
        listen_ip: None,
        rate: 100,
        is_embedded: true,
        is_enabled: true,
        is_shown: true,
        sort: None,
        group_ids: [NodeGroupId(1)].into(),
        transfer_cap: None,
        is_capped: false,
        protocol,
        bound_port: None,
        sheet: Arc::default(),
        routes: Arc::default(),
    }
}

async fn echo_streams(listener: TcpListener) {
    let tasks = tokio_util::task::TaskTracker::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        tasks.spawn(async move {
            let mut buffer = vec![0; 40_000];
            loop {
                match stream.read(&mut buffer).await {
                    Ok(0) => return stream.shutdown().await,
                    Ok(read) => stream.write_all(&buffer[..read]).await?,
                    Err(error) => return Err(error),
                }
            }
        });
    }
}

async fn echo_datagrams(socket: UdpSocket) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let _ = socket.send_to(&buffer[..length], from).await;
    }
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Random::default().fill(&mut bytes);
    bytes
}

const FIRST: AccountId = AccountId(1);
