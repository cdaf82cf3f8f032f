//! The receive loop. Nothing here waits but for packets: what does not need the database is answered at once, the rest is given to a
//! task, and what does not fit is dropped and counted.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    os::unix::net::UnixStream,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use gatehouse_domain::{Random, radius::nas::Requirement};
use gatehouse_radius_wire::{Builder, Code, DropReason, MAX_PACKET, Packet, Signature, attribute as number};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::{self, Answer, Asked},
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
/// Packets that are taken in one go.
const BATCH: usize = 64;
/// Pause of a busy loop: a login more is answered that much later, and many cost one wake-up.
const REST: Duration = Duration::from_micros(100);
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

/// A socket of one address, which never blocks. Replies leave through the one that received the request.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) udp: UdpSocket,
    pub(crate) port: Port,
}

impl Socket {
    /// Sends a reply. With a full send buffer it is lost, as on any network: it is kept for the repeat.
    fn send(&self, reply: &[u8], to: SocketAddr) {
        if let Err(error) = self.udp.send_to(reply, to) {
            tracing::debug!(%error, %to, "a reply cannot leave");
        }
    }
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
    /// Where the tasks run.
    runtime: Handle,
    peers: Peers,
    duplicates: Duplicates,
    reject_delay: Duration,
    rejects: mpsc::Sender<Held>,
}

impl<A: Authority> Desk<A> {
    /// A desk whose tasks run on the present runtime, and the task that lets rejects go, which ends with the desk.
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
            runtime: Handle::current(),
            peers: Peers::default(),
            duplicates,
            reject_delay,
            rejects,
        };
        (Arc::new(desk), release(held))
    }

    /// Serves sockets until it shall stop, and `hangup` hangs up. Blocks: it has a thread of its own.
    ///
    /// What is there is taken as a batch, and its replies leave together: to be woken, and to wake who asked, costs more than a
    /// login from memory. A busy loop rests between batches, so that they do not end up as single packets.
    pub(crate) fn receive(self: &Arc<Self>, sockets: &[Arc<Socket>], stop: &CancellationToken, hangup: &UnixStream) {
        // One byte more than a packet shows that a datagram was too long.
        let mut buffer = vec![0; MAX_PACKET + 1];
        let mut replies = Vec::with_capacity(BATCH);
        while !stop.is_cancelled() {
            let mut most = 0;
            for socket in sockets {
                most = most.max(self.take_batch(socket, &mut buffer, &mut replies));
            }
            match most {
                BATCH.. => {}
                2.. => thread::sleep(REST),
                _ => wait(sockets, hangup),
            }
        }
    }

    /// Takes what has arrived at a socket, up to a batch, and sends what can be answered at once; gives how many packets it was.
    fn take_batch(
        self: &Arc<Self>,
        socket: &Arc<Socket>,
        buffer: &mut [u8],
        replies: &mut Vec<(SocketAddr, Arc<[u8]>)>,
    ) -> usize {
        let mut taken = 0;
        while taken < BATCH {
            match socket.udp.recv_from(buffer) {
                Ok((length, from)) => {
                    taken += 1;
                    let reply = self.take(socket, from, buffer.get(..length).unwrap_or_default());
                    replies.extend(reply.map(|reply| (from, reply)));
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
                Err(error) => {
                    tracing::warn!(%error, "the radius door cannot receive");
                    thread::sleep(AFTER_ERROR);
                    break;
                }
            }
        }
        for (to, reply) in replies.drain(..) {
            socket.send(&reply, to);
        }
        taken
    }

    /// Takes a datagram; gives the reply, if there is one at once.
    pub(crate) fn take(self: &Arc<Self>, socket: &Arc<Socket>, from: SocketAddr, datagram: &[u8]) -> Option<Arc<[u8]>> {
        let Some(peer) = self.peers.find(&self.authority.nas(), from.ip()) else {
            meter::dropped("", "unknown_nas");
            return None;
        };
        peer.meter.requests.increment(1);
        let dispatched = catch_unwind(AssertUnwindSafe(|| self.dispatch(socket, &peer, from, datagram)));
        // The panic has said where; it is one request's end and not the loop's.
        dispatched.unwrap_or(Err("panicked")).unwrap_or_else(|reason| {
            peer.meter.dropped(reason);
            None
        })
    }

    /// Checks a packet, and answers it or starts its work; or says why it is dropped.
    fn dispatch(
        self: &Arc<Self>,
        socket: &Arc<Socket>,
        peer: &Arc<Peer>,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<Option<Arc<[u8]>>, &'static str> {
        let packet = Self::check(socket.port, peer, datagram).map_err(DropReason::label)?;
        if packet.code() == Code::StatusServer {
            return self.status(socket.port, peer, packet).map(Some);
        }
        let started = Instant::now();
        let key = Key { source: from, id: packet.id(), authenticator: *packet.authenticator() };
        let work = match self.duplicates.begin(key, started) {
            Seen::First(work) => work,
            Seen::InWork => {
                peer.meter.duplicates.increment(1);
                return Ok(None);
            }
            Seen::Answered(reply) => {
                peer.meter.duplicates.increment(1);
                return Ok(Some(reply));
            }
            Seen::Full => return Err("busy"),
        };
        let asked = (socket.port == Port::Auth).then(|| access::read(peer, from.ip(), &packet));
        if let Some(reply) = asked.as_ref().and_then(|asked| access::recall(&self.authority, peer, packet, asked)) {
            let (reply, now) = (Arc::from(reply), Instant::now());
            peer.meter.access_took(now.saturating_duration_since(started));
            work.answered(Arc::clone(&reply), now);
            return Ok(Some(reply));
        }
        if self.tasks.len() >= IN_WORK {
            return Err("busy");
        }
        let place = peer.enter(IN_WORK_PER_NAS).ok_or("busy")?;
        let (desk, peer, socket) = (Arc::clone(self), Arc::clone(peer), Arc::clone(socket));
        let bytes = packet.bytes().to_vec();
        let working = async move {
            desk.work(&socket, &peer, work, &bytes, asked, started).await;
            drop(place);
        };
        drop(self.tasks.spawn_on(working, &self.runtime));
        Ok(None)
    }

    /// Well-formed, expected on this port, and from somebody who knows the secret, as far as the packet can show it.
    fn check<'a>(port: Port, peer: &Peer, datagram: &'a [u8]) -> Result<Packet<'a>, DropReason> {
        let packet = Packet::parse(datagram)?;
        match (port, packet.code()) {
            (_, Code::StatusServer) | (Port::Auth, Code::AccessRequest) | (Port::Acct, Code::AccountingRequest) => {}
            _ => return Err(DropReason::UnexpectedCode),
        }
        let signature = packet.verify_request(&peer.key).inspect_err(|reason| {
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
    fn status(&self, port: Port, peer: &Peer, packet: Packet<'_>) -> Result<Arc<[u8]>, &'static str> {
        if !self.authority.is_reachable() {
            return Err("unavailable");
        }
        let code = match port {
            Port::Auth => Code::AccessAccept,
            Port::Acct => Code::AccountingResponse,
        };
        Builder::reply(code, packet).finish(&peer.key).map(Arc::from).map_err(|_| "reply_too_long")
    }

    /// The task of one request; `asked`: what an Access-Request asks.
    async fn work(
        &self,
        socket: &Arc<Socket>,
        peer: &Peer,
        work: InWork,
        bytes: &[u8],
        asked: Option<Asked>,
        started: Instant,
    ) {
        let source = work.source();
        // It was parsed before; a borrow cannot come along.
        let Ok(packet) = Packet::parse(bytes) else { return };
        let reply = match asked {
            None => {
                let answer = accounting::answer(&self.authority, peer, source.ip(), packet).await;
                peer.meter.accounting_took(started.elapsed());
                answer
            }
            Some(asked) => {
                let answer = access::answer(&self.authority, &self.random, peer, packet, asked).await;
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
            Ok(reply) => finish(socket, work, reply),
            Err(reason) => peer.meter.dropped(reason),
        }
    }
}

/// Sends a reply and keeps it for repeats.
fn finish(socket: &Socket, work: InWork, reply: Vec<u8>) {
    let (to, reply) = (work.source(), Arc::from(reply));
    work.answered(Arc::clone(&reply), Instant::now());
    socket.send(&reply, to);
}

/// Waits until something arrives at a socket, or the other end of `hangup` is gone.
fn wait(sockets: &[Arc<Socket>], hangup: &UnixStream) {
    let watched = sockets.iter().map(|socket| PollFd::new(&socket.udp, PollFlags::IN));
    let mut watched: Vec<_> = watched.chain([PollFd::new(hangup, PollFlags::IN)]).collect();
    if let Err(error) = poll(&mut watched, None)
        && error != Errno::INTR
    {
        tracing::warn!(%error, "the radius door cannot wait");
        thread::sleep(AFTER_ERROR);
    }
}

/// Lets rejects go when they are due. All wait equally long, so they come in about the order in which they are due; one that was long
/// in work may wait the delay again.
async fn release(mut held: mpsc::Receiver<Held>) {
    while let Some(Held { due, socket, work, reply }) = held.recv().await {
        sleep_until(due).await;
        finish(&socket, work, reply);
    }
}
