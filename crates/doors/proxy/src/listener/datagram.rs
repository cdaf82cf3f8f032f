//! What both editions of Shadowsocks share over UDP: the receive loop and the sessions behind it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    door::{Door, NodeState},
    relay::{
        buffer::Size,
        udp::{self, Packet, Replies},
    },
    user::User,
    visit::{Network, admit},
};

const SWEEP: Duration = Duration::from_secs(10);
/// How long a session that ended is remembered, so that its packet numbers stay refused: beyond the clock window.
const MEMORY: Duration = Duration::from_secs(90);

/// The sessions of one UDP listener.
pub(crate) trait Sessions: Send {
    /// Takes one datagram as it came.
    fn receive(&mut self, packet: &mut [u8], from: SocketAddr) -> impl Future<Output = ()> + Send;

    /// Forgets what is over.
    fn sweep(&mut self, now: Instant);
}

/// Receives until the node ends.
pub(crate) async fn receive(
    door: Arc<Door>,
    node: Arc<NodeState>,
    socket: Arc<UdpSocket>,
    mut sessions: impl Sessions,
) {
    let mut buffer = door.buffers.take(Size::Large);
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = node.token.cancelled() => return,
            now = sweep.tick() => sessions.sweep(now),
            received = socket.recv_from(&mut buffer) => {
                // Errors here belong to replies that could not be delivered.
                if let Ok((length, from)) = received
                    && let Some(packet) = buffer.get_mut(..length)
                {
                    sessions.receive(packet, from).await;
                }
            }
        }
    }
}

/// One client's session.
pub(crate) struct Session {
    packets: Option<mpsc::Sender<Packet>>,
    /// Where replies go: the last address a validated packet came from.
    client: Arc<Mutex<SocketAddr>>,
    last: Instant,
}

impl Session {
    pub(crate) fn new(client: SocketAddr) -> Self {
        Self { packets: None, client: Arc::new(Mutex::new(client)), last: Instant::now() }
    }

    /// The address replies go to.
    pub(crate) fn client(&self) -> Arc<Mutex<SocketAddr>> {
        Arc::clone(&self.client)
    }

    /// Whether a relay runs for it.
    pub(crate) fn is_running(&self) -> bool {
        self.packets.as_ref().is_some_and(|packets| !packets.is_closed())
    }

    /// Whether it may be forgotten, packet numbers included.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        !self.is_running() && now.saturating_duration_since(self.last) > MEMORY
    }

    /// Takes a validated packet; starts the relay if none runs. `false`: the user may have no further session.
    pub(crate) fn take<R: Replies + 'static>(
        &mut self,
        door: &Arc<Door>,
        node: &Arc<NodeState>,
        user: &Arc<User>,
        from: SocketAddr,
        packet: Packet,
        replies: impl FnOnce() -> R,
    ) -> bool {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = from;
        self.last = Instant::now();
        if !self.is_running() {
            let Ok(flow) = admit(door, node, user, from.ip(), Network::Udp) else { return false };
            let (sender, receiver) = udp::queue();
            door.tasks.spawn(udp::run(flow, receiver, replies()));
            self.packets = Some(sender);
        }
        if let Some(packets) = &self.packets {
            // A full queue loses the packet, as any network may.
            let _ = packets.try_send(packet);
        }
        true
    }
}

/// Sends a finished reply to where the client is now.
pub(crate) async fn send(socket: &UdpSocket, client: &Mutex<SocketAddr>, packet: &[u8]) -> io::Result<()> {
    let client = *client.lock().unwrap_or_else(PoisonError::into_inner);
    // A reply that cannot be sent now is lost; the session goes on.
    let _ = socket.send_to(packet, client).await;
    Ok(())
}
