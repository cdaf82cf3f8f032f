//! Classic Shadowsocks over UDP (specs/proxy.md §5.2): each packet on its own, sessions by client address.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use aws_lc_rs::hkdf;
use gatehouse_domain::Random;
use gatehouse_model::SsCipher;
use tokio::{net::UdpSocket, time::Instant};

use super::{
    chunk::{classic_subkey, subkey},
    classic::Trials,
    datagram::{Session, Sessions, send},
    replay::Replay,
};
use crate::{
    addr::{Address, write_socks},
    aead::{TAG, key, open_with, seal_with},
    relay::udp::{Packet, Replies},
    user::User,
};

/// The sessions of a classic listener.
pub(crate) struct ClassicSessions {
    trials: Arc<Trials>,
    replay: Arc<Replay>,
    socket: Arc<UdpSocket>,
    sessions: HashMap<SocketAddr, Known>,
}

/// Who spoke last from an address.
struct Known {
    user: Arc<User>,
    session: Session,
}

impl ClassicSessions {
    pub(crate) fn new(trials: Arc<Trials>, replay: Arc<Replay>, socket: Arc<UdpSocket>) -> Self {
        Self { trials, replay, socket, sessions: HashMap::new() }
    }

    /// Opens a packet in place; the text ends before the tag.
    async fn open(&self, packet: &mut [u8], from: SocketAddr) -> Result<(Arc<User>, Packet), &'static str> {
        let cipher = self.trials.cipher();
        let (salt, sealed) = packet.split_at_mut_checked(cipher.key_len()).ok_or("short")?;
        let text = sealed.len().checked_sub(TAG).ok_or("short")?;
        let known = self.sessions.get(&from).map(|known| &known.user).filter(|user| user.is_live());
        let user = match known.filter(|user| self.opens(user, salt, sealed)) {
            Some(user) => Arc::clone(user),
            None => self.trials.find(from.ip(), salt, sealed).await.ok_or("unknown_user")?,
        };
        let subkey = subkey(cipher, self.trials.key(&user), salt);
        open_with(&key(cipher, subkey.as_slice()), [0; 12], sealed).map_err(|_| "forged")?;
        if !self.replay.is_new_udp(salt) {
            return Err("replay");
        }
        let text = sealed.get(..text).unwrap_or_default();
        let (target, length) = Address::parse_socks(text).map_err(|_| "header")?.ok_or("header")?;
        Ok((user, Packet { target, payload: text.get(length..).unwrap_or_default().to_vec() }))
    }

    fn opens(&self, user: &User, salt: &[u8], sealed: &[u8]) -> bool {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA1_FOR_LEGACY_USE_ONLY, salt);
        let mut subkey = [0; 32];
        classic_subkey(&salt, self.trials.key(user), &mut subkey);
        let cipher = self.trials.cipher();
        let key = key(cipher, subkey.get(..cipher.key_len()).unwrap_or_default());
        open_with(&key, [0; 12], &mut sealed.to_vec()).is_ok()
    }
}

impl Sessions for ClassicSessions {
    async fn receive(&mut self, packet: &mut [u8], from: SocketAddr) {
        let (user, packet) = match self.open(packet, from).await {
            Ok(opened) => opened,
            Err(reason) => return self.trials.node().failed(reason),
        };
        let fresh = || Known { user: Arc::clone(&user), session: Session::new(from) };
        let known = self.sessions.entry(from).or_insert_with(fresh);
        if !Arc::ptr_eq(&known.user, &user) {
            // The address belongs to somebody else now; replies to the old session must not reach them.
            *known = fresh();
        }
        let client = known.session.client();
        let replies = || Answers {
            random: self.trials.door().random.clone(),
            cipher: self.trials.cipher(),
            key: self.trials.key(&user).to_vec(),
            socket: Arc::clone(&self.socket),
            client,
            packet: Vec::new(),
        };
        if !known.session.take(self.trials.door(), self.trials.node(), &user, from, packet, replies) {
            self.sessions.remove(&from);
        }
    }

    fn sweep(&mut self, _: Instant) {
        self.sessions.retain(|_, known| known.session.is_running());
    }
}

struct Answers {
    random: Random,
    cipher: SsCipher,
    key: Vec<u8>,
    socket: Arc<UdpSocket>,
    client: Arc<Mutex<SocketAddr>>,
    packet: Vec<u8>,
}

impl Replies for Answers {
    async fn reply(&mut self, from: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let salt_length = self.cipher.key_len();
        let packet = &mut self.packet;
        packet.clear();
        packet.resize(salt_length, 0);
        self.random.fill(packet);
        let key = key(self.cipher, subkey(self.cipher, &self.key, packet).as_slice());
        write_socks(from, packet);
        packet.extend_from_slice(payload);
        packet.extend_from_slice(&[0; TAG]);
        seal_with(&key, [0; 12], packet.split_at_mut(salt_length).1);
        send(&self.socket, &self.client, &self.packet).await
    }
}
