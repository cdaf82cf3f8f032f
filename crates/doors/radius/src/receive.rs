//! The receive loops. Nothing here waits but for the next packet: what does not need the database is answered at once, the rest
//! is given to a task, and what does not fit is dropped and counted.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use gatehouse_domain::{Random, radius::nas::Requirement};
use gatehouse_radius_wire::{Builder, Code, DropReason, MAX_PACKET, Packet, Signature, attribute as number};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::task::TaskTracker;

use crate::{
    access::{self, Answer},
    accounting,
    authority::Authority,
    duplicate::{Duplicates, InWork, Key, Seen},
    meter,
    peer::{Peer, Peers},
};

/// Requests that are in work at the same time, a few KiB each; what comes on top is dropped, and asked again.
const IN_WORK: usize = 8_192;
/// Those of one NAS, so that none starves the others.
const IN_WORK_PER_NAS: usize = 1_024;
/// Rejects that are held back at the same time.
const REJECTS: usize = 16_384;
/// After a receive that failed: such an error is no packet's, and comes back at once.
const AFTER_ERROR: Duration = Duration::from_millis(10);

/// What a port serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Access-Request.
    Auth,
    /// Accounting-Request.
    Acct,
}

/// A socket of one address. Replies leave through the one that received the request.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) udp: UdpSocket,
    pub(crate) port: Port,
}

/// A reject, and when it may leave.
struct Held {
    due: Instant,
    socket: Arc<Socket>,
    work: InWork,
    reply: Vec<u8>,
}

/// What receive loops and tasks share.
pub(crate) struct Desk<A> {
    pub(crate) authority: A,
    pub(crate) random: Random,
    pub(crate) tasks: TaskTracker,
    peers: Peers,
    duplicates: Duplicates,
    reject_delay: Duration,
    rejects: mpsc::Sender<Held>,
}

impl<A: Authority> Desk<A> {
    /// A desk, and the task that lets rejects go; the task ends with the desk.
    pub(crate) fn new(
        authority: A,
        random: Random,
        reject_delay: Duration,
        duplicates: Duplicates,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send) {
        let (rejects, held) = mpsc::channel(REJECTS);
        let desk = Self {
            authority,
            random,
            tasks: TaskTracker::new(),
            peers: Peers::default(),
            duplicates,
            reject_delay,
            rejects,
        };
        (Arc::new(desk), release(held))
    }

    /// Receives until the caller drops this.
    pub(crate) async fn receive(self: Arc<Self>, socket: Arc<Socket>) {
        // One byte more than a packet shows that a datagram was too long.
        let mut buffer = vec![0; MAX_PACKET + 1];
        loop {
            match socket.udp.recv_from(&mut buffer).await {
                Ok((length, from)) => self.take(&socket, from, buffer.get(..length).unwrap_or_default()),
                Err(error) => {
                    tracing::warn!(%error, "the radius door cannot receive");
                    sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    /// Takes a datagram.
    pub(crate) fn take(self: &Arc<Self>, socket: &Arc<Socket>, from: SocketAddr, datagram: &[u8]) {
        let Some(peer) = self.peers.find(&self.authority.nas(), from.ip()) else {
            meter::dropped("", "unknown_nas");
            return;
        };
        peer.meter.requests.increment(1);
        if let Err(reason) = self.dispatch(socket, &peer, from, datagram) {
            peer.meter.dropped(reason);
        }
    }

    /// Checks a packet and starts its work; or says why it is dropped.
    fn dispatch(
        self: &Arc<Self>,
        socket: &Arc<Socket>,
        peer: &Arc<Peer>,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), &'static str> {
        let packet = Self::check(socket.port, peer, datagram).map_err(DropReason::label)?;
        if packet.code() == Code::StatusServer {
            return self.tell_status(socket, peer, from, packet);
        }
        let key = Key { source: from, id: packet.id(), authenticator: *packet.authenticator() };
        let work = match self.duplicates.begin(key) {
            Seen::First(work) => work,
            Seen::InWork => {
                peer.meter.duplicates.increment(1);
                return Ok(());
            }
            Seen::Answered(reply) => {
                peer.meter.duplicates.increment(1);
                return send_now(socket, from, &reply);
            }
            Seen::Full => return Err("busy"),
        };
        if self.tasks.len() >= IN_WORK {
            return Err("busy");
        }
        let place = peer.enter(IN_WORK_PER_NAS).ok_or("busy")?;
        let (desk, peer, socket) = (Arc::clone(self), Arc::clone(peer), Arc::clone(socket));
        let bytes = packet.bytes().to_vec();
        let mut working = Box::pin(async move {
            desk.work(&socket, &peer, work, &bytes).await;
            drop(place);
        });
        // What is decided from memory is over at once, without the cost of a task and of waking another thread for it.
        let first = AssertUnwindSafe(|| working.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        match catch_unwind(first) {
            Ok(Poll::Ready(())) => {}
            Ok(Poll::Pending) => drop(self.tasks.spawn(working)),
            // The panic has said where; it is one request's end and not the loop's.
            Err(_) => return Err("panicked"),
        }
        Ok(())
    }

    /// Well-formed, expected on this port, and from somebody who knows the secret, as far as the packet can show it.
    fn check<'a>(port: Port, peer: &Peer, datagram: &'a [u8]) -> Result<Packet<'a>, DropReason> {
        let packet = Packet::parse(datagram)?;
        match (port, packet.code()) {
            (_, Code::StatusServer) | (Port::Auth, Code::AccessRequest) | (Port::Acct, Code::AccountingRequest) => {}
            _ => return Err(DropReason::UnexpectedCode),
        }
        let signature = packet.verify_request(peer.secret()).inspect_err(|reason| {
            if matches!(reason, DropReason::BadMessageAuthenticator | DropReason::BadAuthenticator) {
                peer.note("a packet is dropped: its secret is another one than that of the entry");
            }
        })?;
        if packet.code() == Code::AccessRequest && signature == Signature::Absent {
            let is_forwarded = packet.find(number::PROXY_STATE).is_some();
            match peer.nas.settings.require_message_authenticator {
                Requirement::Yes => return Err(DropReason::MissingMessageAuthenticator),
                Requirement::Auto if is_forwarded => return Err(DropReason::MissingMessageAuthenticator),
                Requirement::Auto => peer.note(
                    "requests come without Message-Authenticator: switch it on at the NAS, then set \
                     require_message_authenticator = \"yes\" (CVE-2024-3596)",
                ),
                Requirement::No => {}
            }
        }
        Ok(packet)
    }

    /// Answers Status-Server, as long as requests could be served (RFC 5997).
    fn tell_status(
        &self,
        socket: &Socket,
        peer: &Peer,
        from: SocketAddr,
        packet: Packet<'_>,
    ) -> Result<(), &'static str> {
        if !self.authority.is_reachable() {
            return Err("unavailable");
        }
        let code = match socket.port {
            Port::Auth => Code::AccessAccept,
            Port::Acct => Code::AccountingResponse,
        };
        let reply = Builder::reply(code, packet).finish(peer.secret()).map_err(|_| "reply_too_long")?;
        send_now(socket, from, &reply)
    }

    /// The task of one request.
    async fn work(&self, socket: &Arc<Socket>, peer: &Arc<Peer>, work: InWork, bytes: &[u8]) {
        let started = Instant::now();
        let source = work.source();
        // It was parsed before; a borrow cannot come along.
        let Ok(packet) = Packet::parse(bytes) else { return };
        let reply = match socket.port {
            Port::Acct => {
                let answer = accounting::answer(&self.authority, peer, source.ip(), packet).await;
                peer.meter.accounting_took(started.elapsed());
                answer
            }
            Port::Auth => {
                let answer = access::answer(&self.authority, &self.random, peer, source.ip(), packet).await;
                peer.meter.access_took(started.elapsed());
                match answer {
                    Answer::Accept(reply) => Ok(reply),
                    Answer::Silence(reason) => Err(reason),
                    Answer::Reject(reply) if self.reject_delay.is_zero() => Ok(reply),
                    Answer::Reject(reply) => {
                        let held = Held { due: started + self.reject_delay, socket: Arc::clone(socket), work, reply };
                        if self.rejects.try_send(held).is_err() {
                            peer.meter.dropped("too_many_rejects");
                        }
                        return;
                    }
                }
            }
        };
        match reply {
            Ok(reply) => finish(socket, work, reply).await,
            Err(reason) => peer.meter.dropped(reason),
        }
    }
}

/// Sends a reply and keeps it for repeats.
async fn finish(socket: &Socket, work: InWork, reply: Vec<u8>) {
    let to = work.source();
    // A reply that cannot leave is asked for again.
    let _ = socket.udp.send_to(&reply, to).await;
    work.answered(reply.into());
}

/// Sends from the receive loop, which never waits: with a full send buffer the reply is lost, as on any network.
fn send_now(socket: &Socket, to: SocketAddr, reply: &[u8]) -> Result<(), &'static str> {
    socket.udp.try_send_to(reply, to).map(|_| ()).map_err(|_| "send_failed")
}

/// Lets rejects go when they are due. All wait equally long, so they come in about the order in which they are due; one that was long
/// in work may wait the delay again.
async fn release(mut held: mpsc::Receiver<Held>) {
    while let Some(Held { due, socket, work, reply }) = held.recv().await {
        sleep_until(due).await;
        finish(&socket, work, reply).await;
    }
}
