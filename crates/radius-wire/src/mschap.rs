//! MS-CHAPv2 (RFC 2759) inside RADIUS (RFC 2548 §2.3).

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use md4::{Digest, Md4};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// MD4 of the password in UTF-16LE: as good as the password itself.
pub type NtHash = Zeroizing<[u8; 16]>;

/// `E=` of a disabled account.
pub const DISABLED: u16 = 647;
/// `E=` of an expired password, or here account.
pub const EXPIRED: u16 = 648;
/// `E=` of a wrong name or password, and of everything that is not told.
pub const AUTHENTICATION_FAILURE: u16 = 691;

/// An MS-CHAP2-Response, and what it answers.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// Number of the exchange between NAS and user.
    pub ident: u8,
    /// The challenge of the user's machine.
    pub peer_challenge: &'a [u8; 16],
    /// What it computed.
    pub nt_response: &'a [u8; 24],
}

impl<'a> Response<'a> {
    /// Reads the value of MS-CHAP2-Response. `None` unless it is 50 bytes: ident, flags, peer challenge, 8 reserved, response.
    pub fn read(value: &'a [u8]) -> Option<Self> {
        let (&[ident, _flags], rest) = value.split_first_chunk()?;
        let (peer_challenge, rest) = rest.split_first_chunk()?;
        let (_reserved, rest) = rest.split_first_chunk::<8>()?;
        Some(Self { ident, peer_challenge, nt_response: rest.try_into().ok()? })
    }

    /// Tells whether it was computed from this password for this challenge of the NAS; the user name is the one sent.
    pub fn matches(&self, challenge: &[u8; 16], user: &[u8], password: &NtHash) -> bool {
        let right = nt_response(&challenge_hash(self.peer_challenge, challenge, user), password);
        right.ct_eq(self.nt_response).into()
    }

    /// Returns the value of MS-CHAP2-Success, by which the user's machine knows that the server knows the password.
    pub fn success(&self, challenge: &[u8; 16], user: &[u8], password: &NtHash) -> Vec<u8> {
        let challenge = challenge_hash(self.peer_challenge, challenge, user);
        let mut value = vec![self.ident];
        value.extend(authenticator_response(&challenge, password, self.nt_response).bytes());
        value
    }

    /// Returns the value of MS-CHAP-Error. Retrying is not allowed; `challenge` is one for the next try that some clients want.
    pub fn error(&self, code: u16, challenge: &[u8; 16], message: &str) -> Vec<u8> {
        let text = format!("E={code} R=0 C={} V=3 M={message}", hex::encode_upper(challenge));
        let mut value = vec![self.ident];
        value.extend(crate::text::cut(&text, crate::MAX_VENDOR_VALUE - 1).bytes());
        value
    }
}

/// Computes the hash of a password.
pub fn nt_hash(password: &str) -> NtHash {
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(password.encode_utf16().flat_map(u16::to_le_bytes).collect());
    Zeroizing::new(Md4::digest(&*text).into())
}

/// Computes the hash of the hash, from which keys and `S=` are made.
pub fn hash_of(password: &NtHash) -> NtHash {
    Zeroizing::new(Md4::digest(**password).into())
}

/// Computes the eight bytes that are answered. The user name counts without a `DOMAIN\` in front.
pub fn challenge_hash(peer: &[u8; 16], challenge: &[u8; 16], user: &[u8]) -> [u8; 8] {
    let user = user.iter().position(|byte| *byte == b'\\').and_then(|at| user.get(at + 1..)).unwrap_or(user);
    let digest: [u8; 20] = Sha1::new().chain_update(peer).chain_update(challenge).chain_update(user).finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Computes the response: the challenge under three DES keys cut from the hash, which 5 zeros fill up to 21 bytes.
pub fn nt_response(challenge: &[u8; 8], password: &NtHash) -> [u8; 24] {
    let mut keys = Zeroizing::new([0; 21]);
    keys.iter_mut().zip(**password).for_each(|(to, from)| *to = from);
    let mut response = [0; 24];
    for (key, out) in keys.as_chunks::<7>().0.iter().zip(response.as_chunks_mut::<8>().0) {
        let mut block = (*challenge).into();
        Des::new(&des_key(*key).into()).encrypt_block(&mut block);
        *out = block.into();
    }
    response
}

/// Spreads 56 bits over eight bytes, whose lowest bits DES does not look at.
fn des_key(key: [u8; 7]) -> [u8; 8] {
    let bits = key.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let mut place = 56;
    [0_u8; 8].map(|_| {
        place -= 7;
        ((bits >> place & 0x7f) << 1).to_be_bytes()[7]
    })
}

/// Computes `S=` and 40 upper-case hex digits.
pub fn authenticator_response(challenge: &[u8; 8], password: &NtHash, nt_response: &[u8; 24]) -> String {
    let digest = Sha1::new()
        .chain_update(*hash_of(password))
        .chain_update(nt_response)
        .chain_update(b"Magic server to client signing constant")
        .finalize();
    let digest = Sha1::new()
        .chain_update(digest)
        .chain_update(challenge)
        .chain_update(b"Pad to make it do more than one iteration")
        .finalize();
    format!("S={}", hex::encode_upper(digest))
}
