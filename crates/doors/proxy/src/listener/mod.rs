//! One listener per embedded node: sockets, the accept loop, and what strangers get.

pub(crate) mod chunk;
pub(crate) mod classic;
pub(crate) mod classic_udp;
pub(crate) mod datagram;
pub(crate) mod hysteria;
pub(crate) mod replay;
pub(crate) mod ss2022;
pub(crate) mod ss2022_udp;
pub(crate) mod trojan;
pub(crate) mod tunnel;
pub(crate) mod upgrade;
pub(crate) mod vless;
pub(crate) mod xudp;

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use gatehouse_domain::proxy::node::{self, Node, Protocol, Transport};
use gatehouse_model::SsCipher;
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use self::{
    classic::Trials, classic_udp::ClassicSessions, replay::Replay, ss2022_udp::Sessions2022, tunnel::Inner,
    upgrade::Site,
};
use crate::{
    door::{Door, NodeState},
    limit::GatePass,
    relay::{buffer::Size, tcp::abort},
    tls::{Alpn, BadCertificate, Tls},
};

/// The most a classic node may serve, whatever is configured.
const MAX_CLASSIC_USERS: u32 = 5_000;

/// Sockets of a TCP flow: the client's and the target's.
const SOCKETS: u32 = 2;
/// Pause after an accept that failed, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Tries to find a port that is free for TCP and UDP.
const PORT_TRIES: usize = 16;
/// Receive and send buffer of a UDP listener, as far as the kernel allows.
const UDP_BUFFER: usize = 4 << 20;
/// The same where all traffic of a node is UDP.
const QUIC_BUFFER: usize = 16 << 20;

/// The bound sockets of a node.
pub(crate) struct Sockets {
    pub(crate) tcp: TcpListener,
    pub(crate) udp: Option<UdpSocket>,
    pub(crate) port: u16,
}

/// Binds what a node listens on; `server_port` 0 takes a free port.
pub(crate) async fn bind(door: &Door, node: &Node) -> io::Result<Sockets> {
    let ip = node.listen_ip.unwrap_or(door.settings.listen);
    let wants_udp = matches!(node.protocol, Protocol::Shadowsocks { .. });
    let mut tries = if node.server_port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let tcp = TcpListener::bind((ip, node.server_port)).await?;
        let port = tcp.local_addr()?.port();
        if !wants_udp {
            return Ok(Sockets { tcp, udp: None, port });
        }
        match bind_udp(ip, port) {
            Ok(udp) => return Ok(Sockets { tcp, udp: Some(udp), port }),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}

fn bind_udp(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    UdpSocket::from_std(udp_socket(ip, port, UDP_BUFFER)?)
}

fn udp_socket(ip: IpAddr, port: u16, buffer: usize) -> io::Result<std::net::UdpSocket> {
    let address = SocketAddr::new(ip, port);
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    // The kernel caps the sizes; a smaller buffer only loses packets earlier.
    let _ = socket.set_recv_buffer_size(buffer);
    let _ = socket.set_send_buffer_size(buffer);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A TCP connection whose sender has proved nothing yet.
pub(crate) struct Stranger {
    pub(crate) tcp: TcpStream,
    pub(crate) peer: SocketAddr,
    /// Until when the request must be complete.
    pub(crate) deadline: Instant,
    /// Its place among the strangers.
    pub(crate) pass: GatePass,
}

/// Accepts until the node ends; each connection is a task.
pub(crate) async fn accept<F, T>(door: Arc<Door>, node: Arc<NodeState>, listener: TcpListener, serve: F)
where
    F: Fn(Stranger) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            () = node.listening.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(node = %node.id, %error, "proxy.accept.failed");
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let Ok(sockets) = Arc::clone(&door.sockets).try_acquire_many_owned(SOCKETS) else {
            node.failed("files");
            continue;
        };
        let Some(pass) = node.gate.enter(peer.ip()) else {
            node.failed("crowd");
            continue;
        };
        // A socket that refuses the option works without it.
        let _ = tcp.set_nodelay(true);
        let deadline = Instant::now() + door.handshake_timeout();
        let served = serve(Stranger { tcp, peer, deadline, pass });
        door.tasks.spawn(async move {
            served.await;
            drop(sockets);
        });
    }
}

/// Swallows whatever a stranger sends until the deadline and resets the connection then: what failed, and how many
/// bytes it took to see it, does not show.
pub(crate) async fn swallow(door: &Door, tcp: &TcpStream, deadline: Instant) {
    let discard = async {
        loop {
            if tcp.readable().await.is_err() {
                return;
            }
            let mut buffer = door.buffers.take(Size::Small);
            let result = tcp.try_read(&mut buffer);
            door.buffers.put(buffer);
            match result {
                // The end of input alone is no reason to answer.
                Ok(0) => sleep_until(deadline).await,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    // The time-out is the expected end.
    let _ = timeout_at(deadline, discard).await;
    abort(tcp);
}

/// Reads what is there into `buffer`, waiting for the first byte. 0: the client ended.
pub(crate) async fn read_some(tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        tcp.readable().await?;
        match tcp.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

/// Why a listener does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{0}")]
    Bind(#[from] io::Error),
    #[error("{0}")]
    Certificate(#[from] BadCertificate),
    #[error("the server key does not fit the cipher")]
    ServerKey,
    #[error("classic Shadowsocks has no replay protection of its own; set allow_classic to accept that")]
    Classic,
    #[error("embedded nodes do not speak this type")]
    Type,
}

/// A listener that runs.
pub(crate) struct Running {
    pub(crate) port: u16,
    /// The certificate of a TLS listener.
    pub(crate) tls: Option<Tls>,
    /// The trials of a classic listener.
    pub(crate) trials: Option<Arc<Trials>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Waits until the listening sockets are closed; its state has ended.
    pub(crate) async fn ended(self) {
        for task in self.tasks {
            // A task that panicked has closed its socket as well.
            let _ = task.await;
        }
    }
}

/// Binds and serves a node until its state ends.
pub(crate) async fn start(
    door: &Arc<Door>,
    state: &Arc<NodeState>,
    node: &Node,
    memory: impl FnOnce(SsCipher, u16) -> Memory,
) -> Result<Running, StartError> {
    match &node.protocol {
        Protocol::Shadowsocks { cipher, server_key, .. } if cipher.is_2022() => {
            if server_key.len() != cipher.key_len() {
                return Err(StartError::ServerKey);
            }
            let Sockets { tcp, udp, port } = bind(door, node).await?;
            let server = Arc::new(ss2022::Server {
                door: Arc::clone(door),
                node: Arc::clone(state),
                cipher: *cipher,
                key: server_key.clone(),
                replay: memory(*cipher, port),
            });
            let mut tasks = vec![spawn_accept(door, state, tcp, move |stranger| Arc::clone(&server).serve(stranger))];
            if let Some(udp) = udp.map(Arc::new) {
                let (door, state) = (Arc::clone(door), Arc::clone(state));
                let sessions =
                    Sessions2022::new(Arc::clone(&door), Arc::clone(&state), *cipher, server_key, Arc::clone(&udp));
                let sessions = sessions.ok_or(StartError::ServerKey)?;
                tasks.push(door.tasks.spawn(datagram::receive(Arc::clone(&door), state, udp, sessions)));
            }
            Ok(Running { port, tls: None, trials: None, tasks })
        }
        Protocol::Shadowsocks { cipher, allow_classic, classic_user_cap, .. } => {
            if !allow_classic {
                return Err(StartError::Classic);
            }
            let cap = classic_user_cap.unwrap_or(door.settings.classic_user_cap).min(MAX_CLASSIC_USERS) as usize;
            let Sockets { tcp, udp, port } = bind(door, node).await?;
            let trials = Arc::new(Trials::new(Arc::clone(door), Arc::clone(state), *cipher, cap));
            let replay = memory(*cipher, port);
            let server = Arc::new(classic::Server { trials: Arc::clone(&trials), replay: Arc::clone(&replay) });
            let mut tasks = vec![spawn_accept(door, state, tcp, move |stranger| Arc::clone(&server).serve(stranger))];
            if let Some(socket) = udp.map(Arc::new) {
                let sessions = ClassicSessions::new(Arc::clone(&trials), replay, Arc::clone(&socket));
                tasks.push(door.tasks.spawn(datagram::receive(Arc::clone(door), Arc::clone(state), socket, sessions)));
            }
            Ok(Running { port, tls: None, trials: Some(trials), tasks })
        }
        Protocol::Trojan(tls, transport) => start_tls(door, state, node, tls, transport, Inner::Trojan).await,
        Protocol::Vless(tls, transport) => start_tls(door, state, node, tls, transport, Inner::Vless).await,
        Protocol::Hysteria(settings) => start_hysteria(door, state, node, settings),
        Protocol::Remote(_) => Err(StartError::Type),
    }
}

fn start_hysteria(
    door: &Arc<Door>,
    state: &Arc<NodeState>,
    node: &Node,
    settings: &node::Hysteria,
) -> Result<Running, StartError> {
    let tls = Tls::load(&settings.tls.certificate, Alpn::Http3)?;
    let socket = udp_socket(node.listen_ip.unwrap_or(door.settings.listen), node.server_port, QUIC_BUFFER)?;
    let port = socket.local_addr()?.port();
    let endpoint = hysteria::endpoint(socket, &tls)?;
    let server = Arc::new(hysteria::Server::new(Arc::clone(door), Arc::clone(state), settings));
    let tasks = vec![door.tasks.spawn(server.run(endpoint))];
    Ok(Running { port, tls: Some(tls), trials: None, tasks })
}

async fn start_tls(
    door: &Arc<Door>,
    state: &Arc<NodeState>,
    node: &Node,
    settings: &node::Tls,
    transport: &Transport,
    inner: Inner,
) -> Result<Running, StartError> {
    let tls = Tls::load(&settings.certificate, Alpn::Http1)?;
    let Sockets { tcp, port, .. } = bind(door, node).await?;
    let server = Arc::new(tunnel::Server {
        door: Arc::clone(door),
        node: Arc::clone(state),
        inner,
        acceptor: tls.acceptor(),
        fallback: settings.fallback.clone(),
        site: match transport {
            Transport::Tcp => None,
            Transport::WebSocket { path, host } => Some(Site { path: path.clone(), host: host.clone() }),
        },
    });
    let tasks = vec![spawn_accept(door, state, tcp, move |stranger| Arc::clone(&server).serve(stranger))];
    Ok(Running { port, tls: Some(tls), trials: None, tasks })
}

fn spawn_accept<F, T>(door: &Arc<Door>, state: &Arc<NodeState>, listener: TcpListener, serve: F) -> JoinHandle<()>
where
    F: Fn(Stranger) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    door.tasks.spawn(accept(Arc::clone(door), Arc::clone(state), listener, serve))
}

/// What a running listener keeps from its predecessor on the same port.
pub(crate) type Memory = Arc<Replay>;
