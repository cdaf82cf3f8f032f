//! Shadowsocks 2022 over TCP (specs/proxy.md §5.1): one port, users named by their identity hash.

use std::sync::Arc;

use aes::{
    Aes128, Aes256, Block,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use gatehouse_model::SsCipher;
use tokio::{net::TcpStream, time::timeout_at};

use super::{
    Stranger,
    chunk::{Chunks, is_timely, subkey},
    read_some,
    replay::Replay,
    swallow,
};
use crate::{
    addr::{Address, be16},
    aead::{Counted, TAG},
    door::{Door, NodeState},
    relay::{
        buffer::{Buffer, Size},
        sealed::Sealed,
        tcp,
    },
    user::User,
    visit::{Network, admit},
};

const IDENTITY_CONTEXT: &str = "shadowsocks 2022 identity subkey";
const IDENTITY: usize = 16;
/// Type, seconds, length, tag.
const FIXED: usize = 1 + 8 + 2 + TAG;
const MAX_PADDING: usize = 900;

/// A Shadowsocks 2022 listener.
pub(crate) struct Server {
    pub(crate) door: Arc<Door>,
    pub(crate) node: Arc<NodeState>,
    pub(crate) cipher: SsCipher,
    pub(crate) key: Vec<u8>,
    pub(crate) replay: Arc<Replay>,
}

/// AES on single blocks, for identity and packet headers.
pub(crate) enum BlockCipher {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
}

impl BlockCipher {
    /// `key` has the cipher's 16 or 32 bytes.
    pub(crate) fn new(cipher: SsCipher, key: &[u8]) -> Option<Self> {
        if cipher.key_len() == 32 {
            Aes256::new_from_slice(key).ok().map(|aes| Self::Aes256(Box::new(aes)))
        } else {
            Aes128::new_from_slice(key).ok().map(|aes| Self::Aes128(Box::new(aes)))
        }
    }

    pub(crate) fn decrypt(&self, block: &[u8; 16]) -> [u8; 16] {
        let mut block = Block::from(*block);
        match self {
            Self::Aes128(aes) => aes.decrypt_block(&mut block),
            Self::Aes256(aes) => aes.decrypt_block(&mut block),
        }
        block.into()
    }

    pub(crate) fn encrypt(&self, block: &[u8; 16]) -> [u8; 16] {
        let mut block = Block::from(*block);
        match self {
            Self::Aes128(aes) => aes.encrypt_block(&mut block),
            Self::Aes256(aes) => aes.encrypt_block(&mut block),
        }
        block.into()
    }
}

/// An authentic request, its variable header not read yet.
struct Fixed {
    user: Arc<User>,
    open: Counted,
    salt: Vec<u8>,
    /// Length of the variable header without tag.
    length: usize,
    /// Bytes used so far.
    used: usize,
}

/// A whole request header.
struct Request {
    target: Address,
    /// Where the first payload lies.
    payload: std::ops::Range<usize>,
    /// Bytes used so far.
    used: usize,
}

impl Server {
    /// Serves one connection from its first byte to its last.
    pub(crate) async fn serve(self: Arc<Self>, stranger: Stranger) {
        let Stranger { tcp, peer, deadline, pass } = stranger;
        let mut buffer = None;
        let request = tokio::select! {
            () = self.node.token.cancelled() => return,
            request = timeout_at(deadline, self.request(&tcp, &mut buffer)) => request,
        };
        let (fixed, request, read) = match request.unwrap_or(Err("timeout")) {
            Ok(request) => request,
            Err(reason) => {
                self.node.failed(reason);
                if let Some(buffer) = buffer {
                    self.door.buffers.put(buffer);
                }
                tokio::select! {
                    () = self.node.token.cancelled() => {}
                    () = swallow(&self.door, &tcp, deadline) => {}
                }
                return;
            }
        };
        drop(pass);
        let Some(buffer) = buffer else { return };
        let Ok(flow) = admit(&self.door, &self.node, &fixed.user, peer.ip(), Network::Tcp) else { return };
        let Some(target) = tcp::connect(&flow, &request.target).await else { return };
        let mut salt = vec![0; self.cipher.key_len()];
        self.door.random.fill(&mut salt);
        let key = fixed.user.ss2022_key(self.cipher);
        let chunks = Chunks::new(self.cipher, &key, fixed.open, &fixed.salt, salt, self.door.clock.clone());
        let early = buffer.get(request.payload.clone()).unwrap_or_default().to_vec();
        let mut wire = Sealed::new(tcp, chunks, buffer, request.used..read);
        let end = tcp::relay(&mut wire, target, &flow, &early).await;
        tracing::debug!(node = %self.node.id, account = %flow.user().account.id, ?end, "proxy.flow.ended");
    }

    /// Reads the request. Fixed part in one read, as the protocol demands of clients.
    async fn request(
        &self,
        tcp: &TcpStream,
        buffer: &mut Option<Buffer>,
    ) -> Result<(Fixed, Request, usize), &'static str> {
        tcp.readable().await.map_err(|_| "io")?;
        let buffer = buffer.insert(self.door.buffers.take(Size::Large));
        let mut read = read_some(tcp, buffer).await.map_err(|_| "io")?;
        let mut fixed = self.fixed(buffer.get_mut(..read).unwrap_or_default())?;
        let end = fixed.used + fixed.length + TAG;
        while read < end {
            let room = buffer.get_mut(read..).filter(|room| !room.is_empty()).ok_or("length")?;
            match read_some(tcp, room).await {
                Ok(0) | Err(_) => return Err("io"),
                Ok(more) => read += more,
            }
        }
        let used = fixed.used;
        let sealed = buffer.get_mut(used..end).ok_or("length")?;
        fixed.open.open(sealed).map_err(|_| "forged")?;
        let header = sealed.get(..fixed.length).unwrap_or_default();
        let (target, start) = parse_variable(header).ok_or("header")?;
        let request = Request { target, payload: used + start..used + fixed.length, used: end };
        Ok((fixed, request, read))
    }

    /// Finds the user and opens the fixed header; then the salt is remembered.
    fn fixed(&self, first: &mut [u8]) -> Result<Fixed, &'static str> {
        let salt_length = self.cipher.key_len();
        let (salt, rest) = first.split_at_mut_checked(salt_length).ok_or("short")?;
        let (identity, rest) = rest.split_first_chunk_mut::<IDENTITY>().ok_or("short")?;
        let (header, _) = rest.split_at_mut_checked(FIXED).ok_or("short")?;
        let block = BlockCipher::new(self.cipher, identity_subkey(self.cipher, &self.key, salt).as_slice());
        let identity = block.ok_or("key")?.decrypt(identity);
        let user = self.door.table.by_identity(self.cipher, &identity).ok_or("unknown_user")?;
        let key = user.ss2022_key(self.cipher);
        let mut open = Counted::new(self.cipher, subkey(self.cipher, &key, salt).as_slice());
        open.open(header).map_err(|_| "forged")?;
        let (kind, rest) = header.split_first().ok_or("short")?;
        let stamp = rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or("short")?;
        let length = usize::from(be16(rest, 8).ok_or("short")?);
        if *kind != 0 {
            return Err("type");
        }
        if !is_timely(&self.door.clock, stamp) {
            return Err("clock");
        }
        if !self.replay.is_new_tcp(salt) {
            return Err("replay");
        }
        Ok(Fixed { user, open, salt: salt.to_vec(), length, used: salt_length + IDENTITY + FIXED })
    }
}

/// Address, padding, first payload: the target and where the payload begins. Neither payload nor padding is a failure.
fn parse_variable(header: &[u8]) -> Option<(Address, usize)> {
    let (target, length) = Address::parse_socks(header).ok()??;
    let padding = usize::from(be16(header, length)?);
    let start = length + 2 + padding;
    let is_bare = padding == 0 && start == header.len();
    (padding <= MAX_PADDING && start <= header.len() && !is_bare).then_some((target, start))
}

/// The key of the identity header.
fn identity_subkey(cipher: SsCipher, server_key: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key(IDENTITY_CONTEXT);
    hasher.update(server_key);
    hasher.update(salt);
    let mut key = vec![0; cipher.key_len()];
    hasher.finalize_xof().fill(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_without_payload_and_padding_is_refused() {
        let address = [1, 192, 0, 2, 1, 0, 80];
        let with = |tail: &[u8]| parse_variable(&[&address[..], tail].concat()).map(|(_, start)| start);
        assert_eq!(with(&[0, 0]), None);
        assert_eq!(with(&[0, 0, b'x']), Some(9));
        assert_eq!(with(&[0, 1, 9]), Some(10));
        assert_eq!(with(&[0, 2, 9]), None, "padding is cut off");
        assert_eq!(with(&[[3, 133].as_slice(), &[0; 901]].concat()), None, "901 bytes of padding");
    }

    proptest! {
        #[test]
        fn headers_of_any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Some((_, start)) = parse_variable(&bytes) {
                prop_assert!(start <= bytes.len());
            }
        }
    }
}
