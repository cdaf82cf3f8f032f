//! One UDP session: one outbound socket, any remote may answer.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use gatehouse_domain::settings::Ipv6Policy;
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::buffer::Size;
use crate::{
    addr::{Address, Host},
    egress::NAME_TTL,
    user::Direction,
    visit::{Flow, Network},
};

/// Largest payload of a datagram.
pub(crate) const MAX_PAYLOAD: usize = 65_507;
/// Packets waiting for a session; more are dropped, as a network would.
const QUEUE: usize = 64;
/// A session that only asked name servers.
const DNS_IDLE: Duration = Duration::from_secs(20);
/// Names one session remembers.
const NAMES: usize = 256;
/// Errors of the socket in a row after which the session ends.
const ERRORS: u32 = 16;

/// A datagram from the client.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) target: Address,
    pub(crate) payload: Vec<u8>,
}

/// The way back to the client.
pub(crate) trait Replies: Send {
    /// Hands over a datagram that came from a remote.
    fn reply(&mut self, from: SocketAddr, payload: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// The queue of a new session.
pub(crate) fn queue() -> (mpsc::Sender<Packet>, mpsc::Receiver<Packet>) {
    mpsc::channel(QUEUE)
}

/// Relays until the queue is dropped, nothing moves any more, or the flow is cut.
pub(crate) async fn run(flow: Flow, packets: mpsc::Receiver<Packet>, replies: impl Replies) {
    let token = flow.token().clone();
    let policy = flow.door().settings.ipv6;
    let Ok(_socket) = std::sync::Arc::clone(&flow.door().sockets).try_acquire_owned() else { return };
    let (socket, is_dual) = match open(policy) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "proxy.udp.socket_failed");
            return;
        }
    };
    let session = Session { flow, socket, is_dual, names: HashMap::new(), only_dns: true, errors: 0 };
    // A cut session needs no farewell.
    let _ = token.run_until_cancelled(session.run(packets, replies)).await;
}

/// A socket for both families where the kernel has both; whether it is.
fn open(policy: Ipv6Policy) -> io::Result<(UdpSocket, bool)> {
    let dual = (policy != Ipv6Policy::Off).then(open_dual).and_then(Result::ok);
    let is_dual = dual.is_some();
    let socket = match dual {
        Some(socket) => socket,
        None => bind(
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?,
            Ipv4Addr::UNSPECIFIED.into(),
        )?,
    };
    Ok((UdpSocket::from_std(socket.into())?, is_dual))
}

fn open_dual() -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None)?;
    socket.set_only_v6(false)?;
    bind(socket, Ipv6Addr::UNSPECIFIED.into())
}

fn bind(socket: socket2::Socket, ip: IpAddr) -> io::Result<socket2::Socket> {
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(ip, 0).into())?;
    Ok(socket)
}

struct Session {
    flow: Flow,
    socket: UdpSocket,
    is_dual: bool,
    names: HashMap<Box<str>, (SocketAddr, Instant)>,
    only_dns: bool,
    errors: u32,
}

impl Session {
    async fn run(mut self, mut packets: mpsc::Receiver<Packet>, mut replies: impl Replies) {
        let mut last = Instant::now();
        loop {
            let idle = self.flow.door().settings.udp_idle.0;
            let patience = if self.only_dns { idle.min(DNS_IDLE) } else { idle };
            tokio::select! {
                packet = packets.recv() => match packet {
                    Some(packet) => self.send(packet).await,
                    None => return,
                },
                ready = self.socket.readable() => {
                    if ready.is_err() || !self.receive(&mut replies).await {
                        return;
                    }
                }
                () = sleep_until(last + patience) => return,
            }
            last = Instant::now();
        }
    }

    async fn send(&mut self, packet: Packet) {
        let length = packet.payload.len();
        self.only_dns &= packet.target.port == 53;
        let Some(target) = self.resolve(&packet.target).await else { return };
        let Ok(pause) = self.flow.datagram(Direction::Up, length) else { return };
        if let Some(at) = pause {
            sleep_until(at).await;
        }
        // A datagram that cannot be sent is lost, as in any network.
        if self.socket.send_to(&packet.payload, self.outward(target)).await.is_ok() {
            self.flow.count(Direction::Up, length);
        }
    }

    async fn resolve(&mut self, target: &Address) -> Option<SocketAddr> {
        let now = Instant::now();
        if let Host::Name(name) = &target.host
            && let Some((known, until)) = self.names.get(name)
            && *until > now
        {
            let known = SocketAddr::new(known.ip(), target.port);
            let checked = self.flow.door().egress.check(target, known.ip(), Network::Udp, &self.flow.routes());
            return checked.inspect_err(|error| self.flow.unreachable(error)).ok().map(|()| known);
        }
        let found = self.flow.door().egress.resolve(target, Network::Udp, &self.flow.routes()).await;
        let usable = |address: &&SocketAddr| self.is_dual || address.is_ipv4();
        let best = match &found {
            Ok(addresses) => addresses.iter().find(usable).copied()?,
            Err(error) => {
                self.flow.unreachable(error);
                return None;
            }
        };
        if let Host::Name(name) = &target.host {
            if self.names.len() >= NAMES {
                self.names.clear();
            }
            self.names.insert(name.clone(), (best, now + NAME_TTL));
        }
        Some(best)
    }

    /// The form of an address that the socket takes.
    fn outward(&self, target: SocketAddr) -> SocketAddr {
        match target.ip() {
            IpAddr::V4(ip) if self.is_dual => SocketAddr::new(ip.to_ipv6_mapped().into(), target.port()),
            _ => target,
        }
    }

    /// Passes on what has arrived; the buffer is held only meanwhile. `false`: the session is over.
    async fn receive(&mut self, replies: &mut impl Replies) -> bool {
        let mut buffer = self.flow.door().buffers.take(Size::Large);
        let mut is_open = true;
        loop {
            match self.socket.try_recv_from(&mut buffer) {
                Ok((length, from)) => {
                    self.errors = 0;
                    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                    let payload = buffer.get(..length).unwrap_or_default();
                    let Ok(pause) = self.flow.datagram(Direction::Down, length) else { continue };
                    if let Some(at) = pause {
                        sleep_until(at).await;
                    }
                    if replies.reply(from, payload).await.is_err() {
                        is_open = false;
                        break;
                    }
                    self.flow.count(Direction::Down, length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.errors += 1;
                    is_open = self.errors < ERRORS;
                    break;
                }
            }
        }
        self.flow.door().buffers.put(buffer);
        is_open
    }
}
