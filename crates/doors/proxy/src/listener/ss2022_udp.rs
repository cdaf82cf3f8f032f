//! Shadowsocks 2022 over UDP (specs/proxy.md §5.1): sessions by user and client session id, never by address.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use aws_lc_rs::aead::LessSafeKey;
use gatehouse_domain::Clock;
use gatehouse_model::SsCipher;
use tokio::{net::UdpSocket, time::Instant};

use super::{
    chunk::{is_timely, seconds, subkey},
    datagram::{Session, Sessions, send},
    replay::Window,
    ss2022::BlockCipher,
};
use crate::{
    addr::{Address, be16, write_socks},
    aead::{self, TAG, open_with, seal_with},
    door::{Door, NodeState},
    relay::udp::{Packet, Replies},
    user::User,
};

/// Session id and packet id.
const HEADER: usize = 16;
const IDENTITY: usize = 16;
const MAX_PADDING: usize = 900;

/// The sessions of a Shadowsocks 2022 listener.
pub(crate) struct Sessions2022 {
    door: Arc<Door>,
    node: Arc<NodeState>,
    cipher: SsCipher,
    block: BlockCipher,
    socket: Arc<UdpSocket>,
    /// Identity hash and client session id.
    sessions: HashMap<([u8; 16], u64), Known>,
}

struct Known {
    key: LessSafeKey,
    window: Window,
    session: Session,
    has_served: bool,
}

/// A validated packet.
struct Received {
    user: Arc<User>,
    name: ([u8; 16], u64),
    packet: Packet,
}

impl Sessions2022 {
    /// `None`: the server key does not fit the cipher.
    pub(crate) fn new(
        door: Arc<Door>,
        node: Arc<NodeState>,
        cipher: SsCipher,
        server_key: &[u8],
        socket: Arc<UdpSocket>,
    ) -> Option<Self> {
        let block = BlockCipher::new(cipher, server_key)?;
        Some(Self { door, node, cipher, block, socket, sessions: HashMap::new() })
    }

    fn open(&mut self, packet: &mut [u8], from: SocketAddr) -> Result<Received, &'static str> {
        let (header, rest) = packet.split_first_chunk_mut::<HEADER>().ok_or("short")?;
        let (identity, body) = rest.split_first_chunk_mut::<IDENTITY>().ok_or("short")?;
        let text = body.len().checked_sub(TAG).ok_or("short")?;
        let header = self.block.decrypt(header);
        let mut identity = self.block.decrypt(identity);
        identity.iter_mut().zip(header).for_each(|(byte, mask)| *byte ^= mask);
        let user = self.door.table.by_identity(self.cipher, &identity).ok_or("unknown_user")?;
        let (session, number) = header.split_first_chunk::<8>().ok_or("short")?;
        let name = (identity, u64::from_be_bytes(*session));
        let number = number.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or("short")?;
        let nonce: [u8; 12] = *header.last_chunk().ok_or("short")?;
        match self.sessions.get(&name) {
            Some(known) => open_with(&known.key, nonce, body),
            None => open_with(&self.key(&user, session), nonce, body),
        }
        .map_err(|_| "forged")?;
        let packet = parse_body(body.get(..text).unwrap_or_default(), &self.door.clock)?;
        let key = || aead::key(self.cipher, subkey(self.cipher, &user.ss2022_key(self.cipher), session).as_slice());
        let known = self.sessions.entry(name).or_insert_with(|| Known {
            key: key(),
            window: Window::new(),
            session: Session::new(from),
            has_served: false,
        });
        if !known.window.take(number) {
            metrics::counter!("gatehouse_proxy_replays_total").increment(1);
            return Err("replay");
        }
        Ok(Received { user, name, packet })
    }

    fn key(&self, user: &User, session: &[u8]) -> LessSafeKey {
        aead::key(self.cipher, subkey(self.cipher, &user.ss2022_key(self.cipher), session).as_slice())
    }
}

impl Sessions for Sessions2022 {
    async fn receive(&mut self, packet: &mut [u8], from: SocketAddr) {
        let Received { user, name, packet } = match self.open(packet, from) {
            Ok(received) => received,
            Err(reason) => return self.node.failed(reason),
        };
        let Some(known) = self.sessions.get_mut(&name) else { return };
        let client = known.session.client();
        let (door, socket, cipher) = (&self.door, &self.socket, self.cipher);
        let replies = || Answers::new(door, cipher, &user, name.1, Arc::clone(socket), client);
        if !known.session.take(door, &self.node, &user, from, packet, replies) && !known.has_served {
            // Otherwise a user could fill the memory with sessions beyond the limit.
            self.sessions.remove(&name);
            return;
        }
        known.has_served = true;
    }

    fn sweep(&mut self, now: Instant) {
        self.sessions.retain(|_, known| !known.session.is_over(now));
    }
}

/// Type, seconds, padding, address, payload.
fn parse_body(body: &[u8], clock: &Clock) -> Result<Packet, &'static str> {
    let (kind, rest) = body.split_first().ok_or("short")?;
    let (stamp, rest) = rest.split_first_chunk::<8>().ok_or("short")?;
    if *kind != 0 {
        return Err("type");
    }
    if !is_timely(clock, u64::from_be_bytes(*stamp)) {
        return Err("clock");
    }
    let padding = usize::from(be16(rest, 0).ok_or("short")?);
    if padding > MAX_PADDING {
        return Err("header");
    }
    let rest = rest.get(2 + padding..).ok_or("short")?;
    let (target, length) = Address::parse_socks(rest).map_err(|_| "header")?.ok_or("short")?;
    Ok(Packet { target, payload: rest.get(length..).unwrap_or_default().to_vec() })
}

/// Replies of one session, under the user's key and a session id of our own.
struct Answers {
    clock: Clock,
    key: LessSafeKey,
    block: Option<BlockCipher>,
    session: u64,
    client_session: u64,
    number: u64,
    socket: Arc<UdpSocket>,
    client: Arc<Mutex<SocketAddr>>,
    packet: Vec<u8>,
}

impl Answers {
    fn new(
        door: &Door,
        cipher: SsCipher,
        user: &User,
        client_session: u64,
        socket: Arc<UdpSocket>,
        client: Arc<Mutex<SocketAddr>>,
    ) -> Self {
        let session = u64::from_be_bytes(door.random.bytes());
        let user_key = user.ss2022_key(cipher);
        Self {
            clock: door.clock.clone(),
            key: aead::key(cipher, subkey(cipher, &user_key, &session.to_be_bytes()).as_slice()),
            block: BlockCipher::new(cipher, &user_key),
            session,
            client_session,
            number: 0,
            socket,
            client,
            packet: Vec::new(),
        }
    }

    fn seal(&mut self, from: SocketAddr, payload: &[u8]) {
        let packet = &mut self.packet;
        packet.clear();
        packet.extend_from_slice(&self.session.to_be_bytes());
        packet.extend_from_slice(&self.number.to_be_bytes());
        self.number += 1;
        packet.push(1);
        packet.extend_from_slice(&seconds(&self.clock).to_be_bytes());
        packet.extend_from_slice(&self.client_session.to_be_bytes());
        packet.extend_from_slice(&[0, 0]);
        write_socks(from, packet);
        packet.extend_from_slice(payload);
        packet.extend_from_slice(&[0; TAG]);
        let Some((header, body)) = packet.split_first_chunk_mut::<HEADER>() else { return };
        let Some(nonce) = header.last_chunk().copied() else { return };
        seal_with(&self.key, nonce, body);
        if let Some(block) = &self.block {
            *header = block.encrypt(header);
        }
    }
}

impl Replies for Answers {
    async fn reply(&mut self, from: SocketAddr, payload: &[u8]) -> io::Result<()> {
        self.seal(from, payload);
        send(&self.socket, &self.client, &self.packet).await
    }
}
