//! Datagrams inside a stream: Trojan, VLESS command 2 and XUDP (specs/proxy.md §5.3, §5.4).

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    ops::Range,
    sync::Arc,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    addr::{Address, be16, write_socks, write_vless},
    door::{Door, NodeState},
    relay::{
        tls::Tunnel,
        udp::{self, MAX_PAYLOAD, Packet, Replies},
    },
    user::User,
    visit::{Network, admit},
};

/// Replies waiting for the client's connection.
const REPLIES: usize = 64;
/// Replies written together.
const BATCH: usize = 32 << 10;
/// Read at once, as far as the client has sent it.
const READ: usize = 8 << 10;
/// Sub-connections of one connection.
const SESSIONS: usize = 256;

const NEW: u8 = 1;
const KEEP: u8 = 2;
const END: u8 = 3;
const KEEP_ALIVE: u8 = 4;
const HAS_DATA: u8 = 1;
const ERROR: u8 = 2;
const UDP: u8 = 2;

/// How datagrams are written into the stream.
#[derive(Debug)]
pub(crate) enum Framing {
    /// Address, length, CRLF, payload.
    Trojan,
    /// Length, payload; one target.
    Vless(Address),
    /// Mux frames; the last target of each session.
    Xudp { last: HashMap<u16, Address> },
}

/// A frame from the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A datagram of a session.
    Packet { session: u16, target: Address, payload: Range<usize> },
    /// A session opens or goes on without data, or a keep-alive.
    Nothing,
    /// A session ends.
    End(u16),
    /// A session we do not carry.
    Refused(u16),
}

/// The stream can never make sense again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Framing {
    /// Reads the frame at the start of some bytes and says how long it is; `None`: more bytes are needed.
    pub(crate) fn parse(&mut self, bytes: &[u8]) -> Result<Option<(Message, usize)>, Malformed> {
        match self {
            Self::Trojan => parse_trojan(bytes),
            Self::Vless(target) => Ok(be16(bytes, 0).map(usize::from).and_then(|length| {
                let payload = 2..2 + length;
                bytes.get(payload.clone())?;
                Some((Message::Packet { session: 0, target: target.clone(), payload }, 2 + length))
            })),
            Self::Xudp { last } => parse_xudp(bytes, last),
        }
    }

    /// Appends a reply.
    fn write(&self, session: u16, from: SocketAddr, payload: &[u8], out: &mut Vec<u8>) {
        let length = u16::try_from(payload.len()).unwrap_or(0).to_be_bytes();
        match self {
            Self::Trojan => {
                write_socks(from, out);
                out.extend_from_slice(&length);
                out.extend_from_slice(b"\r\n");
            }
            Self::Vless(_) => out.extend_from_slice(&length),
            Self::Xudp { .. } => {
                let at = out.len();
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&session.to_be_bytes());
                out.extend_from_slice(&[KEEP, HAS_DATA, UDP]);
                write_vless(from, out);
                let meta = u16::try_from(out.len() - at - 2).unwrap_or(0).to_be_bytes();
                out.splice(at..at + 2, meta);
                out.extend_from_slice(&length);
            }
        }
        out.extend_from_slice(payload);
    }
}

fn parse_trojan(bytes: &[u8]) -> Result<Option<(Message, usize)>, Malformed> {
    let Some((target, at)) = Address::parse_socks(bytes).map_err(|_| Malformed)? else { return Ok(None) };
    let Some(length) = be16(bytes, at).map(usize::from) else { return Ok(None) };
    let payload = at + 4..at + 4 + length;
    match bytes.get(at + 2..at + 4) {
        Some(b"\r\n") => {}
        Some(_) => return Err(Malformed),
        None => return Ok(None),
    }
    let end = payload.end;
    Ok(bytes.get(payload.clone()).map(|_| (Message::Packet { session: 0, target, payload }, end)))
}

fn parse_xudp(bytes: &[u8], last: &mut HashMap<u16, Address>) -> Result<Option<(Message, usize)>, Malformed> {
    let Some(length) = be16(bytes, 0).map(usize::from) else { return Ok(None) };
    if !(4..=512).contains(&length) {
        return Err(Malformed);
    }
    let Some(meta) = bytes.get(2..2 + length) else { return Ok(None) };
    let [high, low, status, option, rest @ ..] = meta else { return Err(Malformed) };
    let session = u16::from_be_bytes([*high, *low]);
    let mut end = 2 + length;
    let mut payload = None;
    if option & HAS_DATA != 0 {
        let Some(length) = be16(bytes, end).map(usize::from) else { return Ok(None) };
        payload = Some(end + 2..end + 2 + length);
        end += 2 + length;
    }
    if bytes.len() < end {
        return Ok(None);
    }
    let message = match *status {
        NEW | KEEP => {
            if let Some((network, address)) = rest.split_first() {
                let parsed = Address::parse_vless(address).map_err(|_| Malformed)?.ok_or(Malformed)?;
                if *network != UDP {
                    return Ok(Some((Message::Refused(session), end)));
                }
                if last.len() >= SESSIONS && !last.contains_key(&session) {
                    return Ok(Some((Message::Refused(session), end)));
                }
                // A global id may follow; it is accepted and not used, so it reaches nobody's session.
                last.insert(session, parsed.0);
            } else if *status == NEW {
                return Err(Malformed);
            }
            match (payload, last.get(&session)) {
                (Some(payload), Some(target)) => Message::Packet { session, target: target.clone(), payload },
                (Some(_), None) => Message::Refused(session),
                (None, _) => Message::Nothing,
            }
        }
        END => {
            last.remove(&session);
            Message::End(session)
        }
        KEEP_ALIVE => Message::Nothing,
        _ => return Err(Malformed),
    };
    Ok(Some((message, end)))
}

/// One connection that carries datagrams.
pub(crate) struct Carrier {
    pub(crate) door: Arc<Door>,
    pub(crate) node: Arc<NodeState>,
    pub(crate) user: Arc<User>,
    pub(crate) peer: IpAddr,
    pub(crate) framing: Framing,
    /// What the first reply begins with.
    pub(crate) head: &'static [u8],
}

/// A datagram for the client.
struct Reply {
    session: u16,
    from: SocketAddr,
    payload: Vec<u8>,
}

struct Answers {
    session: u16,
    replies: mpsc::Sender<Reply>,
}

impl Replies for Answers {
    async fn reply(&mut self, from: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let reply = Reply { session: self.session, from, payload: payload.to_vec() };
        self.replies.send(reply).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Carrier {
    /// Serves until the client closes, nothing moves any more, or the user is cut.
    pub(crate) async fn serve<S: Tunnel>(self, stream: S, input: Vec<u8>) {
        // The connection is a flow of its own: it ends with the visit even while no session is open.
        let Ok(flow) = admit(&self.door, &self.node, &self.user, self.peer, Network::Tcp) else { return };
        // A cut connection needs no farewell.
        let _ = flow.token().clone().run_until_cancelled(self.run(stream, input)).await;
    }

    async fn run<S: Tunnel>(mut self, stream: S, mut input: Vec<u8>) {
        let (mut read, mut write) = tokio::io::split(stream);
        let (sender, mut replies) = mpsc::channel(REPLIES);
        let mut sessions: HashMap<u16, mpsc::Sender<Packet>> = HashMap::new();
        let mut out = Vec::new();
        let mut last = Instant::now();
        loop {
            let Ok(refused) = self.dispatch(&mut input, &mut sessions, &sender) else {
                return self.node.failed("frame");
            };
            for session in refused {
                out.extend_from_slice(std::mem::take(&mut self.head));
                out.extend_from_slice(&[0, 4]);
                out.extend_from_slice(&session.to_be_bytes());
                out.extend_from_slice(&[END, ERROR]);
            }
            if input.capacity() - input.len() < READ / 4 {
                input.reserve(READ);
            }
            tokio::select! {
                written = write.write(&out), if !out.is_empty() => match written {
                    Ok(written) if written > 0 => {
                        out.drain(..written);
                        if out.is_empty() && write.flush().await.is_err() {
                            return;
                        }
                    }
                    _ => return,
                },
                Some(reply) = replies.recv(), if out.len() < BATCH => self.write(&reply, &mut out),
                more = read.read_buf(&mut input) => if !matches!(more, Ok(more) if more > 0) { return },
                () = sleep_until(last + self.door.settings.udp_idle.0) => return,
            }
            if !sessions.is_empty() && sessions.values().all(mpsc::Sender::is_closed) {
                return;
            }
            last = Instant::now();
        }
    }

    fn write(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        out.extend_from_slice(std::mem::take(&mut self.head));
        self.framing.write(reply.session, reply.from, &reply.payload, out);
    }

    /// Hands every complete frame to its session. Returns the sessions to refuse.
    fn dispatch(
        &mut self,
        input: &mut Vec<u8>,
        sessions: &mut HashMap<u16, mpsc::Sender<Packet>>,
        replies: &mpsc::Sender<Reply>,
    ) -> Result<Vec<u16>, Malformed> {
        let mut refused = Vec::new();
        let mut at = 0;
        while let Some((message, length)) = self.framing.parse(input.get(at..).unwrap_or_default())? {
            match message {
                Message::Packet { session, target, payload } => {
                    let payload = input.get(at + payload.start..at + payload.end).unwrap_or_default().to_vec();
                    if payload.len() <= MAX_PAYLOAD
                        && !self.send(session, Packet { target, payload }, sessions, replies)
                    {
                        refused.push(session);
                    }
                }
                Message::Nothing => {}
                Message::End(session) => drop(sessions.remove(&session)),
                Message::Refused(session) => refused.push(session),
            }
            at += length;
        }
        input.drain(..at);
        if !matches!(self.framing, Framing::Xudp { .. }) {
            refused.clear();
        }
        Ok(refused)
    }

    /// `false`: the session may not be opened.
    fn send(
        &self,
        session: u16,
        packet: Packet,
        sessions: &mut HashMap<u16, mpsc::Sender<Packet>>,
        replies: &mpsc::Sender<Reply>,
    ) -> bool {
        let running = sessions.get(&session).filter(|packets| !packets.is_closed());
        let packets = if let Some(packets) = running {
            packets.clone()
        } else {
            let Ok(flow) = admit(&self.door, &self.node, &self.user, self.peer, Network::Udp) else { return false };
            let (packets, receiver) = udp::queue();
            let answers = Answers { session, replies: replies.clone() };
            self.door.tasks.spawn(udp::run(flow, receiver, answers));
            sessions.insert(session, packets.clone());
            packets
        };
        // A full queue loses the packet, as any network may.
        let _ = packets.try_send(packet);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::addr::Host;

    fn xudp() -> Framing {
        Framing::Xudp { last: HashMap::new() }
    }

    fn local(port: u16) -> Address {
        Address { host: Host::Ip([127, 0, 0, 1].into()), port }
    }

    #[test]
    fn a_session_remembers_its_target_until_it_ends() {
        let mut framing = xudp();
        let new = b"\x00\x0c\x00\x00\x01\x01\x02\x00\x35\x01\x7f\x00\x00\x01\x00\x02hi";
        let packet = |start, end, port| Message::Packet { session: 0, target: local(port), payload: start..end };
        for cut in 0..new.len() {
            assert_eq!(xudp().parse(&new[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(framing.parse(new), Ok(Some((packet(16, 18, 53), 18))));
        assert_eq!(framing.parse(b"\x00\x04\x00\x00\x02\x01\x00\x01x"), Ok(Some((packet(8, 9, 53), 9))));
        assert_eq!(framing.parse(b"\x00\x04\x00\x00\x04\x01\x00\x01x"), Ok(Some((Message::Nothing, 9))));
        assert_eq!(framing.parse(b"\x00\x04\x00\x00\x03\x00"), Ok(Some((Message::End(0), 6))));
        assert_eq!(framing.parse(b"\x00\x04\x00\x00\x02\x01\x00\x01x"), Ok(Some((Message::Refused(0), 9))));
    }

    #[test]
    fn unknown_states_and_lengths_end_the_connection() {
        assert_eq!(xudp().parse(b"\x00\x04\x00\x00\x05\x00"), Err(Malformed));
        assert_eq!(xudp().parse(b"\x00\x03"), Err(Malformed));
        assert_eq!(xudp().parse(b"\x02\x01"), Err(Malformed));
        assert_eq!(xudp().parse(b"\x00\x04\x00\x00\x01\x00"), Err(Malformed), "new without a target");
        assert_eq!(Framing::Trojan.parse(b"\x01\x7f\x00\x00\x01\x00\x35\x00\x01xx"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn frames_never_reach_past_the_end(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
            for mut framing in [xudp(), Framing::Trojan, Framing::Vless(local(1))] {
                if let Ok(Some((message, length))) = framing.parse(&bytes) {
                    prop_assert!(length <= bytes.len() && length > 0);
                    if let Message::Packet { payload, .. } = message {
                        prop_assert!(payload.end <= length);
                    }
                }
            }
        }

        #[test]
        fn replies_of_trojan_are_frames_again(ip in any::<IpAddr>(), port in 1u16.., payload in prop::collection::vec(any::<u8>(), 0..99)) {
            let from = SocketAddr::new(ip, port);
            let mut bytes = Vec::new();
            Framing::Trojan.write(0, from, &payload, &mut bytes);
            let length = bytes.len();
            let message = Message::Packet { session: 0, target: from.into(), payload: length - payload.len()..length };
            prop_assert_eq!(Framing::Trojan.parse(&bytes), Ok(Some((message, length))));
            bytes.clear();
            xudp().write(7, from, &payload, &mut bytes);
            let length = bytes.len();
            let message = Message::Packet { session: 7, target: from.into(), payload: length - payload.len()..length };
            prop_assert_eq!(xudp().parse(&bytes), Ok(Some((message, length))));
        }
    }
}
