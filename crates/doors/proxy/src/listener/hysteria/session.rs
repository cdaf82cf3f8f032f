//! One authenticated connection: TCP streams, and UDP sessions in datagrams.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use quinn::{Connection, RecvStream, SendDatagramError, SendStream};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use tokio_util::task::TaskTracker;

use super::{
    padding,
    wire::{self, Datagram, Parts},
};
use crate::{
    addr::Address,
    door::{Door, NodeState},
    relay::{
        quic::Quic,
        tcp,
        udp::{self, Packet, Replies},
    },
    user::User,
    visit::{Network, admit},
};

/// Read at once while the request is not complete.
const READ: usize = 2 << 10;
/// A packet whose parts do not come within this time is given up.
const REASSEMBLY: Duration = Duration::from_secs(10);
/// Session ids one connection may have in memory, and bytes of incomplete packets over all of them.
const SESSIONS: usize = 512;
const PARTS: usize = 1 << 20;

pub(super) struct Session {
    pub(super) door: Arc<Door>,
    pub(super) node: Arc<NodeState>,
    pub(super) user: Arc<User>,
    /// The address the connection was authenticated from; it may wander, the device stays the same.
    pub(super) peer: IpAddr,
    pub(super) connection: Connection,
    /// The connection's streams and sessions.
    pub(super) tasks: TaskTracker,
}

impl Session {
    /// Serves until the connection is over, or nothing flows on it any more once the listener takes no new ones.
    pub(super) async fn run(self: Arc<Self>) {
        let mut datagrams = Datagrams { session: Arc::clone(&self), sessions: HashMap::new() };
        let mut drained = pin!(async {
            self.node.listening.cancelled().await;
            self.tasks.close();
            self.tasks.wait().await;
        });
        loop {
            tokio::select! {
                () = &mut drained => return,
                stream = self.connection.accept_bi() => match stream {
                    Ok((send, recv)) => self.spawn(Arc::clone(&self).stream(send, recv)),
                    Err(_) => return,
                },
                datagram = self.connection.read_datagram() => match datagram {
                    Ok(datagram) => datagrams.receive(&datagram),
                    Err(_) => return,
                },
            }
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.door.tasks.spawn(self.tasks.track_future(task));
    }

    /// One TCP connection of the client.
    async fn stream(self: Arc<Self>, mut send: SendStream, mut recv: RecvStream) {
        let request = timeout(self.door.handshake_timeout(), request(&mut recv)).await;
        let Ok(Some((target, rest))) = request else { return self.node.failed("stream") };
        let Ok(flow) = admit(&self.door, &self.node, &self.user, self.peer, Network::Tcp) else {
            return self.refuse(send).await;
        };
        let Ok(_socket) = Arc::clone(&self.door.sockets).try_acquire_owned() else {
            self.node.failed("files");
            return self.refuse(send).await;
        };
        let Some(target) = tcp::connect(&flow, &target).await else { return self.refuse(send).await };
        // The client may wait for it before it sends anything.
        if send.write_all(&wire::answer(true, &padding(&self.door))).await.is_err() {
            return;
        }
        let end = tcp::relay(&mut Quic::new(send, recv), target, &flow, &rest).await;
        tracing::debug!(node = %self.node.id, account = %self.user.account.id, ?end, "proxy.flow.ended");
    }

    async fn refuse(&self, mut send: SendStream) {
        // A client that is gone need not know.
        if send.write_all(&wire::answer(false, &padding(&self.door))).await.is_ok() {
            let _ = send.finish();
        }
    }
}

/// The target of a stream and what followed the request; `None`: it was none.
async fn request(recv: &mut RecvStream) -> Option<(Address, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some((target, length)) = wire::parse_request(&read).ok()? {
            return Some((target, read.split_off(length)));
        }
        let chunk = recv.read_chunk(READ, true).await.ok()??;
        read.extend_from_slice(&chunk.bytes);
    }
}

/// The UDP sessions of a connection.
struct Datagrams {
    session: Arc<Session>,
    sessions: HashMap<u32, Known>,
}

/// A session id.
#[derive(Default)]
struct Known {
    packets: Option<mpsc::Sender<Packet>>,
    parts: Option<(Parts, Instant)>,
}

impl Known {
    fn is_running(&self) -> bool {
        self.packets.as_ref().is_some_and(|packets| !packets.is_closed())
    }
}

impl Datagrams {
    /// Takes a datagram; one that makes no sense is lost.
    fn receive(&mut self, bytes: &Bytes) {
        let Some(datagram) = Datagram::parse(bytes) else { return };
        if !self.sessions.contains_key(&datagram.session) && self.sessions.len() >= SESSIONS {
            self.forget();
            if self.sessions.len() >= SESSIONS {
                return;
            }
        }
        let id = datagram.session;
        let target = datagram.target.clone();
        let Some(payload) = self.whole(datagram) else { return };
        if payload.len() <= udp::MAX_PAYLOAD {
            self.send(id, Packet { target, payload });
        }
    }

    /// The payload of a packet, once all of it is here.
    fn whole(&mut self, datagram: Datagram) -> Option<Vec<u8>> {
        if datagram.count == 1 {
            return Some(datagram.payload.into());
        }
        let held: usize = self.sessions.values().filter_map(|known| Some(known.parts.as_ref()?.0.bytes())).sum();
        if held > PARTS {
            self.sessions.values_mut().for_each(|known| known.parts = None);
        }
        let known = self.sessions.entry(datagram.session).or_default();
        let now = Instant::now();
        let is_fresh = |(parts, since): &(Parts, Instant)| parts.is_of(&datagram) && now < *since + REASSEMBLY;
        let mut kept = known.parts.take().filter(is_fresh).unwrap_or_else(|| (Parts::new(&datagram), now));
        match kept.0.take(datagram.fragment, datagram.payload) {
            Ok(None) => {
                known.parts = Some(kept);
                None
            }
            Ok(whole) => whole,
            Err(_) => None,
        }
    }

    /// Hands a packet to its session; starts one if none runs.
    fn send(&mut self, id: u32, packet: Packet) {
        let Session { door, node, user, peer, connection, .. } = &*self.session;
        let known = self.sessions.entry(id).or_default();
        if !known.is_running() {
            let Ok(flow) = admit(door, node, user, *peer, Network::Udp) else { return };
            let (packets, receiver) = udp::queue();
            let answers = Answers { connection: connection.clone(), session: id, packet: 0 };
            self.session.spawn(udp::run(flow, receiver, answers));
            known.packets = Some(packets);
        }
        if let Some(packets) = &known.packets {
            // A full queue loses the packet, as any network may.
            let _ = packets.try_send(packet);
        }
    }

    /// Forgets sessions that are over and packets that will not be whole.
    fn forget(&mut self) {
        let now = Instant::now();
        self.sessions.retain(|_, known| {
            known.parts.take_if(|(_, since)| now >= *since + REASSEMBLY);
            known.is_running() || known.parts.is_some()
        });
    }
}

/// The way back of one session.
struct Answers {
    connection: Connection,
    session: u32,
    packet: u16,
}

impl Replies for Answers {
    async fn reply(&mut self, from: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let most = self.connection.max_datagram_size().ok_or(io::ErrorKind::Unsupported)?;
        self.packet = self.packet.wrapping_add(1);
        for datagram in wire::datagrams(self.session, self.packet, &from.to_string(), payload, most) {
            match self.connection.send_datagram_wait(datagram).await {
                // The path became narrower meanwhile: lost, as in any network.
                Ok(()) | Err(SendDatagramError::TooLarge) => {}
                Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        Ok(())
    }
}
