//! The AEAD chunk streams of Shadowsocks, both editions, opened and sealed in place.
//!
//! Own code instead of the crate's stream: that reads each chunk with two system calls and copies it twice.

use aws_lc_rs::hkdf;
use gatehouse_domain::Clock;
use gatehouse_model::SsCipher;

use crate::{
    addr::be16,
    aead::{Counted, Forged, TAG},
    relay::{
        sealed::{Codec, Opened},
        tcp::Frame,
    },
};

/// Length field and its tag.
const LENGTH: usize = 2 + TAG;
const CLASSIC_PAYLOAD: usize = 0x3FFF;
const PAYLOAD: usize = 0xFFFF;
const SESSION_CONTEXT: &str = "shadowsocks 2022 session subkey";

/// The key of one direction.
pub(crate) fn subkey(cipher: SsCipher, key: &[u8], salt: &[u8]) -> Subkey {
    let mut subkey = [0; 32];
    if cipher.is_2022() {
        let mut hasher = blake3::Hasher::new_derive_key(SESSION_CONTEXT);
        hasher.update(key);
        hasher.update(salt);
        hasher.finalize_xof().fill(&mut subkey);
    } else {
        classic_subkey(&hkdf::Salt::new(hkdf::HKDF_SHA1_FOR_LEGACY_USE_ONLY, salt), key, &mut subkey);
    }
    Subkey { bytes: subkey, length: cipher.key_len() }
}

/// A session key of 16 or 32 bytes.
pub(crate) struct Subkey {
    bytes: [u8; 32],
    length: usize,
}

impl Subkey {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// HKDF-SHA1 with a salt whose state is shared by many keys; aes-128 takes the first half.
pub(crate) fn classic_subkey(salt: &hkdf::Salt, key: &[u8], subkey: &mut [u8; 32]) {
    let prk = salt.extract(key);
    #[expect(clippy::expect_used, reason = "32 bytes are far below the limit of HKDF")]
    prk.expand(&[b"ss-subkey"], Subkey32).and_then(|okm| okm.fill(subkey)).expect("HKDF gives 32 bytes");
}

struct Subkey32;

impl hkdf::KeyType for Subkey32 {
    fn len(&self) -> usize {
        32
    }
}

/// Both directions of a Shadowsocks connection, after its request header.
pub(crate) struct Chunks {
    open: Counted,
    seal: Counted,
    largest: usize,
    /// Length of the chunk whose length field is open already.
    pending: Option<usize>,
    /// What the reply begins with, until it is sent.
    head: Option<Head>,
}

/// The start of a reply.
struct Head {
    salt: Vec<u8>,
    /// 2022: the salt of the request, repeated in the reply.
    request_salt: Option<Vec<u8>>,
    clock: Clock,
}

impl Head {
    /// Bytes sealed in front of the first payload.
    fn sealed(&self) -> usize {
        TAG + 2 + self.request_salt.as_ref().map_or(0, |salt| 1 + 8 + salt.len())
    }
}

impl Chunks {
    /// Goes on where `open` has stopped; replies under a fresh salt.
    pub(crate) fn new(
        cipher: SsCipher,
        key: &[u8],
        open: Counted,
        request_salt: &[u8],
        salt: Vec<u8>,
        clock: Clock,
    ) -> Self {
        let seal = Counted::new(cipher, subkey(cipher, key, &salt).as_slice());
        let request_salt = cipher.is_2022().then(|| request_salt.to_vec());
        let largest = if cipher.is_2022() { PAYLOAD } else { CLASSIC_PAYLOAD };
        Self { open, seal, largest, pending: None, head: Some(Head { salt, request_salt, clock }) }
    }
}

impl Codec for Chunks {
    fn open(&mut self, raw: &mut [u8]) -> Result<Option<Opened>, Forged> {
        if self.pending.is_none() {
            let Some(length) = raw.get_mut(..LENGTH) else { return Ok(None) };
            self.open.open(length)?;
            self.pending = be16(raw, 0).map(usize::from);
        }
        let payload = self.pending.filter(|payload| *payload <= self.largest).ok_or(Forged)?;
        let Some(sealed) = raw.get_mut(LENGTH..LENGTH + payload + TAG) else { return Ok(None) };
        self.open.open(sealed)?;
        self.pending = None;
        Ok(Some(Opened { length: LENGTH + payload + TAG, payload: LENGTH..LENGTH + payload }))
    }

    fn frames(&self) -> (Frame, Frame) {
        let rest = Frame { head: LENGTH, body: self.largest, tail: TAG };
        let first = self.head.as_ref().map_or(rest, |head| Frame { head: head.salt.len() + head.sealed(), ..rest });
        (first, rest)
    }

    fn seal(&mut self, frame: &mut [u8]) {
        let (first, _) = self.frames();
        let (head, payload) = frame.split_at_mut(first.head);
        let length = u16::try_from(payload.len() - TAG).unwrap_or(u16::MAX).to_be_bytes();
        let mut fields = Vec::with_capacity(64);
        let mut at = 0;
        if let Some(opening) = self.head.take() {
            at = opening.salt.len();
            head.split_at_mut(at).0.copy_from_slice(&opening.salt);
            if let Some(request_salt) = &opening.request_salt {
                fields.push(1);
                fields.extend_from_slice(&seconds(&opening.clock).to_be_bytes());
                fields.extend_from_slice(request_salt);
            }
        }
        fields.extend_from_slice(&length);
        let (_, sealed) = head.split_at_mut(at);
        sealed.split_at_mut(fields.len()).0.copy_from_slice(&fields);
        self.seal.seal(sealed);
        self.seal.seal(payload);
    }
}

/// Unix seconds.
pub(crate) fn seconds(clock: &Clock) -> u64 {
    u64::try_from(clock.now().0 / 1_000).unwrap_or(0)
}

/// Whether a client's clock is near enough.
pub(crate) fn is_timely(clock: &Clock, stamp: u64) -> bool {
    seconds(clock).abs_diff(stamp) <= 30
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CIPHER: SsCipher = SsCipher::Aes256Gcm;
    const SALT: [u8; 32] = [3; 32];

    fn opener(cipher: SsCipher) -> Chunks {
        let key = vec![1; cipher.key_len()];
        let open = Counted::new(cipher, subkey(cipher, &key, &SALT).as_slice());
        Chunks::new(cipher, &key, open, &SALT, vec![5; cipher.key_len()], Clock::System)
    }

    /// What a client would send.
    fn sealed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut seal = Counted::new(CIPHER, subkey(CIPHER, &[1; 32], &SALT).as_slice());
        let mut stream = Vec::new();
        for payload in payloads {
            let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
            for part in [&length[..], payload] {
                let mut part = [part, &[0; TAG]].concat();
                seal.seal(&mut part);
                stream.extend_from_slice(&part);
            }
        }
        stream
    }

    /// Reads a stream that arrives in pieces.
    fn open(pieces: &[&[u8]]) -> Result<Vec<u8>, Forged> {
        let (mut chunks, mut raw, mut plain) = (opener(CIPHER), Vec::new(), Vec::new());
        for piece in pieces {
            raw.extend_from_slice(piece);
            while let Some(opened) = chunks.open(&mut raw)? {
                plain.extend_from_slice(&raw[opened.payload]);
                raw.drain(..opened.length);
            }
        }
        Ok(plain)
    }

    #[test]
    fn a_chunk_beyond_the_limit_is_refused() {
        assert_eq!(open(&[&sealed(&[vec![7; CLASSIC_PAYLOAD]])]), Ok(vec![7; CLASSIC_PAYLOAD]));
        assert_eq!(open(&[&sealed(&[vec![7; CLASSIC_PAYLOAD + 1]])]), Err(Forged));
    }

    #[test]
    fn a_reply_begins_with_its_salt_and_can_be_opened() {
        for cipher in SsCipher::ALL.iter().copied() {
            let mut chunks = opener(cipher);
            let (first, rest) = chunks.frames();
            let mut frame = vec![0; first.head + 5 + first.tail];
            frame[first.head..first.head + 5].copy_from_slice(b"hello");
            chunks.seal(&mut frame);
            let salt = cipher.key_len();
            assert_eq!(frame[..salt], vec![5; salt]);
            let key = vec![1; cipher.key_len()];
            let mut open = Counted::new(cipher, subkey(cipher, &key, &frame[..salt]).as_slice());
            let (head, payload) = frame[salt..].split_at_mut(first.head - salt);
            open.open(head).unwrap();
            open.open(payload).unwrap();
            assert_eq!(head[head.len() - TAG - 2..][..2], [0, 5]);
            assert_eq!(&payload[..5], b"hello");
            assert_eq!(chunks.frames().0, rest, "only once");
        }
    }

    proptest! {
        #[test]
        fn chunks_are_opened_however_they_arrive(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        ) {
            let stream = sealed(&payloads);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
            prop_assert_eq!(open(&pieces), Ok(payloads.concat()));
        }

        #[test]
        fn a_changed_bit_is_noticed(at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut stream = sealed(&[b"one".to_vec(), b"two".to_vec()]);
            let at = at.index(stream.len());
            stream[at] ^= 1 << bit;
            prop_assert_eq!(open(&[&stream]), Err(Forged));
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let result = opener(SsCipher::Blake3Aes128Gcm).open(&mut bytes.clone());
            prop_assert_eq!(result, if bytes.len() < LENGTH { Ok(None) } else { Err(Forged) });
        }
    }
}
