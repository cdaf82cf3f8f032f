//! MPPE keys of an MS-CHAPv2 login (RFC 3079 §3) and how they travel (RFC 2548 §2.4).

use md5::Digest as _;
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::keystream;
use crate::mschap::{NtHash, hash_of};

/// A 128-bit key.
pub type Key = Zeroizing<[u8; 16]>;

const MASTER: &[u8] = b"This is the MPPE Master Key";
const CLIENT_SENDS: &[u8] = b"On the client side, this is the send key; on the server side, it is the receive key.";
const SERVER_SENDS: &[u8] = b"On the client side, this is the receive key; on the server side, it is the send key.";

/// Returns the master key of a login.
pub fn master_key(password: &NtHash, nt_response: &[u8; 24]) -> Key {
    key(Sha1::new().chain_update(*hash_of(password)).chain_update(nt_response).chain_update(MASTER))
}

/// Returns the key under which the server sends.
pub fn send_key(master: &Key) -> Key {
    start_key(master, SERVER_SENDS)
}

/// Returns the key under which the server receives.
pub fn recv_key(master: &Key) -> Key {
    start_key(master, CLIENT_SENDS)
}

fn start_key(master: &Key, direction: &[u8]) -> Key {
    key(Sha1::new().chain_update(**master).chain_update([0; 40]).chain_update(direction).chain_update([0xf2; 40]))
}

fn key(digest: Sha1) -> Key {
    let digest: Zeroizing<[u8; 20]> = Zeroizing::new(digest.finalize().into());
    Zeroizing::new(digest.first_chunk().copied().unwrap_or_default())
}

/// Encrypts a key for the NAS. The salt's top bit is set here; each key of a packet needs another salt.
pub fn encrypt(secret: &[u8], request: &[u8; 16], salt: u16, key: &Key) -> Vec<u8> {
    let salt = (salt | 0x8000).to_be_bytes();
    let mut plain = Zeroizing::new([16; 17]);
    plain.iter_mut().skip(1).zip(**key).for_each(|(to, from)| *to = from);
    let mut value = salt.to_vec();
    value.extend(keystream::hide(secret, &[request, &salt], &*plain));
    value
}

/// Decrypts a key that an upstream server sent. `None` if it is no key: wrong length, or another secret.
pub fn decrypt(secret: &[u8], request: &[u8; 16], value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (salt, hidden) = value.split_first_chunk::<2>()?;
    if hidden.is_empty() || !hidden.len().is_multiple_of(16) {
        return None;
    }
    let plain = Zeroizing::new(keystream::reveal(secret, &[request, salt], hidden));
    let (length, rest) = plain.split_first()?;
    let key = rest.get(..usize::from(*length)).filter(|key| !key.is_empty())?;
    Some(Zeroizing::new(key.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn encrypted_keys_come_back(secret: Vec<u8>, request: [u8; 16], salt: u16, plain: [u8; 16]) {
            let value = encrypt(&secret, &request, salt, &Zeroizing::new(plain));
            prop_assert!(value.len() == 34 && value[0] & 0x80 != 0);
            prop_assert_eq!(&**decrypt(&secret, &request, &value).unwrap(), &plain);
        }

        #[test]
        fn decrypting_never_panics(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(key) = decrypt(b"secret", &[0; 16], &value) {
                prop_assert!(key.len() < value.len());
            }
        }
    }
}
