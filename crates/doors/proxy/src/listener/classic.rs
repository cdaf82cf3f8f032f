//! Classic Shadowsocks over TCP (specs/proxy.md §5.2): nothing names the user, so the server tries keys.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use aws_lc_rs::hkdf;
use gatehouse_model::{SsCipher, client_of};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    Stranger,
    chunk::{Chunks, classic_subkey, subkey},
    read_some,
    replay::Replay,
    swallow,
};
use crate::{
    addr::Address,
    aead::{Counted, TAG, key, open_with},
    door::{Door, NodeState},
    relay::{
        buffer::{Buffer, Size},
        sealed::{Codec, Sealed},
        tcp,
    },
    user::User,
    visit::{Network, admit},
};

/// Keys tried before other tasks get their turn.
const YIELD_AFTER: usize = 256;
/// Failed full trials per client address and minute.
const FAILURES: u32 = 20;
const MINUTE: Duration = Duration::from_mins(1);
/// Client addresses remembered.
const ADDRESSES: usize = 65_536;

/// The users of a classic node and what is known of client addresses; shared by TCP and UDP.
pub(crate) struct Trials {
    door: Arc<Door>,
    node: Arc<NodeState>,
    cipher: SsCipher,
    cap: usize,
    roster: Mutex<Roster>,
    clients: Mutex<HashMap<IpAddr, Client>>,
}

#[derive(Default)]
struct Roster {
    generation: Option<u64>,
    users: Arc<Vec<Arc<User>>>,
    left_out: usize,
}

struct Client {
    last_good: Weak<User>,
    window: Instant,
    failures: u32,
}

impl Trials {
    pub(crate) fn new(door: Arc<Door>, node: Arc<NodeState>, cipher: SsCipher, cap: usize) -> Self {
        Self { door, node, cipher, cap, roster: Mutex::default(), clients: Mutex::default() }
    }

    pub(crate) fn cipher(&self) -> SsCipher {
        self.cipher
    }

    pub(crate) fn node(&self) -> &Arc<NodeState> {
        &self.node
    }

    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// The users served here, and how many are beyond the cap.
    pub(crate) fn roster(&self) -> (Arc<Vec<Arc<User>>>, usize) {
        let generation = self.door.table.generation();
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        if roster.generation != Some(generation) {
            let (users, left_out) = self.door.table.roster(&self.node.groups(), self.cap);
            if left_out > 0 && left_out != roster.left_out {
                tracing::warn!(node = %self.node.id, left_out, "proxy.classic.over_cap");
            }
            *roster = Roster { generation: Some(generation), users: Arc::new(users), left_out };
        }
        (Arc::clone(&roster.users), roster.left_out)
    }

    /// Makes the next trial read the table again; the node's groups changed.
    pub(crate) fn forget_roster(&self) {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner).generation = None;
    }

    /// Finds whose key opens `sealed` under a salt: the last good user of the address first, then everybody.
    ///
    /// Strangers cause this free of charge, so an address gets 20 failed full trials a minute.
    pub(crate) async fn find(&self, address: IpAddr, salt: &[u8], sealed: &[u8]) -> Option<Arc<User>> {
        let address = client_of(address);
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA1_FOR_LEGACY_USE_ONLY, salt);
        let mut copy = Vec::with_capacity(sealed.len());
        let last_good = self.last_good(address);
        if let Some(user) = &last_good
            && self.opens(user, &salt, sealed, &mut copy)
        {
            return last_good;
        }
        if !self.may_try(address) {
            return None;
        }
        let (users, _) = self.roster();
        metrics::counter!("gatehouse_proxy_trials_total").increment(1);
        for (index, user) in users.iter().enumerate() {
            if index % YIELD_AFTER == YIELD_AFTER - 1 {
                tokio::task::yield_now().await;
            }
            if user.is_live() && self.opens(user, &salt, sealed, &mut copy) {
                self.succeeded(address, user);
                return Some(Arc::clone(user));
            }
        }
        self.failed(address);
        None
    }

    fn opens(&self, user: &User, salt: &hkdf::Salt, sealed: &[u8], copy: &mut Vec<u8>) -> bool {
        let mut subkey = [0; 32];
        classic_subkey(salt, self.key(user), &mut subkey);
        let key = key(self.cipher, subkey.get(..self.cipher.key_len()).unwrap_or_default());
        copy.clear();
        copy.extend_from_slice(sealed);
        open_with(&key, [0; 12], copy).is_ok()
    }

    /// The user's key for this cipher.
    pub(crate) fn key<'a>(&self, user: &'a User) -> &'a [u8] {
        user.classic_key().get(..self.cipher.key_len()).unwrap_or_default()
    }

    fn last_good(&self, address: IpAddr) -> Option<Arc<User>> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let user = clients.get(&address)?.last_good.upgrade()?;
        (user.is_live() && self.node.serves(user.group)).then_some(user)
    }

    fn may_try(&self, address: IpAddr) -> bool {
        let now = Instant::now();
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get(&address).is_none_or(|client| client.failures < FAILURES || now > client.window + MINUTE)
    }

    fn succeeded(&self, address: IpAddr, user: &Arc<User>) {
        self.with_client(address, |client| client.last_good = Arc::downgrade(user));
    }

    fn failed(&self, address: IpAddr) {
        let now = Instant::now();
        self.with_client(address, |client| {
            if now > client.window + MINUTE {
                (client.window, client.failures) = (now, 0);
            }
            client.failures += 1;
        });
    }

    fn with_client(&self, address: IpAddr, change: impl FnOnce(&mut Client)) {
        let now = Instant::now();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= ADDRESSES && !clients.contains_key(&address) {
            clients.retain(|_, client| now <= client.window + MINUTE);
            if clients.len() >= ADDRESSES {
                clients.clear();
            }
        }
        let fresh = || Client { last_good: Weak::new(), window: now, failures: 0 };
        change(clients.entry(address).or_insert_with(fresh));
    }
}

/// A classic listener.
pub(crate) struct Server {
    pub(crate) trials: Arc<Trials>,
    pub(crate) replay: Arc<Replay>,
}

/// An authentic request.
struct Request {
    user: Arc<User>,
    chunks: Chunks,
    target: Address,
    early: Vec<u8>,
    /// Raw bytes used so far.
    used: usize,
    read: usize,
}

impl Server {
    /// Serves one connection from its first byte to its last.
    pub(crate) async fn serve(self: Arc<Self>, stranger: Stranger) {
        let Stranger { tcp, peer, deadline, pass } = stranger;
        let (door, node) = (&self.trials.door, &self.trials.node);
        let mut buffer = None;
        let request = tokio::select! {
            () = node.token.cancelled() => return,
            request = timeout_at(deadline, self.request(&tcp, peer.ip(), &mut buffer)) => request,
        };
        let request = match request.unwrap_or(Err("timeout")) {
            Ok(request) => request,
            Err(reason) => {
                node.failed(reason);
                if let Some(buffer) = buffer {
                    door.buffers.put(buffer);
                }
                tokio::select! {
                    () = node.token.cancelled() => {}
                    () = swallow(door, &tcp, deadline) => {}
                }
                return;
            }
        };
        drop(pass);
        let Some(buffer) = buffer else { return };
        let Ok(flow) = admit(door, node, &request.user, peer.ip(), Network::Tcp) else { return };
        let Some(target) = tcp::connect(&flow, &request.target).await else { return };
        let mut wire = Sealed::new(tcp, request.chunks, buffer, request.used..request.read);
        let end = tcp::relay(&mut wire, target, &flow, &request.early).await;
        tracing::debug!(node = %node.id, account = %flow.user().account.id, ?end, "proxy.flow.ended");
    }

    async fn request(
        &self,
        tcp: &TcpStream,
        address: IpAddr,
        buffer: &mut Option<Buffer>,
    ) -> Result<Request, &'static str> {
        let cipher = self.trials.cipher;
        let salt_length = cipher.key_len();
        tcp.readable().await.map_err(|_| "io")?;
        let buffer = buffer.insert(self.trials.door.buffers.take(Size::Large));
        let mut read = 0;
        while read < salt_length + 2 + TAG {
            read += fill(tcp, buffer, read).await?;
        }
        let salt = buffer.get(..salt_length).unwrap_or_default().to_vec();
        let length = buffer.get(salt_length..salt_length + 2 + TAG).unwrap_or_default();
        let user = self.trials.find(address, &salt, length).await.ok_or("unknown_user")?;
        if !self.replay.is_new_tcp(&salt) {
            return Err("replay");
        }
        let mut chunks = self.chunks(&user, &salt);
        let mut taken = salt_length;
        // The address may be spread over several chunks.
        let mut header = Vec::new();
        loop {
            let raw = buffer.get_mut(taken..read).unwrap_or_default();
            let Some(opened) = chunks.open(raw).map_err(|_| "forged")? else {
                read += fill(tcp, buffer, read).await?;
                continue;
            };
            let payload = taken + opened.payload.start..taken + opened.payload.end;
            header.extend_from_slice(buffer.get(payload).unwrap_or_default());
            taken += opened.length;
            if let Some((target, length)) = Address::parse_socks(&header).map_err(|_| "header")? {
                let early = header.split_off(length);
                return Ok(Request { user, chunks, target, early, used: taken, read });
            }
        }
    }

    /// Both directions of a connection, the request's from its first chunk.
    fn chunks(&self, user: &User, salt: &[u8]) -> Chunks {
        let Trials { door, cipher, .. } = &*self.trials;
        let key = self.trials.key(user);
        let open = Counted::new(*cipher, subkey(*cipher, key, salt).as_slice());
        let mut reply_salt = vec![0; cipher.key_len()];
        door.random.fill(&mut reply_salt);
        Chunks::new(*cipher, key, open, salt, reply_salt, door.clock.clone())
    }
}

/// Reads more behind what is there.
async fn fill(tcp: &TcpStream, buffer: &mut Buffer, read: usize) -> Result<usize, &'static str> {
    let room = buffer.get_mut(read..).filter(|room| !room.is_empty()).ok_or("length")?;
    match read_some(tcp, room).await {
        Ok(0) | Err(_) => Err("io"),
        Ok(more) => Ok(more),
    }
}
